// The address map of one space, as every manager with an ordered map has it: entries by address, the break, holes, and kernel memory for
// each entry. What an entry is, how it is split and whether entries are joined again is the manager's, and so are the invariants.
//
// Cost: that of the range map (docs/ranges.md); by default lookup is O(log entries), and O(1) for the entry found last.

import { addressOf, pageAtOrAfter, pageOf, type Random, type VirtAddr } from '../base/index.ts';
import type { PagePlace } from '../frames/index.ts';
import { HeapUse, type KernelHeap } from '../heap/index.ts';
import type { Pmap } from '../pmap/index.ts';
import type { Range, RangeMap, RangeMapKind } from '../ranges/index.ts';
import { findHole } from './placement.ts';
import type { SpaceLayout, SpaceLimits } from './requests.ts';
import type { Space } from './space.ts';
import { SwapStreams } from './swap-read-ahead.ts';

/** Size of struct vm_map_entry on a 32-bit machine, in 4.4BSD and in UVM (Cranor and Parulkar 1999, section 3.2). */
const MAP_ENTRY_BYTES = 56;

/** What a map is made of. */
export interface AddressMapParts {
  readonly pmap: Pmap;
  readonly layout: SpaceLayout;
  /** What keeps the entries in order. */
  readonly rangeMap: RangeMapKind;
  /** Chooses places where the layout asks for that. */
  readonly random: Random;
}

/** The entries of one space. */
export abstract class AddressMap<E extends Range> implements Space {
  readonly pmap: Pmap;
  readonly layout: SpaceLayout;
  /** First page after the brk area: where it grows next. */
  breakEndPage: number;
  /** Bounds that later requests must keep. */
  limits: SpaceLimits = {};
  /** Where its pages in swap are read. Linux has a word for it in each area. */
  readonly swapStreams = new SwapStreams();
  protected readonly entries: RangeMap<E>;
  protected readonly rangeMap: RangeMapKind;
  protected readonly heap: KernelHeap;
  readonly #random: Random;
  readonly #breakLimitPage: number;
  readonly #place: PagePlace = { space: 0, page: 0, areaStart: 0, areaEnd: 0 };

  protected constructor({ pmap, layout, rangeMap, random }: AddressMapParts, heap: KernelHeap) {
    this.pmap = pmap;
    this.layout = layout;
    this.rangeMap = rangeMap;
    this.entries = rangeMap.make<E>();
    this.breakEndPage = pageAtOrAfter(layout.breakStart);
    this.heap = heap;
    this.#random = random;
    this.#breakLimitPage = pageOf(layout.breakLimit);
  }

  /**
   * Says for which page of which area a frame is wanted (`PageQueue.allocateAt`); the next call says it anew in the same object. The end of
   * the brk area and the start of a stack are where they may grow to: what they grow by will want the frames beside.
   * @param area its `growsDownTo` is a page number, or negative if it does not grow.
   */
  placeOf(page: number, area: Range & { readonly growsDownTo: number }): PagePlace {
    const place = this.#place;
    place.space = this.pmap.id;
    place.page = page;
    place.areaStart = area.growsDownTo < 0 ? area.start : area.growsDownTo;
    place.areaEnd = area.end === this.breakEndPage ? this.#breakLimitPage : area.end;
    return place;
  }

  get breakStart(): VirtAddr {
    return this.layout.breakStart as VirtAddr;
  }

  get breakEnd(): VirtAddr {
    return addressOf(this.breakEndPage);
  }

  /** Number of the space's own entries. */
  get size(): number {
    return this.entries.size;
  }

  /** Entries in address order. */
  [Symbol.iterator](): Iterator<E> {
    return this.entries[Symbol.iterator]();
  }

  /** Returns the entry that holds `page`. */
  find(page: number): E | undefined {
    return this.entries.find(page);
  }

  /** Returns the first entry that ends after `page`. */
  findNext(page: number): E | undefined {
    return this.entries.findNext(page);
  }

  /** Returns the entry above `entry`. */
  next(entry: E): E | undefined {
    return this.entries.next(entry);
  }

  /** Returns the entry below `entry`. */
  previous(entry: E): E | undefined {
    return this.entries.previous(entry);
  }

  /** Returns where `pages` pages fit in the mmap area, by the layout's placement, or -1. A hint is taken if it is free. */
  findHole(pages: number, hint: number | undefined): number {
    return findHole(this.entries, this.layout, this.#random, { pages, hint });
  }

  /** Tells whether [first, end) is free of entries. */
  isFree(first: number, end: number): boolean {
    const next = this.entries.findNext(first);
    return next === undefined || next.start >= end;
  }

  /** Takes the kernel memory of one entry. Returns its address, or 0 when out of kernel memory. */
  reserveEntry(): number {
    return reserveEntry(this.heap, this.rangeMap);
  }

  /** Gives back a block that `reserveEntry` gave and no entry took. */
  releaseEntry(block: number): void {
    releaseEntry(this.heap, block, this.rangeMap);
  }
}

/** Takes the kernel memory of one map entry, with its share of the index. Returns its address, or 0 when out of kernel memory. */
export function reserveEntry(heap: KernelHeap, { indexBytes }: RangeMapKind): number {
  return heap.allocate(MAP_ENTRY_BYTES + indexBytes, HeapUse.mapEntry);
}

/** Gives it back. */
export function releaseEntry(heap: KernelHeap, block: number, { indexBytes }: RangeMapKind): void {
  heap.free(block, MAP_ENTRY_BYTES + indexBytes, HeapUse.mapEntry);
}

/** Tells whether every page of [first, end) lies in an entry with `protection`. */
export function allowsAll<E extends Range & { readonly protection: number }>(
  map: AddressMap<E>,
  first: number,
  end: number,
  protection: number,
): boolean {
  for (let page = first; page < end; ) {
    const entry = map.find(page);
    if (entry === undefined || (entry.protection & protection) !== protection) return false;
    page = entry.end;
  }
  return true;
}
