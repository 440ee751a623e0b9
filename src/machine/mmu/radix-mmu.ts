// The MMU of radix page tables: walks and edits tables of tables, which are bytes in frames of RAM, by a format that is data.
//
//   root frame (level 0) -> table (level 1) -> ... -> leaf entry -> frame
//                                  \-> large leaf -> frames in a row
//
//   MMU1  (format.ts) the format is consistent, and every frame of RAM fits in its frame field
//   MMU2  (walk.ts) a page number beyond the format is not present
//   MMU3  an upper entry is zero, names a table, or maps a large page; tables are linked only when they are all zeros
//
// Cost: O(levels) for one page; nothing here allocates JS objects.
// Elsewhere: bit layouts (format.ts, i386.ts), entries (entries.ts), TLB (tlb.ts), reverse mapping (pmap/).

import { invariant, PAGE_SHIFT, PAGE_SIZE, type Pfn, powerOfTwo, type Vpn } from '../../base/index.ts';
import { Entries } from './entries.ts';
import { checkFormat, largePageFrames, type PageTableFormat, PTE_PRESENT, vpnBits } from './format.ts';
import { SoftwareTlb } from './mips-tlb.ts';
import type { Mmu, TableMemory, TableSupply } from './mmu.ts';
import { type EntryAt, makeEntryAt, makeWalk, type Walk } from './walk.ts';

/** The memory management unit of one machine whose page tables are trees. */
export class RadixMmu implements Mmu {
  readonly format: PageTableFormat;
  readonly pages: number;
  readonly runPages: number;
  readonly entryBytes: number;
  readonly tablesOf = 'space';
  readonly absentBits: number;
  readonly softwareTlb?: SoftwareTlb;
  readonly walk: Walk;
  readonly #entries: Entries;
  readonly #entryAt: EntryAt;
  readonly #leafLevel: number;
  readonly #words: Uint32Array;
  readonly #largeFrames: number;

