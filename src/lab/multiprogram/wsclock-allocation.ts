// WSClock: working sets by use bits, with one hand over all pages.
//
//   each page has the virtual time of its owner at which the hand, or its load, last found it used
//   victim(p), once round at most:
//     used: clear the bit, stamp it with its owner's time now, pass
//     its owner has made tau references or fewer since the stamp: pass
//     dirty: send it to be written, with its cluster, and pass
//     clean: take it
//   none found: the first that was sent to be written; none of those: memory is overcommitted
//   forced      the page with the most references of its owner since its stamp
//
// Ties: the page the hand comes to first. Cost: a victim looks at each page once at worst.
// Source: R. W. Carr and J. L. Hennessy, "WSClock: A Simple and Effective Algorithm for Virtual Memory Management", SOSP 1981. There a page
// that was written is taken once the write is done; here at once, since the device does the write before the read that wants the frame.

import { PageLists } from '../../paging/index.ts';
import type { Allocation, AllocationKind, AllocationOptions } from './allocation.ts';
import { advanceSettingBits } from './replacement.ts';
import type { SharedMemory } from './shared-memory.ts';

const RING = 0;

class WsClockAllocation implements Allocation {
  readonly #memory: SharedMemory;
  readonly #window: number;
  readonly #ring: PageLists;
  readonly #stamp: Uint32Array;
  /** The page that the hand is at; -1 while there is none. */
  #hand = -1;

  constructor({ memory, window }: AllocationOptions) {
    this.#memory = memory;
    this.#window = window;
    this.#ring = new PageLists(memory.pages, 1);
    this.#stamp = new Uint32Array(memory.pages);
  }

  advance(process: number, from: number, to: number): number {
    return advanceSettingBits(this.#memory, process, from, to);
  }

  faulted(): void {}

  mayGrow(): boolean {
    return true;
  }

  victim(): number {
    let written = -1;
    for (let looks = this.#ring.length(RING); looks > 0; looks--) {
      const page = this.#hand;
      if (this.#isOutside(page)) {
        if (!this.#memory.isModified(page)) return this.#take(page);
        this.#memory.clean(page);
        if (written === -1) written = page;
      }
      this.#hand = this.#ring.nextAround(page);
    }
    return written === -1 ? -1 : this.#take(written);
  }

  forcedVictim(): number {
    let oldest = -1;
    let page = this.#hand;
    for (let looks = this.#ring.length(RING); looks > 0; looks--) {
      if (!this.#memory.isHeld(page) && (oldest === -1 || this.#ageOf(page) > this.#ageOf(oldest))) oldest = page;
      page = this.#ring.nextAround(page);
    }
    return oldest === -1 ? -1 : this.#take(oldest);
  }

  loaded(page: number, process: number): void {
    this.#stamp[page] = this.#memory.virtualTime[process] as number;
    if (this.#hand === -1) {
      this.#ring.append(page, RING);
      this.#hand = page;
    } else this.#ring.insertBefore(page, this.#hand, RING);
  }

  removed(page: number): void {
    this.#take(page);
  }

  populationChanged(): void {}

  intervalEnded(): void {}

  check(): void {
    this.#ring.check();
  }

  /** Tells whether a page is outside the working set of its owner; stamps it if it was used. */
  #isOutside(page: number): boolean {
    if (this.#memory.isHeld(page)) return false;
    if (this.#memory.testAndClearReferenced(page)) {
      this.#stamp[page] = this.#memory.virtualTime[this.#memory.ownerOf(page)] as number;
      return false;
    }
    return this.#ageOf(page) > this.#window;
  }

  #ageOf(page: number): number {
    return (this.#memory.virtualTime[this.#memory.ownerOf(page)] as number) - (this.#stamp[page] as number);
  }

  #take(page: number): number {
    if (page === this.#hand) {
      const next = this.#ring.nextAround(page);
      this.#hand = next === page ? -1 : next;
    }
    this.#ring.remove(page);
    return page;
  }
}

/** Makes the `wsclock` design. */
export const wsclockAllocation: AllocationKind = { name: 'wsclock', needs: 'known', make: (options) => new WsClockAllocation(options) };
