// How far to read ahead in swap: whoever misses one page of a run may miss its neighbours too, and a device reads sixteen at little more
// than the cost of one.
//
//   a space's streams     [ last read of it: first .. end ) window     the eight that were read from last
//
//   a fault at page p     is within 16 pages of a stream: it goes on, forwards or backwards
//                             window = pages of its last read that were used since, + 2, rounded up to a power of two
//                                      (1 if none was used and p is not just beside it); at least half of what it was; at most 16
//                         is near none: a new stream, in the place of the one unused longest
//                             window = the space's opening: doubled when a stream that goes had half of its last read used, else halved
//
// So a sequence opens its window in three faults, several sequences do not disturb each other, and accesses at random close theirs: each
// reads what was asked for, and nothing else. Whether a page was used is its reference bit. `random` advice reads nothing ahead, `sequential`
// all that can be, ahead only.
//
// Cost: a fault looks at eight streams and at the bits of sixteen pages. Sources: Linux's read-ahead in swap by areas (mm/swap_state.c), which
// has one stream for each area. Elsewhere: which pages can come along, and reading them (uvm/swap-in.ts and the managers in systems/).

import type { PhysicalMap, Pmap } from '../pmap/index.ts';
import { CLUSTER_PAGES } from './swap-space.ts';

/** How many pages a swap-in reads: as many as are used, always the same number, or only the one that is missing. */
export type SwapReadAhead = 'adaptive' | 'off' | number;

/** Sequences that are told apart: a matrix product has three, and a program a stack and some more. */
const STREAMS = 8;
const NOWHERE = -2 * CLUSTER_PAGES;
/** The least that a stream with any page used reads. */
const SMALLEST_WINDOW = 4;

/** Looking for neighbours in vain so often means that they do not lie together. */
const FRUITLESS_READS = 8;

/** Where a space was read from swap last, and what came of it. */
export class SwapStreams {
  /** A stream that is none yet lies far from every page. */
  readonly #first = new Float64Array(STREAMS).fill(NOWHERE);
  readonly #end = new Float64Array(STREAMS).fill(NOWHERE);
  readonly #window = new Uint8Array(STREAMS);
  /** When each was read from: the least is replaced. */
  readonly #used = new Float64Array(STREAMS);
  #reads = 0;
  #opening = SMALLEST_WINDOW;
  /** Reads in a row that wanted neighbours and found none beside them in swap. */
  #fruitless = 0;
  /** The stream of the read at hand. */
  #at = 0;
  #ahead = 0;
  #behind = 0;

  /** Pages after the missing one that the last `plan` wants, if they are there to be had. */
  get ahead(): number {
    return this.#ahead;
  }

  /** The same before it. */
  get behind(): number {
    return this.#behind;
  }

  /** Decides how many pages beside `page`, which must come in, to read with it. */
  plan(setting: SwapReadAhead, pmaps: PhysicalMap, pmap: Pmap, page: number, advice: 'normal' | 'random' | 'sequential'): void {
    this.#ahead = 0;
    this.#behind = 0;
    if (setting === 'off' || advice === 'random') return;
    const goesOn = this.#find(page);
    let window = goesOn ? this.#continued(page, pmaps, pmap) : this.#opened(pmaps, pmap);
    if (setting !== 'adaptive') window = setting;
    if (advice === 'sequential') window = CLUSTER_PAGES;
    this.#window[this.#at] = window;
    if (window === 1) return;
    if (advice === 'sequential') this.#ahead = window - 1;
    else if (!goesOn) this.#around(page, window);
    else if (page < (this.#first[this.#at] as number)) this.#behind = window - 1;
    else this.#ahead = window - 1;
  }

  /** A block that is aligned, so that two of them do not overlap. */
  #around(page: number, window: number): void {
    this.#behind = page % window;
    this.#ahead = window - 1 - this.#behind;
  }

  /** Records what the read that was planned last brought in: [first, end). */
  read(first: number, end: number): void {
    if (end - first > 1) this.#fruitless = 0;
    else if ((this.#window[this.#at] as number) > 1 && ++this.#fruitless === FRUITLESS_READS) this.#narrow();
    this.#first[this.#at] = first;
    this.#end[this.#at] = end;
    this.#used[this.#at] = ++this.#reads;
  }

  #narrow(): void {
    this.#opening = Math.max(1, this.#opening >> 1);
    this.#fruitless = 0;
  }

  /** Nothing could be read ahead: a device that fails for one page may fail for more. */
  failed(): void {
    this.#window[this.#at] = 1;
  }

  /** Finds the stream that `page` continues; or the one unused longest, and returns false. */
  #find(page: number): boolean {
    let oldest = 0;
    for (let at = 0; at < STREAMS; at++) {
      if (page >= (this.#first[at] as number) - CLUSTER_PAGES && page < (this.#end[at] as number) + CLUSTER_PAGES) {
        this.#at = at;
        return true;
      }
      if ((this.#used[at] as number) < (this.#used[oldest] as number)) oldest = at;
    }
    this.#at = oldest;
    return false;
  }

  #continued(page: number, pmaps: PhysicalMap, pmap: Pmap): number {
    const at = this.#at;
    const first = this.#first[at] as number;
    const end = this.#end[at] as number;
    const isBeside = page === end || page === first - 1;
    let wanted = isBeside ? 2 : 1;
    if (end - first === 1) wanted = Math.max(wanted, this.#opening);
    else {
      const hits = this.#hits(pmaps, pmap);
      if (hits > 0) wanted = powerAtLeast(Math.max(SMALLEST_WINDOW, hits + 2));
      else this.#narrow();
    }
    return Math.min(CLUSTER_PAGES, Math.max(wanted, (this.#window[at] as number) >> 1));
  }

  /** The stream that goes tells how well it is guessed in this space. */
  #opened(pmaps: PhysicalMap, pmap: Pmap): number {
    const beside = (this.#end[this.#at] as number) - (this.#first[this.#at] as number) - 1;
    if (beside > 0) {
      const hits = this.#hits(pmaps, pmap);
      if (2 * hits >= beside) this.#opening = Math.min(CLUSTER_PAGES, 2 * this.#opening);
      else if (hits === 0) this.#narrow();
    }
    return this.#opening;
  }

  /** Counts the pages of a stream's last read, beside the one that was missing, that were used since. */
  #hits(pmaps: PhysicalMap, pmap: Pmap): number {
    return Math.max(0, bitsIn(pmaps.referencedPages(pmap, this.#first[this.#at] as number, this.#end[this.#at] as number)) - 1);
  }
}

function powerAtLeast(count: number): number {
  return 2 ** (32 - Math.clz32(count - 1));
}

function bitsIn(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}
