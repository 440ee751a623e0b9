// No areas at all: a word for each page says whose it is, as in RDOS, which keeps the state of a page in its page-table entry and has no
// other record of what is mapped where.
//
//   [ 10 bits | 10 bits ]  of a page number: more levels, if page numbers are longer
//       |          |
//       v          v
//   directory -> table of 1024 words:  0 0 0 7 7 7 7 3 3 0 ...      0: free; else the number of the area's record
//
// What a state alone cannot tell, and why the words here are numbers of records: two areas that touch and are alike are one; where
// an area begins and ends takes a scan; what a page of a file is to be read from must be written into every page's word; and nothing says
// that a page which is in use has no owner any more. RDOS can do with states because its callers know all that.
//
// Invariants beside the contract's RM1-RM3 (quoted by `check`):
//   PS1  the words of [start, end) of every range are its number, and all other words are 0; item.slot is the number, and its record the item
//   PS2  a table or directory counts its words or children that are not empty, and none is kept that has none
//
// Cost: find is two loads, the fastest there is, whatever the number of areas; insert, remove and resize O(pages); next, previous and findNext
// O(free pages on the way), empty tables and directories skipped whole; findHole O(pages). Memory: 4 bytes for each page, in tables of 4 KiB.
// The tables are those of the page table, so they take no kernel memory beside it.

import { invariant } from '../base/index.ts';
import { alignDown, alignUp, canTakeHint, expectSize } from './hole-search.ts';
import { expectNew, expectRoom, notInMap, overlap } from './range-checks.ts';
import type { HoleRequest, Range, RangeMap } from './range-map.ts';

/** Words of a table, children of a directory: a page of 4 KiB. */
const FANOUT = 1024;

/** The lowest level: one word per page. */
class Table {
  readonly words = new Uint32Array(FANOUT);
  used = 0;
}

/** A level above. */
class Directory {
  readonly children: (Directory | Table | undefined)[] = new Array(FANOUT).fill(undefined);
  used = 0;
}

