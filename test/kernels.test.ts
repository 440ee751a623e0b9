// Every compiled program of `programs/`, with small arguments: it prints on Quire what it prints on flat memory, with room for all of it
// and at a quarter of its footprint; the same events every time; and a failure anywhere kills it or does it no harm.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FileDevice } from '../cli/file-device.ts';
import { EventType, FailurePlan, MIB, PAGE_SIZE } from '../src/base/index.ts';
import { type BlockDevice, FaultyDevice, MemoryDevice } from '../src/machine/index.ts';
import { FaultOutcome } from '../src/system/index.ts';
import { frameAllocatorNames, policyNames } from '../src/systems/index.ts';
import { EventHash } from './support/event-hash.ts';
import { fine, type MappedOutcome, type RunSettings, TestProgram } from './support/run-program.ts';

const ample = 32 * MIB;
/** What a machine needs before any program: the smallest RAM that it accepts. */
const kernelPages = 32;

const kernels: Record<string, readonly string[]> = {
  bintrees: ['10'],
  chase: ['200000', '30000'],
  fib: ['22'],
  gups: ['16', '50000'],
  hashjoin: ['30000', '60000'],
  mallocstress: ['2000', '60000'],
  matmul: ['100'],
  nbody: ['5', '20000'],
  qsort: ['300000'],
  sieve: ['700000'],
  sparse: ['48'],
  stream: ['60000', '3'],
  strings: ['1'],
};

/** The small copies of memops have a fixed count: 20,000,000, as `i32.const`. This makes it 20,000, which takes as many bytes. */
function shorterMemops(): TestProgram {
  const bytes = readFileSync(new URL('../programs/memops.wasm', import.meta.url));
  const at = bytes.indexOf(Buffer.from([0x41, 0x80, 0xda, 0xc4, 0x09]));
  expect(at).toBeGreaterThan(0);
  bytes.set([0x41, 0xa0, 0x9c, 0x81, 0x00], at);
  return new TestProgram('memops', bytes);
}

const small = (name: string): { program: TestProgram; args: readonly string[] } =>
  name === 'memops' ? { program: shorterMemops(), args: ['1', '2'] } : { program: TestProgram.kernel(name), args: kernels[name] ?? [] };

const quarterOf = (peakPages: number): number => (Math.ceil(peakPages / 4) + kernelPages) * PAGE_SIZE;

describe('a kernel prints its checksum', () => {
  it.each([...Object.keys(kernels), 'memops'])('%s, at ample RAM and at a quarter of its footprint', (name) => {
    const { program, args } = small(name);
    const flat = program.runFlat({ args });
    expect(flat).toMatchObject({ exit: fine, stdout: expect.stringMatching(new RegExp(`^${name} \\d+$`, 'm')) });
    const roomy = program.run({ ramBytes: ample, args });
    expect([roomy.exit, roomy.stdout, roomy.statistics.swapPagesOut]).toEqual([fine, flat.stdout, 0]);
    const tight = program.run({ ramBytes: quarterOf(roomy.peakPages), args });
    expect([tight.exit, tight.stdout]).toEqual([fine, flat.stdout]);
    if (roomy.peakPages > 3 * kernelPages) expect(tight.statistics.swapPagesOut).toBeGreaterThan(0);
  });

  it('qsort, over three swap devices: the small fast ones are filled first, in turn', () => {
    const { program, args } = small('qsort');
    const { stdout, peakPages } = program.run({ ramBytes: ample, args });
    const [left, right, rest] = [new MemoryDevice(48), new MemoryDevice(48), new MemoryDevice(4096)];
    const {
      exit,
      stdout: printed,
      statistics,
    } = program.run({
      ramBytes: quarterOf(peakPages),
      args,
      moreSwap: [left, right],
      swap: rest,
    });
    expect([exit, printed]).toEqual([fine, stdout]);
    const written = [left, right, rest].map((device) => device.counters.bytesWritten / PAGE_SIZE);
    expect(written.reduce((sum, pages) => sum + pages, 0)).toBe(statistics.swapPagesOut);
    expect(Math.min(...written)).toBeGreaterThanOrEqual(48);
  });

  it('qsort, with its swap in a real file', () => {
    const { program, args } = small('qsort');
    const swap = FileDevice.temporary(2048);
    try {
      const { exit, stdout, statistics } = program.run({ ramBytes: quarterOf(200), swap, args });
      expect([exit, stdout]).toEqual([fine, program.runFlat({ args }).stdout]);
      expect([swap.counters.bytesWritten, swap.counters.bytesRead]).toEqual([
        statistics.swapPagesOut * PAGE_SIZE,
        statistics.swapPagesIn * PAGE_SIZE,
      ]);
      expect(statistics.swapPagesOut).toBeGreaterThan(100);
    } finally {
      swap.close();
    }
  });

  // Every policy on two allocators, and every allocator under one.
  const combinations = ['hashjoin', 'qsort'].flatMap((name) =>
    policyNames.flatMap((policy, place) =>
      frameAllocatorNames.slice(0, place === 0 ? undefined : 2).map((frames) => [name, policy, frames] as const),
    ),
  );
  it.each(combinations)('%s under %s with the %s allocator', (name, policy, frames) => {
    const { program, args } = small(name);
    const { exit, stdout, statistics } = program.run({ ramBytes: quarterOf(200), policy, frames, args });
    expect([exit, stdout]).toEqual([fine, program.runFlat({ args }).stdout]);
    expect(statistics.swapPagesIn).toBeGreaterThan(0);
  });
});

