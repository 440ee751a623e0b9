// Page table formats that no processor has, for tests: each breaks an assumption that holds on the i386.

import { type PageTableFormat, PTE_ACCESSED, PTE_DIRTY, PTE_EXECUTE, PTE_PRESENT, PTE_USER, PTE_WRITE } from './format.ts';

/** Nothing beyond the bits: no names, no rules, no large pages. */
const plain = {
  architecture: 'plain',
  inverted: PTE_EXECUTE,
  leafOnes: [],
  largeOnes: [],
  tableOnes: [],
  tableZeros: [],
  fields: { leaf: [], table: [] },
} as const;

/** Three uneven levels of eight bytes, flags at both ends, an inverted bit in the low word, an odd frame field across both words. */
export const scattered: PageTableFormat = {
  ...plain,
  name: 'scattered',
  levels: [
    { indexBits: 5, shift: 16 },
    { indexBits: 9, shift: 7 },
    { indexBits: 7, shift: 0 },
  ],
  entryBytes: 8,
  bits: { present: 63, write: 3, user: 0, accessed: 31 + 16, dirty: 62, execute: 5, wired: 50 },
  frameShift: 11,
  frameBits: 30,
  upperFlags: PTE_PRESENT | PTE_WRITE | PTE_ACCESSED,
};

/** Four levels: page numbers of 36 bits, beyond what bit operators reach; no-execute in the sign bit. */
export const deep: PageTableFormat = {
  ...plain,
  name: 'deep',
  levels: [
    { indexBits: 9, shift: 27 },
    { indexBits: 9, shift: 18 },
    { indexBits: 9, shift: 9 },
    { indexBits: 9, shift: 0 },
  ],
  entryBytes: 8,
  bits: { present: 0, write: 1, user: 2, accessed: 5, dirty: 6, execute: 63, wired: 9 },
  frameShift: 12,
  frameBits: 40,
  upperFlags: PTE_PRESENT | PTE_USER | PTE_ACCESSED,
};

/** Three levels of four bytes, as the i386 has them, whose smallest large page has 8 pages: tests of large pages need few frames. */
export const handful: PageTableFormat = {
  ...plain,
  name: 'handful',
  levels: [
    { indexBits: 8, shift: 12 },
    { indexBits: 9, shift: 3, large: true },
    { indexBits: 3, shift: 0 },
  ],
  entryBytes: 4,
  bits: { present: 0, write: 1, user: 2, accessed: 5, dirty: 6, execute: -1, wired: 9 },
  frameShift: 12,
  frameBits: 20,
  upperFlags: PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED,
  largeOnes: [7],
  tableZeros: [7],
};

/** One level, four bytes, and no bit but present and write: nothing is denied to programs, nothing is recorded. */
export const bare: PageTableFormat = {
  ...plain,
  name: 'bare',
  levels: [{ indexBits: 10, shift: 0 }],
  entryBytes: 4,
  bits: { present: 31, write: 0, user: -1, accessed: -1, dirty: -1, execute: -1, wired: -1 },
  frameShift: 1,
  frameBits: 20,
  upperFlags: PTE_PRESENT,
};

/** Two levels of four bytes, like the i386, with a no-execute bit and the flags in another order. */
export const shuffled: PageTableFormat = {
  ...plain,
  name: 'shuffled',
  levels: [
    { indexBits: 9, shift: 8 },
    { indexBits: 8, shift: 0 },
  ],
  entryBytes: 4,
  bits: { present: 30, write: 29, user: 28, accessed: 1, dirty: 0, execute: 31, wired: 2 },
  frameShift: 4,
  frameBits: 22,
  upperFlags: PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED,
};

/**
 * Three levels of eight bytes where everything is kept the other way round that can be, leaves and tables have bits of their own, and large
 * pages may sit at the root.
 */
export const upsideDown: PageTableFormat = {
  ...plain,
  name: 'upside-down',
  levels: [
    { indexBits: 6, shift: 14, large: true },
    { indexBits: 8, shift: 6, large: true, flags: PTE_PRESENT },
    { indexBits: 6, shift: 0 },
  ],
  entryBytes: 8,
  bits: { present: 4, write: 60, user: 2, accessed: 41, dirty: 6, execute: 40, wired: 1 },
  inverted: PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY,
  frameShift: 8,
  frameBits: 30,
  upperFlags: PTE_PRESENT | PTE_USER | PTE_EXECUTE,
  leafOnes: [0, 62],
  largeOnes: [0, 5],
  tableOnes: [3],
  tableZeros: [0, 5],
};
