// A sparse array of 32-bit words indexed by page, kept in kernel-heap blocks: amaps (page -> anon) and objects (page -> frame) use it.
//
//   height 1: one node of 64 words            covers 64 pages
//   height h: nodes of 64 child addresses     covers 64^h pages; the tree grows upwards when a higher index is stored
//
// A word of 0 means absent. Nodes are 256 bytes, allocated when first needed and freed by `clearRange` and `destroy`.
// The node of the words found last is remembered: faults and their neighbours look at one node again and again.
//
// Invariants (quoted by `check`):
//   RX1  count = number of words that are not 0
//   RX2  every index fits: indexes are below limit = 64^height, and none is 2^32 or more
//   RX3  the remembered node is the one that a walk from the root would find
// Cost: O(1) for the node found last, else height reads (1 for 256 KiB, 4 for 64 GiB). Source: the radix tree of Linux's page
// cache, simplified.

import { invariant, KernelPanic, powerOfTwo } from '../../base/index.ts';
import type { HeapUse, KernelHeap } from './kernel-heap.ts';

const FANOUT_BITS = 6;
const FANOUT = 1 << FANOUT_BITS;
const OFFSET_MASK = FANOUT - 1;
const NODE_BYTES = FANOUT * 4;
/** Indexes are 32-bit, as the shifts that split them are. */
const INDEX_LIMIT = 0x1_0000_0000;
/** First index of the remembered node when there is none: no index lies within a node of it. */
const NOWHERE = -FANOUT;

/** Returns the smallest height that covers `index`. */
function levelsFor(index: number): number {
  let levels = 1;
  while (index >= FANOUT ** levels) levels++;
  return levels;
}

/** A sparse page-indexed array of nonzero words in kernel memory. */
export class RadixIndex {
  readonly #heap: KernelHeap;
  readonly #words: Uint32Array;
  readonly #use: HeapUse;
  #root = 0;
  #height = 0;
  /** Indexes below this have a path from the root: 64^height, 0 without a root. */
  #limit = 0;
  #count = 0;
  /** The remembered node: its first index, and where in RAM's words it begins. */
  #nodeFirst = NOWHERE;
  #nodeStart = 0;

  /** @param words RAM, in which the heap's blocks lie. */
  constructor(heap: KernelHeap, words: Uint32Array, use: HeapUse) {
    this.#heap = heap;
    this.#words = words;
    this.#use = use;
  }

  /** Words that are not 0. */
  get count(): number {
    return this.#count;
  }

  /** Returns the word at `index`, or 0. */
  get(index: number): number {
    const slot = this.#findSlot(index);
    return slot === 0 ? 0 : (this.#words[slot] as number);
  }

  /** Stores a word (0 removes it). Returns false, with nothing stored, when the kernel heap is out of memory. */
  set(index: number, value: number): boolean {
    let slot = this.#findSlot(index);
    if (slot === 0) {
      if (value === 0) return true;
      slot = this.#ensureSlot(index);
      if (slot === 0) return false;
    }
    const old = this.#words[slot] as number;
    if (old === 0 && value !== 0) this.#count++;
    else if (old !== 0 && value === 0) this.#count--;
    this.#words[slot] = value;
    return true;
  }

  /** Makes room for a word at `index`, so that `set` cannot fail. Returns false when out of memory. */
  reserve(index: number): boolean {
    return this.#findSlot(index) !== 0 || this.#ensureSlot(index) !== 0;
  }

  /** Returns where in RAM's words the word of `index` is, or 0 if its node is missing. */
  #findSlot(index: number): number {
    const offset = index - this.#nodeFirst;
    return offset >= 0 && offset < FANOUT ? this.#nodeStart + offset : this.#walk(index);
  }

  #walk(index: number): number {
    if (index >= this.#limit) return 0;
    let node = this.#root;
    for (let shift = (this.#height - 1) * FANOUT_BITS; shift > 0; shift -= FANOUT_BITS) {
      node = this.#words[(node >>> 2) + ((index >>> shift) & OFFSET_MASK)] as number;
      if (node === 0) return 0;
    }
    return this.#remember(index, node);
  }

  #ensureSlot(index: number): number {
    if (!this.#growTo(index)) return 0;
    let node = this.#root;
    for (let shift = (this.#height - 1) * FANOUT_BITS; shift > 0; shift -= FANOUT_BITS) {
      const slot = (node >>> 2) + ((index >>> shift) & OFFSET_MASK);
      node = this.#words[slot] as number;
      if (node === 0) {
        node = this.#heap.allocate(NODE_BYTES, this.#use);
        if (node === 0) return 0;
        this.#words[slot] = node;
      }
    }
    return this.#remember(index, node);
  }

  #remember(index: number, node: number): number {
    const offset = index & OFFSET_MASK;
    this.#nodeFirst = index - offset;
    this.#nodeStart = node >>> 2;
    return this.#nodeStart + offset;
  }

  #growTo(index: number): boolean {
    if (index >= INDEX_LIMIT) throw new KernelPanic('RX2', `index ${index} does not fit in 32 bits`);
    while (index >= this.#limit) {
      const node = this.#heap.allocate(NODE_BYTES, this.#use);
      if (node === 0) return false;
      this.#words[node >>> 2] = this.#root;
      this.#root = node;
      // Without words to keep below, one root of the full height will do.
      const levels = this.#height === 0 ? levelsFor(index) : 1;
      this.#height += levels;
      this.#limit = powerOfTwo(FANOUT_BITS * this.#height);
    }
    return true;
  }

