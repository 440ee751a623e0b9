// Wiring: keeping areas in memory (mlock). Only mlock is noted in map entries, so only mlock clips them; what the kernel itself needs in
// memory (page tables, its heap, pages under way) is never in a map and fragments none.
//
//   lock:   clip -> per page: fault it in as its area allows -> wire its frame -> mark the entry -> merge
//                   a step fails: unwire what was wired, merge
//   unlock: clip -> unwire the frames -> mark -> merge
//
// A private writable page is made the process's own first (a copy now, not at the first store), so that its program never faults on it.
// All frames that are wired together are at most a third of memory: the rest must be able to page.
//
// Invariants: WI1 (wired-pages.ts). Source: uvm_map_pageable and uvm_fault_wire; wiredmax of uvm_pdaemon.c. Cost: a fault per page.

import { addressOf, type Errno, type VirtAddr } from '../base/index.ts';
import type { Access } from '../pmap/index.ts';
import { FaultOutcome, findHoleApart, type LockScope, PROT_NONE, PROT_READ, PROT_WRITE } from '../system/index.ts';
import { everyArea, insertEntry, moveRange } from './areas.ts';
import { isWithinLimits } from './commitment.ts';
import type { UvmCore } from './core.ts';
import type { FaultHandler } from './fault.ts';
import { DOES_NOT_GROW, type EntryAttributes, type VmMapEntry } from './map-entry.ts';
import { clearNeedsCopy } from './needs-copy.ts';
import { removeEntry, removeRange } from './placement.ts';
import type { VmMap } from './vm-map.ts';
import { backingFrame, unwireFrames, wireFrame } from './wired-pages.ts';

/** Of all frames, one in this many may be wired: uvmexp.wiredmax. */
const WIRED_SHARE = 3;

/** Errors of a fault that did not bring its page in. */
const faultErrors = { 1: 'ENOMEM', 2: 'EACCES', 3: 'ENOMEM', 4: 'EIO' } as const satisfies Record<number, Errno>;

/** The locked areas of all spaces. */
export class Wiring {
  readonly #core: UvmCore;
  readonly #faults: FaultHandler;
  readonly #maximum: number;

  constructor(core: UvmCore, faults: FaultHandler) {
    this.#core = core;
    this.#faults = faults;
    this.#maximum = Math.floor(core.machine.frames.managed / WIRED_SHARE);
  }

  /** Locks the pages [first, end). Errors as `MemorySystem.lock`; then nothing has changed. */
  lock(space: VmMap, first: number, end: number): 0 | Errno {
    let hasRights = true;
    const isMapped = everyArea(space, first, end, (entry) => {
      if (entry.protection === PROT_NONE) hasRights = false;
      return true;
    });
    if (!isMapped) return 'ENOMEM';
    return hasRights ? this.#lockAreas(space, first, end) : 'EACCES';
  }

  /** Locks what is mapped in [first, end); areas without rights are passed over. */
  #lockAreas(space: VmMap, first: number, end: number): 0 | Errno {
    const locked = pagesToLock(space, first, end);
    if (!isWithinLimits(space, { mapped: 0, charged: 0, locked })) return 'ENOMEM';
    if (!this.#prepare(space, first, end) || !space.clipRange(first, end)) return 'ENOMEM';
    const done: VmMapEntry[] = [];
    let error: Errno | 0 = 0;
    for (let entry = space.findNext(first); entry !== undefined && entry.start < end && error === 0; entry = space.next(entry)) {
      if (entry.wired || entry.protection === PROT_NONE) continue;
      error = this.#wireEntry(space, entry);
      if (error === 0) done.push(entry);
    }
    if (error !== 0) for (const entry of done) this.#unwireEntry(space, entry);
    space.mergeRange(first, end);
    return error;
  }

