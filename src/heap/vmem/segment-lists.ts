// The free segments of one arena, by size: list n has those of 2^n to 2^(n+1) - 1, and a bit says whether a list has any. The largest
// list that cannot fail and the smallest that may fit are both found without a search.
//
//   n = floor(log2 size)      doubly linked through words 6 and 7 of the tags; the last one that came is first
// Cost: a few ns each. Source: Bonwick and Adams 2001, section 4.4.3.

import { BACK_LINK, LINK, sizeOf } from './tag-pool.ts';

/** Lists: sizes are below 2^53. */
const LISTS = 53;
const HIGH = 0x1_0000_0000;

/** Returns the list of the segments of `size`: floor(log2 size). */
export function listOf(size: number): number {
  return size < HIGH ? 31 - Math.clz32(size) : 63 - Math.clz32(size / HIGH);
}

/** The lists of one arena. */
export class SegmentLists {
  readonly #words: Uint32Array;
  readonly #heads = new Uint32Array(LISTS);
  /** Bit n of the low and the high word: list n, list 32 + n, has a segment. */
  #low = 0;
  #high = 0;

  constructor(words: Uint32Array) {
    this.#words = words;
  }

  /** First segment of list `n`, or 0. */
  first(n: number): number {
    return this.#heads[n] as number;
  }

  /** Returns the lowest list at or above `n` that has a segment; -1 if there is none. */
  nonEmpty(n: number): number {
    if (n < 32) {
      const low = this.#low & (-1 << n);
      if (low !== 0) return 31 - Math.clz32(low & -low);
    }
    const high = n >= 64 ? 0 : this.#high & (-1 << Math.max(0, n - 32));
    return high === 0 ? -1 : 63 - Math.clz32(high & -high);
  }

  /** Adds the segment of a tag. */
  insert(tag: number): void {
    const n = listOf(sizeOf(this.#words, tag));
    const head = this.#heads[n] as number;
    this.#words[tag + LINK] = head;
    this.#words[tag + BACK_LINK] = 0;
    if (head === 0) this.#mark(n);
    else this.#words[head + BACK_LINK] = tag;
    this.#heads[n] = tag;
  }

  /** Removes a segment, whose size is as it was when it came. */
  remove(tag: number): void {
    const words = this.#words;
    const [next, before] = [words[tag + LINK] as number, words[tag + BACK_LINK] as number];
    if (next !== 0) words[next + BACK_LINK] = before;
    if (before !== 0) {
      words[before + LINK] = next;
      return;
    }
    const n = listOf(sizeOf(words, tag));
    this.#heads[n] = next;
    if (next === 0) this.#unmark(n);
  }

  /** Tells whether list `n` is marked as having segments. */
  isMarked(n: number): boolean {
    return (((n < 32 ? this.#low : this.#high) >>> (n & 31)) & 1) === 1;
  }

  #mark(n: number): void {
    if (n < 32) this.#low |= 1 << n;
    else this.#high |= 1 << (n - 32);
  }

  #unmark(n: number): void {
    if (n < 32) this.#low &= ~(1 << n);
    else this.#high &= ~(1 << (n - 32));
  }
}
