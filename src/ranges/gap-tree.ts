// Balanced search trees of disjoint ranges that know their gaps: what the red-black tree, the AVL tree and the AA tree have in common,
// which is everything but how they balance.
//
//              [40 50) gap 10 max 18                 gap     free units between a node and the node before it
//             /                     \                maxGap  the largest gap in the node's subtree
//   [12 30) gap 12 max 12    [60 62) gap 10 max 18
//                                  \                 thread  before/after in address order, through `nil`
//                            [80 81) gap 18 max 18
//
// One node, `nil`, is every absent child, the root's parent and the head of the thread: nil.after is the lowest
// node, nil.before the highest. Its bounds are 0, so the lowest node's gap reaches down to position 0, and the
// free space above the highest node is "the gap before nil", which has no size and is in no maxGap.
//
// A tree keeps one small number per node, its `rank`, and restores what it promises about ranks by rotations after a node came or went.
// A new node has rank 1, nil has 0.
//
// Invariants (quoted by `check`; each tree adds its own):
//   GT1  the nodes in order are the thread; each starts at or after the end of the one before
//   GT2  gap = start - before.end; maxGap = max(gap, left.maxGap, right.maxGap)
//
// Cost: link, unlink, firstEndingAfter and one step to the next gap of a size O(log n); the thread O(1).
// Sources: Cormen et al., chapters 13 and 14 (nil, augmentation); NetBSD's uvm_map.c keeps the same two numbers per map entry.
// Fields stay small integers (no Infinity in `nil`): V8 then keeps them unboxed.

import { invariant, KernelPanic } from '../base/index.ts';

/** One range in the tree. */
export class GapNode<T> {
  left: GapNode<T>;
  right: GapNode<T>;
  parent: GapNode<T>;
  before: GapNode<T>;
  after: GapNode<T>;
  start: number;
  end: number;
  gap = 0;
  maxGap = 0;
  /** What the tree balances by: a colour, a height or a level. */
  rank = 0;
  readonly item: T | undefined;
  /** The tree this node is in; undefined after it left. */
  tree: GapTree<T> | undefined = undefined;

  constructor(start: number, end: number, item: T | undefined, nil: GapNode<T> | undefined) {
    this.start = start;
    this.end = end;
    this.item = item;
    this.left = this.right = this.parent = this.before = this.after = nil ?? this;
  }
}

/** A tree. Callers hold nodes; `nil` stands for none. */
export abstract class GapTree<T> {
  readonly nil = new GapNode<T>(0, 0, undefined, undefined);
  protected root: GapNode<T> = this.nil;

  /** Restores the balance after `node` came, of rank 1 and without children. */
  protected abstract rebalanceAdded(node: GapNode<T>): void;
  /**
   * Restores the balance below `parent` (nil: the whole tree), where `child` (perhaps nil) took the place of a node of rank `rank` that had at most
   * this one child.
   */
  protected abstract rebalanceRemoved(child: GapNode<T>, parent: GapNode<T>, rank: number): void;
  /** Panics if the ranks are not what the tree promises. */
  protected abstract checkRanks(): void;

  /** Returns the lowest node with `end > position`, or nil. */
  firstEndingAfter(position: number): GapNode<T> {
    let found = this.nil;
    for (let node = this.root; node !== this.nil; ) {
      if (position < node.end) {
        found = node;
        if (position >= node.start) return node;
        node = node.left;
      } else node = node.right;
    }
    return found;
  }

  /** Adds `node`. Returns false, and changes nothing, if it overlaps a node of the tree. */
  link(node: GapNode<T>): boolean {
    const { nil } = this;
    let parent = nil;
    for (let at = this.root; at !== nil; at = node.start < at.start ? at.left : at.right) parent = at;
    const isLeft = parent !== nil && node.start < parent.start;
    const after = parent === nil ? nil : isLeft ? parent : parent.after;
    const before = isLeft ? parent.before : parent;
    if (node.start < before.end || (after !== nil && node.end > after.start)) return false;
    node.tree = this;
    node.parent = parent;
    node.left = node.right = nil;
    node.rank = 1;
    if (parent === nil) this.root = node;
    else if (isLeft) parent.left = node;
    else parent.right = node;
    node.before = before;
    node.after = after;
    before.after = node;
    after.before = node;
    this.regap(node);
    this.rebalanceAdded(node);
    return true;
  }

