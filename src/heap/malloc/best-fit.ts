// Best fit over boundary tags (boundary-tags.ts), exactly: always a least free block that is large enough.
//
//   small   n = 4, 6, ... 62 words: a circle for each size      large   from 64 words: trees by size, eight per power of two, equal sizes a ring
//
//     bin -> b -> b -> bin                                                       [ 562 ] = 562 = 562
//                                                                               /       \
//                                                                         [ 514 ]       [ 574 ]
//                                                                               \
//                                                                              [ 520 ] = 520
//
//   state   | top | map: a bit per bin | summary: words of the next map that are not 0 | a bit per tree | bins: first, last ... | roots ... |
//   free    | tag | next | previous | smaller | larger | ... | n |      small blocks: next, previous only
//
// A small request takes a block of the first bin that is not empty; the map tells it. If there is none, or the request is large, one way
// down a tree finds the least size: it turns to the smaller side at each node that would do. Of a ring another block than the node is
// taken, so that the tree stays. The rest of a block goes back as a free block; nothing waits, and top is the last resort.
//
// Each tree is a treap: a hash of the size decides which of two nodes is nearer to the root, so its depth does not depend on the order in
// which sizes come. The hash gives no two sizes the same number.
//
// Invariants, beside those of boundary-tags.ts:
//   BF1  a bin's circle, or a ring, leads through `next` and back through `previous` over free blocks of one size
//   BF2  left of a node lie smaller sizes, right of it larger ones, and its children's hashes are smaller than its own
//   BF3  a ring holds all large free blocks of one size; `smaller` of those that are not its node is RINGED
//   BF4  a bit is set exactly if its bin or tree is not empty, or its word of the trees' map not 0
//
// Cost: O(1) for a small block among small ones; else about 2 log2 of the free sizes of one tree, for each size that enters or leaves.
// Source: Knuth 1, 2.5 (best fit); Standish 1980, 6.2 (trees by size); Seidel and Aragon 1996 (treaps).

import { type AllocatorDesign, type AllocatorOptions, expectHeap, type HeapAllocator } from './allocator.ts';
import {
  MIN_WORDS as LEAST_WORDS,
  lowerTop,
  MAX_REQUEST,
  PREV_USED as PREV_USED_BIT,
  reach,
  type TaggedDesign,
  taggedAllocator,
  taggedOwnBytes,
  taggedRange,
  USED as USED_BIT,
  wordsFor,
  wordsReader,
} from './boundary-tags.ts';
import type { HeapMemory } from './heap-memory.ts';

// A module's own constants are part of the compiled code; imported ones V8 would read from memory each time.
const MIN_WORDS = LEAST_WORDS;
const PREV_USED = PREV_USED_BIT;
const USED = USED_BIT;

/** log2 of the least size in words that goes to a tree: one bit of a word for each smaller one. */
const LARGE_LOG = 6;
const LARGE_WORDS = 1 << LARGE_LOG;
const BINS = LARGE_WORDS >>> 1;
/** log2 of the trees per power of two. */
const SUB_LOG = 3;
/** Words of a whole 4 GiB: the last power of two is 2^29 to 2^30 - 1. */
const TREES = (30 - LARGE_LOG) << SUB_LOG;
const TREE_MAP_WORDS = TREES >>> 5;

const MAP = 1;
const SUMMARY = 2;
const TREE_MAP = 3;
const BIN = TREE_MAP + TREE_MAP_WORDS;
const ROOT = BIN + 2 * BINS;
const STATE_WORDS = ROOT + TREES;

/** Where a free block's fields are, in words behind its tag. */
const NEXT = 1;
const PREVIOUS = 2;
const SMALLER = 3;
const LARGER = 4;

/** Instead of a smaller child: in its ring, the block is not the node. */
const RINGED = -1;

/** Mixes a size, one to one; the constant is 2^32 / golden ratio. */
function hash(n: number): number {
  return Math.imul(n, 0x9e37_79b1);
}

/** Returns the tree of `n` words. */
function treeOf(n: number): number {
  const log = 31 - Math.clz32(n);
  return ((log - LARGE_LOG - 1) << SUB_LOG) + (n >>> (log - SUB_LOG));
}

/** Returns the number of the lowest bit that is set in `bits`, which is not 0. */
function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

/** Makes all bins and trees empty. */
function clearState(words: Int32Array, topAt: number): void {
  words.fill(0, topAt + MAP, topAt + STATE_WORDS);
  const bins = topAt + BIN - 1;
  for (let head = bins; head < bins + 2 * BINS; head += 2) {
    words[head + NEXT] = head;
    words[head + PREVIOUS] = head;
  }
}

