// How an allocator comes to be on a memory: a design by name, written into fresh bytes or found in the header of bytes that hold one.
// Heap does this over buffers (heap.ts), SpaceHeap over an address space (process/space-heap.ts).

import type { AllocatorDesign, AllocatorOptions, HeapAllocator } from './allocator.ts';
import { type AllocatorName, allocatorNames, designs, isAllocatorName } from './designs.ts';
import { HEAP_MAGIC, HeapHeader } from './heap-header.ts';
import type { HeapMemory } from './heap-memory.ts';

/** Which allocator a heap is to have. */
export interface AllocatorSettings {
  /** The design; default `segregated`. */
  readonly allocator?: AllocatorName;
  /** Every block's address is a multiple of it; default 8. */
  readonly alignment?: 8 | 16;
}

/** An allocator on its memory, and the design's name. */
export interface AssembledAllocator {
  readonly name: AllocatorName;
  readonly operations: HeapAllocator;
}

/**
 * Makes an empty heap in the memory. Throws a RangeError if a setting is unknown, or the memory is too small for the design and cannot
 * grow; then no byte is written.
 */
export function formatAllocator(memory: HeapMemory, settings: AllocatorSettings): AssembledAllocator {
  const { allocator: name = 'segregated', alignment = 8 } = settings;
  if (!isAllocatorName(name)) throw new RangeError(`no allocator is called ${name}; there are ${allocatorNames.join(', ')}`);
  const design: AllocatorDesign = designs[name];
  if (alignment !== 8 && alignment !== 16) throw new RangeError(`alignment is 8 or 16, not ${alignment}`);
  const needed = HeapHeader.BYTES + design.ownBytes({ alignment }, memory.limit - memory.start);
  if (!has(memory, needed)) throw new RangeError(`a ${name} heap needs at least ${needed} bytes, not ${memory.end - memory.start}`);
  memory.bytes.fill(0, memory.start, memory.start + needed);
  writeHeader(memory, name, { alignment });
  design.format(memory, { alignment });
  return { name, operations: design.open(memory, { alignment }) };
}

/** Returns the limit in bytes of the heap that lies at the memory's start. Throws a RangeError if there is none, or one that began elsewhere. */
export function limitOfHeapIn(memory: HeapMemory): number {
  const name = allocatorNames[headerWord(memory, HeapHeader.DESIGN)];
  if (headerWord(memory, HeapHeader.MAGIC) !== HEAP_MAGIC || name === undefined)
    throw new RangeError(`there is no heap at byte ${memory.start}`);
  const start = headerWord(memory, HeapHeader.START) >>> 0;
  if (start !== memory.start) throw new RangeError(`the heap at byte ${memory.start} was made to lie at byte ${start}`);
  return headerWord(memory, HeapHeader.LIMIT) >>> 0;
}

/** Opens the heap that lies in the memory, whose limit is the heap's. Throws as `limitOfHeapIn`. */
export function openAllocator(memory: HeapMemory): AssembledAllocator {
  limitOfHeapIn(memory);
  const name = allocatorNames[headerWord(memory, HeapHeader.DESIGN)] as AllocatorName;
  const alignment = headerWord(memory, HeapHeader.ALIGNMENT) === 16 ? 16 : 8;
  return { name, operations: designs[name].open(memory, { alignment }) };
}

const headerWord = (memory: HeapMemory, index: number): number => memory.words[(memory.start >>> 2) + index] as number;

/** Tells whether the memory has, or can get, `bytes` bytes from its start. */
function has(memory: HeapMemory, bytes: number): boolean {
  const missing = memory.start + bytes - memory.end;
  return missing <= 0 || memory.grow(missing);
}

function writeHeader(memory: HeapMemory, name: AllocatorName, options: AllocatorOptions): void {
  const first = memory.start >>> 2;
  const { words } = memory;
  words[first + HeapHeader.MAGIC] = HEAP_MAGIC;
  words[first + HeapHeader.DESIGN] = allocatorNames.indexOf(name);
  words[first + HeapHeader.START] = memory.start;
  words[first + HeapHeader.LIMIT] = memory.limit - memory.start;
  words[first + HeapHeader.ALIGNMENT] = options.alignment;
}
