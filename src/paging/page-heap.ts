// Pages in order of a key that changes: a binary heap that knows where each page is.
//
//            [ lowest ]
//          [ .. ]  [ .. ]          keys[parent] <= keys[child]; place of each page + 1, 0 = not in the heap
//
// Invariant PH1: no page has a lower key than its parent, and each page's place holds it.
// Cost: first O(1); put, move and remove O(log pages in it); 12 bytes per page of capacity, 4 per page at once. Ties among equal keys
// are for the caller to break, in the key. Source: Williams 1964 (heapsort).
// The `as number` on array reads: places are below the length, pages below the capacity.

import { invariant } from '../base/index.ts';

/** Pages by key, the lowest first. */
export class PageHeap {
  readonly #heap: Int32Array;
  readonly #places: Int32Array;
  readonly #keys: Float64Array;
  #length = 0;

  /** @param capacity page ids are integers in [0, capacity). @param atOnce pages in the heap at most. */
  constructor(capacity: number, atOnce: number) {
    this.#heap = new Int32Array(atOnce);
    this.#places = new Int32Array(capacity);
    this.#keys = new Float64Array(capacity);
  }

  /** Pages in the heap. */
  get length(): number {
    return this.#length;
  }

  /** Tells whether `page` is in the heap; false for numbers that are no page ids. */
  has(page: number): boolean {
    return (this.#places[page] ?? 0) !== 0;
  }

  /** Returns the page with the lowest key, or -1. */
  first(): number {
    return this.#length === 0 ? -1 : (this.#heap[0] as number);
  }

  /** Returns the page at `place`, in [0, length), in no order. */
  at(place: number): number {
    return this.#heap[place] as number;
  }

  /** Returns the key of a page of the heap. */
  key(page: number): number {
    return this.#keys[page] as number;
  }

  /** Puts `page`, which is not in the heap. */
  put(page: number, key: number): void {
    this.#keys[page] = key;
    this.#rise(page, this.#length++);
  }

  /** Gives a page of the heap another key. */
  move(page: number, key: number): void {
    const isLower = key < (this.#keys[page] as number);
    this.#keys[page] = key;
    const place = (this.#places[page] as number) - 1;
    if (isLower) this.#rise(page, place);
    else this.#sink(page, place);
  }

  /** Takes a page out. */
  remove(page: number): void {
    const place = (this.#places[page] as number) - 1;
    this.#places[page] = 0;
    const last = this.#heap[--this.#length] as number;
    if (last === page) return;
    const isLower = (this.#keys[last] as number) < (this.#keys[page] as number);
    if (isLower) this.#rise(last, place);
    else this.#sink(last, place);
  }

  /** Walks the heap; panics at the first broken invariant. */
  check(): void {
    for (let place = 0; place < this.#length; place++) {
      const page = this.at(place);
      invariant(
        this.#places[page] === place + 1,
        'PH1',
        () => `page ${page} is at ${place} and says ${(this.#places[page] as number) - 1}`,
      );
      const parent = this.at((place - 1) >> 1);
      invariant(place === 0 || this.key(parent) <= this.key(page), 'PH1', () => `page ${page} at ${place} is below its parent ${parent}`);
    }
    let known = 0;
    for (const place of this.#places) if (place !== 0) known++;
    invariant(known === this.#length, 'PH1', () => `${known} pages have a place, ${this.#length} are in the heap`);
  }

  #rise(page: number, from: number): void {
    const key = this.#keys[page] as number;
    let place = from;
    while (place > 0) {
      const parent = this.#heap[(place - 1) >> 1] as number;
      if ((this.#keys[parent] as number) <= key) break;
      this.#set(parent, place);
      place = (place - 1) >> 1;
    }
    this.#set(page, place);
  }

  #sink(page: number, from: number): void {
    const key = this.#keys[page] as number;
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#length) break;
      if (child + 1 < this.#length && this.key(this.at(child + 1)) < this.key(this.at(child))) child++;
      const lower = this.#heap[child] as number;
      if ((this.#keys[lower] as number) >= key) break;
      this.#set(lower, place);
      place = child;
    }
    this.#set(page, place);
  }

  #set(page: number, place: number): void {
    this.#heap[place] = page;
    this.#places[page] = place + 1;
  }
}
