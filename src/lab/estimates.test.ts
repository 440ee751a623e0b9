import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { replayPolicies } from '../paging/index.ts';
import { mixTrace, phaseTrace, zipfTrace } from '../trace/index.ts';
import { AverageEvictionTime, Densifier, lruMissesBySize, miniatureMisses, Shards, StackDistances, simulate } from './index.ts';
import { PageSample } from './page-sample.ts';

/** A generated trace with dense ids, and what LRU misses with every size. */
function known(raw: Uint32Array): { ids: Uint32Array; pages: number; exact: Float64Array } {
  const ids = new Uint32Array(raw.length);
  const densifier = new Densifier();
  densifier.densify(raw, ids);
  const distances = new StackDistances(densifier.pages);
  distances.feed(ids);
  return { ids, pages: densifier.pages, exact: lruMissesBySize(distances.curve()) };
}

const traces = {
  zipf: known(zipfTrace(20_000, 300_000)),
  mix: known(mixTrace(2_000, 8_000, 300_000)),
  phase: known(phaseTrace(4_000, 20_000, 300_000)),
};

/** A hundred sizes, evenly up to all pages. */
const sizesOf = (pages: number): number[] => Array.from({ length: 100 }, (_, i) => Math.max(1, Math.round(((i + 1) * pages) / 100)));

/** Mean absolute error of a miss ratio. */
function meanError({ ids, pages, exact }: ReturnType<typeof known>, estimate: (sizes: number[]) => number[]): number {
  const sizes = sizesOf(pages);
  const misses = estimate(sizes);
  return sizes.reduce((sum, size, i) => sum + Math.abs((misses[i] as number) - (exact[size] as number)), 0) / sizes.length / ids.length;
}

/** Feeds in pieces of several lengths: estimates must not depend on them. */
function feed(estimator: { feed: (ids: Uint32Array) => void }, ids: Uint32Array): void {
  for (let from = 0, piece = 1; from < ids.length; from += piece, piece = (piece * 7) % 9973)
    estimator.feed(ids.subarray(from, from + piece));
}

describe('SHARDS', () => {
  const estimate = (trace: ReturnType<typeof known>, rate: number) => (sizes: number[]) => {
    const shards = new Shards(trace.pages, rate);
    feed(shards, trace.ids);
    return shards.misses(sizes);
  };

  // The authors report errors below 0.01 for traces with far more pages; a loop's cliff moves by what the sample has too many or too few of.
  test.each([
    ['zipf', 0.1, 0.005],
    ['zipf', 0.01, 0.015],
    ['mix', 0.1, 0.025],
    ['phase', 0.1, 0.001],
    ['phase', 0.01, 0.002],
  ] as const)('%s at rate %d is off by at most %d on average', (name, rate, error) => {
    expect(meanError(traces[name], estimate(traces[name], rate))).toBeLessThan(error);
  });

  test('a sample of all pages is exact', () => {
    const { pages, exact } = traces.phase;
    const sizes = sizesOf(pages);
    expect(estimate(traces.phase, 1)(sizes)).toEqual(sizes.map((size) => exact[size]));
  });

  test('the curve is the same whether the page with half of all references is in the sample or not', () => {
    // Pages get their ids as they first appear, so a few pages before it give the favourite another id and another fate.
    const outcomes = Array.from({ length: 24 }, (_, before) => {
      const raw = Uint32Array.from({ length: 100_000 }, (__, i) =>
        i < before ? 9000 + i : i % 2 === 0 ? 1 + (((i * i) >>> 3) % 5000) : 0,
      );
      const trace = known(raw);
      const sample = new PageSample(trace.pages, 0.1);
      expect(meanError(trace, estimate(trace, 0.1))).toBeLessThan(0.03);
      return sample.of(trace.ids).length > 25_000 ? 'in' : 'out';
    });
    expect(new Set(outcomes)).toEqual(new Set(['in', 'out']));
  });
});

describe('AET', () => {
  const estimate = (trace: ReturnType<typeof known>) => (sizes: number[]) => {
    const aet = new AverageEvictionTime(trace.pages);
    feed(aet, trace.ids);
    return aet.misses(sizes);
  };

  test.each([
    ['zipf', 0.005],
    ['mix', 0.01],
    ['phase', 0.02],
  ] as const)('%s is off by at most %d on average', (name, error) => {
    expect(meanError(traces[name], estimate(traces[name]))).toBeLessThan(error);
  });

  test('a loop hits from its own length on and not before', () => {
    for (const length of [1, 2, 100, 4096, 5000, 70_000]) {
      const aet = new AverageEvictionTime(length);
      for (let round = 0; round < 4; round++) aet.feed(Uint32Array.from({ length }, (_, i) => i));
      const sizes = [Math.max(1, Math.floor(length * 0.99)), length, 2 * length];
      expect(aet.misses(sizes)).toEqual([length === 1 ? 1 : 4 * length, length, length]);
    }
  });
});

describe('miniature simulation', () => {
  test.each(['arc', 's3fifo', 'clock', 'belady'])('%s from a tenth of the pages is off by at most 0.02 on average', (name) => {
    const policy = replayPolicies.find((kind) => kind.name === name);
    if (policy === undefined) throw new Error(name);
    const { ids, pages } = traces.zipf;
    const sizes = [500, 1000, 2000, 4000, 8000];
    const estimated = miniatureMisses(() => [ids.subarray(0, 1234), ids.subarray(1234)], { policy, sizes, pages, share: 0.1, seed: 1 });
    const errors = sizes.map(
      (frames, i) => Math.abs(simulate(ids, { policy, frames, pages }).misses - (estimated[i] as number)) / ids.length,
    );
    expect(errors.reduce((a, b) => a + b) / sizes.length).toBeLessThan(0.02);
  });
});

test('estimates never go up with the frames, and stay between the pages and the references', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(60), { minLength: 1, maxLength: 300, size: 'max' }),
      fc.double({ min: 0.02, max: 1, noNaN: true }),
      (raw, rate) => {
        const { ids, pages } = known(Uint32Array.from(raw));
        const sizes = Array.from({ length: pages }, (_, i) => i + 1);
        for (const estimator of [new Shards(pages, rate), new AverageEvictionTime(pages)]) {
          estimator.feed(ids);
          const misses = estimator.misses(sizes);
          expect(misses.every((count, i) => count >= pages && count <= ids.length && (i === 0 || count <= (misses[i - 1] as number)))).toBe(
            true,
          );
        }
      },
    ),
  );
});
