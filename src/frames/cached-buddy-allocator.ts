// A cache of single frames in front of the buddy system, one per processor; this machine has one.
//
//   allocate ---> | 186 ........ cached frames, last freed on top | <--- free
//                        | empty: a batch of 31 in       | full: the oldest 31 out
//                        v                               v
//                 | buddy system: splits and joins only for batches |
//
//   words   | cache: 186 frames' indexes | the buddy system's own |
//
//   PC1  the cached frames are distinct and marked CACHED, and no other frame is; words above the top are 0
//   PC2  freeCount = the buddy system's + the cached
//
// A cached frame is free, for everybody who asks. It keeps its block from joining, as in Linux; allocateRun that finds no block
// therefore first gives the whole cache back.
// Metadata: the buddy system's and 744 bytes. Cost: allocate and free O(1), and 1/31 of a batch. Source: Linux's per-CPU page lists, with the
// sizes that Linux chooses for a zone of some GiB.

import { invariant, type Pfn } from '../base/index.ts';
import { BuddyAllocator, buddyAllocator, CACHED, GIVEN } from './buddy-allocator.ts';
import {
  ANYWHERE,
  expectWords,
  type FrameAllocator,
  type FrameAllocatorKind,
  type MetadataRegion,
  panicNotGiven,
  type RunConstraints,
} from './frame-allocator.ts';

/** Frames that go to and from the buddy system at once, and the most that are cached. */
const BATCH = 31;
const HIGH = 6 * BATCH;

/** Frames in a cache before blocks. Made by `cachedBuddyAllocator`. */
class CachedBuddyAllocator implements FrameAllocator {
  readonly name = 'buddy-cached';
  readonly metadataBytes: number;
  readonly #first: number;
  readonly #count: number;
  readonly #cache: Int32Array;
  readonly #buddy: BuddyAllocator;
  /** The buddy system's, one per frame. */
  readonly #states: Uint8Array;
  #cached = 0;

  constructor(first: Pfn, count: number, { words }: MetadataRegion) {
    expectWords(words, HIGH, 'PC1');
    this.#cache = new Int32Array(words.buffer, words.byteOffset, HIGH).fill(0);
    this.#buddy = new BuddyAllocator(first, count, { words: words.subarray(HIGH) });
    this.#states = this.#buddy.states;
    this.metadataBytes = 4 * HIGH + this.#buddy.metadataBytes;
    this.#first = first;
    this.#count = count;
  }

  get freeCount(): number {
    return this.#buddy.freeCount + this.#cached;
  }

  allocate(): Pfn | -1 {
    if (this.#cached === 0 && !this.#refill()) return -1;
    const at = --this.#cached;
    const index = this.#cache[at]!;
    this.#cache[at] = 0;
    this.#states[index] = GIVEN;
    return (this.#first + index) as Pfn;
  }

  allocateRun(count: number, constraints: RunConstraints = ANYWHERE): Pfn | -1 {
    const block = this.#buddy.allocateFromBlock(count, constraints);
    if (block !== -1) return block;
    this.#giveBack(this.#cached);
    return this.#buddy.allocateRun(count, constraints);
  }

  free(frame: Pfn): void {
    const index = frame - this.#first;
    if (!(index >= 0 && index < this.#count) || this.#states[index] !== GIVEN) panicNotGiven(frame);
    if (this.#cached === HIGH) this.#giveBack(BATCH);
    this.#states[index] = CACHED;
    this.#cache[this.#cached++] = index;
  }

  largestFree(): number {
    return this.#buddy.largestFree();
  }

  isFree(frame: Pfn): boolean {
    return this.#buddy.isFree(frame);
  }

  check(): void {
    const distinct = new Set<number>();
    for (let at = 0; at < HIGH; at++) {
      const index = this.#cache[at]!;
      if (at >= this.#cached) invariant(index === 0, 'PC1', () => `word ${at} of the cache is above its top and not 0`);
      else {
        const isCached = index >= 0 && index < this.#count && this.#states[index] === CACHED && !distinct.has(index);
        invariant(isCached, 'PC1', () => `the cache holds index ${index}, which is not marked or there twice`);
        distinct.add(index);
      }
    }
    this.#buddy.checkBeside(this.#cached);
  }

  /** Gets a batch, of which the lowest frame is given first. Returns false if no frame is left. */
  #refill(): boolean {
    let at = BATCH;
    while (at > 0) {
      const frame = this.#buddy.allocate();
      if (frame === -1) break;
      const index = frame - this.#first;
      this.#states[index] = CACHED;
      this.#cache[--at] = index;
    }
    this.#cached = BATCH - at;
    if (at > 0) {
      this.#cache.copyWithin(0, at, BATCH);
      this.#cache.fill(0, this.#cached, BATCH);
    }
    return this.#cached > 0;
  }

  /** Gives the `count` frames that were cached first to the buddy system. */
  #giveBack(count: number): void {
    for (let at = 0; at < count; at++) {
      const index = this.#cache[at]!;
      this.#states[index] = GIVEN;
      this.#buddy.free((this.#first + index) as Pfn);
    }
    this.#cache.copyWithin(0, count, this.#cached);
    this.#cache.fill(0, this.#cached - count, this.#cached);
    this.#cached -= count;
  }
}

/** The buddy system behind a cache of single frames. */
export const cachedBuddyAllocator: FrameAllocatorKind = {
  name: 'buddy-cached',
  metadataBytes: (count) => 4 * HIGH + buddyAllocator.metadataBytes(count),
  make: (first, count, metadata) => new CachedBuddyAllocator(first, count, metadata),
};
