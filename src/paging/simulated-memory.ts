// The memory of a replay: how many frames there are, the bits that hardware would keep, and which references missed.
// A policy's replay loop does the hardware's part: it sets the reference bit of a page at a hit.

import type { PageBits } from './page-bits.ts';

/** No writes are known. */
const NO_WRITES = new Uint8Array(0);

/** What a SimulatedMemory is made for. */
export interface SimulatedMemoryOptions {
  /** Page ids are integers in [0, pages). 0 if no bits are kept. */
  readonly pages: number;
  /** Pages that may be resident at once, at least 1. */
  readonly frames: number;
  /** References at most in one replay. */
  readonly chunk: number;
}

/** Frames, bits and misses. */
export class SimulatedMemory implements PageBits {
  readonly frames: number;
  /** Bit of each page, 0 or 1. */
  readonly referenced: Uint8Array;
  readonly modified: Uint8Array;
  /** Where a replay writes the positions of its misses. */
  readonly misses: Uint32Array;
  /** For each position of the ids being replayed: 1 if it writes, any other number if not. Empty if only reads are known. */
  writes: Uint8Array = NO_WRITES;

  constructor({ pages, frames, chunk }: SimulatedMemoryOptions) {
    this.frames = frames;
    this.referenced = new Uint8Array(pages);
    this.modified = new Uint8Array(pages);
    this.misses = new Uint32Array(chunk);
  }

  testAndClearReferenced(page: number): boolean {
    const wasSet = this.referenced[page] === 1;
    this.referenced[page] = 0;
    return wasSet;
  }

  isModified(page: number): boolean {
    return this.modified[page] === 1;
  }

  /** Returns 1 if the reference at position `at` of the replayed ids writes, else 0. */
  writeAt(at: number): number {
    return this.writes[at] === 1 ? 1 : 0;
  }
}
