// Page table formats as data: geometry and bit layout. The walker and the entry codec are made from them and assume no processor.
//
// A table of a level is an array of entries in one frame; an entry of the last level (the leaf) maps one page:
//
//   page number    | index of level 0 | index of level 1 | ... | index of the last level |
//   entry          | frame field: frameBits bits from frameShift |, and single bits anywhere else
//
// The kernel names rights and marks by the abstract flags below; a format says at which bit each one is, or -1 where the
// processor has no such bit. A right without a bit is always granted; a mark without a bit is never seen set. Some processors keep
// a flag the other way round (no-execute, read-only): its bit is one when the flag is not set. Bits that have to be one in every
// entry are named too, and so is what tells an entry that names a table from one that maps a large page.
//
//   MMU1  a format is consistent: tables fit in a frame, levels join without gap, no two fields share a bit
//   MMU4  what is dirty may be written: a format may keep the mark as the right itself (aarch64.ts), so the two are never parted

import { invariant, PAGE_SIZE, powerOfTwo } from '../../base/index.ts';

/** The entry maps something. */
export const PTE_PRESENT = 1;
/** Stores are allowed. */
export const PTE_WRITE = 2;
/** The program, not only the kernel, has access. */
export const PTE_USER = 4;
/** The MMU used the entry since the flag was cleared. */
export const PTE_ACCESSED = 8;
/** The MMU let a store through since the flag was cleared. */
export const PTE_DIRTY = 16;
/** Instructions may be fetched. */
export const PTE_EXECUTE = 32;
/** The kernel's own: the mapping is wired. The MMU ignores it. */
export const PTE_WIRED = 64;

/** Number of different flag sets: flags are below this. */
export const PTE_FLAG_SETS = 128;

/** One level of tables. Its index is `indexBits` bits of the page number, from bit `shift`. */
export interface PageTableLevel {
  readonly indexBits: number;
  readonly shift: number;
  /** What the manual calls a table of this level. */
  readonly name?: string;
  /** Flags of an entry of this level that names a table, where they are not the format's `upperFlags`. */
  readonly flags?: number;
  /** An entry of this level may map a large page, of 2^shift pages. */
  readonly large?: true;
}

/** Bit positions in an entry, from 0; -1 where the format has no such bit. */
export interface PageTableBits {
  readonly present: number;
  readonly write: number;
  readonly user: number;
  readonly accessed: number;
  readonly dirty: number;
  readonly execute: number;
  /** A bit that the processor leaves to the kernel. */
  readonly wired: number;
}

/** A named part of an entry, as the manual draws it: the lowest bit and the number of bits. */
export type EntryField = readonly [name: string, low: number, width: number];

/** All parts of an entry, by what the entry does. */
export interface EntryFields {
  readonly leaf: readonly EntryField[];
  readonly table: readonly EntryField[];
  /** Of an entry above the leaf that maps a large page; as a leaf if not given. */
  readonly large?: readonly EntryField[];
}

/** A TLB that the kernel fills (mips-tlb.ts): an entry holds the translations of two neighbouring pages. */
export interface SoftwareTlbShape {
  readonly entries: number;
  /** Entries that a random replacement never takes, from 0. */
  readonly wired: number;
}

/** Whose rules hold beyond the bits: reserved bits, what an address must look like, how a fault is reported. */
export type Architecture = 'x86' | 'riscv' | 'aarch64' | 'mips' | 'hashed' | 'plain';

/** Geometry and bit layout of a page table. */
export interface PageTableFormat {
  readonly name: string;
  readonly architecture: Architecture;
  /** Levels from the root down; the last one has shift 0. A hashed table has one, as wide as its page numbers. */
  readonly levels: readonly PageTableLevel[];
  /** Bytes of an entry. Eight are two 32-bit words, the low one first. */
  readonly entryBytes: 4 | 8;
  readonly bits: PageTableBits;
  /** Flags whose bit is one when the flag is not set. */
  readonly inverted: number;
  /** Lowest bit of the frame number in an entry, 1 to 31. */
  readonly frameShift: number;
  /** Width of the frame number in an entry. */
  readonly frameBits: number;
  /**
   * Flags of an entry above the leaf. A right named here is checked at every level, any other only at the leaf; accessed, if it is named,
   * is set there by each walk.
   */
  readonly upperFlags: number;
  /** Bits that are one in each entry that maps a page, whatever its flags. */
  readonly leafOnes: readonly number[];
  /** Bits that are one in each entry that maps a large page, in place of `leafOnes`. */
  readonly largeOnes: readonly number[];
  /** Bits that are one, and bits that are zero, in a present entry above the leaf exactly if it names a table. */
  readonly tableOnes: readonly number[];
  readonly tableZeros: readonly number[];
  readonly fields: EntryFields;
  readonly tlb?: SoftwareTlbShape;
}

/** Flags of an entry of `level` that names a table. */
export function tableFlags(format: PageTableFormat, level: number): number {
  return format.levels[level]?.flags ?? format.upperFlags;
}

/** Returns the frames of the smallest large page of `format`, as many as a leaf table has entries; 0 where it has none. */
export function largePageFrames(format: PageTableFormat): number {
  const leaf = format.levels.at(-1);
  return leaf !== undefined && format.levels.at(-2)?.large === true ? powerOfTwo(leaf.indexBits) : 0;
}

/** Returns the width of the page numbers that `format` translates. */
export function vpnBits(format: PageTableFormat): number {
  return format.levels.reduce((sum, level) => sum + level.indexBits, 0);
}

/** Panics (MMU1) if `format` contradicts itself. */
export function checkFormat(format: PageTableFormat): void {
  const entryBits = format.entryBytes * 8;
  let shift = vpnBits(format);
  invariant(format.levels.length > 0 && shift <= 52, 'MMU1', () => `${format.name}: ${format.levels.length} levels, ${shift} bits`);
  for (const level of format.levels) {
    shift -= level.indexBits;
    invariant(level.shift === shift, 'MMU1', () => `${format.name}: a level has shift ${level.shift}, the ones below need ${shift}`);
    invariant(
      level.indexBits >= 1 && (format.architecture === 'hashed' || 2 ** level.indexBits * format.entryBytes <= PAGE_SIZE),
      'MMU1',
      () => `${format.name}: a table of 2^${level.indexBits} entries does not fit in a frame`,
    );
  }
  checkBits(format, entryBits);
}

function checkBits(format: PageTableFormat, entryBits: number): void {
  const { bits, frameShift, frameBits, name } = format;
  invariant(
    frameShift >= 1 && frameShift <= 31 && frameBits >= 1 && frameShift + frameBits <= entryBits,
    'MMU1',
    () => `${name}: a frame field of ${frameBits} bits from ${frameShift} does not fit`,
  );
  invariant(bits.present >= 0, 'MMU1', () => `${name}: there is no present bit`);
  const positions = [...Object.values(bits as unknown as Record<string, number>), ...format.leafOnes].filter((bit) => bit !== -1);
  for (const bit of [...positions, ...format.largeOnes, ...format.tableOnes, ...format.tableZeros]) {
    const inFrameField = bit >= frameShift && bit < frameShift + frameBits;
    invariant(Number.isInteger(bit) && bit >= 0 && bit < entryBits && !inFrameField, 'MMU1', () => `${name}: no room for bit ${bit}`);
  }
  invariant(new Set(positions).size === positions.length, 'MMU1', () => `${name}: two flags share a bit`);
}
