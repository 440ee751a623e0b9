// What every policy must do in a replay, and what each of the well-known ones must do exactly: a plain one beside it, on random traces.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { futureOf } from '../lab/index.ts';
import type { AnyPolicyKind, Replayed } from './replacement-policy.ts';
import { SimulatedMemory } from './simulated-memory.ts';

/** Refers to a page; tells whether it was resident. */
export type Refer = (page: number) => boolean;

/** Short traces over few pages, some with stretches that repeat, so that ghosts come back and hands go round. */
const traces = fc
  .tuple(fc.integer({ min: 1, max: 24 }), fc.array(fc.tuple(fc.nat(1000), fc.integer({ min: 1, max: 4 })), { maxLength: 60, size: 'max' }))
  .map(([pages, runs]) => {
    const ids = runs.flatMap(([first, length]) => Array.from({ length }, (_, i) => (first + i) % pages));
    return { pages, ids: Uint32Array.from(ids) };
  });

const frameCounts = fc.integer({ min: 1, max: 26 });

/** Makes a policy in a simulated memory. */
function replayed(kind: AnyPolicyKind, ids: Uint32Array, pages: number, frames: number): { policy: Replayed; memory: SimulatedMemory } {
  const memory = new SimulatedMemory({ pages, frames, chunk: Math.max(1, ids.length) });
  const policy =
    kind.sees === 'bits'
      ? kind.make({ capacity: pages, atOnce: Math.min(pages, frames), bits: memory, seed: 1 })
      : kind.make({ pages, frames, seed: 1, future: futureOf(ids, pages) });
  return { policy, memory };
}

/** Returns the positions of the misses, one reference replayed at a time, with a check after each. */
function missesOf(kind: AnyPolicyKind, ids: Uint32Array, pages: number, frames: number): number[] {
  const { policy, memory } = replayed(kind, ids, pages, frames);
  const misses: number[] = [];
  for (let at = 0; at < ids.length; at++) {
    const page = ids[at] as number;
    const wasKnown = policy.has(page);
    const missed = policy.replay(ids, at, at + 1, memory);
    expect(missed, `position ${at}`).toBe(wasKnown ? 0 : 1);
    if (missed === 1) misses.push(memory.misses[0] as number);
    policy.check();
  }
  return misses;
}

/** Declares the tests of one policy's replay. */
export function describeReplay(kind: AnyPolicyKind): void {
  describe(`replay: ${kind.name}`, () => {
    test('a known page is a hit, another a miss, and pieces of a trace add up (RP4)', () => {
      fc.assert(
        fc.property(traces, frameCounts, ({ ids, pages }, frames) => {
          const misses = missesOf(kind, ids, pages, frames);
          expect(misses).toEqual([...misses].sort((a, b) => a - b));
          const { policy, memory } = replayed(kind, ids, pages, frames);
          const count = policy.replay(ids, 0, ids.length, memory);
          expect([...memory.misses.subarray(0, count)]).toEqual(misses);
          policy.check();
        }),
        { numRuns: 150 },
      );
    });

    test('misses each page once when all of them fit', () => {
      fc.assert(
        fc.property(traces, ({ ids, pages }) => {
          expect(missesOf(kind, ids, pages, 2 * pages + 4).length).toBe(new Set(ids).size);
        }),
        { numRuns: 20 },
      );
    });
  });
}

/** Declares that a policy misses exactly where a plain one does. */
export function describeAgainstPlain(kind: AnyPolicyKind, plain: (frames: number, trace: readonly number[]) => Refer): void {
  test(`${kind.name} misses exactly where its definition, written plainly, does`, () => {
    fc.assert(
      fc.property(traces, frameCounts, ({ ids, pages }, frames) => {
        const refer = plain(frames, [...ids]);
        const expected = [...ids.keys()].filter((at) => !refer(ids[at] as number));
        expect(missesOf(kind, ids, pages, frames)).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });
}
