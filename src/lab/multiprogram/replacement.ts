// Replacement among the pages of a group: all processes are one group (global), or each is one (local). Two families:
//
//   PolicyReplacement    a kernel's policy for each group (paging/), told by reference bits
//   RecencyReplacement   pages in order of use, with the virtual time of their last use: what LRU, the working set and PFF are defined by.
//                        No hardware keeps it
//
// Each has its own loop over references, for the reason that paging/replacement-policy.ts gives.
// The `as number` on array reads: positions are below the trace's length, pages below the number of pages.

import { type PageBits, PageLists, type PolicyKind, type ReplacementPolicy } from '../../paging/index.ts';
import type { Program } from './program.ts';
import { PageFlag, type SharedMemory } from './shared-memory.ts';

/** Which pages compete. */
export type Grouping = 'all' | 'by process';

/** Who competes, and who goes. */
export interface Replacement {
  /** See `Allocation.advance`. */
  advance(process: number, from: number, to: number): number;
  /** Chooses a page of the group of `process` that is not held, and forgets it; -1 if there is none. */
  victim(process: number): number;
  loaded(page: number, process: number): void;
  removed(page: number, process: number): void;
  check(): void;
}

const USED = PageFlag.referenced | PageFlag.used;

/** Refers to pages as hardware does: sets bits. See `Allocation.advance`. */
export function advanceSettingBits({ flags, first, programs }: SharedMemory, process: number, from: number, to: number): number {
  const { ids, writes } = programs[process] as Program;
  const base = first[process] as number;
  for (let at = from; at < to; at++) {
    const page = base + (ids[at] as number);
    const before = flags[page] as number;
    if ((before & PageFlag.resident) === 0) return at;
    flags[page] = before | USED | (writes[at] === 1 ? PageFlag.dirty : 0);
  }
  return to;
}

/** A kernel's policies. */
export class PolicyReplacement implements Replacement {
  readonly #memory: SharedMemory;
  readonly #policies: readonly ReplacementPolicy[];
  readonly #grouping: Grouping;
  /** Held pages that the policy chose during one search. */
  readonly #spared: number[] = [];

  constructor(memory: SharedMemory, kind: PolicyKind, grouping: Grouping, seed: number) {
    this.#memory = memory;
    this.#grouping = grouping;
    const make = (capacity: number, bits: PageBits): ReplacementPolicy =>
      kind.make({ capacity, atOnce: Math.min(capacity, memory.frames), bits, seed });
    this.#policies =
      grouping === 'all'
        ? [make(memory.pages, memory)]
        : memory.programs.map(({ pages }, process) => make(pages, bitsFrom(memory, memory.first[process] as number)));
  }

  advance(process: number, from: number, to: number): number {
    return advanceSettingBits(this.#memory, process, from, to);
  }

  victim(process: number): number {
    const policy = this.#policyOf(process);
    const first = this.#firstOf(process);
    let own = policy.victim();
    while (own !== -1 && this.#memory.isHeld(first + own)) {
      this.#spared.push(own);
      own = policy.victim();
    }
    // Only now: a policy may choose the same page again at once.
    for (const page of this.#spared) policy.loaded(page);
    this.#spared.length = 0;
    return own === -1 ? -1 : first + own;
  }

  loaded(page: number, process: number): void {
    this.#policyOf(process).loaded(page - this.#firstOf(process));
  }

  removed(page: number, process: number): void {
    this.#policyOf(process).removed(page - this.#firstOf(process));
  }

  check(): void {
    for (const policy of this.#policies) policy.check();
  }

  #policyOf(process: number): ReplacementPolicy {
    return this.#policies[this.#grouping === 'all' ? 0 : process] as ReplacementPolicy;
  }

  #firstOf(process: number): number {
    return this.#grouping === 'all' ? 0 : (this.#memory.first[process] as number);
  }
}

function bitsFrom(memory: SharedMemory, first: number): PageBits {
  return {
    testAndClearReferenced: (page) => memory.testAndClearReferenced(first + page),
    isModified: (page) => memory.isModified(first + page),
  };
}

/** Pages of each group in order of use, the oldest first. */
export class RecencyReplacement implements Replacement {
  readonly #memory: SharedMemory;
  readonly #lists: PageLists;
  readonly #lastUse: Uint32Array;
  readonly #grouping: Grouping;

  constructor(memory: SharedMemory, grouping: Grouping) {
    this.#memory = memory;
    this.#grouping = grouping;
    this.#lists = new PageLists(memory.pages, grouping === 'all' ? 1 : memory.programs.length);
    this.#lastUse = new Uint32Array(memory.pages);
  }

  advance(process: number, from: number, to: number): number {
    const { flags, first, programs } = this.#memory;
    const { ids, writes } = programs[process] as Program;
    const base = first[process] as number;
    const group = this.#groupOf(process);
    for (let at = from; at < to; at++) {
      const page = base + (ids[at] as number);
      const before = flags[page] as number;
      if ((before & PageFlag.resident) === 0) return at;
      flags[page] = before | USED | (writes[at] === 1 ? PageFlag.dirty : 0);
      this.#lastUse[page] = at;
      this.#lists.moveToTail(page, group);
    }
    return to;
  }

  /** The same, and before each reference pages leave that were last used more than `window` references ago. Groups are processes. */
  advanceWithWindow(process: number, from: number, to: number, window: number): number {
    const { flags, first, programs } = this.#memory;
    const { ids, writes } = programs[process] as Program;
    const base = first[process] as number;
    for (let at = from; at < to; at++) {
      this.leaveUnusedSince(process, at - window);
      const page = base + (ids[at] as number);
      const before = flags[page] as number;
      if ((before & PageFlag.resident) === 0) return at;
      flags[page] = before | USED | (writes[at] === 1 ? PageFlag.dirty : 0);
      this.#lastUse[page] = at;
      this.#lists.moveToTail(page, process);
    }
    return to;
  }

  /** Lets the pages of a process go that were last used before the reference `at`. Groups are processes. */
  leaveUnusedSince(process: number, at: number): void {
    for (;;) {
      const page = this.#lists.head(process);
      if (page === -1 || (this.#lastUse[page] as number) >= at) return;
      this.#lists.remove(page);
      this.#memory.leave(page);
    }
  }

  victim(process: number): number {
    const page = this.oldest(process);
    if (page !== -1) this.#lists.remove(page);
    return page;
  }

  /** Returns the page of the group of `process` that was used longest ago and is not held, or -1. */
  oldest(process: number): number {
    let page = this.#lists.head(this.#groupOf(process));
    while (page !== -1 && this.#memory.isHeld(page)) page = this.#lists.next(page);
    return page;
  }

  /** Returns for how many references of its process a page has not been used. */
  ageOf(page: number): number {
    return (this.#memory.virtualTime[this.#memory.ownerOf(page)] as number) - (this.#lastUse[page] as number);
  }

  loaded(page: number, process: number): void {
    this.#lastUse[page] = this.#memory.virtualTime[process] as number;
    this.#lists.append(page, this.#groupOf(process));
  }

  removed(page: number): void {
    this.#lists.remove(page);
  }

  check(): void {
    this.#lists.check();
  }

  #groupOf(process: number): number {
    return this.#grouping === 'all' ? 0 : process;
  }
}
