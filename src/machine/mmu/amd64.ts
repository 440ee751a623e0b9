// The page tables of 64-bit x86: four levels of 512 entries of eight bytes, or five, and their 32-bit forerunner PAE with three (AMD64
// Architecture Programmer's Manual vol. 2, 5.2 and 5.3; Intel SDM vol. 3, 4.4 and 4.5).
//
//   amd64          35      27 26      18 17       9 8        0      amd64-5 has 9 bits more above: the PML5
//                  | PML4   | pointers | directory| table    |      pae keeps 2 bits of the pointers, and no PML4
//
//   entry    63  62     52 51                  12 11 10 9   7   6   5       2   1   0
//            |NX | avail  | frame                | avail |PS | D | A |...|U/S|R/W| P |
//
// Every level must grant a right, also the right to execute. A directory entry with PS maps 2 MiB, a pointer entry 1 GiB (not in PAE).
// PAE's four pointer entries carry no rights: their bits 1, 2 and 5 to 8 are reserved and must be zero (SDM, table 4-8).
// PAE reads these four into registers when CR3 is loaded; here each walk reads them.

import {
  type EntryField,
  type PageTableFormat,
  type PageTableLevel,
  PTE_ACCESSED,
  PTE_EXECUTE,
  PTE_PRESENT,
  PTE_USER,
  PTE_WRITE,
} from './format.ts';

const low: readonly EntryField[] = [
  ['P', 0, 1],
  ['R/W', 1, 1],
  ['U/S', 2, 1],
  ['PWT', 3, 1],
  ['PCD', 4, 1],
  ['A', 5, 1],
];
const high: readonly EntryField[] = [
  ['avail', 52, 11],
  ['NX', 63, 1],
];

/** What all three share. */
const wide: Omit<PageTableFormat, 'name' | 'levels'> = {
  architecture: 'x86',
  entryBytes: 8,
  bits: { present: 0, write: 1, user: 2, accessed: 5, dirty: 6, execute: 63, wired: 9 },
  inverted: PTE_EXECUTE,
  frameShift: 12,
  frameBits: 40,
  upperFlags: PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_EXECUTE,
  leafOnes: [],
  largeOnes: [7],
  tableOnes: [],
  tableZeros: [7],
  fields: {
    table: [...low, ['PS', 7, 1], ['avail', 9, 3], ['table', 12, 40], ...high],
    leaf: [...low, ['D', 6, 1], ['PAT', 7, 1], ['G', 8, 1], ['avail', 9, 3], ['frame', 12, 40], ...high],
    large: [...low, ['D', 6, 1], ['PS', 7, 1], ['G', 8, 1], ['avail', 9, 3], ['PAT', 12, 1], ['frame', 13, 39], ...high],
  },
};

const directoryAndTable: readonly PageTableLevel[] = [
  { indexBits: 9, shift: 9, name: 'page directory', large: true },
  { indexBits: 9, shift: 0, name: 'page table' },
];
const fourLevels: readonly PageTableLevel[] = [
  { indexBits: 9, shift: 27, name: 'PML4' },
  { indexBits: 9, shift: 18, name: 'page-directory pointers', large: true },
  ...directoryAndTable,
];

/** Three levels for 32-bit addresses, with frames beyond 4 GiB and no-execute. */
export const pae: PageTableFormat = {
  ...wide,
  name: 'pae',
  levels: [{ indexBits: 2, shift: 18, name: 'page-directory pointers', flags: PTE_PRESENT }, ...directoryAndTable],
};

/** Four levels for 48-bit addresses. */
export const amd64: PageTableFormat = { ...wide, name: 'amd64', levels: fourLevels };

/** Five levels for 57-bit addresses (Intel's 5-Level Paging white paper, 2017). */
export const amd64FiveLevel: PageTableFormat = {
  ...wide,
  name: 'amd64-5',
  levels: [{ indexBits: 9, shift: 36, name: 'PML5' }, ...fourLevels],
};
