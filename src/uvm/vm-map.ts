// The address map of one space: its entries in order, with clipping (an operation on a part of an entry splits it first)
// and merging (equal neighbours become one, so that splitting does not last).
//
// Invariants (quoted by `check`):
//   VM1  entries are disjoint, sorted, inside [low, high)
//   VM2  each entry keeps ME1 to ME4 (map-entry.ts), its object pages lie inside the object's offsets
//   VM3  the pages counted (mapped, charged, locked) are those of the entries
// Cost: lookup as the range map's (docs/ranges.md). Source: uvm_map.c; merging as NetBSD added it later.

import { invariant, PAGE_SIZE } from '../base/index.ts';
import { HeapUse, type KernelHeap } from '../heap/index.ts';
import { AddressMap, type AddressMapParts, PROT_NONE, PROT_WRITE } from '../system/index.ts';
import { type Commitment, type EntryAttributes, VmMapEntry } from './map-entry.ts';

/** Size of UVM's struct vm_map on a 32-bit machine. */
const MAP_BYTES = 128;

/** One address space under UVM. */
export class VmMap extends AddressMap<VmMapEntry> {
  /** Page faults so far: a space without new ones is idle. */
  faults = 0;
  /** What is mapped from now on is locked (mlockall). */
  locksNewAreas = false;
  readonly #block: number;
  #mappedPages = 0;
  #chargedPages = 0;
  #lockedPages = 0;

  private constructor(parts: AddressMapParts, heap: KernelHeap, block: number) {
    super(parts, heap);
    this.#block = block;
  }

  /** Makes an empty map. Returns undefined when out of kernel memory. */
  static create(parts: AddressMapParts, heap: KernelHeap): VmMap | undefined {
    const block = heap.allocate(MAP_BYTES, HeapUse.map);
    return block === 0 ? undefined : new VmMap(parts, heap, block);
  }

  /** Frees the map's own memory. It has no entries. */
  destroy(): void {
    invariant(this.entries.size === 0, 'VM1', () => `map destroyed with ${this.entries.size} entries`);
    this.heap.free(this.#block, MAP_BYTES, HeapUse.map);
  }

  /** Pages in entries: mapped or reserved. */
  get mappedPages(): number {
    return this.#mappedPages;
  }

  /** Pages that memory or swap was promised for. */
  get chargedPages(): number {
    return this.#chargedPages;
  }

  /** Pages in wired entries. */
  get lockedPages(): number {
    return this.#lockedPages;
  }

  /** Adds an entry, in a block that `reserveEntry` gave. */
  insert(start: number, end: number, attributes: EntryAttributes, block: number): VmMapEntry {
    const entry = new VmMapEntry(start, end, attributes, block);
    this.entries.insert(entry);
    this.#count(entry, 1);
    return entry;
  }

  #count(entry: VmMapEntry, sign: 1 | -1): void {
    const pages = sign * (entry.end - entry.start);
    this.#mappedPages += pages;
    if (entry.commitment === 'charged') this.#chargedPages += pages;
    if (entry.wired) this.#lockedPages += pages;
  }