  /** Takes `node` out. */
  unlink(node: GapNode<T>): void {
    const { nil } = this;
    const { after } = node;
    node.before.after = after;
    after.before = node.before;
    let removedRank = node.rank;
    let moved: GapNode<T>;
    let movedParent: GapNode<T>;
    if (node.left === nil || node.right === nil) {
      moved = node.left === nil ? node.right : node.left;
      movedParent = node.parent;
      this.#replace(node, moved);
    } else {
      // Two children: the next node in order, which has no left child, takes this node's place.
      removedRank = after.rank;
      moved = after.right;
      movedParent = after.parent === node ? after : after.parent;
      this.#replace(after, moved);
      this.#takePlace(node, after);
    }
    node.tree = undefined;
    this.#remeasure(movedParent);
    if (after !== nil) {
      after.gap = after.start - after.before.end;
      this.#remeasure(after);
    }
    this.rebalanceRemoved(moved, movedParent, removedRank);
  }

  /** Measures the gaps on both sides of `node` anew, after it came or its bounds moved. */
  regap(node: GapNode<T>): void {
    const { after } = node;
    node.gap = node.start - node.before.end;
    this.#remeasure(node);
    if (after === this.nil) return;
    after.gap = after.start - node.end;
    this.#remeasure(after);
  }

  /** Returns the first node above `node` (nil: above none) whose gap is at least `size`, or nil. */
  nextGap(node: GapNode<T>, size: number): GapNode<T> {
    const { nil } = this;
    if (node.right.maxGap >= size) return this.#lowestGap(node.right, size);
    for (let at = node; at.parent !== nil; at = at.parent) {
      const { parent } = at;
      if (at !== parent.left) continue;
      if (parent.gap >= size) return parent;
      if (parent.right.maxGap >= size) return this.#lowestGap(parent.right, size);
    }
    return nil;
  }

  /** Returns the first node below `node` (nil: below the end of everything) whose gap is at least `size`, or nil. */
  previousGap(node: GapNode<T>, size: number): GapNode<T> {
    const { nil } = this;
    if (node === nil) return this.root.maxGap >= size ? this.#highestGap(this.root, size) : nil;
    if (node.left.maxGap >= size) return this.#highestGap(node.left, size);
    for (let at = node; at.parent !== nil; at = at.parent) {
      const { parent } = at;
      if (at !== parent.right) continue;
      if (parent.gap >= size) return parent;
      if (parent.left.maxGap >= size) return this.#highestGap(parent.left, size);
    }
    return nil;
  }

  /** Walks everything; panics at the first broken invariant. Returns the number of nodes. */
  check(): number {
    invariant(
      this.nil.gap === 0 && this.nil.maxGap === 0 && this.nil.start === 0 && this.nil.end === 0 && this.nil.rank === 0,
      'GT2',
      () => 'nil has a size',
    );
    this.#checkSubtree(this.root, this.nil);
    this.checkRanks();
    let count = 0;
    let expected = this.#leftmost(this.root);
    for (let node = this.nil.after; node !== this.nil; node = node.after) {
      invariant(node === expected && node.after.before === node, 'GT1', () => `the thread and the tree differ at ${node.start}`);
      invariant(node.start >= node.before.end && node.start < node.end, 'GT1', () => `[${node.start}, ${node.end}) overlaps or is empty`);
      invariant(node.gap === node.start - node.before.end, 'GT2', () => `gap ${node.gap} before ${node.start}`);
      expected = this.#successor(node);
      count++;
    }
    invariant(expected === this.nil, 'GT1', () => `${expected.start} is in the tree but not in the thread`);
    return count;
  }

