// An inverted page table: one entry for each frame of RAM, found by hashing, for all spaces together; after the page tables of IBM's
// System/38 and HP's PA-RISC (Huck and Hays 1993, "Architectural Support for Translation Table Management in Large Address Space Machines"),
// with the registers of a PowerPC (The PowerPC Architecture, book III). hashed-mmu.ts is the table itself.
//
//   anchors   one word for each frame (a power of two), indexed by a hash of space and page: the first entry of the chain, / 16
//   entries   16 bytes each, entry k for frame k:     31           12 11 10  9   8   7       3   2   1   0
//               word 0   frame and flags              | frame        | . |NX |wired|R | C |...|.. |U | W | V |
//               word 1   page number
//               word 2   space, 0 for an unused entry
//               word 3   the next entry of the chain, / 16; 0 at its end
//
// The bits are this project's own: PowerPC's entries have rights in two bits (PP) that mean different things by segment.

import { type PageTableFormat, PTE_EXECUTE } from './format.ts';

/** One hashed table for the whole machine. */
export const inverted: PageTableFormat = {
  name: 'inverted',
  architecture: 'hashed',
  levels: [{ indexBits: 20, shift: 0, name: 'hashed' }],
  entryBytes: 4,
  bits: { present: 0, write: 1, user: 2, accessed: 8, dirty: 7, execute: 10, wired: 9 },
  inverted: PTE_EXECUTE,
  frameShift: 12,
  frameBits: 20,
  upperFlags: 0,
  leafOnes: [],
  largeOnes: [],
  tableOnes: [],
  tableZeros: [],
  fields: {
    leaf: [
      ['V', 0, 1],
      ['W', 1, 1],
      ['U', 2, 1],
      ['C', 7, 1],
      ['R', 8, 1],
      ['wired', 9, 1],
      ['NX', 10, 1],
      ['frame', 12, 20],
    ],
    table: [],
  },
};
