// The kernel's own page tables: runs of frames mapped by the largest pages that fit, and unmapped; everything counted.
//
//   frame, page, count    | small | small | large ........ | large ........ | small |      by alignment of both, and what is left
//
// The tables are read and written where the hardware finds them, by physical address, as through a recursive entry. New ones are zeroed by
// hand: zeroing a frame may itself go through a kernel map (mapped-ram.ts), which must not come back here.

import { PAGE_SHIFT, PAGE_SIZE, type Pfn, pagesFor, pfn } from '../../base/index.ts';
import { FrameKind, type PhysicalMemory } from '../../frames/index.ts';
import { type Mmu, PTE_ACCESSED, PTE_DIRTY, PTE_PRESENT, PTE_WIRED, PTE_WRITE } from '../../machine/index.ts';
import type { KernelMapParts } from './kernel-map.ts';

/** The kernel's number as an owner of tables, above those of spaces. */
const KERNEL_SPACE = 0x1_0000;
/** Nothing is to be found out about the kernel's pages: marks are set from the beginning, so no walk has to write them. */
const KERNEL_FLAGS = PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_WIRED;

/** A large page of a format: its level and its size. */
interface LargePage {
  readonly level: number;
  readonly pages: number;
}

/** The page tables of one kernel map. Made by `KernelTables.create`. */
export class KernelTables {
  /** Pages of a space. */
  readonly pages: number;
  /** Pages of each size of large page, the largest first. */
  readonly largePages: readonly number[];
  /** Frames of tables; 0 where all spaces share one. */
  tableFrames = 0;
  recordFrames = 0;
  mappedPages = 0;
  entriesWritten = 0;
  tlbDropped = 0;
  steps = 0;
  maps = 0;
  failures = 0;
  readonly #mmu: Mmu;
  readonly #memory: PhysicalMemory;
  readonly #root: Pfn;
  readonly #levels: number;
  readonly #large: readonly LargePage[];
  readonly #records: Pfn[] = [];
  readonly #supply = (): Pfn | -1 => this.#newTable();

  private constructor({ mmu, memory }: KernelMapParts, root: Pfn) {
    const { levels } = mmu.format;
    this.#mmu = mmu;
    this.#memory = memory;
    this.#root = root;
    this.#levels = levels.length;
    this.#large = levels.flatMap(({ large, shift }, level) => (large ? [{ level, pages: 2 ** shift }] : []));
    this.pages = mmu.pages;
    this.largePages = this.#large.map(({ pages }) => pages);
  }

  /** Makes the root. Returns ENOMEM if there is no frame for it. */
  static create(parts: KernelMapParts): KernelTables | 'ENOMEM' {
    const { mmu, memory } = parts;
    const root = mmu.makeRoot(KERNEL_SPACE, () => zeroedTable(memory));
    if (root === -1) return 'ENOMEM';
    const tables = new KernelTables(parts, root);
    if (mmu.tablesOf === 'space') tables.tableFrames++;
    return tables;
  }

  /** Takes so many words of zeros for a design's records, frames in a row. Returns ENOMEM if there are none. */
  records(words: number): Uint32Array | 'ENOMEM' {
    const count = pagesFor(words * 4);
    const first = this.#memory.allocateRun(count, FrameKind.pageTable);
    if (first === -1) return 'ENOMEM';
    for (let i = 0; i < count; i++) this.#records.push(pfn(first + i));
    this.recordFrames += count;
    const start = first << (PAGE_SHIFT - 2);
    return this.#memory.ram.words
      .subarray(start, start + (count * PAGE_SIZE) / 4)
      .fill(0)
      .subarray(0, words);
  }

