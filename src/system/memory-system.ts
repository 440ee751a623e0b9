// The contract of a memory manager: what a process may ask of it, what a trap asks, what it reports.
// uvm/ and each folder of systems/ implement it and know nothing of each other.
//
// Addresses and sizes are bytes at this border and page numbers inside. A request that cannot be met returns an `Errno`
// and changes nothing. `fault` returns a number, since it is the hot path.

import type { Errno, VirtAddr } from '../base/index.ts';
import type { BlockDevice, Tlb } from '../machine/index.ts';
import type { Access, Pmap } from '../pmap/index.ts';
import type { MemoryStatistics } from './statistics.ts';

/** Rights of an area, combined with `|`. */
export const PROT_NONE = 0;
/** Loads. */
export const PROT_READ = 1;
/** Stores. */
export const PROT_WRITE = 2;
/** Instruction fetches. */
export const PROT_EXECUTE = 4;

/** How a fault ended. */
export const FaultOutcome = {
  /** The page is mapped with the right that was asked for. */
  resolved: 0,
  /** Nothing is mapped at the address. */
  unmapped: 1,
  /** The area does not allow the access. */
  protection: 2,
  /** There is no memory, and none can be had: RAM and swap are full. */
  outOfMemory: 3,
  /** The page's content could not be read from its device. */
  ioError: 4,
} as const;

export type FaultOutcome = (typeof FaultOutcome)[keyof typeof FaultOutcome];

/** Why a process was killed; the numbers stand in `kill` events. */
export const killReasons = ['none', 'bad address', 'protection', 'out of swap', 'I/O error'] as const;

/** Where the bytes of a file-backed area come from. Pages are `PAGE_SIZE` bytes; the last may be partly beyond the end. */
export interface Pager {
  /** `image`: a program's data, never written back. `file`: written back when shared and dirty. */
  readonly kind: 'image' | 'file';
  readonly name: string;
  /** Size in pages. */
  readonly pages: number;
  /** Fills `into` (one page) with page `index`, zeros beyond the end. Returns an errno when the bytes cannot be read. */
  read(index: number, into: Uint8Array): Errno | undefined;
  /** Writes page `index` back. Pagers of images have no write. */
  write?(index: number, from: Uint8Array): Errno | undefined;
}

/** A memory object that areas can map: made by `MemorySystem.createObject`, shared by all who map it. */
export interface MemoryObject {
  readonly id: number;
  readonly pager: Pager;
}

/** What to map. */
export interface MapRequest {
  /** Bytes, rounded up to whole pages. */
  readonly size: number;
  readonly protection: number;
  /** `private`: writes are the process's own (copy-on-write). `shared`: writes reach the object. */
  readonly sharing: 'private' | 'shared';
  /** The object behind the area; anonymous memory without. */
  readonly object?: MemoryObject;
  /** Byte offset in the object, a multiple of the page size. */
  readonly offset?: number;
  /** `fixed`: exactly at `address`, replacing what is there. `hint`: there if free and inside the mmap area. Default: the highest hole of the mmap area. */
  readonly place?: { readonly how: 'fixed' | 'hint'; readonly address: number };
  /** Shown in the address map: `image`, `heap`, `stack`, a file's name. */
  readonly name?: string;
}

/** One area of a space, as `/proc/PID/maps` shows it. */
export interface AreaReport {
  readonly start: number;
  readonly end: number;
  readonly protection: number;
  readonly sharing: 'private' | 'shared';
  readonly name: string;
  /** Byte offset in the object. */
  readonly offset: number;
  readonly residentPages: number;
  readonly dirtyPages: number;
  readonly swappedPages: number;
}

/** One address space. Each manager has a class of its own behind this. */
export interface Space {
  /** The space's hardware side; traps refill from it. */
  readonly pmap: Pmap;
  /** First address of the brk area and its present end. */
  readonly breakStart: VirtAddr;
  readonly breakEnd: VirtAddr;
}

/** Bounds of a new space. */
export interface SpaceLayout {
  /** Lowest and highest byte address that may be mapped. */
  readonly low: number;
  readonly high: number;
  /** Where brk starts and up to where it may grow; mappings without a place are put above the limit, from the top down. */
  readonly breakStart: number;
  readonly breakLimit: number;
}

/** A complete memory manager over one machine. */
export interface MemorySystem<S extends Space = Space> {
  readonly name: string;
  /** Name of the replacement policy in use. */
  readonly policy: string;
  /** Makes an empty space, or ENOMEM. */
  createSpace(layout: SpaceLayout, tlb: Tlb): S | Errno;
  /** Unmaps everything and frees the space. */
  destroySpace(space: S): void;
  /** Makes a copy of the space that shares its pages copy-on-write, or ENOMEM. */
  fork(space: S, tlb: Tlb): S | Errno;
  /** Makes a memory object over a pager, or ENOMEM. It lives while areas map it. */
  createObject(pager: Pager): MemoryObject | Errno;
  /** Drops the creator's own reference to an object: it ends with the last area that maps it. */
  releaseObject(object: MemoryObject): void;
  /** Maps an area. Returns its first address, or EINVAL, ENOMEM. */
  map(space: S, request: MapRequest): VirtAddr | Errno;
  /** Unmaps every page of [start, start + size); gaps are allowed. EINVAL for bad bounds, ENOMEM if a part of an area cannot be split off. */
  unmap(space: S, start: number, size: number): 0 | Errno;
  /** Changes rights. ENOMEM if part of the range is not mapped or cannot be split off, EACCES beyond what the object allows; EINVAL for bad bounds or rights. */
  protect(space: S, start: number, size: number, protection: number): 0 | Errno;
  /** Moves the break to `end`. Returns it, or ENOMEM beyond the limit or over another area, EINVAL below the start. */
  grow(space: S, end: number): VirtAddr | Errno;
  /** Writes the shared file pages of [start, start + size) back. EINVAL, ENOMEM, EIO. */
  sync(space: S, start: number, size: number): 0 | Errno;
  /** Tells whether every page of [start, start + size) lies in an area with `protection`. */
  allows(space: S, start: number, size: number, protection: number): boolean;
  /** Tells whether `page` has its content in RAM, mapped or not (mincore). */
  isResident(space: S, page: number): boolean;
  /** Resolves a page fault. Allocates no JS object. */
  fault(space: S, page: number, access: Access): FaultOutcome;
  /** Frees at least `frames` frames if it can; returns how many. */
  reclaim(frames: number): number;
  /** The areas of a space in address order. */
  areas(space: S): AreaReport[];
  statistics(): MemoryStatistics;
  /** Walks everything; panics at the first broken invariant. */
  check(): void;
}

/** Swap space as a machine has it: one device. Absent: nothing anonymous can be paged out. */
export interface SwapConfiguration {
  readonly device: BlockDevice;
}
