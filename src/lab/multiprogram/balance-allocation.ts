// Working sets with a minimum and a maximum, and a balance-set manager that trims them.
//
//   each of n processes: minimum = frames / 4n, maximum = frames / n (both at least 1)
//   mayGrow         below its maximum, or while more than an eighth of the frames is free
//   victim(p)       its own by a clock: used: clear the bit, pass; else take it. Below its minimum: that of the process most above its own
//   each interval   the manager: if fewer than a thirty-second of the frames are free, it goes round the pages of each process above its
//                   minimum, the one most above it first: unused since it last looked: leave; used: clear the bit. It ends with an eighth free
//
// Ties: the lower process number. There is no standby list: a trimmed page that is wanted again is read again.
// Source: the working-set manager of VMS and Windows NT as Custer, "Inside Windows NT", 1992, and Russinovich et al., "Windows Internals", describe
// it: minimum, maximum, trimming when memory is short; its numbers depend on the machine's size there and are fixed shares here.

import { PageLists } from '../../paging/index.ts';
import type { Allocation, AllocationKind, AllocationOptions } from './allocation.ts';
import { advanceSettingBits } from './replacement.ts';
import type { SharedMemory } from './shared-memory.ts';

const PLENTY_SHARE = 1 / 8;
const SHORT_SHARE = 1 / 32;
const MINIMUM_SHARE = 1 / 4;

class BalanceAllocation implements Allocation {
  readonly #memory: SharedMemory;
  readonly #minimum: number;
  readonly #maximum: number;
  readonly #plenty: number;
  readonly #short: number;
  /** Pages of each process; the head is at its hand. */
  readonly #rings: PageLists;

  constructor({ memory }: AllocationOptions) {
    const { frames, programs } = memory;
    this.#memory = memory;
    this.#minimum = Math.max(1, Math.floor((frames / programs.length) * MINIMUM_SHARE));
    this.#maximum = Math.max(1, Math.floor(frames / programs.length));
    this.#plenty = Math.floor(frames * PLENTY_SHARE);
    this.#short = Math.max(1, Math.floor(frames * SHORT_SHARE));
    this.#rings = new PageLists(memory.pages, programs.length);
  }

  advance(process: number, from: number, to: number): number {
    return advanceSettingBits(this.#memory, process, from, to);
  }

  faulted(): void {}

  mayGrow(process: number): boolean {
    return (this.#memory.held[process] as number) < this.#maximum || this.#memory.free > this.#plenty;
  }

  victim(process: number): number {
    const isShort = (this.#memory.held[process] as number) < this.#minimum;
    const page = isShort ? this.#fromLargest() : -1;
    return page === -1 ? this.#fromOwn(process) : page;
  }

  forcedVictim(): number {
    return this.#fromLargest();
  }

  loaded(page: number, process: number): void {
    this.#rings.append(page, process);
  }

  removed(page: number): void {
    this.#rings.remove(page);
  }

  populationChanged(): void {}

  intervalEnded(): void {
    if (this.#memory.free >= this.#short) return;
    for (const process of this.#bySize()) this.#trim(process);
  }

  check(): void {
    this.#rings.check();
  }

  /** Twice round: the second time every bit is clear. Held pages are passed. */
  #fromOwn(process: number): number {
    for (let looks = 2 * this.#rings.length(process); looks > 0; looks--) {
      const page = this.#rings.head(process);
      if (!this.#memory.isHeld(page) && !this.#memory.testAndClearReferenced(page)) {
        this.#rings.remove(page);
        return page;
      }
      this.#rings.moveToTail(page, process);
    }
    return -1;
  }

  #fromLargest(): number {
    for (const process of this.#bySize()) {
      const page = this.#fromOwn(process);
      if (page !== -1) return page;
    }
    return -1;
  }

  #trim(process: number): void {
    for (let looks = this.#rings.length(process); looks > 0; looks--) {
      if (this.#memory.free >= this.#plenty || (this.#memory.held[process] as number) <= this.#minimum) return;
      const page = this.#rings.head(process);
      if (this.#memory.isHeld(page) || this.#memory.testAndClearReferenced(page)) this.#rings.moveToTail(page, process);
      else {
        this.#rings.remove(page);
        this.#memory.leave(page);
      }
    }
  }

  /** Processes with the most frames first: all have the same minimum. */
  #bySize(): number[] {
    const { held, programs } = this.#memory;
    return [...programs.keys()].sort((a, b) => (held[b] as number) - (held[a] as number) || a - b);
  }
}

/** Makes the `balance` design. */
export const balanceAllocation: AllocationKind = { name: 'balance', needs: 'unknown', make: (options) => new BalanceAllocation(options) };
