// An allocator after Doug Lea's: best fit, near enough, with small requests cut one after another from one block.
//
//   small bins    n = 4, 6, ... 62 words: a circle for each size         tree bins    two per power of two from 64 words: a trie by size
//
//                                                                        64..95          [ 70 ] = 70 = 70   a ring of equal sizes
//     bin -> b -> b -> bin                                                             0 /      \ 1
//                                                                                [ 66 ]          [ 88 ]     next lower bit of n: 0 or 1
//
//   state   | top | small map | tree map | dv | dv's words | small bins: first, last ... | roots ... |
//   free    | tag | next | previous | child 0 | child 1 | link: the word that leads here | ... | n |      small blocks: next, previous only
//
// A small request takes a block of its very size, or 8 bytes more; else it is cut from the designated victim, the rest of the last
// such cut, so that what is asked for in a row lies in a row; else from the next larger block, whose rest becomes the victim. A large one
// takes the least block of the tries that fits, unless the victim fits better. Top is the last resort. A freed block melts at once.
//
// A trie looks like a binary tree in which a node stands anywhere on the path of the bits of its size: any size may be the root. To find the
// best fit, follow the bits of n, and remember the last subtree to the right: its leftmost path holds the least of all larger sizes.
//
// Invariants, beside those of boundary-tags.ts:
//   DL1  a circle of a small bin leads through `next` and back through `previous` over free blocks of its size
//   DL2  a map's bit is set exactly if the bin is not empty
//   DL3  on its way from the root, a node's size has the bits of the branches taken; the ring of a node holds only its size
//   DL4  a node's link is the word that leads to it; of the others in its ring it is 0
//   DL5  the victim is a free block of dv's words, in no bin; or 0 and 0
//
// Cost: O(1) for small blocks, at most 32 steps for large ones. Words of its own: 74.
// Source: Lea, "A Memory Allocator", 1996, and the prose in the comments of malloc-2.8: bins, tries, victim and order of preference, no code.

import { type AllocatorDesign, type AllocatorOptions, expectHeap, type HeapAllocator } from './allocator.ts';
import {
  MIN_WORDS as LEAST_WORDS,
  lowerTop,
  MAX_REQUEST,
  PREV_USED as PREV_USED_BIT,
  reach,
  taggedAllocator,
  taggedOwnBytes,
  taggedRange,
  USED as USED_BIT,
  wordsFor,
  wordsOf as wordsOfTag,
  wordsReader,
} from './boundary-tags.ts';
import type { HeapMemory } from './heap-memory.ts';

// A module's own constants are part of the compiled code; imported ones V8 would read from memory each time.
const MIN_WORDS = LEAST_WORDS;
const PREV_USED = PREV_USED_BIT;
const USED = USED_BIT;
const wordsOf = wordsOfTag;

/** log2 of the least size in words that goes to a trie: 64 words = 256 bytes. */
const LARGE_LOG = 6;
const LARGE_WORDS = 1 << LARGE_LOG;
const SMALL_BINS = LARGE_WORDS >>> 1;
/** The last one takes all sizes above, from 6 MiB. */
const TREE_BINS = 32;

const SMALL_MAP = 1;
const TREE_MAP = 2;
const VICTIM = 3;
const VICTIM_WORDS = 4;
const SMALL = 5;
const ROOTS = SMALL + 2 * SMALL_BINS;
const STATE_WORDS = ROOTS + TREE_BINS;

/** Where a free block's fields are, in words behind its tag. */
const NEXT = 1;
const PREVIOUS = 2;
const CHILD = 3;
const LINK = 5;

/** Returns the tree bin of `n` words. */
function treeOf(n: number): number {
  const log = 31 - Math.clz32(n);
  const bin = ((log - LARGE_LOG) << 1) + ((n >>> (log - 1)) & 1);
  return Math.min(bin, TREE_BINS - 1);
}

