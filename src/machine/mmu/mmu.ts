// The face of the MMU towards pmap/, whatever the page table is like: translate, and find and edit the entries of pages.
//
//   RadixMmu    (radix-mmu.ts)     levels of tables, of any radix format; i386, pae, amd64, sv39, aarch64, mips ...
//   HashedMmu   (hashed-mmu.ts)    one inverted table for all spaces
//
// An entry is named by its physical byte address, so 0 says "no entry": frame 0 never holds one. It decides nothing: what should be mapped,
// when a TLB word goes, and who pays for tables is the pmap's. A machine has one MMU, so its calls see one class.

import type { Pfn, Vpn } from '../../base/index.ts';
import type { PageTableFormat } from './format.ts';
import type { SoftwareTlb } from './mips-tlb.ts';
import type { Walk } from './walk.ts';

/** Gives a zeroed frame for a table, or -1. */
export type TableSupply = () => Pfn | -1;

/** Memory as an MMU sees it: the frames that entries may name, and the bytes that its tables are in, which may be only some of theirs. */
export interface TableMemory {
  readonly frameCount: number;
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
}

/** The memory management unit of one machine, for one page table format. */
export interface Mmu {
  readonly format: PageTableFormat;
  /** Page numbers are below this. */
  readonly pages: number;
  /** Entries that lie side by side: the pages of one leaf table, from a multiple of it on. A power of two; 1 where each lies by itself. */
  readonly runPages: number;
  /** Bytes from one entry to the next. */
  readonly entryBytes: number;
  /** `space`: each space has tables of its own. `machine`: all share one that is made at the start. */
  readonly tablesOf: 'space' | 'machine';
  /** Width of the value that an entry that is not present can hold for the kernel; 0 where there is no entry for such a page. */
  readonly absentBits: number;
  /** The TLB that the kernel fills, where the processor has no walk of its own. */
  readonly softwareTlb?: SoftwareTlb;
  /**
   * Translates page `vpn` of the space at `root` for a program's access (`ACCESS_READ`, `ACCESS_WRITE`, `ACCESS_EXECUTE`).
   * Returns the frame, with accessed set at every level that has the mark and, for a write, dirty set in the leaf; or `FAULT_NOT_PRESENT`
   * or `FAULT_PROTECTION`, with nothing changed.
   */
  readonly walk: Walk;

  /** Makes the root of space `id`, which names the space from then on. Returns -1 when the supply is empty. */
  makeRoot(id: number, supply: TableSupply): Pfn | -1;

  /** Returns the physical address where the tables of the space at `root` begin, as the processor would be told it. */
  rootAddress(root: Pfn): number;

  /** Returns the physical byte address of the entry of `vpn`, or 0 if there is no place for one yet. */
  leaf(root: Pfn, vpn: number): number;

  /**
   * Returns the physical byte address of the entry of `vpn`, for `frame` to be put into it, making from frames of `supply` (zeroed: MMU3)
   * the tables that are missing. Returns 0 when the supply runs out; what was made so far stays and is found next time.
   * Panics (MMU2) if `vpn` is beyond the format.
   */
  ensureLeaf(root: Pfn, vpn: number, supply: TableSupply, frame: Pfn): number;

  /** Takes back an entry that `ensureLeaf` gave and that was not written. */
  releaseLeaf(entry: number): void;

  /**
   * Makes the present entry that of page `vpn` of the space at `root`, and returns true; false, with nothing changed, where the place of an
   * entry follows from its page: it must be written anew. The caller invalidates the TLB.
   */
  renameLeaf(entry: number, root: Pfn, vpn: number): boolean;

  /** Returns the frame that an entry names. */
  entryFrame(entry: number): Pfn;

  /** Returns the `PTE_` flags of an entry. Rights that the format cannot deny are always set. */
  entryFlags(entry: number): number;

  /** Tells whether an entry has all of `flags`. Faster than `entryFlags`. */
  hasFlags(entry: number, flags: number): boolean;

  /** Tells which of `count` entries in a row, at most 31 of one table, have all of `flags`: bit k stands for the k-th. */
  whichHave(entry: number, count: number, flags: number): number;

  /** Sets `flags` in an entry; frame and other flags stay. */
  addFlags(entry: number, flags: number): void;

