// The MMU: walks and edits page tables, which are bytes in frames of RAM, by a format that is data.
//
//   root frame (level 0) -> table (level 1) -> ... -> leaf entry -> frame
//
// It decides nothing: what should be mapped, when a TLB word goes, and who pays for tables is the pmap's. Entries are named by their
// physical byte address, so 0 says "no entry": frame 0 is never a table.
//
//   MMU1  (format.ts) the format is consistent, and every frame of RAM fits in its frame field
//   MMU2  (walk.ts) a page number beyond the format is not present
//   MMU3  an upper entry is zero or names a table; tables are linked only when they are all zeros
//
// Cost: O(levels) for one page; nothing here allocates JS objects.
// Elsewhere: bit layouts (format.ts, i386.ts), entries (entries.ts), TLB (tlb.ts), reverse mapping (pmap/).

import { invariant, PAGE_SHIFT, PAGE_SIZE, type Pfn, type Vpn } from '../../base/index.ts';
import type { Ram } from '../ram.ts';
import { Entries } from './entries.ts';
import { checkFormat, type PageTableFormat, PTE_PRESENT, vpnBits } from './format.ts';
import { type EntryAt, makeEntryAt, makeWalk, type Walk } from './walk.ts';

/** Gives a zeroed frame for a table, or -1. */
export type TableSupply = () => Pfn | -1;

/** The memory management unit of one machine, for one page table format. */
export class Mmu {
  readonly format: PageTableFormat;
  /** Page numbers are below this. */
  readonly pages: number;
  /**
   * Translates page `vpn` of the space at `root` for a program's access (`ACCESS_READ`, `ACCESS_WRITE`, `ACCESS_EXECUTE`).
   * Returns the frame, with accessed set at every level and, for a write, dirty set in the leaf; or `FAULT_NOT_PRESENT`
   * or `FAULT_PROTECTION`, with nothing changed.
   */
  readonly walk: Walk;
  readonly #entries: Entries;
  readonly #entryAt: EntryAt;
  readonly #leafLevel: number;
  readonly #entryBytes: number;
  readonly #words: Uint32Array;

