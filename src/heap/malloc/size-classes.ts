// Size classes: each size has pages of its own, with its free blocks threaded through them. For speed.
//
//   class 32 bytes:   head -> a block -> a block -> ... -> 0        last in, first out, through all runs of the class
//
//   a run             | used | next, mark | used | next, mark | next, mark | used | rest |       1 KiB to 16 KiB, page-runs.ts
//
// malloc takes the first free block of its class: three loads, no search, no header, no split. free finds the class in the record of the
// address's page, and puts the block before the others. Both touch one list and no run, so neither has a branch that a processor
// would guess wrong. What nobody counts then is when a run has become empty. That is found out when the heap would grow: `reclaim` counts
// each run's free blocks along the lists, and gives the pages of those runs that have no other for any class to use. After that
// the heap grows by a 16th before it is done again, so its cost is shared by as much new memory.
//
// A class's first run is as short as its blocks allow, 1 KiB where it can; the more pages a class has, the longer its next run, up
// to 16 KiB: a small heap with forty classes wastes forty halves of 1 KiB. Blocks of more than 8 KiB are runs of pages. realloc
// stays in place while the class stays and half of the block is used, and for runs of pages while the pages behind are free.
//
// Invariants (quoted by `check`; page-runs.ts has its own):
//   SC1  a class's list has distinct blocks, at multiples of its block size in runs of the class
//   SC2  the pages counted for a class are those of its runs
//   SC3  the second word of a free block is its mark, of a given block not, unless its owner writes it there
//
// In a hardened heap the links are mixed with the heap's key (HD7 in hardened.ts), and one is followed only if it leads to a block of its
// class that has the mark; otherwise the class's list is given up. A plain heap's key is 0, and its malloc tests that.
//
// Cost: malloc and free O(1), about 6 ns; a new run 1 ns for each of its blocks; reclaim O(free blocks), once for a 16th of growth. Own
// words 2.6 KiB and 24 bytes for each KiB. A block carries nothing; a class wastes up to an eighth of each block, and its free blocks.
// Free of a block with the mark searches its class's list: a block freed twice is found, one that only looks so is freed.
// What slab.ts does otherwise: its blocks have a bit each, outside them; a run is known to be empty at once, freed memory stays as it was.
// Rejected: a list for each run, as mimalloc has them (a run is empty at once, but the branch for a full run costs half the speed where
// frees are random: 41 against 83 million operations a second on 1000 random blocks).
// Source: the lists of Ghemawat's tcmalloc and Leijen, Zorn, de Moura 2019, "Mimalloc"; short first runs and patience are ours.
// The non-null `!` on words: indices come from the map, or from free lists that only this file writes.

import {
  type AllocatorDesign,
  type AllocatorOptions,
  BlockUse,
  type BlockVisitor,
  expectHeap,
  type HeapAllocator,
  linkDamage,
} from './allocator.ts';
import { wordsReader } from './boundary-tags.ts';
import { alignedClassByEighth, classByEighth, classBytes, MAX_CLASS_BYTES } from './class-sizes.ts';
import { HeapHeader } from './heap-header.ts';
import type { HeapMemory } from './heap-memory.ts';
import { formatPageRuns, NEXT, openPageRuns, PAGE_BYTES, PAGE_SHIFT, pageRunsBytes, RECORD, RunKind, SHAPE, USED } from './page-runs.ts';
import { type PagedDesign, pagedBlocks } from './paged-blocks.ts';

const CLASSES = classBytes.length;
/** Own words before those of the page runs: each class's first free block and its pages, and PATIENCE. */
const OWN_WORDS = 2 * CLASSES + 1;
/** No run of a class aims at more pages; 16 KiB. */
const MAX_RUN_PAGES = 16;
/** A new run has this part of the pages that its class has already. */
const GROWTH_SHIFT = 3;

/** After empty runs were reclaimed, the heap may grow by a 16th and 16 pages before it looks for some again. */
const PATIENCE_SHIFT = 4;
const PATIENCE_PAGES = 16;

// Imported constants are read from a cell each time; a module's own are folded into hot code.
const LARGEST = MAX_CLASS_BYTES;
const SHIFT = PAGE_SHIFT;
const RECORD_WORDS = RECORD;
const SHAPE_WORD = SHAPE;
const FIRST_KIND = RunKind.classes;

/** A free block's second word is its index, mixed with this: the first half of 2^32 / golden ratio, no index has these bits. */
const FREE_MARK = 0x9e37_0000 | 0;

/** The design. */
export const sizeClasses: AllocatorDesign = {
  name: 'size-classes',
  about: 'pages for each size with free lists in them, as mimalloc: the fastest',
  ownBytes: () => OWN_WORDS * 4 + pageRunsBytes(0),
  format(memory) {
    const own = (memory.start + HeapHeader.BYTES) >>> 2;
    memory.words.fill(0, own, own + OWN_WORDS);
    formatPageRuns(memory, own + OWN_WORDS, 0);
  },
  open,
};

