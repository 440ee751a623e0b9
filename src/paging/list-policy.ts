// What policies that keep their pages in linked lists have in common: the lists, the door checks of RP1, the count of reactivations.
// A policy adds its choice of victim, and what else it does at `loaded` and `removed`.

import { expectKnown, expectUnknown } from './known-pages.ts';
import type { PageBits } from './page-bits.ts';
import { PageLists } from './page-list.ts';
import type { PolicyOptions, ReplacementPolicy } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

/** A policy over `listCount` lists of pages; new pages go to the tail of list 0. */
export abstract class ListPolicy implements ReplacementPolicy {
  abstract readonly name: string;
  readonly sees = 'bits';
  reactivations = 0;
  protected readonly bits: PageBits;
  protected readonly lists: PageLists;
  readonly #capacity: number;
  readonly #listCount: number;

  constructor({ capacity, bits }: PolicyOptions, listCount = 1) {
    this.#capacity = capacity;
    this.#listCount = listCount;
    this.bits = bits;
    this.lists = new PageLists(capacity, listCount);
  }

  get size(): number {
    let size = 0;
    for (let list = 0; list < this.#listCount; list++) size += this.lists.length(list);
    return size;
  }

  loaded(page: number): void {
    expectUnknown(page, this.lists.has(page), this.#capacity);
    this.admit(page);
  }

  removed(page: number): void {
    expectKnown(page, this.lists.has(page));
    this.take(page);
  }

  abstract victim(): number;

  abstract replay(ids: Uint32Array, from: number, to: number, memory: SimulatedMemory): number;

  has(page: number): boolean {
    return this.lists.has(page);
  }

  check(): void {
    this.lists.check();
  }

  /** Puts a page that was unknown into its list. */
  protected admit(page: number): void {
    this.lists.append(page, 0);
  }

  /** Takes a known page out. */
  protected take(page: number): void {
    this.lists.remove(page);
  }
}
