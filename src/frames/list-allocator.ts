// The free list threaded through the free frames themselves: memory that nobody uses says so, and costs nothing.
//
//   metadata        | top |
//   a free frame    | mark | next | previous | whatever its last owner left ...      0 = none; else the other frame's index + 1
//   a given frame   | its owner's bytes ...
//
//   FL1  the list from the top meets each free frame once; its links agree in both directions; freeCount = its length
//   FL2  a free frame's first word is its mark, a mix of its number: a write after free panics at the next allocate or check
//   FL3  a given frame is on no list, whatever its bytes look like
//
// Whether a frame is free can only be read in the frame, which may be a given one with bytes of any kind. So `free` takes a mark as a
// hint and then walks the list (FL3): exact, and slow only for a frame whose owner happened to leave the mark, one in 2^32.
// `isFree` believes a mark whose links agree.
//
// Metadata: 4 bytes. Cost: allocate and free O(1), but each touches the frame itself, a line of cache that nobody else wanted yet.
// allocateRun reads every frame, O(frames), and unlinks the run's. Elsewhere: the same order with the links in a table (stack-allocator.ts).

import { invariant, KernelPanic, type Pfn } from '../base/index.ts';
import {
  ANYWHERE,
  expectWords,
  type FrameAllocator,
  type FrameAllocatorKind,
  type MetadataRegion,
  panicNotGiven,
  type RunConstraints,
} from './frame-allocator.ts';
import { type FreeView, findRun, frameByFrame, longestRun } from './run-search.ts';

/** Words of a free frame after its mark. */
const NEXT = 1;
const PREVIOUS = 2;

/** Returns the mark of free frame `index`: 2^32 / golden ratio spreads the bits, so that no small number looks like it. */
const markOf = (index: number): number => Math.imul(index + 1, 0x9e37_79b9) | 1;

/** Frames as a list through themselves. Made by `listAllocator`. */
class ListAllocator implements FrameAllocator {
  readonly name = 'free-list';
  readonly metadataBytes = 4;
  readonly #first: number;
  readonly #count: number;
  readonly #top: Int32Array;
  /** The frames, signed, so that marks stay small integers more often. */
  readonly #frames: Int32Array;
  readonly #shift: number;
  readonly #view: FreeView;
  #freeCount = 0;

  constructor(first: Pfn, count: number, { words, frames }: MetadataRegion) {
    expectWords(words, 1, 'FL1');
    invariant(frames !== undefined && (first + count) << frames.shift <= frames.words.length, 'FL1', () => 'the frames are not all there');
    this.#top = new Int32Array(words.buffer, words.byteOffset, 1).fill(0);
    this.#frames = new Int32Array(frames.words.buffer, frames.words.byteOffset, frames.words.length);
    this.#shift = frames.shift;
    this.#first = first;
    this.#count = count;
    this.#view = frameByFrame(first, count, (index) => this.#looksFree(index));
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  allocate(): Pfn | -1 {
    const top = this.#top[0]!;
    if (top === 0) return -1;
    const index = top - 1;
    const at = (this.#first + index) << this.#shift;
    if (this.#frames[at] !== markOf(index)) throw new KernelPanic('FL2', `frame ${this.#first + index} was written after it was freed`);
    const next = this.#frames[at + NEXT]!;
    this.#top[0] = next;
    if (next !== 0) this.#frames[this.#wordOf(next - 1) + PREVIOUS] = 0;
    // So that the frame does not look free while its owner has not written there.
    this.#frames[at] = 0;
    this.#freeCount--;
    return (this.#first + index) as Pfn;
  }

  allocateRun(count: number, constraints: RunConstraints = ANYWHERE): Pfn | -1 {
    const start = findRun(this.#view, count, constraints);
    if (start === -1) return -1;
    for (let index = start; index < start + count; index++) this.#unlink(index);
    return (this.#first + start) as Pfn;
  }

  free(frame: Pfn): void {
    const index = frame - this.#first;
    if (!(index >= 0 && index < this.#count)) panicNotGiven(frame);
    const at = frame << this.#shift;
    if (this.#frames[at] === markOf(index) && this.#isListed(index)) panicNotGiven(frame);
    const top = this.#top[0]!;
    this.#frames[at] = markOf(index);
    this.#frames[at + NEXT] = top;
    this.#frames[at + PREVIOUS] = 0;
    if (top !== 0) this.#frames[this.#wordOf(top - 1) + PREVIOUS] = index + 1;
    this.#top[0] = index + 1;
    this.#freeCount++;
  }

  largestFree(): number {
    return longestRun(this.#view);
  }

  isFree(frame: Pfn): boolean {
    const index = frame - this.#first;
    return index >= 0 && index < this.#count && this.#looksFree(index);
  }

  check(): void {
    let previous = 0;
    let free = 0;
    for (let link = this.#top[0]!; link !== 0; ) {
      const index = link - 1;
      invariant(index >= 0 && index < this.#count, 'FL1', () => `the list leads to index ${index}, where no frame is`);
      invariant(++free <= this.#freeCount, 'FL1', () => `the list is longer than freeCount, ${this.#freeCount}`);
      const at = this.#wordOf(index);
      invariant(this.#frames[at] === markOf(index), 'FL2', () => `frame ${this.#first + index} was written after it was freed`);
      invariant(this.#frames[at + PREVIOUS] === previous, 'FL1', () => `the links of index ${index} and ${previous - 1} disagree`);
      previous = link;
      link = this.#frames[at + NEXT]!;
    }
    invariant(free === this.#freeCount, 'FL1', () => `the list has ${free} frames, freeCount is ${this.#freeCount}`);
  }

  #wordOf(index: number): number {
    return (this.#first + index) << this.#shift;
  }

  /** Tells whether a frame has its mark and its neighbours on the list know it. */
  #looksFree(index: number): boolean {
    const at = this.#wordOf(index);
    if (this.#frames[at] !== markOf(index)) return false;
    const previous = this.#frames[at + PREVIOUS]!;
    if (previous === 0) return this.#top[0] === index + 1;
    return previous > 0 && previous <= this.#count && this.#frames[this.#wordOf(previous - 1) + NEXT] === index + 1;
  }

  #isListed(index: number): boolean {
    let link = this.#top[0]!;
    while (link !== 0 && link !== index + 1) link = this.#frames[this.#wordOf(link - 1) + NEXT]!;
    return link !== 0;
  }

  #unlink(index: number): void {
    const at = this.#wordOf(index);
    const next = this.#frames[at + NEXT]!;
    const previous = this.#frames[at + PREVIOUS]!;
    if (previous === 0) this.#top[0] = next;
    else this.#frames[this.#wordOf(previous - 1) + NEXT] = next;
    if (next !== 0) this.#frames[this.#wordOf(next - 1) + PREVIOUS] = previous;
    this.#frames[at] = 0;
    this.#freeCount--;
  }
}

/** The list through the free frames, last freed first. */
export const listAllocator: FrameAllocatorKind = {
  name: 'free-list',
  metadataBytes: () => 4,
  keepsRecords: 'in frames',
  make: (first, count, metadata) => new ListAllocator(first, count, metadata),
};
