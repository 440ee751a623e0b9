// Runs of whole pages inside one heap: what the designs with pages (size-classes.ts, slab.ts) cut into blocks, and what large blocks are.
//
//   start     first page                                              top                  end
//   | own ... | run of 3 | 1 | run of 5, free | the map | run of 2 | 1 | never used         |
//
// A map holds one record of six words for each page below the top, so that an address finds its run by a shift and one load:
//
//   RUN    record of the run's first page: in every page of a run of blocks, in the first and the last page of others; else NIL's
//   FREE   the design's: e.g. the first free block; 0 in a free run, in a large block, in the allocator's own pages
//   USED   the design's: e.g. how many blocks are given
//   SHAPE  [ pages : 24 | kind : 8 ]: kind 0 free, 1 a large block, 2 the allocator's own, from 3 on the design's classes
//   NEXT   the list that the run is on: free runs in a bin of their length, the others as the design likes; 0 = none
//   PREV   the one before, 0 = none (it is the head)
//
// Records are named by their word's index. The map lies in the heap. It begins small, among the own words; when the top outgrows it,
// a map of twice its reach is made at the top, the records move, all indices of records with them, and the old map's pages are free.
// Pages lie on a grid of absolute addresses: an aligned block of up to a page's size needs no search.
//
// Invariants (quoted by `check`):
//   PR1  the runs below the top follow each other without gap or overlap, and RUN is as said above
//   PR2  no two free runs touch, and none touches the top
//   PR3  a free run is on the list of its length's bin, no other run is on any, and a bin's bit is set exactly if its list has a run
//   PR4  the map has a record for every page below the top
//
// Cost: take, give, extend O(1) but for writing RUN of each page; a bin of more than 31 pages is searched for its first SCAN runs.
// 24 bytes for each page of 1 KiB: 2.3 %. Source: the page map of tcmalloc and mimalloc's segments; bins as in dlmalloc.
// The non-null `!` on words: their indices come from the map.

import { expectHeap } from './allocator.ts';
import { wordsReader } from './boundary-tags.ts';
import { HeapHeader } from './heap-header.ts';
import type { HeapMemory } from './heap-memory.ts';

/** Bytes of a page as a power of two: 1 KiB, so that a class with few blocks wastes little. */
export const PAGE_SHIFT = 10;
/** Bytes of a page. */
export const PAGE_BYTES = 1 << PAGE_SHIFT;

/** Words of a record. */
export const RECORD = 6;
/** Fields of a record. */
const RUN = 0;
export const FREE = 1;
export const USED = 2;
export const SHAPE = 3;
export const NEXT = 4;
export const PREV = 5;

/** What a run is used for; from `classes` on, the design's size classes. */
export const RunKind = { free: 0, large: 1, own: 2, classes: 3 } as const;

/** Runs of fewer pages have a bin for each length; from here on there are four for each power of two. */
const EXACT = 32;
const BINS = 128;
/** How many runs of the bin that may hold shorter runs too are looked at. */
const SCAN = 8;
/** Pages that the first map reaches. */
const FIRST_MAP = 64;

// The own words, counted from `own`. MAP is where the record of page 0 of the buffer would be: the record of an address is at
// MAP + RECORD * (address >>> PAGE_SHIFT).
const MAP_AT = 0;
const PAGES_AT = 1;
const CAPACITY_AT = 2;
const NIL_AT = 4;
const BITS_AT = NIL_AT + RECORD;
const HEADS_AT = BITS_AT + BINS / 32;
const DESIGN_AT = HEADS_AT + BINS;

/** Returns the bytes of own words that page runs need, with `designWords` words that a design keeps for its lists of records. */
export const pageRunsBytes = (designWords: number): number => (DESIGN_AT + designWords + FIRST_MAP * RECORD) * 4;

/** Where the words are that hot paths read themselves. */
export interface PageRunPlaces {
  /** Index of the word MAP: the record of page 0, if the map reached so far down. */
  readonly map: number;
  /** Index of the word that holds how many pages are below the top. */
  readonly pages: number;
  /** Index of the record that stands for "no run": it has no free block. */
  readonly nil: number;
  /** Number of the heap's first page on the grid. */
  readonly first: number;
  /** Index of the first of the design's words: indices of records, moved when the map moves. */
  readonly design: number;
}

