// The Intel i386's page table: two levels of 1,024 entries of four bytes (80386 Programmer's Reference Manual, 1986, chapter 5.2).
//
//   page number    19           10 9            0        entry   31              12 11 10 9   6   5       2   1   0
//                  | directory    | table        |               | frame            | avail |.| D | A |...|U/S|R/W| P |
//
// There is no no-execute bit: whatever can be read can be executed. Both levels must grant a right (manual, 6.4.2).

import { type PageTableFormat, PTE_PRESENT, PTE_USER, PTE_WRITE } from './format.ts';

/** The two-level page table of the i386. */
export const i386: PageTableFormat = {
  name: 'i386',
  levels: [
    { indexBits: 10, shift: 10 },
    { indexBits: 10, shift: 0 },
  ],
  entryBytes: 4,
  bits: { present: 0, write: 1, user: 2, accessed: 5, dirty: 6, noExecute: -1, wired: 9 },
  frameShift: 12,
  frameBits: 20,
  upperFlags: PTE_PRESENT | PTE_WRITE | PTE_USER,
};