  /** Panics (MMU1) if the format contradicts itself or cannot name all frames of `ram`. */
  constructor(ram: Ram, format: PageTableFormat) {
    checkFormat(format);
    invariant(ram.frameCount <= 2 ** format.frameBits, 'MMU1', () => `${format.name} cannot name ${ram.frameCount} frames`);
    this.format = format;
    this.pages = 2 ** vpnBits(format);
    this.#entries = new Entries(ram.words, format);
    this.#entryAt = makeEntryAt(format);
    this.#leafLevel = format.levels.length - 1;
    this.#entryBytes = format.entryBytes;
    this.#words = ram.words;
    this.walk = makeWalk(ram.words, format, this.#entries);
  }

  /** Returns the physical byte address of the leaf entry of `vpn`, or 0 if a table on the way is missing. */
  leaf(root: Pfn, vpn: number): number {
    if (vpn >= this.pages) return 0;
    let table = root;
    for (let level = 0; level < this.#leafLevel; level++) {
      const entry = this.#entryAt(table, vpn, level);
      if (!this.#entries.has(entry, PTE_PRESENT)) return 0;
      table = this.#entries.frame(entry);
    }
    return this.#entryAt(table, vpn, this.#leafLevel);
  }

  /**
   * Returns the physical byte address of the leaf entry of `vpn`, making the tables that are missing from frames of `supply`,
   * which must be zeroed (MMU3). Returns 0 when the supply runs out; tables made so far stay linked and are found next time.
   * Panics (MMU2) if `vpn` is beyond the format.
   */
  ensureLeaf(root: Pfn, vpn: number, supply: TableSupply): number {
    invariant(vpn >= 0 && vpn < this.pages, 'MMU2', () => `page ${vpn} is beyond ${this.format.name}`);
    let table = root;
    for (let level = 0; level < this.#leafLevel; level++) {
      const entry = this.#entryAt(table, vpn, level);
      if (!this.#entries.has(entry, PTE_PRESENT)) {
        const made = supply();
        if (made === -1) return 0;
        this.#entries.write(entry, made, this.format.upperFlags | PTE_PRESENT);
      }
      table = this.#entries.frame(entry);
    }
    return this.#entryAt(table, vpn, this.#leafLevel);
  }

  /** Returns the frame that an entry names. */
  entryFrame(entry: number): Pfn {
    return this.#entries.frame(entry);
  }

  /** Returns the `PTE_` flags of an entry. Rights that the format cannot deny are always set. */
  entryFlags(entry: number): number {
    return this.#entries.flags(entry);
  }

  /** Tells whether an entry has all of `flags`. Faster than `entryFlags`. */
  hasFlags(entry: number, flags: number): boolean {
    return this.#entries.has(entry, flags);
  }

  /** Tells which of `count` entries in a row, at most 31, have all of `flags`: bit k stands for the k-th. */
  whichHave(entry: number, count: number, flags: number): number {
    return this.#entries.which(entry, count, flags);
  }

  /** Sets `flags` in an entry; frame and other flags stay. */
  addFlags(entry: number, flags: number): void {
    this.#entries.add(entry, flags);
  }

  /** Clears `flags` in an entry; frame and other flags stay. The caller invalidates the TLB. */
  removeFlags(entry: number, flags: number): void {
    this.#entries.remove(entry, flags);
  }

  /**
   * Clears write and dirty in those of the `count` entries from `entry` on, all of one table, that are present and writable. Puts the
   * frames of those that were dirty into `dirty` and returns how many they are. The caller invalidates the TLB.
   */
  writeProtect(entry: number, count: number, dirty: Int32Array): number {
    return this.#entries.writeProtect(entry, count, dirty);
  }

  /** Writes an entry: `frame` with exactly `flags`. */
  setEntry(entry: number, frame: Pfn, flags: number): void {
    this.#entries.write(entry, frame, flags);
  }

  /** Makes an entry all zeros, not present. The caller invalidates the TLB. */
  clearEntry(entry: number): void {
    this.#entries.erase(entry);
  }

  /** Visits every table, each after the tables below it and the root last, so that the visitor may free what it is given. */
  forEachTable(root: Pfn, visit: (table: Pfn, level: number) => void): void {
    this.#visitTables(root, 0, visit);
  }

  /** Unlinks the tables below the root that map nothing and hands each to `free`. Costs one word for a leaf table in use from its start. */
  prune(root: Pfn, free: (table: Pfn) => void): void {
    this.#pruneBelow(root, 0, free);
  }

  /**
   * Visits the leaf entries of the pages [firstVpn, endVpn) in order, present or not, wherever there is a table for them. A missing
   * table costs one look, however much it would map. The visitor may change the entry it is given, not link or unlink tables.
   */
  forEachLeaf(root: Pfn, firstVpn: number, endVpn: number, visit: (entry: number, vpn: Vpn) => void): void {
    this.forEachRun(root, firstVpn, endVpn, (first, vpn, count) => {
      for (let i = 0; i < count; i++) visit(first + i * this.#entryBytes, (vpn + i) as Vpn);
    });
  }

  /**
   * The same by runs, one for each leaf table: `count` entries side by side, from `entry` on, for the pages from `vpn` on. What is to be
   * quick over many pages has its loop in the visitor.
   */
  forEachRun(root: Pfn, firstVpn: number, endVpn: number, visit: (entry: number, vpn: Vpn, count: number) => void): void {
    this.#visitRuns(root, 0, 0, firstVpn, Math.min(endVpn, this.pages), visit);
  }

  #visitTables(table: Pfn, level: number, visit: (table: Pfn, level: number) => void): void {
    if (level < this.#leafLevel) {
      const tableBytes = 2 ** this.format.levels[level]!.indexBits * this.#entryBytes;
      const start = table << PAGE_SHIFT;
      for (let entry = start; entry < start + tableBytes; entry += this.#entryBytes) {
        if (this.#entries.has(entry, PTE_PRESENT)) this.#visitTables(this.#entries.frame(entry), level + 1, visit);
      }
    }
    visit(table, level);
  }

  #pruneBelow(table: Pfn, level: number, free: (table: Pfn) => void): void {
    if (level === this.#leafLevel) return;
    const tableBytes = 2 ** this.format.levels[level]!.indexBits * this.#entryBytes;
    const start = table << PAGE_SHIFT;
    for (let entry = start; entry < start + tableBytes; entry += this.#entryBytes) {
      if (!this.#entries.has(entry, PTE_PRESENT)) continue;
      const below = this.#entries.frame(entry);
      this.#pruneBelow(below, level + 1, free);
      if (!this.#isEmpty(below)) continue;
      this.#entries.erase(entry);
      free(below);
    }
  }

  #isEmpty(table: Pfn): boolean {
    const start = table << (PAGE_SHIFT - 2);
    for (let word = start; word < start + PAGE_SIZE / 4; word++) if (this.#words[word] !== 0) return false;
    return true;
  }

  /** `base` is the first page that `table` maps; [first, end) is where the visit is wanted. */
  #visitRuns(
    table: Pfn,
    level: number,
    base: number,
    first: number,
    end: number,
    visit: (entry: number, vpn: Vpn, count: number) => void,
  ): void {
    const { shift, indexBits } = this.format.levels[level]!;
    const span = 2 ** shift;
    const from = Math.max(0, Math.floor((first - base) / span));
    const to = Math.min(2 ** indexBits, Math.ceil((end - base) / span));
    const start = table << PAGE_SHIFT;
    if (level === this.#leafLevel) {
      if (from < to) visit(start + from * this.#entryBytes, (base + from) as Vpn, to - from);
      return;
    }
    for (let index = from; index < to; index++) {
      const entry = start + index * this.#entryBytes;
      if (!this.#entries.has(entry, PTE_PRESENT)) continue;
      this.#visitRuns(this.#entries.frame(entry), level + 1, base + index * span, first, end, visit);
    }
  }
}
