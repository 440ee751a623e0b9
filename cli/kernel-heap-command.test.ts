import { describe, expect, it } from 'vitest';
import { kernelHeapNames } from '../src/systems/index.ts';
import { quireLater, refusal } from '../test/support/quire-command.ts';

interface Result {
  readonly workload: string;
  readonly heap: string;
  readonly blocks: number;
  readonly pairsPerSecond: number | null;
  readonly peakFrames: number;
  readonly unaskedAtPeak: number;
  readonly internalWaste: number;
  readonly lineOffsets: number;
  readonly idleFrames: number;
  readonly reapedFrames: number;
  readonly magazineHitRate: number | null;
}

interface Data {
  readonly results: readonly Result[];
  readonly construction: readonly { readonly objectBytes: number; readonly keptPairsPerSecond: number }[];
}

async function dataOf(...parameters: string[]): Promise<Data> {
  const { code, out, err } = await quireLater('kernel', 'heap', ...parameters, '--json');
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out) as Data;
}

const untimed = ['--time', '0'];

describe('quire kernel heap (E4)', () => {
  it('tells of every heap under every workload what it promises, as JSON', async () => {
    const { results, construction } = await dataOf(...untimed);
    expect(new Set(results.map(({ workload }) => workload))).toEqual(new Set(['fork', 'map', 'fault', 'churn', 'large']));
    expect(results).toHaveLength(5 * kernelHeapNames.length);
    for (const result of results) {
      expect(kernelHeapNames).toContain(result.heap);
      expect(result.pairsPerSecond).toBe(null);
      expect(result.blocks).toBeGreaterThan(1000);
      // Everything comes back, and what was kept of it goes when it is asked for.
      expect([result.reapedFrames, result.idleFrames <= result.peakFrames]).toEqual([result.idleFrames, true]);
      for (const share of [result.unaskedAtPeak, result.internalWaste]) expect(share >= 0 && share < 1).toBe(true);
      expect(result.lineOffsets).toBeGreaterThan(0);
      expect(result.lineOffsets).toBeLessThanOrEqual(64);
    }
    expect(construction).toEqual([]);
  });

  it('shows what the designs are known for', async () => {
    const found = new Map(
      (await dataOf('--workload', 'fault,large', ...untimed)).results.map((each) => [`${each.workload} ${each.heap}`, each]),
    );
    const get = (key: string): Result => found.get(key) as Result;
    // Anons of 16 bytes: nothing is rounded but by headers, which are as large.
    expect(get('fault slab').internalWaste).toBeLessThan(0.01);
    expect(get('fault list').internalWaste).toBeGreaterThan(0.4);
    // 600 bytes in 1,024, four to a page; in 608, coloured; behind headers of 16.
    expect(get('large slab').internalWaste).toBeCloseTo(1 - 600 / 1024, 3);
    expect(get('large caches').internalWaste).toBeCloseTo(1 - 600 / 608, 3);
    expect(get('large list').internalWaste).toBeCloseTo(1 - 600 / 624, 3);
    expect([get('large slab').lineOffsets, get('large caches').lineOffsets > 32]).toEqual([4, true]);
    expect(get('large caches').peakFrames).toBeLessThan(get('large slab').peakFrames);
    expect(get('large magazines').magazineHitRate).toBeGreaterThan(0.5);
    expect(get('large slab').magazineHitRate).toBe(null);
    expect(get('large caches').idleFrames).toBeGreaterThan(get('large slab').idleFrames);
  });

  it('finds the same again for a seed, and times what it is given time for', async () => {
    const one = await dataOf('--workload', 'churn', '--heap', 'buddy', '--seed', '3', ...untimed);
    expect(await dataOf('--workload', 'churn', '--heap', 'buddy', '--seed', '3', ...untimed)).toEqual(one);
    expect(await dataOf('--workload', 'churn', '--heap', 'buddy', '--seed', '4', ...untimed)).not.toEqual(one);
    const { results, construction } = await dataOf('--workload', 'large', '--heap', 'magazines', '--time', '0.002');
    expect(results[0]?.pairsPerSecond).toBeGreaterThan(1000);
    expect(construction.map(({ objectBytes }) => objectBytes)).toEqual([64, 256, 1024]);
    for (const { keptPairsPerSecond } of construction) expect(keptPairsPerSecond).toBeGreaterThan(1000);
  });

  it('writes text and CSV', async () => {
    const text = await quireLater('kernel', 'heap', '--workload', 'large', ...untimed);
    expect(text.out).toMatch(/^large: 600 objects of 600 bytes come and go at random; 6,000 blocks\n/);
    const csv = await quireLater('kernel', 'heap', '--workload', 'large', '--heap', 'slab,list', '--csv', ...untimed);
    expect(csv.out.split('\n').map((row) => row.split(',').length)).toEqual([11, 11, 11, 1]);
    expect(csv.out).toMatch(/^workload,heap,blocks,pairs_per_second,/);
  });

  it.each([
    [['--heap', 'slub'], /--heap: there is no 'slub'; choose from slab, caches, magazines, list, buddy/],
    [['--workload', 'idle'], /--workload: there is no 'idle'; choose from fork, map, fault, churn, large/],
    [['--time', 'long'], /--time long/],
    [['-o', 'x.svg'], /no such form/],
  ] as const)('refuses %j', async (parameters, message) => {
    expect(refusal(await quireLater('kernel', 'heap', ...parameters))).toMatch(message);
  });
});
