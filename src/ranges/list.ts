// A doubly linked list of ranges with a hint: the map of Mach and 4.4BSD.
//
//   head <-> [12 30) <-> [40 50) <-> [60 62) <-> head
//                           ^ hint: where the last search ended; one for a higher address goes on from there
//
// Invariants beside the contract's RM1-RM3 (quoted by `check`):
//   LI1  each link leads to a link that leads back; item.slot is the item's link, and the link's bounds are the item's
//   LI2  the hint is a link of the list
//
// Cost: find and insert O(1) at the hint, else O(n); remove, resize, next, previous O(1); findHole O(n). No words beside the two links.
// Source: 4.4BSD's vm_map.c (vm_map_lookup_entry).

import { invariant } from '../base/index.ts';
import { searchHole } from './hole-search.ts';
import { gapAbove, gapBelow } from './neighbour-gaps.ts';
import { expectNew, expectRoom, notInMap, overlap } from './range-checks.ts';
import type { HoleRequest, Range, RangeMap } from './range-map.ts';

/** One range in the list; the head is one without an item, of bounds 0. */
class Link<T> {
  before: Link<T> = this;
  after: Link<T> = this;
  start: number;
  end: number;
  readonly item: T | undefined;
  /** The map that it is in; undefined after it left. */
  map: unknown = undefined;

  constructor(start: number, end: number, item: T | undefined) {
    this.start = start;
    this.end = end;
    this.item = item;
  }
}

/** A container that is searched from link to link. */
export class ListMap<T extends Range> implements RangeMap<T> {
  readonly #head = new Link<T>(0, 0, undefined);
  #hint: Link<T> = this.#head;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  find(position: number): T | undefined {
    const link = this.#firstEndingAfter(position);
    if (position < link.start || position >= link.end) return undefined;
    return link.item;
  }

  findNext(position: number): T | undefined {
    return this.#firstEndingAfter(position).item;
  }

  first(): T | undefined {
    return this.#head.after.item;
  }

  last(): T | undefined {
    return this.#head.before.item;
  }

  next(item: T): T | undefined {
    return this.#linkOf(item).after.item;
  }

  previous(item: T): T | undefined {
    return this.#linkOf(item).before.item;
  }

  insert(item: T): void {
    expectNew(item);
    const { start, end } = item;
    const after = this.#firstEndingAfter(start);
    if (after !== this.#head && end > after.start) throw overlap(item);
    const link = new Link<T>(start, end, item);
    link.map = this;
    link.after = after;
    link.before = after.before;
    link.before.after = link;
    after.before = link;
    item.slot = link;
    this.#hint = link;
    this.#size++;
  }

  remove(item: T): void {
    const link = this.#linkOf(item);
    link.before.after = link.after;
    link.after.before = link.before;
    link.map = undefined;
    if (this.#hint === link) this.#hint = link.before;
    item.slot = undefined;
    this.#size--;
  }

  resize(item: T, start: number, end: number): void {
    const link = this.#linkOf(item);
    const ceiling = link.after === this.#head ? Number.POSITIVE_INFINITY : link.after.start;
    expectRoom(item, start, end, { floor: link.before.end, ceiling });
    item.start = link.start = start;
    item.end = link.end = end;
  }

  findHole(size: number, request: HoleRequest): number {
    return searchHole(this, size, request);
  }

  /** See `Gaps`. */
  nextGap(item: T, size: number): T | undefined {
    return gapAbove(this, item, size);
  }

  /** See `Gaps`. */
  previousGap(item: T | undefined, size: number): T | undefined {
    return gapBelow(this, item, size);
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let link = this.#head.after; link.item !== undefined; link = link.after) yield link.item;
  }

  check(): void {
    let count = 0;
    let isHintFound = this.#hint === this.#head;
    for (let link = this.#head.after; link.item !== undefined; link = link.after) {
      const { item, before, after, start, end } = link;
      const isTied = item.slot === link && item.start === start && item.end === end && before.after === link && after.before === link;
      invariant(isTied, 'LI1', () => `[${item.start}, ${item.end}) was inserted as [${start}, ${end}), or its links are broken`);
      invariant(start < end && start >= before.end, 'RM1', () => `[${start}, ${end}) is empty or overlaps the range below`);
      if (link === this.#hint) isHintFound = true;
      count++;
    }
    invariant(count === this.#size, 'RM2', () => `size ${this.#size}, found ${count}`);
    invariant(isHintFound, 'LI2', () => `the hint ${this.#hint.start} has left the map`);
  }

  #linkOf(item: T): Link<T> {
    const link = item.slot;
    if (!(link instanceof Link) || link.map !== this) throw notInMap(item);
    return link;
  }

  /** Returns the lowest link with `end > position`, or the head. */
  #firstEndingAfter(position: number): Link<T> {
    const head = this.#head;
    let link = this.#hint;
    // The head's bounds are 0: no search begins above it.
    if (position < link.start || link === head) link = head.after;
    while (link !== head && position >= link.end) link = link.after;
    this.#hint = link;
    return link;
  }
}
