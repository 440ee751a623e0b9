// The stack of free frames: the last frame freed is the first one given, while its bytes are still in the cache.
// The stack is threaded through a table of one word per frame, so that "is it free?" is one look and a double free is caught.
//
//   word      0        1           2           ...
//             | top    | frame 0   | frame 1   | ...          top, and a free frame's word: the next free frame's index + 1, or BOTTOM
//                                                             a given frame's word: GIVEN
//
//   FS1  the words reached from the top are exactly those that are not GIVEN, each once; freeCount = their number
//
// Metadata: 4 bytes per frame and 4. Cost: allocate and free O(1). allocateRun is slow, because a stack knows no neighbours:
// it looks through the table for a run, O(frames), and then walks the stack to take the run's frames out of it, O(free frames);
// the order of the others stays. Elsewhere: an allocator made for runs (bitmap-allocator.ts).

import { invariant, type Pfn } from '../base/index.ts';
import {
  ANYWHERE,
  type FrameAllocator,
  type FrameAllocatorKind,
  type MetadataRegion,
  panicNotGiven,
  type RunConstraints,
} from './frame-allocator.ts';
import { type FreeView, findRun, frameByFrame, longestRun } from './run-search.ts';

/** The word of a frame that is given. */
const GIVEN = 0;
/** The link of the last frame; every other link is positive. */
const BOTTOM = -1;
/** Where the top is kept; frame i's word is at i + 1, so a link is the place of the next word. */
const TOP = 0;

/** Frames as a stack. Made by `stackAllocator`. */
class StackAllocator implements FrameAllocator {
  readonly name = 'stack';
  readonly metadataBytes: number;
  readonly #first: number;
  readonly #count: number;
  readonly #words: Int32Array;
  readonly #view: FreeView;
  #freeCount = 0;

  constructor(first: Pfn, count: number, metadata: MetadataRegion) {
    invariant(
      count < metadata.words.length,
      'FS1',
      () => `${count} frames need ${count + 1} words, the region has ${metadata.words.length}`,
    );
    this.#words = new Int32Array(metadata.words.buffer, metadata.words.byteOffset, count + 1).fill(GIVEN);
    this.#words[TOP] = BOTTOM;
    this.metadataBytes = (count + 1) * 4;
    this.#first = first;
    this.#count = count;
    this.#view = frameByFrame(first, count, (index) => this.#words[index + 1] !== GIVEN);
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  allocate(): Pfn | -1 {
    if (this.#freeCount === 0) return -1;
    const at = this.#words[TOP]!;
    this.#words[TOP] = this.#words[at]!;
    this.#words[at] = GIVEN;
    this.#freeCount--;
    return (this.#first + at - 1) as Pfn;
  }

  allocateRun(count: number, constraints: RunConstraints = ANYWHERE): Pfn | -1 {
    const start = findRun(this.#view, count, constraints);
    if (start === -1) return -1;
    this.#takeOut(start + 1, start + 1 + count);
    return (this.#first + start) as Pfn;
  }

  free(frame: Pfn): void {
    const at = frame - this.#first + 1;
    if (!(at >= 1 && at <= this.#count) || this.#words[at] !== GIVEN) panicNotGiven(frame);
    this.#words[at] = this.#words[TOP]!;
    this.#words[TOP] = at;
    this.#freeCount++;
  }

  largestFree(): number {
    return longestRun(this.#view);
  }

  isFree(frame: Pfn): boolean {
    const at = frame - this.#first + 1;
    return at >= 1 && at <= this.#count && this.#words[at] !== GIVEN;
  }

  check(): void {
    let free = 0;
    for (let at = 1; at <= this.#count; at++) if (this.#words[at] !== GIVEN) free++;
    invariant(free === this.#freeCount, 'FS1', () => `${free} words are free, freeCount is ${this.#freeCount}`);
    // A walk of freeCount steps over free words that ends at the bottom met each of them once: no link is shared.
    let at = this.#words[TOP]!;
    for (let step = 0; step < free; step++) {
      invariant(at >= 1 && at <= this.#count && this.#words[at] !== GIVEN, 'FS1', () => `the stack leads to word ${at}, which is not free`);
      at = this.#words[at]!;
    }
    invariant(at === BOTTOM, 'FS1', () => 'the stack is longer than freeCount');
  }

  /** Takes the frames whose words are [start, end), all free, out of the stack. */
  #takeOut(start: number, end: number): void {
    let link = TOP;
    for (let left = end - start; left > 0; ) {
      const at = this.#words[link]!;
      if (at >= start && at < end) {
        this.#words[link] = this.#words[at]!;
        this.#words[at] = GIVEN;
        left--;
      } else link = at;
    }
    this.#freeCount -= end - start;
  }
}

/** The stack of free frames, last freed first. */
export const stackAllocator: FrameAllocatorKind = {
  name: 'stack',
  metadataBytes: (count) => 4 * (count + 1),
  make: (first, count, metadata) => new StackAllocator(first, count, metadata),
};
