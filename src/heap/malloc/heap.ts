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

import type { AllocatorOptions, BlockVisitor, HeapAllocator } from './allocator.ts';
import { type AllocatorName, allocatorNames, designs } from './designs.ts';
import { HEAP_MAGIC, HeapHeader } from './heap-header.ts';
import { type HeapBacking, HeapMemory, type HeapRange } from './heap-memory.ts';

/** How a heap is made. */
export interface HeapOptions extends HeapRange {
  /** The design; default `segregated`. */
  readonly allocator?: AllocatorName;
  /** Every block's address is a multiple of it; default 8. */
  readonly alignment?: 8 | 16;
}

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

  private constructor(memory: HeapMemory, name: AllocatorName, allocator: HeapAllocator) {
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
    const memory = new HeapMemory(typeof backing === 'number' ? new ArrayBuffer(backing) : backing, options);
    const { allocator = 'segregated', alignment = 8 } = options;
    const design = designs[allocator];
    if (design === undefined) throw new RangeError(`no allocator is called ${allocator}; there are ${allocatorNames.join(', ')}`);
    if (alignment !== 8 && alignment !== 16) throw new RangeError(`alignment is 8 or 16, not ${alignment}`);
    const needed = HeapHeader.BYTES + design.ownBytes({ alignment }, memory.limit - memory.start);
    if (!has(memory, needed)) throw new RangeError(`a ${allocator} heap needs at least ${needed} bytes, not ${memory.end - memory.start}`);
    memory.bytes.fill(0, memory.start, memory.start + needed);
    writeHeader(memory, allocator, { alignment });
    design.format(memory, { alignment });
    return new Heap(memory, allocator, design.open(memory, { alignment }));
  }

  /**
   * Opens a heap that is already in the backing: one that was stored, copied, or made by another worker.
   *
   * @param range as it was made: the heap must lie at the same place in the buffer as it did then.
   * Throws a RangeError if the bytes are no heap, or one that began elsewhere.
   */
  static open(backing: HeapBacking, range: HeapRange = {}): Heap {
    const probe = new HeapMemory(backing, range);
    const word = (index: number) => probe.words[(probe.start >>> 2) + index] as number;
    const name = allocatorNames[word(HeapHeader.DESIGN)];
    const design = name === undefined ? undefined : designs[name];
    if (word(HeapHeader.MAGIC) !== HEAP_MAGIC || name === undefined || design === undefined)
      throw new RangeError(`there is no heap at byte ${probe.start}`);
    const start = word(HeapHeader.START) >>> 0;
    if (start !== probe.start) throw new RangeError(`the heap at byte ${probe.start} was made to lie at byte ${start}`);
    const memory = new HeapMemory(backing, { start, limitBytes: word(HeapHeader.LIMIT) >>> 0 });
    return new Heap(memory, name, design.open(memory, { alignment: word(HeapHeader.ALIGNMENT) === 16 ? 16 : 8 }));
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

/** Tells whether the memory has, or can get, `bytes` bytes from its start. */
function has(memory: HeapMemory, bytes: number): boolean {
  const missing = memory.start + bytes - memory.end;
  return missing <= 0 || memory.grow(missing);
}

function writeHeader(memory: HeapMemory, name: AllocatorName, options: AllocatorOptions): void {
  const header = memory.words.subarray(memory.start >>> 2);
  header[HeapHeader.MAGIC] = HEAP_MAGIC;
  header[HeapHeader.DESIGN] = allocatorNames.indexOf(name);
  header[HeapHeader.START] = memory.start;
  header[HeapHeader.LIMIT] = memory.limit - memory.start;
  header[HeapHeader.ALIGNMENT] = options.alignment;
}
