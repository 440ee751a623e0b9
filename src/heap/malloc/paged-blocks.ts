// What the designs over page runs (size-classes.ts, slab.ts) do the same way: blocks that are runs of pages, realloc, and the walk over all
// runs. Small blocks, which are cut from runs, are each design's own.
//
//   bytes <= a design's largest small block: its own malloc        above, and aligned to more than it can: a run of pages, no header
//
// Cost: as the page runs; realloc of a run grows into free pages behind it, and otherwise copies.
// The non-null `!` on words: indices come from the map.

import { BlockUse, type BlockVisitor, type HeapAllocator } from './allocator.ts';
import { wordsReader } from './boundary-tags.ts';
import type { HeapMemory } from './heap-memory.ts';
import { PAGE_BYTES, PAGE_SHIFT, type PageRuns, RECORD as RECORD_WORDS, RunKind as RUN_KIND, SHAPE as SHAPE_WORD } from './page-runs.ts';

// A module's own constants are part of the compiled code; imported ones V8 would read from memory each time.
const SHIFT = PAGE_SHIFT;
const RECORD = RECORD_WORDS;
const SHAPE = SHAPE_WORD;
const RunKind = RUN_KIND;
/** One less than the bytes of a page. */
const PAGE_MASK = PAGE_BYTES - 1;

/** What a design over page runs does its own way. Each reads the memory's words itself. */
export interface PagedDesign {
  malloc(bytes: number): number;
  free(address: number): boolean;
  /** Requests up to it are small: `malloc` does not make them runs. */
  readonly maxSmallBytes: number;
  /** Makes a used run, from what the design can give back too; 0 if there is no memory. */
  takePages(pages: number, kind: number): number;
  /** Returns a small block's usable bytes, or 0 if `address` is visibly no live block of `run`. The view may be old. */
  usableIn(run: number, address: number): number;
  /** Aligns a small block; or returns undefined if it is to be a run. */
  memalignSmall(alignment: number, bytes: number): number | undefined;
  /** Visits the blocks of a run of the design's. */
  walkRun(run: number, address: number, runBytes: number, visit: BlockVisitor): void;
  /** Reads `memory.words` anew. */
  refresh(): void;
}

/** The operations that PagedDesign does not have, and those on runs that its malloc and free call. */
export interface PagedBlocks extends Pick<HeapAllocator, 'realloc' | 'memalign' | 'usableSize' | 'walk' | 'top'> {
  /** Gives a run of pages; bytes that are no size give 0. */
  mallocPages(bytes: number): number;
  /** Takes a run of pages back; false if `run` is none, or does not begin at `address`. */
  freePages(run: number, address: number): boolean;
}

/** Returns the operations on a heap's runs as blocks. `alignment` is that of all its blocks. */
export function pagedBlocks(memory: HeapMemory, runs: PageRuns, alignment: number, design: PagedDesign): PagedBlocks {
  const { map: MAP, pages: PAGES, first: FIRST_PAGE } = runs.at;
  const { addressOf, give } = runs;
  const { limit } = memory;
  const view = wordsReader(memory, () => memory.words);

  /** Returns the pages for so many bytes, at most 2^32 - 2^16: at least one. */
  const pagesFor = (bytes: number): number => (bytes === 0 ? 1 : (bytes + PAGE_MASK) >>> SHIFT);

  function mallocPages(bytes: number): number {
    if (bytes >>> 0 !== bytes || bytes > limit) return 0;
    const run = design.takePages(pagesFor(bytes), RunKind.large);
    return run === 0 ? 0 : addressOf(run);
  }

  function isLarge(run: number, address: number): boolean {
    return (view()[run + SHAPE]! & 255) === RunKind.large && addressOf(run) === address;
  }

  function freePages(run: number, address: number): boolean {
    if (!isLarge(run, address)) return false;
    give(run);
    return true;
  }

  /** Returns the record of the run of blocks, or the large block, at an address; 0 if there is none. */
  function runAt(address: number): number {
    const { words } = memory;
    const page = address >>> SHIFT;
    if ((address & -alignment) >>> 0 !== address || (page - FIRST_PAGE) >>> 0 >= words[PAGES]!) return 0;
    return words[words[MAP]! + page * RECORD]!;
  }

  function usableOf(run: number, address: number): number {
    if (run === 0) return 0;
    const shape = memory.words[run + SHAPE]!;
    if ((shape & 255) >= RunKind.classes) return design.usableIn(run, address);
    return isLarge(run, address) ? (shape >>> 8) * PAGE_BYTES : 0;
  }

  function usableSize(address: number): number {
    design.refresh();
    return usableOf(runAt(address), address);
  }

  function realloc(address: number, bytes: number): number {
    if (address === 0) return design.malloc(bytes);
    if (memory.words.length === 0) design.refresh();
    const run = runAt(address);
    const usable = usableOf(run, address);
    if (usable === 0 || bytes >>> 0 !== bytes || bytes > memory.limit) return 0;
    if (stays(run, address, bytes, usable)) return address;
    const moved = design.malloc(bytes);
    if (moved === 0) return bytes <= usable ? address : 0;
    const from = address >>> 2;
    memory.words.copyWithin(moved >>> 2, from, from + (Math.min(usable, bytes + 3) >>> 2));
    design.free(address);
    return moved;
  }

  /** Tells whether the block may stay where it is, now with at least `bytes` bytes. Half of a block is not kept for nothing. */
  function stays(run: number, address: number, bytes: number, usable: number): boolean {
    if (bytes > design.maxSmallBytes && isLarge(run, address)) {
      const stayed = runs.resize(run, Math.ceil(bytes / PAGE_BYTES));
      design.refresh();
      return stayed;
    }
    return bytes <= usable && (bytes > usable >>> 1 || usable <= 2 * alignment);
  }

  function memalign(power: number, bytes: number): number {
    if (power >>> 0 !== power || power === 0 || (power & (power - 1)) !== 0 || bytes >>> 0 !== bytes) return 0;
    if (power <= alignment) return design.malloc(bytes);
    design.refresh();
    if (power + bytes > memory.limit) return 0;
    const small = bytes <= design.maxSmallBytes ? design.memalignSmall(power, bytes) : undefined;
    if (small !== undefined) return small;
    if (power <= PAGE_BYTES) return mallocPages(bytes);
    const run = runs.takeAligned(Math.max(1, Math.ceil(bytes / PAGE_BYTES)), power / PAGE_BYTES, RunKind.large);
    design.refresh();
    return run === 0 ? 0 : runs.addressOf(run);
  }

  function walk(visit: BlockVisitor): void {
    const { start } = memory;
    const behindOwn = memory.words[PAGES] === 0 ? top() : FIRST_PAGE * PAGE_BYTES;
    visit(start, behindOwn - start, BlockUse.own);
    runs.walk((run, address, pages, kind) => {
      if (kind >= RunKind.classes) design.walkRun(run, address, pages * PAGE_BYTES, visit);
      else visit(address, pages * PAGE_BYTES, [BlockUse.free, BlockUse.used, BlockUse.own][kind] as BlockUse);
    });
  }

  function top(): number {
    design.refresh();
    return runs.top();
  }

  return { mallocPages, freePages, realloc, memalign, usableSize, walk, top };
}
