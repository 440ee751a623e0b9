// Spatial sampling: some of the pages, chosen by a hash of their ids, and all references to those. What a memory of C frames does to the
// whole trace a memory of R x C frames does to the sample, about: distances shrink by the share, misses too.
//
//   ids  0 1 2 3 4 ...   hash below the threshold?   - 0 - - 1 ...      the chosen ones, numbered again in order
//
// The same pages are chosen every time, whatever the trace does: no state, no randomness. Since the trace's pages are known, R is what share
// of them was really chosen, not what was asked for: with a hundred pages in the sample that is several times nearer to the truth.
// Source: Waldspurger et al., "Efficient MRC Construction with SHARDS", FAST 2015.

import { pageHash, SAMPLE_RANGE } from '../trace/index.ts';

/** A fixed share of a trace's pages. */
export class PageSample {
  /** R: share of the pages that was chosen, above 0 and up to 1. */
  readonly rate: number;
  /** Pages that were chosen: their numbers in the sample are below it. */
  readonly pages: number;
  /** Number in the sample of each page, -1 for those that are not in it. */
  readonly #numbers: Int32Array;
  #out = new Uint32Array(0);
  /** References to all pages so far, and to those of the sample. */
  references = 0;
  sampled = 0;

  /** @param pages the distinct pages of the trace, at least 1: ids are integers in [0, pages). @param share what share of them to choose, about; one page at least is chosen */
  constructor(pages: number, share: number) {
    const threshold = Math.round(share * SAMPLE_RANGE);
    let chosen = 0;
    this.#numbers = Int32Array.from({ length: pages }, (_, page) => (pageHash(page) < threshold ? chosen++ : -1));
    if (chosen === 0) this.#numbers[0] = chosen++;
    this.pages = chosen;
    this.rate = chosen / pages;
  }

  /** Counts from here on. */
  restart(): void {
    this.references = 0;
    this.sampled = 0;
  }

  /** Returns the references of `ids` to pages of the sample, by their numbers there. The next call uses the same memory. */
  of(ids: Uint32Array): Uint32Array {
    if (this.#out.length < ids.length) this.#out = new Uint32Array(ids.length);
    const out = this.#out;
    let count = 0;
    for (let at = 0; at < ids.length; at++) {
      const number = this.#numbers[ids[at] as number] as number;
      if (number >= 0) out[count++] = number;
    }
    this.references += ids.length;
    this.sampled += count;
    return out.subarray(0, count);
  }
}
