// Slabs as frame allocator: memory in slabs of 32 frames, 128 KiB; frames come from a slab that is begun until it is used up.
//
//   slab     | x . . x ... 32 frames |      bits: one word, 1 = free       aligned to 32 frames by frame number
//
//   partial  slab <-> slab <-> slab         some free, some given: frames come from the first
//   whole    slab <-> slab                  all 32 free: broken only when no slab is partial; a run of 128 KiB at once
//   neither                                 all given, or no such frames
//
//   words    | heads: partial, whole | per slab: bits, next, previous |      links: slab + 1, 0 = none
//
//   SL1  a slab is on `whole` if its word is all ones, else on `partial` if it is not 0, else on none; unlisted slabs have no links
//   SL2  bits of frames outside the range are 0; freeCount = bits set
//
// Freed frames go back to a slab that others use, so whole slabs stay whole: what is given keeps together without a search, in the
// order of use instead of by address. Metadata: 12 bytes per slab and 8, three bits per frame. Cost: allocate and free O(1), runs of 32
// aligned frames O(1), other runs O(frames / 32). Source: Bonwick 1994 one floor down, as nexos proposed it for a PMM.
// Elsewhere: slabs of small objects (heap/kernel).

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
import { bitCount, lowestBit, WORD_MASK, WORD_SHIFT } from './frame-bits.ts';
import { type FreeView, findRun, frameByFrame, longestRun } from './run-search.ts';

/** Frames of a slab: one word of bits. */
const SLAB_FRAMES = 32;
const WHOLE_BITS = -1;

/** Words before the slabs, by list. */
const PARTIAL = 0;
const WHOLE = 1;
const HEADS = 2;

/** Words of a slab after its bits. */
const NEXT = 1;
const PREVIOUS = 2;
const SLAB_WORDS = 3;

/** Slabs that any `count` frames lie in, wherever they begin. */
const mostSlabs = (count: number): number => Math.ceil((count - 1) / SLAB_FRAMES) + 1;

/** Frames as slabs. Made by `slabAllocator`. */
class SlabAllocator implements FrameAllocator {
  readonly name = 'slab';
  readonly metadataBytes: number;
  readonly #first: number;
  readonly #count: number;
  /** First frame of slab 0: at most 31 below `first`. */
  readonly #base: number;
  readonly #words: Int32Array;
  readonly #view: FreeView;
  #freeCount = 0;

