// Synthetic reference traces and a replay loop, to hold miss counts against other simulators'.
//
// The traces are those for which the project keeps the counts of libCacheSim: 32-bit arithmetic throughout, page ids from 1.
// `traceHash` identifies a trace; the expected hashes are part of the definition.

import type { PageBits, PolicyKind } from './replacement-policy.ts';

/** The generator of the traces (Mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Zipf with exponent 1 over `pages` pages. */
export function zipfTrace(pages: number, length: number): Uint32Array {
  const random = mulberry32(42);
  const cumulative = new Float64Array(pages);
  let total = 0;
  for (let i = 0; i < pages; i++) cumulative[i] = total += 1 / (i + 1);
  return new Uint32Array(length).map(() => {
    const wanted = (random() / 2 ** 32) * total;
    let low = 0;
    let high = pages - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] as number) > wanted) high = middle;
      else low = middle + 1;
    }
    return low + 1;
  });
}

/** Six references of ten go round a loop of `loop` pages; the others to any of `rest` more. */
export function mixTrace(loop: number, rest: number, length: number): Uint32Array {
  const random = mulberry32(7);
  let at = 0;
  return new Uint32Array(length).map(() => {
    if (random() % 10 >= 6) return 1 + loop + (random() % rest);
    const page = 1 + at;
    at = (at + 1) % loop;
    return page;
  });
}

/** A working set of `width` pages, nine references of ten in its first tenth, that moves by half its width every `period` references. */
export function phaseTrace(width: number, period: number, length: number): Uint32Array {
  const random = mulberry32(99);
  return new Uint32Array(length).map((_, i) => {
    const base = Math.floor(i / period) * (width / 2);
    const isHot = random() % 10 < 9;
    return 1 + base + (random() % (isHot ? width / 10 : width));
  });
}

/** Returns the FNV-1a hash of the trace as little-endian 32-bit words, in hex. */
export function traceHash(trace: Uint32Array): string {
  let hash = 0x811c9dc5;
  for (const page of trace) {
    for (let shift = 0; shift < 32; shift += 8) hash = Math.imul(hash ^ ((page >>> shift) & 0xff), 0x01000193);
  }
  return (hash >>> 0).toString(16);
}

/** Replays `trace` with `frames` frames and counts misses. A hit sets the page's reference bit; a load leaves it clear. */
export function countMisses(kind: PolicyKind, trace: Uint32Array, frames: number): number {
  const capacity = trace.reduce((highest, page) => Math.max(highest, page), 0) + 1;
  const referenced = new Uint8Array(capacity);
  const bits: PageBits = {
    testAndClearReferenced(page) {
      const wasSet = referenced[page] === 1;
      referenced[page] = 0;
      return wasSet;
    },
    isModified: () => false,
  };
  const policy = kind.make({ capacity, bits, seed: 1 });
  let misses = 0;
  for (const page of trace) {
    if (policy.has(page)) referenced[page] = 1;
    else {
      misses++;
      if (policy.size === frames) policy.victim();
      policy.loaded(page);
      referenced[page] = 0;
    }
  }
  return misses;
}
