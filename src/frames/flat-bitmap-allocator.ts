// The flat bitmap: one bit per frame and nothing above it, as in the first memory manager that everybody writes.
//
//   word      | 0 0 0 0 | 0 0 0 0 | 0 1 0 1 | ...        1 = free; the low bit is the lowest frame
//                                   ^ lowest: no word before it has a free frame
//
//   FB1  freeCount = bits set
//   FB2  bits beyond the last frame are 0
//   FB3  the words before `lowest` are 0
//
// Lowest frame first. Metadata: 1 bit per frame, 512 KiB for 16 GiB. Cost: free O(1), allocate O(frames / 32) in the worst case:
// whoever frees a low frame sends the next search back there, and at half full churn it reads thousands of full words for each frame.
// A hint that only moves on (next fit) would hide that in a benchmark, and scatter what is free over all of memory.
// Elsewhere: the same bits with summaries above them, 3 % more (bitmap-allocator.ts).

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
import { bitCount, hasBit, lowestBit, nextClear, nextSet, WORD_MASK, WORD_SHIFT } from './frame-bits.ts';
import { type FreeView, findRun, longestRun } from './run-search.ts';

/** Frames as bits. Made by `flatBitmapAllocator`. */
class FlatBitmapAllocator implements FrameAllocator, FreeView {
  readonly name = 'flat-bitmap';
  readonly metadataBytes: number;
  readonly first: number;
  readonly count: number;
  readonly #words: Int32Array;
  #lowest = 0;
  #freeCount = 0;

  constructor(first: Pfn, count: number, { words }: MetadataRegion) {
    const needed = Math.ceil(count / 32);
    expectWords(words, needed, 'FB1');
    this.#words = new Int32Array(words.buffer, words.byteOffset, needed).fill(0);
    this.metadataBytes = needed * 4;
    this.first = first;
    this.count = count;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  allocate(): Pfn | -1 {
    if (this.#freeCount === 0) return -1;
    const words = this.#words;
    let at = this.#lowest;
    let word = words[at]!;
    while (word === 0) word = words[++at]!;
    this.#lowest = at;
    words[at] = word & (word - 1);
    this.#freeCount--;
    return (this.first + (at << WORD_SHIFT) + lowestBit(word)) as Pfn;
  }

  allocateRun(count: number, constraints: RunConstraints = ANYWHERE): Pfn | -1 {
    const start = findRun(this, count, constraints);
    if (start === -1) return -1;
    for (let index = start; index < start + count; index++) {
      const at = index >>> WORD_SHIFT;
      this.#words[at] = this.#words[at]! & ~(1 << (index & WORD_MASK));
    }
    this.#freeCount -= count;
    return (this.first + start) as Pfn;
  }

  free(frame: Pfn): void {
    const index = frame - this.first;
    if (!(index >= 0 && index < this.count)) panicNotGiven(frame);
    const at = index >>> WORD_SHIFT;
    const word = this.#words[at]!;
    const bit = 1 << (index & WORD_MASK);
    if ((word & bit) !== 0) panicNotGiven(frame);
    this.#words[at] = word | bit;
    if (at < this.#lowest) this.#lowest = at;
    this.#freeCount++;
  }

  largestFree(): number {
    return longestRun(this);
  }

  isFree(frame: Pfn): boolean {
    const index = frame - this.first;
    return index >= 0 && index < this.count && hasBit(this.#words, index);
  }

  check(): void {
    const free = this.#words.reduce((sum, word) => sum + bitCount(word), 0);
    invariant(free === this.#freeCount, 'FB1', () => `${free} bits are set, freeCount is ${this.#freeCount}`);
    const end = this.#words.length * 32;
    invariant(nextSet(this.#words, this.count, end) === end, 'FB2', () => 'a bit is set beyond the last frame');
    const lowest = Math.min(this.#lowest, this.#words.length) * 32;
    invariant(nextSet(this.#words, 0, lowest) === lowest, 'FB3', () => `a bit is set before word ${this.#lowest}`);
  }

  /** See `FreeView`. */
  nextFree(from: number): number {
    return nextSet(this.#words, from, this.count);
  }

  /** See `FreeView`. */
  nextGiven(from: number, to: number): number {
    return nextClear(this.#words, from, to);
  }
}

/** The flat bitmap, lowest frame first. */
export const flatBitmapAllocator: FrameAllocatorKind = {
  name: 'flat-bitmap',
  metadataBytes: (count) => 4 * Math.ceil(count / 32),
  make: (first, count, metadata) => new FlatBitmapAllocator(first, count, metadata),
};
