// LRU's miss-ratio curve from reuse times alone: the average eviction time.
//
//   P(t)     share of references whose reuse time is longer than t; first references count as never reused
//   AET(c)   how long a page stays in c frames if it is not used again:  sum of P(t) for t = 0, 1, ..., AET(c) - 1  =  c
//   m(c)     P(AET(c)): a reference misses if its page was away for longer
//
// Why: a page at stack place k moves down by one at each reference whose own reuse time is longer than the time since that page was used,
// so it moves by P(t) on average. It is a model: it takes pages to be alike, and time to be all alike. Exact for a loop.
//
// Reuse times up to 4,096 are counted one by one, longer ones in 64 bins for each doubling, all of a bin
// at their mean, so that a loop's cliff stays where it is.
// Cost: O(1) for each reference, O(log bins) for each size. Source: Hu et al., "Kinetic Modeling of Data Eviction in Cache", ATC 2016.

import { ReuseTimes } from './reuse-times.ts';

/** Reuse times that have a bin of their own; above, a bin is 1.6 % as wide as its times are long. */
const EXACT_TIMES = 4096;
const STEPS_PER_DOUBLING = 64;
/** The longest trace there can be, in doublings. */
const LONGEST_SHIFT = 53;

/** An estimate of LRU's misses for every size, from a dense trace fed piece by piece. */
export class AverageEvictionTime {
  readonly #times: ReuseTimes;

  /** @param pages ids are integers in [0, pages). */
  constructor(pages: number) {
    this.#times = new ReuseTimes(pages, boundsOf());
  }

  /** Refers to the pages `ids` in order. */
  feed(ids: Uint32Array): void {
    this.#times.feed(ids);
  }

  /** Returns the estimated misses, a whole number, for each of `sizes` in frames, ascending. */
  misses(sizes: readonly number[]): number[] {
    const { references, pages, bounds, counts, sums } = this.#times;
    let longer = references;
    let area = 0;
    let time = 0;
    let bin = 0;
    return sizes.map((frames) => {
      // The areas under P are compared times the references: whole numbers, so that no rounding tells a loop that fits from one that does not.
      const wanted = frames * references;
      for (; bin < bounds.length; bin++) {
        const inBin = counts[bin] as number;
        if (inBin === 0) continue;
        const mean = (sums[bin] as number) / inBin;
        const areaToMean = area + longer * (mean - time);
        if (wanted < areaToMean) return longer;
        area = areaToMean;
        time = mean;
        longer -= inBin;
      }
      return pages;
    });
  }
}

/** Returns the bounds of the bins: 1, 2, ..., 4096, and from there on 64 for each doubling. */
function boundsOf(): number[] {
  const bounds = Array.from({ length: EXACT_TIMES }, (_, i) => i + 1);
  for (let shift = Math.log2(EXACT_TIMES); shift < LONGEST_SHIFT; shift++) {
    for (let step = 1; step <= STEPS_PER_DOUBLING; step++) bounds.push(2 ** shift + (step * 2 ** shift) / STEPS_PER_DOUBLING);
  }
  return bounds;
}
