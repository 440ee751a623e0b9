// What every policy must do in a replay, and what each of the well-known ones must do exactly: a plain one beside it, on random traces.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { futureOf } from '../lab/index.ts';
import type { AnyPolicyKind, Replayed } from './replacement-policy.ts';
import { SimulatedMemory } from './simulated-memory.ts';

/** Refers to a page; tells whether it was resident. */
export type Refer = (page: number, access: 'read' | 'write') => boolean;

/** A trace with dense ids, in which some references write. */
interface SmallTrace {
  readonly pages: number;
  readonly ids: Uint32Array;
  readonly writes: Uint8Array;
}

/** Short traces over few pages, some with stretches that repeat, so that ghosts come back and hands go round. One run in three writes. */
const traces = fc
  .tuple(fc.integer({ min: 1, max: 24 }), fc.array(fc.tuple(fc.nat(1000), fc.integer({ min: 1, max: 4 })), { maxLength: 60, size: 'max' }))
  .map(([pages, runs]) => {
    const ids = runs.flatMap(([first, length]) => Array.from({ length }, (_, i) => (first + i) % pages));
    const writes = runs.flatMap(([first, length]) => Array.from({ length }, () => (first % 3 === 0 ? 1 : 0)));
    return { pages, ids: Uint32Array.from(ids), writes: Uint8Array.from(writes) };
  });

/** A longer trace over more pages: a few are used often, and a loop goes through the others now and then. */
const longer: SmallTrace = (() => {
  const draw = (n: number): number => (Math.imul(n + 1, 0x9e3779b1) >>> 4) / 2 ** 28;
  const ids = Uint32Array.from({ length: 2_100 }, (_, n) => Math.floor(n % 700 < 500 ? 320 * draw(n) ** 3 : n % 160));
  return { pages: 320, ids, writes: ids.map((id) => (id % 5 === 0 ? 1 : 0)) as unknown as Uint8Array };
})();

/** Frames for it: small, about WSClock's 64 looks, one and two hundred, where hundredths, tenths and quarters round. */
const longerFrames = [3, 19, 66, 101, 203];

const frameCounts = fc.integer({ min: 1, max: 26 });

/** Makes a policy in a simulated memory. */
function replayed(kind: AnyPolicyKind, { ids, writes, pages }: SmallTrace, frames: number): { policy: Replayed; memory: SimulatedMemory } {
  const memory = new SimulatedMemory({ pages, frames, chunk: Math.max(1, ids.length) });
  memory.writes = writes;
  const policy =
    kind.sees === 'bits'
      ? kind.make({ capacity: pages, atOnce: Math.min(pages, frames), bits: memory, seed: 1 })
      : kind.make({ pages, frames, seed: 1, future: futureOf(ids, pages) });
  return { policy, memory };
}

/** Returns the positions of the misses, one reference replayed at a time, with a check after each, or each so many. */
function missesOf(kind: AnyPolicyKind, trace: SmallTrace, frames: number, checkEach = 1): number[] {
  const { ids } = trace;
  const { policy, memory } = replayed(kind, trace, frames);
  const misses: number[] = [];
  for (let at = 0; at < ids.length; at++) {
    const page = ids[at] as number;
    const wasKnown = policy.has(page);
    const missed = policy.replay(ids, at, at + 1, memory);
    expect(missed, `position ${at}`).toBe(wasKnown ? 0 : 1);
    if (missed === 1) misses.push(memory.misses[0] as number);
    if (at % checkEach === 0) policy.check();
  }
  policy.check();
  return misses;
}

/** Declares the tests of one policy's replay. */
export function describeReplay(kind: AnyPolicyKind): void {
  describe(`replay: ${kind.name}`, () => {
    test('a known page is a hit, another a miss, and pieces of a trace add up (RP4)', () => {
      fc.assert(
        fc.property(traces, frameCounts, (trace, frames) => {
          const misses = missesOf(kind, trace, frames);
          expect(misses).toEqual([...misses].sort((a, b) => a - b));
          const { policy, memory } = replayed(kind, trace, frames);
          const count = policy.replay(trace.ids, 0, trace.ids.length, memory);
          expect([...memory.misses.subarray(0, count)]).toEqual(misses);
          policy.check();
        }),
        { numRuns: 100 },
      );
    });

    test('misses each page once when all of them fit', () => {
      fc.assert(
        fc.property(traces, (trace) => {
          expect(missesOf(kind, trace, 2 * trace.pages + 4).length).toBe(new Set(trace.ids).size);
        }),
        { numRuns: 20 },
      );
    });
  });
}

/** Declares that a policy misses exactly where a plain one does. */
export function describeAgainstPlain(kind: AnyPolicyKind, plain: (frames: number, trace: readonly number[]) => Refer): void {
  const compare = (trace: SmallTrace, frames: number, checkEach?: number): void => {
    const { ids, writes } = trace;
    const refer = plain(frames, [...ids]);
    const expected = [...ids.keys()].filter((at) => !refer(ids[at] as number, writes[at] === 1 ? 'write' : 'read'));
    expect(missesOf(kind, trace, frames, checkEach)).toEqual(expected);
  };

  test(`${kind.name} misses exactly where its definition, written plainly, does`, () => {
    fc.assert(
      fc.property(traces, frameCounts, (trace, frames) => compare(trace, frames)),
      { numRuns: 100 },
    );
    for (const frames of longerFrames) compare(longer, frames, 50);
  });
}
