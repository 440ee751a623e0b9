// The page table of AArch64 with a granule of 4 KiB and 48-bit addresses: four levels of 512 descriptors of eight bytes (Arm Architecture
// Reference Manual for A-profile, DDI 0487, chapter D8: translation table descriptor formats, hardware management of flags).
//
//   page descriptor   63  59 58  55  54  53   51  50  47              12  11  10  9  8  7     6     5  4  2   1   0
//                     |     |soft  |UXN|PXN| DBM|...| frame             | nG| AF| SH  | AP[2] AP[1]|NS|Attr | 1 | 1 |
//   table descriptor  bits 0 and 1 are one too; 47..12 name the table; 63..59 could take rights away below, and are zero here
//   block descriptor  bit 1 is zero: maps 1 GiB at level 1, 2 MiB at level 2
//
// The right to write is inverted, AP[2] = read-only, and so is the right to execute, UXN (for programs) and PXN (for the kernel).
// The hardware manages both marks (FEAT_HAFDBS; TCR_EL1.HA and HD are set): it sets AF at a use, and at the first store to a page with
// DBM it clears AP[2]. So DBM is the right to write and AP[2] the dirty mark, inverted; that is why what is dirty must be writable
// (MMU4). A processor without it takes permission faults there, and its kernel sets the bits. There is no accessed mark in a table.

import { type EntryField, type PageTableFormat, PTE_DIRTY, PTE_EXECUTE, PTE_PRESENT } from './format.ts';

const attributes: readonly EntryField[] = [
  ['valid', 0, 1],
  ['page', 1, 1],
  ['AttrIndx', 2, 3],
  ['NS', 5, 1],
  ['AP[1] user', 6, 1],
  ['AP[2] read-only', 7, 1],
  ['SH', 8, 2],
  ['AF', 10, 1],
  ['nG', 11, 1],
];
const execution: readonly EntryField[] = [
  ['GP', 50, 1],
  ['DBM', 51, 1],
  ['contiguous', 52, 1],
  ['PXN', 53, 1],
  ['UXN', 54, 1],
  ['software', 55, 4],
  ['PBHA', 59, 4],
];

/** Ones in whatever maps memory for programs: inner shareable, not global, the kernel does not execute it. */
const programMemory = [8, 9, 11, 53];

/** Four levels for 48-bit addresses, granule 4 KiB. */
export const aarch64: PageTableFormat = {
  name: 'aarch64',
  architecture: 'aarch64',
  levels: [
    { indexBits: 9, shift: 27, name: 'level 0' },
    { indexBits: 9, shift: 18, name: 'level 1', large: true },
    { indexBits: 9, shift: 9, name: 'level 2', large: true },
    { indexBits: 9, shift: 0, name: 'level 3' },
  ],
  entryBytes: 8,
  bits: { present: 0, write: 51, user: 6, accessed: 10, dirty: 7, execute: 54, wired: 55 },
  inverted: PTE_EXECUTE | PTE_DIRTY,
  frameShift: 12,
  frameBits: 36,
  upperFlags: PTE_PRESENT,
  leafOnes: [1, ...programMemory],
  largeOnes: programMemory,
  tableOnes: [1],
  tableZeros: [],
  fields: {
    leaf: [...attributes, ['frame', 12, 36], ...execution],
    table: [
      ['valid', 0, 1],
      ['table', 1, 1],
      ['frame', 12, 36],
      ['PXNTable', 59, 1],
      ['UXNTable', 60, 1],
      ['APTable', 61, 2],
      ['NSTable', 63, 1],
    ],
    large: [
      ...attributes.map(([name, at, width]): EntryField => (at === 1 ? ['table', at, width] : [name, at, width])),
      ['frame', 12, 36],
      ...execution,
    ],
  },
};