  /** Gives whole areas their amaps before they are split: parts that got amaps of their own could not be joined again. */
  #prepare(space: VmMap, first: number, end: number): boolean {
    for (let entry = space.findNext(first); entry !== undefined && entry.start < end; entry = space.next(entry)) {
      if (entry.wired || entry.protection === PROT_NONE || !entry.needsCopy) continue;
      const needsOwn = accessToWire(entry) === 1 || entry.object === undefined;
      if (needsOwn && !clearNeedsCopy(this.#core, entry)) return false;
    }
    return true;
  }

  /** `mapEntry`, merged with its neighbours. Returns its address. */
  mapArea(space: VmMap, start: number, end: number, attributes: EntryAttributes): VirtAddr | Errno {
    const error = this.mapEntry(space, start, end, attributes);
    space.mergeRange(start, end);
    return error !== 0 ? error : addressOf(start);
  }

  /**
   * Makes an entry of the pages [start, end), in place of what is there, and locks it if its attributes say so. Errors as
   * `MemorySystem.map` and `lock`; then nothing has changed: what is replaced goes only when the new pages are in memory.
   */
  mapEntry(space: VmMap, start: number, end: number, attributes: EntryAttributes): 0 | Errno {
    const isLocked = attributes.wired && attributes.protection !== PROT_NONE;
    const replaces = isLocked && !space.isFree(start, end);
    const at = replaces ? findHoleApart(space, end - start, start) : start;
    // Where it stands in for a while it has no room to grow into.
    const growsDownTo = replaces ? DOES_NOT_GROW : attributes.growsDownTo;
    const entry = at < 0 ? undefined : insertEntry(this.#core, space, at, at + end - start, { ...attributes, growsDownTo, wired: false });
    if (entry === undefined) return 'ENOMEM';
    let error: 0 | Errno = isLocked ? this.#wireEntry(space, entry) : 0;
    if (error === 0 && replaces && !space.clipRange(start, end)) error = 'ENOMEM';
    if (error === 0 && replaces) {
      removeRange(this.#core, space, start, end);
      moveRange(this.#core, space, at, at + end - start, start - at);
      entry.growsDownTo = attributes.growsDownTo;
    }
    if (error !== 0) removeEntry(this.#core, space, entry);
    return error;
  }

  /** Wires every page of one entry, or none. */
  #wireEntry(space: VmMap, entry: VmMapEntry): 0 | Errno {
    const access = accessToWire(entry);
    for (let page = entry.start; page < entry.end; page++) {
      const error = this.#wirePage(space, entry, page, access);
      if (error === 0) continue;
      unwireFrames(this.#core, entry, entry.start, page);
      return error;
    }
    // Marked last: until then a fault that replaces a page knows nothing of this entry's wires, and can only meet a page not wired yet.
    space.setWired(entry, 'wired');
    return 0;
  }

  #wirePage(space: VmMap, entry: VmMapEntry, page: number, access: Access): 0 | Errno {
    const outcome = this.#faults.handle(space, page, access);
    if (outcome !== FaultOutcome.resolved) return faultErrors[outcome];
    const frame = backingFrame(this.#core, entry, page);
    if (frame === 0) return 'ENOMEM';
    const { queue, machine } = this.#core;
    if (machine.frames.table.wireCount(frame) === 0 && queue.wiredFrames >= this.#maximum) return 'ENOMEM';
    wireFrame(this.#core, frame);
    return 0;
  }

  #unwireEntry(space: VmMap, entry: VmMapEntry): void {
    unwireFrames(this.#core, entry, entry.start, entry.end);
    space.setWired(entry, 'unwired');
  }

  /** Unlocks the pages [first, end). ENOMEM if part of them is not mapped or cannot be split off. */
  unlock(space: VmMap, first: number, end: number): 0 | Errno {
    if (!everyArea(space, first, end) || !space.clipRange(first, end)) return 'ENOMEM';
    this.#unlockAreas(space, first, end);
    return 0;
  }

  #unlockAreas(space: VmMap, first: number, end: number): void {
    for (let entry = space.findNext(first); entry !== undefined && entry.start < end; entry = space.next(entry)) {
      if (entry.wired) this.#unwireEntry(space, entry);
    }
    space.mergeRange(first, end);
  }

  /** Locks the areas there are, those to come, or both. */
  lockAll(space: VmMap, scope: LockScope): 0 | Errno {
    if (scope !== 'future') {
      const error = this.#lockAreas(space, 0, endOf(space));
      if (error !== 0) return error;
    }
    if (scope !== 'current') space.locksNewAreas = true;
    return 0;
  }

  /** Unlocks everything, now and in future. */
  unlockAll(space: VmMap): void {
    space.locksNewAreas = false;
    this.#unlockAreas(space, 0, endOf(space));
  }

  /** Brings the pages of wired entries in [first, end) to the rights that their areas have now: as well as memory allows, faults do the rest. */
  settle(space: VmMap, first: number, end: number): void {
    everyArea(space, first, end, (entry, from, to) => {
      if (!entry.wired || entry.protection === PROT_NONE) return true;
      const access = accessToWire(entry);
      for (let page = from; page < to; page++) {
        if (this.#faults.handle(space, page, access) !== FaultOutcome.resolved) return false;
      }
      return true;
    });
  }
}

function pagesToLock(space: VmMap, first: number, end: number): number {
  let pages = 0;
  for (let entry = space.findNext(first); entry !== undefined && entry.start < end; entry = space.next(entry)) {
    if (!entry.wired && entry.protection !== PROT_NONE) pages += Math.min(entry.end, end) - Math.max(entry.start, first);
  }
  return pages;
}

/** The access that leaves nothing for later: a write where the page must be the process's own, a read where that would only make it dirty. */
function accessToWire(entry: VmMapEntry): Access {
  const { protection } = entry;
  const ownPages = entry.copyOnWrite || entry.object === undefined;
  if ((protection & PROT_WRITE) !== 0 && (ownPages || (protection & PROT_READ) === 0)) return 1;
  return (protection & PROT_READ) !== 0 ? 0 : 2;
}

/** One past the last page of a space's last entry. */
function endOf(space: VmMap): number {
  let end = 0;
  for (const entry of space) end = entry.end;
  return end;
}
