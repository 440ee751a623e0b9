// The address map of one space: its entries in order. An operation on a part of an entry clips it, and what was clipped stays so:
// entries are never merged again. Only new anonymous memory right above anonymous memory lengthens the entry that is there.
//
// The kernel's own map has two entries per process, since each wires memory of its own: the user structure and the page tables.
//
// Invariants (quoted by `check`):
//   BM1  entries are disjoint, sorted, inside [low, high)
//   BM2  each entry keeps BE1 to BE3 (map-entry.ts), and its pages lie inside the object's
// Cost: lookup as the range map's (docs/ranges.md). Source: 4.4BSD's vm_map.c.

import { invariant, PAGE_SIZE } from '../../base/index.ts';
import { HeapUse, type KernelHeap } from '../../heap/index.ts';
import type { RangeMapKind } from '../../ranges/index.ts';
import { AddressMap, type AddressMapParts, PROT_NONE, releaseEntry, reserveEntry } from '../../system/index.ts';
import { attributesOf, BsdMapEntry, DOES_NOT_GROW, type EntryAttributes } from './map-entry.ts';

/** Size of 4.4BSD's struct vmspace, with its map, on a 32-bit machine. */
const MAP_BYTES = 128;
/** Entries of the kernel's map for each process: user structure and page tables (Cranor and Parulkar 1999, section 3.2). */
const KERNEL_ENTRIES = 2;

/** One address space under the BSD VM. */
export class BsdMap extends AddressMap<BsdMapEntry> {
  /** Areas mapped from now on are locked (mlockall). */
  locksFuture = false;
  readonly #block: number;
  readonly #kernelBlocks: readonly number[];

  private constructor(parts: AddressMapParts, heap: KernelHeap, blocks: readonly number[]) {
    super(parts, heap);
    const [block, ...kernelBlocks] = blocks;
    this.#block = block as number;
    this.#kernelBlocks = kernelBlocks;
  }

  /** Makes an empty map. Returns undefined when out of kernel memory. */
  static create(parts: AddressMapParts, heap: KernelHeap): BsdMap | undefined {
    const block = heap.allocate(MAP_BYTES, HeapUse.map);
    if (block === 0) return undefined;
    const kernelBlocks = allocateEntries(heap, parts.rangeMap, KERNEL_ENTRIES);
    if (kernelBlocks !== undefined) return new BsdMap(parts, heap, [block, ...kernelBlocks]);
    heap.free(block, MAP_BYTES, HeapUse.map);
    return undefined;
  }

  /** Frees the map's own memory. It has no entries. */
  destroy(): void {
    invariant(this.entries.size === 0, 'BM1', () => `map destroyed with ${this.entries.size} entries`);
    for (const block of this.#kernelBlocks) this.releaseEntry(block);
    this.heap.free(this.#block, MAP_BYTES, HeapUse.map);
  }

  /** The entries that have pages in [first, end), in order. They may be removed on the way. */
  *within(first: number, end: number): Iterable<BsdMapEntry> {
    let entry = this.entries.findNext(first);
    while (entry !== undefined && entry.start < end) {
      const next = this.entries.next(entry);
      yield entry;
      entry = next;
    }
  }

  /** Tells whether every page of [first, end) lies in an entry. */
  isMapped(first: number, end: number): boolean {
    let page = first;
    for (const entry of this.within(first, end)) {
      if (entry.start > page) return false;
      page = entry.end;
    }
    return page >= end;
  }

  /** Adds an entry, in a block that `reserveEntry` gave. */
  insert(start: number, end: number, attributes: EntryAttributes, block: number): BsdMapEntry {
    const entry = new BsdMapEntry(start, end, attributes, block);
    this.entries.insert(entry);
    return entry;
  }

  /** Takes an entry out and frees it; its object is the caller's to release. */
  remove(entry: BsdMapEntry): void {
    this.entries.remove(entry);
    this.releaseEntry(entry.block);
  }

  /** Lengthens or shortens an entry. */
  resize(entry: BsdMapEntry, start: number, end: number): void {
    this.entries.resize(entry, start, end);
  }

  /** Moves an entry to begin at `start`, where there is room. */
  move(entry: BsdMapEntry, start: number): void {
    const { pages } = entry;
    this.entries.remove(entry);
    entry.start = start;
    entry.end = start + pages;
    this.entries.insert(entry);
  }

  /** Makes entry bounds at `first` and `end`, where entries lie across them. Returns false, with the entries as they were, when out of kernel memory. */
  clipRange(first: number, end: number): boolean {
    const places = [first, end].filter((page) => (this.entries.find(page)?.start ?? page) !== page);
    const blocks = allocateEntries(this.heap, this.rangeMap, places.length);
    if (blocks === undefined) return false;
    places.forEach((page, i) => {
      this.#clip(this.entries.find(page) as BsdMapEntry, page, blocks[i] as number);
    });
    return true;
  }

  #clip(entry: BsdMapEntry, at: number, block: number): void {
    const end = entry.end;
    const objectOffset = entry.indexOf(at);
    this.entries.resize(entry, entry.start, at);
    const upper = this.insert(at, end, { ...attributesOf(entry), objectOffset, growsDownTo: DOES_NOT_GROW }, block);
    upper.sharesObject = entry.sharesObject;
    upper.wiredCount = entry.wiredCount;
    upper.isLocked = entry.isLocked;
    if (entry.object !== undefined) entry.object.references++;
  }

  /** Panics at the first broken invariant. */
  check(): void {
    this.entries.check();
    for (const entry of this) {
      const at = () => `entry ${entry.start} to ${entry.end}`;
      const inside = entry.start * PAGE_SIZE >= this.layout.low && entry.end * PAGE_SIZE <= this.layout.high;
      invariant(inside, 'BM1', () => `${at()} lies outside the space`);
      const fits = entry.object === undefined || entry.indexOf(entry.end) <= entry.object.pageCount;
      invariant(fits, 'BM2', () => `${at()} goes beyond its object`);
      const sound = !entry.needsCopy || (entry.sharing === 'private' && entry.object !== undefined);
      invariant(sound, 'BE1', () => `${at()} needs a copy but is shared or has no object`);
      const bare = entry.protection === PROT_NONE && entry.object === undefined && entry.wiredCount === 0;
      invariant(entry.commitment !== 'reserved' || bare, 'BE2', () => `${at()} is reserved but has something`);
      invariant(!entry.isLocked || entry.wiredCount > 0, 'BE3', () => `${at()} is locked but not wired`);
    }
  }
}

/** Takes the kernel memory of `count` entries, or none of it. */
function allocateEntries(heap: KernelHeap, rangeMap: RangeMapKind, count: number): number[] | undefined {
  const blocks: number[] = [];
  while (blocks.length < count) {
    const block = reserveEntry(heap, rangeMap);
    if (block === 0) {
      for (const taken of blocks) releaseEntry(heap, taken, rangeMap);
      return undefined;
    }
    blocks.push(block);
  }
  return blocks;
}
