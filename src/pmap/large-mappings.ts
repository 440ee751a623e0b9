// Large mappings: a leaf table whose pages are all mapped to frames in a row, with equal rights, gives way to one large entry above it
// (promotion); what concerns a part of a large page brings the table back first (demotion).
//
//   upper entry --> [ leaf | leaf | ... | leaf ]    promote -->    upper entry ==> frames in a row, aligned; the table's frame is free
//                    f      f+1         f+n-1       <-- demote
//
// What the one entry's marks say, so that a demotion can give each page its own:
//   LP1  a large entry is read-only, or it is writable and dirty: its dirty mark is true of each page. A clean page that may be written is
//        not promoted, since its first store would make all of them dirty; the store that makes the last one dirty promotes
//   LP2  its accessed mark is set if any page was referenced. A page that is asked for its mark (a policy looks for a victim: memory is
//        short) is demoted first when the mark is set: all pages take the mark over, and lose it one by one. Until then, and
//        wherever nobody asks, the whole is referenced
//   LP3  the reverse map names each page, as if it were mapped by itself
//   LP4  demotion never fails: without a frame to spare for the table the whole large page is unmapped, its marks go to the frames, and
//        faults map the pages again one by one, without any input or output
//
// TLB words are per page and stay true in both directions.
// Cost: an entry that completes a table costs a look at both ends of it, and all of it only if these agree; demotion a table. Source: Navarro
// et al. 2002, section 5; FreeBSD's pmap_promote_pde and pmap_demote_pde, which keep the table in reserve instead.
// Elsewhere: frames in a row (frames/reservations.ts), the entries (machine/mmu/).

import { invariant, PAGE_SHIFT, type Pfn } from '../base/index.ts';
import { FRAME_MODIFIED, FRAME_REFERENCED, FrameKind, type FrameTable, type PhysicalMemory } from '../frames/index.ts';
import { largePageFrames, type Mmu, PTE_ACCESSED, PTE_DIRTY, PTE_PRESENT, PTE_WRITE } from '../machine/index.ts';
import type { Pmap } from './pmap.ts';
import type { ReverseMap } from './reverse-map.ts';

/** `promote`: a full leaf table of frames in a row becomes a large page. `never`: every page has its own entry. */
export type LargePages = 'never' | 'promote';

/** Free frames that a demotion leaves: the kernel's reserve, which page-out may need to free more, and some for the tables of running code. */
const SPARE_FRAMES = 8;

/** Counts since boot, but for `mapped`. */
export interface LargePageCounts {
  /** Pages of a large page. */
  readonly pages: number;
  readonly promotions: number;
  readonly demotions: number;
  /** Large pages that were unmapped, since there was no frame to demote them with. */
  readonly dissolved: number;
  /** Large pages mapped now: as many frames of leaf tables are saved. */
  readonly mapped: number;
}

/** The large pages of all spaces of one machine. */
export class LargeMappings implements LargePageCounts {
  /** 0: none are made. */
  readonly pages: number;
  promotions = 0;
  demotions = 0;
  dissolved = 0;
  mapped = 0;
  readonly #mmu: Mmu;
  readonly #frames: PhysicalMemory;
  readonly #table: FrameTable;
  readonly #reverse: ReverseMap;

  constructor(parts: {
    readonly mmu: Mmu;
    readonly frames: PhysicalMemory;
    readonly reverse: ReverseMap;
    readonly largePages: LargePages;
  }) {
    this.#mmu = parts.mmu;
    this.#frames = parts.frames;
    this.#table = parts.frames.table;
    this.#reverse = parts.reverse;
    this.pages = parts.largePages === 'promote' ? largePageFrames(parts.mmu.format) : 0;
  }

