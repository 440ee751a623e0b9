// Slabs: each size has caches of blocks with a bit for each block, kept apart from the blocks. For programs that misbehave, and for study.
//
//   class 48 bytes:   partial -> | slab | <-> | slab | <-> | slab |         full slabs are on no list; an empty one is given back,
//                                                                          unless it is its class's only one with room
//   a slab            | bits: 1 = free ... | rest | block 0 | block 1 | block 2 | ... | rest |       a run of 1 to 17 pages, page-runs.ts
//                                                   free      used      free
//
//   its record        FREE   word of the first bits that may have one set; bits lie in the first page, so it tells the slab's beginning, too
//                     USED   how many blocks are given
//
// malloc clears the first set bit of its class's first partial slab, and gives the block of that number: the lowest free one, so that a
// slab fills from below. free computes the number from the address, and sets the bit. A freed block is not written to: it keeps its
// content until it is given again, as Bonwick's constructed objects do, and a write after free harms nobody's list. An address that is no
// block's first byte, and a block that is free, are seen at once, whatever lies in memory.
//
// What size-classes.ts does otherwise: it threads its lists through the free blocks, needs neither bits nor numbers, and is three times as fast;
// an empty run is found out only when the heap would grow. Here it is known at once, and no list is ever searched.
//
// Invariants (quoted by `check`; page-runs.ts has its own):
//   SL1  USED and the set bits of a slab are together its blocks; no bit behind the last block is set; below FREE no bit is
//   SL2  a slab is on its class's list exactly if it has a free block, linked both ways
//   SL3  an empty slab is its class's only one with a free block
//
// Cost: malloc and free O(1), but for the words of bits; about 14 ns. A bit per block, a class's rounding, its last slab's free blocks.
// Larger blocks than 1 KiB are runs of pages. Not here: constructors, colours (cache lines are not ours to see), magazines.
// Source: Bonwick 1994, "The Slab Allocator"; bits in place of its lists: as in FreeBSD's UMA and Linux's early slabs.
// The non-null `!` on words: indices come from the map, or are computed within a slab.

import { type AllocatorDesign, type AllocatorOptions, BlockUse, type BlockVisitor, expectHeap, type HeapAllocator } from './allocator.ts';
import { wordsReader } from './boundary-tags.ts';
import { alignedClassByEighth, classBytes as bytesOfClasses, classByEighth } from './class-sizes.ts';
import { HeapHeader } from './heap-header.ts';
import type { HeapMemory } from './heap-memory.ts';
import {
  FREE as FREE_WORD,
  formatPageRuns,
  NEXT as NEXT_WORD,
  openPageRuns,
  PAGE_BYTES,
  PAGE_SHIFT,
  PREV as PREV_WORD,
  pageRunsBytes,
  RECORD as RECORD_WORDS,
  RunKind as RUN_KIND,
  SHAPE as SHAPE_WORD,
  USED as USED_WORD,
} from './page-runs.ts';
import { pagedBlocks } from './paged-blocks.ts';

// A module's own constants are part of the compiled code; imported ones V8 would read from memory each time.
const classBytes = bytesOfClasses;
const SHIFT = PAGE_SHIFT;
const RECORD = RECORD_WORDS;
const FREE = FREE_WORD;
const USED = USED_WORD;
const SHAPE = SHAPE_WORD;
const NEXT = NEXT_WORD;
const PREV = PREV_WORD;
const RunKind = RUN_KIND;

/** The largest block in a slab: 16 of them and the bits take 17 pages. */
const MAX_SLAB_BYTES = 1024;
const CLASSES = classBytes.indexOf(MAX_SLAB_BYTES) + 1;
/** A slab has room for at least so many blocks. */
const LEAST_BLOCKS = 16;
/** No more of a slab than this part is wasted behind its last block. */
const WASTE_SHIFT = 3;
/** `offset * reciprocal >>> 18` is `offset / bytes` for offsets in a slab that are multiples of bytes: it has less than 2^8 blocks of that many. */
const RECIPROCAL_SHIFT = 18;

/** Clears from the index of a word of bits what lies behind its page's first word. */
const BASE = -(PAGE_BYTES >>> 2);

