// A heap: malloc and its family over any buffer, in one of several designs, chosen when the heap is made.
//
//   const heap = Heap.create(new WebAssembly.Memory({ initial: 1 }), { allocator: 'tlsf' });
//   const address = heap.malloc(100);
//   heap.bytes.fill(1, address, address + 100);
//   heap.free(address);
//
// The hot operations are fields that hold the design's own closures, not methods that pass the call on: so every Heap has one shape,
// a call site that has seen one kind of heap inlines that kind's code, and a call site that has seen six kinds does one load and one call.
// What is not hot (calloc, typed arrays, statistics) is a method, written once over these operations.

import type { BlockVisitor, HeapAllocator } from './allocator.ts';
import { type AllocatorSettings, type AssembledAllocator, formatAllocator, limitOfHeapIn, openAllocator } from './assemble.ts';
import type { AllocatorName } from './designs.ts';
import { BufferMemory, type HeapBacking, type HeapMemory, type HeapRange } from './heap-memory.ts';
import { blocksIn, type HeapStatistics, statisticsOf } from './heap-statistics.ts';

/** How a heap is made. */
export interface HeapOptions extends HeapRange, AllocatorSettings {}

/** A heap over a range of a buffer. All its state is in the buffer. */
export class Heap {
  /** See HeapAllocator, as for the four fields below. */
  readonly malloc: HeapAllocator['malloc'];
  readonly free: HeapAllocator['free'];
  readonly realloc: HeapAllocator['realloc'];
  readonly memalign: HeapAllocator['memalign'];
  readonly usableSize: HeapAllocator['usableSize'];
  readonly #allocator: HeapAllocator;
  readonly #memory: HeapMemory;
  /** The design's name. */
  readonly allocator: AllocatorName;
  /** Whether blocks are checked. */
  readonly checks: 'plain' | 'hardened';

  private constructor(memory: HeapMemory, { name, checks, operations: allocator }: AssembledAllocator) {
    this.malloc = allocator.malloc;
    this.free = allocator.free;
    this.realloc = allocator.realloc;
    this.memalign = allocator.memalign;
    this.usableSize = allocator.usableSize;
    this.#allocator = allocator;
    this.#memory = memory;
    this.allocator = name;
    this.checks = checks;
  }

  /**
   * Makes an empty heap.
   *
   * @param backing a buffer, a wasm memory, a host's growing bytes, or a number: a new ArrayBuffer of that many bytes.
   * Throws a RangeError if the range is not in the backing or too small for the design, or if an option is unknown; then no byte is written.
   */
  static create(backing: HeapBacking | number, options: HeapOptions = {}): Heap {
    const memory = new BufferMemory(typeof backing === 'number' ? new ArrayBuffer(backing) : backing, options);
    return new Heap(memory, formatAllocator(memory, options));
  }

  /**
   * Opens a heap that is already in the backing: one that was stored, copied, or made by another worker.
   *
   * @param range as it was made: the heap must lie at the same place in the buffer as it did then. `onDamage` as in `HeapOptions`.
   * Throws a RangeError if the bytes are no heap, or one that began elsewhere.
   */
  static open(backing: HeapBacking, range: HeapRange & Pick<HeapOptions, 'onDamage'> = {}): Heap {
    const probe = new BufferMemory(backing, range);
    const memory = new BufferMemory(backing, { start: probe.start, limitBytes: limitOfHeapIn(probe) });
    return new Heap(memory, openAllocator(memory, range.onDamage));
  }

  /** The buffer that holds the heap. Another object after a wasm memory has grown. */
  get buffer(): ArrayBufferLike {
    return this.bytes.buffer;
  }

  /** The whole buffer as bytes: `bytes[address]` is a block's first byte. Another object after the heap has grown. */
  get bytes(): Uint8Array {
    // Detached: the memory has grown by another's hand.
    if (this.#memory.bytes.length === 0) this.#memory.refresh();
    return this.#memory.bytes;
  }

  /** Gives a block of `count` times `bytes` bytes, all zero; 0 if there is no room, the product is not below 2^32, or one is no integer. */
  calloc(count: number, bytes: number): number {
    if (!Number.isInteger(count) || !Number.isInteger(bytes) || count < 0) return 0;
    const total = count * bytes;
    const address = this.malloc(total);
    if (address !== 0) this.#memory.bytes.fill(0, address, address + total);
    return address;
  }

  /** Frees every address in turn. Returns how many were freed; the others were visibly none of a live block. */
  freeAll(addresses: Iterable<number>): number {
    let freed = 0;
    for (const address of addresses) if (this.free(address)) freed++;
    return freed;
  }

  /** Forgets all blocks: as after the making, and the peak stays. */
  reset(): void {
    this.#allocator.reset();
  }

  /** See HeapAllocator. */
  walk(visit: BlockVisitor): void {
    this.#allocator.walk(visit);
  }

  /** See HeapAllocator. */
  check(): void {
    this.#allocator.check();
  }

  /** See HeapAllocator. */
  top(): number {
    return this.#allocator.top();
  }

  /** Counts what the bytes are used for; a walk over all blocks. */
  statistics(): HeapStatistics {
    this.#allocator.refresh();
    return statisticsOf(this.#memory, this.#allocator);
  }

  /** Returns the live blocks that have a byte among the `bytes` bytes at `address`, lowest first: who keeps this page in use? */
  pinning(address: number, bytes: number): number[] {
    return blocksIn(this.#allocator, address, bytes);
  }
}
