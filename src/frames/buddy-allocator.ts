// The buddy system: free memory in blocks of 2^order frames, each at a multiple of its size, one list for every order.
//
//   order 2   | . . . . |            | . . . . |         a block splits into two buddies, low and high, when a smaller one is wanted
//   order 1             | . . |                          a block's buddy begins at its own number xor its size
//   order 0                   | . | x |                  two free buddies join at once, up to order 10 (4 MiB)
//
//   words     | heads of 11 lists | next: one per frame | previous: one per frame | state: one byte per frame |
//   state     GIVEN: not free    k + 1: first frame of a free block of order k    INSIDE: a later one of it    CACHED: cached-buddy-allocator.ts
//
//   BU1  every frame that is not GIVEN or CACHED is in exactly one block on its order's list; freeCount = their number
//   BU2  no two free buddies below order 10 stay apart
//   BU3  links of frames that head no block are 0, and so is what is left of the last word
//
// Metadata: 9 bytes per frame and 44. Cost: allocate and free O(orders): from untouched memory each frame splits ten blocks and joins
// them again, 30 times a stack's cost (docs/frames.md), which is what the cache in front is for. allocateRun of up to 1,024 frames
// takes a block and frees its tail, O(orders + frames of the block); where no block fits it looks at all frames, and finds runs across blocks.
// Source: Knowlton 1965; orders and lists as in Linux. Elsewhere: the same blocks as a tree without lists (tree-allocator.ts).

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

/** Orders 0 to 10: blocks of 4 KiB to 4 MiB, as Linux has them. */
const ORDERS = 11;
const LARGEST_ORDER = ORDERS - 1;

/** States of a frame that begins no block; those that do have their order + 1. */
const INSIDE = 0;
/** See the header. */
export const GIVEN = 0xff;
/** Free, and in a cache in front of the buddy system. */
export const CACHED = 0xfe;

const wordsFor = (count: number): number => ORDERS + 2 * count + Math.ceil(count / 4);

/** Frames as blocks of powers of two. Made by `buddyAllocator`; the cache in front of it calls more. */
export class BuddyAllocator implements FrameAllocator {
  readonly name = 'buddy';
  readonly metadataBytes: number;
  /** One byte per frame, from index 0; the cache in front writes CACHED there. */
  readonly states: Uint8Array;
  readonly #first: number;
  readonly #count: number;
  /** Per order: the first block's index + 1, 0 for none. */
  readonly #heads: Int32Array;
  /** Links of the blocks by their first frame: the other block's index + 1, 0 for none. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #view: FreeView;
  /** Bit k = 1: the list of order k is not empty. */
  #orders = 0;
  #freeCount = 0;

