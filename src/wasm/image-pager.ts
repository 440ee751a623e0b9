// The pager of a program's image: its active data segments, read page by page on demand and never copied at start.
//
//   module file   [ ... | segment 0 bytes | segment 1 bytes | ... ]
//   image pages   page i = the pieces of all segments that meet [4096 i, 4096 i + 4096), zeros between; later segments win
//
// Image pages are numbered as the program's own pages, from address 0. A preinitialised interpreter has 64,000 segments, so they
// are sorted by address once, in typed arrays. Cost: O(log segments + pieces in the page) per page.
// Source of the semantics: WebAssembly specification, instantiation (4.5.4): segments are written in order.

import { type Errno, PAGE_SIZE } from '../base/index.ts';
import type { Pager } from '../system/index.ts';
import { type DataSegments, SegmentKind } from './binary/index.ts';

/** The active segments of one module at their addresses. */
export class ImagePager implements Pager {
  readonly kind = 'image';
  readonly name = '[image]';
  readonly pages: number;
  readonly #bytes: Uint8Array;
  /** Per segment, in order of address: where it goes, where its bytes are, how many, and its number in the module. */
  readonly #address: Float64Array;
  readonly #file: Uint32Array;
  readonly #length: Uint32Array;
  readonly #number: Uint32Array;
  /** Per segment: the largest end of it and all before it in that order. Finds the first that can reach a page, overlaps or not. */
  readonly #reach: Float64Array;
  readonly #overlapping: boolean;

  /**
   * @param bytes the module file.
   * @param addresses where each segment goes; only active ones are read.
   * @param pages size of the program's initial memory in pages; segments beyond it are not part of the image.
   */
  constructor(bytes: Uint8Array, data: DataSegments, addresses: Float64Array, pages: number) {
    this.#bytes = bytes;
    this.pages = pages;
    const active = activeSegments(data, addresses);
    this.#number = active;
    this.#address = Float64Array.from(active, (i) => addresses[i] as number);
    this.#file = active.map((i) => data.fileOffset[i] as number);
    this.#length = active.map((i) => data.length[i] as number);
    this.#reach = new Float64Array(active.length);
    this.#overlapping = this.#measureReach();
  }

  /** Fills the reach and tells whether any two segments overlap. */
  #measureReach(): boolean {
    let reach = 0;
    let overlapping = false;
    for (let i = 0; i < this.#address.length; i++) {
      if ((this.#address[i] as number) < reach) overlapping = true;
      reach = Math.max(reach, this.#end(i));
      this.#reach[i] = reach;
    }
    return overlapping;
  }

  #end(i: number): number {
    return (this.#address[i] as number) + (this.#length[i] as number);
  }

  /** Calls `visit` with the first and the past-the-last page of each stretch of pages that hold data, in order. */
  forEachDataRun(visit: (first: number, end: number) => void): void {
    let first = 0;
    let end = 0;
    for (let i = 0; i < this.#address.length; i++) {
      const from = Math.floor((this.#address[i] as number) / PAGE_SIZE);
      if (from > end) {
        if (end > first) visit(first, end);
        first = from;
      }
      end = Math.max(end, Math.ceil(this.#end(i) / PAGE_SIZE));
      if (i === 0) first = from;
    }
    if (end > first) visit(first, end);
  }

  read(index: number, into: Uint8Array): Errno | undefined {
    into.fill(0);
    const start = index * PAGE_SIZE;
    const touching: number[] = [];
    for (let i = this.#firstEndingAfter(start); i < this.#address.length; i++) {
      if ((this.#address[i] as number) >= start + PAGE_SIZE) break;
      if (!this.#overlapping) this.#copyPiece(i, start, into);
      else if (this.#end(i) > start) touching.push(i);
    }
    touching.sort((a, b) => (this.#number[a] as number) - (this.#number[b] as number));
    for (const i of touching) this.#copyPiece(i, start, into);
    return undefined;
  }

  /** Returns the first segment in address order that ends after `position`, or has one before it that does. */
  #firstEndingAfter(position: number): number {
    let low = 0;
    let high = this.#reach.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#reach[middle] as number) <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #copyPiece(i: number, start: number, into: Uint8Array): void {
    const address = this.#address[i] as number;
    const from = Math.max(start, address);
    const to = Math.min(start + PAGE_SIZE, this.#end(i));
    if (from >= to) return;
    const file = (this.#file[i] as number) + (from - address);
    into.set(this.#bytes.subarray(file, file + (to - from)), from - start);
  }
}

/** Numbers of the active segments that have bytes, in order of address; of two at one address the earlier first. */
function activeSegments(data: DataSegments, addresses: Float64Array): Uint32Array {
  const numbers: number[] = [];
  let sorted = true;
  let last = -1;
  for (let i = 0; i < data.count; i++) {
    if (data.kind[i] === SegmentKind.passive || data.length[i] === 0) continue;
    const address = addresses[i] as number;
    if (address < last) sorted = false;
    last = address;
    numbers.push(i);
  }
  if (!sorted) numbers.sort((a, b) => (addresses[a] as number) - (addresses[b] as number) || a - b);
  return Uint32Array.from(numbers);
}
