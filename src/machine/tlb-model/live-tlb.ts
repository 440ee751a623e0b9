// TLBs of given shapes beside a live program's complete one: they see each of its references, and each entry that the kernel has to flush.
//
//   reference of the program   -> page, or the large page that maps it -> each design: first level, second level, walk
//   change of an entry (Tlb)   -> that translation is dropped from every design: an unmapping, a lost right, a cleared mark, a demotion
//
//   translation   0 ... 2^20 - 1 a page (or a group of neighbours, where an entry has several), from 2^20 on a large page by its window
//
// What a trace cannot tell is here as it happens: which pages are large at the time, and what the kernel flushes. After a promotion the
// entries of the small pages stay until others take their place, as in hardware.
//
//   TLBL1  references = first hits + second hits + misses, for each design
// Cost: 2 to 20 ns for a reference to another page than the one before, for each design; beside it, that the program runs in its recording
// form (wasm/rewrite/). Elsewhere: arrays (tlb-array.ts), traces (lab/tlb/), the complete TLB (tlb.ts).

import { invariant, PAGE_SHIFT } from '../../base/index.ts';
import { TLB_ENTRIES, Tlb } from '../tlb.ts';
import { makeTlbArray, type TlbArray } from './tlb-array.ts';
import type { TlbDesign, TlbShape } from './tlb-shape.ts';

/** What one design did. */
export interface LiveTlbCounts {
  readonly design: TlbDesign;
  readonly references: number;
  readonly firstHits: number;
  readonly secondHits: number;
  readonly misses: number;
  /** Misses whose walk ended at a large page. */
  readonly largeMisses: number;
  /** Entries that the kernel's changes of page tables dropped. */
  readonly dropped: number;
}

/** The arrays of one design. */
class ModelledTlb {
  readonly design: TlbDesign;
  secondHits = 0;
  misses = 0;
  largeMisses = 0;
  dropped = 0;
  readonly #small: TlbArray;
  readonly #large: TlbArray;
  readonly #second: TlbArray | undefined;
  /** log2 of the pages of an entry. */
  readonly #groupShift: number;

  /** @param windows large pages that a space has room for; 0 if there are none */
  constructor(design: TlbDesign, windows: number, seed: number) {
    this.design = design;
    this.#groupShift = Math.log2(design.pagesPerEntry ?? 1);
    const pages = new Uint32Array(TLB_ENTRIES + windows);
    for (let page = 0; page < TLB_ENTRIES; page++) pages[page] = page;
    for (let window = 0; window < windows; window++) pages[TLB_ENTRIES + window] = window;
    const arrayOf = (shape: TlbShape, level: number): TlbArray => makeTlbArray(shape, pages, seed + level);
    this.#small = arrayOf(design.first, 0);
    this.#large = design.large === undefined ? this.#small : arrayOf(design.large, 1);
    this.#second = design.second && arrayOf(design.second, 2);
  }

  refer(page: number, large: number): void {
    const translation = large === 0 ? page >>> this.#groupShift : large;
    const array = large === 0 ? this.#small : this.#large;
    if (array.lookup(translation)) return;
    if (this.#second?.lookup(translation)) this.secondHits++;
    else {
      this.misses++;
      if (large !== 0) this.largeMisses++;
      this.#second?.fill(translation);
    }
    array.fill(translation);
  }

  dropPage(page: number): void {
    this.#drop(this.#small, page >>> this.#groupShift);
  }

  dropLarge(translation: number): void {
    this.#drop(this.#large, translation);
  }

  #drop(array: TlbArray, translation: number): void {
    const inFirst = array.drop(translation);
    const inSecond = this.#second?.drop(translation) ?? false;
    if (inFirst || inSecond) this.dropped++;
  }

