// A set of page ids that knows its lowest and its highest member: a bitmap with summaries.
//
//   level 0   one bit per page                       [ 0000 | 0100 | 0000 | 1001 ]
//   level 1   one bit per word of level 0, 1 = not 0 [           1 0 1 0         ]
//   ...       up to a level of one word
//
// Invariant PS1: a bit of level k + 1 is set exactly if its word of level k is not 0.
// Cost: add, remove and lowest O(log32 capacity): 4 steps for a million pages; 33/32 bits per page.
// The `as number` on array reads: words exist for every page below the capacity, and each word has its bit on the level above.

import { invariant } from '../base/index.ts';

/** A set of integers in [0, capacity). */
export class PageSet {
  readonly #levels: readonly Uint32Array[];

  constructor(capacity: number) {
    const levels: Uint32Array[] = [];
    let words = capacity;
    do {
      words = Math.max(1, Math.ceil(words / 32));
      levels.push(new Uint32Array(words));
    } while (words > 1);
    this.#levels = levels;
  }

  has(page: number): boolean {
    return ((((this.#levels[0] as Uint32Array)[page >>> 5] as number) >>> (page & 31)) & 1) === 1;
  }

  /** Adds `page`; no change if it is a member. */
  add(page: number): void {
    let at = page;
    for (const level of this.#levels) {
      const word = level[at >>> 5] as number;
      level[at >>> 5] = word | (1 << (at & 31));
      if (word !== 0) return;
      at >>>= 5;
    }
  }

  /** Removes `page`; no change if it is not a member. */
  remove(page: number): void {
    let at = page;
    for (const level of this.#levels) {
      level[at >>> 5] = (level[at >>> 5] as number) & ~(1 << (at & 31));
      if (level[at >>> 5] !== 0) return;
      at >>>= 5;
    }
  }

  /** Returns the lowest member, or -1. */
  lowest(): number {
    let at = 0;
    for (let k = this.#levels.length - 1; k >= 0; k--) {
      const word = (this.#levels[k] as Uint32Array)[at] as number;
      if (word === 0) return -1;
      at = at * 32 + (31 - Math.clz32(word & -word));
    }
    return at;
  }

  /** Returns the highest member, or -1. */
  highest(): number {
    let at = 0;
    for (let k = this.#levels.length - 1; k >= 0; k--) {
      const word = (this.#levels[k] as Uint32Array)[at] as number;
      if (word === 0) return -1;
      at = at * 32 + (31 - Math.clz32(word));
    }
    return at;
  }

  /** Returns the lowest member above `page`, or -1. */
  after(page: number): number {
    let at = page;
    for (let k = 0; k < this.#levels.length; k++) {
      const word = (this.#levels[k] as Uint32Array)[at >>> 5] as number;
      const above = (at & 31) === 31 ? 0 : word & (-2 << (at & 31));
      if (above !== 0) return this.#lowestBelow(k, (at & ~31) + (31 - Math.clz32(above & -above)));
      at >>>= 5;
    }
    return -1;
  }

  /** Panics (PS1) if a summary differs from what it sums up. */
  check(): void {
    for (let k = 0; k + 1 < this.#levels.length; k++) {
      (this.#levels[k] as Uint32Array).forEach((word, i) => {
        const bit = (((this.#levels[k + 1] as Uint32Array)[i >>> 5] as number) >>> (i & 31)) & 1;
        invariant((word !== 0) === (bit === 1), 'PS1', () => `word ${i} of level ${k} is ${word}, its bit above ${bit}`);
      });
    }
  }

  /** Returns the lowest member under bit `at` of level `k`. */
  #lowestBelow(k: number, at: number): number {
    let found = at;
    for (let level = k - 1; level >= 0; level--) {
      const word = (this.#levels[level] as Uint32Array)[found] as number;
      found = found * 32 + (31 - Math.clz32(word & -word));
    }
    return found;
  }
}
