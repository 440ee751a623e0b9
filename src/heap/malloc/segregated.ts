// Segregated fit: free blocks over boundary tags (boundary-tags.ts), in one list for each size, or narrow range of sizes. The default.
//
//   bin     4     6     8   ...   62 words | 64..71 | 72..79 | ... | 120..127 | 128..143 | ...     exact by 8 bytes, then eight per power of two
//           |     |     |         |        |        |
//           b     -     b         -        b        b        a circle: bin -> block -> block -> bin
//           |           |                  |
//           b           b                  b
//
//   state   | top | which words of the map are not 0 | map: one bit for each bin that is not empty | bins: first and last block ... |
//
// A request takes the first block of the first list that surely fits; the map finds it with two `clz32`. In a list of unequal blocks its
// own, where some may fit, is searched a few steps for the least that does. The rest of a block goes back as a smaller block. With
// nothing to cut, top gives. A free block melts with its neighbours at once.
//
// A bin is laid out as the links of a block would be if its tag were the word before, so a block leaves a list without asking whether a
// bin or a block stands beside it, and the last one to leave sees the same neighbour on both sides: the bin.
//
// Invariants, beside those of boundary-tags.ts:
//   SF1  the circle of a bin leads through `next` and back through `previous` over free blocks of the bin's sizes only
//   SF2  a bit of the map is set exactly if its bin is not empty; a bit of the summary exactly if its word of the map is not 0
//
// Cost: malloc and free O(1) but for the bounded search; measured in docs/bench.md.
// Source: Comfort 1964 (several lists); Weinstock and Wulf 1988, "Quick Fit"; Lea 1996 (bins as fake blocks); Wilson et al. 1995, 3.6.

import { type AllocatorDesign, type AllocatorOptions, expectHeap, type HeapAllocator } from './allocator.ts';
import {
  lowerTop,
  MAX_REQUEST,
  PREV_USED,
  reach,
  type TaggedDesign,
  taggedAllocator,
  taggedOwnBytes,
  taggedRange,
  USED,
  wordsFor,
  wordsOf,
} from './boundary-tags.ts';
import type { HeapMemory } from './heap-memory.ts';

/** log2 of the least size in words that shares its bin with others: 64 words = 256 bytes. */
const EXACT_LOG = 6;
const EXACT_WORDS = 1 << EXACT_LOG;
/** Bins of the exact sizes, one for each even number of words. */
const EXACT_BINS = EXACT_WORDS >>> 1;
/** log2 of the bins per power of two above. */
const SUB_LOG = 3;
/** Words of a whole 4 GiB: the last power of two is 2^29 to 2^30 - 1. */
const BINS = EXACT_BINS + ((30 - EXACT_LOG) << SUB_LOG);
/** One more than there are bins for: the bin behind the last is asked for, and empty. */
const MAP_WORDS = (BINS >>> 5) + 1;

const SUMMARY = 1;
const MAP = 2;
const BIN = MAP + MAP_WORDS;
const STATE_WORDS = BIN + 2 * BINS;

/** Returns the bin of blocks of `n` words. */
function binOf(n: number): number {
  if (n < EXACT_WORDS) return n >>> 1;
  const log = 31 - Math.clz32(n);
  return EXACT_BINS - (EXACT_LOG << SUB_LOG) - (1 << SUB_LOG) + (log << SUB_LOG) + (n >>> (log - SUB_LOG));
}

/** Returns the number of the lowest bit that is set in `bits`, which is not 0. */
function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

