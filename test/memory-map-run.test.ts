// Real programs on RAM as firmware may describe it: unsorted, overlapping, with holes, ranges of a fraction of a frame, devices in between.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KIB, MIB, PAGE_SIZE, type Pfn } from '../src/base/index.ts';
import { FrameKind } from '../src/frames/index.ts';
import type { MemoryRange } from '../src/machine/index.ts';
import { buildMachine, frameAllocatorNames, systemNames } from '../src/systems/index.ts';
import { quire, readReport, refusal } from './support/quire-command.ts';
import { fine, TestProgram } from './support/run-program.ts';

/** Usable: frames 1 to 95 but for the bad 48 to 55, every other frame of a MiB, and 120 frames above a device. */
const hostile: readonly MemoryRange[] = [
  { start: 0x300000, end: 0x378000, kind: 'usable' },
  { start: 0x30000, end: 0x38000, kind: 'bad' },
  { start: 0, end: 0x60000, kind: 'usable' },
  { start: 0x1000, end: 0x40000, kind: 'usable' },
  ...Array.from(
    { length: 128 },
    (_, i): MemoryRange => ({ start: 0x100000 + i * 8 * KIB, end: 0x100000 + i * 8 * KIB + PAGE_SIZE, kind: 'usable' }),
  ),
  { start: 0x90800, end: 0x91f00, kind: 'usable' },
  { start: 0x2ff001, end: 0x300001, kind: 'mmio' },
  { start: 0x350000, end: 0x350001, kind: 'permanent' },
  { start: 0xfee0_0000, end: 0xfef0_0000, kind: 'mmio' },
];
/** Counted by hand: 95 - 8, 128, and 120 less the first, where the device ends, and the one that is permanently taken. */
const USABLE = 87 + 128 + 118;
/** 1 to 47, 56 to 95, 128 single frames, and the upper part with one frame out of it. */
const RUNS = 2 + 128 + 2;

const program = TestProgram.kernel('qsort');
const args = ['120000'];

describe('a real program on scattered RAM', () => {
  const flat = program.runFlat({ args });

  it.each(systemNames)('under %s prints what it prints on flat memory, with RAM for all of it and without', (system) => {
    for (const swapped of ['roomy', 'tight'] as const) {
      const memoryMap = swapped === 'roomy' ? hostile : hostile.filter(({ start }) => start < 0x300000);
      const size = swapped === 'roomy' ? args : ['200000'];
      const expected = swapped === 'roomy' ? flat : program.runFlat({ args: size });
      const { exit, stdout, statistics } = program.run({ ramBytes: 4 * MIB, memoryMap, args: size, system });
      expect([exit, stdout, statistics.swapPagesOut > 0]).toEqual([fine, expected.stdout, swapped === 'tight']);
    }
  });

  it.each(frameAllocatorNames)('on frames of the %s allocator, none of which is in a hole', (frames) => {
    const { exit, stdout } = program.run({ ramBytes: 4 * MIB, memoryMap: hostile, args, frames });
    expect([exit, stdout]).toEqual([fine, flat.stdout]);
    const { machine } = buildMachine({
      ramBytes: 4 * MIB,
      memoryMap: hostile,
      frames,
      policy: 'uvm',
      system: 'uvm',
      liveSpaces: 0,
      seed: 1,
    });
    for (let frame = machine.frames.allocate(FrameKind.dma); frame !== -1; frame = machine.frames.allocate(FrameKind.dma)) {
      const [start, end] = [frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE];
      const within = hostile.filter((range) => range.start < end && start < range.end);
      expect(within.every(({ kind }) => kind === 'usable') && within.length > 0, `frame ${frame}`).toBe(true);
      expect(machine.frames.table.kind(frame as Pfn)).toBe(FrameKind.dma);
    }
    machine.check();
  });
});

describe('quire run --memory-map', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'quire-map-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const put = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const run = (...flags: string[]) => quire('run', ...flags, 'programs/qsort.wasm', '1000');

  it('boots from the map, as large as it is, and reports what of it is usable', () => {
    const report = join(folder, 'run.json');
    const map = put('hostile.json', JSON.stringify(hostile));
    expect(run('--memory-map', map, '--frames', 'zones', '--report-file', report).code).toBe(0);
    expect(readReport(report)).toMatchObject({
      ramBytes: 0x378000,
      memory: { usableFrames: USABLE, runs: RUNS, zones: [{ name: 'dma', wakes: 0 }] },
    });
    const text = run('--memory-map', map);
    expect(text.err).toMatch(new RegExp(`\\n {2}Usable RAM +${USABLE} +1\\.3 MiB +in ${RUNS} pieces\\n`));
    expect(run().err).not.toContain('Usable RAM');
  });

  it('takes what Linux tells of a machine, cut off where --ram says', () => {
    const report = join(folder, 'cut.json');
    const log = put(
      'boot.log',
      '[    0.0] BIOS-provided physical RAM map:\n' +
        '[    0.0] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable\n' +
        '[    0.0] BIOS-e820: [mem 0x00000000000f0000-0x00000000000fffff] reserved\n' +
        '[    0.0] BIOS-e820: [mem 0x0000000000100000-0x00000003ffffffff] usable\n',
    );
    expect(refusal(run('--memory-map', log))).toBe(
      `--memory-map ${log}: usable memory ends at 16 GiB; a run has from 128 KiB to 2 GiB of RAM: give another map, or cut this one off with --ram`,
    );
    expect(run('--memory-map', log, '--ram', '4MiB', '--report-file', report).code).toBe(0);
    // 0x9f whole frames below 640 KiB, less frame 0, and 768 above 1 MiB.
    expect(readReport(report)).toMatchObject({ ramBytes: 4 * MIB, memory: { usableFrames: 0x9f - 1 + 768, runs: 2 } });
  });

  it('refuses a map that is none, or leaves too little, with one sentence', () => {
    const refused = (text: string, ...flags: string[]) => refusal(run('--memory-map', put('bad', text), ...flags)).replace(folder, '');
    const usable = (start: number, end: number) => JSON.stringify([{ start, end, kind: 'usable' }]);
    expect(refusal(run('--memory-map', join(folder, 'none')))).toMatch(/none: cannot be read: no such file or directory$/);
    expect(refused('no map at all')).toMatch(/bad, line 1: not a line of \/proc\/iomem/);
    expect(refused('[{"start": 0, "end": "x", "kind": "usable"}]')).toMatch(/bad, line 1/);
    expect(refused(usable(0, 65_536))).toMatch(/bad: usable memory ends at 64 KiB; .* give another map$/);
    expect(refused(usable(4 * MIB, 4 * MIB + 65_536))).toMatch(/has too little usable memory|leaves \d+ frames to use, 28 are needed/);
    expect(refused(usable(4 * MIB, 8 * MIB), '--ram', '2MiB')).toMatch(/has no usable frame of 4096 bytes below 2097152 bytes of RAM/);
    expect(refused(usable(0, MIB), '--mmu', 'off')).toBe('--memory-map: with --mmu off there is no RAM that it could tell of');
  });
});
