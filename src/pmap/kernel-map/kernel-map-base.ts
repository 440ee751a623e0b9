// What all kernel maps have in common: their page tables, the counts, and the ends that everything must fit into.

import { addressOf, invariant, PAGE_SIZE, type PhysAddr, pageOf, physAddr, type VirtAddr } from '../../base/index.ts';
import type { KernelMap, KernelMapStatistics } from './kernel-map.ts';
import type { KernelTables } from './kernel-tables.ts';

/** A kernel map without its design. Pages and frames in, addresses out. */
export abstract class KernelMapBase implements KernelMap {
  abstract readonly name: string;
  protected readonly tables: KernelTables;
  /** Frames below this can be mapped. */
  protected readonly frames: number;

  constructor(tables: KernelTables, frames: number) {
    this.tables = tables;
    this.frames = frames;
  }

  map(frame: number, count = 1): VirtAddr | -1 {
    this.#expectFrames(frame, count);
    return this.#counted(this.mapRun(frame, count));
  }

  mapFrames(frames: ArrayLike<number>, offset: number, count: number): VirtAddr | -1 {
    let inRow = true;
    invariant(count >= 1, 'KM2', () => `${count} frames cannot be mapped`);
    const first = frames[offset] as number;
    for (let i = 0; i < count; i++) {
      const frame = frames[offset + i] as number;
      this.#expectFrames(frame, 1);
      if (frame !== first + i) inRow = false;
    }
    return this.#counted(inRow ? this.mapRun(first, count) : this.mapScattered(frames, offset, count));
  }

  unmap(address: number, count = 1): void {
    const { pages } = this.tables;
    const page = pageOf(address);
    const isInside = address % PAGE_SIZE === 0 && page >= 0 && count >= 1 && Number.isInteger(count) && page + count <= pages;
    invariant(isInside, 'KM3', () => `${count} pages at ${address} are no mapping`);
    this.unmapPages(page, count);
  }

  toPhysical(address: number): PhysAddr | -1 {
    const frame = address >= 0 ? this.frameOf(pageOf(address)) : -1;
    return frame === -1 ? -1 : physAddr(frame * PAGE_SIZE + (address % PAGE_SIZE));
  }

  toVirtual(physical: number): VirtAddr | -1 {
    const frame = pageOf(physical);
    const page = physical >= 0 && frame < this.frames ? this.pageWith(frame) : -1;
    return page === -1 ? -1 : ((addressOf(page) + (physical % PAGE_SIZE)) as VirtAddr);
  }

  translate(address: number): PhysAddr | -1 {
    const frame = address >= 0 ? this.tables.frameAt(pageOf(address)) : -1;
    return frame === -1 ? -1 : physAddr(frame * PAGE_SIZE + (address % PAGE_SIZE));
  }

  statistics(): KernelMapStatistics {
    const { tableFrames, recordFrames, mappedPages, entriesWritten, tlbDropped, steps, maps, failures } = this.tables;
    return { tableFrames, recordFrames, mappedPages, entriesWritten, tlbDropped, steps, maps, failures };
  }

  abstract isPermanent(address: number): boolean;
  abstract destroy(): void;
  abstract check(): void;
  /** Maps frames in a row. Returns the first page, or -1 with nothing changed. */
  protected abstract mapRun(frame: number, count: number): number;
  /** The same for frames that are not in a row. */
  protected abstract mapScattered(frames: ArrayLike<number>, offset: number, count: number): number;
  /** Unmaps, or panics (KM3). */
  protected abstract unmapPages(page: number, count: number): void;
  /** Returns the frame of a page as the design reckons it, or -1. */
  protected abstract frameOf(page: number): number;
  /** Returns the lowest page that reaches a frame, or -1. */
  protected abstract pageWith(frame: number): number;

  /** Panics (KM1, KM4) unless pages [page, page + count) reach frames in a row from `frame` on; only the ends of long stretches are walked. */
  protected checkStretch(page: number, frame: number, count: number): void {
    const step = Math.max(1, Math.floor(count / 4096));
    for (let i = 0; i < count; i += i + step < count ? step : Math.max(1, count - 1 - i)) {
      const found = this.tables.frameAt(page + i);
      invariant(found === frame + i, 'KM1', () => `page ${page + i} reaches frame ${found}, not ${frame + i}`);
      invariant(
        this.frameOf(page + i) === found,
        'KM4',
        () => `page ${page + i} is reckoned to reach ${this.frameOf(page + i)}, not ${found}`,
      );
    }
  }

  #counted(page: number): VirtAddr | -1 {
    if (page === -1) {
      this.tables.failures++;
      return -1;
    }
    this.tables.maps++;
    return addressOf(page);
  }

  #expectFrames(frame: number, count: number): void {
    const isMemory = Number.isInteger(frame) && frame >= 0 && Number.isInteger(count) && count >= 1 && frame + count <= this.frames;
    invariant(isMemory, 'KM2', () => `${count} frames from ${frame} on are not in memory of ${this.frames}`);
  }
}