  /** Tells which of the words in [first, end), at most 31, are not 0: bit k stands for index first + k. */
  which(first: number, end: number): number {
    if ((first & OFFSET_MASK) + end - first <= FANOUT) return this.#whichInNode(first, end - first);
    const nodeEnd = first - (first & OFFSET_MASK) + FANOUT;
    return this.#whichInNode(first, nodeEnd - first) | (this.#whichInNode(nodeEnd, end - nodeEnd) << (nodeEnd - first));
  }

  #whichInNode(first: number, count: number): number {
    const slot = this.#findSlot(first);
    if (slot === 0) return 0;
    const words = this.#words;
    let found = 0;
    for (let at = slot + count - 1; at >= slot; at--) found = (found << 1) | (words[at] === 0 ? 0 : 1);
    return found;
  }

  /** Returns the lowest index in [from, end) whose word is not 0, or -1. */
  next(from: number, end: number): number {
    const last = Math.min(end, this.#limit);
    for (let index = from; index < last; ) {
      const slot = this.#findSlot(index);
      const nodeEnd = index - (index & OFFSET_MASK) + FANOUT;
      if (slot !== 0) {
        for (let i = index; i < nodeEnd && i < last; i++) if (this.#words[slot + i - index] !== 0) return i;
      }
      index = nodeEnd;
    }
    return -1;
  }

  /** Calls `visit` for each nonzero word in [first, end), in order. The visitor may store words at the index it is given. */
  forEach(first: number, end: number, visit: (index: number, value: number) => void): void {
    if (this.#height > 0) this.#visit(this.#root, this.#height - 1, 0, first, end, visit);
  }

  #visit(node: number, level: number, base: number, first: number, end: number, visit: (index: number, value: number) => void): void {
    const span = powerOfTwo(FANOUT_BITS * level);
    const from = Math.max(0, Math.floor((first - base) / span));
    const to = Math.min(FANOUT, Math.ceil((end - base) / span));
    for (let i = from; i < to; i++) {
      const word = this.#words[(node >>> 2) + i] as number;
      if (word === 0) continue;
      if (level === 0) visit(base + i, word);
      else this.#visit(word, level - 1, base + i * span, first, end, visit);
    }
  }

  /** Sets the words in [first, end) to 0 and frees the nodes that lie wholly inside. */
  clearRange(first: number, end: number): void {
    if (this.#height === 0) return;
    this.#nodeFirst = NOWHERE;
    this.#clear(this.#root, this.#height - 1, 0, first, end);
    if (first <= 0 && end >= this.#limit) {
      this.#heap.free(this.#root, NODE_BYTES, this.#use);
      this.#root = 0;
      this.#height = 0;
      this.#limit = 0;
    }
  }

  #clear(node: number, level: number, base: number, first: number, end: number): void {
    const span = powerOfTwo(FANOUT_BITS * level);
    const from = Math.max(0, Math.floor((first - base) / span));
    const to = Math.min(FANOUT, Math.ceil((end - base) / span));
    for (let i = from; i < to; i++) {
      const slot = (node >>> 2) + i;
      const word = this.#words[slot] as number;
      if (word === 0) continue;
      if (level === 0) {
        this.#words[slot] = 0;
        this.#count--;
        continue;
      }
      const childBase = base + i * span;
      this.#clear(word, level - 1, childBase, first, end);
      if (first <= childBase && end >= childBase + span) {
        this.#heap.free(word, NODE_BYTES, this.#use);
        this.#words[slot] = 0;
      }
    }
  }

  /** Frees every node. */
  destroy(): void {
    this.clearRange(0, this.#limit);
  }

  /** Panics at the first broken invariant. */
  check(): void {
    let words = 0;
    this.forEach(0, this.#limit, () => words++);
    invariant(words === this.#count, 'RX1', () => `index counts ${this.#count} words and holds ${words}`);
    invariant(
      this.#limit === (this.#height === 0 ? 0 : FANOUT ** this.#height),
      'RX2',
      () => `height ${this.#height}, limit ${this.#limit}`,
    );
    if (this.#nodeFirst === NOWHERE) return;
    const remembered = this.#nodeStart;
    invariant(this.#walk(this.#nodeFirst) === remembered, 'RX3', () => `the node of index ${this.#nodeFirst} is not at word ${remembered}`);
  }
}
