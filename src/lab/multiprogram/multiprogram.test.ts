import { afterEach, describe, expect, it } from 'vitest';
import { Random, UsageError } from '../../base/index.ts';
import { phaseTrace } from '../../trace/index.ts';
import { Densifier } from '../densifier.ts';
import { meanWorkingSet } from '../working-set.ts';
import { allocationKinds } from './allocation-kinds.ts';
import { Multiprogram, type SharingOptions } from './multiprogram.ts';
import { type Program, programOf } from './program.ts';
import type { SharingOutcome } from './sharing-outcome.ts';

const device = { name: 'test', readSeconds: 100e-6, writeSeconds: 50e-6, bytesPerSecond: 4096e6 };
const designs = allocationKinds.map(({ name }) => name);
const made: Multiprogram[] = [];
afterEach(() => {
  for (const simulation of made.splice(0)) simulation.check();
});

/** A program that refers to these block numbers; those at positions of `written` write. */
const programFrom = (numbers: ArrayLike<number>, written: (at: number) => boolean = () => false, blocksPerPage = 1): Program => {
  const densifier = new Densifier();
  const blocks = new Uint32Array(numbers.length);
  densifier.densify(Float64Array.from(numbers), blocks);
  return programOf({
    name: 'program',
    blocks,
    writes: Uint8Array.from(numbers, (_, at) => (written(at) ? 1 : 0)),
    blockNumbers: Float64Array.from({ length: densifier.pages }, (_, id) => densifier.rawOf(id)),
    blocksPerPage,
  });
};

/** References of which most are near those before: what programs do. */
const randomProgram = (seed: number, length = 3000): Program => {
  const random = new Random(seed);
  let at = 0;
  const numbers = Array.from({ length }, () => {
    if (random.below(40) === 0) at = random.below(60);
    return at + random.below(6);
  });
  return programFrom(numbers, (each) => each % 3 === 0);
};

type Chosen = Partial<Omit<SharingOptions, 'design'>> & { readonly programs: readonly Program[]; readonly frames: number };

const run = (design: string, chosen: Chosen): SharingOutcome => {
  const kind = allocationKinds.find(({ name }) => name === design);
  if (kind === undefined) throw new Error(design);
  const simulation = new Multiprogram({
    design: kind,
    device,
    referenceNs: 1000,
    quantum: 100,
    faultAhead: 0,
    cluster: 4,
    loadControl: undefined,
    thrashingBelow: 0.5,
    seed: 1,
    window: 200,
    faultInterval: { short: 20, long: 20 },
    partitions: 'equal',
    ...chosen,
  });
  made.push(simulation);
  return simulation.run();
};

/** Faults and mean size by the definition: before each reference the set is what the last `window` references were to. */
const workingSetByDefinition = ({ ids }: Program, window: number): { faults: number; largest: number; mean: number } => {
  let faults = 0;
  let largest = 0;
  let sum = 0;
  for (let at = 0; at < ids.length; at++) {
    if (!ids.subarray(Math.max(0, at - window), at).includes(ids[at] as number)) faults++;
    largest = Math.max(largest, new Set(ids.subarray(Math.max(0, at - window), at + 1)).size);
    sum += new Set(ids.subarray(Math.max(0, at + 1 - window), at + 1)).size;
  }
  return { faults, largest, mean: sum / ids.length };
};

/** Faults by the definition, with sets; memory suffices. */
const faultFrequencyByDefinition = ({ ids }: Program, critical: number): { faults: number; largest: number } => {
  let resident = new Set<number>();
  let sinceFault = new Set<number>();
  let last = Number.NEGATIVE_INFINITY;
  let faults = 0;
  let largest = 0;
  ids.forEach((page, at) => {
    if (!resident.has(page)) {
      if (at - last >= critical && last >= 0) resident = new Set([...resident].filter((each) => sinceFault.has(each)));
      resident.add(page);
      sinceFault = new Set();
      last = at;
      faults++;
    }
    sinceFault.add(page);
    largest = Math.max(largest, resident.size);
  });
  return { faults, largest };
};