/** The operations on one heap's page runs. Any of those that may grow the memory makes the caller's `words` stale. */
export interface PageRuns {
  readonly at: PageRunPlaces;
  /** Writes an empty map: no page is used. */
  format(): void;
  /** Reads `memory.words` anew. */
  refresh(): void;
  /** Makes a free run of `pages` pages that lies between used ones into a used one; 0 if there is none. */
  take(pages: number, kind: number): number;
  /** Makes a used run of `pages` pages at the top; 0 if the memory has no more. */
  extend(pages: number, kind: number): number;
  /** Makes a used run whose first page's number is a multiple of `alignment` pages; 0 if the memory has no more. */
  takeAligned(pages: number, alignment: number, kind: number): number;
  /** Makes a used run free. */
  give(run: number): void;
  /** Changes a large block's length where it is. Returns whether it could; making it shorter always can. */
  resize(run: number, pages: number): boolean;
  /** Returns the run's first byte. */
  addressOf(run: number): number;
  /** Returns the address behind the last page in use. */
  top(): number;
  /** Visits every run in address order. */
  walk(visit: (run: number, address: number, pages: number, kind: number) => void): void;
  /** Throws HeapDamage at the first broken invariant. */
  check(): void;
}

/** Returns the number of the first page on the grid behind own words that begin with word `own`. */
function firstPage(own: number, designWords: number): number {
  return Math.ceil(((own + DESIGN_AT + designWords + FIRST_MAP * RECORD) * 4) / PAGE_BYTES);
}

/** Writes an empty map for `openPageRuns` with the same words. Apart from it, so that its functions are made once and V8 folds their constants. */
export function formatPageRuns({ words }: HeapMemory, own: number, designWords: number): void {
  const nil = own + NIL_AT;
  const firstRecord = own + DESIGN_AT + designWords;
  words.fill(0, own, firstRecord + FIRST_MAP * RECORD);
  words[own + MAP_AT] = firstRecord - firstPage(own, designWords) * RECORD;
  words[own + CAPACITY_AT] = FIRST_MAP;
  words[nil] = nil;
  words[nil + SHAPE] = RunKind.own;
  words.fill(nil, own + DESIGN_AT, firstRecord);
  for (let page = 0; page < FIRST_MAP; page++) words[firstRecord + page * RECORD] = nil;
}

