// The contract of a physical allocator: which frames are free? It knows no addresses, mappings or policies.
//
// Invariants every implementation keeps (quoted by `check`):
//   FA1  a frame is free or given, never both; freeCount = number of free frames
//   FA2  allocate never gives a frame outside [first, first + count) or one that is already given
//   FA3  free of a frame that is not given panics and changes nothing

import type { Pfn } from '../base/index.ts';

/** Where an allocator may put its own metadata: bytes of RAM set aside for it at boot. */
export interface MetadataRegion {
  readonly words: Uint32Array;
}

/** A physical allocator over the frames [first, first + count). */
export interface FrameAllocator {
  readonly name: string;
  /** Frames that could be given now. */
  readonly freeCount: number;
  /** Bytes of RAM that the design's own records take. */
  readonly metadataBytes: number;
  /** Takes one frame. Returns -1 when none is free. O(1) or O(log n); allocates nothing on the JS heap. */
  allocate(): Pfn | -1;
  /** Takes `count` frames in a row, the first a multiple of `alignment` (a power of two). Returns the first, or -1. */
  allocateRun(count: number, alignment?: number): Pfn | -1;
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
  make(first: Pfn, count: number, metadata: MetadataRegion): FrameAllocator;
}
