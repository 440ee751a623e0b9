import fc from 'fast-check';
import { expect, test } from 'vitest';
import { replayPolicies } from '../paging/index.ts';
import { futureOf, Simulation, type SimulationCounts, simulate, simulateSizes } from './index.ts';

const named = (name: string) => {
  const kind = replayPolicies.find((policy) => policy.name === name);
  if (kind === undefined) throw new Error(name);
  return kind;
};

/** Dense ids in the order of first appearance, and what each reference does. */
const references = fc.array(fc.tuple(fc.nat(15), fc.constantFrom(0, 1, 2)), { maxLength: 200, size: 'max' }).map((drawn) => {
  const seen: number[] = [];
  const ids = drawn.map(([page]) => (seen.includes(page) ? seen.indexOf(page) : seen.push(page) - 1));
  return { ids: Uint32Array.from(ids), writes: Uint8Array.from(drawn, ([, kind]) => kind) };
});

/** FIFO with dirty bits, by definition. */
function plainFifo(ids: Uint32Array, writes: Uint8Array, frames: number, warmup: number): SimulationCounts {
  const queue: { page: number; isDirty: boolean }[] = [];
  const seen = new Set<number>();
  const counts = { references: 0, misses: 0, compulsory: 0, evictions: { clean: 0, dirty: 0 } };
  ids.forEach((page, at) => {
    const isCounted = at >= warmup ? 1 : 0;
    counts.references += isCounted;
    let known = queue.find((entry) => entry.page === page);
    if (known === undefined) {
      counts.misses += isCounted;
      if (!seen.has(page)) counts.compulsory += isCounted;
      if (queue.length === frames) counts.evictions[queue.shift()?.isDirty ? 'dirty' : 'clean'] += isCounted;
      known = { page, isDirty: false };
      queue.push(known);
    }
    seen.add(page);
    if (writes[at] === 1) known.isDirty = true;
  });
  return counts;
}

test('counts references, misses, first references, clean and dirty evictions, without the warm-up, in any pieces', () => {
  fc.assert(
    fc.property(
      references,
      fc.integer({ min: 1, max: 18 }),
      fc.nat(220),
      fc.integer({ min: 1, max: 60 }),
      ({ ids, writes }, frames, warmup, piece) => {
        const simulation = new Simulation({ policy: named('fifo'), frames, pages: 16, warmup });
        for (let from = 0; from < ids.length; from += piece) {
          simulation.feed(ids.subarray(from, from + piece), writes.subarray(from, from + piece));
        }
        expect(simulation.counts()).toEqual(plainFifo(ids, writes, frames, warmup));
        expect(simulation.counts()).toEqual(plainFifo(ids, writes, frames, warmup));
        simulation.check();
      },
    ),
  );
});

test('without writes every eviction is clean, and evictions are loads less what is resident', () => {
  fc.assert(
    fc.property(references, fc.integer({ min: 1, max: 18 }), fc.constantFrom(...replayPolicies), ({ ids }, frames, policy) => {
      const { references: count, misses, compulsory, evictions } = simulate(ids, { policy, frames, pages: 16 });
      expect(count).toBe(ids.length);
      expect(compulsory).toBe(new Set(ids).size);
      expect(misses).toBeGreaterThanOrEqual(compulsory);
      expect(evictions.dirty).toBe(0);
      expect(evictions.clean).toBeLessThanOrEqual(misses);
    }),
  );
});

test('no policy misses less than the optimum', () => {
  fc.assert(
    fc.property(references, fc.integer({ min: 1, max: 18 }), ({ ids }, frames) => {
      const optimum = simulate(ids, { policy: named('belady'), frames, pages: 16 }).misses;
      // LIRS as libCacheSim has it may hold a page more than it has frames: its header says when.
      for (const policy of replayPolicies.filter(({ name }) => name !== 'lirs-lcs')) {
        expect(simulate(ids, { policy, frames, pages: 16 }).misses, policy.name).toBeGreaterThanOrEqual(optimum);
      }
    }),
  );
});

test('several sizes in one pass are the same as one by one', () => {
  const ids = Uint32Array.from({ length: 300_000 }, (_, i) => (i < 500 ? i : ((i * i) % 7919) % 500));
  const sizes = [1, 50, 499, 500];
  for (const policy of [named('arc'), named('belady'), named('clock')]) {
    const together = simulateSizes(ids, { policy, sizes, pages: 500 });
    expect(together).toEqual(sizes.map((frames) => simulate(ids, { policy, frames, pages: 500 })));
  }
});

test('the future tells for each position the next one with the same page', () => {
  const ids = Uint32Array.of(0, 1, 0, 2, 1, 0);
  expect([...futureOf(ids, 3).nextUse]).toEqual([2, 4, 5, 6, 6, 6]);
});
