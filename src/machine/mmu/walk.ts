// The page-table walk: what the hardware does on a TLB miss. It reads the tables' own bytes in RAM.
//
//   root table         next table
//   | upper entry | -> | leaf entry | -> frame, if every level is present and every level grants the access
//
// On success the accessed bit of every entry on the way is set, and for a store the leaf's dirty bit. On a fault nothing changes.
//
//   MMU2  page numbers at or above 2^(bits of the format) are not present: an index never wraps around
//
// Three makers, one contract. Two levels of four-byte entries that cannot deny execution (i386, mips) walk unrolled; every other format
// walks level by level over masks worked out before; and what these do not cover (the larger large pages, flags in odd places, page numbers beyond bit
// operators) is walked entry by entry. Each makes a closure over its geometry.
// Cost (Node 20, 8,192 pages in random order): docs/page-tables.md.
// The walk is for a program's access: an entry that is not PTE_USER is forbidden to it.

import { PAGE_SHIFT, type Pfn, powerOfTwo } from '../../base/index.ts';
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
  tableFlags,
  vpnBits,
} from './format.ts';

/** Translates page `vpn` for a program's access: the frame, or `FAULT_NOT_PRESENT` or `FAULT_PROTECTION`. */
export type Walk = (root: Pfn, vpn: number, access: number) => number;

/** log2 of the 32-bit words in a frame. */
const FRAME_WORDS_SHIFT = 10;

/** Makes the fastest walk for `format` over RAM's words. */
export function makeWalk(words: Uint32Array, format: PageTableFormat, entries: Entries): Walk {
  const walk = makeEntryWalk(format, entries);
  const { levels, bits } = format;
  const inLow = [bits.present, bits.accessed, bits.dirty, ...format.tableOnes, ...format.tableZeros].every((bit) => bit < 32);
  if (!inLow) return walk;
  const plain = levels.length === 2 && format.entryBytes === 4 && bits.execute === -1 && entries.invertedLow === 0;
  return plain ? makeTwoLevelWalk(words, format, entries, walk) : makeLevelWalk(words, format, entries, walk);
}

/** Returns the flags that an entry needs for `access` by a program. */
function neededFlags(access: number): number {
  if (access === ACCESS_WRITE) return PTE_PRESENT | PTE_USER | PTE_WRITE;
  return access === ACCESS_EXECUTE ? PTE_PRESENT | PTE_USER | PTE_EXECUTE : PTE_PRESENT | PTE_USER;
}

/** Two levels of four-byte entries that cannot deny execution: reads and fetches need the same bits. */
function makeTwoLevelWalk(words: Uint32Array, format: PageTableFormat, entries: Entries, slowWalk: Walk): Walk {
  const { low, frameShift, frameMask, tableMaskLow, tableLow } = entries;
  const [upper, leaf] = format.levels as [PageTableLevel, PageTableLevel];
  const upperShift = upper.shift;
  const leafMask = powerOfTwo(leaf.indexBits) - 1;
  const pages = powerOfTwo(vpnBits(format));
  const present = low[PTE_PRESENT]!;
  const accessed = low[PTE_ACCESSED]!;
  const written = low[PTE_ACCESSED | PTE_DIRTY]!;
  const leafRead = low[neededFlags(ACCESS_READ)]!;
  const leafWrite = low[neededFlags(ACCESS_WRITE)]!;
  const upperFlags = tableFlags(format, 0);
  // One test of the upper entry: it names a table, and grants the access.
  const upperRead = low[neededFlags(ACCESS_READ) & (upperFlags | PTE_PRESENT)]! | tableLow;
  const upperWrite = low[neededFlags(ACCESS_WRITE) & (upperFlags | PTE_PRESENT)]! | tableLow;
  const upperReadMask = upperRead | tableMaskLow;
  const upperWriteMask = upperWrite | tableMaskLow;
  const upperAccessed = low[upperFlags & PTE_ACCESSED]!;

  const walkLarge = (upperAt: number, upperEntry: number, vpn: number, store: boolean): number => {
    const need = store ? leafWrite : leafRead;
    if ((upperEntry & need) !== need) return FAULT_PROTECTION;
    const mark = store ? written : accessed;
    if ((upperEntry & mark) !== mark) words[upperAt] = upperEntry | mark;
    return ((upperEntry >>> frameShift) & frameMask) + (vpn & leafMask);
  };

  return (root, vpn, access) => {
    if (vpn >= pages) return FAULT_NOT_PRESENT;
    const store = access === ACCESS_WRITE;
    const upperAt = (root << FRAME_WORDS_SHIFT) + (vpn >>> upperShift);
    const upperEntry = words[upperAt]! | 0;
    const isTable = (upperEntry & (store ? upperWriteMask : upperReadMask)) === (store ? upperWrite : upperRead);
    if (!isTable) {
      if ((upperEntry & present) === 0) return FAULT_NOT_PRESENT;
      const isLarge = upper.large === true && (upperEntry & tableMaskLow) !== tableLow;
      return isLarge ? walkLarge(upperAt, upperEntry, vpn, store) : slowWalk(root, vpn, access);
    }
    const leafAt = (((upperEntry >>> frameShift) & frameMask) << FRAME_WORDS_SHIFT) + (vpn & leafMask);
    const leafEntry = words[leafAt]! | 0;
    const leafNeed = store ? leafWrite : leafRead;
    if ((leafEntry & leafNeed) !== leafNeed) return (leafEntry & present) === 0 ? FAULT_NOT_PRESENT : FAULT_PROTECTION;
    const mark = store ? written : accessed;
    if ((leafEntry & mark) !== mark) words[leafAt] = leafEntry | mark;
    if ((upperEntry & upperAccessed) !== upperAccessed) words[upperAt] = upperEntry | upperAccessed;
    return (leafEntry >>> frameShift) & frameMask;
  };
}

