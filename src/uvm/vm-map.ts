// The address map of one space: its entries in order, with clipping (an operation on a part of an entry splits it first)
// and merging (equal neighbours become one, so that splitting does not last).
//
// Invariants (quoted by `check`):
//   VM1  entries are disjoint, sorted, inside [low, high)
//   VM2  each entry keeps ME1 and ME2 (map-entry.ts), its object pages lie inside the object's offsets
// Cost: lookup O(log entries), and O(1) for the entry found last. Source: uvm_map.c; merging as NetBSD added it later.

import { addressOf, invariant, PAGE_SIZE, pageAtOrAfter, type VirtAddr } from '../base/index.ts';
import { HeapUse, type KernelHeap } from '../heap/index.ts';
import type { Pmap } from '../pmap/index.ts';
import { RedBlackMap } from '../ranges/index.ts';
import type { Space, SpaceLayout } from '../system/index.ts';
import { type EntryAttributes, MAP_ENTRY_BYTES, VmMapEntry } from './map-entry.ts';

/** Size of UVM's struct vm_map on a 32-bit machine. */
const MAP_BYTES = 128;

/** One address space under UVM. */
export class VmMap implements Space {
  readonly pmap: Pmap;
  readonly layout: SpaceLayout;
  /** First page after the brk area: where it grows next. */
  breakEndPage: number;
  readonly #entries = new RedBlackMap<VmMapEntry>();
  readonly #heap: KernelHeap;
  readonly #block: number;

  private constructor(pmap: Pmap, layout: SpaceLayout, heap: KernelHeap, block: number) {
    this.pmap = pmap;
    this.layout = layout;
    this.breakEndPage = pageAtOrAfter(layout.breakStart);
    this.#heap = heap;
    this.#block = block;
  }

  /** Makes an empty map. Returns undefined when out of kernel memory. */
  static create(pmap: Pmap, layout: SpaceLayout, heap: KernelHeap): VmMap | undefined {
    const block = heap.allocate(MAP_BYTES, HeapUse.map);
    return block === 0 ? undefined : new VmMap(pmap, layout, heap, block);
  }

