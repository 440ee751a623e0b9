// The reverse map: who maps this frame? The first mapping lies in the frame's own record, where almost all frames have their only
// one; further ones lie in 16-byte kernel-heap blocks chained from it.
//
//   frame record   map space, map vpn | map more --> [ space | vpn low | vpn high | next ] --> ...
//
// A mapping is named by its place: IN_RECORD, or the address of its block. The order is no order of time.
//
//   RV1  a frame without a mapping in its record has none at all
// Cost: add and the walk O(1) per mapping, drop O(mappings of the frame). Elsewhere: what the mappings are (physical-map.ts, PM1).

import { KernelPanic, type Pfn } from '../base/index.ts';
import type { FrameTable } from '../frames/index.ts';
import { HeapUse, type KernelHeap } from '../heap/index.ts';

/** Bytes of a block. */
const BLOCK_BYTES = 16;
/** Words in it. */
const SPACE = 0;
const VPN_LOW = 1;
const VPN_HIGH = 2;
const NEXT = 3;
const LOW_RANGE = 0x1_0000_0000;

/** The place of a mapping in the frame's record: no block has this address. */
const IN_RECORD = 1;

/** The mappings of all frames of one machine. */
export class ReverseMap {
  readonly #table: FrameTable;
  readonly #heap: KernelHeap;
  readonly #words: Uint32Array;

  /** @param words RAM, in which the heap's blocks lie. */
  constructor(table: FrameTable, heap: KernelHeap, words: Uint32Array) {
    this.#table = table;
    this.#heap = heap;
    this.#words = words;
  }

  /** Returns the place of the frame's first mapping, or 0. */
  first(frame: Pfn): number {
    return this.#table.mapSpace(frame) === 0 ? 0 : IN_RECORD;
  }

  /** Returns the place after `place`, or 0. */
  next(frame: Pfn, place: number): number {
    return place === IN_RECORD ? this.#table.mapMore(frame) : this.#word(place, NEXT);
  }

  /** Returns the id of the space of the mapping at `place`. */
  space(frame: Pfn, place: number): number {
    return place === IN_RECORD ? this.#table.mapSpace(frame) : this.#word(place, SPACE);
  }

  /** Returns the page number of the mapping at `place`. */
  page(frame: Pfn, place: number): number {
    return place === IN_RECORD ? this.#table.mapVpn(frame) : this.#blockPage(place);
  }

  /** Records one more mapping. Returns false, with nothing changed, when the kernel heap is out of memory. */
  add(frame: Pfn, space: number, page: number): boolean {
    if (this.#table.mapSpace(frame) === 0) {
      this.#table.setMapping(frame, space, page);
      return true;
    }
    const block = this.#heap.allocate(BLOCK_BYTES, HeapUse.reverseMap);
    if (block === 0) return false;
    this.#setPlace(block, space, page);
    this.#words[(block >>> 2) + NEXT] = this.#table.mapMore(frame);
    this.#table.setMapMore(frame, block);
    return true;
  }

  /** Forgets a mapping. Panics (PM1) if there is no such one. */
  drop(frame: Pfn, space: number, page: number): void {
    if (this.#table.mapSpace(frame) === space && this.#table.mapVpn(frame) === page) this.#dropRecord(frame);
    else this.#dropBlock(frame, space, page);
  }

  /** Gives a mapping another page, in the same space or another. Panics (PM1) if there is no such mapping. */
  rename(frame: Pfn, space: number, page: number, newSpace: number, newPage: number): void {
    if (this.#table.mapSpace(frame) === space && this.#table.mapVpn(frame) === page) {
      this.#table.setMapping(frame, newSpace, newPage);
      return;
    }
    const block = this.#findBlock(frame, space, page);
    this.#setPlace(block, newSpace, newPage);
  }

  #findBlock(frame: Pfn, space: number, page: number): number {
    let block = this.#table.mapMore(frame);
    while (block !== 0 && (this.#word(block, SPACE) !== space || this.#blockPage(block) !== page)) block = this.#word(block, NEXT);
    if (block === 0) throw noMapping(frame, space, page);
    return block;
  }

  #setPlace(block: number, space: number, page: number): void {
    const at = block >>> 2;
    this.#words[at + SPACE] = space;
    this.#words[at + VPN_LOW] = page;
    this.#words[at + VPN_HIGH] = Math.floor(page / LOW_RANGE);
  }

  /** Forgets the mapping in the record, and moves the first block's there. */
  #dropRecord(frame: Pfn): void {
    const block = this.#table.mapMore(frame);
    if (block === 0) {
      this.#table.setMapping(frame, 0, 0);
      return;
    }
    this.#table.setMapping(frame, this.#word(block, SPACE), this.#blockPage(block));
    this.#unlink(frame, 0, block);
  }

  #dropBlock(frame: Pfn, space: number, page: number): void {
    let before = 0;
    let block = this.#table.mapMore(frame);
    while (block !== 0 && (this.#word(block, SPACE) !== space || this.#blockPage(block) !== page)) {
      before = block;
      block = this.#word(block, NEXT);
    }
    if (block === 0) throw noMapping(frame, space, page);
    this.#unlink(frame, before, block);
  }

  /** Frees `block`, which comes after the block `before`, or first if that is 0. */
  #unlink(frame: Pfn, before: number, block: number): void {
    const next = this.#word(block, NEXT);
    if (before === 0) this.#table.setMapMore(frame, next);
    else this.#words[(before >>> 2) + NEXT] = next;
    this.#heap.free(block, BLOCK_BYTES, HeapUse.reverseMap);
  }

  #word(block: number, index: number): number {
    return this.#words[(block >>> 2) + index] as number;
  }

  #blockPage(block: number): number {
    return this.#word(block, VPN_HIGH) * LOW_RANGE + this.#word(block, VPN_LOW);
  }
}

function noMapping(frame: Pfn, space: number, page: number): KernelPanic {
  return new KernelPanic('PM1', `frame ${frame} has no reverse mapping for page ${page} of space ${space}`);
}