/** How a class's slabs are laid out. */
interface SlabShape {
  readonly pages: number;
  /** Words of bits. */
  readonly bits: number;
  /** Bytes from the slab's beginning to its first block. */
  readonly offset: number;
  readonly blocks: number;
}

const shapes: readonly SlabShape[] = Array.from(classBytes.subarray(0, CLASSES), (bytes) => shapeOf(bytes));
const pagesOf = Int32Array.from(shapes, (shape) => shape.pages);
const bitsOf = Int32Array.from(shapes, (shape) => shape.bits);
const offsetOf = Int32Array.from(shapes, (shape) => shape.offset);
const blocksOf = Int32Array.from(shapes, (shape) => shape.blocks);
const reciprocalOf = Int32Array.from(classBytes.subarray(0, CLASSES), (bytes) => Math.ceil(2 ** RECIPROCAL_SHIFT / bytes));

function shapeOf(bytes: number): SlabShape {
  for (let pages = 1; ; pages++) {
    const room = pages * PAGE_BYTES;
    const bits = Math.ceil(room / bytes / 32);
    const offset = Math.ceil((bits * 4) / 16) * 16;
    const blocks = Math.floor((room - offset) / bytes);
    if (blocks >= LEAST_BLOCKS && room - blocks * bytes <= room >>> WASTE_SHIFT) return { pages, bits, offset, blocks };
  }
}

/** The design. */
export const slab: AllocatorDesign = {
  name: 'slab',
  about: "Bonwick's slabs with a bit for each block: sees misuse at once, leaves freed memory as it was",
  ownBytes: () => pageRunsBytes(CLASSES),
  format(memory) {
    formatPageRuns(memory, (memory.start + HeapHeader.BYTES) >>> 2, CLASSES);
  },
  open,
};

