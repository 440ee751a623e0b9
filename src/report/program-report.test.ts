// What a run leaves in machine and manager, gathered: the cases that a program under `quire run` cannot bring about by itself.

import { describe, expect, it } from 'vitest';
import { assemble } from '../../test/support/assemble.ts';
import { MIB } from '../base/index.ts';
import { MemoryDevice } from '../machine/index.ts';
import { type MemorySystem, PROT_NONE, PROT_READ } from '../system/index.ts';
import { buildMachine, kernelHeapNames, systemNames } from '../systems/index.ts';
import { deterministicClock, deterministicRandom, Program } from '../wasm/index.ts';
import { formatRunReport, programReport, type RunReport } from './index.ts';

const ADDRESS = 40_000;
/** Loads from ADDRESS, then stores there. */
const storing = assemble(`(module (memory (export "memory") 1)
  (func (export "_start") (i32.store (i32.const ${ADDRESS}) (i32.add (i32.const 1) (i32.load (i32.const ${ADDRESS}))))))`);

/** Runs a program after `prepare` has changed its space, and reports. */
function reportOf(
  systemName: string,
  prepare: (system: MemorySystem, program: Program) => void,
  { classLimits = 'none', kernelHeap = 'slab' } = {},
): RunReport {
  const names = { frames: 'bitmap', policy: 'uvm', system: systemName, classLimits, kernelHeap };
  const swapDevices = [3, 5].map((pages, index) => ({ device: new MemoryDevice(pages), priority: index }));
  const { machine, system } = buildMachine({ ramBytes: 4 * MIB, ...names, swapDevices, liveSpaces: 1, seed: 1 });
  const wasi = { clock: deterministicClock(), random: deterministicRandom(1) };
  const program = Program.load({ module: storing.bytes, name: 'storing', machine, system, liveSpace: 0, wasi, now: () => 0 });
  prepare(system, program);
  const exit = program.run();
  const about = { program: 'storing', command: ['storing'], frames: 'bitmap', classLimits, seed: 1, exit, interruptCode: 130 };
  const report = programReport({ ...about, seconds: { total: 1, kernel: 0 } }, machine, system, program);
  system.check();
  return report;
}

const areaOf = (system: MemorySystem, { process }: Program) => {
  const area = system.areas(process.space).find(({ start, end }) => start <= ADDRESS && ADDRESS < end);
  if (area === undefined) throw new Error('the program has no memory');
  return area;
};

describe.each(systemNames)('the report of a run under %s', (name) => {
  it.each([
    ['write', PROT_READ, 'r--p'],
    ['read', PROT_NONE, '---p'],
  ] as const)('says that the rights do not let it %s', (access, protection, rights) => {
    const report = reportOf(name, (system, program) => {
      const { start, end } = areaOf(system, program);
      expect(system.protect(program.process.space, start, end - start, protection)).toBe(0);
    });
    expect(report.exitCode).toBe(1);
    expect(report.ended).toMatchObject({
      how: 'fault',
      reason: `the rights of the memory there do not let it ${access}`,
      fault: { access, why: 'the area does not allow it', address: ADDRESS, area: { protection: rights } },
    });
  });

  it.each(kernelHeapNames)('says what the kernel heap %s has cost', (kernelHeap) => {
    const report = reportOf(name, () => {}, { kernelHeap });
    const costs = report.kernelHeap;
    expect(costs).toMatchObject({ design: kernelHeap, reapedFrames: 0 });
    expect(costs?.peakFrames).toBeGreaterThanOrEqual(report.kernelBytes.heap / 4096);
    expect(costs?.askedBytes).toBeGreaterThan(100);
    expect(costs?.givenBytes).toBeGreaterThanOrEqual(costs?.askedBytes ?? 0);
    expect(costs?.magazineHits === undefined).toBe(kernelHeap !== 'magazines');
    expect(formatRunReport(report, { width: 120, color: 'none' })).toMatch(
      new RegExp(`its peak +[\\d.]+ KiB +${kernelHeap}: .* given, .* unasked, 0 reaped`),
    );
  });

  it('counts locked pages in the map', () => {
    let pages = 0;
    const report = reportOf(name, (system, program) => {
      const { start, end } = areaOf(system, program);
      pages = (end - start) / 4096;
      expect(system.lock(program.process.space, start, end - start)).toBe(0);
    });
    expect(report.exitCode).toBe(0);
    expect(report.map.filter(({ lockedPages }) => lockedPages !== undefined)).toMatchObject([{ lockedPages: pages }]);
  });

  it('lists its swap devices in the order in which they are filled', () => {
    const { swap, swapBytes } = reportOf(name, () => undefined);
    expect(swapBytes).toBe(8 * 4096);
    expect(swap.devices?.map(({ priority, totalPages, badPages }) => [priority, totalPages, badPages])).toEqual([
      [1, 5, 0],
      [0, 3, 0],
    ]);
  });

  it('warns of pages that were lost, and only then', () => {
    const text = (report: RunReport) => formatRunReport(report, { width: 100, color: 'none' });
    expect(text(reportOf(name, () => undefined))).not.toContain('lost');
    const lost = reportOf(name, (system) => {
      system.statistics().lostPages += 2;
    });
    expect(text(lost)).toContain('Warning: 2 changed pages of files could not be written back, and are lost.');
  });
});

it('names class limits that are not the default', () => {
  expect(reportOf('uvm', () => undefined, { classLimits: 'netbsd' }).classLimits).toBe('netbsd');
  expect(reportOf('uvm', () => undefined)).not.toHaveProperty('classLimits');
});