describe('working sets', () => {
  it('fault as the definition says, for every window', () => {
    for (const seed of [1, 2, 3]) {
      const program = randomProgram(seed);
      for (const window of [1, 2, 17, 200, 10_000]) {
        const { faults, largest, mean } = workingSetByDefinition(program, window);
        const [process] = run('ws', { programs: [program], frames: 1000, window, quantum: 7 }).processes;
        expect([window, process?.faults, process?.peakFrames]).toEqual([window, faults, largest]);
        expect(meanWorkingSet(program, window)).toBeCloseTo(mean, 9);
      }
    }
  });

  it('are the same whoever else runs, while memory suffices for all', () => {
    const programs = [randomProgram(1), randomProgram(2), randomProgram(3)];
    const outcome = run('ws', { programs, frames: 1000 });
    expect(outcome.processes.map(({ faults }) => faults)).toEqual(programs.map((each) => workingSetByDefinition(each, 200).faults));
    expect(outcome.thrashing).toEqual([]);
  });
});

describe('page-fault frequency', () => {
  it('faults as the definition says, for every critical interval', () => {
    for (const seed of [4, 5, 6]) {
      const program = randomProgram(seed);
      for (const critical of [1, 5, 30, 300]) {
        const { faults, largest } = faultFrequencyByDefinition(program, critical);
        const faultInterval = { short: critical, long: critical };
        const [process] = run('pff', { programs: [program], frames: 1000, faultInterval }).processes;
        expect([critical, process?.faults, process?.peakFrames]).toEqual([critical, faults, largest]);
      }
    }
  });

  it('keeps its size in the band between two thresholds', () => {
    // A fault every 10 references: the first two pages come by growth, and then one replaces the other.
    const program = programFrom(Array.from({ length: 500 }, (_, at) => Math.floor(at / 10)));
    const [process] = run('pff', { programs: [program], frames: 1000, faultInterval: { short: 5, long: 50 } }).processes;
    expect([process?.faults, process?.peakFrames]).toEqual([50, 1]);
  });
});

describe('wsclock', () => {
  it('takes the first clean page that is outside its working set, and cleans the dirty ones before it', () => {
    // 5 finds all pages used just now, which stamps them, and forces out 1. Then 5 is used for longer than the window.
    // 6 comes to 2, which is dirty and is cleaned, and takes 3. So 2 is still there; 3 takes the next page outside, 4.
    const numbers = [1, 2, 3, 4, 5, ...Array.from({ length: 30 }, () => 5), 6, 2, 3];
    const program = programFrom(numbers, (at) => at === 1);
    const { faults, evictions, device: used } = run('wsclock', { programs: [program], frames: 4, window: 10 });
    expect([faults, evictions, used.writes]).toEqual([7, { clean: 3, dirty: 0 }, 1]);
  });
});

describe('balance', () => {
  it('lets one process grow beyond its share while memory is plentiful, and trims it when it is not', () => {
    // 32 frames, 16 each; the first process uses 24 pages once and then one; the second later wants 20.
    const first = programFrom([...Array.from({ length: 24 }, (_, page) => page), ...Array.from({ length: 40_000 }, () => 0)]);
    const second = programFrom([...Array.from({ length: 10_000 }, () => 0), ...Array.from({ length: 8000 }, (_, at) => at % 20)]);
    const { processes, refaults } = run('balance', { programs: [first, second], frames: 32 });
    expect(processes[0]?.peakFrames).toBeGreaterThan(16);
    expect(processes[1]?.peakFrames).toBe(20);
    // It takes the manager a few intervals of a hundred reads to find pages unused; without it nearly all 8000 would miss.
    expect(refaults).toBeLessThan(500);
  });
});

