// Page table formats that no processor has, for tests: each breaks an assumption that holds on the i386.

import { type PageTableFormat, PTE_PRESENT, PTE_USER, PTE_WRITE } from './format.ts';

/** Three uneven levels of eight bytes, flags at both ends, an inverted bit in the low word, an odd frame field across both words. */
export const scattered: PageTableFormat = {
  name: 'scattered',
  levels: [
    { indexBits: 5, shift: 16 },
    { indexBits: 9, shift: 7 },
    { indexBits: 7, shift: 0 },
  ],
  entryBytes: 8,
  bits: { present: 63, write: 3, user: 0, accessed: 31 + 16, dirty: 62, noExecute: 5, wired: 50 },
  frameShift: 11,
  frameBits: 30,
  upperFlags: PTE_PRESENT | PTE_WRITE,
};

/** Four levels: page numbers of 36 bits, beyond what bit operators reach; no-execute in the sign bit. */
export const deep: PageTableFormat = {
  name: 'deep',
  levels: [
    { indexBits: 9, shift: 27 },
    { indexBits: 9, shift: 18 },
    { indexBits: 9, shift: 9 },
    { indexBits: 9, shift: 0 },
  ],
  entryBytes: 8,
  bits: { present: 0, write: 1, user: 2, accessed: 5, dirty: 6, noExecute: 63, wired: 9 },
  frameShift: 12,
  frameBits: 40,
  upperFlags: PTE_PRESENT | PTE_USER,
};

/** One level, four bytes, and no bit but present and write: nothing is denied to programs, nothing is recorded. */
export const bare: PageTableFormat = {
  name: 'bare',
  levels: [{ indexBits: 10, shift: 0 }],
  entryBytes: 4,
  bits: { present: 31, write: 0, user: -1, accessed: -1, dirty: -1, noExecute: -1, wired: -1 },
  frameShift: 1,
  frameBits: 20,
  upperFlags: PTE_PRESENT,
};

/** Two levels of four bytes, like the i386, with a no-execute bit and the flags in another order. */
export const shuffled: PageTableFormat = {
  name: 'shuffled',
  levels: [
    { indexBits: 9, shift: 8 },
    { indexBits: 8, shift: 0 },
  ],
  entryBytes: 4,
  bits: { present: 30, write: 29, user: 28, accessed: 1, dirty: 0, noExecute: 31, wired: 2 },
  frameShift: 4,
  frameBits: 22,
  upperFlags: PTE_PRESENT | PTE_WRITE | PTE_USER,
};