  /** Promotes the leaf table that holds `entry`, of `page`, if it can be. Its pages are all mapped. */
  promoteIfUniform(pmap: Pmap, page: number, entry: number): void {
    const mmu = this.#mmu;
    const index = page & (this.pages - 1);
    const base = (mmu.entryFrame(entry) - index) as Pfn;
    const marks = mmu.entryFlags(entry);
    const rights = marks & ~PTE_ACCESSED;
    if ((base & (this.pages - 1)) !== 0 || (rights & (PTE_WRITE | PTE_DIRTY)) === PTE_WRITE) return;
    const first = entry - index * mmu.entryBytes;
    if (!this.#agrees(first, base, rights)) return;
    let flags = marks;
    // From the end: where rights are given back page by page in order, the last is the one that still differs.
    for (let i = this.pages - 1; i > 0; i--) {
      const at = first + i * mmu.entryBytes;
      if (!this.#agrees(at, (base + i) as Pfn, rights)) return;
      flags |= mmu.entryFlags(at);
    }
    flags |= mmu.entryFlags(first);
    this.#frames.free(mmu.promote(pmap.root, page, base, flags));
    pmap.tlb.promoted(page - index);
    pmap.tableFrames--;
    pmap.largePages++;
    this.mapped++;
    this.promotions++;
  }

  #agrees(entry: number, frame: Pfn, rights: number): boolean {
    return this.#mmu.entryFrame(entry) === frame && (this.#mmu.entryFlags(entry) & ~PTE_ACCESSED) === rights;
  }

  /** Returns the large entry that maps `page`, or 0. Costs nothing in a space without large pages. */
  entryOf(pmap: Pmap, page: number): number {
    return pmap.largePages === 0 ? 0 : this.#mmu.largeEntry(pmap.root, page);
  }

  /** Returns the frame that large `entry` maps `page` to. */
  frameOf(entry: number, page: number): Pfn {
    return (this.#mmu.entryFrame(entry) + (page & (this.pages - 1))) as Pfn;
  }

  /** Gives the pages of the large page that maps `page` an entry each. Returns false if they are unmapped instead (LP4). */
  demote(pmap: Pmap, page: number): boolean {
    const table = this.#frames.freeCount > SPARE_FRAMES ? this.#frames.allocateZeroed(FrameKind.pageTable, pmap.id) : -1;
    if (table === -1) {
      this.remove(pmap, this.#mmu.largeEntry(pmap.root, page), page - (page & (this.pages - 1)));
      this.dissolved++;
      return false;
    }
    this.#mmu.demote(pmap.root, page, table);
    this.#table.setIndex(table, this.pages);
    pmap.tlb.demoted(page - (page & (this.pages - 1)));
    pmap.tableFrames++;
    pmap.largePages--;
    this.mapped--;
    this.demotions++;
    return true;
  }

  /** Demotes the large pages that reach into [first, end) and beyond. */
  demoteEdges(pmap: Pmap, first: number, end: number): void {
    if (pmap.largePages === 0 || first >= end) return;
    const mask = this.pages - 1;
    if ((first & mask) !== 0 && this.entryOf(pmap, first) !== 0) this.demote(pmap, first);
    if ((end & mask) !== 0 && this.entryOf(pmap, end - 1) !== 0) this.demote(pmap, end - 1);
  }

  /** Demotes all large pages that reach into [first, end). */
  demoteRange(pmap: Pmap, first: number, end: number): void {
    if (pmap.largePages > 0) this.#mmu.forEachLarge(pmap.root, first, end, (_entry, page) => this.demote(pmap, page));
  }

  /** Unmaps the large page of `entry`, from page `first` on. Its marks go to the frames, and its table's upper tables may be empty. */
  remove(pmap: Pmap, entry: number, first: number): void {
    const base = this.#mmu.entryFrame(entry);
    const marks = this.#frameMarks(entry);
    this.#mmu.clearEntry(entry);
    for (let i = 0; i < this.pages; i++) {
      const frame = (base + i) as Pfn;
      if (marks !== 0) this.#table.setFlag(frame, marks);
      this.#reverse.drop(frame, pmap.id, first + i);
    }
    pmap.residentPages -= this.pages;
    pmap.largePages--;
    this.mapped--;
    pmap.tlb.invalidateRange(first, this.pages);
    pmap.tlb.demoted(first);
  }

  /** What the marks of an entry are as flags of a frame. */
  #frameMarks(entry: number): number {
    const referenced = this.#mmu.hasFlags(entry, PTE_ACCESSED) ? FRAME_REFERENCED : 0;
    return this.#mmu.hasFlags(entry, PTE_DIRTY) ? referenced | FRAME_MODIFIED : referenced;
  }

  /** Unmaps the large pages that lie in [first, end), none of which reaches beyond. */
  removeRange(pmap: Pmap, first: number, end: number): void {
    if (pmap.largePages > 0) this.#mmu.forEachLarge(pmap.root, first, end, (entry, page) => this.remove(pmap, entry, page));
  }

  /** Takes the right to write from the large pages that lie in [first, end), none of which reaches beyond. */
  writeProtectRange(pmap: Pmap, first: number, end: number): void {
    if (pmap.largePages > 0) this.#mmu.forEachLarge(pmap.root, first, end, (entry, page) => this.#writeProtect(pmap, entry, page));
  }

  #writeProtect(pmap: Pmap, entry: number, first: number): void {
    if (!this.#mmu.hasFlags(entry, PTE_WRITE)) return;
    const base = this.#mmu.entryFrame(entry);
    for (let i = 0; i < this.pages; i++) this.#table.setFlag((base + i) as Pfn, FRAME_MODIFIED);
    this.#mmu.removeFlags(entry, PTE_WRITE | PTE_DIRTY);
    pmap.tlb.invalidateWriteRange(first, this.pages);
  }

  /** Visits the pages of large pages of a space with their frames and flags; panics at the first broken invariant. */
  check(pmap: Pmap, visit: (page: number, frame: Pfn, flags: number) => void): void {
    let found = 0;
    this.#mmu.forEachLarge(pmap.root, 0, this.#mmu.pages, (entry, first) => {
      found++;
      const flags = this.#mmu.entryFlags(entry);
      const clean = (flags & (PTE_WRITE | PTE_DIRTY)) === PTE_WRITE;
      invariant(!clean, 'LP1', () => `the large page at page ${first} of space ${pmap.id} is writable and clean`);
      for (let i = 0; i < this.pages; i++) visit(first + i, (this.#mmu.entryFrame(entry) + i) as Pfn, flags);
    });
    invariant(found === pmap.largePages, 'LP3', () => `space ${pmap.id} counts ${pmap.largePages} large pages and has ${found}`);
  }

  /** Tells whether the leaf table of `entry` maps all its pages. */
  isFull(entry: number): boolean {
    return this.pages > 0 && this.#table.index((entry >>> PAGE_SHIFT) as Pfn) === this.pages && this.#mmu.hasFlags(entry, PTE_PRESENT);
  }
}