function open(memory: HeapMemory, options: AllocatorOptions): HeapAllocator {
  const HEADS = (memory.start + HeapHeader.BYTES) >>> 2;
  const PAGES_OF = HEADS + CLASSES;
  const PATIENCE = PAGES_OF + CLASSES;
  const runs = openPageRuns(memory, HEADS + OWN_WORDS, 0);
  const { map: MAP, pages: PAGES, first: FIRST_PAGE } = runs.at;
  const HEADS_BY_KIND = HEADS - RunKind.classes;
  const CLASS_OF = options.alignment === 8 ? classByEighth : alignedClassByEighth;
  const CUT = -options.alignment;
  const KEY = memory.words[(memory.start >>> 2) + HeapHeader.KEY]!;
  let words = memory.words;
  const view = wordsReader(memory, () => words);
  const design: PagedDesign = {
    malloc,
    free,
    maxSmallBytes: MAX_CLASS_BYTES,
    takePages,
    usableIn,
    memalignSmall,
    walkRun: (run, address, runBytes, visit) => walkRun(run, address, runBytes, freeBlocks(), visit),
    refresh,
  };
  const { mallocPages, freePages, realloc, memalign, usableSize, top } = pagedBlocks(memory, runs, options.alignment, design);

  function malloc(bytes: number): number {
    if (bytes >>> 0 === bytes && bytes <= LARGEST) {
      const w = view();
      const sizeClass = CLASS_OF[(bytes + 7) >>> 3]!;
      const block = w[HEADS + sizeClass]!;
      // Not `!== 0`: a detached view reads undefined.
      if (block > 0) {
        w[HEADS + sizeClass] = KEY === 0 ? w[block]! : nextOf(block, sizeClass);
        w[block + 1] = 0;
        return (block << 2) >>> 0;
      }
      return mallocSlowly(sizeClass) >>> 0;
    }
    return mallocPages(bytes) >>> 0;
  }

  /** The class has no free block, or the view is old. */
  function mallocSlowly(sizeClass: number): number {
    if (words.length === 0) refresh();
    if (words[HEADS + sizeClass] === 0 && !newRun(sizeClass)) return 0;
    const block = words[HEADS + sizeClass]!;
    words[HEADS + sizeClass] = nextOf(block, sizeClass);
    words[block + 1] = 0;
    return (block << 2) >>> 0;
  }

  /** Returns the free block behind one of a class, 0 behind the last. Throws HeapDamage if a hardened heap's link leads to none. */
  function nextOf(block: number, sizeClass: number): number {
    const next = words[block]! ^ KEY;
    if (KEY === 0 || next === 0 || isFreeOf(next, sizeClass)) return next;
    words[HEADS + sizeClass] = 0;
    throw linkDamage((block << 2) >>> 0);
  }

  /** Tells whether a word's index, whatever it is, is that of a free block of the class. */
  function isFreeOf(block: number, sizeClass: number): boolean {
    const page = block >>> (PAGE_SHIFT - 2);
    if ((page - FIRST_PAGE) >>> 0 >= words[PAGES]!) return false;
    const kind = words[words[MAP]! + page * RECORD + SHAPE]! & 255;
    return kind === RunKind.classes + sizeClass && words[block + 1] === (block ^ FREE_MARK);
  }

  /** Gives a class that has no free block a run of them. Returns whether there was memory. */
  function newRun(sizeClass: number): boolean {
    const held = words[PAGES_OF + sizeClass]!;
    const bytes = classBytes[sizeClass]!;
    let run = 0;
    for (let pages = runPages(bytes, held); run === 0 && pages > 0; pages = shorter(pages, bytes)) {
      run = takePages(pages, RunKind.classes + sizeClass);
    }
    if (run === 0) return false;
    const pages = words[run + SHAPE]! >>> 8;
    words[PAGES_OF + sizeClass] = words[PAGES_OF + sizeClass]! + pages;
    words[HEADS + sizeClass] = thread(run, pages * PAGE_BYTES, bytes);
    return true;
  }

  /** Threads a free list through a fresh run, lowest address first, and returns its first block. */
  function thread(run: number, runBytes: number, bytes: number): number {
    const firstWord = runs.addressOf(run) >>> 2;
    const step = bytes >>> 2;
    let block = firstWord + (((runBytes / bytes) | 0) - 1) * step;
    words[block] = KEY;
    words[block + 1] = block ^ FREE_MARK;
    while (block > firstWord) {
      words[block - step + 1] = (block - step) ^ FREE_MARK;
      words[block - step] = block ^ KEY;
      block -= step;
    }
    return firstWord;
  }

  /** Takes a free run, or extends the heap, unless it should give its empty runs first; 0 if there is no memory. */
  function takePages(pages: number, kind: number): number {
    if (words.length === 0) refresh();
    let run = runs.take(pages, kind);
    if (run === 0) run = words[PAGES]! + pages <= words[PATIENCE]! ? runs.extend(pages, kind) : takeReclaimed(pages, kind);
    if (run === 0 && reclaim()) run = runs.take(pages, kind) || runs.extend(pages, kind);
    words = memory.words;
    return run;
  }

  function takeReclaimed(pages: number, kind: number): number {
    const run = (reclaim() ? runs.take(pages, kind) : 0) || runs.extend(pages, kind);
    words = memory.words;
    if (run !== 0) words[PATIENCE] = words[PAGES]! + (words[PAGES]! >>> PATIENCE_SHIFT) + PATIENCE_PAGES;
    return run;
  }

  /** Gives the empty runs of all classes to the page runs. Returns whether there was one. */
  function reclaim(): boolean {
    let found = false;
    for (let sizeClass = 0; sizeClass < CLASSES; sizeClass++) {
      if (words[HEADS + sizeClass] !== 0 && countFree(sizeClass)) {
        sweep(sizeClass);
        found = true;
      }
    }
    return found;
  }

  const recordOf = (block: number): number => words[words[MAP]! + (block >>> (PAGE_SHIFT - 2)) * RECORD]!;

  /** Counts each run's free blocks into its USED. Returns whether there is a run with no other. */
  function countFree(sizeClass: number): boolean {
    const bytes = classBytes[sizeClass]!;
    let found = false;
    clearCounts(sizeClass);
    for (let block = words[HEADS + sizeClass]!; block !== 0; block = words[block]! ^ KEY) {
      const run = recordOf(block);
      const count = words[run + USED]! + 1;
      words[run + USED] = count;
      if (count === blocksIn(run, bytes)) found = true;
    }
    // A sweep that finds nothing is to leave no trace.
    if (!found) clearCounts(sizeClass);
    return found;
  }

  function clearCounts(sizeClass: number): void {
    for (let block = words[HEADS + sizeClass]!; block !== 0; block = nextOf(block, sizeClass)) words[recordOf(block) + USED] = 0;
  }

  const blocksIn = (run: number, bytes: number): number => (((words[run + SHAPE]! >>> 8) * PAGE_BYTES) / bytes) | 0;

  /** Takes the blocks of empty runs off the class's free list, and gives those runs. */
  function sweep(sizeClass: number): void {
    const bytes = classBytes[sizeClass]!;
    let last = 0;
    let empty = 0;
    let next = 0;
    for (let block = words[HEADS + sizeClass]!; block !== 0; block = next) {
      const run = recordOf(block);
      next = words[block]! ^ KEY;
      if (words[run + USED] !== blocksIn(run, bytes)) {
        append(last, block, sizeClass);
        last = block;
      } else if (block === runs.addressOf(run) >>> 2) {
        words[run + NEXT] = empty;
        empty = run;
      }
    }
    append(last, 0, sizeClass);
    while (empty !== 0) {
      const run = empty;
      empty = words[run + NEXT]!;
      words[PAGES_OF + sizeClass] = words[PAGES_OF + sizeClass]! - (words[run + SHAPE]! >>> 8);
      runs.give(run);
    }
  }

  /** Puts a free block behind `last`, or at the list's beginning if that is 0. */
  function append(last: number, block: number, sizeClass: number): void {
    if (last === 0) words[HEADS + sizeClass] = block;
    else words[last] = block ^ KEY;
  }

  function free(address: number): boolean {
    const w = view();
    const page = address >>> SHIFT;
    if ((address & CUT) >>> 0 === address && (page - FIRST_PAGE) >>> 0 < w[PAGES]!) {
      const record = w[MAP]! + page * RECORD_WORDS;
      const kind = w[record + SHAPE_WORD]! & 255;
      if (kind >= FIRST_KIND) {
        const block = address >>> 2;
        if (w[block + 1] === (block ^ FREE_MARK) && isListed(kind - FIRST_KIND, block)) return false;
        w[block] = w[HEADS_BY_KIND + kind]! ^ KEY;
        w[block + 1] = block ^ FREE_MARK;
        w[HEADS_BY_KIND + kind] = block;
        return true;
      }
      return freePages(w[record]!, address);
    }
    return freeOther(address);
  }

  /** Tells whether a block that has the mark is on its class's free list; if not, its owner has written the mark. */
  function isListed(sizeClass: number, block: number): boolean {
    let at = words[HEADS + sizeClass]!;
    while (at !== 0 && at !== block) at = nextOf(at, sizeClass);
    return at !== 0;
  }

  /** The address is 0, wrong, or the view is old. */
  function freeOther(address: number): boolean {
    if (address === 0) return true;
    if (words.length !== 0) return false;
    refresh();
    return free(address);
  }

  function usableIn(run: number, address: number): number {
    if (words.length === 0) refresh();
    const block = address >>> 2;
    const sizeClass = (words[run + SHAPE]! & 255) - RunKind.classes;
    return words[block + 1] === (block ^ FREE_MARK) && isListed(sizeClass, block) ? 0 : classBytes[sizeClass]!;
  }

  /** Runs begin on pages, so a block is aligned if its class's size is a multiple. Powers of two are classes, so one is found. */
  function memalignSmall(power: number, bytes: number): number | undefined {
    if (power > PAGE_BYTES) return undefined;
    let sizeClass = CLASS_OF[Math.max(1, Math.ceil(bytes / power)) * (power >>> 3)]!;
    while (classBytes[sizeClass]! % power !== 0) sizeClass++;
    return mallocSlowly(sizeClass);
  }

  function walk(visit: BlockVisitor): void {
    refresh();
    const free = freeBlocks();
    const paged = pagedBlocks(memory, runs, options.alignment, {
      ...design,
      walkRun: (run, address, runBytes, tell) => walkRun(run, address, runBytes, free, tell),
    });
    paged.walk(visit);
  }

  function walkRun(run: number, address: number, runBytes: number, free: ReadonlySet<number>, visit: BlockVisitor): void {
    const bytes = classBytes[(words[run + SHAPE]! & 255) - RunKind.classes]!;
    let offset = 0;
    for (; offset + bytes <= runBytes; offset += bytes) {
      visit(address + offset, bytes, free.has(address + offset) ? BlockUse.free : BlockUse.used);
    }
    if (offset < runBytes) visit(address + offset, runBytes - offset, BlockUse.own);
  }

  /** Returns the addresses of all free blocks in runs of classes, and checks SC1 and SC2 on the way. */
  function freeBlocks(): Set<number> {
    const free = new Set<number>();
    for (let sizeClass = 0; sizeClass < CLASSES; sizeClass++) {
      for (let block = words[HEADS + sizeClass]!; block !== 0; block = words[block]! ^ KEY) {
        const address = (block << 2) >>> 0;
        const run = recordOf(block);
        const isOfClass = address < runs.top() && (words[run + SHAPE]! & 255) === RunKind.classes + sizeClass;
        expectHeap(isOfClass, 'SC1', address, `class ${sizeClass} lists a block that lies in no run of its`);
        const offset = address - runs.addressOf(run);
        const isBlock = offset % classBytes[sizeClass]! === 0 && offset / classBytes[sizeClass]! < blocksIn(run, classBytes[sizeClass]!);
        expectHeap(words[block + 1] === (block ^ FREE_MARK), 'SC3', address, 'the block was written to after it was freed');
        expectHeap(isBlock && !free.has(address), 'SC1', address, `class ${sizeClass} lists it askew or twice`);
        const next = words[block]! ^ KEY;
        if (KEY !== 0 && next !== 0 && !isFreeOf(next, sizeClass)) throw linkDamage(address);
        free.add(address);
      }
    }
    return free;
  }

  function check(): void {
    refresh();
    runs.check();
    freeBlocks();
    const pagesOf = new Int32Array(CLASSES);
    runs.walk((_, __, pages, kind) => {
      if (kind >= RunKind.classes) pagesOf[kind - RunKind.classes] = pagesOf[kind - RunKind.classes]! + pages;
    });
    for (const [sizeClass, pages] of pagesOf.entries()) {
      expectHeap(
        pages === words[PAGES_OF + sizeClass],
        'SC2',
        0,
        `class ${sizeClass} has ${pages} pages, counted ${words[PAGES_OF + sizeClass]}`,
      );
    }
  }

  function reset(): void {
    if (words.length === 0) refresh();
    words.fill(0, HEADS, HEADS + OWN_WORDS);
    runs.format();
  }

  function refresh(): void {
    runs.refresh();
    words = memory.words;
  }

  return { malloc, free, realloc, memalign, usableSize, walk, check, reset, top, refresh };
}

/** Returns how many pages a class's next run is to have: enough for one block, a part of what the class has, an eighth wasted at most. */
function runPages(bytes: number, held: number): number {
  let pages = Math.max(Math.ceil(bytes / PAGE_BYTES), Math.min(held >>> GROWTH_SHIFT, MAX_RUN_PAGES));
  while (((pages * PAGE_BYTES) % bytes) * 8 > pages * PAGE_BYTES) pages++;
  return pages;
}

/** Returns a shorter run to try when there is no room for one of `pages` pages: as short as one block allows, then none. */
function shorter(pages: number, bytes: number): number {
  const least = Math.ceil(bytes / PAGE_BYTES);
  return pages > least ? least : 0;
}
