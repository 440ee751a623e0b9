import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { replayPolicies } from '../paging/index.ts';
import { canExplain, type EvictionExplanation, explainEviction, simulate } from './index.ts';

const named = (name: string) => {
  const kind = replayPolicies.find((policy) => policy.name === name);
  if (kind === undefined) throw new Error(name);
  return kind;
};

/** Explains an eviction in a trace of the ids themselves, in two pieces. */
function explain(name: string, ids: readonly number[], frames: number, eviction: number): EvictionExplanation {
  const trace = Uint32Array.from(ids);
  const middle = trace.length >> 1;
  const pieces = () => [trace.subarray(0, middle), trace.subarray(middle)];
  const options = { policy: named(name), frames, pages: 64, seed: 1, eviction, pageNumber: (id: number) => id };
  const found = explainEviction(pieces, options);
  if ('evictions' in found) throw new Error(`only ${found.evictions} evictions`);
  return found;
}

/** Reference, page loaded, victim, reason. */
const outcome = (name: string, ids: readonly number[], frames: number, eviction = 1) => {
  const { reference, loaded, victim, reason } = explain(name, ids, frames, eviction);
  return [reference, loaded, victim, reason];
};

describe('the rule of each policy, worked by hand', () => {
  test('fifo, lru, mru, belady', () => {
    const ids = [1, 2, 3, 1, 4, 3, 1, 2];
    expect(outcome('fifo', ids, 3)).toEqual([5, 4, 1, 'it was loaded before all the others']);
    expect(outcome('lru', ids, 3)).toEqual([5, 4, 2, 'all the others were used after its last use']);
    expect(outcome('mru', ids, 3)).toEqual([5, 4, 1, 'it was used last of all']);
    expect(outcome('belady', ids, 3)).toEqual([5, 4, 2, 'its next use is the farthest away']);
    expect(outcome('belady', [1, 2, 3, 1, 4, 3, 1], 3)).toEqual([5, 4, 2, 'it is never used again']);
  });

  test.each([
    ['clock', 'is passed by the hand', 'are passed by the hand'],
    ['second-chance', 'goes to the tail', 'go to the tail'],
  ])('%s passes pages whose bit is set', (name, passes, pass) => {
    expect(outcome(name, [1, 2, 3, 4], 3)).toEqual([4, 4, 1, 'its bit is clear and the search begins at it']);
    expect(outcome(name, [1, 2, 3, 1, 4], 3)).toEqual([
      5,
      4,
      2,
      `page 1 has its bit set, loses it and ${passes}; its bit is the first that is clear`,
    ]);
    expect(outcome(name, [1, 2, 3, 1, 2, 4], 3)[3]).toBe(
      `pages 1 and 2 have their bits set, lose them and ${pass}; its bit is the first that is clear`,
    );
    const all = 'the bits of all pages are set: each is cleared, and the search is back where it began';
    expect(outcome(name, [1, 2, 3, 1, 2, 3, 4], 3)).toEqual([7, 4, 1, all]);
  });

  test('clock-r1 sets the bit at load', () => {
    expect(outcome('clock-r1', [1, 2, 3, 4], 3)[3]).toMatch(/^the bits of all pages are set/);
  });

  test('lfu', () => {
    expect(outcome('lfu', [1, 1, 2, 3, 3, 4], 3)).toEqual([6, 4, 2, 'its count, 1, is the lowest']);
    expect(outcome('lfu', [1, 1, 2, 3, 4], 3)).toEqual([
      5,
      4,
      2,
      'its count, 1, is the lowest, and of the 2 pages with it, it reached it first',
    ]);
  });

  test('2q', () => {
    // Four frames: one for A1in, two ids in A1out.
    const ids = [1, 2, 3, 4, 5, 1, 6, 7, 8];
    expect(outcome('2q', ids, 4)).toEqual([5, 5, 1, 'A1in has 4 frames and should have 1, so its oldest goes; its id stays in A1out']);
    // 2 and 3 come back from A1out and fill Am; A1in shrinks to its one frame.
    const back = [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 9];
    expect(outcome('2q', back, 4, 6)).toEqual([10, 4, 1, 'A1in has 1 of its 1 frames, so Am gives the page whose last use is longest ago']);
  });

  test('arc', () => {
    const full = 'T1 fills all frames and B1 is empty: its page whose last use is longest ago goes without a trace';
    expect(outcome('arc', [1, 2, 3, 4], 3)).toEqual([4, 4, 1, full]);
    const large =
      'T1 has 2 frames and its target is 0; T1 is too large: its page whose last use is longest ago goes, and its id stays in B1';
    expect(outcome('arc', [1, 1, 2, 3, 4], 3)).toEqual([5, 4, 2, large]);
    // 2 comes back from B1: the target grows to 1, T1 has 2.
    expect(outcome('arc', [1, 1, 2, 3, 4, 2], 3, 2)).toEqual([
      6,
      2,
      3,
      'T1 has 2 frames and its target is 1, moved from 0 since the page to load was in B1; T1 is too large: its page whose last use is longest ago goes, and its id stays in B1',
    ]);
  });

  test('sieve', () => {
    expect(outcome('sieve', [1, 2, 3, 4], 3)).toEqual([4, 4, 1, 'it is not visited and the hand is at it']);
    expect(outcome('sieve', [1, 2, 3, 1, 4], 3)).toEqual([
      5,
      4,
      2,
      'page 1 is visited, and the hand takes the mark and goes on; it is the first that is not',
    ]);
    // The hand rests at 3: 1, without its mark, is not looked at.
    expect(outcome('sieve', [1, 2, 3, 1, 4, 3, 5], 3, 2)).toEqual([
      7,
      5,
      4,
      'page 3 is visited, and the hand takes the mark and goes on; it is the first that is not',
    ]);
  });

  test('s3fifo', () => {
    const first = 'S has 3 of its 1 frames, M 0 of its 2: S gives its oldest page with fewer than 2 hits, and its id stays in G';
    expect(outcome('s3fifo', [1, 2, 3, 4], 3)).toEqual([4, 4, 1, first]);
    expect(outcome('s3fifo', [1, 1, 1, 2, 3, 4], 3)).toEqual([6, 4, 2, `${first}; page 1 had 2 hits or more and went to M`]);
    expect(outcome('s3fifo', [1, 1, 1, 2, 2, 2, 3, 3, 3, 4], 3)).toEqual([
      10,
      4,
      1,
      'S has 3 of its 1 frames, M 0 of its 2: all of S had 2 hits or more and went to M, which gave the first without a hit since',
    ]);
  });
});

