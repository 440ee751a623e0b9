// The MMU of an inverted page table (inverted.ts): its size follows from RAM, not from what is mapped, and a space costs nothing.
//
//   hash(space, page) -> anchor -> entry -> entry -> ... the one whose tags are space and page
//
// Each frame has one entry, so a page that alone maps its frame is in that one. A frame that is mapped twice (shared memory, fork) needs an
// alias: its entry is taken, and the second mapping goes into an overflow entry, 255 to a frame of RAM, chained like the others. Such
// frames come from the supply and go back, when all their entries are unused, with `pruneShared`. (PowerPC, whose table is not by frame,
// has the same in its secondary groups; early PA-RISC forbade aliases.)
//
//   overflow frame   | used entries | first free entry | . | . | entry | entry | ... 255
//
//   HM1  an entry in use is in the chain of its tags' hash, once; an unused one is in none
//   HM2  entry k, when in use, maps frame k; overflow entries in use are counted in their frame
//
// There is no entry for a page that is not mapped, so none can hold a value for the kernel: `absentBits` is 0.
// Cost: a walk is a chain, on average under 1.5 entries long; a range of pages costs a probe each, or a look at the whole table.

import { invariant, KernelPanic, PAGE_SHIFT, PAGE_SIZE, type Pfn, powerOfTwo, type Vpn } from '../../base/index.ts';
import { Entries } from './entries.ts';
import { ACCESS_EXECUTE, ACCESS_WRITE, FAULT_NOT_PRESENT, FAULT_PROTECTION } from './fault.ts';
import {
  checkFormat,
  type PageTableFormat,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_EXECUTE,
  PTE_PRESENT,
  PTE_USER,
  PTE_WRITE,
  vpnBits,
} from './format.ts';
import type { Mmu, TableMemory, TableSupply } from './mmu.ts';
import type { Walk } from './walk.ts';

/** log2 of the bytes of an entry with its tags. */
const ENTRY_SHIFT = 4;
const ENTRY_BYTES = 1 << ENTRY_SHIFT;
/** Words of an entry after the first, which is the codec's. */
const PAGE = 1;
const SPACE = 2;
const NEXT = 3;
/** Words of an overflow frame's head. */
const USED = 0;
const FREE = 1;
/** Spreads spaces over the anchors; consecutive pages of one space have consecutive anchors. */
const SPACE_STRIDE = 897;

/** Where the parts of an inverted table are, for RAM of so many frames. All in bytes. */
export interface HashedShape {
  /** log2 of the number of anchors. */
  readonly anchorBits: number;
  readonly anchorBytes: number;
  readonly bytes: number;
}

/** Returns the shape of the inverted table for `frameCount` frames. */
export function hashedShape(frameCount: number): HashedShape {
  const anchorBits = Math.ceil(Math.log2(frameCount));
  const anchorBytes = Math.max(ENTRY_BYTES, 2 ** anchorBits * 4);
  return { anchorBits, anchorBytes, bytes: anchorBytes + frameCount * ENTRY_BYTES };
}

/** Returns the anchor of page `vpn` of `space`: an index below 2^anchorBits. */
export function hashedAnchor(space: number, vpn: number, anchorBits: number): number {
  return (vpn ^ Math.imul(space, SPACE_STRIDE)) & (2 ** anchorBits - 1);
}

/** The memory management unit of one machine with an inverted page table. */
export class HashedMmu implements Mmu {
  readonly format: PageTableFormat;
  readonly pages: number;
  readonly runPages = 1;
  readonly entryBytes = ENTRY_BYTES;
  readonly tablesOf = 'machine';
  readonly absentBits = 0;
  readonly walk: Walk;
  /** Physical address of the anchors, where the table begins. */
  readonly base: number;
  readonly #words: Uint32Array;
  readonly #ram: TableMemory;
  readonly #entries: Entries;
  readonly #anchorBits: number;
  readonly #anchorMask: number;
  /** Byte address of entry 0, and of the byte after the last. */
  readonly #first: number;
  readonly #end: number;
  /** Overflow frames: all, and those with an unused entry. */
  readonly #overflow = new Set<Pfn>();
  readonly #available = new Set<Pfn>();