/**
 * Any number of levels, entries of either size; present, marks and what tells a table are in the low word. One loop serves both sizes: of a
 * four-byte entry the low word is read twice, and nothing is asked of the second.
 */
function makeLevelWalk(words: Uint32Array, format: PageTableFormat, entries: Entries, slowWalk: Walk): Walk {
  const { levels } = format;
  const { low, high, frameShift, frameMask, tableMaskLow, tableLow, invertedLow, invertedHigh } = entries;
  const leaf = levels.length - 1;
  const wide = format.entryBytes === 8 ? 1 : 0;
  const highFrame = wide === 1 ? -1 : 0;
  const present = low[PTE_PRESENT]!;
  // Pages up to here have numbers that bit operators reach; an index from higher bits is 0 for them, as a shift by 31 makes it.
  const lastPlain = vpnBits(format) < 31 ? powerOfTwo(vpnBits(format)) - 1 : 0x7fff_ffff;
  const shifts = Int32Array.from(levels, (level) => Math.min(level.shift, 31));
  const indexMasks = Int32Array.from(levels, (level) => 2 ** level.indexBits - 1);
  /** What each access needs of each level's entry: at access * levels.length + level. */
  const needLow = new Int32Array(3 * levels.length);
  const needHigh = new Int32Array(3 * levels.length);
  const upperMarks = Int32Array.from(levels, (_, level) => (level === leaf ? 0 : low[tableFlags(format, level) & PTE_ACCESSED]!));
  for (const access of [ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE]) {
    levels.forEach((_, level) => {
      const needed = neededFlags(access) & (level === leaf ? -1 : tableFlags(format, level) | PTE_PRESENT);
      needLow[access * levels.length + level] = low[needed]!;
      needHigh[access * levels.length + level] = wide === 1 ? high[needed]! : 0;
    });
  }
  const accessed = low[PTE_ACCESSED]!;
  const written = low[PTE_ACCESSED | PTE_DIRTY]!;

  /** The level whose entries may map the smallest large pages, or -1; and the page's number in one. */
  const largeLevel = levels[leaf - 1]?.large === true ? leaf - 1 : -1;
  const largeMask = indexMasks[leaf]!;

  const markUpper = (root: Pfn, vpn: number, end: number): void => {
    let table: number = root;
    for (let level = 0; level < end; level++) {
      const at = (table << FRAME_WORDS_SHIFT) + (((vpn >>> shifts[level]!) & indexMasks[level]!) << wide);
      const entry = words[at]!;
      words[at] = ((entry ^ invertedLow) | upperMarks[level]!) ^ invertedLow;
      table = ((entry >>> frameShift) | ((words[at + wide]! & highFrame) << (32 - frameShift))) & frameMask;
    }
  };

  return (root, vpn, access) => {
    if (vpn > lastPlain) return slowWalk(root, vpn, access);
    const needs = access * (leaf + 1);
    let table: number = root;
    let denied = 0;
    let unmarked = 0;
    for (let level = 0; level < leaf; level++) {
      const at = (table << FRAME_WORDS_SHIFT) + (((vpn >>> shifts[level]!) & indexMasks[level]!) << wide);
      const entry = words[at]! | 0;
      const upper = words[at + wide]! | 0;
      if ((entry & tableMaskLow) !== tableLow) {
        if ((entry & present) === 0) return FAULT_NOT_PRESENT;
        if (level !== largeLevel) return slowWalk(root, vpn, access);
        denied |= (~(entry ^ invertedLow) & needLow[needs + leaf]!) | (~(upper ^ invertedHigh) & needHigh[needs + leaf]!);
        if (denied !== 0) return FAULT_PROTECTION;
        const mark = access === ACCESS_WRITE ? written : accessed;
        const flags = entry ^ invertedLow;
        if ((flags & mark) !== mark) words[at] = (flags | mark) ^ invertedLow;
        if (unmarked !== 0) markUpper(root, vpn, level);
        return (((entry >>> frameShift) | ((upper & highFrame) << (32 - frameShift))) & frameMask) + (vpn & largeMask);
      }
      denied |= (~(entry ^ invertedLow) & needLow[needs + level]!) | (~(upper ^ invertedHigh) & needHigh[needs + level]!);
      unmarked |= ~(entry ^ invertedLow) & upperMarks[level]!;
      table = ((entry >>> frameShift) | ((upper & highFrame) << (32 - frameShift))) & frameMask;
    }
    const at = (table << FRAME_WORDS_SHIFT) + ((vpn & indexMasks[leaf]!) << wide);
    const entry = words[at]! | 0;
    const upper = words[at + wide]! | 0;
    if ((entry & present) === 0) return FAULT_NOT_PRESENT;
    denied |= (~(entry ^ invertedLow) & needLow[needs + leaf]!) | (~(upper ^ invertedHigh) & needHigh[needs + leaf]!);
    if (denied !== 0) return FAULT_PROTECTION;
    const mark = access === ACCESS_WRITE ? written : accessed;
    const flags = entry ^ invertedLow;
    if ((flags & mark) !== mark) words[at] = (flags | mark) ^ invertedLow;
    if (unmarked !== 0) markUpper(root, vpn, leaf);
    return ((entry >>> frameShift) | ((upper & highFrame) << (32 - frameShift))) & frameMask;
  };
}

