// RAM that the kernel reaches only through its kernel map, as a kernel with paging on has to: what the frames of processes hold.
//
//   zero a frame         map it -> the page tables say where it is -> fill -> unmap
//   copy a frame         the same with two
//   hand it to a device  map it -> the device's transfer; the mapping stays until the next one, as in Linux's one slot for each use
//   hand it a cluster    map all its frames in a row, as UVM's pager_map; they stay mapped until the next transfer
//
// Where a frame is comes from the page tables, so a map that maps wrongly corrupts programs. What has no address (an inverted table can
// be short of entries: kernel-map.ts) is reached physically, with translation off, as the machines with such tables do; it is counted.
// Without this class a machine has plain `Ram`, and nothing here costs it anything.

import { PAGE_SIZE, type Pfn, pageOf, pfn } from '../../base/index.ts';
import { Ram } from '../../machine/index.ts';
import type { KernelMap } from './kernel-map.ts';

/** RAM behind a kernel map. Until one is attached it is plain RAM: the map boots on it. */
export class MappedRam extends Ram {
  /** To map a frame may take another for a page table, which could be a free one of the run. */
  override readonly zeroesRuns = false;
  #map: KernelMap | undefined;
  /** What the last transfer left mapped, or -1; and how many pages of it. */
  #transfer = -1;
  #transferPages = 0;
  /** The frames of the last run, as the page tables reach them. */
  readonly #reachedFrames: number[] = [];
  #bypassed = 0;

  /** Accesses for which there was no address. */
  get bypassed(): number {
    return this.#bypassed;
  }

  /** Sends all further accesses through `map`. */
  attach(map: KernelMap): void {
    this.#map = map;
  }

  override zero(frame: Pfn): void {
    const address = this.#enter(frame);
    super.zero(this.#reached(address, frame));
    this.#leave(address);
  }

  override copy(from: Pfn, to: Pfn): void {
    const source = this.#enter(from);
    const target = this.#enter(to);
    super.copy(this.#reached(source, from), this.#reached(target, to));
    this.#leave(target);
    this.#leave(source);
  }

  override frame(frame: Pfn): Uint8Array {
    this.#endTransfer();
    this.#transfer = this.#enter(frame);
    this.#transferPages = 1;
    return super.frame(this.#reached(this.#transfer, frame));
  }

  override buffers(frames: ArrayLike<number>, offset: number, count: number, into: Uint8Array[]): void {
    this.#endTransfer();
    const address = this.#map?.mapFrames(frames, offset, count) ?? -1;
    if (address === -1) {
      if (this.#map !== undefined) this.#bypassed += count;
      super.buffers(frames, offset, count, into);
      return;
    }
    this.#transfer = address;
    this.#transferPages = count;
    for (let i = 0; i < count; i++) this.#reachedFrames[i] = this.#reached(address + i * PAGE_SIZE, pfn(frames[offset + i] as number));
    super.buffers(this.#reachedFrames, 0, count, into);
  }

  /** Unmaps what the last transfer left mapped. */
  #endTransfer(): void {
    if (this.#transfer !== -1) this.#map?.unmap(this.#transfer, this.#transferPages);
    this.#transfer = -1;
  }

  /** Maps a frame. Returns its address, -1 if there is none. */
  #enter(frame: Pfn): number {
    if (this.#map === undefined) return -1;
    const address = this.#map.map(frame, 1);
    if (address === -1) this.#bypassed++;
    return address;
  }

  /** Returns the frame that an address reaches by the page tables; `frame` itself if there is no address. */
  #reached(address: number, frame: Pfn): Pfn {
    return address === -1 || this.#map === undefined ? frame : (pageOf(this.#map.translate(address)) as number as Pfn);
  }

  #leave(address: number): void {
    if (address !== -1) this.#map?.unmap(address, 1);
  }
}
