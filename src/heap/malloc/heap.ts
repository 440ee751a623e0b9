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

  private constructor(memory: HeapMemory, { name, operations: allocator }: AssembledAllocator) {
    this.malloc = allocator.malloc;
    this.free = allocator.free;
    this.realloc = allocator.realloc;
    this.memalign = allocator.memalign;
    this.usableSize = allocator.usableSize;
    this.#allocator = allocator;
    this.#memory = memory;
    this.allocator = name;
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
   * @param range as it was made: the heap must lie at the same place in the buffer as it did then.
   * Throws a RangeError if the bytes are no heap, or one that began elsewhere.
   */
  static open(backing: HeapBacking, range: HeapRange = {}): Heap {
    const probe = new BufferMemory(backing, range);
    const memory = new BufferMemory(backing, { start: probe.start, limitBytes: limitOfHeapIn(probe) });
    return new Heap(memory, openAllocator(memory));
  }

  /** The buffer that holds the heap. Another object after a wasm memory has grown. */
  get buffer(): ArrayBufferLike {
    return this.#memory.bytes.buffer;
  }

  /** The whole buffer as bytes: `bytes[address]` is a block's first byte. Another object after the heap has grown. */
  get bytes(): Uint8Array {
    return this.#memory.bytes;
  }

  /** Gives a block of `count` times `bytes` bytes, all zero; 0 if there is no room or the product is not below 2^32. */
  calloc(count: number, bytes: number): number {
    const address = this.malloc(count * bytes);
    if (address !== 0) this.#memory.bytes.fill(0, address, address + count * bytes);
    return address;
  }

  /** Forgets all blocks. */
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
}
