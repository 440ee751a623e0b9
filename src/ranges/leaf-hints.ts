// In which leaf of a B+tree a position lies, most often: a table of guesses, so that a lookup need not go down from the root.
//
//   position  0 ........ 8 ........ 16 ........ 24 ...        buckets of a power of two, about 16 for a leaf
//   leaves       4 |        4 |         4 |         9 | ...   by bucket, modulo the table's size: the leaf found there last
//
// A guess is tried before it is believed: whoever asks looks into the leaf, which tells whether the position is its own. So nothing keeps the table
// right while leaves split and join, and an address space of any shape costs time at most, never an answer. Buckets that two leaves share are tried in
// vain now and then, a sixteenth of them; so are those that lie a multiple of the table apart.
//
// How wide a bucket is, is measured again after so many vain tries that it costs each of them a step or two: the mean of the leaves' widths as
// powers of two, which a few vast ranges among many small ones hardly move.
//
// Cost: O(1). Memory: 64 to 128 bytes for each leaf.

import { NONE, type Nodes, SHIFT } from './b-plus-nodes.ts';
import type { Range } from './range-map.ts';

/** Buckets of a leaf, as a power of two. */
const BUCKET_BITS = 4;
const FEWEST_BUCKETS = 1 << BUCKET_BITS;
/** Vain tries for each bucket before widths are measured again. */
const PATIENCE = 4;

/** Guesses by position. */
export class LeafHints<T extends Range> {
  readonly #nodes: Nodes<T>;
  /** By bucket. */
  #leaves = new Int32Array(FEWEST_BUCKETS);
  /** Buckets of a unit: a power of two up to 1, so that the product with a position is exact. */
  #scale = 1;
  #vain = 0;

  constructor(nodes: Nodes<T>) {
    this.#nodes = nodes;
  }

  /** Returns the leaf that `position` may lie in: a node, whatever it is by now. */
  guess(position: number): number {
    const leaves = this.#leaves;
    return leaves[(position * this.#scale) & (leaves.length - 1)] as number;
  }

  /** The guess for `position` was wrong, it is in `leaf`. */
  correct(position: number, leaf: number): void {
    if (++this.#vain > PATIENCE * this.#leaves.length) this.#measure();
    this.#leaves[(position * this.#scale) & (this.#leaves.length - 1)] = leaf;
  }

  #measure(): void {
    const { keys, ends, firstLeaf, leavesAfter } = this.#nodes;
    let [leaves, bits] = [0, 0];
    for (let leaf = firstLeaf; leaf !== NONE; leaf = leavesAfter[leaf] as number) {
      const end = this.#nodes.endOf(leaf);
      if (end > leaf << SHIFT) bits += Math.log2((ends[end - 1] as number) - (keys[leaf << SHIFT] as number));
      leaves++;
    }
    this.#vain = 0;
    const scale = 2 ** Math.min(0, BUCKET_BITS - Math.round(bits / leaves));
    let buckets = FEWEST_BUCKETS;
    while (buckets < leaves << BUCKET_BITS) buckets *= 2;
    if (scale === this.#scale && buckets === this.#leaves.length) return;
    this.#scale = scale;
    this.#leaves = new Int32Array(buckets).fill(firstLeaf);
  }
}