/** Returns `n` shifted so that the bit that decides at the root of its bin is the highest. */
function pathOf(n: number, bin: number): number {
  return bin === TREE_BINS - 1 ? n : n << (Math.clz32(n) + 2);
}

/** Returns the number of the lowest bit that is set in `bits`, which is not 0. */
function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

/** Makes all bins empty. */
function clearState(words: Int32Array, topAt: number): void {
  words.fill(0, topAt + SMALL_MAP, topAt + STATE_WORDS);
  const small = topAt + SMALL - 1;
  for (let head = small; head < small + 2 * SMALL_BINS; head += 2) {
    words[head + NEXT] = head;
    words[head + PREVIOUS] = head;
  }
}

function open(memory: HeapMemory, options: AllocatorOptions): HeapAllocator {
  const range = taggedRange(memory, options, STATE_WORDS);
  const { topAt, first } = range;
  const { alignment } = options;
  const misaligned = alignment - 1;
  const smallMapAt = topAt + SMALL_MAP;
  const treeMapAt = topAt + TREE_MAP;
  const victimAt = topAt + VICTIM;
  const victimWordsAt = topAt + VICTIM_WORDS;
  /** The word that would be the tag of small bin 0: that of n words is n words further. */
  const small = topAt + SMALL - 1;
  const roots = topAt + ROOTS;
  let words = memory.words;
  const view = wordsReader(memory, () => words);

  function refresh(): void {
    memory.refresh();
    words = memory.words;
  }

  function insert(block: number, n: number): void {
    const w = view();
    w[block] = (n << 2) | PREV_USED;
    w[block + n - 1] = n;
    if (n >= LARGE_WORDS) {
      insertLarge(block, n);
      return;
    }
    const head = small + n;
    const next = w[head + NEXT] as number;
    w[block + NEXT] = next;
    w[block + PREVIOUS] = head;
    w[head + NEXT] = block;
    w[next + PREVIOUS] = block;
    w[smallMapAt] = (w[smallMapAt] as number) | (1 << (n >>> 1));
  }

  function insertLarge(block: number, n: number): void {
    const w = view();
    const bin = treeOf(n);
    w[treeMapAt] = (w[treeMapAt] as number) | (1 << bin);
    w[block + CHILD] = 0;
    w[block + CHILD + 1] = 0;
    w[block + NEXT] = block;
    w[block + PREVIOUS] = block;
    let path = pathOf(n, bin);
    let link = roots + bin;
    for (let node = w[link] as number; node !== 0; node = w[link] as number) {
      if (wordsOf(w[node] as number) === n) {
        joinRing(block, node);
        return;
      }
      link = node + CHILD + (path >>> 31);
      path <<= 1;
    }
    w[link] = block;
    w[block + LINK] = link;
  }

  function joinRing(block: number, node: number): void {
    const next = words[node + NEXT] as number;
    words[block + NEXT] = next;
    words[block + PREVIOUS] = node;
    words[node + NEXT] = block;
    words[next + PREVIOUS] = block;
    words[block + LINK] = 0;
  }

  /** Takes a free block out of its bin, or out of the victim's place. */
  function remove(block: number, n: number): void {
    const w = view();
    if (block === w[victimAt]) {
      setVictim(0, 0);
      return;
    }
    const next = w[block + NEXT] as number;
    const previous = w[block + PREVIOUS] as number;
    w[previous + NEXT] = next;
    w[next + PREVIOUS] = previous;
    if (n >= LARGE_WORDS) leaveTrie(block, n, previous);
    else if (next === previous) w[smallMapAt] = (w[smallMapAt] as number) & ~(1 << (n >>> 1));
  }

  /** Puts another of the ring in the node's place, or a leaf from below it. */
  function leaveTrie(block: number, n: number, inRing: number): void {
    const w = view();
    const link = w[block + LINK] as number;
    if (link === 0) return;
    const successor = inRing === block ? takeLeaf(block) : inRing;
    w[link] = successor;
    if (successor === 0) {
      const bin = treeOf(n);
      if (link === roots + bin) w[treeMapAt] = (w[treeMapAt] as number) & ~(1 << bin);
      return;
    }
    w[successor + LINK] = link;
    adopt(successor, block, CHILD);
    adopt(successor, block, CHILD + 1);
  }

  /** Makes the child of `from` that of `to`. */
  function adopt(to: number, from: number, which: number): void {
    const child = words[from + which] as number;
    words[to + which] = child;
    if (child !== 0) words[child + LINK] = to + which;
  }

  /** Cuts a leaf off the subtree under `node` and returns it; 0 if the node is a leaf itself. */
  function takeLeaf(node: number): number {
    const w = view();
    let leaf = 0;
    for (let child = node; child !== 0; child = (w[leaf + CHILD + 1] as number) || (w[leaf + CHILD] as number)) leaf = child;
    if (leaf === node) return 0;
    w[w[leaf + LINK] as number] = 0;
    return leaf;
  }

  /** The least block of at least `n` words in the tries; 0 if there is none. */
  function findLarge(n: number): number {
    const w = view();
    let best = 0;
    let least = 0x7fff_ffff;
    const bin = n < LARGE_WORDS ? 0 : treeOf(n);
    let path = n < LARGE_WORDS ? 0 : pathOf(n, bin);
    // Detached words read as undefined, hence `| 0`.
    let node = n < LARGE_WORDS ? 0 : (w[roots + bin] as number) | 0;
    let right = 0;
    while (node !== 0) {
      const size = wordsOf(w[node] as number);
      if (size === n) return node;
      if (size > n && size < least) {
        best = node;
        least = size;
      }
      const higher = w[node + CHILD + 1] as number;
      node = w[node + CHILD + (path >>> 31)] as number;
      if (higher !== node && higher !== 0) right = higher;
      path <<= 1;
    }
    node = right;
    if (node === 0 && best === 0) {
      const larger = (w[treeMapAt] as number) & (n < LARGE_WORDS ? -1 : -2 << bin);
      if (larger === 0) return 0;
      node = w[roots + lowestBit(larger)] as number;
    }
    while (node !== 0) {
      const size = wordsOf(w[node] as number);
      if (size >= n && size < least) {
        best = node;
        least = size;
      }
      node = (w[node + CHILD] as number) || (w[node + CHILD + 1] as number);
    }
    return best;
  }

  function malloc(bytes: number): number {
    if (bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    const n = wordsFor(bytes, alignment);
    return n < LARGE_WORDS ? mallocSmall(n) : mallocLarge(n);
  }

  function mallocSmall(n: number): number {
    const w = view();
    const index = n >>> 1;
    const bits = (w[smallMapAt] as number) >>> index;
    if ((bits & 3) !== 0) return fromSmall(n + ((~bits & 1) << 1));
    if (n <= (w[victimWordsAt] as number)) return fromVictim(n);
    const block = bits !== 0 ? (w[small + ((index + lowestBit(bits)) << 1) + NEXT] as number) : findLarge(n);
    if (block === 0 || words.length === 0) return fromTop(n);
    const size = wordsOf(w[block] as number);
    remove(block, size);
    const rest = size - n;
    if (rest < MIN_WORDS) return give(block, size);
    const old = w[victimAt] as number;
    if (old !== 0) insert(old, w[victimWordsAt] as number);
    w[block] = (n << 2) | PREV_USED | USED;
    setVictim(block + n, rest);
    return 4 * block + 4;
  }

  /** Gives the first block of a small bin that is not empty, whole. */
  function fromSmall(n: number): number {
    const w = view();
    const head = small + n;
    const block = w[head + NEXT] as number;
    const next = w[block + NEXT] as number;
    w[head + NEXT] = next;
    w[next + PREVIOUS] = head;
    if (next === head) w[smallMapAt] = (w[smallMapAt] as number) & ~(1 << (n >>> 1));
    w[block] = (n << 2) | PREV_USED | USED;
    w[block + n] = (w[block + n] as number) | PREV_USED;
    return 4 * block + 4;
  }

  function mallocLarge(n: number): number {
    const w = view();
    const block = findLarge(n);
    const victimWords = w[victimWordsAt] as number;
    const size = block === 0 ? 0x7fff_ffff : wordsOf(w[block] as number);
    if (n <= victimWords && victimWords <= size) return fromVictim(n);
    if (block === 0) return fromTop(n);
    remove(block, size);
    if (size - n < MIN_WORDS) return give(block, size);
    w[block] = (n << 2) | PREV_USED | USED;
    insert(block + n, size - n);
    return 4 * block + 4;
  }

  function fromVictim(n: number): number {
    const w = view();
    const block = w[victimAt] as number;
    const size = w[victimWordsAt] as number;
    if (size - n < MIN_WORDS) {
      w[victimAt] = 0;
      w[victimWordsAt] = 0;
      return give(block, size);
    }
    w[block] = (n << 2) | PREV_USED | USED;
    setVictim(block + n, size - n);
    return 4 * block + 4;
  }

  /** Makes a block the victim, free and in no bin; or none, if it is 0. */
  function setVictim(block: number, n: number): void {
    const w = view();
    w[victimAt] = block;
    w[victimWordsAt] = n;
    if (block === 0) return;
    w[block] = (n << 2) | PREV_USED;
    w[block + n - 1] = n;
  }

  /** Gives a whole free block that is in no bin any more. */
  function give(block: number, n: number): number {
    words[block] = (n << 2) | PREV_USED | USED;
    words[block + n] = (words[block + n] as number) | PREV_USED;
    return 4 * block + 4;
  }

  function fromTop(n: number): number {
    // Detached: memory has grown by another's hand, and the bins were not seen.
    if (words.length === 0) {
      refresh();
      return malloc(4 * n - 4);
    }
    const block = words[topAt] as number;
    if (4 * (block + n) > memory.end) {
      const reached = reach(memory, block, n);
      refresh();
      if (!reached) return 0;
    }
    words[topAt] = block + n;
    words[block] = (n << 2) | PREV_USED | USED;
    return 4 * block + 4;
  }

  function free(address: number): boolean {
    const w = view();
    let block = (address >>> 2) - 1;
    const top = w[topAt] as number;
    const tag = w[block] as number;
    if (4 * block + 4 !== address || (address & misaligned) !== 0 || block < first || block >= top || (tag & USED) === 0)
      return refuse(address);
    let n = wordsOf(tag);
    const next = block + n;
    const victim = w[victimAt] as number;
    let joinsVictim = next === victim;
    if ((tag & PREV_USED) === 0) {
      const before = w[block - 1] as number;
      block -= before;
      n += before;
      if (block === victim) joinsVictim = true;
      else remove(block, before);
    }
    if (next >= top) {
      if (joinsVictim) setVictim(0, 0);
      lowerTop(w, memory, topAt, block);
      return true;
    }
    const nextTag = w[next] as number;
    if ((nextTag & USED) === 0) {
      if (next !== victim) remove(next, wordsOf(nextTag));
      n += wordsOf(nextTag);
    } else w[next] = nextTag & ~PREV_USED;
    if (joinsVictim) setVictim(block, n);
    else insert(block, n);
    return true;
  }

  /** An address that is none of a block; or 0, which is freed for nothing; or the memory has grown by another's hand. */
  function refuse(address: number): boolean {
    if (words.length === 0) {
      refresh();
      return free(address);
    }
    return address === 0;
  }

  function clear(): void {
    clearState(words, topAt);
  }

  function checkIndex(free: ReadonlyMap<number, number>): void {
    let seen = 0;
    for (let n = 0; n < LARGE_WORDS; n += 2) seen += checkSmall(n, free);
    for (let bin = 0; bin < TREE_BINS; bin++) {
      const root = words[roots + bin] as number;
      expectHeap((((words[treeMapAt] as number) >>> bin) & 1) === (root === 0 ? 0 : 1), 'DL2', 4 * treeMapAt, `the bit of tree ${bin}`);
      seen += checkTrie(root, roots + bin, { bin, free, path: 0, depth: 0 });
    }
    const victim = words[victimAt] as number;
    const size = words[victimWordsAt] as number;
    expectHeap(victim === 0 ? size === 0 : free.get(victim) === size, 'DL5', 4 * victimAt, `${size} words at ${4 * victim}`);
    expectHeap(seen + (victim === 0 ? 0 : 1) === free.size, 'BT5', 4 * first, `${free.size} free blocks, ${seen} in bins`);
  }

  /** Returns the blocks of a small bin. */
  function checkSmall(n: number, free: ReadonlyMap<number, number>): number {
    let seen = 0;
    const head = small + n;
    for (let at = head, next = words[at + NEXT] as number; next !== head; at = next, next = words[at + NEXT] as number) {
      expectHeap(free.get(next) === n, 'DL1', 4 * next, `no free block of ${n} words`);
      expectHeap(words[next + PREVIOUS] === at, 'DL1', 4 * next, `its previous is ${words[next + PREVIOUS]}, not ${at}`);
      expectHeap(++seen <= free.size, 'DL1', 4 * next, 'a circle that does not close');
    }
    expectHeap((((words[smallMapAt] as number) >>> (n >>> 1)) & 1) === Math.min(seen, 1), 'DL2', 4 * smallMapAt, `the bit of ${n} words`);
    return seen;
  }

  /** Where `checkTrie` is: `depth` branches below the root, taken as the upper bits of `path` say. */
  interface TriePlace {
    readonly bin: number;
    readonly free: ReadonlyMap<number, number>;
    readonly path: number;
    readonly depth: number;
  }

  /** Returns the blocks of the trie under `node`, rings included. */
  function checkTrie(node: number, link: number, place: TriePlace): number {
    if (node === 0) return 0;
    const { bin, free, path, depth } = place;
    const n = free.get(node) ?? 0;
    expectHeap(n >= LARGE_WORDS && treeOf(n) === bin, 'DL3', 4 * node, `no free block of tree ${bin}`);
    const taken = depth === 0 ? 0 : pathOf(n, bin) >>> (32 - depth);
    expectHeap(taken === path, 'DL3', 4 * node, `${n} words do not belong there`);
    expectHeap(words[node + LINK] === link, 'DL4', 4 * node, `its link is ${words[node + LINK]}, not ${link}`);
    let seen = 1;
    for (let other = words[node + NEXT] as number; other !== node; other = words[other + NEXT] as number) {
      expectHeap(free.get(other) === n && words[other + LINK] === 0, 'DL4', 4 * other, `not one of a ring of ${n} words`);
      expectHeap(++seen <= free.size, 'DL3', 4 * other, 'a ring that does not close');
    }
    for (const bit of [0, 1]) {
      const child = node + CHILD + bit;
      seen += checkTrie(words[child] as number, child, { bin, free, path: (path << 1) + bit, depth: depth + 1 });
    }
    return seen;
  }

  return taggedAllocator(memory, options, range, { malloc, free, insert, remove, clear, refresh, checkIndex });
}

/** After Doug Lea's malloc. See the header of this file. */
export const dlmalloc: AllocatorDesign = {
  name: 'dlmalloc',
  about: "after Doug Lea's: small bins, tries of large blocks, a designated victim",
  ownBytes: (options) => taggedOwnBytes(options, STATE_WORDS),
  format(memory, options) {
    const { topAt, first } = taggedRange(memory, options, STATE_WORDS);
    memory.words[topAt] = first;
    clearState(memory.words, topAt);
  },
  open,
};