function open(memory: HeapMemory, options: AllocatorOptions, depth: number): HeapAllocator {
  const range = taggedRange(memory, options, STATE_WORDS);
  const { topAt, first } = range;
  const { alignment } = options;
  const misaligned = alignment - 1;
  const summaryAt = topAt + SUMMARY;
  const mapAt = topAt + MAP;
  /** The word that would be the tag of bin 0. */
  const bins = topAt + BIN - 1;
  let words = memory.words;
  let end = memory.end >>> 2;

  function refresh(): void {
    memory.refresh();
    words = memory.words;
    end = memory.end >>> 2;
  }

  function unlink(block: number): void {
    const next = words[block + 1] as number;
    const previous = words[block + 2] as number;
    words[previous + 1] = next;
    words[next + 2] = previous;
    if (next === previous) clearBit((next - bins) >>> 1);
  }

  function clearBit(bin: number): void {
    const at = mapAt + (bin >>> 5);
    const left = (words[at] as number) & ~(1 << (bin & 31));
    words[at] = left;
    if (left === 0) words[summaryAt] = (words[summaryAt] as number) & ~(1 << (bin >>> 5));
  }

  function insert(block: number, n: number): void {
    words[block] = (n << 2) | PREV_USED;
    words[block + n - 1] = n;
    const bin = binOf(n);
    const head = bins + (bin << 1);
    const next = words[head + 1] as number;
    words[block + 1] = next;
    words[block + 2] = head;
    words[head + 1] = block;
    words[next + 2] = block;
    if (next !== head) return;
    const at = bin >>> 5;
    words[mapAt + at] = (words[mapAt + at] as number) | (1 << (bin & 31));
    words[summaryAt] = (words[summaryAt] as number) | (1 << at);
  }

  /** The first bin from `bin` on that is not empty; -1 if there is none. */
  function binFrom(bin: number): number {
    const at = bin >>> 5;
    const bits = (words[mapAt + at] as number) & (-1 << (bin & 31));
    if (bits !== 0) return (at << 5) + lowestBit(bits);
    const others = (words[summaryAt] as number) & (-2 << at);
    if (others === 0) return -1;
    const word = lowestBit(others);
    return (word << 5) + lowestBit(words[mapAt + word] as number);
  }

  /** The least block of at least `n` words among the first `depth` of a bin; 0 if none of them is. */
  function search(bin: number, n: number): number {
    const head = bins + (bin << 1);
    let best = 0;
    let least = 0x7fff_ffff;
    let block = words[head + 1] as number;
    // Blocks lie above the bins, so `>` ends the circle; and of detached words it sees nothing.
    for (let left = depth; block > head && left > 0; left--) {
      const size = wordsOf(words[block] as number);
      if (size === n) return block;
      if (size > n && size < least) {
        best = block;
        least = size;
      }
      block = words[block + 1] as number;
    }
    return best;
  }

  function malloc(bytes: number): number {
    if (bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    const n = wordsFor(bytes, alignment);
    let bin = binOf(n);
    let block = 0;
    if (n >= EXACT_WORDS) {
      block = search(bin, n);
      bin++;
    }
    if (block === 0) {
      bin = binFrom(bin);
      if (bin < 0) return fromTop(n);
      block = bin < EXACT_BINS ? (words[bins + (bin << 1) + 1] as number) : search(bin, n);
    }
    unlink(block);
    const size = wordsOf(words[block] as number);
    if (size - n < 4) {
      words[block] = (size << 2) | PREV_USED | USED;
      words[block + size] = (words[block + size] as number) | PREV_USED;
      return 4 * block + 4;
    }
    words[block] = (n << 2) | PREV_USED | USED;
    insert(block + n, size - n);
    return 4 * block + 4;
  }

  function fromTop(n: number): number {
    const block = words[topAt] as number;
    if (words.length === 0 || block + n > end) return retry(n);
    words[topAt] = block + n;
    words[block] = (n << 2) | PREV_USED | USED;
    return 4 * block + 4;
  }

  /** Memory has to grow, or has grown by another's hand: then the index was not seen, and the request begins again. */
  function retry(n: number): number {
    const detached = words.length === 0;
    refresh();
    if (detached) return malloc(4 * n - 4);
    const reached = reach(memory, words[topAt] as number, n);
    refresh();
    return reached ? fromTop(n) : 0;
  }

  function free(address: number): boolean {
    let block = (address >>> 2) - 1;
    const top = words[topAt] as number;
    const tag = words[block] as number;
    if (address >>> 0 !== address || (address & misaligned) !== 0 || block < first || block >= top || (tag & USED) === 0)
      return refuse(address);
    let n = wordsOf(tag);
    const next = block + n;
    if ((tag & PREV_USED) === 0) {
      const before = words[block - 1] as number;
      block -= before;
      n += before;
      unlink(block);
    }
    if (next >= top) {
      lowerTop(words, memory, topAt, block);
      return true;
    }
    const nextTag = words[next] as number;
    if ((nextTag & USED) === 0) {
      unlink(next);
      n += wordsOf(nextTag);
    } else words[next] = nextTag & ~PREV_USED;
    insert(block, n);
    return true;
  }

  /** An address that is none of a block; or 0, which is freed for nothing; or the memory has grown by another's hand. */
  function refuse(address: number): boolean {
    if (words.length === 0) {
      refresh();
      return free(address);
    }
    return address === 0;
  }

  function clear(): void {
    words.fill(0, summaryAt, bins + 1);
    for (let bin = 0; bin < BINS; bin++) {
      const head = bins + (bin << 1);
      words[head + 1] = head;
      words[head + 2] = head;
    }
  }

  function checkIndex(free: ReadonlyMap<number, number>): void {
    let seen = 0;
    for (let bin = 0; bin < BINS; bin++) {
      const head = bins + (bin << 1);
      const bit = ((words[mapAt + (bin >>> 5)] as number) >>> (bin & 31)) & 1;
      expectHeap(bit === (words[head + 1] === head ? 0 : 1), 'SF2', 4 * (mapAt + (bin >>> 5)), `the bit of bin ${bin}`);
      for (let at = head, next = words[at + 1] as number; next !== head; at = next, next = words[at + 1] as number) {
        const n = free.get(next);
        expectHeap(n !== undefined && binOf(n) === bin, 'SF1', 4 * next, `no free block of bin ${bin}`);
        expectHeap(words[next + 2] === at, 'SF1', 4 * next, `its previous is ${words[next + 2]}, not ${at}`);
        expectHeap(++seen <= free.size, 'SF1', 4 * next, 'a circle that does not close');
      }
    }
    expectHeap(seen === free.size, 'BT5', 4 * first, `${free.size} free blocks, ${seen} in bins`);
    for (let at = 0; at < MAP_WORDS; at++) {
      const bit = ((words[summaryAt] as number) >>> at) & 1;
      expectHeap(bit === (words[mapAt + at] === 0 ? 0 : 1), 'SF2', 4 * summaryAt, `the bit of word ${at}`);
    }
  }

  const design: TaggedDesign = { malloc, free, insert, remove: unlink, clear, refresh, checkIndex };
  return taggedAllocator(memory, options, range, design);
}

/** Returns the design that searches `depth` blocks of a bin of unequal blocks for the best. */
function segregatedDesign(name: string, about: string, depth: number): AllocatorDesign {
  return {
    name,
    about,
    ownBytes: (options) => taggedOwnBytes(options, STATE_WORDS),
    format(memory, options) {
      const { topAt, first } = taggedRange(memory, options, STATE_WORDS);
      memory.words[topAt] = first;
      open(memory, options, depth).reset();
    },
    open: (memory, options) => open(memory, options, depth),
  };
}

/** Segregated fit. See the header of this file. */
export const segregated = segregatedDesign('segregated', 'lists by size over boundary tags: compact and fast, the default', 8);

/** Best fit: the same lists, but a list of unequal blocks is searched to its end, so that always a least block that fits is taken. */
export const bestFit = segregatedDesign('best-fit', 'always the least free block that fits, over boundary tags', 0x7fff_ffff);
