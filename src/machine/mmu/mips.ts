// The MIPS R4000: the processor has no page table at all, only a TLB that the kernel fills (MIPS R4000 Microprocessor User's Manual, 2nd
// edition, 1994, chapter 4; mips-tlb.ts is that TLB). The table is the kernel's own, two levels of 1,024 words, laid out so that the
// refill handler gets EntryLo by one shift, or nothing where P is 0 (the other bits are then the kernel's, a swap slot or so):
//
//   entry       31                12 11  9   8   7   6   5       3   2   1   0
//               | frame             | C    | D | V | G | .   . |wired| . | W | P |          entry >>> 6 = EntryLo: PFN C D V G
//
// P and W are what the kernel grants. V and D are the marks: the kernel sets V at the first use of the page, D at the first store, and each
// time the processor's exception (TLB invalid, TLB modified) is what tells it. So both marks are exact without any hardware for them.
// C = 3: cached. Programs live in kuseg, below 2 GiB; here the space goes on to 4 GiB, as if kseg0 and kseg1 were mapped too.

import { type PageTableFormat, PTE_PRESENT } from './format.ts';

/** The table of a kernel on the R4000, and its TLB of 48 entries, one of them the kernel's own. */
export const mips: PageTableFormat = {
  name: 'mips',
  architecture: 'mips',
  levels: [
    { indexBits: 10, shift: 10, name: 'page directory' },
    { indexBits: 10, shift: 0, name: 'page table' },
  ],
  entryBytes: 4,
  bits: { present: 0, write: 1, user: -1, accessed: 7, dirty: 8, execute: -1, wired: 3 },
  inverted: 0,
  frameShift: 12,
  frameBits: 20,
  upperFlags: PTE_PRESENT,
  leafOnes: [9, 10],
  largeOnes: [],
  tableOnes: [],
  tableZeros: [],
  fields: {
    leaf: [
      ['P', 0, 1],
      ['W', 1, 1],
      ['wired', 3, 1],
      ['G', 6, 1],
      ['V', 7, 1],
      ['D', 8, 1],
      ['C', 9, 3],
      ['PFN', 12, 20],
    ],
    table: [
      ['P', 0, 1],
      ['table', 12, 20],
    ],
  },
  tlb: { entries: 48, wired: 1 },
};
