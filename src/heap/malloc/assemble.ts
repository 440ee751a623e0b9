// How an allocator comes to be on a memory: a design by name, written into fresh bytes or found in the header of bytes that hold one; in
// a shell that checks blocks (hardened.ts) and behind a lock (locked.ts) if the heap is made so. These are variants, not switches that an
// operation would test: a plain heap's operations are the design's own closures.
// Heap does this over buffers (heap.ts), SpaceHeap over an address space (process/space-heap.ts).

import type { AllocatorDesign, HeapAllocator } from './allocator.ts';
import { type AllocatorName, allocatorNames, designs, isAllocatorName } from './designs.ts';
import { type DamageListener, expectHardening, formatHardening, type Hardening, harden, writeKey } from './hardened.ts';
import { HEAP_MAGIC, HeapFeature, HeapHeader } from './heap-header.ts';
import type { HeapMemory } from './heap-memory.ts';
import { expectShared, lock } from './locked.ts';

/** Which allocator a heap is to have. `seed` and `heldBlocks` are for hardened heaps. */
export interface AllocatorSettings extends Hardening {
  /** The design; default `segregated`. */
  readonly allocator?: AllocatorName;
  /** Every block's address is a multiple of it; default 8. */
  readonly alignment?: 8 | 16;
  /** `hardened`: double and invalid frees, writes before, behind and after blocks are found; default `plain`. */
  readonly checks?: 'plain' | 'hardened';
  /** `many`: workers may use the heap at once, each after `Heap.open`; needs shared memory; default `one`. */
  readonly threads?: 'one' | 'many';
  /** Hears what a hardened heap finds; the operation then returns false or 0. Default: HeapDamage is thrown. Not kept in the bytes. */
  readonly onDamage?: DamageListener;
}

/** An allocator on its memory, the design's name, and its variant. */
export interface AssembledAllocator {
  readonly name: AllocatorName;
  readonly checks: 'plain' | 'hardened';
  readonly threads: 'one' | 'many';
  readonly operations: HeapAllocator;
}

/** A heap of fewer bytes may have no room for a shell's state beside the design's: it is then left as it was. */
const ROOM_FOR_ANY_STATE = 2 ** 20;

/**
 * Makes an empty heap in the memory. Throws a RangeError if a setting is unknown, or the memory is too small for the design and cannot
 * grow; then no byte is written.
 */
export function formatAllocator(memory: HeapMemory, settings: AllocatorSettings): AssembledAllocator {
  const { allocator: name = 'segregated', alignment = 8, checks = 'plain', threads = 'one' } = settings;
  if (!isAllocatorName(name)) throw new RangeError(`no allocator is called ${name}; there are ${allocatorNames.join(', ')}`);
  const design: AllocatorDesign = designs[name];
  if (alignment !== 8 && alignment !== 16) throw new RangeError(`alignment is 8 or 16, not ${alignment}`);
  if (checks !== 'plain' && checks !== 'hardened') throw new RangeError(`checks is plain or hardened, not ${checks}`);
  if (threads !== 'one' && threads !== 'many') throw new RangeError(`threads is one or many, not ${threads}`);
  if (threads === 'many') expectShared(memory);
  if (checks === 'hardened') expectHardening(settings);
  const needed = HeapHeader.BYTES + design.ownBytes({ alignment }, memory.limit - memory.start);
  if (!has(memory, needed)) throw new RangeError(`a ${name} heap needs at least ${needed} bytes, not ${memory.end - memory.start}`);
  const isSmall = checks === 'hardened' && memory.end - memory.start < ROOM_FOR_ANY_STATE;
  const before = isSmall ? memory.bytes.slice(memory.start, memory.end) : undefined;
  memory.bytes.fill(0, memory.start, memory.start + needed);
  writeHeader(memory, settings, name);
  if (checks === 'hardened') writeKey(memory, settings);
  design.format(memory, { alignment });
  if (checks === 'hardened' && !formatHardening(memory, design.open(memory, { alignment }), settings)) {
    if (before !== undefined) memory.bytes.set(before, memory.start);
    throw new RangeError(`a hardened ${name} heap does not fit into ${memory.end - memory.start} bytes`);
  }
  return openAllocator(memory, settings.onDamage);
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

/** Opens the heap that lies in the memory, whose limit is the heap's, in the variant as which it was made. Throws as `limitOfHeapIn`. */
export function openAllocator(memory: HeapMemory, onDamage?: DamageListener): AssembledAllocator {
  limitOfHeapIn(memory);
  const name = allocatorNames[headerWord(memory, HeapHeader.DESIGN)] as AllocatorName;
  const alignment = headerWord(memory, HeapHeader.ALIGNMENT) === 16 ? 16 : 8;
  const features = headerWord(memory, HeapHeader.FEATURES);
  const plain = designs[name].open(memory, { alignment });
  const checks = (features & HeapFeature.hardened) !== 0 ? 'hardened' : 'plain';
  const checked = checks === 'hardened' ? harden(memory, alignment, plain, onDamage) : plain;
  const threads = (features & HeapFeature.locked) !== 0 ? 'many' : 'one';
  return { name, checks, threads, operations: threads === 'many' ? lock(memory, checked) : checked };
}

const headerWord = (memory: HeapMemory, index: number): number => memory.words[(memory.start >>> 2) + index] as number;

/** Tells whether the memory has, or can get, `bytes` bytes from its start. */
function has(memory: HeapMemory, bytes: number): boolean {
  const missing = memory.start + bytes - memory.end;
  return missing <= 0 || memory.grow(missing);
}

function writeHeader(memory: HeapMemory, { alignment = 8, checks, threads }: AllocatorSettings, name: AllocatorName): void {
  const first = memory.start >>> 2;
  const { words } = memory;
  words[first + HeapHeader.MAGIC] = HEAP_MAGIC;
  words[first + HeapHeader.DESIGN] = allocatorNames.indexOf(name);
  words[first + HeapHeader.START] = memory.start;
  words[first + HeapHeader.LIMIT] = memory.limit - memory.start;
  words[first + HeapHeader.ALIGNMENT] = alignment;
  words[first + HeapHeader.FEATURES] = (checks === 'hardened' ? HeapFeature.hardened : 0) | (threads === 'many' ? HeapFeature.locked : 0);
}
