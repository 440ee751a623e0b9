// An AA tree: red-black with red nodes only to the right, so that two rotations, skew and split, are all there is to balance. Tilck and
// many small kernels keep trees of this size for their brevity.
//
//   skew  a left child of the same level goes up        split  two right children in a row of the same level: the middle one goes up
//
//         [L] <- [N]        [L] -> [N]                         [N] -> [R] -> [X]           [R]
//         /  \     \   =>   /      /  \                        /      /            =>     /   \
//        a    b     c      a      b    c                      a      b                  [N]   [X]
//
// A node's rank is its level: red-black's black height.
//
// Invariants beside GT1 and GT2 (quoted by `check`):
//   AA1  level of a left child = level - 1; of a right child = level or level - 1; of a right child's right child below level; nil has 0
//
// Cost: at most 2 log2(n + 1) deep; more rotations than red-black, since a lean to the left is always mended.
// Source: Andersson 1993, "Balanced search trees made simple".

import { invariant } from '../base/index.ts';
import { type GapNode, GapTree } from './gap-tree.ts';

/** A tree that balances by levels. */
export class AaTree<T> extends GapTree<T> {
  protected override rebalanceAdded(added: GapNode<T>): void {
    this.#rebalance(added.parent);
  }

  protected override rebalanceRemoved(_child: GapNode<T>, parent: GapNode<T>): void {
    this.#rebalance(parent);
  }

  /** Restores AA1 from `from` up. What changes reaches two nodes up, since a node looks at its right child's right child. */
  #rebalance(from: GapNode<T>): void {
    let quiet = 0;
    for (let node = from; node !== this.nil && quiet < 2; ) {
      const level = node.rank;
      const top = this.#lower(node);
      quiet = top === node && node.rank === level ? quiet + 1 : 0;
      node = top.parent;
    }
  }

  /** Lowers `node` if a child lost a level, and mends the leans. Returns the subtree's top. */
  #lower(node: GapNode<T>): GapNode<T> {
    const level = 1 + Math.min(node.left.rank, node.right.rank);
    if (level < node.rank) {
      node.rank = level;
      if (node.right.rank > level) node.right.rank = level;
    }
    const top = this.#skew(node);
    const right = this.#skew(top.right);
    this.#skew(right.right);
    const middle = this.#split(top);
    this.#split(middle.right);
    return middle;
  }

  /** Lifts a left child of the same level. Returns the subtree's top. */
  #skew(node: GapNode<T>): GapNode<T> {
    return node !== this.nil && node.left.rank === node.rank ? this.rotateRight(node) : node;
  }

  /** Lifts the middle one of three of the same level. Returns the subtree's top. */
  #split(node: GapNode<T>): GapNode<T> {
    if (node === this.nil || node.right.right.rank !== node.rank) return node;
    const top = this.rotateLeft(node);
    top.rank++;
    return top;
  }

  protected override checkRanks(): void {
    this.#checkLevels(this.root);
  }

  #checkLevels(node: GapNode<T>): void {
    if (node === this.nil) return;
    const { left, right, rank, start } = node;
    this.#checkLevels(left);
    this.#checkLevels(right);
    const sound = left.rank === rank - 1 && (right.rank === rank || right.rank === rank - 1) && right.right.rank < rank;
    invariant(sound, 'AA1', () => `level ${rank} at ${start}, over ${left.rank} and ${right.rank}, ${right.right.rank}`);
  }
}
