// Reuse times: how many references ago was this page referenced last? Far cheaper than stack distances, and enough for the working set
// (exactly) and for LRU's curve (by a model, aet.ts).
//
//   gaps    ..] b0 ] b1 ] b2 ] ...  over      bins (b[k-1], b[k]], each with its count and the sum of its gaps
//
// A page's first reference has no gap. Its last one has none forward: `untilEnd` counts the references from there to the end of the trace.
//
// Cost: O(1) for gaps below 4,096, for longer ones O(log of the bins between two powers of two); 8 bytes for each page.
// The `as number` on array reads: ids are below the pages, bins below their number.

/** Gaps below this find their bin by a table. */
const TABLE_GAPS = 4096;
/** Gaps are below 2^53. */
const POWERS = 54;

/** Reuse times of a dense trace, fed piece by piece, counted in bins. */
export class ReuseTimes {
  /** The largest gap of each bin but the last, which has no bound. */
  readonly bounds: Float64Array;
  /** Gaps in each bin, and their sums. */
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  readonly #binOf: Uint16Array;
  /** The bin of each power of two: where the search for what is above it begins. */
  readonly #binOfPower: Uint16Array;
  /** Position of the last reference to each page plus one; 0 = none. */
  readonly #last: Float64Array;
  #references = 0;
  #pages = 0;

  /** @param pages ids are integers in [0, pages). @param bounds ascending, fewer than 65,536. */
  constructor(pages: number, bounds: ArrayLike<number>) {
    this.bounds = Float64Array.from(bounds);
    this.counts = new Float64Array(bounds.length + 1);
    this.sums = new Float64Array(bounds.length + 1);
    this.#last = new Float64Array(pages);
    this.#binOfPower = Uint16Array.from({ length: POWERS }, (_, power) => this.#search(2 ** power, 0, bounds.length));
    this.#binOf = Uint16Array.from({ length: TABLE_GAPS }, (_, gap) => this.#search(gap, 0, bounds.length));
  }

  /** References so far. */
  get references(): number {
    return this.#references;
  }

  /** Distinct pages so far. */
  get pages(): number {
    return this.#pages;
  }

  /** Refers to the pages `ids` in order. */
  feed(ids: Uint32Array): void {
    const { counts, sums } = this;
    for (let at = 0; at < ids.length; at++) {
      const page = ids[at] as number;
      const now = ++this.#references;
      const last = this.#last[page] as number;
      this.#last[page] = now;
      if (last === 0) {
        this.#pages++;
        continue;
      }
      const gap = now - last;
      const bin = this.#bin(gap);
      counts[bin] = (counts[bin] as number) + 1;
      sums[bin] = (sums[bin] as number) + gap;
    }
  }

  /** Counts, in the same bins, the references from the last one to each page, which counts, to the end. */
  untilEnd(): { readonly counts: Float64Array; readonly sums: Float64Array } {
    const counts = new Float64Array(this.counts.length);
    const sums = new Float64Array(this.counts.length);
    for (const last of this.#last) {
      if (last === 0) continue;
      const gap = this.#references - last + 1;
      const bin = this.#bin(gap);
      counts[bin] = (counts[bin] as number) + 1;
      sums[bin] = (sums[bin] as number) + gap;
    }
    return { counts, sums };
  }

  #bin(gap: number): number {
    return gap < TABLE_GAPS ? (this.#binOf[gap] as number) : this.#binOfLong(gap);
  }

  #binOfLong(gap: number): number {
    const power = gap < 2 ** 32 ? 31 - Math.clz32(gap) : Math.floor(Math.log2(gap));
    return this.#search(gap, this.#binOfPower[power] as number, this.#binOfPower[power + 1] as number);
  }

  /** Returns the first bin from `from` on whose bound is at least `gap`; `to` if there is none before it. */
  #search(gap: number, from: number, to: number): number {
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.bounds[middle] as number) < gap) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
