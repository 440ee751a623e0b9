// The hierarchical bitmap: one bit per frame, and above it summaries, so that the lowest free frame is a few clz instructions away.
//
//   level 2    1 0 0 0 ...                        one word
//   level 1    1 0 1 0 ...  | 0 0 0 0 ...  |      bit = 1: the word below it is not 0
//   level 0    0 0 0 1 ...  | 0 0 0 0 ...  | ...  bit = 1: the frame is free; the low bit is the lowest frame
//
//   HB1  a bit of level k + 1 is 1 exactly if its word of level k is not 0
//   HB2  bits beyond the last frame and beyond the last word are 0
//   HB3  freeCount = bits set in level 0
//
// Lowest frame first, not next-fit: free memory stays in long runs at the top, where allocateRun finds them, there is no hint to
// keep, and summaries make the search as short as a hint would. Metadata: 1 bit per frame and 1/31 of that for the summaries.
// Cost: allocate and free O(levels), 4 levels up to 4 GiB, 5 up to 128; allocateRun O(frames / 32).
// Source: the summaries are those of Linux's O(1) scheduler and of TLSF. Elsewhere: who owns a frame (frame-table.ts).

import { invariant, type Pfn } from '../base/index.ts';
import {
  ANYWHERE,
  type FrameAllocator,
  type FrameAllocatorKind,
  type MetadataRegion,
  panicNotGiven,
  type RunConstraints,
} from './frame-allocator.ts';
import { hasBit, lowestBit, nextClear, WORD_MASK, WORD_SHIFT } from './frame-bits.ts';
import { type FreeView, findRun, longestRun } from './run-search.ts';

/** Four levels, for 4 GiB, also where fewer would do: code that does not ask how many there are is a third faster. */
const FEWEST_LEVELS = 4;
/** Five levels reach 128 GiB. */
const MOST_LEVELS = 5;

/** Returns the words of each level over `count` frames, from level 0 up to the single word. */
function levelWords(count: number): number[] {
  const sizes = [Math.ceil(count / 32)];
  for (let words = sizes[0]!; words > 1 || sizes.length < FEWEST_LEVELS; sizes.push(words)) words = Math.ceil(words / 32);
  return sizes;
}

/** Frames as a bitmap with summaries. Made by `bitmapAllocator`. */
class BitmapAllocator implements FrameAllocator, FreeView {
  readonly name = 'bitmap';
  readonly metadataBytes: number;
  readonly first: number;
  readonly count: number;
  /** All levels, level 0 first; signed, so that a full word stays a small integer. */
  readonly #words: Int32Array;
  /** Where each level begins in `#words`, level 0 first. */
  readonly #starts: number[] = [];
  readonly #start1: number;
  readonly #start2: number;
  readonly #start3: number;
  readonly #start4: number;
  readonly #top: number;
  #freeCount = 0;

