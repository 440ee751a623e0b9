// The address map's container: disjoint ranges in a red-black tree that also finds holes.
//
// The tree (gap-tree.ts) keeps each node's gap and the largest gap below it; this file is the RangeMap face: it
// ties items to nodes through `item.slot`, checks the caller, and picks places in gaps.
//
// Invariants beside the contract's RM1-RM3 (quoted by `check`):
//   RB1  item.slot is the item's node, and the node's bounds are the item's
//   RB2  the last item found is still in the map
//
// Cost: find O(1) for the item found last (addresses are local: the hint of Mach's vm_map), else O(log n);
// next, previous, first, last O(1); insert, remove, resize O(log n) and one small object per insert; findHole O(log n),
// and with an alignment O(log n) more for each gap tried that is at least `size` long but has no aligned
// place; a gap of `size + alignment - 1` always has one.

import { invariant, KernelPanic } from '../base/index.ts';
import { GapNode, GapTree } from './gap-tree.ts';
import type { HoleRequest, Range, RangeMap } from './range-map.ts';

/** The default container of map entries. */
export class RedBlackMap<T extends Range> implements RangeMap<T> {
  readonly #tree = new GapTree<T>();
  readonly #nil: GapNode<T> = this.#tree.nil;
  #last: GapNode<T> = this.#nil;
  #size = 0;

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
    const { start, end } = item;
    invariant(start >= 0 && start < end, 'RM1', () => `[${start}, ${end}) is empty or below 0`);
    invariant(item.slot === undefined, 'RM3', () => `[${start}, ${end}) is in a map already`);
    const node = new GapNode<T>(start, end, item, this.#nil);
    if (!this.#tree.link(node)) throw new KernelPanic('RM1', `[${start}, ${end}) overlaps a range of the map`);
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
    invariant(start < end, 'RM1', () => `[${start}, ${end}) is empty`);
    const fits = start >= node.before.end && (node.after === this.#nil || end <= node.after.start);
    invariant(fits, 'RM1', () => `[${node.start}, ${node.end}) cannot become [${start}, ${end}): a neighbour is in the way`);
    item.start = node.start = start;
    item.end = node.end = end;
    this.#tree.regap(node);
  }

  findHole(size: number, request: HoleRequest): number {
    invariant(size >= 1, 'RM1', () => `a hole of ${size} units`);
    const { low, high, direction, hint, alignment = 1 } = request;
    if (hint !== undefined && hint >= low && hint + size <= high && hint % alignment === 0 && this.#isFree(hint, size)) return hint;
    return direction === 'bottom-up' ? this.#lowestHole(size, low, high, alignment) : this.#highestHole(size, low, high, alignment);
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
      invariant(isTied, 'RB1', () => `[${item.start}, ${item.end}) was inserted as [${node.start}, ${node.end})`);
    }
    invariant(this.#last === this.#nil || this.#last.tree === this.#tree, 'RB2', () => `${this.#last.start} has left the map`);
  }

  #nodeOf(item: T): GapNode<T> {
    const node = item.slot;
    if (!(node instanceof GapNode) || node.tree !== this.#tree) {
      throw new KernelPanic('RM3', `[${item.start}, ${item.end}) is not in this map`);
    }
    return node;
  }

  #isFree(start: number, size: number): boolean {
    const node = this.#tree.firstEndingAfter(start);
    return node === this.#nil || start + size <= node.start;
  }

  #lowestHole(size: number, low: number, high: number, alignment: number): number {
    const tree = this.#tree;
    let node = tree.firstEndingAfter(low);
    for (;;) {
      const place = alignUp(Math.max(low, node.before.end), alignment);
      if (place + size > high) return -1;
      if (node === this.#nil || place + size <= node.start) return place;
      node = tree.nextGap(node, size);
    }
  }

  #highestHole(size: number, low: number, high: number, alignment: number): number {
    const tree = this.#tree;
    let node = tree.firstEndingAfter(high - 1);
    for (;;) {
      const ceiling = node === this.#nil ? high : Math.min(high, node.start);
      const place = alignDown(ceiling - size, alignment);
      if (place < low) return -1;
      if (place >= node.before.end) return place;
      node = tree.previousGap(node, size);
      if (node === this.#nil) return -1;
    }
  }
}

// Remainders, not masks: positions reach 2^53 and an alignment need not be a power of two.

function alignDown(position: number, alignment: number): number {
  return position < 0 ? -1 : position - (position % alignment);
}

function alignUp(position: number, alignment: number): number {
  const over = position % alignment;
  return over === 0 ? position : position + alignment - over;
}