  constructor(first: Pfn, count: number, { words }: MetadataRegion) {
    const needed = HEADS + SLAB_WORDS * mostSlabs(count);
    expectWords(words, needed, 'SL1');
    this.#words = new Int32Array(words.buffer, words.byteOffset, needed).fill(0);
    this.metadataBytes = 4 * needed;
    this.#first = first;
    this.#count = count;
    this.#base = first & ~WORD_MASK;
    this.#view = frameByFrame(first, count, (index) => this.#isFree(first + index));
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  allocate(): Pfn | -1 {
    const words = this.#words;
    const link = words[PARTIAL]! || words[WHOLE]!;
    if (link === 0) return -1;
    const at = HEADS + (link - 1) * SLAB_WORDS;
    const bits = words[at]!;
    const left = bits & (bits - 1);
    words[at] = left;
    if (bits === WHOLE_BITS) {
      this.#unlink(at, WHOLE);
      this.#link(at, PARTIAL);
    } else if (left === 0) this.#unlink(at, PARTIAL);
    this.#freeCount--;
    return (this.#base + ((link - 1) << WORD_SHIFT) + lowestBit(bits)) as Pfn;
  }

  allocateRun(count: number, constraints: RunConstraints = ANYWHERE): Pfn | -1 {
    const start = this.#wholeSlab(count, constraints) ?? findRun(this.#view, count, constraints);
    if (start === -1) return -1;
    for (let index = start; index < start + count; index++) this.#take(this.#first + index);
    return (this.#first + start) as Pfn;
  }

  free(frame: Pfn): void {
    const index = frame - this.#first;
    if (!(index >= 0 && index < this.#count)) panicNotGiven(frame);
    const at = this.#slabOf(frame);
    const bits = this.#words[at]!;
    const bit = 1 << (frame & WORD_MASK);
    if ((bits & bit) !== 0) panicNotGiven(frame);
    const now = bits | bit;
    this.#words[at] = now;
    this.#freeCount++;
    if (bits === 0) this.#link(at, PARTIAL);
    else if (now === WHOLE_BITS) {
      this.#unlink(at, PARTIAL);
      this.#link(at, WHOLE);
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
    const listed = [this.#checkList(PARTIAL), this.#checkList(WHOLE)];
    let free = 0;
    let [partial, whole] = [0, 0];
    for (let at = HEADS; at < this.#words.length; at += SLAB_WORDS) {
      const bits = this.#words[at]!;
      const slab = this.#base + ((at - HEADS) / SLAB_WORDS) * SLAB_FRAMES;
      for (let bit = 0; bit < SLAB_FRAMES; bit++) {
        const index = slab + bit - this.#first;
        const isOurs = index >= 0 && index < this.#count;
        invariant(isOurs || ((bits >>> bit) & 1) === 0, 'SL2', () => `frame ${slab + bit} is free and outside the range`);
      }
      free += bitCount(bits);
      if (bits === WHOLE_BITS) whole++;
      else if (bits !== 0) partial++;
      else
        invariant(
          this.#words[at + NEXT] === 0 && this.#words[at + PREVIOUS] === 0,
          'SL1',
          () => `slab at frame ${slab} is full but has links`,
        );
    }
    invariant(free === this.#freeCount, 'SL2', () => `${free} bits are set, freeCount is ${this.#freeCount}`);
    invariant(listed[0] === partial && listed[1] === whole, 'SL1', () => `${listed} slabs are listed, ${[partial, whole]} should be`);
  }

  /** Walks a list. Returns its length. */
  #checkList(list: number): number {
    const slabs = (this.#words.length - HEADS) / SLAB_WORDS;
    let previous = 0;
    let length = 0;
    for (let link = this.#words[list]!; link !== 0; ) {
      const at = HEADS + (link - 1) * SLAB_WORDS;
      invariant(link > 0 && link <= slabs && ++length <= slabs, 'SL1', () => `a list leads to slab ${link - 1} of ${slabs}`);
      const bits = this.#words[at]!;
      invariant(bits !== 0 && (bits === WHOLE_BITS) === (list === WHOLE), 'SL1', () => `slab ${link - 1} is on the wrong list`);
      invariant(this.#words[at + PREVIOUS] === previous, 'SL1', () => `the links of slabs ${link - 1} and ${previous - 1} disagree`);
      previous = link;
      link = this.#words[at + NEXT]!;
    }
    return length;
  }

  #slabOf(frame: number): number {
    return HEADS + ((frame - this.#base) >>> WORD_SHIFT) * SLAB_WORDS;
  }

  #isFree(frame: number): boolean {
    return ((this.#words[this.#slabOf(frame)]! >>> (frame & WORD_MASK)) & 1) === 1;
  }

  /** Returns the index of the first whole slab if the run is what a whole slab is; undefined if not, or there is none. */
  #wholeSlab(count: number, { alignment = 1, below, boundary = SLAB_FRAMES }: RunConstraints): number | undefined {
    const link = this.#words[WHOLE]!;
    if (link === 0 || count !== SLAB_FRAMES || alignment !== SLAB_FRAMES || below !== undefined || boundary < SLAB_FRAMES) return undefined;
    return this.#base + ((link - 1) << WORD_SHIFT) - this.#first;
  }

  /** Takes one certain free frame. */
  #take(frame: number): void {
    const at = this.#slabOf(frame);
    const bits = this.#words[at]!;
    const left = bits & ~(1 << (frame & WORD_MASK));
    this.#words[at] = left;
    this.#freeCount--;
    if (bits === WHOLE_BITS) {
      this.#unlink(at, WHOLE);
      this.#link(at, PARTIAL);
    } else if (left === 0) this.#unlink(at, PARTIAL);
  }

  #link(at: number, list: number): void {
    const words = this.#words;
    const head = words[list]!;
    const link = (at - HEADS) / SLAB_WORDS + 1;
    words[at + NEXT] = head;
    if (head !== 0) words[HEADS + (head - 1) * SLAB_WORDS + PREVIOUS] = link;
    words[list] = link;
  }

  #unlink(at: number, list: number): void {
    const words = this.#words;
    const next = words[at + NEXT]!;
    const previous = words[at + PREVIOUS]!;
    if (previous === 0) words[list] = next;
    else words[HEADS + (previous - 1) * SLAB_WORDS + NEXT] = next;
    if (next !== 0) words[HEADS + (next - 1) * SLAB_WORDS + PREVIOUS] = previous;
    words[at + NEXT] = 0;
    words[at + PREVIOUS] = 0;
  }
}

/** Slabs of 32 frames, a begun one first. */
export const slabAllocator: FrameAllocatorKind = {
  name: 'slab',
  metadataBytes: (count) => 4 * (HEADS + SLAB_WORDS * mostSlabs(count)),
  make: (first, count, metadata) => new SlabAllocator(first, count, metadata),
};
