// The page tables of RISC-V (The RISC-V Instruction Set Manual vol. II, Privileged Architecture, 20211203, sections 4.3 to 4.5).
//
//   sv32   two levels of 10 bits, entries of four bytes      entry   31 .. 10              9  8   7   6   5   4   3   2   1   0
//   sv39   three levels of 9 bits, eight bytes                       | frame (22 or 44)  | RSW | D | A | G | U | X | W | R | V |
//   sv48   four levels of 9 bits, eight bytes                and in eight bytes 63 N, 62..61 PBMT, 60..54 reserved
//
// An entry with R, W and X all zero names the next table, at any other level than the last it maps a large page: 4 MiB in sv32, else
// 2 MiB, 1 GiB, 512 GiB. Only the leaf carries rights and marks: of a pointer, D, A and U are reserved and must be zero.
// A and D are set by the hardware here (extension Svadu); without it (Svade) a clear bit is a page fault, and the kernel sets it.
// Whatever is mapped can be read: R is one in each leaf, since W without R is reserved.

import { type EntryField, type PageTableFormat, PTE_PRESENT } from './format.ts';

const low: readonly EntryField[] = [
  ['V', 0, 1],
  ['R', 1, 1],
  ['W', 2, 1],
  ['X', 3, 1],
  ['U', 4, 1],
  ['G', 5, 1],
  ['A', 6, 1],
  ['D', 7, 1],
  ['RSW', 8, 2],
];
const high: readonly EntryField[] = [
  ['reserved', 54, 7],
  ['PBMT', 61, 2],
  ['N', 63, 1],
];

const common: Omit<PageTableFormat, 'name' | 'levels' | 'entryBytes' | 'frameBits' | 'fields'> = {
  architecture: 'riscv',
  bits: { present: 0, write: 2, user: 4, accessed: 6, dirty: 7, execute: 3, wired: 8 },
  inverted: 0,
  frameShift: 10,
  upperFlags: PTE_PRESENT,
  leafOnes: [1],
  largeOnes: [1],
  tableOnes: [],
  tableZeros: [1, 2, 3],
};
const wide: Pick<PageTableFormat, 'entryBytes' | 'frameBits' | 'fields'> = {
  entryBytes: 8,
  frameBits: 44,
  fields: { leaf: [...low, ['PPN', 10, 44], ...high], table: [...low, ['PPN', 10, 44], ...high] },
};

/** Two levels for 32-bit addresses. */
export const sv32: PageTableFormat = {
  ...common,
  name: 'sv32',
  levels: [
    { indexBits: 10, shift: 10, name: 'VPN[1]', large: true },
    { indexBits: 10, shift: 0, name: 'VPN[0]' },
  ],
  entryBytes: 4,
  frameBits: 22,
  fields: { leaf: [...low, ['PPN', 10, 22]], table: [...low, ['PPN', 10, 22]] },
};

/** Three levels for 39-bit addresses. */
export const sv39: PageTableFormat = {
  ...common,
  ...wide,
  name: 'sv39',
  levels: [
    { indexBits: 9, shift: 18, name: 'VPN[2]', large: true },
    { indexBits: 9, shift: 9, name: 'VPN[1]', large: true },
    { indexBits: 9, shift: 0, name: 'VPN[0]' },
  ],
};

/** Four levels for 48-bit addresses. */
export const sv48: PageTableFormat = {
  ...common,
  ...wide,
  name: 'sv48',
  levels: [{ indexBits: 9, shift: 27, name: 'VPN[3]', large: true }, ...sv39.levels],
};
