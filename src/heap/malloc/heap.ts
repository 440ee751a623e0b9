/// <reference lib="esnext.disposable" preserve="true" />
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
import { HeapScope } from './heap-scope.ts';
import { blocksIn, type HeapStatistics, statisticsOf } from './heap-statistics.ts';
import { cStringBytes, type TypedArrayType, textAt } from './heap-values.ts';

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
  readonly #threads: 'one' | 'many';
  /** The design's name. */
  readonly allocator: AllocatorName;
  /** Whether blocks are checked. */
  readonly checks: 'plain' | 'hardened';

  private constructor(memory: HeapMemory, { name, checks, threads, operations: allocator }: AssembledAllocator) {
    this.malloc = allocator.malloc;
    this.free = allocator.free;
    this.realloc = allocator.realloc;
    this.memalign = allocator.memalign;
    this.usableSize = allocator.usableSize;
    this.#allocator = allocator;
    this.#memory = memory;
    this.allocator = name;
    this.checks = checks;
    this.#threads = threads;
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
    // Detached: the memory has grown by another's hand. Shared memory is not detached by that, and a block may come from another worker.
    if (this.#threads === 'many' || this.#memory.bytes.length === 0) this.#memory.refresh();
    return this.#memory.bytes;
  }

  /** Gives a block of `count` times `bytes` bytes, all zero; 0 if there is no room, the product is not below 2^32, or one is no integer. */
  calloc(count: number, bytes: number): number {
    if (!Number.isInteger(count) || !Number.isInteger(bytes) || count < 0) return 0;
    const total = count * bytes;
    const address = this.malloc(total);
    if (address !== 0) this.bytes.fill(0, address, address + total);
    return address;
  }

  /**
   * Makes a typed array of `length` zeros in a block of its own. Its elements' size is at most the heap's alignment, so every kind is possible.
   * Free it with `freeArray`, or by its `byteOffset`. A view does not outlive the growth of a wasm memory; its block does: `view`.
   *
   * Throws a RangeError if there is no room, as `new Float64Array` does.
   */
  array<A>(type: TypedArrayType<A>, length: number): A {
    const address = this.calloc(length, type.BYTES_PER_ELEMENT);
    if (address === 0) throw new RangeError(`no room for an array of ${length} elements`);
    return this.view(type, address, length);
  }

  /** `array(Float64Array, length)`. */
  float64(length: number): Float64Array {
    return this.array(Float64Array, length);
  }

  /** `array(Float32Array, length)`. */
  float32(length: number): Float32Array {
    return this.array(Float32Array, length);
  }

  /** `array(Int32Array, length)`. */
  int32(length: number): Int32Array {
    return this.array(Int32Array, length);
  }

  /** `array(Uint32Array, length)`. */
  uint32(length: number): Uint32Array {
    return this.array(Uint32Array, length);
  }

  /** `array(Uint8Array, length)`. */
  uint8(length: number): Uint8Array {
    return this.array(Uint8Array, length);
  }

  /** Looks at `length` elements from `address` on as a typed array. Throws a RangeError if they are not in the buffer or misaligned. */
  view<A>(type: TypedArrayType<A>, address: number, length: number): A {
    return new type(this.buffer, address, length);
  }

  /** Frees the block that a view begins. Returns false for a view of another buffer, or one that growth has detached: its address is lost. */
  freeArray(view: ArrayBufferView): boolean {
    return view.buffer === this.buffer && view.byteOffset !== 0 && this.free(view.byteOffset);
  }

  /** Copies a text into a block of its own, as UTF-8 with a 0 behind. Returns its address, or 0 if there is no room. Throws if it holds a 0. */
  cString(text: string): number {
    const bytes = cStringBytes(text);
    const address = this.malloc(bytes.length);
    if (address !== 0) this.bytes.set(bytes, address);
    return address;
  }

  /** Returns the text that lies at `address` as UTF-8 up to the next 0. Throws a RangeError if none ends in the buffer. */
  readCString(address: number): string {
    return textAt(this.bytes, address);
  }

  /** Returns a scope: what it owns is freed with it. */
  scope(): HeapScope {
    return new HeapScope(this.free);
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

  /** As `reset`, for `using`. */
  [Symbol.dispose](): void {
    this.reset();
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