describe('every design', () => {
  const programs = [randomProgram(7), randomProgram(8, 2000), randomProgram(9, 1000)];
  const loadControls: SharingOptions['loadControl'][] = [
    undefined,
    { swapOut: 'lowest', comeBack: 'prepaged' },
    { swapOut: 'biggest', comeBack: 'on demand' },
    { swapOut: 'blocked', comeBack: 'prepaged' },
  ];

  it('does all references within its frames, whatever the load control, and all counts agree', () => {
    for (const design of designs) {
      for (const loadControl of loadControls) {
        for (const faultAhead of [0, 3]) {
          const outcome = run(design, { programs, frames: 20, loadControl, faultAhead });
          const sum = (of: (process: SharingOutcome['processes'][number]) => number): number =>
            outcome.processes.reduce((total, process) => total + of(process), 0);
          const about = `${design} ${loadControl?.swapOut} ${faultAhead}`;
          expect(
            sum(({ processorSeconds }) => processorSeconds),
            about,
          ).toBeCloseTo(6000 * 1e-6, 12);
          expect(
            sum(({ faults }) => faults),
            about,
          ).toBe(outcome.faults);
          for (const { peakFrames } of outcome.processes) expect(peakFrames, about).toBeLessThanOrEqual(20);
          for (const { frames } of outcome.timeline)
            expect(
              frames.reduce((all, each) => all + each, 0),
              about,
            ).toBeLessThanOrEqual(20 + 1e-9);
          expect(outcome.ahead.useful + outcome.ahead.useless, about).toBe(outcome.ahead.read);
          expect(outcome.device.pagesRead, about).toBeGreaterThanOrEqual(outcome.ahead.read);
          expect(outcome.swaps.in, about).toBe(outcome.swaps.out);
          expect(outcome.seconds, about).toBeCloseTo(Math.max(...outcome.processes.map(({ endSeconds }) => endSeconds)), 12);
        }
      }
    }
  });

  it('gives the same twice', () => {
    for (const design of designs) {
      const once = (): SharingOutcome => run(design, { programs, frames: 20, loadControl: { swapOut: 'lowest', comeBack: 'prepaged' } });
      expect(once(), design).toEqual(once());
    }
  });

  it('faults once for each page where memory suffices and nothing is let go', () => {
    const ample = programs.reduce((sum, { pages }) => sum + pages, 0);
    for (const design of designs.filter((name) => /^(global|local)/.test(name))) {
      const partitions = 'proportional';
      const { faults, refaults, device: used } = run(design, { programs, frames: ample, partitions });
      expect([design, faults, refaults, used.writes]).toEqual([design, ample, 0, 0]);
    }
  });

  it('goes on with one frame', () => {
    for (const design of designs) {
      const several = design.startsWith('local') ? programs.slice(0, 1) : programs;
      const { faults, processes } = run(design, { programs: several, frames: 1, faultAhead: 2 });
      const changes = several.reduce((sum, { ids }) => sum + ids.filter((page, at) => page !== ids[at - 1]).length, 0);
      // Nobody keeps a page over the time in which another has the frame: at least each change of page is a fault.
      expect(faults, design).toBeGreaterThanOrEqual(changes);
      for (const { peakFrames } of processes) expect(peakFrames, design).toBe(1);
    }
  });
});

