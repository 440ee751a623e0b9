// The lock-free bitmap: several workers give and take frames of one shared memory at once, and nobody ever waits for a lock.
//
//   words   | free | group 0 | group 1 | ... | bits of group 0: 32 words | bits of group 1 | ...      a group is 1,024 frames
//
//   allocate    one token from `free` (none: -1), one from a group that has some, then a bit of that group: each an atomic step
//   free        the bit, the group's token, `free`: in this order, so that behind every token there is a bit
//
//   AB1  bits of a group >= its tokens, the groups' tokens together >= `free`; equal while nobody is between two steps
//   AB2  bits beyond the last frame are 0
//   AB3  a bit goes from 1 to 0 only by an atomic step that saw it as 1: no frame is given twice
//
// Tokens make `-1` exact: whoever holds one will find a bit, as those that look at the same word take other bits, and a bit that is gone
// has taken its token along. A search never begins again because of somebody who sleeps: lock-free. Each allocator object begins
// at the group where it was last, so that workers drift apart.
// allocateRun takes tokens for all frames, then the words of a run; if somebody was faster it puts back what it took and looks
// for the next. Under contention it may so miss a run that comes and goes; alone it is exact (FA4).
//
// Metadata: 1 bit per frame, and 4 bytes per 1,024 frames. Cost: three atomic steps each; beside the bit, `free` is a line that all share.
// Source: RDOS's lock-free bitmap of physical memory. Elsewhere: the same bits for one processor (flat-bitmap-allocator.ts).

import { invariant, type Pfn } from '../base/index.ts';
import {
  ANYWHERE,
  expectWords,
  type FrameAllocator,
  type FrameAllocatorKind,
  type MetadataRegion,
  panicNotGiven,
  type RunConstraints,
} from './frame-allocator.ts';
import { bitCount, bitsBetween, hasBit, nextClear, nextSet, WORD_MASK, WORD_SHIFT } from './frame-bits.ts';
import { type FreeView, findRun, longestRun } from './run-search.ts';

/** log2 of the frames of a group, and its words of bits. */
const GROUP_SHIFT = 10;
const GROUP_WORDS = 32;
/** Place of the count of all free frames; the groups' counts follow. */
const FREE = 0;
const GROUPS = 1;

const groupsFor = (count: number): number => Math.ceil(count / 1024);
const wordsFor = (count: number): number => GROUPS + groupsFor(count) + Math.ceil(count / 32);

/** Frames as bits that many may take. Made by `atomicBitmapAllocator`, or over a region in use by `attachAtomicBitmap`. */
class AtomicBitmapAllocator implements FrameAllocator, FreeView {
  readonly name = 'atomic-bitmap';
  readonly metadataBytes: number;
  readonly first: number;
  readonly count: number;
  readonly #words: Int32Array;
  readonly #bits: Int32Array;
  readonly #groups: number;
  readonly #bitsAt: number;
  /** The group that the last frame came from: this object's own. */
  #group = 0;

  /** Lays the allocator over `words`, whose content stays as it is. */
  constructor(first: Pfn, count: number, words: Uint32Array) {
    const needed = wordsFor(count);
    expectWords(words, needed, 'AB1');
    this.#words = new Int32Array(words.buffer, words.byteOffset, needed);
    this.#groups = groupsFor(count);
    this.#bitsAt = GROUPS + this.#groups;
    this.#bits = this.#words.subarray(this.#bitsAt);
    this.metadataBytes = 4 * needed;
    this.first = first;
    this.count = count;
  }