test('candidates tell what is known of them, when they come again, and which one the optimum would give', () => {
  expect(explain('lru', [1, 2, 3, 1, 4, 3, 1, 2], 3, 1)).toMatchObject({
    candidates: [
      { page: 2, queue: 'queue', place: 1, loadedAgo: 3, usedAgo: 3, nextUseIn: 3 },
      { page: 3, queue: 'queue', place: 2, loadedAgo: 2, usedAgo: 2, nextUseIn: 1 },
      { page: 1, queue: 'queue', place: 3, loadedAgo: 4, usedAgo: 1, nextUseIn: 2 },
    ],
    optimum: 2,
  });
  const fifo = explain('fifo', [1, 2, 3, 1, 4, 3, 1, 5], 3, 1);
  expect([fifo.victim, fifo.optimum, fifo.candidates.map(({ nextUseIn }) => nextUseIn)]).toEqual([1, 2, [2, null, 1]]);
  expect(explain('clock', [1, 2, 3, 1, 4], 3, 1).candidates.map(({ mark }) => mark?.value)).toEqual([1, 0, 0]);
  expect(explain('2q', [1, 2, 3, 4, 5, 6], 4, 2).ghosts).toEqual([{ name: 'A1out', pages: [1] }]);
});

const explained = replayPolicies.filter(({ name }) => canExplain(name));

test('at least ten policies can be explained', () => {
  expect(explained.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['fifo', 'second-chance', 'clock', 'lru', 'lfu', '2q', 'arc', 'sieve', 's3fifo', 'belady']),
  );
});

test.each(explained.map((policy) => [policy.name, policy] as const))(
  '%s: every eviction of a replay is explained, once',
  (name, policy) => {
    const traces = fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 4 })), { minLength: 1, maxLength: 40, size: 'max' });
    fc.assert(
      fc.property(traces, fc.integer({ min: 1, max: 12 }), (runs, frames) => {
        const ids = runs.flatMap(([first, length]) => Array.from({ length }, (_, i) => (first + i) % 32));
        const { evictions, misses } = simulate(Uint32Array.from(ids), { policy, frames, pages: 64 });
        // A model of memory that knows only what the explanations say must miss where the simulation does.
        const resident = new Set<number>();
        let missed = 0;
        let eviction = 0;
        ids.forEach((page, at) => {
          if (resident.has(page)) return;
          missed++;
          if (resident.size === frames) {
            const found = explain(name, ids, frames, ++eviction);
            expect([found.reference, found.loaded]).toEqual([at + 1, page]);
            expect(new Set(found.candidates.map((each) => each.page))).toEqual(resident);
            expect(found.reason).not.toBe('');
            for (const candidate of found.candidates) {
              expect(candidate.nextUseIn).toBe(ids.indexOf(candidate.page, at) === -1 ? null : ids.indexOf(candidate.page, at) - at);
              expect(candidate.usedAgo).toBe(at - ids.lastIndexOf(candidate.page, at));
              expect(candidate.loadedAgo).toBeGreaterThanOrEqual(candidate.usedAgo);
            }
            expect(resident.delete(found.victim)).toBe(true);
          }
          resident.add(page);
        });
        expect([missed, eviction]).toEqual([misses, evictions.clean]);
      }),
      { numRuns: 20 },
    );
  },
);

test('an eviction far into a long trace is found, and one that never came is counted', () => {
  const ids = Uint32Array.from({ length: 30_000 }, (_, i) => i % 50);
  const options = { policy: named('lru'), frames: 49, pages: 50, seed: 1, pageNumber: (id: number) => 1000 + id };
  // A loop one page longer than memory misses always: the 49 first loads evict nothing, each later one the page that comes next.
  const found = explainEviction(() => [ids], { ...options, eviction: 20_000 });
  expect(found).toMatchObject({ reference: 20_049, loaded: 1048, victim: 1049, optimum: 1047 });
  expect(explainEviction(() => [ids], { ...options, eviction: 29_952 })).toEqual({ evictions: 29_951 });
});