describe('the model', () => {
  it('charges references, reads and clustered writes', () => {
    // Two pages written, in one frame each; the third takes the place of the first, and the second is cleaned with it.
    const program = programFrom([1, 2, 3, 4], (at) => at < 2);
    const outcome = run('global:lru', { programs: [program], frames: 2 });
    expect(outcome.device).toEqual({ reads: 4, pagesRead: 4, writes: 1, pagesWritten: 2 });
    expect(outcome.evictions).toEqual({ clean: 1, dirty: 1 });
    // A write of two pages: 50 us, and 1 us for the second; the fourth read is not kept waiting by it.
    expect(outcome.seconds).toBeCloseTo(4e-6 + 4 * 100e-6 + 51e-6, 12);
  });

  it('lets others run while a process waits', () => {
    const alone = programFrom(Array.from({ length: 100 }, () => 1));
    const { seconds, processes } = run('global:lru', { programs: [alone, alone], frames: 2 });
    // The second read ends at 200 us, when the first process has long had its 100 us.
    expect(seconds).toBeCloseTo(300e-6, 12);
    expect(processes.map(({ pagingSeconds }) => Math.round(pagingSeconds * 1e6))).toEqual([100, 200]);
  });

  it('reads pages ahead that follow in the address space, and counts what they were good for', () => {
    const { faults, ahead } = run('global:lru', { programs: [programFrom([10, 11, 12, 20, 22, 21])], frames: 10, faultAhead: 2 });
    // 10 brings 11 and 12; 20 brings 21 and 22.
    expect([faults, ahead]).toEqual([2, { read: 4, useful: 4, useless: 0 }]);
    const useless = run('global:lru', { programs: [programFrom([1, 5, 1, 2])], frames: 2, faultAhead: 1 });
    expect(useless.ahead).toEqual({ read: 1, useful: 0, useless: 1 });
  });

  it('counts bytes of large pages that nothing refers to', () => {
    // Pages of 16 KiB: page 0 has 3 of 4 blocks unused, page 1 has 1.
    const program = programFrom([1, 4, 5, 6, 1], undefined, 4);
    const outcome = run('global:lru', { programs: [program], frames: 2 });
    expect([outcome.faults, outcome.fragmentation.peakBytes]).toEqual([2, 4 * 4096]);
    expect(run('global:lru', { programs: [program], frames: 1 }).fragmentation.peakBytes).toBe(3 * 4096);
  });

  it('refuses fewer frames than partitions, and too many processes', () => {
    const program = programFrom([1]);
    expect(() => run('local:lru', { programs: [program, program], frames: 1 })).toThrow(UsageError);
    expect(() => run('global:lru', { programs: Array.from({ length: 65 }, () => program), frames: 99 })).toThrow(UsageError);
  });
});

describe('what the literature says', () => {
  /** 200 pages in one of three phases, 20 in the others. */
  const wideIn = (phase: number): Program => {
    const random = new Random(phase + 1);
    return programFrom(
      Array.from({ length: 120_000 }, (_, at) => (Math.floor(at / 40_000) === phase ? 100 + random.below(200) : random.below(20))),
    );
  };

  it('working sets, kept or approximated, beat equal partitions where phases differ', () => {
    const programs = [wideIn(0), wideIn(2)];
    const faultsOf = (design: string): number =>
      run(design, { programs, frames: 300, window: 2000, faultInterval: { short: 200, long: 200 } }).faults;
    const local = faultsOf('local:lru');
    for (const design of ['ws', 'wsclock', 'pff']) expect(faultsOf(design), design).toBeLessThan(local / 10);
  });

  it('more processes than fit thrash, and load control cures it', () => {
    const program = programFrom(phaseTrace(100, 20_000, 60_000));
    const use = (processes: number, loadControl: SharingOptions['loadControl']): SharingOutcome =>
      run('global:lru', { programs: Array.from({ length: processes }, () => program), frames: 300, quantum: 10_000, loadControl });
    const [few, many, controlled] = [use(3, undefined), use(8, undefined), use(8, { swapOut: 'lowest', comeBack: 'prepaged' })];
    expect(few.thrashing).toEqual([]);
    expect(many.thrashing.length).toBeGreaterThan(0);
    expect(many.processorUse).toBeLessThan(few.processorUse / 3);
    expect(controlled.processorUse).toBeGreaterThan(2 * many.processorUse);
    expect(controlled.swaps.out).toBeGreaterThan(0);
  });
});
