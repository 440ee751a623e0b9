// pmap: the machine-independent face of the MMU. It knows which frame each page of each space reaches and with which rights;
// it never decides what should be there. Everything it holds could be thrown away and rebuilt by faults.
//
//   Pmap (one per space)          PhysicalMap (one per machine)
//   root frame, TLB, counts       enter remove protect extract | pageProtect referenced modified (by frame, through the reverse map)
//
// The reverse map (reverse-map.ts) answers "who maps this frame?".
//
// Reference and modify bits are the page tables' own. A mapping that goes away leaves its bits in the frame's record
// (FRAME_REFERENCED, FRAME_MODIFIED), so they are the union over past and present mappings. Each change of an entry
// invalidates the TLB words of its page, as real hardware needs a flush.
//
// Large pages (large-mappings.ts) are made here and nowhere known above: what concerns one page of one demotes it first.
//
// Invariants (quoted by `check`):
//   PM1  an entry is present if and only if the reverse map of its frame names it, once
//   PM2  residentPages = present entries of the space, a large one counting all its pages
//   PM3  a valid TLB word agrees with a present entry: same frame; a valid write word needs write and dirty
//   PM4  mapped frames are anon, object or permanent frames: never free, never the kernel's own
//   PM5  a dirty entry is writable (MMU4)
//   PM6  the frame record of a leaf table counts its present entries; unless a table may be empty, none is
// Source of the interface: pmap(9) of NetBSD. Cost: enter, remove and extract O(levels); by-frame operations O(mappings of the frame).

import { type EventRing, EventType, invariant, KernelPanic, PAGE_SHIFT, type Pfn } from '../base/index.ts';
import { FRAME_MODIFIED, FRAME_READ_AHEAD, FRAME_REFERENCED, FrameKind, type FrameTable, type PhysicalMemory } from '../frames/index.ts';
import type { KernelHeap } from '../heap/index.ts';
import { type Mmu, PTE_ACCESSED, PTE_DIRTY, PTE_PRESENT, PTE_USER, PTE_WRITE, type Tlb } from '../machine/index.ts';
import { LargeMappings, type LargePageCounts, type LargePages } from './large-mappings.ts';
import { Pmap } from './pmap.ts';
import { ReverseMap } from './reverse-map.ts';

/** Largest number of spaces alive at once: a frame's record names the space in 16 bits. */
const MAX_SPACES = 0xffff;

/** How an access is asked for: 0 read, 1 write, 2 execute. */
export type Access = 0 | 1 | 2;

/** What `PhysicalMap` stands on. */
export interface PhysicalMapParts {
  readonly mmu: Mmu;
  readonly frames: PhysicalMemory;
  readonly heap: KernelHeap;
  readonly events: EventRing;
  /** Default: never. */
  readonly largePages?: LargePages;
}

