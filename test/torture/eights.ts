// The i386's page table with tables of 8 entries: its large pages have 8 pages, so that a machine of some hundred frames makes, divides and
// dissolves them all the time.

import { i386, type PageTableFormat } from '../../src/machine/index.ts';

/** Pages of a large page. */
export const LARGE_PAGES = 8;

/** Two levels of four bytes that translate exactly the pages of a trial's space: 256 tables of 8 pages. */
export const eights: PageTableFormat = {
  ...i386,
  name: 'eights',
  levels: [
    { indexBits: 8, shift: 3, name: 'page directory', large: true },
    { indexBits: 3, shift: 0, name: 'page table' },
  ],
  // A large entry's frame is a multiple of 8, not of 1,024: nothing of the i386's own large pages lies in these bits.
  fields: { ...i386.fields, large: i386.fields.leaf },
};
