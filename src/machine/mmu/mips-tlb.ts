// The TLB of the MIPS R4000, which the kernel fills: 48 entries for the whole machine, each for two neighbouring pages of one space.
//
//   EntryHi    | VPN2 (19) | . | ASID (8) |       matches the address and the space
//   EntryLo0   | PFN | C | D | V | G |            the even page       } both are loaded by one refill
//   EntryLo1   | PFN | C | D | V | G |            the odd page        }
//
//   refill     no entry matches: the handler loads both halves from the table, over an entry taken at random, none of the wired ones
//   invalid    the half is not valid: page fault, or the first use of the page, which the kernel then marks
//   modified   a store to a half without D: page fault (no right to write), or the first store, which the kernel then marks
//
// A live program's TLB words (tlb.ts) are valid for what these entries hold and nothing else, so it takes the exceptions of a real R4000 that
// has no caches to warm. Changing a table entry flushes the pair, as that of Linux does.
//
//   ST1  a valid word belongs to a page whose pair is in the TLB
//   ST2  no two entries match the same pair of the same space; spaces that share an ASID have no entries at the same time
// Source: MIPS R4000 User's Manual, chapters 4 and 5. Cost: a search of 48 keys for each trap.

import { invariant, type Pfn, Random } from '../../base/index.ts';
import { TLB_ENTRIES, Tlb } from '../tlb.ts';
import { ACCESS_WRITE } from './fault.ts';
import { PTE_ACCESSED, PTE_DIRTY, PTE_PRESENT, type SoftwareTlbShape } from './format.ts';

/** ASIDs are bytes, and 0 is the kernel's. */
const ASIDS = 255;
/** EntryHi: where the pair begins. */
const VPN2_SHIFT = 13;
/** The Random register counts instructions; a run must repeat, so this counts refills. */
const RANDOM_SEED = 0x4000;

/** What a refill handler reads of the page table (mmu.ts). */
export interface TableReader {
  leaf(root: Pfn, vpn: number): number;
  hasFlags(entry: number, flags: number): boolean;
  entryFrame(entry: number): Pfn;
}

/** The TLB of a machine. */
export class SoftwareTlb {
  /** Exceptions so far, by kind. */
  refills = 0;
  invalid = 0;
  modified = 0;
  readonly entries: number;
  readonly #wired: number;
  readonly #table: TableReader;
  /** EntryHi of each entry; 0 for one that matches nothing. */
  readonly #keys: Int32Array;
  readonly #holders: (SpaceTlb | undefined)[];
  readonly #bound = new Map<Pfn, SpaceTlb>();
  readonly #asidHolders: (SpaceTlb | undefined)[] = [];
  readonly #random = new Random(RANDOM_SEED);

  constructor(table: TableReader, shape: SoftwareTlbShape) {
    this.#table = table;
    this.entries = shape.entries;
    this.#wired = shape.wired;
    this.#keys = new Int32Array(shape.entries);
    this.#holders = new Array<SpaceTlb | undefined>(shape.entries).fill(undefined);
  }

  /** Makes the TLB words of one space, as `Tlb` does: they hold what this TLB holds for it. */
  space(buffer: ArrayBuffer, readTable: number, writeTable: number): Tlb {
    return new SpaceTlb(this, buffer, readTable, writeTable);
  }

  /** Gives a space its root, and the ASID that `id` makes: one that another space has, that one loses with all its entries. */
  bind(space: SpaceTlb, root: Pfn, id: number): void {
    space.root = root;
    space.asid = ((id - 1) % ASIDS) + 1;
    this.#bound.set(root, space);
  }

  /** Counts the exceptions that a trap for page `vpn` is made of. */
  raise(root: Pfn, vpn: number, access: number): void {
    const space = this.#bound.get(root);
    if (space === undefined) return;
    const isWrite = access === ACCESS_WRITE;
    let valid = space.reads(vpn);
    let dirty = space.writes(vpn);
    if (this.#find(space, vpn >>> 1) === -1) {
      this.refills++;
      const entry = this.#table.leaf(root, vpn);
      valid = entry !== 0 && this.#table.hasFlags(entry, PTE_PRESENT | PTE_ACCESSED);
      dirty = valid && this.#table.hasFlags(entry, PTE_DIRTY);
    }
    if (!valid) this.invalid++;
    else if (isWrite && !dirty) this.modified++;
  }

