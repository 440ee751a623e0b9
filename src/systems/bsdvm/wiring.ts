// Wiring: keeping a range in memory, for `lock` and for buffers that the kernel does I/O on. Either way the entries are clipped at the
// range's bounds, since the wired count is theirs, and stay clipped afterwards: UVM's first complaint about the BSD VM.
//
// Source: 4.4BSD's vm_map_pageable and vm_fault_wire (pages are brought in by faults); vslock, used by physio and sysctl.

import type { Errno, Pfn } from '../../base/index.ts';
import { FaultOutcome, type PageRange, PROT_EXECUTE, PROT_NONE, PROT_READ, PROT_WRITE } from '../../system/index.ts';
import { visibleFrame } from './chain.ts';
import { exceedsLocked } from './commitment.ts';
import type { BsdCore } from './core.ts';
import type { FaultHandler } from './fault.ts';
import type { BsdMapEntry } from './map-entry.ts';
import type { BsdMap } from './vm-map.ts';
import { unwirePages, wirePage } from './wired-pages.ts';

/** At most this part of memory is wired by processes: a third (NetBSD's wiredmax). */
const WIRED_DIVISOR = 3;

/** Wires and unwires ranges. */
export class Wiring {
  readonly #core: BsdCore;
  readonly #faults: FaultHandler;

  constructor(core: BsdCore, faults: FaultHandler) {
    this.#core = core;
    this.#faults = faults;
  }

  /** Locks the pages of a range that are not locked yet. Errors as `MemorySystem.lock`; changes nothing then but where entries are clipped. */
  lock(space: BsdMap, { first, end }: PageRange): 0 | Errno {
    const refused = this.#refusal(space, first, end);
    if (refused !== 0) return refused;
    let added = 0;
    for (const entry of space.within(first, end)) if (!entry.isLocked) added += Math.min(entry.end, end) - Math.max(entry.start, first);
    if (exceedsLocked(space, added)) return 'ENOMEM';
    if (!space.clipRange(first, end)) return 'ENOMEM';
    const entries = [...space.within(first, end)].filter((entry) => !entry.isLocked);
    const result = this.#wireAll(space, entries);
    if (result === 0) for (const entry of entries) entry.isLocked = true;
    return result;
  }

  /** Unlocks the pages of a range, which is mapped. */
  unlock(space: BsdMap, { first, end }: PageRange): 0 | Errno {
    if (!space.clipRange(first, end)) return 'ENOMEM';
    for (const entry of space.within(first, end)) {
      if (!entry.isLocked) continue;
      entry.isLocked = false;
      this.#unwireEntry(entry);
    }
    return 0;
  }

  /** Wires a buffer for I/O; such wirings nest, and are not limited. Errors as `lock`. */
  wireBuffer(space: BsdMap, { first, end }: PageRange): 0 | Errno {
    const refused = this.#refusal(space, first, end);
    if (refused !== 0) return refused;
    if (!space.clipRange(first, end)) return 'ENOMEM';
    return this.#wireAll(space, [...space.within(first, end)]);
  }

  /** Undoes a `wireBuffer` of the same range. */
  unwireBuffer(space: BsdMap, { first, end }: PageRange): 0 {
    for (const entry of space.within(first, end)) if (entry.wiredCount > (entry.isLocked ? 1 : 0)) this.#unwireEntry(entry);
    return 0;
  }

  /** Brings the pages of wired entries in a range to the rights that their entries have now: as well as memory allows, faults do the rest. */
  settle(space: BsdMap, { first, end }: PageRange): void {
    for (const entry of [...space.within(first, end)]) {
      if (entry.wiredCount === 0 || entry.protection === PROT_NONE) continue;
      const access = accessToWire(entry);
      for (let page = entry.start; page < entry.end; page++) {
        if (this.#faults.handle(space, page, access) !== FaultOutcome.resolved) return;
      }
    }
  }

  #refusal(space: BsdMap, first: number, end: number): 0 | Errno {
    if (!space.isMapped(first, end)) return 'ENOMEM';
    for (const entry of space.within(first, end)) {
      if (entry.protection === PROT_NONE) return 'EACCES';
    }
    return 0;
  }

  /** Wires whole entries, all or none. */
  #wireAll(space: BsdMap, entries: readonly BsdMapEntry[]): 0 | Errno {
    const done: BsdMapEntry[] = [];
    for (const entry of entries) {
      const result = entry.wiredCount > 0 ? 0 : this.#bringIn(space, entry);
      if (result !== 0) {
        for (const wired of done) this.#unwireEntry(wired);
        return result;
      }
      entry.wiredCount++;
      done.push(entry);
    }
    return 0;
  }

  /** Faults each page of the entry in and wires it. */
  #bringIn(space: BsdMap, entry: BsdMapEntry): 0 | Errno {
    const access = accessToWire(entry);
    for (let page = entry.start; page < entry.end; page++) {
      const result = this.#bringInPage(space, entry, page, access);
      if (result === 0) continue;
      unwirePages(this.#core, entry, entry.start, page);
      return result;
    }
    return 0;
  }

  #bringInPage(space: BsdMap, entry: BsdMapEntry, page: number, access: 0 | 1 | 2): 0 | Errno {
    const { frames } = this.#core.machine;
    const outcome = this.#faults.handle(space, page, access);
    if (outcome === FaultOutcome.ioError) return 'EIO';
    if (outcome !== FaultOutcome.resolved) return 'ENOMEM';
    const frame = visibleFrame(entry, page);
    if (frame === 0) return 0;
    const isNew = frames.table.wireCount(frame as Pfn) === 0;
    if (isNew && this.#core.queue.wiredFrames >= Math.floor(frames.managed / WIRED_DIVISOR)) return 'ENOMEM';
    return wirePage(this.#core, frame as Pfn) ? 0 : 'ENOMEM';
  }

  #unwireEntry(entry: BsdMapEntry): void {
    entry.wiredCount--;
    if (entry.wiredCount === 0) unwirePages(this.#core, entry, entry.start, entry.end);
  }
}

/** Returns the access that brings in what the entry will use: private memory that may be written is copied and zeroed now. */
function accessToWire({ protection, sharing }: BsdMapEntry): 0 | 1 | 2 {
  if ((protection & PROT_WRITE) !== 0 && (sharing === 'private' || (protection & PROT_READ) === 0)) return 1;
  return (protection & PROT_READ) !== 0 || (protection & PROT_EXECUTE) === 0 ? 0 : 2;
}
