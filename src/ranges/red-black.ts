// A red-black tree: the address map's default container, as in NetBSD's uvm_map.c.
//
// A node's rank is its colour. Red nodes only lengthen a path, and never two in a row, so no path is longer than twice another.
//
// Invariants beside GT1 and GT2 (quoted by `check`):
//   RB1  the root is black, a red node has black children, every path down to nil passes as many black nodes
//
// Cost: at most 2 log2(n + 1) deep; at most two rotations after a node came, three after one went.
// Source: Guibas and Sedgewick 1978; Cormen et al., chapter 13.

import { invariant } from '../base/index.ts';
import { type GapNode, GapTree } from './gap-tree.ts';

const BLACK = 0;
const RED = 1;

/** A tree that balances by colours. */
export class RedBlackTree<T> extends GapTree<T> {
  /** The new node is red, and so may its parent be. */
  protected override rebalanceAdded(added: GapNode<T>): void {
    let node = added;
    while (node.parent.rank === RED) {
      const { parent } = node;
      const grandparent = parent.parent;
      const uncle = grandparent.left === parent ? grandparent.right : grandparent.left;
      if (uncle.rank === RED) {
        parent.rank = uncle.rank = BLACK;
        grandparent.rank = RED;
        node = grandparent;
      } else {
        this.#rotateRedPair(node, parent, grandparent);
        break;
      }
    }
    this.root.rank = BLACK;
  }

  /** A red node under a red parent, the uncle black: one or two rotations end it. */
  #rotateRedPair(node: GapNode<T>, parent: GapNode<T>, grandparent: GapNode<T>): void {
    let top = parent;
    if (parent === grandparent.left) {
      if (node === parent.right) {
        this.rotateLeft(parent);
        top = node;
      }
      this.rotateRight(grandparent);
    } else {
      if (node === parent.left) {
        this.rotateRight(parent);
        top = node;
      }
      this.rotateLeft(grandparent);
    }
    top.rank = BLACK;
    grandparent.rank = RED;
  }

  /** A black node left: paths through `from` lack one. */
  protected override rebalanceRemoved(from: GapNode<T>, fromParent: GapNode<T>, rank: number): void {
    if (rank === RED) return;
    let node = from;
    let parent = fromParent;
    while (node !== this.root && node.rank === BLACK) {
      const sibling = this.#blackSibling(node, parent);
      if (sibling.left.rank === BLACK && sibling.right.rank === BLACK) {
        sibling.rank = RED;
        node = parent;
        parent = node.parent;
      } else {
        this.#borrowBlack(node, parent, sibling);
        return;
      }
    }
    if (node !== this.nil) node.rank = BLACK;
  }

  /** Returns the sibling of `node`, after a rotation if it was red. */
  #blackSibling(node: GapNode<T>, parent: GapNode<T>): GapNode<T> {
    const sibling = node === parent.left ? parent.right : parent.left;
    if (sibling.rank === BLACK) return sibling;
    sibling.rank = BLACK;
    parent.rank = RED;
    if (node === parent.left) {
      this.rotateLeft(parent);
      return parent.right;
    }
    this.rotateRight(parent);
    return parent.left;
  }

  /** The sibling has a red child: rotations move a black node to the short side. */
  #borrowBlack(node: GapNode<T>, parent: GapNode<T>, sibling: GapNode<T>): void {
    const isLeft = node === parent.left;
    let top = sibling;
    if (isLeft && sibling.right.rank === BLACK) {
      top = sibling.left;
      this.rotateRight(sibling);
    } else if (!isLeft && sibling.left.rank === BLACK) {
      top = sibling.right;
      this.rotateLeft(sibling);
    }
    if (isLeft) this.rotateLeft(parent);
    else this.rotateRight(parent);
    top.rank = parent.rank;
    top.left.rank = top.right.rank = BLACK;
  }

  protected override checkRanks(): void {
    invariant(this.root.rank === BLACK, 'RB1', () => 'the root is red');
    this.#checkColours(this.root);
  }

  /** Returns the black nodes on each path down from `node`. */
  #checkColours(node: GapNode<T>): number {
    if (node === this.nil) return 0;
    const { rank, start } = node;
    const colours = rank === BLACK || (rank === RED && node.left.rank === BLACK && node.right.rank === BLACK);
    invariant(colours, 'RB1', () => `colour ${rank} at ${start}, over ${node.left.rank} and ${node.right.rank}`);
    const left = this.#checkColours(node.left);
    const right = this.#checkColours(node.right);
    invariant(left === right, 'RB1', () => `${left} and ${right} black nodes below ${start}`);
    return left + (rank === RED ? 0 : 1);
  }
}
