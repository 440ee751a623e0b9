// One queue of page ids in order of arrival: a ring buffer with holes.
//
//            head                         tail
//             v                            v
//   [ . . . . 7 | 3 | hole | 9 | 2 | ... | . . . . ]      slots, a power of two, at least twice the pages there can be
//
// A page taken out of the middle leaves a hole. When the tail reaches the head half of the slots at least are holes, and the pages
// are pushed together. Reading and writing go on along the ring, so a long replay touches memory in order; a linked list (page-list.ts)
// jumps to a page's neighbours at every step and takes twice the time.
//
// Invariants (quoted by `check`):
//   PR1  slot[page] holds exactly the pages that `resident` marks; all other slots between head and tail are holes
//   PR2  length = pages between head and tail <= half of the slots
//
// Cost: every call O(1) amortized, nothing allocated; 5 bytes per page of capacity and 8 to 16 per page at once.
// The `as number` on array reads: slots are masked, pages are ids below the capacity.

import { invariant } from '../base/index.ts';

const HOLE = -1;

/** A queue of pages, each in it at most once. Callers check `has` before they push or remove. */
export class PageRing {
  /** 1 for each page in the queue, else 0. Replay loops read it directly; nobody else writes it. */
  readonly resident: Uint8Array;
  readonly #slot: Int32Array;
  readonly #order: Int32Array;
  readonly #mask: number;
  /** Positions that only grow; masked they are slots. */
  #head = 0;
  #tail = 0;
  #length = 0;

  /** @param capacity page ids are integers in [0, capacity). @param atOnce pages in the queue at most. */
  constructor(capacity: number, atOnce: number) {
    this.resident = new Uint8Array(capacity);
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
    return this.resident[page] === 1;
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

  /** Puts `page`, which is not in the queue, at the tail. */
  push(page: number): void {
    if (this.#tail - this.#head > this.#mask) this.#close();
    const slot = this.#tail++ & this.#mask;
    this.#order[slot] = page;
    this.#slot[page] = slot;
    this.resident[page] = 1;
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
    this.resident[page] = 0;
    this.#length--;
    return page;
  }

  /** Moves the page at the head, of which there is one, to the tail. */
  rotate(): void {
    const page = this.head();
    this.#head++;
    const slot = this.#tail++ & this.#mask;
    this.#order[slot] = page;
    this.#slot[page] = slot;
  }

  /** Takes `page` out, wherever it is. */
  remove(page: number): void {
    this.#order[this.#slot[page] as number] = HOLE;
    this.resident[page] = 0;
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
      invariant(this.has(page) && this.#slot[page] === slot, 'PR1', () => `page ${page} at ${slot} says ${this.#slot[page]}`);
    }
    let resident = 0;
    for (const bit of this.resident) resident += bit;
    invariant(resident === found, 'PR1', () => `${resident} pages say they are in the queue, ${found} are`);
    invariant(found === this.#length, 'PR2', () => `length ${this.#length}, found ${found}`);
    invariant(2 * found <= this.#order.length, 'PR2', () => `${found} pages in ${this.#order.length} slots`);
  }

  /** Pushes the pages together, in their order. */
  #close(): void {
    let to = this.#head;
    for (let at = this.#head; at < this.#tail; at++) {
      const page = this.#order[at & this.#mask] as number;
      if (page === HOLE) continue;
      const slot = to++ & this.#mask;
      this.#order[slot] = page;
      this.#slot[page] = slot;
    }
    this.#tail = to;
  }
}
