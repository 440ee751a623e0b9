// The contract of a memory manager: what a process may ask of it, what a trap asks, what it reports.
// uvm/ and each folder of systems/ implement it and know nothing of each other.
//
// Addresses and sizes are bytes at this border and page numbers inside. A request that cannot be met returns an `Errno`
// and changes nothing. `fault` returns a number, since it is the hot path.

import type { Errno, VirtAddr } from '../base/index.ts';
import type { BlockDevice, Tlb } from '../machine/index.ts';
import type { Access } from '../pmap/index.ts';
import type { MemoryObject, Pager } from './memory-object.ts';
import type { PageMover } from './page-mover.ts';
import type { Advice, Inheritance, LockScope, MapRequest, Place, SpaceLayout, SpaceLimits, SpaceUsage } from './requests.ts';
import type { Space } from './space.ts';
import type { MemoryStatistics } from './statistics.ts';

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

/** One area of a space, as `/proc/PID/maps` shows it. */
export interface AreaReport {
  readonly start: number;
  readonly end: number;
  readonly protection: number;
  readonly sharing: 'private' | 'shared';
  readonly name: string;
  readonly inheritance: Inheritance;
  /** Byte offset in the object. */
  readonly offset: number;
  readonly residentPages: number;
  readonly dirtyPages: number;
  readonly swappedPages: number;
  /** Pages that may not be evicted. */
  readonly lockedPages: number;
}

/**
 * Ends the process of a space chosen as a victim, when memory is out. `ended`: the space was destroyed. `later`: it will be, as soon as it can.
 * Called inside a fault of another space, which it leaves alone.
 */
export type VictimHandler<S extends Space = Space> = (victim: S) => 'ended' | 'later';

