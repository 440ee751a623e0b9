// An AVL tree: flatter than red-black, so that lookups take fewer steps, and more rotations when ranges come and go. Windows NT keeps
// its virtual address descriptors in one.
//
// A node's rank is the height of its subtree.
//
// Invariants beside GT1 and GT2 (quoted by `check`):
//   AV1  rank = 1 + the higher child's rank; the ranks of two siblings differ by 1 at most
//
// Cost: at most 1.44 log2(n + 2) deep; two rotations after a node came, two per level after one went.
// Source: Adelson-Velsky and Landis 1962.

import { invariant } from '../base/index.ts';
import { type GapNode, GapTree } from './gap-tree.ts';

/** A tree that balances by heights. */
export class AvlTree<T> extends GapTree<T> {
  protected override rebalanceAdded(node: GapNode<T>): void {
    this.#rebalance(node.parent);
  }

  protected override rebalanceRemoved(_child: GapNode<T>, parent: GapNode<T>): void {
    this.#rebalance(parent);
  }

  /** Restores AV1 from `from` up, as far as heights change. */
  #rebalance(from: GapNode<T>): void {
    for (let node = from; node !== this.nil; ) {
      const height = node.rank;
      const top = this.#level(node);
      if (top.rank === height) return;
      node = top.parent;
    }
  }

  /** Measures `node`, and rotates if one side is two higher. Returns the subtree's top. */
  #level(node: GapNode<T>): GapNode<T> {
    const { left, right } = node;
    const lean = left.rank - right.rank;
    if (lean > 1) {
      if (left.left.rank < left.right.rank) this.#lift(this.rotateLeft(left));
      return this.#lift(this.rotateRight(node));
    }
    if (lean < -1) {
      if (right.right.rank < right.left.rank) this.#lift(this.rotateRight(right));
      return this.#lift(this.rotateLeft(node));
    }
    node.rank = 1 + Math.max(left.rank, right.rank);
    return node;
  }

  /** Measures `top`, which a rotation put above one of its children, and that child. Returns `top`. */
  #lift(top: GapNode<T>): GapNode<T> {
    const { left, right } = top;
    if (left !== this.nil) left.rank = 1 + Math.max(left.left.rank, left.right.rank);
    if (right !== this.nil) right.rank = 1 + Math.max(right.left.rank, right.right.rank);
    top.rank = 1 + Math.max(left.rank, right.rank);
    return top;
  }

  protected override checkRanks(): void {
    this.#checkHeights(this.root);
  }

  #checkHeights(node: GapNode<T>): void {
    if (node === this.nil) return;
    const { left, right, rank, start } = node;
    this.#checkHeights(left);
    this.#checkHeights(right);
    const sound = rank === 1 + Math.max(left.rank, right.rank) && Math.abs(left.rank - right.rank) <= 1;
    invariant(sound, 'AV1', () => `height ${rank} at ${start}, over ${left.rank} and ${right.rank}`);
  }
}