  check(): void {
    for (const array of [this.#small, this.#large, this.#second]) array?.check();
  }
}

/** TLB designs that a live program's references go through. */
export class LiveTlbs {
  readonly #models: readonly ModelledTlb[];
  /** log2 of the pages of a large page. */
  readonly #windowShift: number;
  /** Per window: 1 where a large page maps it. */
  readonly #isLarge: Uint8Array;
  #references = 0;
  /** The page referenced last: its next reference hits everywhere, unless something was dropped in between. */
  #last = -1;

  /** @param largePages pages of a large page, 0 where there are none. Panics (TLBM0) for a design that cannot be. */
  constructor(designs: readonly TlbDesign[], largePages: number, seed: number) {
    const windows = largePages === 0 ? 0 : TLB_ENTRIES / largePages;
    this.#windowShift = largePages === 0 ? 31 : Math.log2(largePages);
    this.#isLarge = new Uint8Array(Math.max(1, windows));
    this.#models = designs.map((design, number) => new ModelledTlb(design, windows, seed + 3 * number));
  }

  /** To be told of each reference of the program to [address, address + size), before it is done. */
  refer(address: number, size: number): void {
    if (size === 0) return;
    const last = Math.min(Math.floor((address + size - 1) / 2 ** PAGE_SHIFT), TLB_ENTRIES - 1);
    for (let page = Math.floor(address / 2 ** PAGE_SHIFT); page <= last; page++) this.#refer(page);
  }

  #refer(page: number): void {
    this.#references++;
    if (page === this.#last) return;
    this.#last = page;
    const window = page >>> this.#windowShift;
    const large = this.#isLarge[window] === 1 ? TLB_ENTRIES + window : 0;
    for (const model of this.#models) model.refer(page, large);
  }

  /** The kernel changed the entries of pages [first, first + count): what is held of them goes. */
  drop(first: number, count: number): void {
    this.#last = -1;
    for (const model of this.#models) {
      for (let page = first; page < first + count; page++) model.dropPage(page);
      this.#dropLarge(model, first, count);
    }
  }

  #dropLarge(model: ModelledTlb, first: number, count: number): void {
    const end = (first + count - 1) >>> this.#windowShift;
    for (let window = first >>> this.#windowShift; window <= end; window++) {
      if (this.#isLarge[window] === 1) model.dropLarge(TLB_ENTRIES + window);
    }
  }

  /** A large page maps the window that begins with page `first`. */
  promoted(first: number): void {
    this.#last = -1;
    this.#isLarge[first >>> this.#windowShift] = 1;
  }

  /** No large page maps it any more. */
  demoted(first: number): void {
    this.#last = -1;
    const window = first >>> this.#windowShift;
    for (const model of this.#models) model.dropLarge(TLB_ENTRIES + window);
    this.#isLarge[window] = 0;
  }

  /** Returns what each design did so far. */
  counts(): LiveTlbCounts[] {
    const references = this.#references;
    return this.#models.map(({ design, secondHits, misses, largeMisses, dropped }) => ({
      design,
      references,
      firstHits: references - secondHits - misses,
      secondHits,
      misses,
      largeMisses,
      dropped,
    }));
  }

  /** Walks everything; panics at the first broken invariant. */
  check(): void {
    for (const model of this.#models) {
      model.check();
      invariant(model.secondHits + model.misses <= this.#references, 'TLBL1', () => `${model.misses} of ${this.#references} missed`);
    }
  }
}

/** A space's complete TLB that tells others what the kernel changes. */
export class WatchedTlb extends Tlb {
  readonly #watcher: LiveTlbs;

  /** Uses tables as `Tlb` does. */
  constructor(watcher: LiveTlbs, buffer: ArrayBuffer, readTable: number, writeTable: number) {
    super(buffer, readTable, writeTable);
    this.#watcher = watcher;
  }

  override invalidate(vpn: number): void {
    this.#watcher.drop(vpn, 1);
    super.invalidate(vpn);
  }

  override invalidateWrite(vpn: number): void {
    this.#watcher.drop(vpn, 1);
    super.invalidateWrite(vpn);
  }

  override invalidateRange(first: number, count: number): void {
    this.#watcher.drop(first, count);
    super.invalidateRange(first, count);
  }

  override invalidateWriteRange(first: number, count: number): void {
    this.#watcher.drop(first, count);
    super.invalidateWriteRange(first, count);
  }

  override promoted(first: number): void {
    this.#watcher.promoted(first);
  }

  override demoted(first: number): void {
    this.#watcher.demoted(first);
  }
}