  /** Loads the pair of page `vpn` from the table, over its own entry or one at random. */
  load(space: SpaceTlb, vpn: number): void {
    const pair = vpn >>> 1;
    if (this.#asidHolders[space.asid] !== space) this.#takeAsid(space);
    if (this.#find(space, pair) === -1) {
      const victim = this.#wired + this.#random.below(this.entries - this.#wired);
      this.#drop(victim);
      this.#keys[victim] = keyOf(space, pair);
      this.#holders[victim] = space;
    }
    for (let page = 2 * pair; page < 2 * pair + 2; page++) this.#loadHalf(space, page);
  }

  #loadHalf(space: SpaceTlb, page: number): void {
    const entry = this.#table.leaf(space.root, page);
    if (entry === 0 || !this.#table.hasFlags(entry, PTE_PRESENT | PTE_ACCESSED)) return;
    space.setWords(page, this.#table.entryFrame(entry), this.#table.hasFlags(entry, PTE_DIRTY) ? 'write' : 'read');
  }

  /** Drops the entries of `space` that have one of `count` pages from `first` on. */
  drop(space: SpaceTlb, first: number, count: number): void {
    for (let slot = 0; slot < this.entries; slot++) {
      if (this.#holders[slot] !== space) continue;
      const page = pairOf(this.#keys[slot] as number) * 2;
      if (page + 1 >= first && page < first + count) this.#drop(slot);
    }
  }

  /** Tells whether the pair of page `vpn` is in the TLB. */
  holds(space: SpaceTlb, vpn: number): boolean {
    return this.#find(space, vpn >>> 1) !== -1;
  }

  /** Panics (ST2) if two entries match the same pair. */
  check(): void {
    const taken = [...this.#keys].filter((key) => key !== 0);
    invariant(new Set(taken).size === taken.length, 'ST2', () => `two entries of ${taken.map((key) => key.toString(16)).join(' ')} match`);
  }

  #takeAsid(space: SpaceTlb): void {
    const before = this.#asidHolders[space.asid];
    if (before !== undefined) this.drop(before, 0, Number.POSITIVE_INFINITY);
    this.#asidHolders[space.asid] = space;
  }

  #find(space: SpaceTlb, pair: number): number {
    const slot = this.#keys.indexOf(keyOf(space, pair));
    return slot !== -1 && this.#holders[slot] === space ? slot : -1;
  }

  #drop(slot: number): void {
    const holder = this.#holders[slot];
    if (holder === undefined) return;
    const page = pairOf(this.#keys[slot] as number) * 2;
    this.#holders[slot] = undefined;
    this.#keys[slot] = 0;
    holder.clearWords(page, 2);
  }
}

/** Returns the EntryHi that matches a pair of a space. Never 0, since no ASID is. */
function keyOf(space: SpaceTlb, pair: number): number {
  return (pair << VPN2_SHIFT) | space.asid;
}

function pairOf(key: number): number {
  return key >>> VPN2_SHIFT;
}

/** The words of one space, valid for what the machine's TLB holds for it. */
class SpaceTlb extends Tlb {
  root = 0 as Pfn;
  asid = 0;
  readonly #tlb: SoftwareTlb;

  constructor(tlb: SoftwareTlb, buffer: ArrayBuffer, readTable: number, writeTable: number) {
    super(buffer, readTable, writeTable);
    this.#tlb = tlb;
  }

  override bind(root: Pfn, id: number): void {
    this.#tlb.bind(this, root, id);
  }

  override fillRead(vpn: number, _pfn: Pfn): void {
    this.#tlb.load(this, vpn);
  }

  override fillWrite(vpn: number, _pfn: Pfn): void {
    this.#tlb.load(this, vpn);
  }

  override invalidate(vpn: number): void {
    this.#tlb.drop(this, vpn, 1);
  }

  override invalidateWrite(vpn: number): void {
    if (this.writes(vpn)) this.#tlb.drop(this, vpn, 1);
  }

  override invalidateRange(first: number, count: number): void {
    this.#tlb.drop(this, first, count);
  }

  override invalidateWriteRange(first: number, count: number): void {
    this.#tlb.drop(this, first, count);
  }

  /** What the base class does to the words themselves. */
  setWords(vpn: number, pfn: Pfn, right: 'read' | 'write'): void {
    if (right === 'write') super.fillWrite(vpn, pfn);
    else super.fillRead(vpn, pfn);
  }

  clearWords(first: number, count: number): void {
    super.invalidateRange(first, count);
  }

  override check(): void {
    super.check();
    this.#tlb.check();
    for (let page = 0; page < TLB_ENTRIES; page++) {
      if (this.reads(page)) invariant(this.#tlb.holds(this, page), 'ST1', () => `page ${page} has a word, but is not in the TLB`);
    }
  }
}