  /**
   * Takes the frames from `table` on for the table, as many as `hashedShape` says, and fills them with zeros.
   * Panics (MMU1) if the format contradicts itself or cannot name all frames of `ram`.
   */
  constructor(ram: TableMemory, format: PageTableFormat, table: Pfn) {
    checkFormat(format);
    invariant(ram.frameCount <= 2 ** format.frameBits, 'MMU1', () => `${format.name} cannot name ${ram.frameCount} frames`);
    const { anchorBits, anchorBytes, bytes } = hashedShape(ram.frameCount);
    this.format = format;
    this.pages = powerOfTwo(vpnBits(format));
    this.base = table * PAGE_SIZE;
    this.#words = ram.words;
    this.#ram = ram;
    this.#entries = new Entries(ram.words, format);
    this.#anchorBits = anchorBits;
    this.#anchorMask = powerOfTwo(anchorBits) - 1;
    this.#first = this.base + anchorBytes;
    this.#end = this.base + bytes;
    ram.bytes.fill(0, this.base, this.#end);
    this.walk = this.#makeWalk();
  }

  #makeWalk(): Walk {
    const words = this.#words;
    const { low, invertedLow, frameShift, frameMask } = this.#entries;
    const { pages } = this;
    const anchors = this.base >>> 2;
    const mask = this.#anchorMask;
    const present = low[PTE_PRESENT]!;
    const readable = low[PTE_PRESENT | PTE_USER]!;
    const writable = low[PTE_PRESENT | PTE_USER | PTE_WRITE]!;
    const executable = low[PTE_PRESENT | PTE_USER | PTE_EXECUTE]!;
    const accessed = low[PTE_ACCESSED]!;
    const written = low[PTE_ACCESSED | PTE_DIRTY]!;
    return (root, vpn, access) => {
      if (vpn >= pages) return FAULT_NOT_PRESENT;
      let at = words[anchors + ((vpn ^ Math.imul(root, SPACE_STRIDE)) & mask)]! << 2;
      while (at !== 0 && (words[at + PAGE] !== vpn || words[at + SPACE] !== root)) at = words[at + NEXT]! << 2;
      if (at === 0) return FAULT_NOT_PRESENT;
      const entry = words[at]! ^ invertedLow;
      if ((entry & present) === 0) return FAULT_NOT_PRESENT;
      const needed = access === ACCESS_WRITE ? writable : access === ACCESS_EXECUTE ? executable : readable;
      if ((entry & needed) !== needed) return FAULT_PROTECTION;
      const mark = access === ACCESS_WRITE ? written : accessed;
      if ((entry & mark) !== mark) words[at] = (entry | mark) ^ invertedLow;
      return (entry >>> frameShift) & frameMask;
    };
  }

  // The space's id is its tag: there is nothing to make.
  makeRoot(id: number, _supply: TableSupply): Pfn {
    return id as Pfn;
  }

  rootAddress(_root: Pfn): number {
    return this.base;
  }