  /** Frees the map's own memory. It has no entries. */
  destroy(): void {
    invariant(this.#entries.size === 0, 'VM1', () => `map destroyed with ${this.#entries.size} entries`);
    this.#heap.free(this.#block, MAP_BYTES, HeapUse.map);
  }

  get breakStart(): VirtAddr {
    return this.layout.breakStart as VirtAddr;
  }

  get breakEnd(): VirtAddr {
    return addressOf(this.breakEndPage);
  }

  /** Number of entries. */
  get size(): number {
    return this.#entries.size;
  }

  /** Entries in address order. */
  [Symbol.iterator](): Iterator<VmMapEntry> {
    return this.#entries[Symbol.iterator]();
  }

  /** Returns the entry that holds `page`. */
  find(page: number): VmMapEntry | undefined {
    return this.#entries.find(page);
  }

  /** Returns the first entry that ends after `page`. */
  findNext(page: number): VmMapEntry | undefined {
    return this.#entries.findNext(page);
  }

  /** Returns the entry above `entry`. */
  next(entry: VmMapEntry): VmMapEntry | undefined {
    return this.#entries.next(entry);
  }

  /** Returns where `pages` pages fit in the mmap area, highest place first, or -1. A hint is taken if it is free. */
  findHole(pages: number, hint: number | undefined): number {
    const low = pageAtOrAfter(this.layout.breakLimit);
    const high = Math.floor(this.layout.high / PAGE_SIZE);
    return this.#entries.findHole(pages, { low, high, direction: 'top-down', ...(hint !== undefined && { hint }) });
  }

  /** Tells whether [first, end) is free of entries. */
  isFree(first: number, end: number): boolean {
    const next = this.#entries.findNext(first);
    return next === undefined || next.start >= end;
  }

  /** Takes the kernel memory of one entry. Returns its address, or 0 when out of kernel memory. */
  reserveEntry(): number {
    return this.#heap.allocate(MAP_ENTRY_BYTES, HeapUse.mapEntry);
  }

  /** Gives back a block that `reserveEntry` gave and no entry took. */
  releaseEntry(block: number): void {
    this.#heap.free(block, MAP_ENTRY_BYTES, HeapUse.mapEntry);
  }

  /** Adds an entry, in a block that `reserveEntry` gave. */
  insert(start: number, end: number, attributes: EntryAttributes, block: number): VmMapEntry {
    const entry = new VmMapEntry(start, end, attributes, block);
    this.#entries.insert(entry);
    return entry;
  }

  /** Takes an entry out and frees it; its layers are the caller's to drop. */
  remove(entry: VmMapEntry): void {
    this.#entries.remove(entry);
    this.releaseEntry(entry.block);
  }

  /** Splits `entry` at `at`, which lies inside it. Returns the upper part, or undefined when out of kernel memory. */
  clip(entry: VmMapEntry, at: number): VmMapEntry | undefined {
    const end = entry.end;
    const amapEnd = entry.amapEnd;
    const upperSlot = entry.slotOf(at);
    const upperIndex = entry.indexOf(at);
    const block = this.reserveEntry();
    if (block === 0) return undefined;
    this.#entries.resize(entry, entry.start, at);
    const upper = this.insert(at, end, { ...attributesOf(entry), objectOffset: upperIndex }, block);
    upper.needsCopy = entry.needsCopy;
    upper.amap = entry.amap;
    upper.amapOffset = entry.amap === undefined ? 0 : upperSlot;
    if (entry.object !== undefined) entry.object.references++;
    entry.amap?.clip(entry.amapOffset, upperSlot, amapEnd);
    return upper;
  }

  /** Makes entry bounds at `first` and `end`, where entries lie across them. Returns false, with the entries as they were, when out of kernel memory. */
  clipRange(first: number, end: number): boolean {
    if (!this.#clipAt(first)) return false;
    if (this.#clipAt(end)) return true;
    this.mergeRange(first, first);
    return false;
  }

  #clipAt(page: number): boolean {
    const entry = this.#entries.find(page);
    return entry === undefined || entry.start === page || this.clip(entry, page) !== undefined;
  }

  /** Lengthens `entry` to `end`, which is free, keeping its layers. Returns false if its amap is held there by another entry. */
  extend(entry: VmMapEntry, end: number): boolean {
    const newAmapEnd = entry.amapEnd + (end - entry.end);
    if (entry.amap !== undefined && !entry.amap.extend(entry.amapOffset, entry.amapEnd, newAmapEnd)) return false;
    this.#entries.resize(entry, entry.start, end);
    return true;
  }

  /** Joins the neighbours in and around [first, end) that are one area. */
  mergeRange(first: number, end: number): void {
    let entry = this.#entries.findNext(Math.max(0, first - 1));
    while (entry !== undefined && entry.start <= end) {
      const next = this.#entries.next(entry);
      if (next === undefined || !this.#tryMerge(entry, next)) entry = next;
    }
  }

  #tryMerge(entry: VmMapEntry, next: VmMapEntry): boolean {
    if (!entry.continuesInto(next) || entry.amap !== next.amap) return false;
    const end = next.end;
    if (entry.amap !== undefined) {
      if (entry.amapEnd !== next.amapOffset) return false;
      entry.amap.join(entry.amapOffset, next.amapOffset, next.amapEnd);
    }
    if (next.object !== undefined) next.object.references--;
    this.remove(next);
    this.#entries.resize(entry, entry.start, end);
    return true;
  }

  /** Panics at the first broken invariant. */
  check(): void {
    this.#entries.check();
    for (const entry of this) {
      const inside = entry.start * PAGE_SIZE >= this.layout.low && entry.end * PAGE_SIZE <= this.layout.high;
      invariant(inside, 'VM1', () => `entry ${entry.start} to ${entry.end} lies outside the space`);
      invariant(!entry.needsCopy || entry.copyOnWrite, 'ME1', () => `entry at ${entry.start} needs a copy but is not copy-on-write`);
      const backed = entry.copyOnWrite || entry.object !== undefined || entry.amap !== undefined;
      invariant(backed, 'ME2', () => `shared anonymous entry at ${entry.start} has no amap`);
    }
  }
}

/** The attributes of an entry, to make another like it. */
export function attributesOf(entry: VmMapEntry): EntryAttributes {
  return {
    object: entry.object,
    objectOffset: entry.objectOffset,
    protection: entry.protection,
    maxProtection: entry.maxProtection,
    copyOnWrite: entry.copyOnWrite,
    name: entry.name,
  };
}
