// Page-fault frequency: a process that faults often gets frames, one that faults seldom loses those that it does not use.
//
//   at a fault, with v = references of the process since its last fault:
//     v < short            it grows by the page
//     v >= long            pages not used since the last fault leave; then it grows by the page
//     in between           it replaces: of its own pages the one that was used longest ago
//   victim, where it may grow and no frame is free: none; memory is overcommitted
//   forced                 its own least recently used page; if it has none, that of the process that holds the most frames
//
// With short = long this is the original algorithm with its critical interval. Ties: the lower process number. The first fault grows.
// Source: W. W. Chu and H. Opderbeck, "Program Behavior and the Page-Fault-Frequency Replacement Algorithm", Computer 9(11), 1976; the band
// between two thresholds is the textbook's. Use bits would do, read at faults; exact times are used since they are at hand, with the same result
// but for the choice inside the band. A forced victim looks at each process.

import type { Allocation, AllocationKind, AllocationOptions } from './allocation.ts';
import { RecencyReplacement } from './replacement.ts';
import type { SharedMemory } from './shared-memory.ts';

class FaultFrequencyAllocation implements Allocation {
  readonly #memory: SharedMemory;
  readonly #short: number;
  readonly #long: number;
  readonly #pages: RecencyReplacement;
  /** Position of each process's last fault; -1 before the first. */
  readonly #lastFault: Float64Array;
  /** 1 for a process that grows by the page it faulted on. */
  readonly #grows: Uint8Array;

  constructor({ memory, faultInterval }: AllocationOptions) {
    this.#memory = memory;
    this.#short = faultInterval.short;
    this.#long = faultInterval.long;
    this.#pages = new RecencyReplacement(memory, 'by process');
    this.#lastFault = new Float64Array(memory.programs.length).fill(-1);
    this.#grows = new Uint8Array(memory.programs.length).fill(1);
  }

  advance(process: number, from: number, to: number): number {
    return this.#pages.advance(process, from, to);
  }

  faulted(process: number, at: number): void {
    const last = this.#lastFault[process] as number;
    // A page that was swapped out, or whose process was, is asked for twice at one time: that is no news.
    if (at === last) return;
    const interval = at - last;
    this.#lastFault[process] = at;
    this.#grows[process] = last === -1 || interval < this.#short || interval >= this.#long ? 1 : 0;
    if (last !== -1 && interval >= this.#long) this.#pages.leaveUnusedSince(process, last);
  }

  mayGrow(process: number): boolean {
    return this.#grows[process] === 1 || this.#memory.held[process] === 0;
  }

  victim(process: number): number {
    return this.mayGrow(process) ? -1 : this.#pages.victim(process);
  }

  forcedVictim(process: number): number {
    const own = this.#pages.victim(process);
    return own === -1 ? takeFromLargest(this.#memory, this.#pages) : own;
  }

  loaded(page: number, process: number): void {
    this.#pages.loaded(page, process);
  }

  removed(page: number): void {
    this.#pages.removed(page);
  }

  populationChanged(): void {}

  intervalEnded(): void {}

  check(): void {
    this.#pages.check();
  }
}

/** Forgets and returns the oldest page of the process that holds the most frames among those with a page that may go, or -1. */
function takeFromLargest({ held, programs }: SharedMemory, pages: RecencyReplacement): number {
  let largest = -1;
  programs.forEach((_, process) => {
    if (pages.oldest(process) === -1) return;
    if (largest === -1 || (held[process] as number) > (held[largest] as number)) largest = process;
  });
  return largest === -1 ? -1 : pages.victim(largest);
}

/** Makes the `pff` design. */
export const pageFaultFrequency: AllocationKind = {
  name: 'pff',
  needs: 'known',
  make: (options) => new FaultFrequencyAllocation(options),
};