  constructor(first: Pfn, count: number, metadata: MetadataRegion) {
    const sizes = levelWords(count);
    let total = 0;
    for (const size of sizes) {
      this.#starts.push(total);
      total += size;
    }
    invariant(total <= metadata.words.length, 'HB1', () => `${count} frames need ${total} words, the region has ${metadata.words.length}`);
    this.#words = new Int32Array(metadata.words.buffer, metadata.words.byteOffset, total).fill(0);
    this.metadataBytes = total * 4;
    this.first = first;
    this.count = count;
    this.#top = sizes.length - 1;
    invariant(this.#top < MOST_LEVELS, 'HB1', () => `${count} frames are more than ${MOST_LEVELS} levels reach`);
    [, this.#start1 = 0, this.#start2 = 0, this.#start3 = 0, this.#start4 = 0] = this.#starts;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  // Written out level by level, without functions and imported constants: so all of it is inlined where it is called, and it is three times
  // as fast. The bits are the lowest of their words, so x & (x - 1) clears them.
  allocate(): Pfn | -1 {
    if (this.#freeCount === 0) return -1;
    this.#freeCount--;
    const words = this.#words;
    const top = this.#top;
    let word4 = 0;
    let index = 0;
    if (top > 3) {
      word4 = words[this.#start4]!;
      index = 31 - Math.clz32(word4 & -word4);
    }
    const at3 = this.#start3 + index;
    const word3 = words[at3]!;
    index = (index << 5) + 31 - Math.clz32(word3 & -word3);
    const at2 = this.#start2 + index;
    const word2 = words[at2]!;
    index = (index << 5) + 31 - Math.clz32(word2 & -word2);
    const at1 = this.#start1 + index;
    const word1 = words[at1]!;
    index = (index << 5) + 31 - Math.clz32(word1 & -word1);
    const word = words[index]!;
    const left = word & (word - 1);
    words[index] = left;
    if (left === 0) {
      words[at1] = word1 & (word1 - 1);
      if ((word1 & (word1 - 1)) === 0) {
        words[at2] = word2 & (word2 - 1);
        if ((word2 & (word2 - 1)) === 0) {
          words[at3] = word3 & (word3 - 1);
          if ((word3 & (word3 - 1)) === 0 && top > 3) words[this.#start4] = word4 & (word4 - 1);
        }
      }
    }
    return (this.first + (index << 5) + 31 - Math.clz32(word & -word)) as Pfn;
  }

  allocateRun(count: number, constraints: RunConstraints = ANYWHERE): Pfn | -1 {
    const start = findRun(this, count, constraints);
    if (start === -1) return -1;
    for (let index = start; index < start + count; index++) this.#clear(index);
    return (this.first + start) as Pfn;
  }

  free(frame: Pfn): void {
    const index = frame - this.first;
    if (!(index >= 0 && index < this.count)) panicNotGiven(frame);
    const words = this.#words;
    const at = index >>> 5;
    const word = words[at]!;
    const bit = 1 << index;
    if ((word & bit) !== 0) panicNotGiven(frame);
    words[at] = word | bit;
    this.#freeCount++;
    if (word === 0) this.#tellAbove(at);
  }

  /** Sets the bits above word `at` of level 0, which was 0 and is no more. A shift counts modulo 32, so no mask is needed. */
  #tellAbove(at: number): void {
    const words = this.#words;
    const at1 = this.#start1 + (at >>> 5);
    const word1 = words[at1]!;
    words[at1] = word1 | (1 << at);
    if (word1 !== 0) return;
    const at2 = this.#start2 + (at >>> 10);
    const word2 = words[at2]!;
    words[at2] = word2 | (1 << (at >>> 5));
    if (word2 !== 0) return;
    const at3 = this.#start3 + (at >>> 15);
    const word3 = words[at3]!;
    words[at3] = word3 | (1 << (at >>> 10));
    if (word3 !== 0 || this.#top === 3) return;
    words[this.#start4] = words[this.#start4]! | (1 << (at >>> 15));
  }

  largestFree(): number {
    return longestRun(this);
  }

  isFree(frame: Pfn): boolean {
    const index = frame - this.first;
    return index >= 0 && index < this.count && this.#isFree(index);
  }

  check(): void {
    const sizes = levelWords(this.count);
    let free = 0;
    for (let index = 0; index < sizes[0]! * 32; index++) {
      if (!this.#isFree(index)) continue;
      invariant(index < this.count, 'HB2', () => `bit ${index} is set beyond the last frame`);
      free++;
    }
    invariant(free === this.#freeCount, 'HB3', () => `${free} bits are set, freeCount is ${this.#freeCount}`);
    for (let level = 1; level <= this.#top; level++) this.#checkSummary(level, sizes[level]!, sizes[level - 1]!);
  }

  #checkSummary(level: number, words: number, wordsBelow: number): void {
    for (let index = 0; index < words * 32; index++) {
      const bit = (this.#words[this.#starts[level]! + (index >>> WORD_SHIFT)]! >>> (index & WORD_MASK)) & 1;
      invariant(index < wordsBelow || bit === 0, 'HB2', () => `level ${level} bit ${index} is set beyond the last word`);
      const expected = index < wordsBelow && this.#words[this.#starts[level - 1]! + index] !== 0 ? 1 : 0;
      invariant(bit === expected, 'HB1', () => `level ${level} bit ${index} is ${bit}`);
    }
  }

  #isFree(index: number): boolean {
    return hasBit(this.#words, index);
  }

  /** Marks a free frame as given, and its words in the summaries as 0 when they become so. */
  #clear(index: number): void {
    this.#freeCount--;
    for (let level = 0; level <= this.#top; level++) {
      const at = this.#starts[level]! + (index >>> WORD_SHIFT);
      const word = this.#words[at]! & ~(1 << (index & WORD_MASK));
      this.#words[at] = word;
      if (word !== 0) return;
      index >>>= WORD_SHIFT;
    }
  }

  /** Goes up until a summary has a later bit, then down. See `FreeView`. */
  nextFree(from: number): number {
    let position = from;
    for (let level = 0; level <= this.#top; level++) {
      const wordIndex = position >>> WORD_SHIFT;
      // Past the last word of a level there is nothing; the level above may not have a word for it at all.
      if (wordIndex * 32 ** (level + 1) >= this.count) return this.count;
      const later = this.#words[this.#starts[level]! + wordIndex]! & (-1 << (position & WORD_MASK));
      if (later !== 0) return this.#descend(level, (wordIndex << WORD_SHIFT) + lowestBit(later));
      position = wordIndex + 1;
    }
    return this.count;
  }

  /** See `FreeView`: a run of 32 aligned frames, 128 KiB, is one word. */
  nextGiven(from: number, to: number): number {
    return nextClear(this.#words, from, to);
  }

  /** Returns the lowest free index below bit `index` of `level`, which is 1. */
  #descend(level: number, index: number): number {
    while (level > 0) {
      level--;
      index = (index << WORD_SHIFT) + lowestBit(this.#words[this.#starts[level]! + index]!);
    }
    return index;
  }
}

/** The hierarchical bitmap, lowest frame first. */
export const bitmapAllocator: FrameAllocatorKind = {
  name: 'bitmap',
  metadataBytes: (count) => 4 * levelWords(count).reduce((sum, words) => sum + words, 0),
  make: (first, count, metadata) => new BitmapAllocator(first, count, metadata),
};
