// Buddies as an implicit tree: a heap of 2^n frames is a complete binary tree of bytes, and a block is a node. No lists, no links.
//
//   node 1                 SPLIT                          a node's children are 2 i and 2 i + 1, its buddy is i xor 1
//        2        SPLIT|FULL     SPLIT                    the leaf of frame f is node 2^n + f
//        4..7     TAKEN  TAKEN   0      TAKEN             0: all of it is free, and everything below it is 0
//
//   heaps     | 64 KiB | 1 MiB | 512 MiB | 512 MiB | ... | 4 KiB |     the range in naturally aligned powers of two, at most 512 MiB
//
//   BT1  a leaf is 0 or TAKEN; an inner node is 0 if both children are, else SPLIT, and FULL exactly if both are
//   BT2  freeCount = leaves that are 0
//   BT3  byte 0 of each heap, and what is left of the last word, is 0
//
// One frame is found on one path down: whoever is not FULL has a free frame below. The small heaps are tried first, left before right.
// A block is looked for depth first, left to right. Runs are given as single frames, so that each can be freed by itself: Tilck's
// sub-block splitting, and its allocation in several steps where the count is no power of two.
// Metadata: 2 bytes per frame. Cost: allocate and free O(depth), 17 levels for 512 MiB; runs O(nodes) in the worst case.
// Source: Tilck's kmalloc heaps, with blocks of one frame. Elsewhere: the same blocks with a list for each order (buddy-allocator.ts).

import { invariant, type Pfn } from '../base/index.ts';
import {
  ANYWHERE,
  expectWords,
  type FrameAllocator,
  type FrameAllocatorKind,
  type MetadataRegion,
  panicNotGiven,
  type RunConstraints,
} from './frame-allocator.ts';
import { expectRun, type FreeView, findRun, frameByFrame, longestRun } from './run-search.ts';

/** Largest heap, 512 MiB as in Tilck: 2^17 frames. */
const LARGEST_ORDER = 17;

/** Flags of a node, and what a frame that is given has. */
const SPLIT = 1;
const FULL = 2;
const TAKEN = FULL | 4;

/** A naturally aligned power of two of frames, and where its tree begins. */
interface TreeHeap {
  readonly first: number;
  readonly order: number;
  /** Place of its byte 0. */
  readonly at: number;
}

/** Returns the heaps of a range, the small first, among equals the low. */
function heapsOf(first: number, count: number): TreeHeap[] {
  const pieces: { first: number; order: number }[] = [];
  for (let frame = first; frame < first + count; ) {
    const aligned = frame === 0 ? LARGEST_ORDER : 31 - Math.clz32(frame & -frame);
    const fitting = 31 - Math.clz32(first + count - frame);
    const order = Math.min(aligned, fitting, LARGEST_ORDER);
    pieces.push({ first: frame, order });
    frame += 1 << order;
  }
  let at = 0;
  return pieces
    .sort((a, b) => a.order - b.order || a.first - b.first)
    .map((piece) => {
      const heap = { ...piece, at };
      at += 2 << piece.order;
      return heap;
    });
}

/** Frames as trees. Made by `treeAllocator`. */
class TreeAllocator implements FrameAllocator {
  readonly name = 'buddy-tree';
  readonly metadataBytes: number;
  readonly #first: number;
  readonly #count: number;
  readonly #heaps: readonly TreeHeap[];
  /** Of each heap: first frame, order, place of byte 0. Three arrays, so that the hot paths touch no objects. */
  readonly #firsts: Int32Array;
  readonly #orders: Int32Array;
  readonly #ats: Int32Array;
  readonly #nodes: Uint8Array;
  readonly #view: FreeView;
  /** No heap before it has a free frame. */
  #lowest = 0;
  #freeCount = 0;