  constructor(first: Pfn, count: number, { words }: MetadataRegion) {
    const needed = wordsFor(count);
    expectWords(words, needed, 'BU1');
    const own = new Int32Array(words.buffer, words.byteOffset, needed).fill(0);
    this.#heads = own.subarray(0, ORDERS);
    this.#next = own.subarray(ORDERS, ORDERS + count);
    this.#previous = own.subarray(ORDERS + count, ORDERS + 2 * count);
    this.states = new Uint8Array(words.buffer, words.byteOffset + 4 * (ORDERS + 2 * count), 4 * Math.ceil(count / 4));
    this.states.fill(GIVEN, 0, count);
    this.metadataBytes = 4 * needed;
    this.#first = first;
    this.#count = count;
    this.#view = frameByFrame(first, count, (index) => this.states[index] !== GIVEN);
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  allocate(): Pfn | -1 {
    const orders = this.#orders;
    if (orders === 0) return -1;
    const order = 31 - Math.clz32(orders & -orders);
    const index = this.#heads[order]! - 1;
    this.#unlink(index, order);
    // The lists below are empty, or their order would have been chosen: each high half is alone on its list.
    const { states } = this;
    const heads = this.#heads;
    for (let half = 0; half < order; half++) {
      const high = index + (1 << half);
      heads[half] = high + 1;
      states[high] = half + 1;
    }
    this.#orders |= (1 << order) - 1;
    states[index] = GIVEN;
    this.#freeCount--;
    return (this.#first + index) as Pfn;
  }

  allocateRun(count: number, constraints: RunConstraints = ANYWHERE): Pfn | -1 {
    const block = this.allocateFromBlock(count, constraints);
    if (block !== -1) return block;
    const start = findRun(this.#view, count, constraints);
    if (start === -1) return -1;
    for (let index = start; index < start + count; index++) this.#takeFrame(index);
    return (this.#first + start) as Pfn;
  }

  /** Like `allocateRun`, but only out of a single block whose place and size meet the constraints by themselves. */
  allocateFromBlock(count: number, constraints: RunConstraints): Pfn | -1 {
    expectRun(count, constraints);
    const { alignment = 1, below, boundary } = constraints;
    const order = Math.ceil(Math.log2(Math.max(count, alignment)));
    const orders = this.#orders & (-1 << order);
    if (order > LARGEST_ORDER || orders === 0 || below !== undefined || (boundary !== undefined && boundary < 2 ** order)) return -1;
    const start = this.#takeBlock(31 - Math.clz32(orders & -orders), order);
    const size = 1 << order;
    this.states.fill(GIVEN, start, start + size);
    this.#freeCount -= size;
    for (let index = start + size - 1; index >= start + count; index--) this.#freeIndex(index);
    return (this.#first + start) as Pfn;
  }

  /** Takes a certain frame, which is free. */
  take(frame: Pfn): void {
    this.#takeFrame(frame - this.#first);
  }

  free(frame: Pfn): void {
    const index = frame - this.#first;
    if (!(index >= 0 && index < this.#count) || this.states[index] !== GIVEN) panicNotGiven(frame);
    this.#freeIndex(index);
  }

  largestFree(): number {
    return longestRun(this.#view);
  }

  isFree(frame: Pfn): boolean {
    const index = frame - this.#first;
    return index >= 0 && index < this.#count && this.states[index] !== GIVEN;
  }

  check(): void {
    this.checkBeside(0);
  }

  /** Checks everything, of which `cached` frames are in a cache in front. */
  checkBeside(cached: number): void {
    const covered = new Uint8Array(this.#count);
    let free = 0;
    for (let order = 0; order < ORDERS; order++) free += this.#checkList(order, covered);
    invariant(free === this.#freeCount, 'BU1', () => `the blocks have ${free} frames, freeCount is ${this.#freeCount}`);
    let found = 0;
    for (let index = 0; index < this.#count; index++) {
      const state = this.states[index]!;
      if (state === CACHED) found++;
      const isOutside = state === GIVEN || state === CACHED;
      invariant(isOutside === (covered[index] === 0), 'BU1', () => `index ${index} has state ${state} and is in ${covered[index]} blocks`);
      const isHead = !isOutside && state !== INSIDE;
      invariant(
        isHead || (this.#next[index] === 0 && this.#previous[index] === 0),
        'BU3',
        () => `index ${index} heads no block but has links`,
      );
    }
    invariant(found === cached, 'BU1', () => `${found} frames are marked as cached, ${cached} are`);
    invariant(
      this.states.subarray(this.#count).every((byte) => byte === 0),
      'BU3',
      () => 'the last word was overwritten',
    );
  }

  /** Walks one list and counts in `covered` what its blocks hold. Returns their frames. */
  #checkList(order: number, covered: Uint8Array): number {
    let frames = 0;
    let previous = 0;
    invariant((this.#heads[order] !== 0) === (((this.#orders >>> order) & 1) === 1), 'BU1', () => `order ${order} is listed wrongly`);
    for (let link = this.#heads[order]!; link !== 0; ) {
      const index = link - 1;
      const isBlock = index >= 0 && index + (1 << order) <= this.#count && this.states[index] === order + 1 && covered[index] === 0;
      invariant(
        isBlock && (this.#first + index) % (1 << order) === 0,
        'BU1',
        () => `index ${index} begins no free block of order ${order}`,
      );
      invariant(this.#previous[index] === previous, 'BU1', () => `the links of blocks ${index} and ${previous - 1} disagree`);
      invariant(
        order === LARGEST_ORDER || !this.#isBlock(this.#buddyOf(index, order), order),
        'BU2',
        () => `${index} and its buddy are apart`,
      );
      for (let each = index; each < index + (1 << order); each++) {
        covered[each] = covered[each]! + 1;
        invariant(each === index || this.states[each] === INSIDE, 'BU1', () => `index ${each} is not inside its block`);
      }
      frames += 1 << order;
      previous = link;
      link = this.#next[index]!;
    }
    return frames;
  }

  /** Takes the first block of list `from`, splits it down to `order` and returns its low part; the high parts stay free. */
  #takeBlock(from: number, order: number): number {
    const index = this.#heads[from]! - 1;
    this.#unlink(index, from);
    for (let half = from - 1; half >= order; half--) this.#link(index + (1 << half), half);
    return index;
  }

  /** Takes one certain free frame out of its block; the rest of it stays free. */
  #takeFrame(index: number): void {
    let order = 0;
    let head = index;
    while (this.states[head] !== order + 1) {
      order++;
      head = (((this.#first + index) >>> order) << order) - this.#first;
    }
    this.#unlink(head, order);
    while (order > 0) {
      order--;
      const high = head + (1 << order);
      if (index >= high) {
        this.#link(head, order);
        head = high;
      } else this.#link(high, order);
    }
    this.states[index] = GIVEN;
    this.#freeCount--;
  }

  /** Frees a frame that is given, and joins it with its buddies. */
  #freeIndex(index: number): void {
    const { states } = this;
    const first = this.#first;
    const count = this.#count;
    let order = 0;
    let head = index;
    states[index] = INSIDE;
    while (order < LARGEST_ORDER) {
      const buddy = ((first + head) ^ (1 << order)) - first;
      if (!(buddy >= 0 && buddy < count) || states[buddy] !== order + 1) break;
      this.#unlink(buddy, order);
      if (buddy < head) head = buddy;
      order++;
    }
    this.#link(head, order);
    this.#freeCount++;
  }

  #buddyOf(index: number, order: number): number {
    return ((this.#first + index) ^ (1 << order)) - this.#first;
  }

  #isBlock(index: number, order: number): boolean {
    return index >= 0 && index < this.#count && this.states[index] === order + 1;
  }

  #link(index: number, order: number): void {
    const head = this.#heads[order]!;
    if (head === 0) this.#orders |= 1 << order;
    else this.#previous[head - 1] = index + 1;
    this.#next[index] = head;
    this.#heads[order] = index + 1;
    this.states[index] = order + 1;
  }

  /** Takes a block off its list; its first frame is INSIDE until somebody says what it is. */
  #unlink(index: number, order: number): void {
    const next = this.#next[index]!;
    const previous = this.#previous[index]!;
    if (previous !== 0) {
      this.#next[previous - 1] = next;
      this.#previous[index] = 0;
    } else {
      this.#heads[order] = next;
      if (next === 0) this.#orders &= ~(1 << order);
    }
    if (next !== 0) {
      this.#previous[next - 1] = previous;
      this.#next[index] = 0;
    }
    this.states[index] = INSIDE;
  }
}

/** The buddy system with a list for each order, the block freed last first. */
export const buddyAllocator: FrameAllocatorKind = {
  name: 'buddy',
  metadataBytes: (count) => 4 * wordsFor(count),
  make: (first, count, metadata) => new BuddyAllocator(first, count, metadata),
};