describe('the events of a run', () => {
  const program = TestProgram.kernel('hashjoin');
  const args = ['30000', '20000'];
  const hashOf = (settings: Partial<RunSettings>): { hash: string; count: number; run: MappedOutcome } => {
    const hash = new EventHash();
    const run = program.run({ ramBytes: quarterOf(150), args, events: hash.reader, ...settings });
    return { hash: hash.hex(), count: hash.count, run };
  };

  it.each(policyNames)('are the same every time, under %s', (policy) => {
    const [first, second] = [hashOf({ policy, seed: 7 }), hashOf({ policy, seed: 7 })];
    expect(first.run.statistics.swapPagesIn).toBeGreaterThan(100);
    expect(first.count).toBeGreaterThan(1000);
    expect([second.hash, second.count]).toEqual([first.hash, first.count]);
    expect(second.run).toEqual(first.run);
  });

  it('depend on the seed where the policy is random, and the output does not', () => {
    const [first, second] = [hashOf({ policy: 'random', seed: 7 }), hashOf({ policy: 'random', seed: 8 })];
    expect(second.hash).not.toBe(first.hash);
    expect([second.run.exit, second.run.stdout]).toEqual([first.run.exit, first.run.stdout]);
  });

  it('differ from policy to policy, but for clock, which is second-chance with another list', () => {
    const hashes = new Map(policyNames.map((policy) => [policy, hashOf({ policy }).hash]));
    expect(hashes.get('clock')).toBe(hashes.get('second-chance'));
    expect(new Set(hashes.values()).size).toBe(policyNames.length - 1);
  });

  it('are numbered without a gap, and agree with the counters', () => {
    const counts = new Map<number, number>();
    let next = 0;
    const { statistics, swap } = program.run({
      ramBytes: quarterOf(150),
      args,
      events: (words, firstSequence) => {
        expect(firstSequence).toBe(next);
        for (let at = 0; at < words.length; at += 5, next++) counts.set(words[at] as number, (counts.get(words[at] as number) ?? 0) + 1);
      },
    });
    expect(counts.get(EventType.fault)).toBe(statistics.faults);
    expect(counts.get(EventType.faultDone)).toBe(statistics.faults);
    expect(counts.get(EventType.zeroFill)).toBe(statistics.zeroFill);
    expect(counts.get(EventType.swapIn)).toBe(statistics.swapPagesIn);
    expect(counts.get(EventType.swapOut)).toBe(swap?.writeOperations);
    expect(counts.get(EventType.evict)).toBe(statistics.evictedClean + statistics.evictedDirty);
  });
});

