// The benchmark's arithmetic, with runs that are made up: what a real run measures is tested by the command line's tests.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE } from '../src/base/index.ts';
import { buildMachine, frameAllocatorNames, policyNames, systemNames } from '../src/systems/index.ts';
import type { RunInLaboratory } from './laboratory.ts';
import type { RunRequest } from './program-run.ts';
import { measurePrograms, type ProgramsSettings, ramFor } from './programs.ts';
import { programsTables } from './programs-tables.ts';

const settings: ProgramsSettings = { repeats: 2, startRepeats: 2, limitSeconds: 3, choice: 'quick' };
const run: RunInLaboratory = {
  outcome: 'finished',
  seconds: 1,
  kernelSeconds: 0,
  loadSeconds: 0.5,
  faults: 0,
  swapPagesIn: 0,
  swapPagesOut: 0,
  peakPages: 0,
  kernelBytes: 0,
  hostBytes: 100,
  processSeconds: 2,
  outputChecksum: 'same',
};

const isHalf = (request: RunRequest): boolean => request.mmu === 'on' && request.limitSeconds === settings.limitSeconds;

function measured(answer: (request: RunRequest) => Partial<RunInLaboratory>) {
  const result = measurePrograms(settings, { run: (request) => ({ ...run, ...answer(request) }) }, () => undefined);
  return { result, qsort: result.rows.find(({ program }) => program === 'qsort') };
}