  /** Panics (MMU1) if the format contradicts itself or cannot name all frames of `ram`. */
  constructor(ram: TableMemory, format: PageTableFormat) {
    checkFormat(format);
    invariant(ram.frameCount <= 2 ** format.frameBits, 'MMU1', () => `${format.name} cannot name ${ram.frameCount} frames`);
    this.format = format;
    this.pages = powerOfTwo(vpnBits(format));
    this.#entries = new Entries(ram.words, format);
    this.#entryAt = makeEntryAt(format);
    this.#leafLevel = format.levels.length - 1;
    this.entryBytes = format.entryBytes;
    this.#words = ram.words;
    this.#largeFrames = largePageFrames(format);
    this.runPages = powerOfTwo(format.levels.at(-1)?.indexBits ?? 0);
    this.absentBits = this.#entries.absentBits;
    const walk = makeWalk(ram.words, format, this.#entries);
    if (format.tlb === undefined) this.walk = walk;
    else {
      const tlb = new SoftwareTlb(this, format.tlb);
      this.softwareTlb = tlb;
      this.walk = (root, vpn, access) => {
        tlb.raise(root, vpn, access);
        return walk(root, vpn, access);
      };
    }
  }

  makeRoot(_id: number, supply: TableSupply): Pfn | -1 {
    return supply();
  }

  rootAddress(root: Pfn): number {
    return root * PAGE_SIZE;
  }

  leaf(root: Pfn, vpn: number): number {
    if (vpn >= this.pages) return 0;
    let table = root;
    for (let level = 0; level < this.#leafLevel; level++) {
      const entry = this.#entryAt(table, vpn, level);
      if (!this.#entries.isTable(entry)) return 0;
      table = this.#entries.frame(entry);
    }
    return this.#entryAt(table, vpn, this.#leafLevel);
  }

  ensureLeaf(root: Pfn, vpn: number, supply: TableSupply): number {
    invariant(vpn >= 0 && vpn < this.pages, 'MMU2', () => `page ${vpn} is beyond ${this.format.name}`);
    let table = root;
    for (let level = 0; level < this.#leafLevel; level++) {
      const entry = this.#entryAt(table, vpn, level);
      if (!this.#entries.isTable(entry) && !this.#extend(entry, level, supply)) return 0;
      table = this.#entries.frame(entry);
    }
    return this.#entryAt(table, vpn, this.#leafLevel);
  }

  /** Links a new table into an entry of `level` that holds nothing. Returns false when there is none. */
  #extend(entry: number, level: number, supply: TableSupply): boolean {
    invariant(!this.#entries.has(entry, PTE_PRESENT), 'MMU3', () => `a large page lies in the entry at ${entry}, where a table should go`);
    const made = supply();
    if (made === -1) return false;
    this.#entries.link(entry, made, level);
    return true;
  }

  mapLarge(root: Pfn, vpn: number, level: number, frame: Pfn, flags: number, supply: TableSupply): number {
    const at = this.format.levels[level];
    if (at?.large !== true) return 0;
    const mask = 2 ** at.shift - 1;
    invariant(vpn % (mask + 1) === 0 && (frame & mask) === 0, 'MMU3', () => `page ${vpn} and frame ${frame} do not begin a large page`);
    let table = root;
    for (let above = 0; above < level; above++) {
      const entry = this.#entryAt(table, vpn, above);
      if (!this.#entries.isTable(entry) && !this.#extend(entry, above, supply)) return 0;
      table = this.#entries.frame(entry);
    }
    const entry = this.#entryAt(table, vpn, level);
    if (this.#entries.isTable(entry)) return 0;
    this.#entries.writeLarge(entry, frame, flags);
    return entry;
  }

  frameOf(root: Pfn, vpn: number): Pfn | -1 {
    if (vpn >= this.pages) return -1;
    let table = root;
    let level = 0;
    let entry = this.#entryAt(table, vpn, 0);
    while (level < this.#leafLevel && this.#entries.isTable(entry)) {
      table = this.#entries.frame(entry);
      entry = this.#entryAt(table, vpn, ++level);
    }
    if (!this.#entries.has(entry, PTE_PRESENT)) return -1;
    const frame = this.#entries.frame(entry);
    return level === this.#leafLevel ? frame : ((frame + (vpn % 2 ** this.format.levels[level]!.shift)) as Pfn);
  }

  largeLevel(root: Pfn, vpn: number): number {
    if (vpn >= this.pages) return -1;
    let table = root;
    for (let level = 0; level < this.#leafLevel; level++) {
      const entry = this.#entryAt(table, vpn, level);
      if (!this.#entries.isTable(entry)) return this.#entries.has(entry, PTE_PRESENT) ? level : -1;
      table = this.#entries.frame(entry);
    }
    return -1;
  }

  entryAt(root: Pfn, vpn: number, level: number): number {
    if (vpn >= this.pages) return 0;
    let table = root;
    for (let above = 0; above < level; above++) {
      const entry = this.#entryAt(table, vpn, above);
      if (!this.#entries.isTable(entry)) return 0;
      table = this.#entries.frame(entry);
    }
    return this.#entryAt(table, vpn, level);
  }

  largeEntry(root: Pfn, vpn: number): number {
    if (this.#largeFrames === 0) return 0;
    const entry = this.entryAt(root, vpn, this.#leafLevel - 1);
    return entry !== 0 && this.#isLarge(entry) ? entry : 0;
  }

  #isLarge(entry: number): boolean {
    return this.#entries.has(entry, PTE_PRESENT) && !this.#entries.isTable(entry);
  }

  promote(root: Pfn, vpn: number, frame: Pfn, flags: number): Pfn {
    const entry = this.entryAt(root, vpn, this.#leafLevel - 1);
    invariant(
      this.#largeFrames > 0 && frame % this.#largeFrames === 0 && this.#entries.isTable(entry),
      'MMU3',
      () => `frame ${frame} does not begin a large page for page ${vpn}`,
    );
    const table = this.#entries.frame(entry);
    this.#entries.writeLarge(entry, frame, flags);
    return table;
  }

  demote(root: Pfn, vpn: number, table: Pfn): void {
    const entry = this.largeEntry(root, vpn);
    invariant(entry !== 0, 'MMU3', () => `page ${vpn} is not part of a large page`);
    const frame = this.#entries.frame(entry);
    const flags = this.#entries.flags(entry);
    const start = table << PAGE_SHIFT;
    for (let i = 0; i < this.#largeFrames; i++) this.#entries.write(start + i * this.entryBytes, (frame + i) as Pfn, flags);
    this.#entries.link(entry, table, this.#leafLevel - 1);
  }

  // Every page has its place, which stays.
  releaseLeaf(_entry: number): void {}

  renameLeaf(_entry: number, _root: Pfn, _vpn: number): boolean {
    return false;
  }

  writeAbsent(entry: number, value: number): void {
    this.#entries.writeAbsent(entry, value);
  }

  absentValue(entry: number): number {
    return this.#entries.absentValue(entry);
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

  whichHave(entry: number, count: number, flags: number): number {
    return this.#entries.which(entry, count, flags);
  }

  addFlags(entry: number, flags: number): void {
    this.#entries.add(entry, flags);
  }

  removeFlags(entry: number, flags: number): void {
    this.#entries.remove(entry, flags);
  }

  writeProtect(entry: number, count: number, dirty: Int32Array): number {
    return this.#entries.writeProtect(entry, count, dirty);
  }

  setEntry(entry: number, frame: Pfn, flags: number): void {
    this.#entries.write(entry, frame, flags);
  }

  clearEntry(entry: number): void {
    this.#entries.erase(entry);
  }

  forEachTable(root: Pfn, visit: (table: Pfn, level: number) => void): void {
    this.#visitTables(root, 0, visit);
  }

  prune(root: Pfn, free: (table: Pfn) => void): void {
    this.#pruneBelow(root, 0, free);
  }

  forEachLeaf(root: Pfn, firstVpn: number, endVpn: number, visit: (entry: number, vpn: Vpn) => void): void {
    this.forEachRun(root, firstVpn, endVpn, (first, vpn, count) => {
      for (let i = 0; i < count; i++) visit(first + i * this.entryBytes, (vpn + i) as Vpn);
    });
  }

  forEachRun(root: Pfn, firstVpn: number, endVpn: number, visit: (entry: number, vpn: Vpn, count: number) => void): void {
    this.#visitRuns(root, 0, 0, firstVpn, Math.min(endVpn, this.pages), visit);
  }

  forEachLarge(root: Pfn, firstVpn: number, endVpn: number, visit: (entry: number, vpn: Vpn) => void): void {
    if (this.#largeFrames > 0) this.#visitLarge(root, 0, 0, firstVpn, Math.min(endVpn, this.pages), visit);
  }

  pruneShared(): void {}

  // All tables belong to spaces: pmap/ checks them.
  check(): void {}

  #visitTables(table: Pfn, level: number, visit: (table: Pfn, level: number) => void): void {
    if (level < this.#leafLevel) {
      const tableBytes = 2 ** this.format.levels[level]!.indexBits * this.entryBytes;
      const start = table << PAGE_SHIFT;
      for (let entry = start; entry < start + tableBytes; entry += this.entryBytes) {
        if (this.#entries.isTable(entry)) this.#visitTables(this.#entries.frame(entry), level + 1, visit);
      }
    }
    visit(table, level);
  }

  #pruneBelow(table: Pfn, level: number, free: (table: Pfn) => void): void {
    if (level === this.#leafLevel) return;
    const tableBytes = 2 ** this.format.levels[level]!.indexBits * this.entryBytes;
    const start = table << PAGE_SHIFT;
    for (let entry = start; entry < start + tableBytes; entry += this.entryBytes) {
      if (!this.#entries.isTable(entry)) continue;
      const below = this.#entries.frame(entry);
      this.#pruneBelow(below, level + 1, free);
      if (!this.#isEmpty(below)) continue;
      this.#entries.erase(entry);
      free(below);
    }
  }

  #isEmpty(table: Pfn): boolean {
    const start = table << (PAGE_SHIFT - 2);
    for (let word = start; word < start + PAGE_SIZE / 4; word++) if (this.#words[word] !== 0) return false;
    return true;
  }

  #visitLarge(table: Pfn, level: number, base: number, first: number, end: number, visit: (entry: number, vpn: Vpn) => void): void {
    const { shift, indexBits } = this.format.levels[level]!;
    const span = powerOfTwo(shift);
    const from = Math.max(0, Math.floor((first - base) / span));
    const to = Math.min(powerOfTwo(indexBits), Math.ceil((end - base) / span));
    for (let index = from; index < to; index++) {
      const entry = (table << PAGE_SHIFT) + index * this.entryBytes;
      if (level === this.#leafLevel - 1) {
        if (this.#isLarge(entry)) visit(entry, (base + index * span) as Vpn);
      } else if (this.#entries.isTable(entry)) {
        this.#visitLarge(this.#entries.frame(entry), level + 1, base + index * span, first, end, visit);
      }
    }
  }

  /** `base` is the first page that `table` maps; [first, end) is where the visit is wanted. */
  #visitRuns(
    table: Pfn,
    level: number,
    base: number,
    first: number,
    end: number,
    visit: (entry: number, vpn: Vpn, count: number) => void,
  ): void {
    const { shift, indexBits } = this.format.levels[level]!;
    const span = powerOfTwo(shift);
    const from = Math.max(0, Math.floor((first - base) / span));
    const to = Math.min(powerOfTwo(indexBits), Math.ceil((end - base) / span));
    const start = table << PAGE_SHIFT;
    if (level === this.#leafLevel) {
      if (from < to) visit(start + from * this.entryBytes, (base + from) as Vpn, to - from);
      return;
    }
    for (let index = from; index < to; index++) {
      const entry = start + index * this.entryBytes;
      if (!this.#entries.isTable(entry)) continue;
      this.#visitRuns(this.#entries.frame(entry), level + 1, base + index * span, first, end, visit);
    }
  }
}