  #resize(entry: VmMapEntry, start: number, end: number): void {
    this.#count(entry, -1);
    this.entries.resize(entry, start, end);
    this.#count(entry, 1);
  }

  /** Changes what was promised for an entry's pages. */
  recommit(entry: VmMapEntry, commitment: Commitment): void {
    this.#count(entry, -1);
    entry.commitment = commitment;
    this.#count(entry, 1);
  }

  /** Marks an entry as wired or not. Its frames are the caller's to wire (wired-pages.ts). */
  setWired(entry: VmMapEntry, state: 'wired' | 'unwired'): void {
    this.#count(entry, -1);
    entry.wired = state === 'wired';
    this.#count(entry, 1);
  }

  /** Moves an entry by `distance` pages to where the map is free, with its layers. */
  move(entry: VmMapEntry, distance: number): void {
    this.entries.remove(entry);
    entry.start += distance;
    entry.end += distance;
    this.entries.insert(entry);
  }

  /** Takes an entry out and frees it; its layers are the caller's to drop. */
  remove(entry: VmMapEntry): void {
    this.entries.remove(entry);
    this.#count(entry, -1);
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
    this.#resize(entry, entry.start, at);
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
    const entry = this.entries.find(page);
    return entry === undefined || entry.start === page || this.clip(entry, page) !== undefined;
  }

  /** Lengthens `entry` to `end`, which is free, keeping its layers. Returns false if its amap is held there by another entry. */
  extend(entry: VmMapEntry, end: number): boolean {
    const newAmapEnd = entry.amapEnd + (end - entry.end);
    if (entry.amap !== undefined && !entry.amap.extend(entry.amapOffset, entry.amapEnd, newAmapEnd)) return false;
    this.#resize(entry, entry.start, end);
    return true;
  }

  /** Lengthens `entry` downwards to `start`, which is free, keeping its layers. Returns false if its amap has no room there. */
  extendDown(entry: VmMapEntry, start: number): boolean {
    const newOffset = entry.amapOffset - (entry.start - start);
    if (entry.amap !== undefined) {
      if (!entry.amap.extendBack(entry.amapOffset, entry.amapEnd, newOffset)) return false;
      entry.amapOffset = newOffset;
    }
    this.#resize(entry, start, entry.end);
    return true;
  }

  /** Joins the neighbours in and around [first, end) that are one area. */
  mergeRange(first: number, end: number): void {
    let entry = this.entries.findNext(Math.max(0, first - 1));
    while (entry !== undefined && entry.start <= end) {
      const next = this.entries.next(entry);
      if (next === undefined || !this.#tryMerge(entry, next)) entry = next;
    }
  }

  #tryMerge(entry: VmMapEntry, next: VmMapEntry): boolean {
    if (!entry.continuesInto(next) || !joinAmaps(entry, next)) return false;
    const end = next.end;
    if (next.object !== undefined) next.object.references--;
    this.remove(next);
    this.#resize(entry, entry.start, end);
    return true;
  }

  /** Panics at the first broken invariant. */
  check(): void {
    this.entries.check();
    for (const entry of this) {
      const inside = entry.start * PAGE_SIZE >= this.layout.low && entry.end * PAGE_SIZE <= this.layout.high;
      invariant(inside, 'VM1', () => `entry ${entry.start} to ${entry.end} lies outside the space`);
      invariant(!entry.needsCopy || entry.copyOnWrite, 'ME1', () => `entry at ${entry.start} needs a copy but is not copy-on-write`);
      const backed = entry.copyOnWrite || entry.object !== undefined || entry.amap !== undefined;
      invariant(backed, 'ME2', () => `shared anonymous entry at ${entry.start} has no amap`);
      checkCommitment(entry);
    }
    this.#checkCounts();
  }

  #checkCounts(): void {
    let [mapped, charged, locked] = [0, 0, 0];
    for (const entry of this) {
      const pages = entry.end - entry.start;
      mapped += pages;
      if (entry.commitment === 'charged') charged += pages;
      if (entry.wired) locked += pages;
    }
    const right = mapped === this.#mappedPages && charged === this.#chargedPages && locked === this.#lockedPages;
    invariant(
      right,
      'VM3',
      () =>
        `entries have ${mapped} pages, ${charged} charged, ${locked} locked; ` +
        `counted ${this.#mappedPages}, ${this.#chargedPages}, ${this.#lockedPages}`,
    );
  }
}

function checkCommitment(entry: VmMapEntry): void {
  const { commitment, object, copyOnWrite, protection } = entry;
  const empty = object === undefined && copyOnWrite && protection === PROT_NONE && entry.amap === undefined && !entry.wired;
  invariant(commitment !== 'reserved' || empty, 'ME3', () => `the reserved entry at ${entry.start} has rights or pages`);
  const needsCharge = object === undefined || (copyOnWrite && (protection & PROT_WRITE) !== 0);
  invariant(!needsCharge || commitment !== 'backed', 'ME4', () => `the entry at ${entry.start} is not charged`);
}

/**
 * Makes the amap of `entry` reach over `next`, which continues it. An entry without an amap has no pages of its own yet, so its
 * neighbour's amap can cover it. Returns false, with nothing changed, if the two have different amaps or another entry is in the way.
 */
function joinAmaps(entry: VmMapEntry, next: VmMapEntry): boolean {
  const { amap, amapOffset, amapEnd } = entry;
  if (next.amap === undefined) {
    return amap === undefined ? entry.needsCopy === next.needsCopy : amap.extend(amapOffset, amapEnd, amapEnd + next.end - next.start);
  }
  if (amap === undefined) {
    const offset = next.amapOffset - (entry.end - entry.start);
    if (!next.amap.extendBack(next.amapOffset, next.amapEnd, offset)) return false;
    entry.amap = next.amap;
    entry.amapOffset = offset;
    entry.needsCopy = next.needsCopy;
    return true;
  }
  if (amap !== next.amap || amapEnd !== next.amapOffset || entry.needsCopy !== next.needsCopy) return false;
  amap.join(amapOffset, next.amapOffset, next.amapEnd);
  return true;
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
    advice: entry.advice,
    inheritance: entry.inheritance,
    commitment: entry.commitment,
    wired: entry.wired,
    growsDownTo: entry.growsDownTo,
    loanPart: entry.loanPart,
  };
}
