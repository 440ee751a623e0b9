// The Intel i386's page table: two levels of 1,024 entries of four bytes (80386 Programmer's Reference Manual, 1986, chapter 5.2).
//
//   page number    19           10 9            0        entry   31              12 11 10 9   7   6   5       2   1   0
//                  | directory    | table        |               | frame            | avail |PS | D | A |...|U/S|R/W| P |
//
// There is no no-execute bit: whatever can be read can be executed. Both levels must grant a right (manual, 6.4.2). A directory entry
// with PS maps 4 MiB itself (Pentium and later with CR4.PSE: Intel SDM vol. 3, 4.3); in a leaf that bit is PAT.

import { type EntryField, type PageTableFormat, PTE_ACCESSED, PTE_PRESENT, PTE_USER, PTE_WRITE } from './format.ts';

const low: readonly EntryField[] = [
  ['P', 0, 1],
  ['R/W', 1, 1],
  ['U/S', 2, 1],
  ['PWT', 3, 1],
  ['PCD', 4, 1],
  ['A', 5, 1],
];

/** The two-level page table of the i386. */
export const i386: PageTableFormat = {
  name: 'i386',
  architecture: 'x86',
  levels: [
    { indexBits: 10, shift: 10, name: 'page directory', large: true },
    { indexBits: 10, shift: 0, name: 'page table' },
  ],
  entryBytes: 4,
  bits: { present: 0, write: 1, user: 2, accessed: 5, dirty: 6, execute: -1, wired: 9 },
  inverted: 0,
  frameShift: 12,
  frameBits: 20,
  upperFlags: PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED,
  leafOnes: [],
  largeOnes: [7],
  tableOnes: [],
  tableZeros: [7],
  fields: {
    table: [...low, ['PS', 7, 1], ['avail', 9, 3], ['table', 12, 20]],
    leaf: [...low, ['D', 6, 1], ['PAT', 7, 1], ['G', 8, 1], ['avail', 9, 3], ['frame', 12, 20]],
    large: [...low, ['D', 6, 1], ['PS', 7, 1], ['G', 8, 1], ['avail', 9, 3], ['PAT', 12, 1], ['reserved', 13, 9], ['frame', 22, 10]],
  },
};