  leaf(root: Pfn, vpn: number): number {
    if (vpn >= this.pages) return 0;
    const words = this.#words;
    let entry = words[this.#anchor(root, vpn)]! << ENTRY_SHIFT;
    while (entry !== 0) {
      const at = entry >>> 2;
      if (words[at + PAGE] === vpn && words[at + SPACE] === root) return entry;
      entry = words[at + NEXT]! << ENTRY_SHIFT;
    }
    return 0;
  }

  ensureLeaf(root: Pfn, vpn: number, supply: TableSupply, frame: Pfn): number {
    invariant(vpn >= 0 && vpn < this.pages, 'MMU2', () => `page ${vpn} is beyond ${this.format.name}`);
    const found = this.leaf(root, vpn);
    if (found !== 0) return found;
    const own = this.#first + frame * ENTRY_BYTES;
    const entry = this.#words[(own >>> 2) + SPACE] === 0 ? own : this.#takeOverflow(supply);
    if (entry !== 0) this.#link(entry, root, vpn);
    return entry;
  }

  releaseLeaf(entry: number): void {
    if (!this.#entries.has(entry, PTE_PRESENT)) this.clearEntry(entry);
  }

  renameLeaf(entry: number, root: Pfn, vpn: number): boolean {
    this.#unlink(entry);
    this.#link(entry, root, vpn);
    return true;
  }

  entryFrame(entry: number): Pfn {
    return this.#entries.frame(entry);
  }

  entryFlags(entry: number): number {
    return this.#entries.flags(entry);
  }

  hasFlags(entry: number, flags: number): boolean {
    return this.#entries.has(entry, flags);
  }

  // No two entries are of neighbouring pages: a run is one.
  whichHave(entry: number, _count: number, flags: number): number {
    return this.#entries.has(entry, flags) ? 1 : 0;
  }

  addFlags(entry: number, flags: number): void {
    this.#entries.add(entry, flags);
  }

  removeFlags(entry: number, flags: number): void {
    this.#entries.remove(entry, flags);
  }

  writeProtect(entry: number, _count: number, dirty: Int32Array): number {
    return this.#entries.writeProtect(entry, 1, dirty);
  }

  setEntry(entry: number, frame: Pfn, flags: number): void {
    this.#entries.write(entry, frame, flags);
  }

  clearEntry(entry: number): void {
    this.#unlink(entry);
    this.#words.fill(0, entry >>> 2, (entry + ENTRY_BYTES) >>> 2);
    if (entry < this.#first || entry >= this.#end) this.#giveOverflow(entry);
  }

  writeAbsent(entry: number, value: number): void {
    throw new KernelPanic(
      'HM2',
      `value ${value} has no place in entry ${entry}: an inverted table holds nothing for pages that are not mapped`,
    );
  }

  absentValue(_entry: number): number {
    return 0;
  }

  mapLarge(): number {
    return 0;
  }

  frameOf(root: Pfn, vpn: number): Pfn | -1 {
    const entry = this.leaf(root, vpn);
    return entry === 0 ? -1 : this.#entries.frame(entry);
  }

  largeLevel(): number {
    return -1;
  }

  entryAt(root: Pfn, vpn: number): number {
    return this.leaf(root, vpn);
  }

  largeEntry(): number {
    return 0;
  }

  promote(): never {
    throw new KernelPanic('MMU3', `format ${this.format.name} has no large pages`);
  }

  demote(): never {
    return this.promote();
  }

  forEachLarge(): void {}

  // No space has tables of its own.
  forEachTable(): void {}

  prune(): void {}

  pruneShared(free: (table: Pfn) => void): void {
    for (const frame of this.#available) {
      if (this.#words[(frame << (PAGE_SHIFT - 2)) + USED] !== 0) continue;
      this.#available.delete(frame);
      this.#overflow.delete(frame);
      free(frame);
    }
  }

  forEachLeaf(root: Pfn, firstVpn: number, endVpn: number, visit: (entry: number, vpn: Vpn) => void): void {
    this.forEachRun(root, firstVpn, endVpn, visit);
  }

  forEachRun(root: Pfn, firstVpn: number, endVpn: number, visit: (entry: number, vpn: Vpn, count: number) => void): void {
    const end = Math.min(endVpn, this.pages);
    if (end - firstVpn > this.#ram.frameCount >>> 2) {
      this.#visitAll(root, firstVpn, end, visit);
      return;
    }
    for (let vpn = firstVpn; vpn < end; vpn++) {
      const entry = this.leaf(root, vpn);
      if (entry !== 0) visit(entry, vpn as Vpn, 1);
    }
  }

  /** Visits by a look at every entry there is, for a range with more pages than that. */
  #visitAll(root: Pfn, first: number, end: number, visit: (entry: number, vpn: Vpn, count: number) => void): void {
    const look = (from: number, to: number): void => {
      for (let entry = from; entry < to; entry += ENTRY_BYTES) {
        const at = entry >>> 2;
        const vpn = this.#words[at + PAGE]!;
        if (this.#words[at + SPACE] === root && vpn >= first && vpn < end) visit(entry, vpn as Vpn, 1);
      }
    };
    look(this.#first, this.#end);
    for (const frame of this.#overflow) look(frame * PAGE_SIZE + ENTRY_BYTES, (frame + 1) * PAGE_SIZE);
  }

  check(): void {
    const chained = new Set<number>();
    for (let anchor = 0; anchor <= this.#anchorMask; anchor++) this.#checkChain(anchor, chained);
    let used = 0;
    for (let entry = this.#first; entry < this.#end; entry += ENTRY_BYTES) {
      if (this.#words[(entry >>> 2) + SPACE] === 0) continue;
      used++;
      const frame = (entry - this.#first) / ENTRY_BYTES;
      const mapped = this.#entries.frame(entry);
      invariant(chained.has(entry), 'HM1', () => `the entry of frame ${frame} is in use, but in no chain`);
      invariant(mapped === frame, 'HM2', () => `the entry of frame ${frame} maps frame ${mapped}`);
    }
    for (const frame of this.#overflow) used += this.#checkOverflow(frame, chained);
    invariant(used === chained.size, 'HM1', () => `${used} entries are in use, ${chained.size} in chains`);
  }

  #checkChain(anchor: number, chained: Set<number>): void {
    let entry = this.#words[(this.base >>> 2) + anchor]! << ENTRY_SHIFT;
    while (entry !== 0) {
      const at = entry >>> 2;
      const [vpn, space] = [this.#words[at + PAGE]!, this.#words[at + SPACE]!];
      const itsAnchor = hashedAnchor(space, vpn, this.#anchorBits);
      const isRight = !chained.has(entry) && itsAnchor === anchor;
      invariant(isRight, 'HM1', () => `the entry at ${entry}, page ${vpn} of space ${space}, is in the chain of anchor ${anchor}`);
      chained.add(entry);
      entry = this.#words[at + NEXT]! << ENTRY_SHIFT;
    }
  }

  #checkOverflow(frame: Pfn, chained: ReadonlySet<number>): number {
    let used = 0;
    for (let entry = frame * PAGE_SIZE + ENTRY_BYTES; entry < (frame + 1) * PAGE_SIZE; entry += ENTRY_BYTES) if (chained.has(entry)) used++;
    const counted = this.#words[(frame << (PAGE_SHIFT - 2)) + USED];
    invariant(used === counted, 'HM2', () => `overflow frame ${frame} counts ${counted} entries in use, ${used} are in chains`);
    return used;
  }

  /** Index of the word that begins the chain. */
  #anchor(space: number, vpn: number): number {
    return (this.base >>> 2) + ((vpn ^ Math.imul(space, SPACE_STRIDE)) & this.#anchorMask);
  }

  #link(entry: number, space: number, vpn: number): void {
    const words = this.#words;
    const at = entry >>> 2;
    const anchor = this.#anchor(space, vpn);
    words[at + PAGE] = vpn;
    words[at + SPACE] = space;
    words[at + NEXT] = words[anchor]!;
    words[anchor] = entry >>> ENTRY_SHIFT;
  }

  #unlink(entry: number): void {
    const words = this.#words;
    const at = entry >>> 2;
    const name = entry >>> ENTRY_SHIFT;
    let link = this.#anchor(words[at + SPACE]!, words[at + PAGE]!);
    while (words[link] !== name) {
      const next = words[link]!;
      if (next === 0) throw new KernelPanic('HM1', `the entry at ${entry} is not in its chain`);
      link = (next << 2) + NEXT;
    }
    words[link] = words[at + NEXT]!;
  }

  /** Returns an overflow entry, unused; 0 if there is none and the supply is empty. */
  #takeOverflow(supply: TableSupply): number {
    let frame: Pfn | -1 = -1;
    for (const some of this.#available) {
      frame = some;
      break;
    }
    if (frame === -1) frame = this.#addOverflow(supply);
    if (frame === -1) return 0;
    const head = frame << (PAGE_SHIFT - 2);
    const entry = this.#words[head + FREE]! << ENTRY_SHIFT;
    const at = entry >>> 2;
    this.#words[head + FREE] = this.#words[at + NEXT]!;
    this.#words[head + USED] = this.#words[head + USED]! + 1;
    this.#words[at + NEXT] = 0;
    if (this.#words[head + FREE] === 0) this.#available.delete(frame);
    return entry;
  }

  #addOverflow(supply: TableSupply): Pfn | -1 {
    const frame = supply();
    if (frame === -1) return -1;
    const start = frame * PAGE_SIZE;
    this.#words[(start >>> 2) + FREE] = (start + ENTRY_BYTES) >>> ENTRY_SHIFT;
    for (let entry = start + ENTRY_BYTES; entry < start + PAGE_SIZE - ENTRY_BYTES; entry += ENTRY_BYTES) {
      this.#words[(entry >>> 2) + NEXT] = (entry + ENTRY_BYTES) >>> ENTRY_SHIFT;
    }
    this.#overflow.add(frame);
    this.#available.add(frame);
    return frame;
  }

  #giveOverflow(entry: number): void {
    const frame = (entry >>> PAGE_SHIFT) as Pfn;
    const head = frame << (PAGE_SHIFT - 2);
    this.#words[(entry >>> 2) + NEXT] = this.#words[head + FREE]!;
    this.#words[head + FREE] = entry >>> ENTRY_SHIFT;
    this.#words[head + USED] = this.#words[head + USED]! - 1;
    this.#available.add(frame);
  }
}