  get freeCount(): number {
    return Atomics.load(this.#words, FREE);
  }

  allocate(): Pfn | -1 {
    if (!takeTokens(this.#words, FREE, 1)) return -1;
    let group = this.#group;
    // Ends: there are at least as many tokens in the groups as were taken from `free` and not from a group.
    while (!takeTokens(this.#words, GROUPS + group, 1)) group = group + 1 === this.#groups ? 0 : group + 1;
    this.#group = group;
    return (this.first + this.#takeBit(group)) as Pfn;
  }

  allocateRun(count: number, constraints: RunConstraints = ANYWHERE): Pfn | -1 {
    let start = findRun(this, count, constraints);
    if (start === -1 || !takeTokens(this.#words, FREE, count)) return -1;
    while (start !== -1 && !this.#claim(start, start + count)) start = findRun(this, count, constraints);
    if (start !== -1) return (this.first + start) as Pfn;
    Atomics.add(this.#words, FREE, count);
    return -1;
  }

  free(frame: Pfn): void {
    const index = frame - this.first;
    if (!(index >= 0 && index < this.count)) panicNotGiven(frame);
    const bit = 1 << (index & WORD_MASK);
    const before = Atomics.or(this.#words, this.#bitsAt + (index >>> WORD_SHIFT), bit);
    if ((before & bit) !== 0) panicNotGiven(frame);
    Atomics.add(this.#words, GROUPS + (index >>> GROUP_SHIFT), 1);
    Atomics.add(this.#words, FREE, 1);
  }

  largestFree(): number {
    return longestRun(this);
  }

  isFree(frame: Pfn): boolean {
    const index = frame - this.first;
    return index >= 0 && index < this.count && hasBit(this.#bits, index);
  }

  /** Walks everything; for when nobody else is at work. */
  check(): void {
    let free = 0;
    for (let group = 0; group < this.#groups; group++) {
      const bits = this.#bits.subarray(group * GROUP_WORDS, (group + 1) * GROUP_WORDS).reduce((sum, word) => sum + bitCount(word), 0);
      const tokens = this.#words[GROUPS + group]!;
      invariant(bits === tokens, 'AB1', () => `group ${group} has ${bits} free frames and ${tokens} tokens`);
      free += bits;
    }
    invariant(free === this.freeCount, 'AB1', () => `${free} bits are set, freeCount is ${this.freeCount}`);
    const end = this.#bits.length * 32;
    invariant(nextSet(this.#bits, this.count, end) === end, 'AB2', () => 'a bit is set beyond the last frame');
  }

  /** See `FreeView`. */
  nextFree(from: number): number {
    return nextSet(this.#bits, from, this.count);
  }

  /** See `FreeView`. */
  nextGiven(from: number, to: number): number {
    return nextClear(this.#bits, from, to);
  }

  /** Takes a bit of a group of which a token is held. Returns its index. */
  #takeBit(group: number): number {
    const words = this.#words;
    const from = group * GROUP_WORDS;
    const end = Math.min(from + GROUP_WORDS, this.#bits.length);
    for (;;) {
      for (let at = from; at < end; at++) {
        for (let word = Atomics.load(words, this.#bitsAt + at); word !== 0; ) {
          const bit = word & -word;
          word = Atomics.and(words, this.#bitsAt + at, ~bit);
          if ((word & bit) !== 0) return (at << WORD_SHIFT) + WORD_MASK - Math.clz32(bit);
        }
      }
    }
  }

  /** Takes the frames [start, end), for which tokens of `free` are held: all, or none if somebody was faster. */
  #claim(start: number, end: number): boolean {
    let index = start;
    while (index < end) {
      const next = Math.min((index | WORD_MASK) + 1, end);
      if (!this.#claimInWord(index, next)) break;
      index = next;
    }
    if (index === end) return true;
    for (let back = start; back < index; ) {
      const next = Math.min((back | WORD_MASK) + 1, index);
      this.#unclaim(back, bitsBetween(back & WORD_MASK, ((next - 1) & WORD_MASK) + 1));
      back = next;
    }
    return false;
  }

  /** Takes the frames [from, to) of one word with their group's tokens, or none. */
  #claimInWord(from: number, to: number): boolean {
    const group = GROUPS + (from >>> GROUP_SHIFT);
    if (!takeTokens(this.#words, group, to - from)) return false;
    const wanted = bitsBetween(from & WORD_MASK, ((to - 1) & WORD_MASK) + 1);
    const got = Atomics.and(this.#words, this.#bitsAt + (from >>> WORD_SHIFT), ~wanted) & wanted;
    if (got === wanted) return true;
    // What was there goes back as bits; all tokens do, since those for the other bits were somebody's who has the bits now.
    Atomics.or(this.#words, this.#bitsAt + (from >>> WORD_SHIFT), got);
    Atomics.add(this.#words, group, to - from);
    return false;
  }

  #unclaim(index: number, bits: number): void {
    Atomics.or(this.#words, this.#bitsAt + (index >>> WORD_SHIFT), bits);
    Atomics.add(this.#words, GROUPS + (index >>> GROUP_SHIFT), bitCount(bits));
  }
}

/** Takes `count` tokens if there are that many. */
function takeTokens(words: Int32Array, at: number, count: number): boolean {
  for (let seen = Atomics.load(words, at); seen >= count; ) {
    const found = Atomics.compareExchange(words, at, seen, seen - count);
    if (found === seen) return true;
    seen = found;
  }
  return false;
}

/**
 * Returns an allocator over a region that `atomicBitmapAllocator` has laid out and others use: for a second worker on a SharedArrayBuffer.
 * First frame and count are the same for all.
 */
export function attachAtomicBitmap(first: Pfn, count: number, metadata: MetadataRegion): FrameAllocator {
  return new AtomicBitmapAllocator(first, count, metadata.words);
}

/** The lock-free bitmap. On a region that is not shared it works as well, for one. */
export const atomicBitmapAllocator: FrameAllocatorKind = {
  name: 'atomic-bitmap',
  metadataBytes: (count) => 4 * wordsFor(count),
  make: (first, count, metadata) => {
    metadata.words.fill(0, 0, Math.min(wordsFor(count), metadata.words.length));
    return new AtomicBitmapAllocator(first, count, metadata.words);
  },
};
