// The contract of a kernel heap: small zeroed blocks of RAM for the kernel's own records. Map entries, amaps, anons, objects are blocks of
// it. Whoever builds a machine picks the design (kinds.ts).
//
// Invariants every design keeps (quoted by `check`):
//   KH3  a block that was written after it was freed panics when it is given again, or at `check`: where the design's marks are hit
//   KH4  free takes back only a block that is given, of the size and use that it was given for, as far as the design tells sizes and
//        uses apart; else it panics and changes nothing. So does a request for less than a byte or more than a frame
//   KH5  the uses' bytes together are those of the blocks given; frames = frames of kind kernelHeap in the table
// What belongs to one design has numbers of its own there: slabs KH1 and KH2, caches OC, magazines MG, the list LH, buddies BH.
//
// A block lies where RAM has room: at a multiple of 16, every byte of it reachable from its first. Its size is not stored for the caller:
// `free` is told again. Blocks of a frame at most, since nothing in the kernel needs more in one piece.

import { type FailurePlan, invariant, KernelPanic, type PhysAddr } from '../../base/index.ts';
import { FrameKind, type PhysicalMemory } from '../../frames/index.ts';

/** What a block is for, in the accounts. */
export const HeapUse = {
  process: 0,
  map: 1,
  mapEntry: 2,
  amap: 3,
  anon: 4,
  object: 5,
  reverseMap: 6,
  loan: 7,
} as const;

export type HeapUse = (typeof HeapUse)[keyof typeof HeapUse];

/** Names by number, for readers that print. */
export const heapUseNames: readonly string[] = Object.keys(HeapUse);

/** What a heap has cost since it was made. */
export interface KernelHeapCosts {
  /** Most frames that it held at a time. */
  readonly peakFrames: number;
  /** Bytes that were asked for, with all blocks together. */
  readonly askedBytes: number;
  /** Bytes of memory that these blocks took: the rounding up and the design's own headers are in it. */
  readonly givenBytes: number;
  /** Frames that `reap` gave back. */
  readonly reapedFrames: number;
  /** Requests and frees that a magazine answered, and those that went on to the slabs; undefined for a design without magazines. */
  readonly magazineHits?: number;
  readonly magazineMisses?: number;
}

/** The kernel heap over one machine's frames. */
export interface KernelHeap {
  /** The design's name. */
  readonly name: string;
  /** Frames that it holds, those that it keeps for later too. */
  readonly frames: number;
  /** Returns the bytes of the blocks given for `use`, or for all uses; blocks count whole, whatever was asked, but without headers. */
  bytesInUse(use?: HeapUse): number;
  /**
   * Gives a zeroed block.
   * @param sizeBytes 1 to 4096.
   * @returns the physical byte address, a multiple of 16; 0 when no memory is left, and then nothing changed.
   */
  allocate(sizeBytes: number, use: HeapUse): PhysAddr;
  /** Takes back the block at `address`, that `allocate(sizeBytes, use)` gave. Panics (KH4) if it is not such a block. */
  free(address: number, sizeBytes: number, use: HeapUse): void;
  /** Gives back every frame that no given block is in; until then a design keeps some. Returns how many. */
  reap(): number;
  /** What it has cost so far. */
  costs(): KernelHeapCosts;
  /** Walks everything; panics at the first broken invariant. */
  check(): void;
}

/** A design of kernel heap, by name. */
export interface KernelHeapKind {
  readonly name: string;
  /** What it is, in some words. */
  readonly meaning: string;
  /** @param failure decides which `allocate` calls fail as if there were no memory; it is asked once by each. */
  make(memory: PhysicalMemory, failure?: FailurePlan): KernelHeap;
}

/** Panics (KH4) for a size that no block has. */
export function panicBlockSize(sizeBytes: number): never {
  throw new KernelPanic('KH4', `no block has ${sizeBytes} bytes`);
}

/** Returns the word that marks a free block at `address`. The constant is 2^32 / golden ratio: no address looks like it. */
export const poisonOf = (address: number): number => (address ^ 0x9e37_79b9) >>> 0;

/** Up to this size a loop zeroes a block faster than `fill`: measured on Node 20, 0.23 ns per byte against 30 ns and little more. */
const LOOP_ZERO_WORDS = 32;

/** Zeroes `count` words from `at` on. */
export function zeroWords(words: Uint32Array, at: number, count: number): void {
  if (count > LOOP_ZERO_WORDS) words.fill(0, at, at + count);
  else for (let i = at; i < at + count; i++) words[i] = 0;
}

/** Places of what blocks take beside the bytes asked for. */
const ROUNDING = 0;
const HEADERS = 1;

/**
 * What a heap has given and holds. What is in use is what was given less what came back, so that the totals cost a fault nothing; counts
 * are doubles in arrays, since a number in a field would be a new object at each change. The default design counts in the arrays itself: through
 * methods of another object a block costs 5 ns more of 27 (measured).
 */
export class HeapAccounts {
  /** Bytes of all blocks given, and of all that came back, by use. */
  readonly given = new Float64Array(heapUseNames.length);
  readonly back = new Float64Array(heapUseNames.length);
  frames = 0;
  reapedFrames = 0;
  readonly #beside = new Float64Array(2);
  #peakFrames = 0;

  /** See `KernelHeap.bytesInUse`. */
  bytesInUse(use?: HeapUse): number {
    return use === undefined ? sum(this.given) - sum(this.back) : (this.given[use] as number) - (this.back[use] as number);
  }

  /** Counts a block of `block` bytes, given for `asked`, beside a header of the heap's own. */
  give(use: HeapUse, block: number, asked: number, header = 0): void {
    this.given[use] = (this.given[use] as number) + block;
    if (block !== asked) this.addRounding(block - asked);
    if (header !== 0) this.#beside[HEADERS] = (this.#beside[HEADERS] as number) + header;
  }

  /** Counts bytes of a block that nobody asked for. */
  addRounding(bytes: number): void {
    this.#beside[ROUNDING] = (this.#beside[ROUNDING] as number) + bytes;
  }

  /** Counts a block of `block` bytes that came back. */
  takeBack(use: HeapUse, block: number): void {
    this.back[use] = (this.back[use] as number) + block;
  }

  /** Counts frames that the heap took. */
  addFrames(count: number): void {
    this.frames += count;
    if (this.frames > this.#peakFrames) this.#peakFrames = this.frames;
  }

  /** Panics (KH4) if so many bytes are not given for `use`: the block at `address` was given for another. */
  expectUse(use: HeapUse, block: number, address: number): void {
    if (this.bytesInUse(use) < block) throw new KernelPanic('KH4', `the block at ${address} was not given for ${heapUseNames[use]}`);
  }

  /** See `KernelHeap.costs`. */
  costs(): KernelHeapCosts {
    const [rounding = 0, headers = 0] = this.#beside;
    const given = sum(this.given);
    const { reapedFrames } = this;
    return { peakFrames: this.#peakFrames, askedBytes: given - rounding, givenBytes: given + headers, reapedFrames };
  }

  /** Panics (KH5) unless the heap holds all frames of its kind, and the blocks found are those counted. */
  check(memory: PhysicalMemory, foundBytes: number): void {
    const frames = memory.countOf(FrameKind.kernelHeap);
    invariant(frames === this.frames, 'KH5', () => `${this.frames} frames, found ${frames}`);
    invariant(foundBytes === this.bytesInUse(), 'KH5', () => `${this.bytesInUse()} bytes in use, found ${foundBytes}`);
  }
}

const sum = (bytes: Float64Array): number => bytes.reduce((total, each) => total + each, 0);
