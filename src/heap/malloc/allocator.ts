// The contract of an allocator: which bytes of one heap are free?
//
// An allocator manages the bytes [start, end) of a HeapMemory (heap-memory.ts). Everything it knows lies in those bytes, behind the
// header (heap-header.ts): bins, bitmaps, tags, tops. So a heap can be copied, stored and opened again, and shared by workers.
//
//   start                                                              in use so far        end           limit
//   | header | the allocator's own words | blocks: used, free, used ...                | untouched | not yet there |
//
// An allocator is a function that returns its operations as closures over the memory's words. Measured on Node 20, against classes
// with private fields: a fifth faster alone, and twice as fast when one call site meets six kinds of heap, because the Heap that holds
// them has one shape (heap.ts). The rules that keep it so:
//   - no state outside the words but `words` itself and constants; `words` is replaced after the memory has grown;
//   - no objects, no strings, no exceptions in malloc, free, realloc;
//   - where malloc returns what a function gives that V8 may not inline, `>>> 0` says that it is an integer; if but one way out is of unknown
//     type, whoever stores the address converts each one through a double (size classes: a tenth slower);
//   - indices are `address >>> 2`, so that addresses up to 4 GiB work.
//
// Addresses are byte offsets from the buffer's beginning, so `new Float64Array(heap.buffer, address, n)` is the block. 0 is no address.
// Source of the operations' meaning: ISO C 7.24.3 and POSIX.1-2024; where they leave a choice, it is stated below.

import type { HeapMemory } from './heap-memory.ts';

/** What a stretch of a heap is used for, as `walk` tells it: a block that is given, one that can be given, or the allocator's own bytes. */
export const BlockUse = { used: 0, free: 1, own: 2 } as const;

export type BlockUse = (typeof BlockUse)[keyof typeof BlockUse];

/** Hears of one stretch: its first payload byte, the bytes that its owner may use (its free bytes, the allocator's bytes), its use. */
export type BlockVisitor = (address: number, bytes: number, use: BlockUse) => void;

/** The operations of one allocator on one heap. */
export interface HeapAllocator {
  /**
   * Gives a block of at least `bytes` bytes, aligned to the heap's alignment, content undefined. 0 bytes are as good as 1 (but for
   * a hardened heap, where no byte of such a block may be used).
   * Returns its address, or 0 if there is no room or `bytes` is not an integer in [0, 2^32); then nothing has changed.
   */
  malloc(bytes: number): number;

  /**
   * Takes a block back. Address 0 is taken for nothing. Returns false, with nothing changed, for an address that is visibly none of a live
   * block: outside the heap, misaligned, marked free. Only a hardened heap sees every such address (hardened.ts).
   */
  free(address: number): boolean;

  /**
   * Changes a block's size; in place where it can. The first min(old, new) bytes stay. Address 0 allocates; 0 bytes keep a smallest block.
   * Returns the address, new or old, or 0 if there is no room or the address is visibly wrong; then the old block is as it was.
   */
  realloc(address: number, bytes: number): number;

  /** Gives a block whose address is a multiple of `alignment`, a power of two of any size; as `malloc` otherwise. 0 if it is no power of two. */
  memalign(alignment: number, bytes: number): number;

  /** Returns the bytes that the owner of a live block may use, at least those it asked for; 0 for an address that is visibly wrong. */
  usableSize(address: number): number;

  /** Tells of every stretch between `start` and the end of what is in use, in address order, without overlap. The visitor must not change the heap. */
  walk(visit: BlockVisitor): void;

  /** Walks everything the allocator knows and compares. Throws HeapDamage that names the invariant and the address. */
  check(): void;

  /** Forgets all blocks: as after the making, and the peak of use stays. */
  reset(): void;

  /** Returns the address behind the last byte in use: what lies between it and the memory's end has never been given, or is whole again. */
  top(): number;

  /** Reads `memory.words` anew: the memory has grown by another's hand (another worker, the wasm program). */
  refresh(): void;
}

/** How a heap is to be made, beside its design. */
export interface AllocatorOptions {
  /** Every block's address is a multiple of it: 8 (default), or 16 as C's max_align_t on 64-bit machines. */
  readonly alignment: 8 | 16;
}

/** One design of an allocator, by name. */
export interface AllocatorDesign {
  /** The name, as in `--allocator`. */
  readonly name: string;
  /** One sentence: what it does and what it is good for. */
  readonly about: string;
  /** Bytes that the design keeps behind the header, with these options, in a memory whose limit is `limitBytes` bytes from its start. */
  ownBytes(options: AllocatorOptions, limitBytes: number): number;
  /** Writes the state of an empty heap. Called once, before the first `open`, with own bytes that are there. */
  format(memory: HeapMemory, options: AllocatorOptions): void;
  /** Returns the operations on a heap that has been formatted, now or in another process. */
  open(memory: HeapMemory, options: AllocatorOptions): HeapAllocator;
}

/** Thrown by `check` and by hardened heaps: a heap whose bytes contradict each other. */
export class HeapDamage extends Error {
  /** The invariant, as numbered in the header of the file that owns it. */
  readonly invariant: string;
  /** The address where it was seen. */
  readonly address: number;

  constructor(invariant: string, address: number, what: string) {
    super(`${invariant} at 0x${address.toString(16)}: ${what}`);
    this.name = 'HeapDamage';
    this.invariant = invariant;
    this.address = address;
  }
}

/** Throws HeapDamage unless `condition` holds. For `check`, not for hot paths: its message is made in any case. */
export function expectHeap(condition: boolean, invariant: string, address: number, what: string): void {
  if (!condition) throw new HeapDamage(invariant, address, what);
}

/** Returns the damage of a free block whose link leads to no free block: HD7 of hardened.ts, for designs that mix their links with a key. */
export function linkDamage(address: number): HeapDamage {
  return new HeapDamage('HD7', address, 'the link in this free block was overwritten, or the free block that it leads to');
}
