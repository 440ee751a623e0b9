// A red-black tree of disjoint ranges that knows its gaps: the engine below `RedBlackMap`.
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
// Invariants (quoted by `check`):
//   GT1  the nodes in order are the thread; each starts at or after the end of the one before
//   GT2  gap = start - before.end; maxGap = max(gap, left.maxGap, right.maxGap)
//   GT3  the root is black, a red node has black children, every path down to nil passes as many black nodes
//
// Cost: link, unlink, firstEndingAfter and one step to the next gap of a size O(log n); the thread O(1).
// Sources: Guibas and Sedgewick 1978 (red-black); Cormen et al., chapters 13 and 14 (nil, augmentation); NetBSD's uvm_map.c
// keeps the same two numbers per map entry. Fields stay small integers (no Infinity in `nil`): V8 then keeps them unboxed.

import { invariant, KernelPanic } from '../base/index.ts';

/** One range in the tree. */
export class GapNode<T> {
  left: GapNode<T>;
  right: GapNode<T>;
  parent: GapNode<T>;
  before: GapNode<T>;
  after: GapNode<T>;
  colour: 'red' | 'black' = 'black';
  start: number;
  end: number;
  gap = 0;
  maxGap = 0;
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

/** The tree. Callers hold nodes; `nil` stands for none. */
export class GapTree<T> {
  readonly nil = new GapNode<T>(0, 0, undefined, undefined);
  #root: GapNode<T> = this.nil;

  /** Returns the lowest node with `end > position`, or nil. */
  firstEndingAfter(position: number): GapNode<T> {
    let found = this.nil;
    for (let node = this.#root; node !== this.nil; ) {
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
    for (let at = this.#root; at !== nil; at = node.start < at.start ? at.left : at.right) parent = at;
    const isLeft = parent !== nil && node.start < parent.start;
    const after = parent === nil ? nil : isLeft ? parent : parent.after;
    const before = isLeft ? parent.before : parent;
    if (node.start < before.end || (after !== nil && node.end > after.start)) return false;
    node.tree = this;
    node.parent = parent;
    node.left = node.right = nil;
    node.colour = 'red';
    if (parent === nil) this.#root = node;
    else if (isLeft) parent.left = node;
    else parent.right = node;
    node.before = before;
    node.after = after;
    before.after = node;
    after.before = node;
    this.regap(node);
    this.#repairRed(node);
    return true;
  }

  /** Takes `node` out. */
  unlink(node: GapNode<T>): void {
    const { nil } = this;
    const { after } = node;
    node.before.after = after;
    after.before = node.before;
    let removedColour = node.colour;
    let moved: GapNode<T>;
    let movedParent: GapNode<T>;
    if (node.left === nil || node.right === nil) {
      moved = node.left === nil ? node.right : node.left;
      movedParent = node.parent;
      this.#replace(node, moved);
    } else {
      // Two children: the next node in order, which has no left child, takes this node's place.
      removedColour = after.colour;
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
    if (removedColour === 'black') this.#repairBlack(moved, movedParent);
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
    if (node === nil) return this.#root.maxGap >= size ? this.#highestGap(this.#root, size) : nil;
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
    invariant(this.#root.colour === 'black', 'GT3', () => 'the root is red');
    invariant(this.nil.gap === 0 && this.nil.maxGap === 0 && this.nil.start === 0 && this.nil.end === 0, 'GT2', () => 'nil has a size');
    this.#checkSubtree(this.#root, this.nil);
    let count = 0;
    let expected = this.#leftmost(this.#root);
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
    if (parent === this.nil) this.#root = by;
    else if (parent.left === node) parent.left = by;
    else parent.right = by;
    if (by !== this.nil) by.parent = parent;
  }

  /** Puts `by`, which hangs nowhere, in the place of `node`, with its children, colour and measure. */
  #takePlace(node: GapNode<T>, by: GapNode<T>): void {
    this.#replace(node, by);
    by.left = node.left;
    by.right = node.right;
    if (by.left !== this.nil) by.left.parent = by;
    if (by.right !== this.nil) by.right.parent = by;
    by.colour = node.colour;
    // The parents' measures were made from the old node's: remeasuring must compare with that.
    by.maxGap = node.maxGap;
  }

  #rotateLeft(node: GapNode<T>): void {
    const up = node.right;
    node.right = up.left;
    if (up.left !== this.nil) up.left.parent = node;
    this.#replace(node, up);
    up.left = node;
    this.#settle(node, up);
  }

  #rotateRight(node: GapNode<T>): void {
    const up = node.left;
    node.left = up.right;
    if (up.right !== this.nil) up.right.parent = node;
    this.#replace(node, up);
    up.right = node;
    this.#settle(node, up);
  }

  /** Ends a rotation: `up` now holds the nodes that `node` held. */
  #settle(node: GapNode<T>, up: GapNode<T>): void {
    node.parent = up;
    up.maxGap = node.maxGap;
    node.maxGap = Math.max(node.gap, node.left.maxGap, node.right.maxGap);
  }