/** A complete memory manager over one machine. */
export interface MemorySystem<S extends Space = Space> {
  readonly name: string;
  /** Name of the replacement policy in use. */
  readonly policy: string;
  /** Makes an empty space, or ENOMEM. */
  createSpace(layout: SpaceLayout, tlb: Tlb): S | Errno;
  /** Unmaps everything and frees the space. */
  destroySpace(space: S): void;
  /** Makes a copy of the space by the inheritance of its areas, mostly sharing pages copy-on-write. The child has the limits, not the locks. ENOMEM, also over a limit. */
  fork(space: S, tlb: Tlb): S | Errno;
  /** Makes a memory object over a pager; it lives while areas map it. EINVAL for a device that does not name its frames, ENOMEM. */
  createObject(pager: Pager): MemoryObject | Errno;
  /** Makes anonymous memory that can be mapped by several spaces, by name or inherited handle; swap is behind it. EINVAL for no pages, ENOMEM. */
  createSharedMemory(pages: number, name: string): MemoryObject | Errno;
  /** Drops the creator's own reference to an object: it ends with the last area that maps it. */
  releaseObject(object: MemoryObject): void;
  /** Maps an area. Returns its first address, or EINVAL, ENOMEM. */
  map(space: S, request: MapRequest): VirtAddr | Errno;
  /** Unmaps every page of [start, start + size); gaps are allowed. EINVAL for bad bounds, ENOMEM if a part of an area cannot be split off. */
  unmap(space: S, start: number, size: number): 0 | Errno;
  /** Changes rights. ENOMEM if part of the range is not mapped or cannot be split off, EACCES beyond what the object allows and for reserved memory; EINVAL for bad bounds or rights. */
  protect(space: S, start: number, size: number, protection: number): 0 | Errno;
  /**
   * Makes an area larger or smaller, moving it if it must and may: pages move with their addresses, nothing is copied.
   * Rights, name, advice, inheritance and lock stay, and what is added has those of the last page (without rights it is not locked).
   * @param place `here`: never move. A `Place` of kind `fixed`: move there, replacing what is there. `anywhere`: in place, else to a hole,
   * with a `hint` the hinted one.
   * @returns the new address. EINVAL for bad bounds, beyond the object's end, a target that overlaps the source, or an area in a
   * writable loan; EFAULT if
   * [start, start + oldSize) is not one area; ENOMEM; with a lock, its errors.
   */
  remap(space: S, start: number, oldSize: number, newSize: number, place: 'here' | 'anywhere' | Place): VirtAddr | Errno;
  /** Says how a range will be used. EINVAL for bad bounds, and for `free` where part is locked, shared or a file's; ENOMEM if part of it is not mapped (the rest is advised). */
  advise(space: S, start: number, size: number, advice: Advice): 0 | Errno;
  /** Sets what a child gets of a range. EINVAL, ENOMEM if part of it is not mapped or cannot be split off. */
  inherit(space: S, start: number, size: number, inheritance: Inheritance): 0 | Errno;
  /**
   * Brings a range in and keeps it in memory (mlock). Locks do not nest. Changes nothing if it fails: EINVAL, ENOMEM (not mapped, over the
   * limit, or no memory that may be locked), EIO, EACCES for an area without rights.
   */
  lock(space: S, start: number, size: number): 0 | Errno;
  /** Undoes `lock`. EINVAL, ENOMEM if part of the range is not mapped. */
  unlock(space: S, start: number, size: number): 0 | Errno;
  /** Locks all areas, present or future (mlockall); those without rights are passed over. Errors as with `lock`. */
  lockAll(space: S, scope: LockScope): 0 | Errno;
  /** Unlocks everything, and areas mapped from now on are not locked (munlockall). */
  unlockAll(space: S): void;
  /** Writes 1 or 0 per page of the range into `into`: whether its content is in memory (mincore). EINVAL, also if `into` is too short; ENOMEM if part is not mapped. */
  residency(space: S, start: number, size: number, into: Uint8Array): 0 | Errno;
  /**
   * Gives a reserved range rights and charges it. What is committed already keeps its content and gets the rights too. EINVAL, ENOMEM (not
   * private anonymous memory, or over a limit).
   */
  commit(space: S, start: number, size: number, protection: number): 0 | Errno;
  /** Gives a committed private anonymous range's content and locks up and makes it reserved again. EINVAL, ENOMEM if part of it is something else. */
  decommit(space: S, start: number, size: number): 0 | Errno;
  /** Sets limits; they bind later requests and take nothing away. */
  limit(space: S, limits: SpaceLimits): void;
  usage(space: S): SpaceUsage;
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
  /** Says who ends processes for the memory of others: those whose spaces are `lazy` (SpaceLayout). Managers without the notion lack it. */
  setVictimHandler?(handler: VictimHandler<S> | undefined): void;
  /** Frees at least `frames` frames if it can; returns how many. */
  reclaim(frames: number): number;
  /** Lets time pass: the caller is idle, and the manager does what it puts off (ages pages, gives idle memory back). */
  tick(): void;
  /** Adds a swap device; those of the highest priority are filled first, equal ones in turn. EEXIST if it is in use, ENOMEM. */
  swapOn(device: BlockDevice, priority: number): 0 | Errno;
  /** Brings everything on a device back to memory or to other devices and stops using it. ENOENT, ENOMEM or EIO: it stays in use. */
  swapOff(device: BlockDevice): 0 | Errno;
  /** The swap devices, in the order in which they are filled. */
  swapDevices(): readonly SwapDeviceReport[];
  /** Moving pages between spaces and the kernel without copying; undefined where the design has no such thing. */
  readonly mover: PageMover<S> | undefined;
  /** The areas of a space in address order. */
  areas(space: S): AreaReport[];
  statistics(): MemoryStatistics;
  /** Walks everything; panics at the first broken invariant. */
  check(): void;
}

/** One swap device in use. */
export interface SwapDeviceReport {
  readonly device: BlockDevice;
  readonly priority: number;
  readonly slots: number;
  readonly used: number;
  /** Slots that a write failed on; they are not used again. */
  readonly bad: number;
}