/** A container that knows pages and no areas. */
export class PageScanMap<T extends Range> implements RangeMap<T> {
  #root = new Directory();
  /** Positions below one child of the root. */
  #step = FANOUT;
  /** By number; number 0 is none. */
  readonly #records: (T | undefined)[] = [undefined];
  readonly #freeNumbers: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  find(position: number): T | undefined {
    const table = this.#tableAt(position);
    return table === undefined ? undefined : this.#records[table.words[position % FANOUT] as number];
  }

  findNext(position: number): T | undefined {
    return this.find(this.#nextUsed(position, this.#end));
  }

  first(): T | undefined {
    return this.findNext(0);
  }

  last(): T | undefined {
    return this.find(this.#previousUsed(this.#end - 1, -1));
  }

  next(item: T): T | undefined {
    this.#expect(item);
    return this.findNext(item.end);
  }

  previous(item: T): T | undefined {
    this.#expect(item);
    return this.find(this.#previousUsed(item.start - 1, -1));
  }

  insert(item: T): void {
    expectNew(item);
    const { start, end } = item;
    if (this.#nextUsed(start, Math.min(end, this.#end)) < Math.min(end, this.#end)) throw overlap(item);
    const number = this.#freeNumbers.pop() ?? this.#records.length;
    this.#records[number] = item;
    this.#fill(start, end, number);
    item.slot = number;
    this.#size++;
  }

  remove(item: T): void {
    const number = this.#expect(item);
    this.#fill(item.start, item.end, 0);
    this.#records[number] = undefined;
    this.#freeNumbers.push(number);
    item.slot = undefined;
    this.#size--;
  }

  resize(item: T, start: number, end: number): void {
    const number = this.#expect(item);
    const floor = this.#previousUsed(item.start - 1, -1) + 1;
    const above = this.#nextUsed(item.end, this.#end);
    expectRoom(item, start, end, { floor, ceiling: above === this.#end ? Number.POSITIVE_INFINITY : above });
    this.#fill(item.start, Math.min(item.end, start), 0);
    this.#fill(Math.max(item.start, end), item.end, 0);
    // What it has kept is written again, with the same number.
    this.#fill(start, end, number);
    item.start = start;
    item.end = end;
  }

  findHole(size: number, request: HoleRequest): number {
    expectSize(size);
    const { low, high, direction, hint, fit = 'first' } = request;
    if (hint !== undefined && canTakeHint(hint, size, request) && this.#nextUsed(hint, hint + size) === hint + size) return hint;
    if (low >= high) return -1;
    if (fit === 'best') return this.#bestHole(size, request);
    return direction === 'bottom-up' ? this.#lowestHole(size, request) : this.#highestHole(size, request);
  }

  #lowestHole(size: number, { low, high, alignment = 1 }: HoleRequest): number {
    let place = alignUp(low, alignment);
    while (place + size <= high) {
      const used = this.#nextUsed(place, place + size);
      if (used === place + size) return place;
      place = alignUp(this.#nextFree(used), alignment);
    }
    return -1;
  }

  #highestHole(size: number, { low, high, alignment = 1 }: HoleRequest): number {
    let place = alignDown(high - size, alignment);
    while (place >= low) {
      const used = this.#previousUsed(place + size - 1, place - 1);
      if (used === place - 1) return place;
      place = alignDown(this.#previousFree(used) + 1 - size, alignment);
    }
    return -1;
  }

  /** Looks at every run of free pages. */
  #bestHole(size: number, { low, high, direction, alignment = 1 }: HoleRequest): number {
    let found = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let floor = this.#nextFree(low); floor < high; ) {
      const ceiling = this.#nextUsed(floor, high);
      const length = ceiling - floor;
      const place = direction === 'bottom-up' ? alignUp(floor, alignment) : alignDown(ceiling - size, alignment);
      const isBetter = length < least || (length === least && direction === 'top-down');
      if (isBetter && place >= floor && place + size <= ceiling) {
        found = place;
        least = length;
      }
      floor = ceiling < high ? this.#nextFree(ceiling) : high;
    }
    return found;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let item = this.first(); item !== undefined; item = this.next(item)) yield item;
  }

  check(): void {
    let count = 0;
    let pages = 0;
    this.#records.forEach((item, number) => {
      if (item === undefined) return;
      const { start, end, slot } = item;
      invariant(slot === number, 'PS1', () => `[${start}, ${end}) is number ${number} and says ${slot}`);
      invariant(start < end, 'RM1', () => `[${start}, ${end}) is empty`);
      for (let page = start; page < end; page++) {
        invariant(this.find(page) === item, 'PS1', () => `page ${page} is not marked as one of [${start}, ${end})`);
      }
      pages += end - start;
      count++;
    });
    invariant(count === this.#size, 'RM2', () => `size ${this.#size}, found ${count}`);
    const marked = checkUsed(this.#root, true);
    invariant(marked === pages, 'PS1', () => `${marked} pages are marked, the ranges have ${pages}`);
  }

  /** First position that no table can be for. */
  get #end(): number {
    return this.#step * FANOUT;
  }

  #expect(item: T): number {
    const number = item.slot;
    if (typeof number !== 'number' || this.#records[number] !== item) throw notInMap(item);
    return number;
  }

  #tableAt(position: number): Table | undefined {
    if (position < 0 || position >= this.#end) return undefined;
    let node: Directory | Table | undefined = this.#root;
    for (let step = this.#step; node instanceof Directory; step /= FANOUT) node = node.children[Math.floor(position / step) % FANOUT];
    return node;
  }

  /** Returns the first position of [from, limit) that is not free, or `limit`. */
  #nextUsed(from: number, limit: number): number {
    const end = Math.min(limit, this.#end);
    for (let position = from; position < end; ) {
      const emptySpan = this.#emptySpan(position);
      if (emptySpan > 0) {
        position = (Math.floor(position / emptySpan) + 1) * emptySpan;
        continue;
      }
      const { words } = this.#tableAt(position) as Table;
      const stop = Math.min(FANOUT, (position % FANOUT) + end - position);
      let at = position % FANOUT;
      const first = position - at;
      while (at < stop && words[at] === 0) at++;
      if (at < stop) return first + at;
      position = first + at;
    }
    return limit;
  }

  /** Returns the last position of (floor, from] that is not free, or `floor`. */
  #previousUsed(from: number, floor: number): number {
    for (let position = Math.min(from, this.#end - 1); position > floor; ) {
      const emptySpan = this.#emptySpan(position);
      if (emptySpan > 0) {
        position = Math.floor(position / emptySpan) * emptySpan - 1;
        continue;
      }
      const { words } = this.#tableAt(position) as Table;
      let at = position % FANOUT;
      const first = position - at;
      const stop = Math.max(-1, floor - first);
      while (at > stop && words[at] === 0) at--;
      if (at > stop) return first + at;
      position = first + at;
    }
    return floor;
  }

  /** Returns the first free position from `from` on. */
  #nextFree(from: number): number {
    for (let position = from; ; ) {
      const table = this.#tableAt(position);
      if (table === undefined) return position;
      let at = position % FANOUT;
      const first = position - at;
      while (at < FANOUT && table.words[at] !== 0) at++;
      if (at < FANOUT) return first + at;
      position = first + FANOUT;
    }
  }

  /** Returns the last free position down from `from`, or -1. */
  #previousFree(from: number): number {
    for (let position = from; position >= 0; ) {
      const table = this.#tableAt(position);
      if (table === undefined) return position;
      let at = position % FANOUT;
      const first = position - at;
      while (at >= 0 && table.words[at] !== 0) at--;
      if (at >= 0) return first + at;
      position = first - 1;
    }
    return -1;
  }

  /** Returns the positions of the absent table or directory that `position` lies in, or 0 if its table is there. `position` is below the end. */
  #emptySpan(position: number): number {
    let node: Directory | Table | undefined = this.#root;
    for (let step = this.#step; ; step /= FANOUT) {
      if (node instanceof Table) return 0;
      node = node.children[Math.floor(position / step) % FANOUT];
      if (node === undefined) return step;
    }
  }

  /** Writes `number` (0: free) for each page of [start, end). */
  #fill(start: number, end: number, number: number): void {
    while (number !== 0 && end > this.#end) this.#raise();
    for (let position = start; position < end; ) {
      const at = position % FANOUT;
      const stop = Math.min(FANOUT, at + end - position);
      const table = this.#ensureTable(position);
      for (let i = at; i < stop; i++) {
        if (table.words[i] === 0) table.used++;
        table.words[i] = number;
      }
      if (number === 0) {
        table.used -= stop - at;
        if (table.used === 0) this.#dropTable(position);
      }
      position += stop - at;
    }
  }

  /** Adds a level above. */
  #raise(): void {
    const above = new Directory();
    if (this.#root.used > 0) {
      above.children[0] = this.#root;
      above.used = 1;
    }
    this.#root = above;
    this.#step *= FANOUT;
  }

  #ensureTable(position: number): Table {
    let node = this.#root;
    for (let step = this.#step; ; step /= FANOUT) {
      const at = Math.floor(position / step) % FANOUT;
      let child = node.children[at];
      if (child === undefined) {
        child = step === FANOUT ? new Table() : new Directory();
        node.children[at] = child;
        node.used++;
      }
      if (child instanceof Table) return child;
      node = child;
    }
  }

  /** Takes out the table of `position`, which is empty, and the directories that are empty without it. */
  #dropTable(position: number): void {
    const path: Directory[] = [];
    let node: Directory | Table | undefined = this.#root;
    for (let step = this.#step; node instanceof Directory; step /= FANOUT) {
      path.push(node);
      node = node.children[Math.floor(position / step) % FANOUT];
    }
    for (let step = FANOUT; ; step *= FANOUT) {
      const directory = path.pop();
      if (directory === undefined) return;
      directory.children[Math.floor(position / step) % FANOUT] = undefined;
      directory.used--;
      if (directory.used > 0) return;
    }
  }
}

/** Checks PS2 from `node` down. Returns the words that are not 0. */
function checkUsed(node: Directory | Table, isRoot: boolean): number {
  invariant(isRoot || node.used > 0, 'PS2', () => 'an empty table or directory is kept');
  if (node instanceof Table) {
    const used = node.words.reduce((sum, word) => sum + Number(word !== 0), 0);
    invariant(used === node.used, 'PS2', () => `a table counts ${node.used} words and has ${used}`);
    return used;
  }
  const children = node.children.filter((child) => child !== undefined);
  invariant(children.length === node.used, 'PS2', () => `a directory counts ${node.used} children and has ${children.length}`);
  return children.reduce((sum, child) => sum + checkUsed(child, false), 0);
}
