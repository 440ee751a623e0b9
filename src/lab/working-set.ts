// The memory of one process by its own behaviour: a resident set that grows and shrinks, and faults that depend on one parameter.
//
//   working set W(T)   the pages of the last T references.      fault: the page's last reference is more than T ago
//   page fault         at a fault T or more references after    a reference later than that is no sign of need: the set
//   frequency (T)      the last one: pages not referenced in    is too large; a fault sooner is: the set grows by the page
//                      between leave
//
// Time is counted in references. Mean sizes are averages over all references, each just after it:
//   W(T):  (1/n) x sum over references of min(references to the next use of its page, T); a page's last reference lasts to the end of the trace.
//
// Working sets come from one histogram, for all T at once: here alone, for traces, their profiles and programs that share a memory. PFF is
// simulated for each T.
// Sources: Denning 1968, "The Working Set Model for Program Behavior"; Denning and Schwartz 1972 (sizes from reuse times);
// Chu and Opderbeck 1972, "The Page Fault Frequency Replacement Algorithm".

import { ReuseTimes } from './reuse-times.ts';

/** How a process fared with one value of the parameter. */
export interface ResidentSetPoint {
  /** T, in references, at least 1. */
  readonly window: number;
  readonly references: number;
  readonly faults: number;
  /** Pages in the resident set, on average over all references. */
  readonly meanPages: number;
}

/** Working sets of a dense trace, fed piece by piece. */
export class WorkingSets {
  readonly #times: ReuseTimes;
  readonly #windows: readonly number[];

  /** @param pages ids are integers in [0, pages). @param windows ascending, at least 1 each */
  constructor(pages: number, windows: readonly number[]) {
    this.#windows = windows;
    this.#times = new ReuseTimes(pages, windows);
  }

  /** Refers to the pages `ids` in order. */
  feed(ids: Uint32Array): void {
    this.#times.feed(ids);
  }

  /** Returns a point for each window. */
  points(): ResidentSetPoint[] {
    const { references, counts, sums } = this.#times;
    const ends = this.#times.untilEnd();
    // Gaps within the window count as themselves, longer ones as the window.
    let reused = 0;
    let ended = 0;
    let shortSum = 0;
    return this.#windows.map((window, bin) => {
      reused += counts[bin] as number;
      ended += ends.counts[bin] as number;
      shortSum += (sums[bin] as number) + (ends.sums[bin] as number);
      const meanPages = (shortSum + (references - reused - ended) * window) / references;
      return { window, references, faults: references - reused, meanPages };
    });
  }
}

/** Returns how many pages are referred to in a window of so many references, on average over a dense trace; 0 for an empty one. */
export function meanWorkingSet({ ids, pages }: { readonly ids: Uint32Array; readonly pages: number }, window: number): number {
  const sets = new WorkingSets(pages, [window]);
  sets.feed(ids);
  return ids.length === 0 ? 0 : (sets.points()[0] as ResidentSetPoint).meanPages;
}

/** A process under page fault frequency with one threshold, fed piece by piece. */
export class PageFaultFrequency {
  readonly #threshold: number;
  /** The resident pages, in no order; a page's place plus one, 0 = not resident. */
  readonly #resident: Int32Array;
  readonly #places: Int32Array;
  readonly #lastUse: Float64Array;
  #size = 0;
  #now = 0;
  #lastFault = 0;
  #faults = 0;
  #sizeSum = 0;

  /** @param pages ids are integers in [0, pages). @param threshold references between two faults from which on the set shrinks, at least 1 */
  constructor(pages: number, threshold: number) {
    this.#threshold = threshold;
    this.#resident = new Int32Array(pages);
    this.#places = new Int32Array(pages);
    this.#lastUse = new Float64Array(pages);
  }

  /** Refers to the pages `ids` in order. */
  feed(ids: Uint32Array): void {
    for (let at = 0; at < ids.length; at++) {
      const page = ids[at] as number;
      const now = ++this.#now;
      if (this.#places[page] === 0) {
        if (now - this.#lastFault >= this.#threshold) this.#shrink();
        this.#resident[this.#size++] = page;
        this.#places[page] = this.#size;
        this.#lastFault = now;
        this.#faults++;
      }
      this.#lastUse[page] = now;
      this.#sizeSum += this.#size;
    }
  }

  /** Returns the point up to here. */
  point(): ResidentSetPoint {
    return { window: this.#threshold, references: this.#now, faults: this.#faults, meanPages: this.#sizeSum / this.#now };
  }

  /** Gives up the pages that were not referenced since the last fault; the page of that fault was. */
  #shrink(): void {
    let kept = 0;
    for (let place = 0; place < this.#size; place++) {
      const page = this.#resident[place] as number;
      if ((this.#lastUse[page] as number) >= this.#lastFault) {
        this.#resident[kept++] = page;
        this.#places[page] = kept;
      } else this.#places[page] = 0;
    }
    this.#size = kept;
  }
}