  /** Makes the tables for the pages [page, page + count), so that mapping them needs none. Returns false if there are no frames for them. */
  prepare(page: number, count: number): boolean {
    if (this.#mmu.tablesOf === 'machine') return true;
    for (let at = page; at < page + count; at += this.#mmu.runPages - (at % this.#mmu.runPages)) {
      if (this.#mmu.ensureLeaf(this.#root, at, this.#supply, pfn(0)) === 0) return false;
    }
    return true;
  }

  /** Maps frames in a row from `page` on. Returns false, with nothing mapped, if there is no frame for a table. */
  mapRun(page: number, frame: number, count: number): boolean {
    if (count === 1) return this.#mapOne(page, frame);
    for (let done = 0; done < count; ) {
      const mapped = this.#mapLarge(page + done, frame + done, count - done) || this.#mapSmall(page + done, frame + done, count - done);
      if (mapped === 0) {
        this.unmap(page, done);
        return false;
      }
      done += mapped;
    }
    return true;
  }

  /** The same for frames wherever they lie. */
  mapFrames(page: number, frames: ArrayLike<number>, offset: number, count: number): boolean {
    if (count === 1) return this.#mapOne(page, frames[offset] as number);
    for (let done = 0; done < count; ) {
      const mapped = this.#mapList(page + done, frames, offset + done, count - done);
      if (mapped === 0) {
        this.unmap(page, done);
        return false;
      }
      done += mapped;
    }
    return true;
  }

  /** Unmaps pages that are all mapped, large ones as a whole. */
  unmap(page: number, count: number): void {
    if (count === 1) {
      this.#unmapSmall(page, 1);
      return;
    }
    for (let done = 0; done < count; ) {
      const level = this.#large.length === 0 ? -1 : this.#mmu.largeLevel(this.#root, page + done);
      done += level === -1 ? this.#unmapSmall(page + done, count - done) : this.#unmapLarge(page + done, level);
    }
  }

  /** Returns the frame that a page reaches by the page tables, or -1. */
  frameAt(page: number): number {
    this.steps += this.#levels;
    return this.#mmu.frameOf(this.#root, page);
  }

  /** Gives all tables and records back. Nothing is mapped, or only what `unmap` would not mind. */
  destroy(): void {
    const tables: Pfn[] = [...this.#records];
    this.#mmu.forEachTable(this.#root, (table) => tables.push(table));
    for (const table of tables) this.#memory.free(table);
    this.#mmu.pruneShared((table) => this.#memory.free(table));
    this.tableFrames = 0;
    this.recordFrames = 0;
    this.#records.length = 0;
  }

  /** Returns how many pages the largest large page maps that begins at `page` and `frame`, mapped by it; 0 if none does. */
  #mapLarge(page: number, frame: number, count: number): number {
    for (const { level, pages } of this.#large) {
      if (count < pages || page % pages !== 0 || frame % pages !== 0) continue;
      this.steps += level + 1;
      if (this.#mmu.mapLarge(this.#root, page, level, pfn(frame), KERNEL_FLAGS, this.#supply) === 0) continue;
      this.entriesWritten++;
      this.mappedPages += pages;
      return pages;
    }
    return 0;
  }

  /** What `#mapSmall` does for one page, which is what most mappings are. */
  #mapOne(page: number, frame: number): boolean {
    const entry = this.#ensure(page, frame);
    if (entry === 0) return false;
    this.#mmu.setEntry(entry, pfn(frame), KERNEL_FLAGS);
    this.#mapped(1);
    return true;
  }

  /** Maps the pages up to the end of a leaf table, or `count`, one by one. Returns how many, 0 if there is no frame for the table. */
  #mapSmall(page: number, frame: number, count: number): number {
    const { entryBytes } = this.#mmu;
    const first = this.#ensure(page, frame);
    if (first === 0) return 0;
    const run = this.#runFrom(page, count);
    for (let i = 0; i < run; i++) this.#mmu.setEntry(first + i * entryBytes, pfn(frame + i), KERNEL_FLAGS);
    return this.#mapped(run);
  }

  /** The same for a list of frames. */
  #mapList(page: number, frames: ArrayLike<number>, offset: number, count: number): number {
    const { entryBytes } = this.#mmu;
    const first = this.#ensure(page, frames[offset] as number);
    if (first === 0) return 0;
    const run = this.#runFrom(page, count);
    for (let i = 0; i < run; i++) this.#mmu.setEntry(first + i * entryBytes, pfn(frames[offset + i] as number), KERNEL_FLAGS);
    return this.#mapped(run);
  }

  /** Returns the entry for a page that is to reach `frame`, or 0. */
  #ensure(page: number, frame: number): number {
    this.steps += this.#levels;
    return this.#mmu.ensureLeaf(this.#root, page, this.#supply, pfn(frame));
  }

  /** Of `count` pages, those whose entries lie side by side. */
  #runFrom(page: number, count: number): number {
    const { runPages } = this.#mmu;
    return Math.min(count, runPages - (page % runPages));
  }

  #mapped(count: number): number {
    this.entriesWritten += count;
    this.mappedPages += count;
    return count;
  }

  #unmapLarge(page: number, level: number): number {
    const pages = 2 ** (this.#mmu.format.levels[level]?.shift ?? 0);
    this.steps += level + 1;
    this.#clear(this.#mmu.entryAt(this.#root, page, level), 1);
    this.mappedPages -= pages;
    return pages;
  }

  #unmapSmall(page: number, count: number): number {
    const run = this.#runFrom(page, count);
    this.steps += this.#levels;
    this.#clear(this.#mmu.leaf(this.#root, page), run);
    this.mappedPages -= run;
    return run;
  }

  #clear(entry: number, count: number): void {
    for (let i = 0; i < count; i++) this.#mmu.clearEntry(entry + i * this.#mmu.entryBytes);
    this.entriesWritten += count;
    this.tlbDropped += count;
  }

  #newTable(): Pfn | -1 {
    const frame = zeroedTable(this.#memory);
    if (frame === -1) return -1;
    // The one table of all spaces may give it back whenever it likes.
    if (this.#mmu.tablesOf === 'machine') return frame;
    this.tableFrames++;
    // The entry that names it.
    this.entriesWritten++;
    return frame;
  }
}

function zeroedTable(memory: PhysicalMemory): Pfn | -1 {
  const frame = memory.allocate(FrameKind.pageTable, KERNEL_SPACE);
  if (frame === -1) return -1;
  const start = frame << PAGE_SHIFT;
  memory.ram.bytes.fill(0, start, start + PAGE_SIZE);
  return frame;
}
