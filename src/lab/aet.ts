// LRU's miss-ratio curve from reuse times alone: the average eviction time.
//
//   P(t)     share of references whose reuse time is longer than t; first references count as never reused
//   AET(c)   how long a page stays in c frames if it is not used again:  sum of P(t) for t = 0, 1, ..., AET(c) - 1  =  c
//   m(c)     P(AET(c)): a reference misses if its page was away for longer
//
// Why: a page at stack place k moves down by one at each reference whose own reuse time is longer than the time since that page was used,
// so it moves by P(t) on average. It is a model: it takes pages to be alike, and time to be all alike. Exact for a loop.
//
// Reuse times up to 4,096 are counted one by one, longer ones in 1,024 bins for each doubling, evenly spread within.
// Cost: O(1) for each reference, O(log bins) for each size. Source: Hu et al., "Kinetic Modeling of Data Eviction in Cache", ATC 2016.

import { ReuseTimes } from './reuse-times.ts';

/** Reuse times that have a bin of their own; above, a bin is as wide as 0.1 % of its times. */
const EXACT_TIMES = 4096;
const STEPS_PER_DOUBLING = 1024;
/** The longest trace there can be, in doublings. */
const LONGEST_SHIFT = 53;

/** Returns the bounds of the bins: 1, 2, ..., 4096, and from there on 1,024 for each doubling. */
function boundsOf(): number[] {
  const bounds = Array.from({ length: EXACT_TIMES }, (_, i) => i + 1);
  for (let shift = Math.log2(EXACT_TIMES); shift < LONGEST_SHIFT; shift++) {
    for (let step = 1; step <= STEPS_PER_DOUBLING; step++) bounds.push(2 ** shift + (step * 2 ** shift) / STEPS_PER_DOUBLING);
  }
  return bounds;
}

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
    const { references, bounds, counts } = this.#times;
    let longer = references;
    let area = 0;
    let bin = 0;
    return sizes.map((frames) => {
      // All that is wanted and held are counts of references, so that no rounding tells a loop that fits from one that does not.
      const wanted = frames * references;
      for (; bin < bounds.length; bin++) {
        const width = (bounds[bin] as number) - (bin === 0 ? 0 : (bounds[bin - 1] as number));
        const inBin = counts[bin] as number;
        const binArea = areaOf(longer, inBin / width, width);
        if (area + binArea > wanted) return Math.round(longer - (inBin / width) * timeFor(wanted - area, longer, inBin / width, width));
        area += binArea;
        longer -= inBin;
      }
      return this.#times.pages;
    });
  }
}

/** Returns the sum of `longer`, `longer - slope`, ... over `steps` steps. */
function areaOf(longer: number, slope: number, steps: number): number {
  return steps * longer - (slope * steps * (steps - 1)) / 2;
}

/** Returns the most whole steps whose area is at most `wanted`. */
function timeFor(wanted: number, longer: number, slope: number, width: number): number {
  let low = 0;
  let high = width;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (areaOf(longer, slope, middle) <= wanted) low = middle;
    else high = middle - 1;
  }
  return low;
}
