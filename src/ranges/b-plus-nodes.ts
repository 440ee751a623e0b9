// The nodes of a B+tree of ranges, in typed arrays: where slots lie, how one is found, how they move.
//
//   node 5   keys   12 | 300 | 940 | inf ...      the lowest start below each child
//            kids    2 |   7 |   3 |
//            gaps   40 |  18 | 200 |  -1 ...      the largest gap below each child
//
//   node 7   keys  300 | 340 | 390 | inf ...      a leaf: starts,
//            ends  310 | 360 | 400 |              ends,
//            items   A |   B |   C |              the ranges themselves,
//            gaps    0 |  18 |  30 |  -1 ...      and the gap below each, the first one's down to the leaf before
//
// Node n has the slots 64n to 64n + 63 of the arrays; a position in them is called `at`. Three rounds of three comparisons find the last key up
// to a position: each yields 0 or 1 that is added, so that the processor has no jump to guess, and the three of a round do not wait for each
// other. The first slot is never compared and stands for all below.
//
// Elsewhere: splitting and joining (b-plus-balance.ts), what nodes above must know (b-plus-gaps.ts), the invariants' check (b-plus-check.ts).

import type { Range } from './range-map.ts';

/** Slots of a node, and the shift that makes a node's number its first slot. */
export const SLOTS = 64;
/** See `SLOTS`. */
export const SHIFT = 6;
/** A node with fewer is filled from a sibling or joined with it. A third: halves of a split are well above, so that a node does not go to and fro. */
export const FEWEST = 21;
/** No node, no slot. */
export const NONE = -1;
/** Key of a slot that is not used: above all positions. */
export const NO_KEY = Number.POSITIVE_INFINITY;
/** Gap of a slot that is not used: below all sizes. */
export const NO_GAP = -1;

/** A tree's nodes: at first one leaf without ranges, the root. */
export class Nodes<T extends Range> {
  keys = new Float64Array(SLOTS).fill(NO_KEY);
  ends = new Float64Array(SLOTS);
  gaps = new Float64Array(SLOTS).fill(NO_GAP);
  kids = new Int32Array(SLOTS);
  readonly items: (T | undefined)[] = new Array(SLOTS).fill(undefined);
  /** By node: slots in use, levels down to the leaves, the node above, and a leaf's neighbours. */
  counts = new Int32Array(1);
  levels = new Int32Array(1);
  parents = new Int32Array(1).fill(NONE);
  leavesBefore = new Int32Array(1).fill(NONE);
  leavesAfter = new Int32Array(1).fill(NONE);
  /** Nodes that are in no tree. */
  readonly free: number[] = [];
  /** Nodes, free ones too. */
  total = 1;
  root = 0;
  firstLeaf = 0;
  lastLeaf = 0;

  // Finding.

  /** Returns the last slot of `node` with a key up to `position`, the first slot if none has. */
  slotFor(node: number, position: number): number {
    const { keys } = this;
    let at = node << SHIFT;
    at +=
      (Number((keys[at + 16] as number) <= position) +
        Number((keys[at + 32] as number) <= position) +
        Number((keys[at + 48] as number) <= position)) <<
      4;
    at +=
      (Number((keys[at + 4] as number) <= position) +
        Number((keys[at + 8] as number) <= position) +
        Number((keys[at + 12] as number) <= position)) <<
      2;
    return (
      at +
      Number((keys[at + 1] as number) <= position) +
      Number((keys[at + 2] as number) <= position) +
      Number((keys[at + 3] as number) <= position)
    );
  }

  /** Returns the leaf that `position` belongs to. */
  leafFor(position: number): number {
    const { kids } = this;
    let node = this.root;
    for (let level = this.levels[node] as number; level > 0; level--) node = kids[this.slotFor(node, position)] as number;
    return node;
  }

  /** Returns the slot above `node`, which is not the root. @param key its first key as the nodes above know it */
  slotAbove(node: number, key: number = this.keys[node << SHIFT] as number): number {
    return this.slotFor(this.parents[node] as number, key);
  }

  /** Tells whether `at`, which is not unused, is of a leaf and has a used slot behind it there. */
  isFollowedInLeaf(at: number): boolean {
    const node = at >> SHIFT;
    return at + 1 < this.endOf(node) && this.levels[node] === 0;
  }

  /** Returns the first slot behind those that `node` uses. */
  endOf(node: number): number {
    return (node << SHIFT) + (this.counts[node] as number);
  }

  isFull(node: number): boolean {
    return this.counts[node] === SLOTS;
  }

  /** Returns the range above the one at `at`. */
  itemAfter(at: number): T | undefined {
    const place = this.placeFrom(at >> SHIFT, at + 1);
    return place === NONE ? undefined : this.items[place];
  }

  /** Returns the place of the range below the one at `at`, or NONE. */
  placeBefore(at: number): number {
    if (!isFirstSlot(at)) return at - 1;
    const before = this.leavesBefore[at >> SHIFT] as number;
    return before === NONE ? NONE : this.endOf(before) - 1;
  }

