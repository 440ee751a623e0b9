// The page-table walk: what the hardware does on a TLB miss. It reads the tables' own bytes in RAM.
//
//   root table         next table
//   | upper entry | -> | leaf entry | -> frame, if every level is present and every level grants the access
//
// On success the accessed bit of every entry on the way is set, and for a store the leaf's dirty bit. On a fault nothing changes.
//
//   MMU2  page numbers at or above 2^(bits of the format) are not present: an index never wraps around
//
// Two makers, one contract: two levels of four-byte entries (i386) walk unrolled; every other format walks level by level. Each
// makes a closure over its geometry. Cost (Node 20, 8,192 pages in random order): 9 ns unrolled, 20 ns for each level otherwise.
// The walk is for a program's access: an entry that is not PTE_USER is forbidden to it.

import { PAGE_SHIFT, type Pfn } from '../../base/index.ts';
import type { Entries } from './entries.ts';
import { ACCESS_EXECUTE, ACCESS_READ, ACCESS_WRITE, FAULT_NOT_PRESENT, FAULT_PROTECTION } from './fault.ts';
import {
  type PageTableFormat,
  type PageTableLevel,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_EXECUTE,
  PTE_PRESENT,
  PTE_USER,
  PTE_WRITE,
  vpnBits,
} from './format.ts';

/** Translates page `vpn` for a program's access: the frame, or `FAULT_NOT_PRESENT` or `FAULT_PROTECTION`. */
export type Walk = (root: Pfn, vpn: number, access: number) => number;

/** log2 of the 32-bit words in a frame. */
const FRAME_WORDS_SHIFT = 10;

/** Makes the fastest walk for `format` over RAM's words. */
export function makeWalk(words: Uint32Array, format: PageTableFormat, entries: Entries): Walk {
  const plain = format.levels.length === 2 && format.entryBytes === 4 && entries.invertedLow === 0;
  return plain ? makeTwoLevelWalk(words, format, entries) : makeLevelWalk(format, entries);
}

/** Returns the flags that an entry needs for `access` by a program. */
function neededFlags(access: number): number {
  if (access === ACCESS_WRITE) return PTE_PRESENT | PTE_USER | PTE_WRITE;
  return access === ACCESS_EXECUTE ? PTE_PRESENT | PTE_USER | PTE_EXECUTE : PTE_PRESENT | PTE_USER;
}

/** Two levels of four-byte entries that cannot deny execution: reads and fetches need the same bits. */
function makeTwoLevelWalk(words: Uint32Array, format: PageTableFormat, entries: Entries): Walk {
  const { low, frameShift, frameMask } = entries;
  const [upper, leaf] = format.levels as [PageTableLevel, PageTableLevel];
  const upperShift = upper.shift;
  const leafMask = 2 ** leaf.indexBits - 1;
  const pages = 2 ** vpnBits(format);
  const present = low[PTE_PRESENT]!;
  const accessed = low[PTE_ACCESSED]!;
  const written = low[PTE_ACCESSED | PTE_DIRTY]!;
  const leafRead = low[neededFlags(ACCESS_READ)]!;
  const leafWrite = low[neededFlags(ACCESS_WRITE)]!;
  const upperRead = low[neededFlags(ACCESS_READ) & (format.upperFlags | PTE_PRESENT)]!;
  const upperWrite = low[neededFlags(ACCESS_WRITE) & (format.upperFlags | PTE_PRESENT)]!;

  return (root, vpn, access) => {
    if (vpn >= pages) return FAULT_NOT_PRESENT;
    const upperAt = (root << FRAME_WORDS_SHIFT) + (vpn >>> upperShift);
    const upperEntry = words[upperAt]! | 0;
    if ((upperEntry & present) === 0) return FAULT_NOT_PRESENT;
    const leafAt = (((upperEntry >>> frameShift) & frameMask) << FRAME_WORDS_SHIFT) + (vpn & leafMask);
    const leafEntry = words[leafAt]! | 0;
    if ((leafEntry & present) === 0) return FAULT_NOT_PRESENT;
    const store = access === ACCESS_WRITE;
    const upperNeed = store ? upperWrite : upperRead;
    const leafNeed = store ? leafWrite : leafRead;
    if ((upperEntry & upperNeed) !== upperNeed || (leafEntry & leafNeed) !== leafNeed) return FAULT_PROTECTION;
    const mark = store ? written : accessed;
    if ((leafEntry & mark) !== mark) words[leafAt] = leafEntry | mark;
    if ((upperEntry & accessed) !== accessed) words[upperAt] = upperEntry | accessed;
    return (leafEntry >>> frameShift) & frameMask;
  };
}

/** Any number of levels and any entry. Marks after looking at all levels, so that a fault changes nothing. */
function makeLevelWalk(format: PageTableFormat, entries: Entries): Walk {
  const leaf = format.levels.length - 1;
  const pages = 2 ** vpnBits(format);
  const { upperFlags } = format;
  const entryAt = makeEntryAt(format);

  /** Sets the accessed bit of every entry above the leaf. */
  const markUpper = (root: Pfn, vpn: number): void => {
    let table = root;
    for (let level = 0; level < leaf; level++) {
      const entry = entryAt(table, vpn, level);
      entries.add(entry, PTE_ACCESSED);
      table = entries.frame(entry);
    }
  };

  return (root, vpn, access) => {
    if (vpn >= pages) return FAULT_NOT_PRESENT;
    const needed = neededFlags(access);
    const upperExpected = (needed & upperFlags) | PTE_PRESENT | PTE_ACCESSED;
    let table = root;
    let granted = true;
    let marked = true;
    for (let level = 0; level < leaf; level++) {
      const entry = entryAt(table, vpn, level);
      if (!entries.has(entry, upperExpected)) {
        if (!entries.has(entry, PTE_PRESENT)) return FAULT_NOT_PRESENT;
        granted &&= entries.has(entry, upperExpected & ~PTE_ACCESSED);
        marked = false;
      }
      table = entries.frame(entry);
    }
    const entry = entryAt(table, vpn, leaf);
    const mark = access === ACCESS_WRITE ? PTE_ACCESSED | PTE_DIRTY : PTE_ACCESSED;
    if (!granted || !entries.has(entry, needed | mark)) {
      if (!entries.has(entry, PTE_PRESENT)) return FAULT_NOT_PRESENT;
      if (!granted || !entries.has(entry, needed)) return FAULT_PROTECTION;
      entries.add(entry, mark);
    }
    if (!marked) markUpper(root, vpn);
    return entries.frame(entry);
  };
}

/** Gives the byte address of the entry for page `vpn` in `table`, a table of `level` (0 is the root's). */
export type EntryAt = (table: Pfn, vpn: number, level: number) => number;

/** Makes the `EntryAt` of a format: with shifts where bit operators reach all page numbers, else with exact multiplications. */
export function makeEntryAt(format: PageTableFormat): EntryAt {
  const masks = Int32Array.from(format.levels, (level) => 2 ** level.indexBits - 1);
  const entryShift = Math.log2(format.entryBytes);
  if (vpnBits(format) < 32) {
    const shifts = Int32Array.from(format.levels, (level) => level.shift);
    return (table, vpn, level) => (table << PAGE_SHIFT) + (((vpn >>> shifts[level]!) & masks[level]!) << entryShift);
  }
  // `&` takes the low 32 bits of any safe integer, so only the shift has to be done in floating point.
  const scales = Float64Array.from(format.levels, (level) => 2 ** -level.shift);
  return (table, vpn, level) => (table << PAGE_SHIFT) + ((Math.floor(vpn * scales[level]!) & masks[level]!) << entryShift);
}
