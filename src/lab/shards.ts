// LRU's miss-ratio curve from a sample of the pages: the exact curve of the sample, stretched.
//
//   distance d in the sample   ->   (d - 1) / R + 1 in the whole: the page itself, and R of those in between were seen
//   m(C)                       =    1 - (hits of the sample at distances that reach C  +  adjustment) / (R x references)
//   adjustment                 =    R x references - references of the sample
//
// The adjustment puts the references that a sample has too few or too many of to the shortest distance: they are those of a few pages
// that are used all the time and happen to be in the sample or out of it. Without it the whole curve would be off by their share.
// Estimates stay between what is known for certain: each page misses once, no reference misses twice.
//
// Cost: that of exact distances for the sample, and one look in a table for every other reference.
// Source: Waldspurger, Park, Garthwaite, Ahmad, "Efficient MRC Construction with SHARDS", FAST 2015 (fixed rate, SHARDS-adj).

import { PageSample } from './page-sample.ts';
import { StackDistances } from './stack-distance.ts';

/** An estimate of LRU's misses for every size, from a sample of a dense trace fed piece by piece. */
export class Shards {
  readonly #sample: PageSample;
  readonly #distances: StackDistances;
  readonly #pages: number;
  /** Pages that miss once in any memory. */
  #compulsory: number;

  /** @param pages the distinct pages of the trace: ids are integers in [0, pages). @param share of the pages to look at, above 0 and up to 1 */
  constructor(pages: number, share: number) {
    this.#pages = pages;
    this.#compulsory = pages;
    this.#sample = new PageSample(pages, share);
    this.#distances = new StackDistances(this.#sample.pages);
  }

  /** Pages in the sample: fewer than a hundred make a poor estimate. */
  get sampledPages(): number {
    return this.#sample.pages;
  }

  /** Refers to the pages `ids` in order. */
  feed(ids: Uint32Array): void {
    this.#distances.feed(this.#sample.of(ids));
  }

  /** What was fed so far has filled memory and is counted in nothing. @param seen how many pages it referred to */
  restart(seen: number): void {
    this.#compulsory = this.#pages - seen;
    this.#sample.restart();
    this.#distances.restart();
  }

  /** Returns the estimated misses, a whole number, for each of `sizes` in frames, ascending. */
  misses(sizes: readonly number[]): number[] {
    return sizes.map(this.#estimator());
  }

  /** Returns the estimated misses with 0, 1, 2, ... frames, up to the number of pages. */
  missesBySize(): Float64Array {
    const missesWith = this.#estimator();
    return new Float64Array(this.#pages + 1).map((_, frames) => (frames === 0 ? this.#sample.references : missesWith(frames)));
  }

  /** Returns a function that takes frames, ascending from call to call. */
  #estimator(): (frames: number) => number {
    const { rate, references, sampled } = this.#sample;
    const { hits } = this.#distances.curve();
    let found = rate * references - sampled;
    let distance = 1;
    return (frames) => {
      for (; distance < hits.length && (distance - 1) / rate + 1 <= frames; distance++) found += hits[distance] as number;
      return Math.round(Math.min(references, Math.max(this.#compulsory, references - found / rate)));
    };
  }
}