/** Any format, large pages too. Marks after looking at all levels, so that a fault changes nothing. */
function makeEntryWalk(format: PageTableFormat, entries: Entries): Walk {
  const leaf = format.levels.length - 1;
  const pages = powerOfTwo(vpnBits(format));
  const entryAt = makeEntryAt(format);

  /** Sets the accessed bit of the entries above level `end` that have one. */
  const markUpper = (root: Pfn, vpn: number, end: number): void => {
    let table = root;
    for (let level = 0; level < end; level++) {
      const entry = entryAt(table, vpn, level);
      entries.add(entry, tableFlags(format, level) & PTE_ACCESSED);
      table = entries.frame(entry);
    }
  };

  return (root, vpn, access) => {
    if (vpn >= pages) return FAULT_NOT_PRESENT;
    const needed = neededFlags(access);
    let table = root;
    let granted = true;
    let level = 0;
    let entry = entryAt(table, vpn, 0);
    for (; level < leaf && entries.isTable(entry); entry = entryAt(table, vpn, level)) {
      granted &&= entries.has(entry, needed & tableFlags(format, level));
      table = entries.frame(entry);
      level++;
    }
    if (!entries.has(entry, PTE_PRESENT)) return FAULT_NOT_PRESENT;
    // A leaf where the format has none is a reserved bit to the hardware: nothing is mapped by it.
    if (level < leaf && format.levels[level]?.large !== true) return FAULT_NOT_PRESENT;
    if (!granted || !entries.has(entry, needed)) return FAULT_PROTECTION;
    entries.add(entry, access === ACCESS_WRITE ? PTE_ACCESSED | PTE_DIRTY : PTE_ACCESSED);
    markUpper(root, vpn, level);
    return entries.frame(entry) + (level === leaf ? 0 : vpn % 2 ** (format.levels[level]?.shift ?? 0));
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