describe('the programs benchmark', () => {
  it('takes turns and counts the least time of each side', () => {
    const sides: string[] = [];
    const times = [4, 9, 3, 7];
    const { qsort } = measured((request) => {
      if (!request.program.endsWith('qsort.wasm') || request.args[0] === '1') return {};
      sides.push(request.mmu);
      return { seconds: times.shift() ?? 0, faults: 70 };
    });
    expect(sides).toEqual(['off', 'on', 'off', 'on']);
    expect(qsort?.plain).toMatchObject({ seconds: 3, allSeconds: [4, 3], loadSeconds: 0.5, processSeconds: 2 });
    expect(qsort?.ample).toMatchObject({ seconds: 7, allSeconds: [9, 7], faultsPerSecond: 10 });
  });

  it('starts programs that do nothing with an empty folder of code and with what that leaves, a new one for each turn', () => {
    const folders: (string | undefined)[] = [];
    const { result } = measured(({ program, args, codeCache, mmu }) => {
      if (program.endsWith('qsort.wasm') && args[0] === '1') folders.push(codeCache);
      const isFirst = codeCache !== undefined && !existsSync(join(codeCache, 'entry'));
      if (isFirst) writeFileSync(join(codeCache, 'entry'), '');
      return { processSeconds: mmu === 'off' ? 2 : isFirst ? 5 : 3 };
    });
    const [plain, first, again, ...next] = folders;
    expect([plain, again]).toEqual([undefined, first]);
    expect(next).toEqual([undefined, next[1], next[1]]);
    expect(new Set(folders).size).toBe(3);
    expect(folders.filter((folder) => folder !== undefined && existsSync(folder))).toEqual([]);
    const table = programsTables(result).find(({ title }) => title === 'Start');
    expect(table?.rows.map((cells) => [cells[1], cells[5]]).slice(-2)).toEqual([
      ['first', '2.50'],
      ['again', '1.50'],
    ]);
  });

  it('tells how much of the host every program takes', () => {
    const { result } = measured(({ mmu }) => ({ hostBytes: mmu === 'off' ? 1024 : 1536 }));
    const table = programsTables(result).at(-1);
    expect(table?.rows).toHaveLength(result.rows.length);
    expect(table?.rows[0]?.slice(1)).toEqual(['1 KiB', '1.5 KiB', '1.50']);
  });

  it('gives the last run half of the pages, and skips programs under 1 MiB', () => {
    const requests: RunRequest[] = [];
    const { result } = measured((request) => {
      requests.push(request);
      return { peakPages: request.program.endsWith('qsort.wasm') ? 256 : 255 };
    });
    const halves = requests.filter(isHalf);
    expect(halves.map(({ program }) => program.split('/').at(-1))).toEqual(['qsort.wasm']);
    expect(halves[0]?.ramBytes).toBe(ramFor(128, 0));
    const [, , half] = programsTables(result);
    expect(half?.notes[0]).toContain('fib');
  });

  it('says that a run was stopped at the limit', () => {
    const { result } = measured((request) =>
      isHalf(request) ? { outcome: 'stopped', seconds: 3, faults: 300, swapPagesIn: 250 } : { peakPages: 1000, seconds: 0.5 },
    );
    const [, , half] = programsTables(result);
    expect(half?.rows.find(([name]) => name?.startsWith('qsort'))?.slice(2)).toEqual(['> 3.00', '> 6.0', '100', '250', '0']);
  });

  it.each([
    ['fails', { outcome: 'failed', reason: 'page 0 is not mapped' }, 'with ample RAM: page 0 is not mapped'],
    ['prints something else', { outputChecksum: 'other' }, "with ample RAM: its output differs from the plain run's"],
    ['pages out', { swapPagesOut: 1 }, '512 MiB of RAM are not ample: it was paged out'],
  ] as const)('goes on when a program %s, and says so', (_, change, sentence) => {
    const { result, qsort } = measured((request) => (request.mmu === 'on' && request.program.endsWith('qsort.wasm') ? change : {}));
    expect(qsort?.failure).toBe(sentence);
    expect(result.rows.filter(({ failure }) => failure === undefined)).toHaveLength(result.rows.length - 1);
    const [ample] = programsTables(result);
    expect(ample?.notes.join()).toContain(sentence);
  });

  it('sets the ratios on other versions of Node beside those at hand', () => {
    const slower = (ratio: number) => ({
      run: (request: RunRequest) => ({ ...run, seconds: request.mmu === 'on' ? ratio : 1 }),
    });
    const other = { version: '98.1.0', laboratory: slower(3) };
    const result = measurePrograms(settings, slower(2), () => undefined, [other]);
    const table = programsTables(result).find(({ title }) => title.includes('other versions'));
    expect(table?.headings).toEqual(['program', 'at hand', '98.1.0']);
    expect(table?.rows).toHaveLength(result.rows.length + 1);
    expect(table?.rows.map((cells) => cells.slice(1))).toEqual(table?.rows.map(() => ['2.00', '3.00']));
  });

  it('tells what became of the code, as shares of its accesses and by how much it grew', () => {
    const code = {
      originalBytes: 2048,
      rewrittenBytes: 6144,
      accesses: { window: 1, grouped: 1, inlined: 1, called: 5 },
      stackWindowBytes: 8192,
    };
    const { result } = measured(({ mmu }) => (mmu === 'off' ? {} : { code: { ...code, origin: 'rewritten', stackWindow: 'used' } }));
    const [, table] = programsTables(result);
    expect(table?.rows.find(([name]) => name?.startsWith('qsort'))?.slice(1)).toEqual([
      '8',
      '13 %',
      '13 %',
      '13 %',
      '63 %',
      '2 KiB',
      '3.0',
      '8 KiB',
    ]);
  });

  it('means the kernels alone, with and without fib', () => {
    const { result } = measured(({ mmu, program }) => ({ seconds: mmu === 'off' ? 1 : program.endsWith('fib.wasm') ? 1 : 4 }));
    const [ample] = programsTables(result);
    // fib, hashjoin, qsort: the cube root of 1 * 4 * 4, the square root of 4 * 4.
    expect(ample?.notes[0]).toBe("Geometric mean of the kernels' ratios: 2.52; without fib, which uses no memory: 4.00.");
  });
});

describe('ramFor', () => {
  it.each([
    [128, 0],
    [600, 37 * PAGE_SIZE],
    [40_000, 2_000 * PAGE_SIZE],
  ])('leaves a machine %d frames beside %d bytes of its kernel', (pages, kernelBytes) => {
    const { machine } = buildMachine({
      ramBytes: ramFor(pages, kernelBytes),
      frames: frameAllocatorNames[0] as string,
      policy: policyNames[0] as string,
      system: systemNames[0] as string,
      liveSpaces: 0,
      seed: 1,
    });
    const left = machine.frames.freeCount - kernelBytes / PAGE_SIZE;
    // What the allocator keeps for itself and frame 0 may be missing; nothing may be left over.
    expect(left).toBeLessThanOrEqual(pages + 1);
    expect(left).toBeGreaterThan(pages * 0.98 - 4);
  });
});
