// The RangeMap face of the balanced trees (gap-tree.ts): it ties items to nodes through `item.slot` and checks the caller.
//
// Invariants beside the contract's RM1-RM3 (quoted by `check`):
//   TM1  item.slot is the item's node, and the node's bounds are the item's
//   TM2  the last item found is still in the map
//
// Cost: find O(1) for the item found last (addresses are local: the hint of Mach's vm_map), else O(log n);
// next, previous, first, last O(1); insert, remove, resize O(log n) and one small object per insert; findHole O(log n),
// and with an alignment O(log n) more for each gap tried that is at least `size` long but has no aligned
// place; a gap of `size + alignment - 1` always has one. Best fit looks at every gap of `size` and more: the trees are in order of addresses.

import { invariant } from '../base/index.ts';
import { GapNode, type GapTree } from './gap-tree.ts';
import { searchHole } from './hole-search.ts';
import { expectNew, expectRoom, notInMap, overlap } from './range-checks.ts';
import type { HoleRequest, Range, RangeMap } from './range-map.ts';

/** A container over a tree. */
export class TreeMap<T extends Range> implements RangeMap<T> {
  readonly #tree: GapTree<T>;
  readonly #nil: GapNode<T>;
  #last: GapNode<T>;
  #size = 0;

  /** @param tree empty, and the map's own from now on. */
  constructor(tree: GapTree<T>) {
    this.#tree = tree;
    this.#nil = tree.nil;
    this.#last = tree.nil;
  }

  get size(): number {
    return this.#size;
  }

  find(position: number): T | undefined {
    const last = this.#last;
    if (position >= last.start && position < last.end) return last.item;
    const node = this.#tree.firstEndingAfter(position);
    // nil's bounds hold no position, so an absent node misses here as well.
    if (position < node.start || position >= node.end) return undefined;
    this.#last = node;
    return node.item;
  }

  findNext(position: number): T | undefined {
    return this.#tree.firstEndingAfter(position).item;
  }

  first(): T | undefined {
    return this.#nil.after.item;
  }

  last(): T | undefined {
    return this.#nil.before.item;
  }

  next(item: T): T | undefined {
    return this.#nodeOf(item).after.item;
  }

  previous(item: T): T | undefined {
    return this.#nodeOf(item).before.item;
  }

  insert(item: T): void {
    expectNew(item);
    const node = new GapNode<T>(item.start, item.end, item, this.#nil);
    if (!this.#tree.link(node)) throw overlap(item);
    item.slot = node;
    this.#size++;
  }

  remove(item: T): void {
    const node = this.#nodeOf(item);
    this.#tree.unlink(node);
    if (this.#last === node) this.#last = this.#nil;
    item.slot = undefined;
    this.#size--;
  }

  resize(item: T, start: number, end: number): void {
    const node = this.#nodeOf(item);
    const ceiling = node.after === this.#nil ? Number.POSITIVE_INFINITY : node.after.start;
    expectRoom(item, start, end, { floor: node.before.end, ceiling });
    item.start = node.start = start;
    item.end = node.end = end;
    this.#tree.regap(node);
  }

  findHole(size: number, request: HoleRequest): number {
    return searchHole(this, size, request);
  }

  /** See `Gaps`. */
  nextGap(item: T, size: number): T | undefined {
    return this.#tree.nextGap(this.#nodeOf(item), size).item;
  }

  /** See `Gaps`. */
  previousGap(item: T | undefined, size: number): T | undefined {
    return this.#tree.previousGap(item === undefined ? this.#nil : this.#nodeOf(item), size).item;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let node = this.#nil.after; node.item !== undefined; node = node.after) yield node.item;
  }

  check(): void {
    const count = this.#tree.check();
    invariant(count === this.#size, 'RM2', () => `size ${this.#size}, found ${count}`);
    for (let node = this.#nil.after; node.item !== undefined; node = node.after) {
      const { item } = node;
      const isTied = item.slot === node && item.start === node.start && item.end === node.end;
      invariant(isTied, 'TM1', () => `[${item.start}, ${item.end}) was inserted as [${node.start}, ${node.end})`);
    }
    invariant(this.#last === this.#nil || this.#last.tree === this.#tree, 'TM2', () => `${this.#last.start} has left the map`);
  }

  #nodeOf(item: T): GapNode<T> {
    const node = item.slot;
    if (!(node instanceof GapNode) || node.tree !== this.#tree) throw notInMap(item);
    return node;
  }
}
