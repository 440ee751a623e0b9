// The contract of a physical allocator: which frames are free? It knows no addresses, mappings or policies.
//
// Invariants every implementation keeps (quoted by `check`):
//   FA1  a frame is free or given, never both; freeCount = number of free frames
//   FA2  allocate never gives a frame outside [first, first + count) or one that is already given
//   FA3  free of a frame that is not given panics and changes nothing
//   FA4  allocate gives a frame if one is free, allocateRun a run if there is one that meets the constraints

import { invariant, KernelPanic, type Pfn } from '../base/index.ts';

/** Where an allocator may put its own metadata: bytes of RAM set aside for it at boot. */
export interface MetadataRegion {
  readonly words: Uint32Array;
  /** The frames' own bytes, for designs that keep their records in the free frames themselves. */
  readonly frames?: FrameStore;
}

/** Bytes of frames: word `w` of frame `f` is `words[(f << shift) + w]`. */
export interface FrameStore {
  readonly words: Uint32Array;
  /** log2 of the words from one frame to the next: 10 for RAM. */
  readonly shift: number;
}

/** Where a run of frames may lie. Alignment and boundary are those of the frames' numbers, that is of physical addresses. */
export interface RunConstraints {
  /** The first frame is a multiple of this, a power of two; default 1. */
  readonly alignment?: number;
  /** All frames are below this one: the first that the device cannot reach. */
  readonly below?: number;
  /** The run crosses no multiple of this, a power of two: ISA DMA counts 64 KiB and wraps, a bus master has its own limit. */
  readonly boundary?: number;
}

/** No constraints. */
export const ANYWHERE: RunConstraints = {};

/** A part of memory that an allocator keeps apart, and can run short of by itself. */
export interface FrameZone {
  readonly name: string;
  /** Frames [first, end), holes included. */
  readonly first: number;
  readonly end: number;
  /** Frames that it could give now. */
  readonly freeCount: number;
  /** Requests for the zones above leave so many free; below it the page daemon should run, up to `high`. */
  readonly low: number;
  readonly high: number;
}

/** A physical allocator over the frames [first, first + count). */
export interface FrameAllocator {
  readonly name: string;
  /** Frames that could be given now. */
  readonly freeCount: number;
  /** Bytes of RAM that the design's own records take. */
  readonly metadataBytes: number;
  /** Parts of memory, from the lowest up, where some can run short while others do not. */
  readonly zones?: readonly FrameZone[];
  /** Takes one frame. Returns -1 when none is free. O(1) or O(log n); allocates nothing on the JS heap. */
  allocate(): Pfn | -1;
  /**
   * Takes `count` frames in a row that meet the constraints. Returns the first, or -1; each is freed by itself. Panics (FA2), changing
   * nothing, if the count is not a positive integer, or alignment or boundary no power of two.
   */
  allocateRun(count: number, constraints?: RunConstraints): Pfn | -1;
  /** Gives back one frame. Panics (FA3) if it is not given. */
  free(frame: Pfn): void;
  /** Length of the longest run of free frames. For reports; may be slow. */
  largestFree(): number;
  /** Tells whether `frame` is free. For checks; may be slow. */
  isFree(frame: Pfn): boolean;
  /** Walks everything; panics at the first broken invariant. */
  check(): void;
}

/** Makes an allocator; all frames start as given, and boot frees the usable ones. */
export interface FrameAllocatorKind {
  readonly name: string;
  /** Bytes of metadata that an allocator over `count` frames needs, a multiple of 4. */
  metadataBytes(count: number): number;
  /** `in frames`: also in the free frames, so `make` needs them. */
  readonly keepsRecords?: 'in frames';
  make(first: Pfn, count: number, metadata: MetadataRegion): FrameAllocator;
}

/** Panics for a frame that is freed but was not given (FA3). */
export function panicNotGiven(frame: number): never {
  throw new KernelPanic('FA3', `frame ${frame} is freed but was not given`);
}

/** Panics with an allocator's own invariant if its records do not fit. */
export function expectWords(words: Uint32Array, needed: number, id: string): void {
  invariant(needed <= words.length, id, () => `the records need ${needed} words, the region has ${words.length}`);
}
