// What the laboratory judges: an allocator, ours or anyone's, as a handful of functions and the bytes that it hands out.
//
//   trace -> subject -> addresses -> shadow map (shadow-map.ts): is that right?
//                                 -> clock (replay-speed.ts): how fast?
//                                 -> extent (heap-profile.ts): how much room?
//
// Nothing here knows how a subject works. What it leaves out (walk, usableSize, check) makes reports poorer, not verdicts.

import { UsageError } from '../../base/index.ts';
import { allocatorNames, type BlockVisitor, Heap, type HeapOptions, isAllocatorName } from '../../heap/malloc/index.ts';

/** An allocator that is judged, with one heap of its own. */
export interface HeapSubject {
  readonly malloc: (bytes: number) => number;
  readonly calloc: (count: number, bytes: number) => number;
  readonly realloc: (address: number, bytes: number) => number;
  readonly memalign: (alignment: number, bytes: number) => number;
  /** `false` is a refusal; anything else, also nothing, is taken for done. */
  readonly free: (address: number) => unknown;
  /** Returns all bytes that there are now: a block's first is at its address. Another array after the heap has grown. */
  readonly bytes: () => Uint8Array;
  /** The heap's first byte, its own bytes included: its size is counted from there. */
  readonly base: number;
  /** No block lies below it; `base` if it is not told. */
  readonly lowest?: number;
  /** What every block's address is a multiple of. */
  readonly alignment: number;
  /** Bytes that a block's owner may use. */
  readonly usableSize?: (address: number) => number;
  /** As a HeapAllocator's. */
  readonly walk?: (visit: BlockVisitor) => void;
  /** Throws if the heap's bytes contradict each other. */
  readonly check?: () => void;
}

/** Where a subject's heap lies: in an ArrayBuffer, a SharedArrayBuffer, or a WebAssembly.Memory that grows. */
export type SubjectBacking = 'array' | 'shared' | 'wasm';

/** How a subject is made. */
export interface SubjectOptions {
  readonly alignment: 8 | 16;
  readonly backing: SubjectBacking;
  /** Bytes that the heap may take; a buffer has them from the start, a wasm memory grows to them. */
  readonly limitBytes: number;
}

/** A kind of subject, by name. */
export interface SubjectKind {
  readonly name: string;
  /** Makes one with an empty heap. Throws a UsageError if these options cannot be had. */
  make(options: SubjectOptions): HeapSubject;
}

/** Wasm memories are measured in pages of so many bytes, of which there can be so many. */
const WASM_PAGE = 65_536;
const WASM_PAGES = 65_536;

/** What a name may have behind it: checks of every block, and a lock for many threads. */
const variants = { hardened: { checks: 'hardened' }, locked: { threads: 'many' } } as const;

/** Quire's own allocators, in the order of their numbers. */
export const ownSubjects: readonly SubjectKind[] = allocatorNames.map((name) => ownSubject(name) as SubjectKind);

/** Returns the allocator of Quire's that is called so: `tlsf`, or a variant such as `tlsf+hardened` or `tlsf+hardened+locked`; undefined if there is none. */
export function ownSubject(name: string): SubjectKind | undefined {
  const [allocator = '', ...features] = name.split('+');
  if (!isAllocatorName(allocator)) return undefined;
  let settings: HeapOptions = { allocator };
  for (const feature of features) {
    if (!Object.hasOwn(variants, feature)) return undefined;
    settings = { ...settings, ...variants[feature as keyof typeof variants] };
  }
  return { name, make: (options) => subjectOf(settings, options) };
}

/** The heap's own closures, not functions that call them: a loop that is specialised to the subject inlines them. */
function subjectOf(settings: HeapOptions, { alignment, backing, limitBytes }: SubjectOptions): HeapSubject {
  if (settings.threads === 'many' && backing === 'array') {
    throw new UsageError('an allocator with a lock needs memory that can be shared: give --backing shared or wasm');
  }
  const heap = heapOf({ ...settings, alignment, limitBytes }, backing, limitBytes);
  return {
    malloc: heap.malloc,
    calloc: (count, bytes) => heap.calloc(count, bytes),
    realloc: heap.realloc,
    memalign: heap.memalign,
    free: heap.free,
    bytes: () => heap.bytes,
    base: 0,
    alignment,
    usableSize: heap.usableSize,
    walk: (visit) => heap.walk(visit),
    check: () => heap.check(),
  };
}

/** The host refuses what it has no room for, and a heap what is too small for it, with a RangeError. */
function heapOf(settings: HeapOptions, backing: SubjectBacking, limitBytes: number): Heap {
  try {
    return Heap.create(backingOf(backing, limitBytes, settings), settings);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`no heap of ${limitBytes} bytes: ${error.message}`);
    throw error;
  }
}

function backingOf(backing: SubjectBacking, bytes: number, { threads }: HeapOptions): ArrayBufferLike | WebAssembly.Memory {
  if (backing === 'array') return new ArrayBuffer(bytes);
  if (backing === 'shared') return new SharedArrayBuffer(bytes);
  const maximum = Math.min(WASM_PAGES, Math.ceil(bytes / WASM_PAGE));
  return new WebAssembly.Memory({ initial: 1, maximum, shared: threads === 'many' });
}
