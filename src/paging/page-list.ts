// Queues of page ids for the policies: circular doubly linked lists in two typed arrays.
//
//   links  [ list 0 | list 1 | ... | page 0 | page 1 | ... | page capacity-1 ]    pairs of Int32: next, previous
//   where  [ list number + 1 of each page, 0 = on none                       ]    Uint8
//
// Each list's own entry, before the pages, closes its circle: next is the head, previous the tail, and an empty list points
// at itself. So adding and removing have no special cases. A page's two links lie side by side, so that a move touches one
// cache line for the page and one for each neighbour: what a replay of millions of references waits for is memory.
//
// Invariants (quoted by `check`):
//   PL1  a page is on at most one list, and `where` names it
//   PL2  next and previous are inverse; length(list) = pages on its circle
//
// Cost: every call O(1), nothing allocated; 9 bytes per page of capacity.
// The `as number` on array reads: an index is a page that PL1 has placed or a list's entry, both inside the arrays.

import { invariant } from '../base/index.ts';

/** Lists of pages, each page on at most one. Lists are numbered from 0. Callers check `has` before they add or remove. */
export class PageLists {
  readonly #lists: number;
  /** Entry `e` has its next at 2e and its previous at 2e + 1; page p is entry lists + p. */
  readonly #links: Int32Array;
  readonly #where: Uint8Array;
  readonly #lengths: Int32Array;

  /** @param capacity page ids are integers in [0, capacity). @param lists at most 255. */
  constructor(capacity: number, lists: number) {
    this.#lists = lists;
    this.#links = new Int32Array(2 * (capacity + lists));
    this.#where = new Uint8Array(capacity);
    this.#lengths = new Int32Array(lists);
    for (let list = 0; list < lists; list++) this.#links[2 * list] = this.#links[2 * list + 1] = list;
  }

  /** Returns how many pages are on `list`. */
  length(list: number): number {
    return this.#lengths[list] as number;
  }

  /** Tells whether `page` is on any list; false for numbers that are no page ids. */
  has(page: number): boolean {
    return (this.#where[page] ?? 0) !== 0;
  }

  /** Returns the number of the list that holds `page`, or -1. */
  listOf(page: number): number {
    return (this.#where[page] ?? 0) - 1;
  }

  /** Returns the pages of `list` from its head to its tail. */
  pagesOf(list: number): number[] {
    const pages: number[] = [];
    for (let page = this.head(list); page !== -1; page = this.next(page)) pages.push(page);
    return pages;
  }

  /** Returns the page at the head of `list`, or -1. */
  head(list: number): number {
    return this.#pageAt(this.#links[2 * list] as number);
  }

  /** Returns the page at the tail of `list`, or -1. */
  tail(list: number): number {
    return this.#pageAt(this.#links[2 * list + 1] as number);
  }

  /** Returns the page after `page` on its list, or -1 if it is the tail. */
  next(page: number): number {
    return this.#pageAt(this.#links[2 * (page + this.#lists)] as number);
  }

  /** Returns the page before `page` on its list, or -1 if it is the head. */
  previous(page: number): number {
    return this.#pageAt(this.#links[2 * (page + this.#lists) + 1] as number);
  }

  /** Returns the page after `page` on its list, going round from the tail to the head: itself if it is alone. */
  nextAround(page: number): number {
    const next = this.#links[2 * (page + this.#lists)] as number;
    return (next < this.#lists ? (this.#links[2 * next] as number) : next) - this.#lists;
  }

  /** Returns the page before `page` on its list, going round from the head to the tail: itself if it is alone. */
  previousAround(page: number): number {
    const previous = this.#links[2 * (page + this.#lists) + 1] as number;
    return (previous < this.#lists ? (this.#links[2 * previous + 1] as number) : previous) - this.#lists;
  }

  /** Puts `page`, which is on no list, at the tail of `list`. */
  append(page: number, list: number): void {
    this.#enter(page, list);
    this.#linkBefore(page + this.#lists, list);
  }

  /** Puts `page`, which is on no list, at the head of `list`. */
  prepend(page: number, list: number): void {
    this.#enter(page, list);
    this.#linkBefore(page + this.#lists, this.#links[2 * list] as number);
  }

  /** Puts `page`, which is on no list, just before `at`, which is on `list`. */
  insertBefore(page: number, at: number, list: number): void {
    this.#enter(page, list);
    this.#linkBefore(page + this.#lists, at + this.#lists);
  }

  /** Takes `page` off its list. */
  remove(page: number): void {
    this.#unlink(page + this.#lists);
    this.#leave(page);
  }

  /** Moves `page` from its list to the tail of `list`. */
  moveToTail(page: number, list: number): void {
    const entry = page + this.#lists;
    this.#unlink(entry);
    if (this.#where[page] !== list + 1) {
      this.#leave(page);
      this.#enter(page, list);
    }
    this.#linkBefore(entry, list);
  }

  /** Walks every list; panics at the first broken invariant. */
  check(): void {
    let linked = 0;
    for (let list = 0; list < this.#lists; list++) linked += this.#checkList(list);
    let placed = 0;
    for (const list of this.#where) if (list !== 0) placed++;
    invariant(linked === placed, 'PL1', () => `${placed} pages say they are on a list, ${linked} are`);
  }

  #pageAt(entry: number): number {
    return entry < this.#lists ? -1 : entry - this.#lists;
  }

  #enter(page: number, list: number): void {
    this.#where[page] = list + 1;
    this.#lengths[list] = (this.#lengths[list] as number) + 1;
  }

  #leave(page: number): void {
    const list = (this.#where[page] as number) - 1;
    this.#where[page] = 0;
    this.#lengths[list] = (this.#lengths[list] as number) - 1;
  }

  #linkBefore(entry: number, at: number): void {
    const previous = this.#links[2 * at + 1] as number;
    this.#links[2 * entry] = at;
    this.#links[2 * entry + 1] = previous;
    this.#links[2 * previous] = entry;
    this.#links[2 * at + 1] = entry;
  }

  #unlink(entry: number): void {
    const next = this.#links[2 * entry] as number;
    const previous = this.#links[2 * entry + 1] as number;
    this.#links[2 * previous] = next;
    this.#links[2 * next + 1] = previous;
  }

  #checkList(list: number): number {
    let count = 0;
    for (let at = list; ; count++) {
      const next = this.#links[2 * at] as number;
      invariant(this.#links[2 * next + 1] === at, 'PL2', () => `entry ${next} does not point back to ${at}`);
      if (next === list) break;
      const page = next - this.#lists;
      invariant(this.listOf(page) === list, 'PL1', () => `page ${page} is on list ${list} and says ${this.listOf(page)}`);
      invariant(count < this.#where.length, 'PL2', () => `list ${list} never closes`);
      at = next;
    }
    invariant(count === this.#lengths[list], 'PL2', () => `list ${list} has ${count} pages and says ${this.#lengths[list]}`);
    return count;
  }
}