  /** Clears `flags` in an entry; frame and other flags stay. The caller invalidates the TLB. */
  removeFlags(entry: number, flags: number): void;

  /**
   * Clears write and dirty in those of the `count` entries from `entry` on, all of one table, that are present and writable. Puts the
   * frames of those that were dirty into `dirty` and returns how many they are. The caller invalidates the TLB.
   */
  writeProtect(entry: number, count: number, dirty: Int32Array): number;

  /** Writes an entry: `frame` with exactly `flags`. */
  setEntry(entry: number, frame: Pfn, flags: number): void;

  /** Makes an entry hold nothing, not even a value. It may not be used again before `ensureLeaf`. The caller invalidates the TLB. */
  clearEntry(entry: number): void;

  /** Makes an entry one that is not present and holds `value`, below 2^absentBits; 0 is no value. Not where `absentBits` is 0. */
  writeAbsent(entry: number, value: number): void;

  /** Returns the value of an entry that is not present; 0 if it has none, or is present. */
  absentValue(entry: number): number;

  /**
   * Maps the 2^shift pages of `level` from `vpn` on, a multiple of that, to as many frames from `frame` on, in one entry. Returns its address:
   * it is cleared and changed as any other. 0 if the supply runs out, entries of that level map no pages, or smaller pages are in the way.
   */
  mapLarge(root: Pfn, vpn: number, level: number, frame: Pfn, flags: number, supply: TableSupply): number;

  /** Returns the frame that page `vpn` reaches, by a page of any size and whatever its rights; -1 if it is not mapped. Changes no mark. */
  frameOf(root: Pfn, vpn: number): Pfn | -1;

  /** Returns the level of the entry that maps a large page with page `vpn` in it, or -1 if none does. */
  largeLevel(root: Pfn, vpn: number): number;

  /** Returns the physical byte address of the entry of `level` that page `vpn` belongs to, or 0 if there is none. */
  entryAt(root: Pfn, vpn: number, level: number): number;

  /**
   * Returns the address of the entry above the leaf by which the page `vpn` and its neighbours are mapped as a large page of the smallest
   * size (`largePageFrames`), or 0. It is read and changed as any other entry.
   */
  largeEntry(root: Pfn, vpn: number): number;

  /**
   * Puts one large page, from `frame` on with `flags`, in the place of the leaf table of `vpn`, whose pages are all mapped to these frames in
   * order. Returns the frame of that table, which nothing names any more. The TLB's words stay true.
   */
  promote(root: Pfn, vpn: number, frame: Pfn, flags: number): Pfn;

  /** Puts `table`, all zeros, in the place of the large page that maps `vpn`: its pages keep their frames and have the large page's flags. */
  demote(root: Pfn, vpn: number, table: Pfn): void;

  /** Visits the large pages of the smallest size that reach into [firstVpn, endVpn), in order. The visitor may change or clear the entry, or demote it. */
  forEachLarge(root: Pfn, firstVpn: number, endVpn: number, visit: (entry: number, vpn: Vpn) => void): void;

  /** Visits every table of a space, each after the tables below it and the root last, so that the visitor may free what it is given. */
  forEachTable(root: Pfn, visit: (table: Pfn, level: number) => void): void;

  /** Unlinks the tables below the root that hold nothing and hands each to `free`. Costs one word for a leaf table in use from its start. */
  prune(root: Pfn, free: (table: Pfn) => void): void;

  /** The same for tables that belong to no space. */
  pruneShared(free: (table: Pfn) => void): void;

  /**
   * Visits the entries of the pages [firstVpn, endVpn), present or not, wherever there are any; in order, if each space has tables of its own.
   * A missing table costs one look, however much it would map. The visitor may change or clear the entry it is given, not make others.
   */
  forEachLeaf(root: Pfn, firstVpn: number, endVpn: number, visit: (entry: number, vpn: Vpn) => void): void;

  /**
   * The same by runs, one for each leaf table: `count` entries side by side, from `entry` on, for the pages from `vpn` on. What is to be
   * quick over many pages has its loop in the visitor.
   */
  forEachRun(root: Pfn, firstVpn: number, endVpn: number, visit: (entry: number, vpn: Vpn, count: number) => void): void;

  /** Walks what the spaces do not own; panics at the first broken invariant. */
  check(): void;
}
