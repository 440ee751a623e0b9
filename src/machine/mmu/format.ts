// Page table formats as data: geometry and bit layout. The walker and the entry codec are made from them and assume no processor.
//
// A table of a level is an array of entries in one frame; an entry of the last level (the leaf) maps one page:
//
//   page number    | index of level 0 | index of level 1 | ... | index of the last level |
//   entry          | frame field: frameBits bits from frameShift |, and single bits anywhere else
//
// The kernel names rights and marks by the abstract flags below; a format says at which bit each one is, or -1 where the
// processor has no such bit. A right without a bit is always granted; a mark without a bit is never seen set.
//
//   MMU1  a format is consistent: tables fit in a frame, levels join without gap, no two fields share a bit

import { invariant, PAGE_SIZE } from '../../base/index.ts';

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
/** Instructions may be fetched. Kept inverted in the entry (no-execute). */
export const PTE_EXECUTE = 32;
/** The kernel's own: the mapping is wired. The MMU ignores it. */
export const PTE_WIRED = 64;

/** Number of different flag sets: flags are below this. */
export const PTE_FLAG_SETS = 128;

/** One level of tables. Its index is `indexBits` bits of the page number, from bit `shift`. */
export interface PageTableLevel {
  readonly indexBits: number;
  readonly shift: number;
}

/** Bit positions in an entry, from 0; -1 where the format has no such bit. */
export interface PageTableBits {
  readonly present: number;
  readonly write: number;
  readonly user: number;
  readonly accessed: number;
  readonly dirty: number;
  readonly noExecute: number;
  /** A bit that the processor leaves to the kernel. */
  readonly wired: number;
}

/** Geometry and bit layout of a page table. */
export interface PageTableFormat {
  readonly name: string;
  /** Levels from the root down; the last one has shift 0. */
  readonly levels: readonly PageTableLevel[];
  /** Bytes of an entry. Eight are two 32-bit words, the low one first. */
  readonly entryBytes: 4 | 8;
  readonly bits: PageTableBits;
  /** Lowest bit of the frame number in an entry, 1 to 31. */
  readonly frameShift: number;
  /** Width of the frame number in an entry. */
  readonly frameBits: number;
  /** Flags of an entry above the leaf. A right named here is checked at every level, any other only at the leaf. */
  readonly upperFlags: number;
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
      level.indexBits >= 1 && 2 ** level.indexBits * format.entryBytes <= PAGE_SIZE,
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
  const positions = Object.values(bits as unknown as Record<string, number>).filter((bit) => bit !== -1);
  for (const bit of positions) {
    const inFrameField = bit >= frameShift && bit < frameShift + frameBits;
    invariant(Number.isInteger(bit) && bit >= 0 && bit < entryBits && !inFrameField, 'MMU1', () => `${name}: no room for bit ${bit}`);
  }
  invariant(new Set(positions).size === positions.length, 'MMU1', () => `${name}: two flags share a bit`);
}