/** Opens the page runs whose own words begin with word `own`, with `designWords` words of the design behind them. */
export function openPageRuns(memory: HeapMemory, own: number, designWords: number): PageRuns {
  const MAP = own + MAP_AT;
  const PAGES = own + PAGES_AT;
  const CAPACITY = own + CAPACITY_AT;
  const NIL = own + NIL_AT;
  const BITS = own + BITS_AT;
  const HEADS = own + HEADS_AT;
  const DESIGN = own + DESIGN_AT;
  const FIRST_RECORD = DESIGN + designWords;
  const first = firstPage(own, designWords);
  const PEAK = (memory.start >>> 2) + HeapHeader.PEAK;
  let words = memory.words;
  let endPage = memory.end >>> PAGE_SHIFT;
  const view = wordsReader(memory, () => words);

  const at: PageRunPlaces = { map: MAP, pages: PAGES, nil: NIL, first, design: DESIGN };

  function format(): void {
    formatPageRuns(memory, own, designWords);
  }

  function refresh(): void {
    memory.refresh();
    words = memory.words;
    endPage = memory.end >>> PAGE_SHIFT;
  }

  const firstRecord = (): number => view()[MAP]! + first * RECORD;
  const topRecord = (): number => firstRecord() + view()[PAGES]! * RECORD;
  const pagesOf = (run: number): number => view()[run + SHAPE]! >>> 8;
  const kindOf = (run: number): number => view()[run + SHAPE]! & 255;
  const addressOf = (run: number): number => ((((run - view()[MAP]!) / RECORD) | 0) << PAGE_SHIFT) >>> 0;

  function link(run: number, pages: number): void {
    const w = view();
    const bin = binOf(pages);
    const head = w[HEADS + bin]!;
    w[run + NEXT] = head;
    w[run + PREV] = 0;
    if (head === 0) w[BITS + (bin >>> 5)] = w[BITS + (bin >>> 5)]! | (1 << (bin & 31));
    else w[head + PREV] = run;
    w[HEADS + bin] = run;
  }

  function unlink(run: number): void {
    const w = view();
    const next = w[run + NEXT]!;
    const previous = w[run + PREV]!;
    if (next !== 0) w[next + PREV] = previous;
    if (previous !== 0) w[previous + NEXT] = next;
    else {
      const bin = binOf(pagesOf(run));
      w[HEADS + bin] = next;
      if (next === 0) w[BITS + (bin >>> 5)] = w[BITS + (bin >>> 5)]! & ~(1 << (bin & 31));
    }
  }

  /** Makes pages whose RUN is NIL a free run; it touches no other. */
  function setFree(run: number, pages: number): void {
    const w = view();
    setRun(run, pages, RunKind.free, run);
    w[run + FREE] = 0;
    w[run + SHAPE] = (pages << 8) | RunKind.free;
    link(run, pages);
  }

  /** Makes pages whose RUN is NIL a used run. */
  function setUsed(run: number, pages: number, kind: number): void {
    const w = view();
    setRun(run, pages, kind, run);
    w[run + FREE] = 0;
    w[run + USED] = 0;
    w[run + SHAPE] = (pages << 8) | kind;
  }

  /** Writes RUN of those pages of a run that have it. */
  function setRun(run: number, pages: number, kind: number, to: number): void {
    const w = view();
    const last = run + (pages - 1) * RECORD;
    w[run] = to;
    w[last] = to;
    if (kind < RunKind.classes) return;
    const shape = to === NIL ? 0 : kind;
    for (let page = run + RECORD; page <= last; page += RECORD) {
      w[page] = to;
      w[page + SHAPE] = shape;
    }
  }

  /** Makes pages whose RUN is NIL free, one run with those around them; at the top, the top sinks. */
  function merge(run: number, pages: number): void {
    const w = view();
    if (run > firstRecord()) {
      const before = w[run - RECORD]!;
      if (kindOf(before) === RunKind.free) {
        unlink(before);
        w[run - RECORD] = NIL;
        pages += pagesOf(before);
        run = before;
      }
    }
    const behind = run + pages * RECORD;
    const top = topRecord();
    if (behind < top && kindOf(behind) === RunKind.free) {
      unlink(behind);
      w[behind] = NIL;
      pages += pagesOf(behind);
      w[run + (pages - 1) * RECORD] = NIL;
    }
    w[run] = NIL;
    if (run + pages * RECORD === top) w[PAGES] = w[PAGES]! - pages;
    else setFree(run, pages);
  }

  /** Takes `pages` pages from a free run's beginning; the rest stays free. */
  function cut(run: number, pages: number, kind: number): number {
    const rest = pagesOf(run) - pages;
    unlink(run);
    setRun(run, pagesOf(run), RunKind.free, NIL);
    if (rest > 0) setFree(run + pages * RECORD, rest);
    setUsed(run, pages, kind);
    return run;
  }

  function take(pages: number, kind: number): number {
    const run = find(pages);
    return run === 0 ? 0 : cut(run, pages, kind);
  }

  function find(pages: number): number {
    const w = view();
    let bin = binOf(pages);
    if (pages >= EXACT) {
      let run = w[HEADS + bin]!;
      for (let i = 0; i < SCAN && run !== 0; i++, run = w[run + NEXT]!) if (pagesOf(run) >= pages) return run;
      bin++;
    }
    for (let word = bin >>> 5, mask = -1 << (bin & 31); word < BINS / 32; word++, mask = -1) {
      const bits = w[BITS + word]! & mask;
      if (bits !== 0) return w[HEADS + word * 32 + 31 - Math.clz32(bits & -bits)]!;
    }
    return 0;
  }

  function extend(pages: number, kind: number): number {
    if (!reach(pages)) return 0;
    const run = topRecord();
    raise(pages);
    setUsed(run, pages, kind);
    return run;
  }

  function raise(pages: number): void {
    const w = view();
    w[PAGES] = w[PAGES]! + pages;
    const peak = (first + w[PAGES]!) << PAGE_SHIFT;
    if (peak >>> 0 > w[PEAK]! >>> 0) w[PEAK] = peak;
  }

  /** Sees to it that there are memory and records for `pages` more pages at the top. */
  function reach(pages: number): boolean {
    if (words[PAGES]! + pages > words[CAPACITY]!) return moveMap(pages);
    return hasPages(words[PAGES]! + pages);
  }

  function hasPages(pages: number): boolean {
    const missing = first + pages - endPage;
    if (missing <= 0) return true;
    const grown = memory.grow((first + pages) * PAGE_BYTES - memory.end);
    refresh();
    return grown && first + pages <= endPage;
  }

  /** Makes room for more records: the map moves into a free run of twice its size, or to the top. */
  function moveMap(pages: number): boolean {
    const used = words[PAGES]!;
    const least = used + pages;
    for (const wanted of [Math.max(2 * words[CAPACITY]!, least), least]) {
      const mapPages = mapPagesFor(wanted);
      const run = hasPages(least) ? take(mapPages, RunKind.own) : 0;
      if (run === 0 && !hasPages(least + mapPages)) continue;
      placeMap(wanted + mapPages, mapPages, run === 0 ? (first + used) << PAGE_SHIFT : addressOf(run));
      return true;
    }
    return false;
  }

  /** Moves the records into a map at `address`: in a run that is used for it already, or at the top. */
  function placeMap(capacity: number, mapPages: number, address: number): void {
    const old = firstRecord();
    const used = words[PAGES]!;
    const moved = address >>> 2;
    words.copyWithin(moved, old, old + used * RECORD);
    moveRecordIndices(old, moved, used);
    words.fill(0, moved + used * RECORD, moved + capacity * RECORD);
    for (let page = used; page < capacity; page++) words[moved + page * RECORD] = NIL;
    words[MAP] = moved - first * RECORD;
    words[CAPACITY] = capacity;
    if (address >>> PAGE_SHIFT === first + used) {
      raise(mapPages);
      setUsed(moved + used * RECORD, mapPages, RunKind.own);
    }
    if (old !== FIRST_RECORD) give(words[words[MAP]! + (old >>> (PAGE_SHIFT - 2)) * RECORD]!);
  }

  /** Corrects all indices of records, in the records and in the lists' heads, after `used` records have moved. */
  function moveRecordIndices(from: number, to: number, used: number): void {
    const move = (index: number): void => {
      const record = words[index]!;
      if (record >= from && record < from + used * RECORD) words[index] = record + to - from;
    };
    for (let record = to; record < to + used * RECORD; record += RECORD) for (const field of [RUN, NEXT, PREV]) move(record + field);
    for (let index = HEADS; index < FIRST_RECORD; index++) move(index);
  }

  function takeAligned(pages: number, alignment: number, kind: number): number {
    const spare = pages + alignment - 1;
    const run = take(spare, kind) || extend(spare, kind);
    if (run === 0) return 0;
    const skipped = -(addressOf(run) >>> PAGE_SHIFT) & (alignment - 1);
    const aligned = run + skipped * RECORD;
    const rest = spare - skipped - pages;
    setRun(run, spare, kind, NIL);
    setUsed(aligned, pages, kind);
    if (rest > 0) merge(aligned + pages * RECORD, rest);
    if (skipped > 0) merge(run, skipped);
    return aligned;
  }

  function give(run: number): void {
    const pages = pagesOf(run);
    setRun(run, pages, kindOf(run), NIL);
    merge(run, pages);
  }

  function resize(run: number, pages: number): boolean {
    const had = pagesOf(run);
    if (pages > had) return enlarge(run, pages);
    if (pages === had) return true;
    setRun(run, had, RunKind.large, NIL);
    setUsed(run, pages, RunKind.large);
    merge(run + pages * RECORD, had - pages);
    return true;
  }

  function enlarge(run: number, pages: number): boolean {
    const had = pagesOf(run);
    const missing = pages - had;
    const behind = run + had * RECORD;
    if (behind === topRecord()) {
      // Were the map to move to the top, it would bar the way; the block moves instead, and the next map has its place.
      if (words[PAGES]! + missing > words[CAPACITY]! || !hasPages(words[PAGES]! + missing)) return false;
      raise(missing);
    } else {
      if (behind > topRecord() || kindOf(behind) !== RunKind.free || pagesOf(behind) < missing) return false;
      cut(behind, missing, RunKind.large);
      setRun(behind, missing, RunKind.large, NIL);
    }
    setRun(run, had, RunKind.large, NIL);
    setUsed(run, pages, RunKind.large);
    return true;
  }

  const top = (): number => (words[PAGES]! === 0 ? (FIRST_RECORD + FIRST_MAP * RECORD) * 4 : (first + words[PAGES]!) * PAGE_BYTES);

  function walk(visit: (run: number, address: number, pages: number, kind: number) => void): void {
    const end = topRecord();
    for (let run = firstRecord(); run < end; run += pagesOf(run) * RECORD) {
      expectHeap(words[run] === run && pagesOf(run) > 0, 'PR1', addressOf(run), 'a page that should begin a run does not');
      visit(run, addressOf(run), pagesOf(run), kindOf(run));
    }
  }

  function check(): void {
    expectHeap(words[PAGES]! <= words[CAPACITY]!, 'PR4', top(), `the map has ${words[CAPACITY]} records for ${words[PAGES]} pages`);
    const free = new Set<number>();
    let pagesSeen = 0;
    let wasFree = false;
    walk((run, address, pages, kind) => {
      for (let page = 1; page < pages; page++) {
        const isKnown = kind >= RunKind.classes || page === pages - 1;
        expectHeap(words[run + page * RECORD] === (isKnown ? run : NIL), 'PR1', address, `page ${page} of a run of ${pages} is not its`);
      }
      expectHeap(!(wasFree && kind === RunKind.free), 'PR2', address, 'two free runs touch');
      wasFree = kind === RunKind.free;
      if (wasFree) free.add(run);
      pagesSeen += pages;
    });
    expectHeap(pagesSeen === words[PAGES], 'PR1', top(), `the runs have ${pagesSeen} pages of ${words[PAGES]}`);
    expectHeap(!wasFree, 'PR2', top(), 'a free run touches the top');
    checkBins(free);
  }

  function checkBins(free: Set<number>): void {
    for (let bin = 0; bin < BINS; bin++) {
      const bit = (words[BITS + (bin >>> 5)]! >>> (bin & 31)) & 1;
      expectHeap(bit === (words[HEADS + bin] === 0 ? 0 : 1), 'PR3', 0, `the bit of bin ${bin} is ${bit}`);
      let previous = 0;
      for (let run = words[HEADS + bin]!; run !== 0; run = words[run + NEXT]!) {
        const isRight = free.delete(run) && binOf(pagesOf(run)) === bin && words[run + PREV] === previous;
        expectHeap(isRight, 'PR3', addressOf(run), `bin ${bin} lists a run that is not free, not of its length, or listed twice`);
        previous = run;
      }
    }
    for (const run of free) expectHeap(false, 'PR3', addressOf(run), 'a free run is in no bin');
  }

  return { at, format, refresh, take, extend, takeAligned, give, resize, addressOf, top, walk, check };
}

/** Returns the bin of free runs of `pages` pages: exact below EXACT, then four for each power of two. */
function binOf(pages: number): number {
  if (pages < EXACT) return pages;
  const power = 31 - Math.clz32(pages);
  return EXACT + (power - 5) * 4 + ((pages >>> (power - 2)) & 3);
}

/** Returns the pages of a map that has records for `pages` pages and for its own. */
function mapPagesFor(pages: number): number {
  return Math.ceil((pages * RECORD * 4) / (PAGE_BYTES - RECORD * 4));
}