  constructor(first: Pfn, count: number, { words }: MetadataRegion) {
    const needed = Math.ceil(count / 2);
    expectWords(words, needed, 'BT1');
    this.#nodes = new Uint8Array(words.buffer, words.byteOffset, 4 * needed).fill(0);
    this.metadataBytes = 4 * needed;
    this.#first = first;
    this.#count = count;
    this.#heaps = heapsOf(first, count);
    this.#firsts = Int32Array.from(this.#heaps, (heap) => heap.first);
    this.#orders = Int32Array.from(this.#heaps, (heap) => heap.order);
    this.#ats = Int32Array.from(this.#heaps, (heap) => heap.at);
    for (const { at, order } of this.#heaps) {
      this.#nodes.fill(SPLIT | FULL, at + 1, at + (1 << order));
      this.#nodes.fill(TAKEN, at + (1 << order), at + (2 << order));
    }
    this.#view = frameByFrame(first, count, (index) => this.#isFree(first + index));
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  allocate(): Pfn | -1 {
    if (this.#freeCount === 0) return -1;
    const nodes = this.#nodes;
    let heap = this.#lowest;
    while ((nodes[this.#ats[heap]! + 1]! & FULL) !== 0) heap++;
    this.#lowest = heap;
    const at = this.#ats[heap]!;
    const leaves = 1 << this.#orders[heap]!;
    let node = 1;
    while (node < leaves) {
      if (nodes[at + node] === 0) nodes[at + node] = SPLIT;
      node <<= 1;
      if ((nodes[at + node]! & FULL) !== 0) node++;
    }
    this.#takeLeaf(at, node);
    return (this.#firsts[heap]! + node - leaves) as Pfn;
  }

  allocateRun(count: number, constraints: RunConstraints = ANYWHERE): Pfn | -1 {
    expectRun(count, constraints);
    const first = this.#block(count, constraints) ?? this.#first + findRun(this.#view, count, constraints);
    if (first < this.#first) return -1;
    for (let frame = first; frame < first + count; frame++) this.#take(frame);
    return first as Pfn;
  }

  free(frame: Pfn): void {
    const index = frame - this.#first;
    if (!(index >= 0 && index < this.#count)) panicNotGiven(frame);
    const heap = this.#heapOf(frame);
    const nodes = this.#nodes;
    const at = this.#ats[heap]!;
    let node = (1 << this.#orders[heap]!) + frame - this.#firsts[heap]!;
    if (nodes[at + node] !== TAKEN) panicNotGiven(frame);
    nodes[at + node] = 0;
    this.#freeCount++;
    if (heap < this.#lowest) this.#lowest = heap;
    while (node > 1) {
      const buddy = nodes[at + (node ^ 1)]!;
      const isJoined = buddy === 0 && nodes[at + node] === 0;
      node >>= 1;
      const before = nodes[at + node];
      nodes[at + node] = isJoined ? 0 : SPLIT;
      // A node that had a free frame before, and still is in pieces, tells those above nothing new.
      if (!isJoined && before === SPLIT) return;
    }
  }

  largestFree(): number {
    return longestRun(this.#view);
  }

  isFree(frame: Pfn): boolean {
    const index = frame - this.#first;
    return index >= 0 && index < this.#count && this.#isFree(frame);
  }

  check(): void {
    let free = 0;
    for (const heap of this.#heaps) free += this.#checkHeap(heap);
    invariant(free === this.#freeCount, 'BT2', () => `${free} leaves are free, freeCount is ${this.#freeCount}`);
    invariant(
      this.#nodes.subarray(2 * this.#count).every((byte) => byte === 0),
      'BT3',
      () => 'the last word was overwritten',
    );
  }

  /** Returns the free leaves. */
  #checkHeap({ at, order, first }: TreeHeap): number {
    const nodes = this.#nodes;
    const leaves = 1 << order;
    let free = 0;
    invariant(nodes[at] === 0, 'BT3', () => `byte 0 of the heap at frame ${first} was overwritten`);
    for (let node = 2 * leaves - 1; node > 0; node--) {
      const state = nodes[at + node]!;
      const [low, high] = [nodes[at + 2 * node], nodes[at + 2 * node + 1]] as [number, number];
      const inner = low === 0 && high === 0 ? 0 : SPLIT | (low & high & FULL);
      if (node >= leaves) invariant(state === 0 || state === TAKEN, 'BT1', () => `the leaf of frame ${first + node - leaves} is ${state}`);
      else
        invariant(state === inner, 'BT1', () => `node ${node} of the heap at frame ${first} is ${state}, its children ${low} and ${high}`);
      if (node >= leaves && state === 0) free++;
    }
    return free;
  }

  /** Returns the number of the heap that holds a frame of the range. Large heaps are neighbours, small ones few. */
  #heapOf(frame: number): number {
    const last = this.#firsts.length - 1;
    const distance = (frame - this.#firsts[last]!) >> LARGEST_ORDER;
    if (distance <= 0 && this.#orders[last + distance] === LARGEST_ORDER) return last + distance;
    let heap = 0;
    while (!(frame >= this.#firsts[heap]! && frame - this.#firsts[heap]! < 1 << this.#orders[heap]!)) heap++;
    return heap;
  }

  #isFree(frame: number): boolean {
    const heap = this.#heapOf(frame);
    return this.#nodes[this.#ats[heap]! + (1 << this.#orders[heap]!) + frame - this.#firsts[heap]!] === 0;
  }

  /** Takes a leaf whose path down is split, and tells those above that are full by it. */
  #takeLeaf(at: number, leaf: number): void {
    const nodes = this.#nodes;
    this.#freeCount--;
    nodes[at + leaf] = TAKEN;
    for (let node = leaf; node > 1 && (nodes[at + (node ^ 1)]! & FULL) !== 0; ) {
      node >>= 1;
      nodes[at + node] = SPLIT | FULL;
    }
  }

  /** Takes one certain free frame. */
  #take(frame: number): void {
    const heap = this.#heapOf(frame);
    const at = this.#ats[heap]!;
    const order = this.#orders[heap]!;
    const leaf = (1 << order) + frame - this.#firsts[heap]!;
    for (let level = order; level > 0; level--) {
      const above = at + (leaf >> level);
      if (this.#nodes[above] === 0) this.#nodes[above] = SPLIT;
    }
    this.#takeLeaf(at, leaf);
  }

  /** Returns the first frame of a free block that meets the constraints by its size and place; undefined if there is none. */
  #block(count: number, { alignment = 1, below, boundary }: RunConstraints): number | undefined {
    const order = Math.ceil(Math.log2(Math.max(count, alignment)));
    if (!(order <= LARGEST_ORDER) || below !== undefined || (boundary !== undefined && !(boundary >= 2 ** order))) return undefined;
    for (const heap of this.#heaps) {
      if (heap.order < order) continue;
      const node = this.#search(heap, order);
      if (node !== 0) return heap.first + (node << order) - (1 << heap.order);
    }
    return undefined;
  }

  /** Looks for a free block of an order depth first, left to right. Returns its node, or 0. */
  #search({ at, order: top }: TreeHeap, order: number): number {
    let node = 1;
    let level = top;
    for (;;) {
      const state = this.#nodes[at + node]!;
      if (state === 0) return node << (level - order);
      if ((state & FULL) === 0 && level > order) {
        node <<= 1;
        level--;
        continue;
      }
      // Back up past the nodes whose right child this was, then to the right.
      while ((node & 1) === 1 && node > 1) {
        node >>= 1;
        level++;
      }
      if (node === 1) return 0;
      node++;
    }
  }
}

/** The buddy system as trees of bytes, the small heaps first. */
export const treeAllocator: FrameAllocatorKind = {
  name: 'buddy-tree',
  metadataBytes: (count) => 4 * Math.ceil(count / 2),
  make: (first, count, metadata) => new TreeAllocator(first, count, metadata),
};
