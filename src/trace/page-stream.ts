// From references to pages: what a simulator replays. One pass, in batches, each step optional:
//
//   references -> which kinds? -> which part of the trace? -> pages (a reference that crosses a boundary becomes several)
//              -> which pages? (sampling by hash: all references to a page, or none) -> repeats collapsed? -> batches of page numbers
//
// Collapsing drops a reference to the page that the reference before it was to. FIFO, LRU, MRU, 2Q and the optimum count the same misses
// without it; CLOCK, LFU, ARC, SLRU, SIEVE, S3-FIFO and LIRS do not, since a repeat sets a bit or a count: results must say that it was done.

import { type AddressUnit, ReferenceBatch, ReferenceKind, type ReferenceSink } from './references.ts';

/** What to make of the references. */
export interface PageStreamOptions {
  /** What the trace's addresses count. */
  readonly unit: AddressUnit;
  /** Base-2 logarithm of the page's size. Traces of pages keep their numbers. */
  readonly pageShift: number;
  /** What counts: everything, or loads and stores only. Default `all`. */
  readonly kinds?: 'all' | 'data';
  /** `split`: a reference counts for each page it touches. `whole`: only for the page it begins in, as libCacheSim counts requests. Default `split`. */
  readonly crossing?: 'split' | 'whole';
  /** `pages`: drop repeats of a page. `kinds`: drop repeats of the same page and kind. Default `none`. */
  readonly collapse?: 'none' | 'pages' | 'kinds';
  /** References to leave out at the start, and to take after that. */
  readonly skip?: number;
  readonly limit?: number;
  /** Share of the pages to keep, above 0 and up to 1: a page is kept or not by a hash of its number, the same in every trace. */
  readonly sample?: number;
}

/** Pages are kept whose hash lies below this times the share. */
export const SAMPLE_RANGE = 1 << 24;

/** Passes pages on in batches of its own: addresses are page numbers, sizes 1. */
export class PageStream {
  readonly #options: PageStreamOptions;
  readonly #sink: ReferenceSink;
  readonly #out = new ReferenceBatch();
  readonly #pageBytes: number;
  readonly #threshold: number;
  /** Whether every page is passed on. */
  readonly #choice: 'all' | 'some';
  #skip: number;
  #left: number;
  #lastPage = -1;
  #lastKind = -1;
  /** References that came in, after the choice of kinds and part. */
  references = 0;

  constructor(options: PageStreamOptions, sink: ReferenceSink) {
    this.#options = options;
    this.#sink = sink;
    this.#pageBytes = options.unit === 'pages' ? 1 : 2 ** options.pageShift;
    this.#threshold = Math.round((options.sample ?? 1) * SAMPLE_RANGE);
    this.#skip = options.skip ?? 0;
    this.#left = options.limit ?? Number.MAX_SAFE_INTEGER;
    this.#choice = (options.collapse ?? 'none') === 'none' && this.#threshold === SAMPLE_RANGE ? 'all' : 'some';
  }

  /** Whether the part of the trace that was asked for is over: what follows is ignored. */
  get isComplete(): boolean {
    return this.#left <= 0;
  }

  /** Takes references. */
  add(batch: ReferenceBatch): void {
    const { addresses, sizes, kinds, count } = batch;
    const dataOnly = this.#options.kinds === 'data';
    const split = this.#options.crossing !== 'whole';
    const scale = 1 / this.#pageBytes;
    // Fields are read and written once a batch: this loop runs for each reference there is.
    let skip = this.#skip;
    let left = this.#left;
    const leftBefore = left;
    for (let i = 0; i < count && left > 0; i++) {
      const kind = kinds[i] as ReferenceKind;
      if (dataOnly && kind === ReferenceKind.fetch) continue;
      if (skip > 0) {
        skip--;
        continue;
      }
      left--;
      const address = addresses[i] as number;
      // Exact: the scale is a power of two.
      const first = Math.floor(address * scale);
      this.#page(first, kind);
      const size = sizes[i] as number;
      if (!split || size === 1) continue;
      const last = Math.floor((address + size - 1) * scale);
      for (let page = first + 1; page <= last; page++) this.#page(page, kind);
    }
    this.#skip = skip;
    this.#left = left;
    this.references += leftBefore - left;
  }

  /** Passes on what is left. */
  end(): void {
    if (this.#out.count > 0) this.#sink(this.#out);
    this.#out.count = 0;
  }

  #page(page: number, kind: ReferenceKind): void {
    if (this.#choice === 'some' && !this.#isChosen(page, kind)) return;
    const out = this.#out;
    const at = out.count;
    out.addresses[at] = page;
    out.kinds[at] = kind;
    out.count = at + 1;
    if (out.count < out.capacity) return;
    this.#sink(out);
    out.count = 0;
  }

  #isChosen(page: number, kind: ReferenceKind): boolean {
    if (this.#threshold < SAMPLE_RANGE && pageHash(page) >= this.#threshold) return false;
    const { collapse = 'none' } = this.#options;
    if (collapse === 'none') return true;
    const isRepeat = page === this.#lastPage && (collapse === 'pages' || kind === this.#lastKind);
    this.#lastPage = page;
    this.#lastKind = kind;
    return !isRepeat;
  }
}

/** Returns a number below 2^24 that spreads page numbers evenly (the finaliser of splitmix, on 32 bits). */
export function pageHash(page: number): number {
  let hash = (page ^ Math.floor(page / 0x1_0000_0000)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0_aaad);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a_2d97);
  return (hash ^ (hash >>> 15)) & (SAMPLE_RANGE - 1);
}
