// A B+tree of nodes with up to 64 slots in typed arrays, searched without a branch: the sorted array's lookups with a tree's inserts. Linux's
// maple tree is of this kind.
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
// other. The first slot is never compared and stands for all below. Measured on Node 20, lookups among 567 and 100,000 ranges, in millions per
// second: six rounds of one 24.8 and 8.6, two rounds of seven 25.7 and 10.0, three rounds of three 30.8 and 10.7.
//
// Invariants beside the contract's RM1-RM3 (quoted by `check`):
//   BT1  a leaf's slots have the bounds of its items, whose slot is the map; slots that are not used have key inf and gap -1
//   BT2  a key above a child is the child's first key, and its gap the largest of the child's; the child's parent is the node
//   BT3  all leaves are as deep; a node other than the root has 21 slots in use or more, the root 2 or is a leaf
//   BT4  the chain of leaves has the leaves in order
//   BT5  nodes are in the tree or free, no node is both
//
// Cost: find O(1) for the item found last, else O(log n), 9 comparisons for each of ceil(log n / log 44) levels or so; next and previous the same; insert,
// remove, resize O(log n) and up to 64 slots moved per level; findHole O(log n) as in the trees. Memory: 12 bytes a slot as C would have it, so at
// most 37 for each range, and a thirtieth for the levels above.
// Sources: Bayer and McCreight 1972; Comer 1979; Linux's Documentation/core-api/maple_tree.rst for the use.

import { invariant } from '../base/index.ts';
import { searchHole } from './hole-search.ts';
import { expectNew, expectRoom, notInMap, overlap } from './range-checks.ts';
import type { HoleRequest, Range, RangeMap } from './range-map.ts';

/** Slots of a node, and the shift that makes a node's number its first slot. */
const SLOTS = 64;
const SHIFT = 6;
/** A node with fewer is filled from a sibling or joined with it. A third: halves of a split are well above, so that a node does not go to and fro. */
const FEWEST = 21;
/** No node. */
const NONE = -1;
const NO_KEY = Number.POSITIVE_INFINITY;
const NO_GAP = -1;

/** A container that searches few, wide nodes. */
export class BPlusTreeMap<T extends Range> implements RangeMap<T> {
  #keys = new Float64Array(SLOTS).fill(NO_KEY);
  #ends = new Float64Array(SLOTS);
  #gaps = new Float64Array(SLOTS).fill(NO_GAP);
  #kids = new Int32Array(SLOTS);
  readonly #items: (T | undefined)[] = new Array(SLOTS).fill(undefined);
  /** By node: slots in use, the node above, and a leaf's neighbours. */
  #counts = new Int32Array(1);
  #parents = new Int32Array(1).fill(NONE);
  #leavesBefore = new Int32Array(1).fill(NONE);
  #leavesAfter = new Int32Array(1).fill(NONE);
  readonly #freeNodes: number[] = [];
  #nodes = 1;
  #root = 0;
  /** Levels above the leaves. */
  #height = 0;
  #firstLeaf = 0;
  #lastLeaf = 0;
  #size = 0;
  /** Where the last search ended: its bounds are at hand, the item is not. Out of date, it costs a step and finds nothing wrong. */
  #last = 0;

  get size(): number {
    return this.#size;
  }