  #lowestGap(from: GapNode<T>, size: number): GapNode<T> {
    let node = from;
    for (;;) {
      if (node.left.maxGap >= size) node = node.left;
      else if (node.gap >= size) return node;
      else node = node.right;
    }
  }

  #highestGap(from: GapNode<T>, size: number): GapNode<T> {
    let node = from;
    for (;;) {
      if (node.right.maxGap >= size) node = node.right;
      else if (node.gap >= size) return node;
      else node = node.left;
    }
  }

  /** Restores GT2 from `node` up, as far as anything changes. */
  #remeasure(from: GapNode<T>): void {
    for (let node = from; node !== this.nil; node = node.parent) {
      const largest = Math.max(node.gap, node.left.maxGap, node.right.maxGap);
      if (largest === node.maxGap) return;
      node.maxGap = largest;
    }
  }

  /** Hangs `by` (perhaps nil) where `node` hangs. */
  #replace(node: GapNode<T>, by: GapNode<T>): void {
    const { parent } = node;
    if (parent === this.nil) this.root = by;
    else if (parent.left === node) parent.left = by;
    else parent.right = by;
    if (by !== this.nil) by.parent = parent;
  }

  /** Puts `by`, which hangs nowhere, in the place of `node`, with its children, rank and measure. */
  #takePlace(node: GapNode<T>, by: GapNode<T>): void {
    this.#replace(node, by);
    by.left = node.left;
    by.right = node.right;
    if (by.left !== this.nil) by.left.parent = by;
    if (by.right !== this.nil) by.right.parent = by;
    by.rank = node.rank;
    // The parents' measures were made from the old node's: remeasuring must compare with that.
    by.maxGap = node.maxGap;
  }

  /** Puts the right child of `node` above it. Returns that child. */
  protected rotateLeft(node: GapNode<T>): GapNode<T> {
    const up = node.right;
    node.right = up.left;
    if (up.left !== this.nil) up.left.parent = node;
    this.#replace(node, up);
    up.left = node;
    return this.#settle(node, up);
  }

  /** Puts the left child of `node` above it. Returns that child. */
  protected rotateRight(node: GapNode<T>): GapNode<T> {
    const up = node.left;
    node.left = up.right;
    if (up.right !== this.nil) up.right.parent = node;
    this.#replace(node, up);
    up.right = node;
    return this.#settle(node, up);
  }

  /** Ends a rotation: `up` now holds the nodes that `node` held. */
  #settle(node: GapNode<T>, up: GapNode<T>): GapNode<T> {
    node.parent = up;
    up.maxGap = node.maxGap;
    node.maxGap = Math.max(node.gap, node.left.maxGap, node.right.maxGap);
    return up;
  }

  #leftmost(from: GapNode<T>): GapNode<T> {
    let node = from;
    while (node.left !== this.nil) node = node.left;
    return node;
  }

  /** Returns the next node by the tree alone, to hold against the thread. */
  #successor(from: GapNode<T>): GapNode<T> {
    if (from.right !== this.nil) return this.#leftmost(from.right);
    let node = from;
    while (node.parent !== this.nil && node.parent.right === node) node = node.parent;
    return node.parent;
  }

  /** Checks links and GT2 below `node`. */
  #checkSubtree(node: GapNode<T>, parent: GapNode<T>): void {
    if (node === this.nil) return;
    if (node.parent !== parent || node.tree !== this) throw new KernelPanic('GT1', `${node.start} has a wrong parent or tree`);
    this.#checkSubtree(node.left, node);
    this.#checkSubtree(node.right, node);
    const largest = Math.max(node.gap, node.left.maxGap, node.right.maxGap);
    invariant(node.maxGap === largest, 'GT2', () => `maxGap ${node.maxGap} at ${node.start}, found ${largest}`);
  }
}
