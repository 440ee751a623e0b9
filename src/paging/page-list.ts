// Queues of page ids for the policies: circular doubly linked lists in two typed arrays.
//
//   next     [ page 0 | page 1 | ... | page capacity-1 | list 0 | list 1 | ... ]     Int32
//   previous [ the same                                                        ]     Int32
//   where    [ list number + 1 of each page, 0 = on none                       ]     Uint8
//
// Each list's own entry, behind the pages, closes its circle: next is the head, previous the tail, and an empty list points
// at itself. So adding and removing have no special cases.
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
  readonly #capacity: number;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #where: Uint8Array;
  readonly #lengths: Int32Array;

  /** @param capacity page ids are integers in [0, capacity). @param lists at most 255. */
  constructor(capacity: number, lists: number) {
    this.#capacity = capacity;
    this.#next = new Int32Array(capacity + lists);
    this.#previous = new Int32Array(capacity + lists);
    this.#where = new Uint8Array(capacity);
    this.#lengths = new Int32Array(lists);
    for (let entry = capacity; entry < capacity + lists; entry++) this.#next[entry] = this.#previous[entry] = entry;
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

  /** Returns the page at the head of `list`, or -1. */
  head(list: number): number {
    const page = this.#next[this.#capacity + list] as number;
    return page < this.#capacity ? page : -1;
  }

  /** Returns the page after `page` on its list, going round from the tail to the head: itself if it is alone. */
  nextAround(page: number): number {
    const next = this.#next[page] as number;
    return next < this.#capacity ? next : (this.#next[next] as number);
  }

  /** Puts `page`, which is on no list, at the tail of `list`. */
  append(page: number, list: number): void {
    this.insertBefore(page, this.#capacity + list, list);
  }

  /** Puts `page`, which is on no list, just before `at`, which is on `list`. */
  insertBefore(page: number, at: number, list: number): void {
    const previous = this.#previous[at] as number;
    this.#next[page] = at;
    this.#previous[page] = previous;
    this.#next[previous] = page;
    this.#previous[at] = page;
    this.#where[page] = list + 1;
    this.#lengths[list] = (this.#lengths[list] as number) + 1;
  }

  /** Takes `page` off its list. */
  remove(page: number): void {
    const next = this.#next[page] as number;
    const previous = this.#previous[page] as number;
    this.#next[previous] = next;
    this.#previous[next] = previous;
    const list = this.listOf(page);
    this.#lengths[list] = (this.#lengths[list] as number) - 1;
    this.#where[page] = 0;
  }

  /** Moves `page` from its list to the tail of `list`. */
  moveToTail(page: number, list: number): void {
    this.remove(page);
    this.append(page, list);
  }

  /** Walks every list; panics at the first broken invariant. */
  check(): void {
    let linked = 0;
    for (let list = 0; list < this.#lengths.length; list++) linked += this.#checkList(list);
    let placed = 0;
    for (const list of this.#where) if (list !== 0) placed++;
    invariant(linked === placed, 'PL1', () => `${placed} pages say they are on a list, ${linked} are`);
  }

  #checkList(list: number): number {
    const end = this.#capacity + list;
    let count = 0;
    for (let at = end; at !== end || count === 0; ) {
      const next = this.#next[at] as number;
      invariant(this.#previous[next] === at, 'PL2', () => `entry ${next} does not point back to ${at}`);
      if (next === end) break;
      invariant(
        this.#where[next] === list + 1,
        'PL1',
        () => `page ${next} is on list ${list} and says ${(this.#where[next] as number) - 1}`,
      );
      invariant(++count <= this.#capacity, 'PL2', () => `list ${list} never closes`);
      at = next;
    }
    invariant(count === this.#lengths[list], 'PL2', () => `list ${list} has ${count} pages and says ${this.#lengths[list]}`);
    return count;
  }
}