  find(position: number): T | undefined {
    const last = this.#last;
    if (position >= (this.#keys[last] as number) && position < (this.#ends[last] as number)) return this.#items[last];
    const at = this.#lastStartingUpTo(position);
    // An empty leaf's first key is infinite.
    if (position < (this.#keys[at] as number) || position >= (this.#ends[at] as number)) return undefined;
    this.#last = at;
    return this.#items[at];
  }

  findNext(position: number): T | undefined {
    const at = this.#lastStartingUpTo(position);
    return position < (this.#ends[at] as number) ? this.#items[at] : this.#itemAfter(at);
  }

  first(): T | undefined {
    return this.#items[this.#firstLeaf << SHIFT];
  }

  last(): T | undefined {
    const leaf = this.#lastLeaf;
    const count = this.#counts[leaf] as number;
    return count === 0 ? undefined : this.#items[(leaf << SHIFT) + count - 1];
  }

  next(item: T): T | undefined {
    return this.#itemAfter(this.#placeOf(item));
  }

  previous(item: T): T | undefined {
    const at = this.#placeBefore(this.#placeOf(item));
    return at === NONE ? undefined : this.#items[at];
  }

  insert(item: T): void {
    expectNew(item);
    const { start, end } = item;
    let at = this.#lastStartingUpTo(start);
    const isFirst = !(start >= (this.#keys[at] as number));
    if (!isFirst && start < (this.#ends[at] as number)) throw overlap(item);
    const above = isFirst ? this.#items[at] : this.#itemAfter(at);
    if (above !== undefined && end > above.start) throw overlap(item);
    if (!isFirst) at++;
    at = this.#openSlot(this.#leafOf(at, isFirst), at);
    this.#keys[at] = start;
    this.#ends[at] = end;
    this.#items[at] = item;
    item.slot = this;
    this.#size++;
    const leaf = at >> SHIFT;
    if ((at & (SLOTS - 1)) === 0) this.#rekey(leaf, above === undefined ? start : above.start);
    this.#regap(at);
  }

  remove(item: T): void {
    const at = this.#placeOf(item);
    const leaf = at >> SHIFT;
    const { start } = item;
    this.#closeSlot(leaf, at);
    item.slot = undefined;
    this.#size--;
    if ((at & (SLOTS - 1)) === 0 && (this.#counts[leaf] as number) > 0) this.#rekey(leaf, start);
    const above = this.#settled(leaf, at);
    if (above !== NONE) this.#gaps[above] = this.#gapBelow(above);
    this.#remeasure(leaf);
    if (above !== NONE && above >> SHIFT !== leaf) this.#remeasure(above >> SHIFT);
    if ((this.#counts[leaf] as number) < FEWEST) this.#refill(leaf);
  }

  resize(item: T, start: number, end: number): void {
    const at = this.#placeOf(item);
    const below = this.#placeBefore(at);
    const ceiling = this.#itemAfter(at)?.start ?? Number.POSITIVE_INFINITY;
    expectRoom(item, start, end, { floor: below === NONE ? 0 : (this.#ends[below] as number), ceiling });
    const old = item.start;
    item.start = this.#keys[at] = start;
    item.end = this.#ends[at] = end;
    if ((at & (SLOTS - 1)) === 0 && start !== old) this.#rekey(at >> SHIFT, old);
    this.#regap(at);
  }

  findHole(size: number, request: HoleRequest): number {
    return searchHole(this, size, request);
  }

  /** See `Gaps`. */
  nextGap(item: T, size: number): T | undefined {
    let at = this.#placeOf(item);
    for (let levels = 0; ; levels++) {
      const node = at >> SHIFT;
      const found = this.#gapUp(at + 1, (node + 1) << SHIFT, size);
      if (found !== NONE) return this.#lowestGap(found, levels, size);
      const parent = this.#parents[node] as number;
      if (parent === NONE) return undefined;
      at = this.#slotFor(parent, this.#keys[node << SHIFT] as number);
    }
  }

  /** See `Gaps`. */
  previousGap(item: T | undefined, size: number): T | undefined {
    if (item === undefined) {
      const found = this.#gapDown((this.#root + 1) << SHIFT, this.#root << SHIFT, size);
      return found === NONE ? undefined : this.#highestGap(found, this.#height, size);
    }
    let at = this.#placeOf(item);
    for (let levels = 0; ; levels++) {
      const node = at >> SHIFT;
      const found = this.#gapDown(at, node << SHIFT, size);
      if (found !== NONE) return this.#highestGap(found, levels, size);
      const parent = this.#parents[node] as number;
      if (parent === NONE) return undefined;
      at = this.#slotFor(parent, this.#keys[node << SHIFT] as number);
    }
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let leaf = this.#firstLeaf; leaf !== NONE; leaf = this.#leavesAfter[leaf] as number) {
      for (let i = 0; i < (this.#counts[leaf] as number); i++) yield this.#items[(leaf << SHIFT) + i] as T;
    }
  }

  check(): void {
    const leaves: number[] = [];
    const nodes = this.#checkNode(this.#root, this.#height, leaves);
    const free = new Set(this.#freeNodes);
    invariant(free.size === this.#freeNodes.length && nodes + free.size === this.#nodes, 'BT5', () => `${nodes} nodes of ${this.#nodes}`);
    const chain: number[] = [];
    for (let leaf = this.#firstLeaf, before = NONE; leaf !== NONE; leaf = this.#leavesAfter[leaf] as number) {
      invariant(this.#leavesBefore[leaf] === before, 'BT4', () => `leaf ${leaf} follows ${before} and says another`);
      chain.push(leaf);
      before = leaf;
    }
    const inOrder = chain.join() === leaves.join() && chain.at(-1) === this.#lastLeaf;
    invariant(inOrder, 'BT4', () => `leaves ${leaves} are chained as ${chain}`);
    this.#checkItems(leaves);
  }

  /** Checks all but the items below `node`. Returns the nodes there. */
  #checkNode(node: number, level: number, leaves: number[]): number {
    const base = node << SHIFT;
    const count = this.#counts[node] as number;
    const least = node !== this.#root ? FEWEST : level > 0 ? 2 : 0;
    invariant(count >= least && count <= SLOTS, 'BT3', () => `node ${node} has ${count} slots in use`);
    for (let at = base + count; at < base + SLOTS; at++) {
      const unused = this.#keys[at] === NO_KEY && this.#gaps[at] === NO_GAP && this.#items[at] === undefined;
      invariant(unused, 'BT1', () => `slot ${at} is not in use and not empty`);
    }
    if (level === 0) {
      leaves.push(node);
      return 1;
    }
    let nodes = 1;
    for (let at = base; at < base + count; at++) {
      const kid = this.#kids[at] as number;
      const isTied = this.#parents[kid] === node && this.#keys[at] === this.#keys[kid << SHIFT] && this.#gaps[at] === this.#largestGap(kid);
      invariant(isTied, 'BT2', () => `node ${node} has key ${this.#keys[at]}, gap ${this.#gaps[at]} for node ${kid}`);
      nodes += this.#checkNode(kid, level - 1, leaves);
    }
    return nodes;
  }

  #checkItems(leaves: readonly number[]): void {
    let below = 0;
    let count = 0;
    for (const leaf of leaves) {
      for (let at = leaf << SHIFT; at < (leaf << SHIFT) + (this.#counts[leaf] as number); at++) {
        const { start, end, slot } = this.#items[at] as T;
        const isTied = slot === this && start === this.#keys[at] && end === this.#ends[at];
        invariant(isTied, 'BT1', () => `[${start}, ${end}) was inserted as [${this.#keys[at]}, ${this.#ends[at]})`);
        invariant(start >= below && start < end, 'RM1', () => `[${start}, ${end}) is empty or overlaps the range below`);
        invariant(this.#gaps[at] === start - below, 'BT1', () => `gap ${this.#gaps[at]} below ${start}`);
        below = end;
        count++;
      }
    }
    invariant(count === this.#size, 'RM2', () => `size ${this.#size}, found ${count}`);
  }

  /** Returns the place of the last range with `start <= position`; of the first range, or of an empty leaf's first slot, if there is none. */
  #lastStartingUpTo(position: number): number {
    const kids = this.#kids;
    let node = this.#root;
    for (let level = this.#height; level > 0; level--) node = kids[this.#slotFor(node, position)] as number;
    return this.#slotFor(node, position);
  }

  /** Returns the last slot of `node` with a key up to `position`, the first slot if none has. */
  #slotFor(node: number, position: number): number {
    const keys = this.#keys;
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

  #placeOf(item: T): number {
    const at = item.slot === this ? this.#lastStartingUpTo(item.start) : NONE;
    if (this.#items[at] !== item) throw notInMap(item);
    return at;
  }

  #itemAfter(at: number): T | undefined {
    const leaf = at >> SHIFT;
    if (at + 1 < (leaf << SHIFT) + (this.#counts[leaf] as number)) return this.#items[at + 1];
    const after = this.#leavesAfter[leaf] as number;
    return after === NONE ? undefined : this.#items[after << SHIFT];
  }

  /** Returns the place of the range below the one at `at`, or NONE. */
  #placeBefore(at: number): number {
    if ((at & (SLOTS - 1)) !== 0) return at - 1;
    const before = this.#leavesBefore[at >> SHIFT] as number;
    return before === NONE ? NONE : (before << SHIFT) + (this.#counts[before] as number) - 1;
  }

  /** Returns the leaf that a place for a new range belongs to: `at` may be one above the leaf's last slot. */
  #leafOf(at: number, isFirst: boolean): number {
    return isFirst ? at >> SHIFT : (at - 1) >> SHIFT;
  }

  /** Returns the place where the range now is that was above the slot `at` of `leaf`, or NONE. */
  #settled(leaf: number, at: number): number {
    if (at < (leaf << SHIFT) + (this.#counts[leaf] as number)) return at;
    const after = this.#leavesAfter[leaf] as number;
    return after === NONE ? NONE : after << SHIFT;
  }

  // Slots: opening one, closing one, moving many.

  /** Makes room at `at` of `node`, which splits if it is full. Returns the place. */
  #openSlot(node: number, at: number): number {
    if (this.#counts[node] === SLOTS) return this.#openSlot(...this.#split(node, at));
    const end = (node << SHIFT) + (this.#counts[node] as number);
    this.#moveSlots(at, end, at + 1);
    this.#counts[node] = (this.#counts[node] as number) + 1;
    return at;
  }

  /** Takes the slot `at` of `node` out. */
  #closeSlot(node: number, at: number): void {
    const count = (this.#counts[node] as number) - 1;
    const end = (node << SHIFT) + count;
    this.#moveSlots(at + 1, end + 1, at);
    this.#counts[node] = count;
    this.#clear(end, end + 1);
  }

  /** Copies the slots [from, end) to `to` and on; they may overlap. */
  #moveSlots(from: number, end: number, to: number): void {
    this.#keys.copyWithin(to, from, end);
    this.#ends.copyWithin(to, from, end);
    this.#gaps.copyWithin(to, from, end);
    this.#kids.copyWithin(to, from, end);
    const items = this.#items;
    if (to > from) for (let at = end - 1; at >= from; at--) items[at + to - from] = items[at];
    else for (let at = from; at < end; at++) items[at + to - from] = items[at];
  }

  /** Moves the slots [from, end) of one node to `to` in another, which has them now; the old ones are empty. */
  #handOver(from: number, end: number, to: number): void {
    this.#moveSlots(from, end, to);
    this.#clear(from, end);
  }

  #clear(from: number, end: number): void {
    this.#keys.fill(NO_KEY, from, end);
    this.#gaps.fill(NO_GAP, from, end);
    this.#items.fill(undefined, from, end);
  }

  /** Tells the children in [from, end) that they hang on `node`. */
  #adopt(from: number, end: number, node: number): void {
    for (let at = from; at < end; at++) this.#parents[this.#kids[at] as number] = node;
  }

  // Nodes: splitting, filling from a sibling, joining.

  /** Gives the upper half of a full node to a new one. Returns where the slot that was to be opened at `at` is now. */
  #split(node: number, at: number): [node: number, at: number] {
    const isLeaf = this.#isLeaf(node);
    const right = this.#newNode();
    const base = node << SHIFT;
    // Ranges that come in order of addresses leave leaves behind that are two thirds full, not half.
    const kept = isLeaf && at === base + SLOTS && node === this.#lastLeaf ? SLOTS - FEWEST : SLOTS / 2;
    this.#handOver(base + kept, base + SLOTS, right << SHIFT);
    this.#counts[node] = kept;
    this.#counts[right] = SLOTS - kept;
    if (isLeaf) this.#chain(node, right);
    else this.#adopt(right << SHIFT, (right << SHIFT) + SLOTS - kept, right);
    this.#hang(right, node);
    return at <= base + kept ? [node, at] : [right, (right << SHIFT) + at - base - kept];
  }

  /** Puts the leaf `right` behind `leaf`. */
  #chain(leaf: number, right: number): void {
    const after = this.#leavesAfter[leaf] as number;
    this.#leavesAfter[leaf] = right;
    this.#leavesBefore[right] = leaf;
    this.#leavesAfter[right] = after;
    if (after === NONE) this.#lastLeaf = right;
    else this.#leavesBefore[after] = right;
  }

  /** Makes `right` the next child after its sibling `node`, and measures both. */
  #hang(right: number, node: number): void {
    if (node === this.#root) this.#raise();
    const slot = this.#slotFor(this.#parents[node] as number, this.#keys[node << SHIFT] as number) + 1;
    const at = this.#openSlot(this.#parents[node] as number, slot);
    this.#keys[at] = this.#keys[right << SHIFT] as number;
    this.#kids[at] = right;
    this.#gaps[at] = this.#largestGap(right);
    this.#parents[right] = at >> SHIFT;
    this.#remeasure(node);
    this.#remeasure(right);
    this.#remeasure(at >> SHIFT);
  }

  /** Adds a root above the root. */
  #raise(): void {
    const root = this.#newNode();
    const at = root << SHIFT;
    this.#kids[at] = this.#root;
    this.#keys[at] = this.#keys[this.#root << SHIFT] as number;
    this.#gaps[at] = this.#largestGap(this.#root);
    this.#counts[root] = 1;
    this.#parents[this.#root] = root;
    this.#root = root;
    this.#height++;
  }

  /** `node` has too few slots in use: fills it from a sibling, or joins the two. */
  #refill(node: number): void {
    const parent = this.#parents[node] as number;
    if (parent === NONE) {
      if (!this.#isLeaf(node)) this.#lowerRoot();
      return;
    }
    const first = parent << SHIFT;
    const at = this.#slotFor(parent, this.#keys[node << SHIFT] as number);
    const left = at > first ? at - 1 : at;
    const [one, two] = [this.#kids[left] as number, this.#kids[left + 1] as number];
    const total = (this.#counts[one] as number) + (this.#counts[two] as number);
    if (total <= SLOTS) this.#join(one, two, left + 1);
    else this.#share(one, two, left + 1);
    this.#remeasure(one);
    if ((this.#counts[parent] as number) < (parent === this.#root ? 2 : FEWEST)) this.#refill(parent);
  }

  /** The root has one child, which becomes the root. */
  #lowerRoot(): void {
    const root = this.#root;
    const kid = this.#kids[root << SHIFT] as number;
    this.#root = kid;
    this.#parents[kid] = NONE;
    this.#height--;
    this.#freeNode(root);
  }

  /** Moves all of `two`, whose slot in the parent is `slot`, into its left sibling `one`. */
  #join(one: number, two: number, slot: number): void {
    const to = (one << SHIFT) + (this.#counts[one] as number);
    const count = this.#counts[two] as number;
    this.#handOver(two << SHIFT, (two << SHIFT) + count, to);
    this.#counts[one] = (this.#counts[one] as number) + count;
    if (this.#isLeaf(one)) this.#unchain(two);
    else this.#adopt(to, to + count, one);
    this.#closeSlot(slot >> SHIFT, slot);
    this.#freeNode(two);
  }

  /** Moves slots between the siblings `one` and `two`, whose slot in the parent is `slot`, until they have as many. */
  #share(one: number, two: number, slot: number): void {
    const isLeaf = this.#isLeaf(one);
    const [a, b] = [this.#counts[one] as number, this.#counts[two] as number];
    const moved = ((a + b) >> 1) - a;
    const oneEnd = (one << SHIFT) + a;
    const twoBase = two << SHIFT;
    if (moved > 0) {
      this.#moveSlots(twoBase, twoBase + moved, oneEnd);
      if (!isLeaf) this.#adopt(oneEnd, oneEnd + moved, one);
      this.#moveSlots(twoBase + moved, twoBase + b, twoBase);
      this.#clear(twoBase + b - moved, twoBase + b);
    } else {
      this.#moveSlots(twoBase, twoBase + b, twoBase - moved);
      this.#handOver(oneEnd + moved, oneEnd, twoBase);
      if (!isLeaf) this.#adopt(twoBase, twoBase - moved, two);
    }
    this.#counts[one] = a + moved;
    this.#counts[two] = b - moved;
    this.#keys[slot] = this.#keys[twoBase] as number;
    this.#remeasure(two);
  }

  #isLeaf(node: number): boolean {
    return this.#leavesAfter[node] !== NONE || this.#leavesBefore[node] !== NONE || node === this.#firstLeaf;
  }

  /** Takes `leaf`, which is not the first, out of the chain. */
  #unchain(leaf: number): void {
    const before = this.#leavesBefore[leaf] as number;
    const after = this.#leavesAfter[leaf] as number;
    this.#leavesAfter[before] = after;
    if (after === NONE) this.#lastLeaf = before;
    else this.#leavesBefore[after] = before;
  }

  // Keys and gaps: what the levels above must know.

  /** Writes the first key of `node` above it, where `old` stood. */
  #rekey(from: number, old: number): void {
    for (let node = from; ; ) {
      const parent = this.#parents[node] as number;
      if (parent === NONE) return;
      const at = this.#slotFor(parent, old);
      this.#keys[at] = this.#keys[node << SHIFT] as number;
      if ((at & (SLOTS - 1)) !== 0) return;
      node = parent;
    }
  }

  /** Measures the gaps on both sides of the range at `at` anew, after it came or its bounds moved. */
  #regap(at: number): void {
    const leaf = at >> SHIFT;
    this.#gaps[at] = this.#gapBelow(at);
    const above = this.#settled(leaf, at + 1);
    if (above !== NONE) {
      this.#gaps[above] = this.#gapBelow(above);
      if (above >> SHIFT !== leaf) this.#remeasure(above >> SHIFT);
    }
    this.#remeasure(leaf);
  }

  #gapBelow(at: number): number {
    const below = this.#placeBefore(at);
    return (this.#keys[at] as number) - (below === NONE ? 0 : (this.#ends[below] as number));
  }

  /** Writes the largest gap of `from` above it, as far up as anything changes. */
  #remeasure(from: number): void {
    for (let node = from; ; ) {
      const parent = this.#parents[node] as number;
      if (parent === NONE) return;
      const largest = this.#largestGap(node);
      const at = this.#slotFor(parent, this.#keys[node << SHIFT] as number);
      if (this.#gaps[at] === largest) return;
      this.#gaps[at] = largest;
      node = parent;
    }
  }

  #largestGap(node: number): number {
    const gaps = this.#gaps;
    const base = node << SHIFT;
    let largest = NO_GAP;
    for (let at = base + (this.#counts[node] as number) - 1; at >= base; at--) {
      const gap = gaps[at] as number;
      if (gap > largest) largest = gap;
    }
    return largest;
  }

  /** Returns the first slot of [from, end) with a gap of `size`, or NONE. */
  #gapUp(from: number, end: number, size: number): number {
    const gaps = this.#gaps;
    for (let at = from; at < end; at++) if ((gaps[at] as number) >= size) return at;
    return NONE;
  }

  /** Returns the last slot of [base, end) with a gap of `size`, or NONE. */
  #gapDown(end: number, base: number, size: number): number {
    const gaps = this.#gaps;
    for (let at = end - 1; at >= base; at--) if ((gaps[at] as number) >= size) return at;
    return NONE;
  }

  /** Returns the lowest range with a gap of `size` below slot `from`, `levels` above the leaves. */
  #lowestGap(from: number, levels: number, size: number): T | undefined {
    let at = from;
    for (let level = levels; level > 0; level--) {
      const base = (this.#kids[at] as number) << SHIFT;
      at = this.#gapUp(base, base + SLOTS, size);
    }
    return this.#items[at];
  }

  /** Returns the highest range with a gap of `size` below slot `from`, `levels` above the leaves. */
  #highestGap(from: number, levels: number, size: number): T | undefined {
    let at = from;
    for (let level = levels; level > 0; level--) {
      const base = (this.#kids[at] as number) << SHIFT;
      at = this.#gapDown(base + SLOTS, base, size);
    }
    return this.#items[at];
  }

  // The pool of nodes.

  #newNode(): number {
    const node = this.#freeNodes.pop() ?? this.#nodes++;
    if (this.#nodes > this.#counts.length) this.#grow();
    // A slot of a leaf that `#last` names may now be one of a node above: ends of 0 hold no position.
    this.#ends.fill(0, node << SHIFT, (node + 1) << SHIFT);
    return node;
  }

  /** Gives back `node`, whose slots somebody else has now. */
  #freeNode(node: number): void {
    const base = node << SHIFT;
    this.#clear(base, base + SLOTS);
    this.#counts[node] = 0;
    this.#parents[node] = this.#leavesBefore[node] = this.#leavesAfter[node] = NONE;
    this.#freeNodes.push(node);
  }

  #grow(): void {
    const nodes = 2 * this.#counts.length;
    this.#keys = grownDoubles(this.#keys, nodes << SHIFT, NO_KEY);
    this.#ends = grownDoubles(this.#ends, nodes << SHIFT, 0);
    this.#gaps = grownDoubles(this.#gaps, nodes << SHIFT, NO_GAP);
    this.#kids = grownWords(this.#kids, nodes << SHIFT, 0);
    this.#counts = grownWords(this.#counts, nodes, 0);
    this.#parents = grownWords(this.#parents, nodes, NONE);
    this.#leavesBefore = grownWords(this.#leavesBefore, nodes, NONE);
    this.#leavesAfter = grownWords(this.#leavesAfter, nodes, NONE);
    while (this.#items.length < nodes << SHIFT) this.#items.push(undefined);
  }
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