/** All address spaces of one machine, and the reverse map over them. */
export class PhysicalMap {
  readonly #mmu: Mmu;
  readonly #frames: PhysicalMemory;
  readonly #table: FrameTable;
  readonly #reverse: ReverseMap;
  readonly #large: LargeMappings;
  readonly #events: EventRing;
  /** Entries that lie side by side: mask of a page's index among them, and bytes from one to the next. */
  readonly #leafMask: number;
  readonly #entryBytes: number;
  /** Frames that the write protection of one leaf table found dirty. */
  readonly #dirtyFrames: Int32Array;
  readonly #spaces: (Pmap | undefined)[] = [undefined];
  /** A table may hold nothing: one lost its last page, or was made in vain. */
  #mayHaveEmptyTables = false;
  /** The space whose table a walk is extending; read by the table supply. */
  #extending: Pmap | undefined;
  readonly #supplyTable = (): Pfn | -1 => {
    const owner = this.#mmu.tablesOf === 'space' ? this.#extending : undefined;
    const frame = this.#frames.allocateZeroed(FrameKind.pageTable, owner?.id ?? 0);
    if (frame !== -1 && owner !== undefined) owner.tableFrames++;
    return frame;
  };

  constructor(parts: PhysicalMapParts) {
    this.#mmu = parts.mmu;
    this.#frames = parts.frames;
    this.#table = parts.frames.table;
    this.#reverse = new ReverseMap(parts.frames.table, parts.heap, parts.frames.ram.words);
    this.#large = new LargeMappings({
      mmu: parts.mmu,
      frames: parts.frames,
      reverse: this.#reverse,
      largePages: parts.largePages ?? 'never',
    });
    this.#events = parts.events;
    this.#leafMask = parts.mmu.runPages - 1;
    this.#entryBytes = parts.mmu.entryBytes;
    this.#dirtyFrames = new Int32Array(this.#leafMask + 1);
  }

  /** What became of large pages; undefined where none are made. */
  get largePages(): LargePageCounts | undefined {
    return this.#large.pages === 0 ? undefined : this.#large;
  }

  /** Makes an empty space. Returns undefined when there is no frame for its root table or no id left. */
  create(tlb: Tlb): Pmap | undefined {
    let id = 1;
    while (id < this.#spaces.length && this.#spaces[id] !== undefined) id++;
    if (id > MAX_SPACES) return undefined;
    const root = this.#mmu.makeRoot(id, () => this.#frames.allocateZeroed(FrameKind.pageTable, id));
    if (root === -1) return undefined;
    const pmap = new Pmap(id, root, tlb, this.#mmu.tablesOf === 'space' ? 1 : 0);
    tlb.bind(root, id);
    this.#spaces[id] = pmap;
    return pmap;
  }

  /** Frees the page tables of a space. Panics (PM2) if pages are still mapped: the VM layer unmaps first. */
  destroy(pmap: Pmap): void {
    invariant(pmap.residentPages === 0, 'PM2', () => `space ${pmap.id} destroyed with ${pmap.residentPages} pages mapped`);
    const tables: Pfn[] = [];
    this.#mmu.forEachTable(pmap.root, (table) => tables.push(table));
    for (const table of tables) this.#frames.free(table);
    pmap.tlb.flush();
    this.#spaces[pmap.id] = undefined;
  }

  /**
   * Gives back the page tables that hold nothing, of all spaces, but for the roots. Returns how many. Costs nothing unless there may be one.
   */
  reapTables(): number {
    let reaped = 0;
    if (!this.#mayHaveEmptyTables) return 0;
    this.#mayHaveEmptyTables = false;
    for (const pmap of this.spaces()) {
      this.#mmu.prune(pmap.root, (table) => {
        this.#frames.free(table);
        pmap.tableFrames--;
        reaped++;
      });
    }
    this.#mmu.pruneShared((table) => {
      this.#frames.free(table);
      reaped++;
    });
    return reaped;
  }

  /** The living spaces. */
  *spaces(): Iterable<Pmap> {
    for (const pmap of this.#spaces) if (pmap !== undefined) yield pmap;
  }

  /**
   * Translates as the hardware does: walks the table, sets the accessed (and for writes the dirty) bit and fills the TLB.
   * @returns the frame, or FAULT_NOT_PRESENT or FAULT_PROTECTION, with nothing changed.
   */
  refill(pmap: Pmap, page: number, access: Access): number {
    const frame = this.#mmu.walk(pmap.root, page, access);
    if (frame < 0) return frame;
    this.#fill(pmap, page, frame as Pfn, access);
    if (access === 1 && this.#large.pages > 0) this.#promoteWritten(pmap, page);
    this.#events.emit(EventType.tlbRefill, pmap.id, page, frame, access);
    return frame;
  }

  /** A store made a page dirty: it may have been the last clean one of its table. */
  #promoteWritten(pmap: Pmap, page: number): void {
    const entry = this.#mmu.leaf(pmap.root, page);
    if (entry !== 0 && this.#large.isFull(entry)) this.#large.promoteIfUniform(pmap, page, entry);
  }

  #fill(pmap: Pmap, page: number, frame: Pfn, access: Access): void {
    if (access === 1) pmap.tlb.fillWrite(page, frame);
    else pmap.tlb.fillRead(page, frame);
  }

  /**
   * Maps `page` to `frame`, replacing what was mapped there. `access` seeds the bits as if the access had happened and
   * fills the TLB; undefined maps the page ahead of use, with both bits clear.
   * @returns false when there is no frame for a page table or no block for the reverse map: then the page is not mapped.
   */
  enter(pmap: Pmap, page: number, frame: Pfn, right: 'read' | 'write', access: Access | undefined): boolean {
    const entry = this.#mmu.leaf(pmap.root, page);
    if (entry !== 0 && !this.#mmu.hasFlags(entry, PTE_PRESENT)) return this.#enterAt(entry, pmap, page, frame, right, access);
    if (entry !== 0) {
      if (this.#mmu.entryFrame(entry) === frame) return this.#reenter(pmap, page, frame, right, access, entry);
      this.#removeEntry(pmap, page, entry);
    }
    return this.#enterAnew(pmap, page, frame, right, access);
  }

  /** Maps a page that has no entry, or none any more. */
  #enterAnew(pmap: Pmap, page: number, frame: Pfn, right: 'read' | 'write', access: Access | undefined): boolean {
    if (pmap.largePages > 0) {
      if (this.#reenterLarge(pmap, page, frame, right, access)) return true;
      if (this.#isLarge(pmap, page)) {
        this.#demote(pmap, page);
        return this.enter(pmap, page, frame, right, access);
      }
    }
    const entry = this.#ensureLeaf(pmap, page, frame);
    if (entry !== 0) return this.#enterAt(entry, pmap, page, frame, right, access);
    this.#mayHaveEmptyTables = true;
    return false;
  }

  /** Maps a page by its entry, which is not present. */
  #enterAt(entry: number, pmap: Pmap, page: number, frame: Pfn, right: 'read' | 'write', access: Access | undefined): boolean {
    if (!this.#reverse.add(frame, pmap.id, page)) {
      this.#mmu.releaseLeaf(entry);
      this.#mayHaveEmptyTables = true;
      return false;
    }
    pmap.residentPages++;
    this.#countPresent(entry, 1);
    this.#write(pmap, page, frame, right, access, entry, 0);
    return true;
  }

  #isLarge(pmap: Pmap, page: number): boolean {
    return this.#large.entryOf(pmap, page) !== 0;
  }

  /** Demotes the large page that maps `page`, or unmaps it (LP4). */
  #demote(pmap: Pmap, page: number): void {
    if (!this.#large.demote(pmap, page)) this.#mayHaveEmptyTables = true;
  }

  /** Enters a page of a large page anew, if that changes nothing of its frame and its right. Returns false if it would. */
  #reenterLarge(pmap: Pmap, page: number, frame: Pfn, right: 'read' | 'write', access: Access | undefined): boolean {
    const entry = this.#large.entryOf(pmap, page);
    if (entry === 0 || this.#large.frameOf(entry, page) !== frame) return false;
    if (this.#mmu.hasFlags(entry, PTE_WRITE) !== (right === 'write')) return false;
    if (access === undefined) return true;
    this.#mmu.addFlags(entry, PTE_ACCESSED);
    this.#fill(pmap, page, frame, access);
    return true;
  }

  #reenter(pmap: Pmap, page: number, frame: Pfn, right: 'read' | 'write', access: Access | undefined, entry: number): true {
    pmap.tlb.invalidate(page);
    this.#write(pmap, page, frame, right, access, entry, this.#mmu.entryFlags(entry) & (PTE_ACCESSED | PTE_DIRTY));
    return true;
  }

  #write(pmap: Pmap, page: number, frame: Pfn, right: 'read' | 'write', access: Access | undefined, entry: number, bits: number): void {
    let flags = PTE_PRESENT | PTE_USER | bits;
    if (right === 'write') flags |= PTE_WRITE;
    else if ((bits & PTE_DIRTY) !== 0) {
      // A read-only entry carries no dirty bit: the modification is remembered by the frame.
      this.#table.setFlag(frame, FRAME_MODIFIED);
      flags &= ~PTE_DIRTY;
    }
    if (access !== undefined) flags |= access === 1 ? PTE_ACCESSED | PTE_DIRTY : PTE_ACCESSED;
    this.#mmu.setEntry(entry, frame, flags);
    if (access !== undefined) this.#fill(pmap, page, frame, access);
    if (this.#large.isFull(entry)) this.#large.promoteIfUniform(pmap, page, entry);
  }

  /** Unmaps [first, end). Pages not mapped are skipped. */
  remove(pmap: Pmap, first: number, end: number): void {
    if (pmap.residentPages === 0) return;
    if (pmap.largePages > 0) {
      this.#mayHaveEmptyTables = true;
      this.#large.demoteEdges(pmap, first, end);
      this.#large.removeRange(pmap, first, end);
    }
    this.#mmu.forEachRun(pmap.root, first, end, (entry, page, count) => this.#removeRun(pmap, entry, page, count));
  }

  #removeRun(pmap: Pmap, entry: number, page: number, count: number): void {
    const before = pmap.residentPages;
    for (let i = 0; i < count; i++) {
      const at = entry + i * this.#entryBytes;
      if (this.#mmu.hasFlags(at, PTE_PRESENT)) this.#unmapEntry(pmap, page + i, at);
    }
    if (pmap.residentPages < before) this.#countPresent(entry, pmap.residentPages - before);
    pmap.tlb.invalidateRange(page, count);
  }

  #removeEntry(pmap: Pmap, page: number, entry: number): void {
    this.#unmapEntry(pmap, page, entry);
    this.#countPresent(entry, -1);
    pmap.tlb.invalidate(page);
  }

  /** Keeps the count of present entries in the record of the table's frame. An entry that comes and goes by itself is in no such table. */
  #countPresent(entry: number, by: number): void {
    if (this.#leafMask === 0) {
      if (by < 0) this.#mayHaveEmptyTables = true;
      return;
    }
    const table = (entry >>> PAGE_SHIFT) as Pfn;
    const count = this.#table.index(table) + by;
    this.#table.setIndex(table, count);
    if (count === 0) this.#mayHaveEmptyTables = true;
  }

  /** The TLB is the caller's to invalidate, and the table's count to lower. */
  #unmapEntry(pmap: Pmap, page: number, entry: number): void {
    const frame = this.#mmu.entryFrame(entry);
    if (this.#mmu.hasFlags(entry, PTE_ACCESSED)) this.#table.setFlag(frame, FRAME_REFERENCED);
    if (this.#mmu.hasFlags(entry, PTE_DIRTY)) this.#table.setFlag(frame, FRAME_MODIFIED);
    this.#mmu.clearEntry(entry);
    pmap.residentPages--;
    this.#reverse.drop(frame, pmap.id, page);
  }

  /** Takes the write right from [first, end). Rights are given back by faults, one page at a time. */
  writeProtect(pmap: Pmap, first: number, end: number): void {
    if (pmap.residentPages === 0) return;
    if (pmap.largePages > 0) {
      this.#mayHaveEmptyTables = true;
      this.#large.demoteEdges(pmap, first, end);
      this.#large.writeProtectRange(pmap, first, end);
    }
    this.#mmu.forEachRun(pmap.root, first, end, (entry, page, count) => this.#protectRun(pmap, entry, page, count));
  }

  /** The same as `#protectEntry` for each entry of a leaf table, without a call for each. */
  #protectRun(pmap: Pmap, entry: number, page: number, count: number): void {
    const dirty = this.#mmu.writeProtect(entry, count, this.#dirtyFrames);
    for (let i = 0; i < dirty; i++) this.#table.setFlag(this.#dirtyFrames[i] as Pfn, FRAME_MODIFIED);
    pmap.tlb.invalidateWriteRange(page, count);
  }

  #protectEntry(pmap: Pmap, page: number, entry: number): void {
    if (!this.#mmu.hasFlags(entry, PTE_PRESENT | PTE_WRITE)) return;
    if (this.#mmu.hasFlags(entry, PTE_DIRTY)) this.#table.setFlag(this.#mmu.entryFrame(entry), FRAME_MODIFIED);
    this.#mmu.removeFlags(entry, PTE_WRITE | PTE_DIRTY);
    pmap.tlb.invalidateWrite(page);
  }

  /**
   * Makes the pages from `first` on read-only to everybody, in every space that maps their frames, up to `end` or to the first page that
   * is not mapped. Puts their frames into `into`, from index `at` on, and returns how many.
   */
  freeze(pmap: Pmap, first: number, end: number, into: number[], at: number): number {
    this.#demoteRange(pmap, first, end);
    let entry = 0;
    for (let page = first; page < end; page++) {
      if (page === first || (page & this.#leafMask) === 0) entry = this.#mmu.leaf(pmap.root, page);
      else entry += this.#entryBytes;
      if (entry === 0 || !this.#mmu.hasFlags(entry, PTE_PRESENT)) return page - first;
      const frame = this.#mmu.entryFrame(entry);
      into[at + page - first] = frame;
      if (this.#table.mapMore(frame) === 0) this.#protectEntry(pmap, page, entry);
      else this.pageProtect(frame, 'read');
    }
    return end - first;
  }

  /**
   * Moves the mappings of [first, end) to the pages from `toFirst` on of `to`, which may be the same space: nothing is mapped there, and the
   * ranges do not overlap. Rights and bits go with them. What finds no memory for a page table is unmapped instead: a fault maps it again.
   */
  move(from: Pmap, first: number, end: number, to: Pmap, toFirst: number): void {
    if (from.residentPages === 0) return;
    this.#demoteRange(from, first, end);
    let entry = 0;
    let target = 0;
    for (let page = first; page < end; page++) {
      const toPage = toFirst + (page - first);
      if (page === first || (page & this.#leafMask) === 0) entry = this.#mmu.leaf(from.root, page);
      else if (entry !== 0) entry += this.#entryBytes;
      if (page === first || (toPage & this.#leafMask) === 0) target = this.#mmu.leaf(to.root, toPage);
      else if (target !== 0) target += this.#entryBytes;
      if (entry === 0 || !this.#mmu.hasFlags(entry, PTE_PRESENT)) continue;
      const frame = this.#mmu.entryFrame(entry);
      if (!this.#mmu.renameLeaf(entry, to.root, toPage)) {
        if (target === 0) target = this.#ensureLeaf(to, toPage, frame);
        if (target === 0) {
          this.#removeEntry(from, page, entry);
          this.#mayHaveEmptyTables = true;
          continue;
        }
        this.#mmu.setEntry(target, frame, this.#mmu.entryFlags(entry));
        this.#mmu.clearEntry(entry);
        this.#countPresent(target, 1);
        this.#countPresent(entry, -1);
      }
      this.#countMove(frame, from, page, to, toPage);
    }
  }

  #demoteRange(pmap: Pmap, first: number, end: number): void {
    if (pmap.largePages === 0) return;
    this.#mayHaveEmptyTables = true;
    this.#large.demoteRange(pmap, first, end);
  }

  #ensureLeaf(pmap: Pmap, page: number, frame: Pfn): number {
    this.#extending = pmap;
    return this.#mmu.ensureLeaf(pmap.root, page, this.#supplyTable, frame);
  }

  /** The entry is in its new place: the rest follows. */
  #countMove(frame: Pfn, from: Pmap, page: number, to: Pmap, toPage: number): void {
    from.tlb.invalidate(page);
    from.residentPages--;
    to.residentPages++;
    this.#reverse.rename(frame, from.id, page, to.id, toPage);
  }

  /** Returns the frame that `page` is mapped to, or -1. */
  extract(pmap: Pmap, page: number): Pfn | -1 {
    const entry = this.#mmu.leaf(pmap.root, page);
    if (entry === 0) {
      const large = this.#large.entryOf(pmap, page);
      return large === 0 ? -1 : this.#large.frameOf(large, page);
    }
    return this.#mmu.hasFlags(entry, PTE_PRESENT) ? this.#mmu.entryFrame(entry) : -1;
  }

  /**
   * Keeps a value of the memory manager, below 2^`absentBits`, in the entry of `page`, which is not mapped; 0 forgets it. It is gone when the
   * page is mapped, or its space destroyed. Returns false, with nothing changed, when there is no frame for a page table, or the format keeps
   * no entries for such pages.
   */
  setAbsent(pmap: Pmap, page: number, value: number): boolean {
    if (value >= 2 ** this.#mmu.absentBits) return false;
    invariant(!this.#isLarge(pmap, page), 'PM1', () => `page ${page} of space ${pmap.id} is mapped: it holds no value`);
    let entry = this.#mmu.leaf(pmap.root, page);
    if (entry === 0 && value === 0) return true;
    if (entry === 0) entry = this.#ensureLeaf(pmap, page, 0 as Pfn);
    if (entry === 0) {
      this.#mayHaveEmptyTables = true;
      return false;
    }
    invariant(!this.#mmu.hasFlags(entry, PTE_PRESENT), 'PM1', () => `page ${page} of space ${pmap.id} is mapped: it holds no value`);
    this.#mmu.writeAbsent(entry, value);
    if (value === 0) this.#mayHaveEmptyTables = true;
    return true;
  }

  /** Returns the value that `setAbsent` keeps for `page`, 0 for none. */
  absentValue(pmap: Pmap, page: number): number {
    const entry = this.#mmu.leaf(pmap.root, page);
    return entry === 0 ? 0 : this.#mmu.absentValue(entry);
  }

  /** Width of a value that `setAbsent` can keep; 0 where the page table's format has no entry for a page that is not mapped. */
  get absentBits(): number {
    return this.#mmu.absentBits;
  }

  /** Returns those of `pages` that are not mapped: bit k, below 31, stands for page first + k. */
  notMapped(pmap: Pmap, first: number, pages: number): number {
    // What a fault asks about was mostly used just before, and has a TLB word: then the page table need not be looked at (PM3).
    let left = 0;
    for (let rest = pages; rest !== 0; rest &= rest - 1) {
      if (!pmap.tlb.reads(first + 31 - Math.clz32(rest & -rest))) left |= rest & -rest;
    }
    return left === 0 ? 0 : left & ~this.#pagesWith(PTE_PRESENT, pmap, first, first + 32 - Math.clz32(left));
  }

  /** Tells which of the pages [first, end), at most 31, are mapped and were referenced by this space: bit k stands for page first + k. */
  referencedPages(pmap: Pmap, first: number, end: number): number {
    return this.#pagesWith(PTE_PRESENT | PTE_ACCESSED, pmap, first, end);
  }

  /** Tells which of the pages [first, end), at most 31, have an entry with all of `flags`. Large pages do: what is asked for is not kept for each page of one. */
  #pagesWith(flags: number, pmap: Pmap, first: number, end: number): number {
    let found = 0;
    for (let page = first; page < end; ) {
      let stop = page - (page & this.#leafMask) + this.#leafMask + 1;
      if (stop > end) stop = end;
      const entry = this.#mmu.leaf(pmap.root, page);
      if (entry !== 0) found |= this.#mmu.whichHave(entry, stop - page, flags) << (page - first);
      else if (this.#isLarge(pmap, page)) found |= (2 ** (stop - page) - 1) << (page - first);
      page = stop;
    }
    return found;
  }

  /** Tells whether `page` is mapped with the right to write. */
  isWritable(pmap: Pmap, page: number): boolean {
    const entry = this.#entry(pmap, page);
    return entry !== 0 && this.#mmu.hasFlags(entry, PTE_PRESENT | PTE_WRITE);
  }

  /** Returns the entry that decides about `page`: its own or that of its large page; 0 if there is none. */
  #entry(pmap: Pmap, page: number): number {
    const entry = this.#mmu.leaf(pmap.root, page);
    return entry === 0 ? this.#large.entryOf(pmap, page) : entry;
  }

  /** Lowers every mapping of a frame: to read-only, or to none at all. Bits are gathered first. */
  pageProtect(frame: Pfn, right: 'read' | 'none'): void {
    const reverse = this.#reverse;
    this.#demoteThose(frame, right === 'none' ? PTE_PRESENT : PTE_WRITE);
    let place = reverse.first(frame);
    while (place !== 0) {
      const pmap = this.#space(reverse.space(frame, place));
      const page = reverse.page(frame, place);
      const entry = this.#entry(pmap, page);
      if (right === 'none') this.#removeEntry(pmap, page, entry);
      else this.#protectEntry(pmap, page, entry);
      place = right === 'none' ? reverse.first(frame) : reverse.next(frame, place);
    }
  }

  /** Demotes the large pages by which a frame is mapped whose entry has `flag`. One that is unmapped instead (LP4) takes its place in the reverse map along. */
  #demoteThose(frame: Pfn, flag: number): void {
    if (this.#large.mapped === 0) return;
    const reverse = this.#reverse;
    let place = reverse.first(frame);
    while (place !== 0) {
      const pmap = this.#space(reverse.space(frame, place));
      const page = reverse.page(frame, place);
      const entry = this.#large.entryOf(pmap, page);
      const isMeant = entry !== 0 && this.#mmu.hasFlags(entry, flag);
      if (isMeant) this.#demote(pmap, page);
      place = isMeant ? reverse.first(frame) : reverse.next(frame, place);
    }
  }

  /** Returns whether the frame was referenced through any mapping since the last call, and clears the bits. A page read ahead that was is like any other from then on. */
  testAndClearReferenced(frame: Pfn): boolean {
    const reverse = this.#reverse;
    this.#demoteThose(frame, PTE_ACCESSED);
    let referenced = this.#table.hasFlag(frame, FRAME_REFERENCED);
    if (referenced) this.#table.clearFlag(frame, FRAME_REFERENCED);
    for (let place = reverse.first(frame); place !== 0; place = reverse.next(frame, place)) {
      if (this.#clearBit(reverse.space(frame, place), reverse.page(frame, place), PTE_ACCESSED)) referenced = true;
    }
    if (referenced && this.#table.hasFlag(frame, FRAME_READ_AHEAD)) this.#table.clearFlag(frame, FRAME_READ_AHEAD);
    return referenced;
  }

  /** Tells whether the frame was referenced through any mapping since the last `testAndClearReferenced`. */
  isReferenced(frame: Pfn): boolean {
    if (this.#table.hasFlag(frame, FRAME_REFERENCED)) return true;
    const reverse = this.#reverse;
    for (let place = reverse.first(frame); place !== 0; place = reverse.next(frame, place)) {
      const pmap = this.#space(reverse.space(frame, place));
      if (this.#mmu.hasFlags(this.#entry(pmap, reverse.page(frame, place)), PTE_ACCESSED)) return true;
    }
    return false;
  }

  /** Tells whether the frame was written since `clearModified`. */
  isModified(frame: Pfn): boolean {
    if (this.#table.hasFlag(frame, FRAME_MODIFIED)) return true;
    const reverse = this.#reverse;
    for (let place = reverse.first(frame); place !== 0; place = reverse.next(frame, place)) {
      const pmap = this.#space(reverse.space(frame, place));
      if (this.#mmu.hasFlags(this.#entry(pmap, reverse.page(frame, place)), PTE_DIRTY)) return true;
    }
    return false;
  }

  /** Declares the frame clean. */
  clearModified(frame: Pfn): void {
    const reverse = this.#reverse;
    this.#demoteThose(frame, PTE_DIRTY);
    this.#table.clearFlag(frame, FRAME_MODIFIED);
    for (let place = reverse.first(frame); place !== 0; place = reverse.next(frame, place)) {
      this.#clearBit(reverse.space(frame, place), reverse.page(frame, place), PTE_DIRTY);
    }
  }

  /** Clears the accessed or the dirty bit of a mapped page, and the TLB words that say it is set. Returns whether it was. */
  #clearBit(space: number, page: number, bit: number): boolean {
    const pmap = this.#space(space);
    // A large page has the bit clear: it was demoted otherwise.
    const entry = this.#entry(pmap, page);
    if (!this.#mmu.hasFlags(entry, bit)) return false;
    this.#mmu.removeFlags(entry, bit);
    if (bit === PTE_ACCESSED) pmap.tlb.invalidate(page);
    else pmap.tlb.invalidateWrite(page);
    return true;
  }

  /** Number of mappings of a frame. For reports and checks. */
  mappings(frame: Pfn): number {
    let count = 0;
    for (let place = this.#reverse.first(frame); place !== 0; place = this.#reverse.next(frame, place)) count++;
    return count;
  }

  #space(id: number): Pmap {
    const pmap = this.#spaces[id];
    // No `invariant` here: its message would be a closure on the hot path.
    if (pmap === undefined) throw new KernelPanic('PM1', `a reverse mapping names space ${id}, which does not exist`);
    return pmap;
  }

  /** Walks every table of every space; panics at the first broken invariant. */
  check(): void {
    this.#mmu.check();
    const seen = new Map<number, number>();
    for (const pmap of this.spaces()) this.#checkSpace(pmap, seen);
    for (let frame = 0; frame < this.#table.count; frame++) {
      const expected = seen.get(frame) ?? 0;
      const actual = this.mappings(frame as Pfn);
      invariant(actual === expected, 'PM1', () => `frame ${frame} is mapped ${expected} times, its reverse map has ${actual}`);
    }
  }

  #checkSpace(pmap: Pmap, seen: Map<number, number>): void {
    let present = 0;
    this.#mmu.forEachLeaf(pmap.root, 0, this.#mmu.pages, (entry, page) => {
      const flags = this.#mmu.entryFlags(entry);
      if ((flags & PTE_PRESENT) === 0) {
        const stale = pmap.tlb.reads(page) || pmap.tlb.writes(page);
        invariant(!stale, 'PM3', () => `page ${page} of space ${pmap.id} is not mapped but has a TLB word`);
        return;
      }
      present++;
      const frame = this.#mmu.entryFrame(entry);
      seen.set(frame, (seen.get(frame) ?? 0) + 1);
      this.#checkEntry(pmap, page, frame, flags);
    });
    this.#large.check(pmap, (page, frame, flags) => {
      present++;
      seen.set(frame, (seen.get(frame) ?? 0) + 1);
      this.#checkEntry(pmap, page, frame, flags);
    });
    this.#checkCounts(pmap);
    invariant(present === pmap.residentPages, 'PM2', () => `space ${pmap.id} counts ${pmap.residentPages} pages, its table has ${present}`);
  }

  #checkCounts(pmap: Pmap): void {
    if (this.#leafMask === 0) return;
    this.#mmu.forEachRun(pmap.root, 0, this.#mmu.pages, (entry, page, count) => {
      let present = 0;
      for (let i = 0; i < count; i++) if (this.#mmu.hasFlags(entry + i * this.#entryBytes, PTE_PRESENT)) present++;
      const counted = this.#table.index((entry >>> PAGE_SHIFT) as Pfn);
      invariant(
        present === counted,
        'PM6',
        () => `the table of page ${page} of space ${pmap.id} counts ${counted} pages and maps ${present}`,
      );
    });
  }

  #checkEntry(pmap: Pmap, page: number, frame: Pfn, flags: number): void {
    const parted = (flags & (PTE_DIRTY | PTE_WRITE)) === PTE_DIRTY;
    invariant(!parted, 'PM5', () => `page ${page} of space ${pmap.id} is dirty but not writable`);
    const kind = this.#table.kind(frame);
    const mappable = kind === FrameKind.anon || kind === FrameKind.object || kind === FrameKind.permanent;
    invariant(mappable, 'PM4', () => `page ${page} of space ${pmap.id} maps frame ${frame} of kind ${kind}`);
    invariant(
      !pmap.tlb.reads(page) || pmap.tlb.readFrame(page) === frame,
      'PM3',
      () => `page ${page} of space ${pmap.id}: read TLB word names another frame`,
    );
    if (!pmap.tlb.writes(page)) return;
    const writable = (flags & (PTE_WRITE | PTE_DIRTY)) === (PTE_WRITE | PTE_DIRTY);
    invariant(
      writable && pmap.tlb.writeFrame(page) === frame,
      'PM3',
      () => `page ${page} of space ${pmap.id}: write TLB word without the right to write`,
    );
  }
}