function open(memory: HeapMemory, options: AllocatorOptions): HeapAllocator {
  const runs = openPageRuns(memory, (memory.start + HeapHeader.BYTES) >>> 2, CLASSES);
  const { map: MAP, pages: PAGES, nil: NIL, first: FIRST_PAGE, design: PARTIAL } = runs.at;
  const CLASS_OF = options.alignment === 8 ? classByEighth : alignedClassByEighth;
  const CUT = -options.alignment;
  let words = memory.words;
  const view = wordsReader(memory, () => words);
  const { mallocPages, freePages, realloc, memalign, usableSize, walk, top } = pagedBlocks(memory, runs, options.alignment, {
    malloc,
    free,
    maxSmallBytes: MAX_SLAB_BYTES,
    takePages,
    usableIn,
    memalignSmall: () => undefined,
    walkRun,
    refresh,
  });

  function malloc(bytes: number): number {
    const w = view();
    if (bytes >>> 0 !== bytes || bytes > MAX_SLAB_BYTES) return mallocPages(bytes) >>> 0;
    const sizeClass = CLASS_OF[(bytes + 7) >>> 3]!;
    const run = w[PARTIAL + sizeClass]!;
    const at = w[run + FREE]!;
    // Not `!== 0`: a detached view reads undefined.
    return (at > 0 ? take(sizeClass, run, at) : mallocSlowly(sizeClass)) >>> 0;
  }

  /** Gives the lowest free block of a slab, whose first bits with one set are at `at` or behind. */
  function take(sizeClass: number, run: number, from: number): number {
    const w = view();
    let at = from;
    let bits = w[at]!;
    while (bits === 0) bits = w[++at]!;
    const rest = bits & (bits - 1);
    w[at] = rest;
    const used = w[run + USED]! + 1;
    w[run + USED] = used;
    w[run + FREE] = at;
    if (used === blocksOf[sizeClass]) unlink(sizeClass, run);
    const base = at & BASE;
    const block = ((at - base) << 5) + 31 - Math.clz32(bits & -bits);
    return ((base << 2) >>> 0) + offsetOf[sizeClass]! + block * classBytes[sizeClass]!;
  }

  /** No slab of the class has a free block, or the view is old. */
  function mallocSlowly(sizeClass: number): number {
    if (words.length === 0) refresh();
    let run = words[PARTIAL + sizeClass]!;
    if (run === NIL) run = newSlab(sizeClass);
    return run === 0 ? 0 : take(sizeClass, run, words[run + FREE]!);
  }

  /** Makes a slab, all of its bits set; 0 if there is no memory. */
  function newSlab(sizeClass: number): number {
    const run = takePages(pagesOf[sizeClass]!, RunKind.classes + sizeClass);
    if (run === 0) return 0;
    const at = runs.addressOf(run) >>> 2;
    const blocks = blocksOf[sizeClass]!;
    for (let word = 0; word < bitsOf[sizeClass]!; word++) {
      const left = blocks - word * 32;
      words[at + word] = left >= 32 ? -1 : left <= 0 ? 0 : (1 << left) - 1;
    }
    words[run + FREE] = at;
    link(sizeClass, run);
    return run;
  }

  function takePages(pages: number, kind: number): number {
    if (words.length === 0) refresh();
    const run = runs.take(pages, kind) || (reclaim() ? runs.take(pages, kind) : 0) || runs.extend(pages, kind);
    words = memory.words;
    return run;
  }

  /** Gives the empty slabs that classes keep to the page runs. Returns whether there was one. */
  function reclaim(): boolean {
    let found = false;
    for (let sizeClass = 0; sizeClass < CLASSES; sizeClass++) {
      const run = words[PARTIAL + sizeClass]!;
      if (run === NIL || words[run + USED] !== 0) continue;
      giveSlab(sizeClass, run);
      found = true;
    }
    return found;
  }

  function giveSlab(sizeClass: number, run: number): void {
    unlink(sizeClass, run);
    runs.give(run);
  }

  function link(sizeClass: number, run: number): void {
    const w = view();
    const head = w[PARTIAL + sizeClass]!;
    w[run + NEXT] = head;
    w[run + PREV] = 0;
    if (head !== NIL) w[head + PREV] = run;
    w[PARTIAL + sizeClass] = run;
  }

  function unlink(sizeClass: number, run: number): void {
    const w = view();
    const next = w[run + NEXT]!;
    const previous = w[run + PREV]!;
    if (next !== NIL) w[next + PREV] = previous;
    if (previous === 0) w[PARTIAL + sizeClass] = next;
    else w[previous + NEXT] = next;
  }

  /** Returns the number of the block that begins at `address` in a slab of the class that begins at `base`; -1 if none does. */
  function numberOf(address: number, base: number, sizeClass: number): number {
    const offset = address - base - offsetOf[sizeClass]!;
    const number = (offset * reciprocalOf[sizeClass]!) >>> RECIPROCAL_SHIFT;
    return number * classBytes[sizeClass]! === offset && number < blocksOf[sizeClass]! ? number : -1;
  }

  function free(address: number): boolean {
    const w = view();
    const page = address >>> SHIFT;
    if ((address & CUT) >>> 0 !== address || !((page - FIRST_PAGE) >>> 0 < w[PAGES]!)) return freeOther(address);
    const run = w[w[MAP]! + page * RECORD]!;
    const sizeClass = (w[run + SHAPE]! & 255) - RunKind.classes;
    if (sizeClass < 0) return freePages(run, address);
    const first = w[run + FREE]!;
    const base = first & BASE;
    const number = numberOf(address, (base << 2) >>> 0, sizeClass);
    const at = base + (number >> 5);
    const bit = 1 << (number & 31);
    if (number < 0 || (w[at]! & bit) !== 0) return false;
    w[at] = w[at]! | bit;
    const used = w[run + USED]! - 1;
    w[run + USED] = used;
    if (at < first) w[run + FREE] = at;
    if (used === 0 || used === blocksOf[sizeClass]! - 1) relist(sizeClass, run, used);
    return true;
  }

  /** A slab was full, and has a free block now; or it is empty now, and is given back unless it is the only one with a free block. */
  function relist(sizeClass: number, run: number, used: number): void {
    const w = view();
    if (used !== 0) {
      linkSecond(sizeClass, run);
      giveOther(sizeClass, w[PARTIAL + sizeClass]!);
    } else if (w[run + NEXT] !== NIL || w[run + PREV] !== 0) giveSlab(sizeClass, run);
  }

  /** Puts a slab behind the first of its class, which goes on being filled. */
  function linkSecond(sizeClass: number, run: number): void {
    const w = view();
    const head = w[PARTIAL + sizeClass]!;
    if (head === NIL) {
      link(sizeClass, run);
      return;
    }
    const next = w[head + NEXT]!;
    w[run + NEXT] = next;
    w[run + PREV] = head;
    if (next !== NIL) w[next + PREV] = run;
    w[head + NEXT] = run;
  }

  /** Gives the empty slab that the class has kept, now that another has a free block. */
  function giveOther(sizeClass: number, run: number): void {
    if (words[run + USED] === 0) giveSlab(sizeClass, run);
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
    const sizeClass = (words[run + SHAPE]! & 255) - RunKind.classes;
    const base = runs.addressOf(run);
    const number = numberOf(address, base, sizeClass);
    if (number < 0 || isFree(base, number)) return 0;
    return classBytes[sizeClass]!;
  }

  const isFree = (base: number, number: number): boolean => (words[(base >>> 2) + (number >> 5)]! & (1 << (number & 31))) !== 0;

  function walkRun(run: number, address: number, runBytes: number, visit: BlockVisitor): void {
    const sizeClass = (words[run + SHAPE]! & 255) - RunKind.classes;
    const bytes = classBytes[sizeClass]!;
    const blocks = blocksOf[sizeClass]!;
    const offset = offsetOf[sizeClass]!;
    visit(address, offset, BlockUse.own);
    for (let number = 0; number < blocks; number++) {
      visit(address + offset + number * bytes, bytes, isFree(address, number) ? BlockUse.free : BlockUse.used);
    }
    const end = offset + blocks * bytes;
    if (end < runBytes) visit(address + end, runBytes - end, BlockUse.own);
  }

  function check(): void {
    refresh();
    runs.check();
    const listed = checkLists();
    runs.walk((run, address, _, kind) => {
      if (kind < RunKind.classes) return;
      const sizeClass = kind - RunKind.classes;
      let free = 0;
      let firstFree = 0;
      for (let number = 0; number < bitsOf[sizeClass]! * 32; number++) {
        if (!isFree(address, number)) continue;
        expectHeap(number < blocksOf[sizeClass]!, 'SL1', address, `block ${number} is free, but the slab has only ${blocksOf[sizeClass]}`);
        firstFree ||= (address >>> 2) + (number >> 5);
        free++;
      }
      const used = words[run + USED]!;
      expectHeap(used + free === blocksOf[sizeClass], 'SL1', address, `${used} used and ${free} free of ${blocksOf[sizeClass]}`);
      expectHeap(free === 0 || words[run + FREE]! <= firstFree, 'SL1', address, 'a free block lies below FREE');
      expectHeap((words[run + FREE]! & BASE) === address >>> 2, 'SL1', address, `FREE is word ${words[run + FREE]}`);
      expectHeap(listed.has(run) === free > 0, 'SL2', address, 'a full slab is listed, or one with a free block is not');
      const isOnly = words[PARTIAL + sizeClass] === run && words[run + NEXT] === NIL;
      expectHeap(used > 0 || isOnly, 'SL3', address, 'an empty slab is not the only one of its class with a free block');
    });
  }

  function checkLists(): Set<number> {
    const listed = new Set<number>();
    for (let sizeClass = 0; sizeClass < CLASSES; sizeClass++) {
      let previous = 0;
      for (let run = words[PARTIAL + sizeClass]!; run !== NIL; run = words[run + NEXT]!) {
        const isRight = (words[run + SHAPE]! & 255) === RunKind.classes + sizeClass && words[run + PREV] === previous && !listed.has(run);
        expectHeap(isRight, 'SL2', runs.addressOf(run), `class ${sizeClass} lists it wrongly`);
        listed.add(run);
        previous = run;
      }
    }
    return listed;
  }

  function reset(): void {
    refresh();
    runs.format();
  }

  function refresh(): void {
    runs.refresh();
    words = memory.words;
  }

  return { malloc, free, realloc, memalign, usableSize, walk, check, reset, top, refresh };
}
