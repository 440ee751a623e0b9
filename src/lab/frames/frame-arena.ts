// An allocator alone: its metadata and no memory under it, so that 16 GiB of frames fit in a browser's page.
//
//   boot       the usable frames of the memory map are freed, the highest first, as a kernel does; those below 4 MiB later, so that
//              at first all free memory is whole blocks of any order
//   age        a peak, all of it given; half of it; then 24 times a quarter of what is given goes, at random, and as much comes
//
// Ageing is what tells designs apart: random frames of the peak stay for a while in all of memory, and as they go, whoever gives the
// lowest frame has the top of memory in one piece again, while whoever gives the last one keeps scattering what is free. A design that keeps its records in the free frames gets 64 bytes for each frame, a line of cache, since
// nothing else of a frame is touched; on real memory each would be on a page of its own as well.

import { PAGE_SIZE, type Pfn, pfn, Random, UsageError } from '../../base/index.ts';
import type { FrameAllocator, FrameAllocatorKind } from '../../frames/index.ts';
import { type MemoryRange, normalizeMemoryMap } from '../../machine/index.ts';

/** log2 of the words that stand for a frame: a line of cache. */
const STORE_SHIFT = 4;
const AGEING_ROUNDS = 24;
/** Frames of the first 4 MiB: the largest block of a buddy system. */
const LOW_FRAMES = 1024;

/** What memory the allocators are compared on. */
export interface FrameMemory {
  readonly bytes: number;
  /** Default: all of it usable. */
  readonly map?: readonly MemoryRange[];
}

/** Frames that a kernel could give out of `memory`, as stretches [first, end). Frame 0 is never one. Throws a UsageError for a bad map. */
function usableFrames({ bytes, map }: FrameMemory): { readonly first: number; readonly end: number }[] {
  return normalizeMemoryMap(map ?? [{ start: 0, end: bytes, kind: 'usable' }], bytes)
    .filter(({ kind }) => kind === 'usable')
    .map(({ first, end }) => ({ first: Math.max(1, first), end }))
    .filter(({ first, end }) => first < end);
}

/** One allocator over frames of which nothing but the numbers exists. */
export class FrameArena {
  readonly allocator: FrameAllocator;
  /** Frames of memory, usable or not. */
  readonly frames: number;
  readonly usable: number;
  /** Frames given, in `held[0 .. heldCount)`, in no order. */
  readonly held: Int32Array;
  heldCount = 0;
  readonly #stretches: readonly { readonly first: number; readonly end: number }[];
  readonly #random: Random;

  /** Boots, without the first 4 MiB where there is more. Throws a UsageError if there is no frame to give, or the host has no memory for the metadata. */
  constructor(kind: FrameAllocatorKind, memory: FrameMemory, seed: number) {
    const stretches = usableFrames(memory);
    this.#stretches = stretches.reverse();
    this.frames = Math.floor(memory.bytes / PAGE_SIZE);
    this.usable = stretches.reduce((sum, { first, end }) => sum + end - first, 0);
    if (this.usable === 0) throw new UsageError('the memory map has no usable frame but frame 0, which is never given');
    this.held = new Int32Array(this.usable);
    this.#random = new Random(seed);
    this.allocator = makeAllocator(kind, this.frames);
    this.#free(LOW_FRAMES, this.frames);
  }

  /** Frees the first 4 MiB as well. Once. */
  endBoot(): void {
    this.#free(0, LOW_FRAMES);
  }

  #free(from: number, to: number): void {
    for (const { first, end } of this.#stretches) {
      for (let frame = Math.min(end, to) - 1; frame >= Math.max(first, from); frame--) this.allocator.free(pfn(frame));
    }
  }

  /** Ages memory, and leaves half of it given. */
  age(): void {
    const half = Math.floor(this.usable / 2);
    this.#fillTo(this.usable);
    this.#emptyTo(half);
    for (let round = 0; round < AGEING_ROUNDS; round++) {
      this.#emptyTo(Math.floor((3 * half) / 4));
      this.#fillTo(half);
    }
  }

  /** Returns for each of `count` equal parts of memory which share of its usable frames is given; NaN where there is none. */
  usedShares(count: number): Float64Array {
    const shares = new Float64Array(count);
    const usable = new Float64Array(count);
    const partOf = (frame: number): number => Math.floor((frame * count) / this.frames);
    for (let i = 0; i < this.heldCount; i++) {
      const part = partOf(this.held[i] as number);
      shares[part] = (shares[part] as number) + 1;
      usable[part] = (usable[part] as number) + 1;
    }
    for (let frame = 0; frame < this.frames; frame++) {
      const part = partOf(frame);
      if (this.allocator.isFree(pfn(frame))) usable[part] = (usable[part] as number) + 1;
    }
    return shares.map((used, part) => used / (usable[part] as number));
  }

  #fillTo(count: number): void {
    const { allocator, held } = this;
    for (; this.heldCount < count; this.heldCount++) held[this.heldCount] = allocator.allocate();
  }

  #emptyTo(count: number): void {
    const { allocator, held } = this;
    for (; this.heldCount > count; this.heldCount--) {
      const at = this.#random.below(this.heldCount);
      allocator.free(held[at] as Pfn);
      held[at] = held[this.heldCount - 1] as number;
    }
  }
}

function makeAllocator(kind: FrameAllocatorKind, frames: number): FrameAllocator {
  const bytes = kind.metadataBytes(frames);
  try {
    const words = new Uint32Array(Math.ceil(bytes / 4));
    if (kind.keepsRecords !== 'in frames') return kind.make(pfn(0), frames, { words });
    return kind.make(pfn(0), frames, { words, frames: { words: new Uint32Array(frames << STORE_SHIFT), shift: STORE_SHIFT } });
  } catch (error) {
    if (error instanceof RangeError)
      throw new UsageError(`this host has no memory for the ${kind.name} allocator of ${frames} frames: ask for less`);
    throw error;
  }
}
