// One queue of page ids in order of arrival: a ring buffer with holes.
//
//            head                         tail
//             v                            v
//   [ . . . . 7 | 3 | hole | 9 | 2 | ... | . . . . ]      slots, a power of two, at least twice the pages there can be
//
//   states  0 = not in the queue, 1 = in it, 3 = in it and marked      a byte per page
//
// A page taken out of the middle leaves a hole. When the tail reaches the head half of the slots at least are holes, and the pages
// are pushed together. Reading and writing go on along the ring, so a long replay touches memory in order; a linked list (page-list.ts)
// jumps to a page's neighbours at every step and takes twice the time.
//
// Where a page is must be known only to take it out of the middle, so slots are written down late: `remove` first goes through what came
// since the last one. A replay never asks, and is spared a store far away for each page that comes or goes round.
//
// Invariants (quoted by `check`):
//   PR1  the slots between head and tail hold exactly the pages whose state is not 0, or are holes; slot[page] is right for those before
//        `placed`
//   PR2  length = pages between head and tail <= half of the slots
//
// Cost: every call O(1) amortized, nothing allocated; 5 bytes per page of capacity and 8 to 16 per page at once.
// The `as number` on array reads: slots are masked, pages are ids below the capacity.

import { invariant } from '../base/index.ts';

const HOLE = -1;

/** States of a page in the queue. */
export const QUEUED = 1;
export const MARKED = 3;

/** A queue of pages, each in it at most once. Callers check `has` before they push or remove. */
export class PageRing {
  /** State of each page. Replay loops read it directly, and may mark pages that are in the queue; nobody else writes it. */
  readonly states: Uint8Array;
  readonly #slot: Int32Array;
  readonly #order: Int32Array;
  readonly #mask: number;
  /** Positions that only grow; masked they are slots. */
  #head = 0;
  #tail = 0;
  /** Slots of the pages before this position are written down. */
  #placed = 0;
  #length = 0;

  /** @param capacity page ids are integers in [0, capacity). @param atOnce pages in the queue at most. */
  constructor(capacity: number, atOnce: number) {
    this.states = new Uint8Array(capacity);
    this.#slot = new Int32Array(capacity);
    this.#order = new Int32Array(2 ** Math.ceil(Math.log2(2 * Math.max(1, atOnce))));
    this.#mask = this.#order.length - 1;
  }

  /** Pages in the queue. */
  get length(): number {
    return this.#length;
  }

  /** Tells whether `page` is in the queue; false for numbers that are no page ids. */
  has(page: number): boolean {
    return (this.states[page] ?? 0) !== 0;
  }

  /** Returns the pages from the head to the tail. */
  pages(): number[] {
    const pages: number[] = [];
    for (let at = this.#head; at < this.#tail; at++) {
      const page = this.#order[at & this.#mask] as number;
      if (page !== HOLE) pages.push(page);
    }
    return pages;
  }

  /** Puts `page`, which is not in the queue, at the tail, not marked. */
  push(page: number): void {
    if (this.#tail - this.#head > this.#mask) this.#close();
    this.#order[this.#tail++ & this.#mask] = page;
    this.states[page] = QUEUED;
    this.#length++;
  }

  /** Returns the page at the head, or -1 if there is none. */
  head(): number {
    for (; this.#head < this.#tail; this.#head++) {
      const page = this.#order[this.#head & this.#mask] as number;
      if (page !== HOLE) return page;
    }
    return -1;
  }

  /** Takes the page at the head. Returns it, or -1 if there is none. */
  shift(): number {
    const page = this.head();
    if (page === -1) return -1;
    this.#head++;
    this.states[page] = 0;
    this.#length--;
    return page;
  }

  /** Takes the first page that is not marked, of the pages that there are; marked ones before it lose their mark and go to the tail. Returns it. */
  shiftUnmarked(): number {
    const { states } = this;
    const order = this.#order;
    const mask = this.#mask;
    let head = this.#head;
    let tail = this.#tail;
    let page = order[head & mask] as number;
    while (page === HOLE || states[page] === MARKED) {
      if (page !== HOLE) {
        states[page] = QUEUED;
        order[tail++ & mask] = page;
      }
      page = order[++head & mask] as number;
    }
    this.#head = head + 1;
    this.#tail = tail;
    states[page] = 0;
    this.#length--;
    return page;
  }

  /** Moves the page at the head, of which there is one, to the tail. */
  rotate(): void {
    const page = this.head();
    this.#head++;
    this.#order[this.#tail++ & this.#mask] = page;
  }

  /** Takes `page` out, wherever it is. */
  remove(page: number): void {
    if (this.#placed < this.#tail) this.#place();
    this.#order[this.#slot[page] as number] = HOLE;
    this.states[page] = 0;
    this.#length--;
  }

  /** Walks the ring; panics at the first broken invariant. */
  check(): void {
    let found = 0;
    for (let at = this.#head; at < this.#tail; at++) {
      const slot = at & this.#mask;
      const page = this.#order[slot] as number;
      if (page === HOLE) continue;
      found++;
      const isPlaced = at >= this.#placed || this.#slot[page] === slot;
      invariant(this.has(page) && isPlaced, 'PR1', () => `page ${page} at ${slot} says ${this.#slot[page]}`);
    }
    let queued = 0;
    for (const state of this.states) if (state !== 0) queued++;
    invariant(queued === found, 'PR1', () => `${queued} pages say they are in the queue, ${found} are`);
    invariant(found === this.#length, 'PR2', () => `length ${this.#length}, found ${found}`);
    invariant(2 * found <= this.#order.length, 'PR2', () => `${found} pages in ${this.#order.length} slots`);
  }

  /** Writes down the slots of the pages that came since the last time. */
  #place(): void {
    for (let at = Math.max(this.#head, this.#placed); at < this.#tail; at++) {
      const slot = at & this.#mask;
      const page = this.#order[slot] as number;
      if (page !== HOLE) this.#slot[page] = slot;
    }
    this.#placed = this.#tail;
  }

  /** Pushes the pages together, in their order. */
  #close(): void {
    let to = this.#head;
    for (let at = this.#head; at < this.#tail; at++) {
      const page = this.#order[at & this.#mask] as number;
      if (page !== HOLE) this.#order[to++ & this.#mask] = page;
    }
    this.#tail = to;
    this.#placed = this.#head;
  }
}