describe('a failure in the middle of a run', () => {
  const program = TestProgram.kernel('mallocstress');
  const args = ['2000', '12000'];
  const settings: RunSettings = { ramBytes: 56 * PAGE_SIZE, args };
  const { stdout } = program.runFlat({ args });

  /** The program is unharmed, or it was killed for one of `reasons` without having printed a checksum. Returns which. */
  const judge = (run: MappedOutcome, ...reasons: FaultOutcome[]): 'unharmed' | 'killed' => {
    if (run.exit.kind === 'fault') {
      expect(reasons).toContain(run.exit.fault.outcome);
      expect(run.stdout).toBe('');
      return 'killed';
    }
    expect([run.exit, run.stdout]).toEqual([fine, stdout]);
    return 'unharmed';
  };

  /** 0, 1, 2, 3, then ever wider steps, and the last few of `count`. */
  const sampled = (count: number): number[] => {
    const chosen = new Set([count - 1, count - 2]);
    for (let k = 0; k < count; k = Math.max(k + 1, Math.ceil(k * 1.35))) chosen.add(k);
    return [...chosen].filter((k) => k >= 0).sort((a, b) => a - b);
  };

  it('of the k-th frame allocation kills or does no harm', () => {
    const counting = new FailurePlan();
    expect(judge(program.run({ ...settings, frameFailures: counting }))).toBe('unharmed');
    const ends = { unharmed: 0, killed: 0, refused: 0 };
    for (const k of sampled(counting.requests)) {
      const frameFailures = new FailurePlan(k);
      try {
        ends[judge(program.run({ ...settings, frameFailures }), FaultOutcome.outOfMemory)]++;
      } catch (error) {
        // The first few frames are for the machine and the space: then the program is not even started.
        expect(error).toMatchObject({ name: 'UsageError', message: expect.stringMatching(/RAM/) });
        expect(k).toBeLessThan(kernelPages);
        ends.refused++;
      }
      expect(frameFailures.failures).toBe(1);
    }
    expect(ends.unharmed).toBeGreaterThan(0);
  });

  const withPlan = (what: 'reads' | 'writes', plan: FailurePlan): BlockDevice => new FaultyDevice(new MemoryDevice(4096), { [what]: plan });

  it.each(['off', 'adaptive'] as const)(
    'of the k-th read of swap kills, or does no harm to pages read ahead: read-ahead %s',
    (swapReadAhead) => {
      const counting = new FailurePlan();
      judge(program.run({ ...settings, swapReadAhead, swap: withPlan('reads', counting) }));
      const ends = { unharmed: 0, killed: 0 };
      for (const k of sampled(counting.requests)) {
        const plan = new FailurePlan(k);
        ends[judge(program.run({ ...settings, swapReadAhead, swap: withPlan('reads', plan) }), FaultOutcome.ioError)]++;
        expect(plan.failures).toBe(1);
      }
      expect(ends.killed).toBeGreaterThan(0);
      // The page that is missing is then read alone.
      expect(ends.unharmed > 0).toBe(swapReadAhead === 'adaptive');
    },
  );

  it('of the k-th write of swap does no harm: the page stays and is written later', () => {
    const counting = new FailurePlan();
    expect(judge(program.run({ ...settings, swap: withPlan('writes', counting) }))).toBe('unharmed');
    for (const k of sampled(counting.requests)) {
      const plan = new FailurePlan(k);
      expect(judge(program.run({ ...settings, swap: withPlan('writes', plan) }))).toBe('unharmed');
      expect(plan.failures).toBe(1);
    }
  });

  it.each([0, 8, 16, 24, 32, 48, 64])('of every page of swap from the %ith on kills or does no harm', (good) => {
    const badPages = Array.from({ length: 4096 - good }, (_, i) => good + i);
    judge(program.run({ ...settings, swap: new FaultyDevice(new MemoryDevice(4096), { badPages }) }), FaultOutcome.outOfMemory);
  });

  it.each([0, 1, 2, 15, 16, 17, 31, 40])('%i pages of swap: killed when they are full, or enough', (pages) => {
    judge(program.run({ ...settings, swap: pages === 0 ? 'none' : new MemoryDevice(pages) }), FaultOutcome.outOfMemory);
  });

  it('leaves the next machine as it was', () => {
    expect(judge(program.run({ ...settings, swap: new MemoryDevice(4) }), FaultOutcome.outOfMemory)).toBe('killed');
    expect(judge(program.run(settings))).toBe('unharmed');
  });
});