  /** Returns `at` if `leaf` uses that slot, else the first of the next leaf, or NONE. */
  placeFrom(leaf: number, at: number): number {
    if (at < this.endOf(leaf)) return at;
    const after = this.leavesAfter[leaf] as number;
    return after === NONE ? NONE : after << SHIFT;
  }

  // Slots.

  /** Makes room at `at` of `node`, which is not full. */
  openSlot(node: number, at: number): void {
    this.move(at, this.endOf(node), at + 1);
    this.counts[node] = (this.counts[node] as number) + 1;
  }

  /** Takes the slot `at` of `node` out. */
  closeSlot(node: number, at: number): void {
    const end = this.endOf(node) - 1;
    this.move(at + 1, end + 1, at);
    this.counts[node] = end - (node << SHIFT);
    this.keys[end] = NO_KEY;
    this.gaps[end] = NO_GAP;
    this.items[end] = undefined;
  }

  /** Copies the slots [from, end) to `to` and on; they may overlap. All are of nodes of one level. */
  move(from: number, end: number, to: number): void {
    const { keys, gaps } = this;
    const step = to > from ? -1 : 1;
    const last = to > from ? from - 1 : end;
    const way = to - from;
    const first = to > from ? end - 1 : from;
    if (from >= end) return;
    for (let at = first; at !== last; at += step) {
      keys[at + way] = keys[at] as number;
      gaps[at + way] = gaps[at] as number;
    }
    if (this.levels[from >> SHIFT] === 0) {
      const { ends, items } = this;
      for (let at = first; at !== last; at += step) {
        ends[at + way] = ends[at] as number;
        items[at + way] = items[at];
      }
    } else {
      const { kids } = this;
      for (let at = first; at !== last; at += step) kids[at + way] = kids[at] as number;
    }
  }

  /** Moves the slots [from, end) of one node to `to` in another, which has them now; the old ones are empty. */
  handOver(from: number, end: number, to: number): void {
    this.move(from, end, to);
    this.clear(from, end);
  }

  clear(from: number, end: number): void {
    this.keys.fill(NO_KEY, from, end);
    this.gaps.fill(NO_GAP, from, end);
    this.items.fill(undefined, from, end);
  }

  /** Tells the children in [from, end) that they hang on `node`. */
  adopt(from: number, end: number, node: number): void {
    for (let at = from; at < end; at++) this.parents[this.kids[at] as number] = node;
  }

  // The chain of leaves.

  /** Puts the leaf `right` behind `leaf`. */
  chain(leaf: number, right: number): void {
    const after = this.leavesAfter[leaf] as number;
    this.leavesAfter[leaf] = right;
    this.leavesBefore[right] = leaf;
    this.leavesAfter[right] = after;
    if (after === NONE) this.lastLeaf = right;
    else this.leavesBefore[after] = right;
  }

  /** Takes `leaf`, which is not the first, out of the chain. */
  unchain(leaf: number): void {
    const before = this.leavesBefore[leaf] as number;
    const after = this.leavesAfter[leaf] as number;
    this.leavesAfter[before] = after;
    if (after === NONE) this.lastLeaf = before;
    else this.leavesBefore[after] = before;
  }

  // The pool.

  /** Returns a node without slots in use. @param level down to the leaves */
  make(level: number): number {
    const node = this.free.pop() ?? this.total++;
    if (this.total > this.counts.length) this.#grow();
    // Whoever remembers a slot of a leaf may now look at a node above: ends of 0 hold no position.
    this.ends.fill(0, node << SHIFT, (node + 1) << SHIFT);
    this.levels[node] = level;
    return node;
  }

  /** Gives back `node`, whose slots somebody else has now. */
  release(node: number): void {
    const base = node << SHIFT;
    this.clear(base, base + SLOTS);
    this.counts[node] = 0;
    this.parents[node] = this.leavesBefore[node] = this.leavesAfter[node] = NONE;
    this.free.push(node);
  }

  #grow(): void {
    const nodes = 2 * this.counts.length;
    this.keys = grownDoubles(this.keys, nodes << SHIFT, NO_KEY);
    this.ends = grownDoubles(this.ends, nodes << SHIFT, 0);
    this.gaps = grownDoubles(this.gaps, nodes << SHIFT, NO_GAP);
    this.kids = grownWords(this.kids, nodes << SHIFT, 0);
    this.counts = grownWords(this.counts, nodes, 0);
    this.levels = grownWords(this.levels, nodes, 0);
    this.parents = grownWords(this.parents, nodes, NONE);
    this.leavesBefore = grownWords(this.leavesBefore, nodes, NONE);
    this.leavesAfter = grownWords(this.leavesAfter, nodes, NONE);
    while (this.items.length < nodes << SHIFT) this.items.push(undefined);
  }
}

/** Tells whether `at` is a node's first slot. */
export function isFirstSlot(at: number): boolean {
  return (at & (SLOTS - 1)) === 0;
}

function grownDoubles(old: Float64Array, length: number, filler: number): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(length).fill(filler);
  grown.set(old);
  return grown;
}

function grownWords(old: Int32Array, length: number, filler: number): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(length).fill(filler);
  grown.set(old);
  return grown;
}