function open(memory: HeapMemory, options: AllocatorOptions): HeapAllocator {
  const range = taggedRange(memory, options, STATE_WORDS);
  const { topAt, first } = range;
  const { alignment } = options;
  const misaligned = alignment - 1;
  const mapAt = topAt + MAP;
  const summaryAt = topAt + SUMMARY;
  const treeMapAt = topAt + TREE_MAP;
  /** The word that would be the tag of bin 0: that of n words is n words further. */
  const bins = topAt + BIN - 1;
  const roots = topAt + ROOT;
  let words = memory.words;
  let end = memory.end >>> 2;
  const view = wordsReader(memory, () => words);

  function refresh(): void {
    memory.refresh();
    words = memory.words;
    end = memory.end >>> 2;
  }

  function insert(block: number, n: number): void {
    const w = view();
    w[block] = (n << 2) | PREV_USED;
    w[block + n - 1] = n;
    if (n >= LARGE_WORDS) {
      insertLarge(block, n);
      return;
    }
    const head = bins + n;
    link(block, head, w[head + NEXT] as number);
    w[mapAt] = (w[mapAt] as number) | (1 << (n >>> 1));
  }

  /** Puts a block between two that follow each other in a circle or ring. */
  function link(block: number, previous: number, next: number): void {
    const w = view();
    w[block + NEXT] = next;
    w[block + PREVIOUS] = previous;
    w[previous + NEXT] = block;
    w[next + PREVIOUS] = block;
  }

  function insertLarge(block: number, n: number): void {
    const w = view();
    w[block + NEXT] = block;
    w[block + PREVIOUS] = block;
    w[block + SMALLER] = 0;
    w[block + LARGER] = 0;
    const tree = treeOf(n);
    if (w[roots + tree] === 0) {
      w[roots + tree] = block;
      const at = treeMapAt + (tree >>> 5);
      w[at] = (w[at] as number) | (1 << (tree & 31));
      w[summaryAt] = (w[summaryAt] as number) | (1 << (tree >>> 5));
    } else insertBelow(roots + tree, block, n);
  }

  /** Puts a block into the tree to which the word at `root` leads: into the ring of its size, or as a node. */
  function insertBelow(root: number, block: number, n: number): void {
    const w = view();
    const priority = hash(n);
    let at = root;
    for (let node = w[at] as number; node !== 0; node = w[at] as number) {
      // A free block's tag has PREV_USED alone beside its size.
      const size = (w[node] as number) >>> 2;
      if (size === n) {
        link(block, node, w[node + NEXT] as number);
        w[block + SMALLER] = RINGED;
        return;
      }
      if (hash(size) < priority) {
        split(node, block, n);
        break;
      }
      at = size < n ? node + LARGER : node + SMALLER;
    }
    w[at] = block;
  }

  /** Hangs the tree under `node`, in which `n` is no size, below `block`: smaller sizes to one side, larger ones to the other. */
  function split(from: number, block: number, n: number): void {
    const w = view();
    let node = from;
    let smaller = block + SMALLER;
    let larger = block + LARGER;
    while (node !== 0) {
      if ((w[node] as number) >>> 2 < n) {
        w[smaller] = node;
        smaller = node + LARGER;
        node = w[smaller] as number;
      } else {
        w[larger] = node;
        larger = node + SMALLER;
        node = w[larger] as number;
      }
    }
    w[smaller] = 0;
    w[larger] = 0;
  }

  function remove(block: number, n: number): void {
    const w = view();
    const next = w[block + NEXT] as number;
    const previous = w[block + PREVIOUS] as number;
    w[previous + NEXT] = next;
    w[next + PREVIOUS] = previous;
    if (n >= LARGE_WORDS) {
      if (w[block + SMALLER] !== RINGED) removeNode(block, next, n);
    } else if (next === previous) w[mapAt] = (w[mapAt] as number) & ~(1 << (n >>> 1));
  }

  /** Takes a node out of the tree, for the next of its ring, or without one. */
  function removeNode(block: number, next: number, n: number): void {
    const w = view();
    const tree = treeOf(n);
    let at = roots + tree;
    // `> 0`: a tree that was overwritten must not hold this loop for ever.
    for (let node = w[at] as number; node !== block && node > 0; node = w[at] as number)
      at = (w[node] as number) >>> 2 < n ? node + LARGER : node + SMALLER;
    const smaller = w[block + SMALLER] as number;
    const larger = w[block + LARGER] as number;
    if (next !== block) {
      w[at] = next;
      w[next + SMALLER] = smaller;
      w[next + LARGER] = larger;
    } else if (smaller === 0 || larger === 0) {
      w[at] = smaller | larger;
      if (w[roots + tree] === 0) unmark(tree);
    } else join(at, smaller, larger);
  }

  /** Clears the bits of a tree that has lost its last block. */
  function unmark(tree: number): void {
    const w = view();
    const at = treeMapAt + (tree >>> 5);
    const bits = (w[at] as number) & ~(1 << (tree & 31));
    w[at] = bits;
    if (bits === 0) w[summaryAt] = (w[summaryAt] as number) & ~(1 << (tree >>> 5));
  }

  /** Makes one tree of two, all of whose sizes in the first are smaller, at the word `from`. */
  function join(from: number, first: number, second: number): void {
    const w = view();
    let at = from;
    let smaller = first;
    let larger = second;
    while (smaller !== 0 && larger !== 0) {
      if (hash((w[smaller] as number) >>> 2) > hash((w[larger] as number) >>> 2)) {
        w[at] = smaller;
        at = smaller + LARGER;
        smaller = w[at] as number;
      } else {
        w[at] = larger;
        at = larger + SMALLER;
        larger = w[at] as number;
      }
    }
    w[at] = smaller === 0 ? larger : smaller;
  }

  /** The least large block of at least `n` words; 0 if there is none. */
  function findLarge(n: number): number {
    const w = view();
    const tree = n < LARGE_WORDS ? 0 : treeOf(n);
    const block = findIn(tree, n);
    if (block !== 0) return block;
    let at = tree >>> 5;
    let bits = (w[treeMapAt + at] as number) & (-2 << (tree & 31));
    if (bits === 0) {
      const others = (w[summaryAt] as number) & (-2 << at);
      if (others === 0) return 0;
      at = lowestBit(others);
      bits = w[treeMapAt + at] as number;
    }
    return findIn((at << 5) + lowestBit(bits), n);
  }

  /** The same in one tree; of a ring not its node. */
  function findIn(tree: number, n: number): number {
    const w = view();
    let found = 0;
    let node = w[roots + tree] as number;
    // `> 0`: of detached words it sees nothing.
    while (node > 0) {
      if ((w[node] as number) >>> 2 < n) node = w[node + LARGER] as number;
      else {
        found = node;
        node = w[node + SMALLER] as number;
      }
    }
    return found === 0 ? 0 : (w[found + NEXT] as number);
  }

  function malloc(bytes: number): number {
    // An integer below 2^31, which V8 compares without making a double of it.
    if ((bytes | 0) !== bytes || bytes < 0) return mallocHuge(bytes);
    const n = bytes <= 12 ? MIN_WORDS : ((bytes + 3 + alignment) & -alignment) >>> 2;
    const bits = (view()[mapAt] as number) & (-1 << (n >>> 1));
    return n >= LARGE_WORDS || bits === 0 ? mallocLarge(n) : mallocSmall(bins + (lowestBit(bits) << 1), n);
  }

  function mallocHuge(bytes: number): number {
    return bytes >>> 0 !== bytes || bytes > MAX_REQUEST ? 0 : mallocLarge(wordsFor(bytes, alignment));
  }

  /** Gives `n` words of the first block of a bin that is not empty. */
  function mallocSmall(head: number, n: number): number {
    const w = view();
    const block = w[head + NEXT] as number;
    const next = w[block + NEXT] as number;
    w[head + NEXT] = next;
    w[next + PREVIOUS] = head;
    const size = head - bins;
    if (next === head) w[mapAt] = (w[mapAt] as number) & ~(1 << (size >>> 1));
    return cut(block, size, n);
  }

  function mallocLarge(n: number): number {
    const block = findLarge(n);
    if (block === 0) return fromTop(n);
    const size = (view()[block] as number) >>> 2;
    remove(block, size);
    return cut(block, size, n);
  }

  /** Makes `n` words of a block that is in the index no more a used one; the rest goes back. */
  function cut(block: number, size: number, n: number): number {
    const w = view();
    if (size - n < MIN_WORDS) {
      w[block] = (size << 2) | PREV_USED | USED;
      w[block + size] = (w[block + size] as number) | PREV_USED;
    } else {
      w[block] = (n << 2) | PREV_USED | USED;
      insert(block + n, size - n);
    }
    return 4 * block + 4;
  }

  function fromTop(n: number): number {
    const block = words[topAt] as number;
    if (words.length === 0 || block + n > end) return retry(n);
    words[topAt] = block + n;
    words[block] = (n << 2) | PREV_USED | USED;
    return 4 * block + 4;
  }

  /** Memory has to grow, or has grown by another's hand: then the index was not seen, and the request begins again. */
  function retry(n: number): number {
    const detached = words.length === 0;
    refresh();
    if (detached) return malloc(4 * n - 4);
    const reached = reach(memory, words[topAt] as number, n);
    refresh();
    return reached ? fromTop(n) : 0;
  }

  function free(address: number): boolean {
    const w = view();
    const block = (address >>> 2) - 1;
    if (4 * block + 4 !== address || (address & misaligned) !== 0 || block < first || !(block < (w[topAt] as number)))
      return refuse(address);
    const tag = w[block] as number;
    if ((tag & USED) === 0) return refuse(address);
    melt(block, tag);
    return true;
  }

  /** Makes a used block free: one with its free neighbours, or with top. */
  function melt(from: number, tag: number): void {
    const w = view();
    let block = from;
    let n = (tag >>> 3) << 1;
    const next = block + n;
    if ((tag & PREV_USED) === 0) {
      const before = w[block - 1] as number;
      block -= before;
      n += before;
      remove(block, before);
    }
    if (next >= (w[topAt] as number)) {
      lowerTop(words, memory, topAt, block);
      return;
    }
    const nextTag = w[next] as number;
    if ((nextTag & USED) === 0) {
      n += nextTag >>> 2;
      remove(next, nextTag >>> 2);
    } else w[next] = nextTag & ~PREV_USED;
    insert(block, n);
  }

  /** An address that is none of a block; or 0, which is freed for nothing; or the memory has grown by another's hand. */
  function refuse(address: number): boolean {
    if (words.length !== 0) return address === 0;
    refresh();
    return free(address);
  }

  function clear(): void {
    clearState(words, topAt);
  }

  function checkIndex(free: ReadonlyMap<number, number>): void {
    let seen = 0;
    for (let tree = 0; tree < TREES; tree++) {
      const unit = 1 << ((tree >>> SUB_LOG) + LARGE_LOG - SUB_LOG);
      const least = ((1 << SUB_LOG) + (tree & ((1 << SUB_LOG) - 1))) * unit;
      const inTree = checkTree(words[roots + tree] as number, least, least + unit - 2, free);
      const at = treeMapAt + (tree >>> 5);
      expectHeap((((words[at] as number) >>> (tree & 31)) & 1) === Math.min(inTree, 1), 'BF4', 4 * at, `the bit of tree ${tree}`);
      const isSummed = ((words[summaryAt] as number) >>> (tree >>> 5)) & 1;
      expectHeap(isSummed === (words[at] === 0 ? 0 : 1), 'BF4', 4 * summaryAt, `the bit of word ${tree >>> 5}`);
      seen += inTree;
    }
    for (let n = 0; n < LARGE_WORDS; n += 2) {
      const inBin = checkCircle(bins + n, n, free);
      expectHeap((((words[mapAt] as number) >>> (n >>> 1)) & 1) === Math.min(inBin, 1), 'BF4', 4 * mapAt, `the bit of ${n} words`);
      seen += inBin;
    }
    expectHeap(seen === free.size, 'BT5', 4 * first, `${free.size} free blocks, ${seen} in the index`);
  }

  /** Returns how many blocks, all of `n` words, follow `start` in its circle or ring. */
  function checkCircle(start: number, n: number, free: ReadonlyMap<number, number>): number {
    let seen = 0;
    for (let at = start; ; seen++) {
      const next = words[at + NEXT] as number;
      expectHeap(words[next + PREVIOUS] === at, 'BF1', 4 * next, `its previous is ${words[next + PREVIOUS]}, not ${at}`);
      if (next === start) return seen;
      expectHeap(free.get(next) === n, 'BF1', 4 * next, `no free block of ${n} words`);
      expectHeap(n < LARGE_WORDS || words[next + SMALLER] === RINGED, 'BF3', 4 * next, 'a second node of its size');
      expectHeap(seen < free.size, 'BF1', 4 * next, 'a circle that does not close');
      at = next;
    }
  }

  /** Returns the blocks of the tree under `node`, all of whose sizes lie from `least` to `most`. */
  function checkTree(node: number, least: number, most: number, free: ReadonlyMap<number, number>): number {
    if (node === 0) return 0;
    const n = free.get(node) ?? 0;
    expectHeap(n >= least && n <= most, 'BF2', 4 * node, `no free block of ${least} to ${most} words`);
    const [smaller, larger] = [words[node + SMALLER] as number, words[node + LARGER] as number];
    for (const child of [smaller, larger])
      expectHeap(child === 0 || hash(free.get(child) ?? 0) < hash(n), 'BF2', 4 * child, 'its hash is above that of its parent');
    return 1 + checkCircle(node, n, free) + checkTree(smaller, least, n - 2, free) + checkTree(larger, n + 2, most, free);
  }

  const design: TaggedDesign = { malloc, free, insert, remove, clear, refresh, checkIndex };
  return taggedAllocator(memory, options, range, design);
}

/** Best fit. See the header of this file. */
export const bestFit: AllocatorDesign = {
  name: 'best-fit',
  about: 'always the least free block that fits, over boundary tags',
  ownBytes: (options) => taggedOwnBytes(options, STATE_WORDS),
  format(memory, options) {
    const { topAt, first } = taggedRange(memory, options, STATE_WORDS);
    memory.words[topAt] = first;
    clearState(memory.words, topAt);
  },
  open,
};