  /** Restores GT3 after a red node came under a node that may be red. */
  #repairRed(added: GapNode<T>): void {
    let node = added;
    while (node.parent.colour === 'red') {
      const { parent } = node;
      const grandparent = parent.parent;
      const uncle = grandparent.left === parent ? grandparent.right : grandparent.left;
      if (uncle.colour === 'red') {
        parent.colour = uncle.colour = 'black';
        grandparent.colour = 'red';
        node = grandparent;
      } else {
        this.#rotateRedPair(node, parent, grandparent);
        break;
      }
    }
    this.#root.colour = 'black';
  }

  /** A red node under a red parent, the uncle black: one or two rotations end it. */
  #rotateRedPair(node: GapNode<T>, parent: GapNode<T>, grandparent: GapNode<T>): void {
    let top = parent;
    if (parent === grandparent.left) {
      if (node === parent.right) {
        this.#rotateLeft(parent);
        top = node;
      }
      this.#rotateRight(grandparent);
    } else {
      if (node === parent.left) {
        this.#rotateRight(parent);
        top = node;
      }
      this.#rotateLeft(grandparent);
    }
    top.colour = 'black';
    grandparent.colour = 'red';
  }

  /** Restores GT3 when paths through `from` (perhaps nil, hence its parent) lack one black node. */
  #repairBlack(from: GapNode<T>, fromParent: GapNode<T>): void {
    let node = from;
    let parent = fromParent;
    while (node !== this.#root && node.colour === 'black') {
      const sibling = this.#blackSibling(node, parent);
      if (sibling.left.colour === 'black' && sibling.right.colour === 'black') {
        sibling.colour = 'red';
        node = parent;
        parent = node.parent;
      } else {
        this.#borrowBlack(node, parent, sibling);
        return;
      }
    }
    if (node !== this.nil) node.colour = 'black';
  }

  /** Returns the sibling of `node`, after a rotation if it was red. */
  #blackSibling(node: GapNode<T>, parent: GapNode<T>): GapNode<T> {
    const sibling = node === parent.left ? parent.right : parent.left;
    if (sibling.colour === 'black') return sibling;
    sibling.colour = 'black';
    parent.colour = 'red';
    if (node === parent.left) {
      this.#rotateLeft(parent);
      return parent.right;
    }
    this.#rotateRight(parent);
    return parent.left;
  }

  /** The sibling has a red child: rotations move a black node to the short side. */
  #borrowBlack(node: GapNode<T>, parent: GapNode<T>, sibling: GapNode<T>): void {
    const isLeft = node === parent.left;
    let top = sibling;
    if (isLeft && sibling.right.colour === 'black') {
      top = sibling.left;
      this.#rotateRight(sibling);
    } else if (!isLeft && sibling.left.colour === 'black') {
      top = sibling.right;
      this.#rotateLeft(sibling);
    }
    if (isLeft) this.#rotateLeft(parent);
    else this.#rotateRight(parent);
    top.colour = parent.colour;
    top.left.colour = top.right.colour = 'black';
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

  /** Checks GT2 and GT3 below `node`. Returns the black nodes on each path down. */
  #checkSubtree(node: GapNode<T>, parent: GapNode<T>): number {
    if (node === this.nil) return 0;
    if (node.parent !== parent || node.tree !== this) throw new KernelPanic('GT1', `${node.start} has a wrong parent or tree`);
    const red = node.colour === 'red';
    invariant(!red || (node.left.colour === 'black' && node.right.colour === 'black'), 'GT3', () => `red under red at ${node.start}`);
    const left = this.#checkSubtree(node.left, node);
    const right = this.#checkSubtree(node.right, node);
    invariant(left === right, 'GT3', () => `${left} and ${right} black nodes below ${node.start}`);
    const largest = Math.max(node.gap, node.left.maxGap, node.right.maxGap);
    invariant(node.maxGap === largest, 'GT2', () => `maxGap ${node.maxGap} at ${node.start}, found ${largest}`);
    return left + (red ? 0 : 1);
  }
}
