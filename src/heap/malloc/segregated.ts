// Segregated fit: free blocks over boundary tags (boundary-tags.ts), in one list for each size, or narrow range of sizes. The default.
//
//   quick   4     6     8   ...   62 words: singly linked, last in first out, unmelted
//
//   bin     4     6     8   ...   62 words | 64..71 | 72..79 | ... | 120..127 | 128..143 | ...     exact by 8 bytes, then eight per power of two
//           |     |     |         |        |        |
//           b     -     b         -        b        b        a circle: bin -> block -> block -> bin
//           |           |                  |
//           b           b                  b
//
//   victim  one block from which small requests are cut, one behind the other
//
//   state   | top | summary: words of the map that are not 0 | room, twice | victim | 0 | map: a bit per bin | quick lists | bins: first, last |
//
// A small block that is freed waits in the quick list of its size, and the next request of that size takes it: a few loads and stores. When
// too many wait, or a quarter of that and a larger block is asked for or top would grow, or the memory would have to grow, all of them
// melt with their neighbours and go to the bins. A request that finds no quick block takes the first block of the first bin that surely
// fits; the map finds it with two `clz32`. In a bin of unequal blocks its own, where some may fit, a few are searched for the least that
// does. The rest of a block goes back as a smaller block. With nothing to cut, top gives.
//
// A small request for which all bins of exact sizes are empty is cut from a large block, whose rest becomes the victim: it leaves the bins,
// waits as the blocks of the quick lists do, and serves the next such request with three stores. It melts as soon as anything else looks
// into the bins of large blocks, so these find what they would have found without it.
//
// A bin is laid out as the links of a block would be if its tag were the word before, so a block leaves a list without asking whether a
// bin or a block stands beside it.
//
// Invariants, beside those of boundary-tags.ts:
//   SF1  the circle of a bin leads through `next` and back through `previous` over free blocks of the bin's sizes only
//   SF2  a bin has its bit in the map exactly if it is not empty, and a word of the map its bit in the summary exactly if it is not 0
//   SF3  a quick list leads over waiting blocks of its size; `room` is at most 2048 less what waits there
//   SF4  the victim is a waiting block, in no quick list; or the word that stays 0, a tag of no size
//
// Cost: malloc and free O(1) but for the bounded search and the melting, at most 2048 blocks at a time and one for each block freed.
// Source: Comfort 1964 (several lists); Weinstock and Wulf 1988, "Quick Fit" (lists of exact sizes, melted late); Lea 1996 (bins as fake
// blocks, the victim); Wilson et al. 1995, 3.6.
//
// What is hot is made of functions of 130 to 160 bytecodes, and what is rare is apart from them: V8 inlines at most 920 bytecodes into a caller,
// and none of a function above 460. Two long functions for all took a tenth more time (measured).

import { type AllocatorDesign, type AllocatorOptions, expectHeap, type HeapAllocator } from './allocator.ts';
import {
  MIN_WORDS as LEAST_WORDS,
  lowerTop,
  MAX_REQUEST,
  PREV_USED as PREV_USED_BIT,
  reach,
  type TaggedDesign,
  taggedAllocator,
  taggedOwnBytes,
  taggedRange,
  USED as USED_BIT,
  WAITING as WAITING_BIT,
  wordsFor,
  wordsOf as wordsOfTag,
  wordsReader,
} from './boundary-tags.ts';
import type { HeapMemory } from './heap-memory.ts';

// A module's own constants are part of the compiled code; imported ones V8 would read from memory each time.
const MIN_WORDS = LEAST_WORDS;
const PREV_USED = PREV_USED_BIT;
const USED = USED_BIT;
const WAITING = WAITING_BIT;
const wordsOf = wordsOfTag;

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

/** What `(log << SUB_LOG) + (n >>> (log - SUB_LOG))` is counted from: it makes the first bin above the exact ones the next. */
const FIRST_LOG_BIN = EXACT_BINS - (EXACT_LOG << SUB_LOG) - (1 << SUB_LOG);
/** How many blocks of a bin of unequal blocks are searched. */
const DEPTH = 8;
/** A block of so many words is worth making its rest the victim. */
const VICTIM_WORDS = 2 * EXACT_WORDS;
/** Of what lies below top, a block may wait for each so many words, at least and at most so many blocks in all. */
const WORDS_PER_WAITING = 128;
const LEAST_WAITING = 32;
const MOST_WAITING = 2048;

const SUMMARY = 1;
const ROOM = 2;
const FLUSH_ROOM = 3;
/** Holds the index of the victim, or of `NOBODY`. */
const VICTIM = 4;
/** Always 0: the tag of a block of no size, as the victim where there is none. */
const NOBODY = 5;
const MAP = 6;
const QUICK_LISTS = MAP + MAP_WORDS;
const BIN = QUICK_LISTS + EXACT_BINS;
const STATE_WORDS = BIN + 2 * BINS;

/** Returns the bin of blocks of `n` words. */
function binOf(n: number): number {
  if (n < EXACT_WORDS) return n >>> 1;
  const log = 31 - Math.clz32(n);
  return FIRST_LOG_BIN + (log << SUB_LOG) + (n >>> (log - SUB_LOG));
}

/** Returns the number of the lowest bit that is set in `bits`, which is not 0. */
function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

/** Makes all lists empty. Blocks may wait as if nothing lay below top. */
function clearState(words: Int32Array, topAt: number): void {
  const bins = topAt + BIN - 1;
  words.fill(0, topAt + SUMMARY, bins + 1);
  words[topAt + ROOM] = LEAST_WAITING;
  words[topAt + FLUSH_ROOM] = LEAST_WAITING - (LEAST_WAITING >>> 2);
  words[topAt + VICTIM] = topAt + NOBODY;
  for (let head = bins; head < bins + 2 * BINS; head += 2) {
    words[head + 1] = head;
    words[head + 2] = head;
  }
}

function open(memory: HeapMemory, options: AllocatorOptions): HeapAllocator {
  const range = taggedRange(memory, options, STATE_WORDS);
  const { topAt, first } = range;
  const { alignment } = options;
  const misaligned = alignment - 1;
  const summaryAt = topAt + SUMMARY;
  const roomAt = topAt + ROOM;
  const flushRoomAt = topAt + FLUSH_ROOM;
  const victimAt = topAt + VICTIM;
  const nobody = topAt + NOBODY;
  const mapAt = topAt + MAP;
  const quick = topAt + QUICK_LISTS;
  /** The word that would be the tag of bin 0. */
  const bins = topAt + BIN - 1;
  let words = memory.words;
  let end = memory.end >>> 2;
  const view = wordsReader(memory, () => words);

  function refresh(): void {
    memory.refresh();
    words = memory.words;
    end = memory.end >>> 2;
  }

  function unlink(block: number): void {
    const w = view();
    const next = w[block + 1] as number;
    const previous = w[block + 2] as number;
    w[previous + 1] = next;
    w[next + 2] = previous;
    if (next === previous) unmark(next);
  }

  function insert(block: number, n: number): void {
    const w = view();
    w[block] = (n << 2) | PREV_USED;
    w[block + n - 1] = n;
    const head = bins + (n < EXACT_WORDS ? n : binOf(n) << 1);
    const next = w[head + 1] as number;
    w[block + 1] = next;
    w[block + 2] = head;
    w[head + 1] = block;
    w[next + 2] = block;
    if (next === head) mark(head);
  }

  /** Sets the bits of a bin that has got its first block. */
  function mark(head: number): void {
    const w = view();
    const bin = (head - bins) >>> 1;
    const at = bin >>> 5;
    w[mapAt + at] = (w[mapAt + at] as number) | (1 << (bin & 31));
    w[summaryAt] = (w[summaryAt] as number) | (1 << at);
  }

  /** Clears the bits of a bin that has lost its last block. */
  function unmark(head: number): void {
    const w = view();
    const bin = (head - bins) >>> 1;
    const at = bin >>> 5;
    const bits = (w[mapAt + at] as number) & ~(1 << (bin & 31));
    w[mapAt + at] = bits;
    if (bits === 0) w[summaryAt] = (w[summaryAt] as number) & ~(1 << at);
  }

  function malloc(bytes: number): number {
    // An integer below 2^31, which V8 compares without making a double of it.
    if ((bytes | 0) !== bytes || bytes < 0) return mallocHuge(bytes);
    const n = bytes <= 12 ? MIN_WORDS : ((bytes + 3 + alignment) & -alignment) >>> 2;
    if (n < EXACT_WORDS) {
      const w = view();
      const at = quick + (n >>> 1);
      const block = w[at] as number;
      if (block > 0) {
        w[at] = w[block + 1] as number;
        w[block] = (w[block] as number) ^ WAITING;
        return 4 * block + 4;
      }
    }
    return mallocRest(n);
  }

  function mallocHuge(bytes: number): number {
    return bytes >>> 0 !== bytes || bytes > MAX_REQUEST ? 0 : mallocRest(wordsFor(bytes, alignment));
  }

  /** Gives a block of `n` words from anywhere but a quick list. The bins of exact sizes are those of the map's first word. */
  function mallocRest(n: number): number {
    const w = view();
    if (n >= EXACT_WORDS) return mallocAbove(n);
    const bits = (w[mapAt] as number) & (-1 << (n >>> 1));
    if (bits !== 0) return take(w[bins + (lowestBit(bits) << 1) + 1] as number, n);
    const victim = w[victimAt] as number;
    const tag = w[victim] as number;
    if (wordsOf(tag) < n + MIN_WORDS) return mallocAbove(n);
    w[victim] = (n << 2) | (tag & PREV_USED) | USED;
    const rest = victim + n;
    w[rest] = (tag - (n << 2)) | PREV_USED;
    w[victimAt] = rest;
    return 4 * victim + 4;
  }

  /** The same where no bin of an exact size may serve, nor the victim. */
  function mallocAbove(n: number): number {
    const w = view();
    // Blocks lie above the state; of detached words it sees nothing.
    if ((w[victimAt] as number) > nobody) {
      meltVictim();
      return mallocRest(n);
    }
    let bin = EXACT_BINS;
    if (n >= EXACT_WORDS) {
      if ((w[roomAt] as number) < (w[flushRoomAt] as number)) flush();
      bin = binOf(n);
      const block = search(bins + (bin << 1), n);
      if (block !== 0) return take(block, n);
      bin++;
    }
    let at = bin >>> 5;
    let bits = (w[mapAt + at] as number) & (-1 << (bin & 31));
    if (bits === 0) {
      const others = (w[summaryAt] as number) & (-2 << at);
      if (others === 0) return lastResort(n);
      at = lowestBit(others);
      bits = w[mapAt + at] as number;
    }
    bin = (at << 5) + lowestBit(bits);
    const block = w[bins + (bin << 1) + 1] as number;
    return n < EXACT_WORDS && (w[block] as number) >>> 2 >= VICTIM_WORDS ? takeVictim(block, n) : take(block, n);
  }

  /** The least block that fits among the first of a bin; 0 if none does. */
  function search(head: number, n: number): number {
    const w = view();
    let block = 0;
    let least = 0x7fff_ffff;
    // Blocks lie above the bins, so `>` ends the circle; of detached words it sees nothing.
    let candidate = w[head + 1] as number;
    for (let left = DEPTH; candidate > head && left > 0; left--) {
      const size = (w[candidate] as number) >>> 2;
      if (size >= n && size < least) {
        if (size === n) return candidate;
        block = candidate;
        least = size;
      }
      candidate = w[candidate + 1] as number;
    }
    return block;
  }

  /** Makes n words of a free block a used one; the rest goes back. A free block's tag has PREV_USED alone beside its size. */
  function take(block: number, n: number): number {
    const w = view();
    const next = w[block + 1] as number;
    const previous = w[block + 2] as number;
    w[previous + 1] = next;
    w[next + 2] = previous;
    if (next === previous) unmark(next);
    const size = (w[block] as number) >>> 2;
    if (size - n < MIN_WORDS) {
      w[block] = (w[block] as number) | USED;
      w[block + size] = (w[block + size] as number) | PREV_USED;
    } else {
      w[block] = (n << 2) | PREV_USED | USED;
      insert(block + n, size - n);
    }
    return 4 * block + 4;
  }

  /** Makes n words of a free block a used one, and the rest the victim. There is none. */
  function takeVictim(block: number, n: number): number {
    const w = view();
    unlink(block);
    const size = (w[block] as number) >>> 2;
    const rest = block + n;
    w[block] = (n << 2) | PREV_USED | USED;
    w[rest] = ((size - n) << 2) | WAITING | PREV_USED | USED;
    w[block + size] = (w[block + size] as number) | PREV_USED;
    w[victimAt] = rest;
    return 4 * block + 4;
  }

  /** Gives the victim back to the bins. */
  function meltVictim(): void {
    const w = view();
    const victim = w[victimAt] as number;
    w[victimAt] = nobody;
    meltWaiter(victim);
  }

  /** Melts a block that is in no list any more. */
  function meltWaiter(block: number): void {
    const w = view();
    const tag = (w[block] as number) ^ WAITING;
    w[block] = tag;
    melt(block, tag);
  }

  /** No bin has a block of `n` words: what waits may melt to one; else top gives. */
  function lastResort(n: number): number {
    return (words[roomAt] as number) < (words[flushRoomAt] as number) ? flushed(n) : fromTop(n);
  }

  /** Melts what waits in the quick lists, and begins again. */
  function flushed(n: number): number {
    flush();
    return mallocRest(n);
  }

  /** Lets blocks wait again. A larger request melts them when a quarter of the room is used: melting a few each time costs more than it gives. */
  function makeRoom(): void {
    const share = Math.floor(((words[topAt] as number) - first) / WORDS_PER_WAITING);
    const room = Math.min(MOST_WAITING, Math.max(LEAST_WAITING, share));
    words[roomAt] = room;
    words[flushRoomAt] = room - (room >>> 2);
  }

  /** Melts all that waits. Returns whether there was any. */
  function flush(): boolean {
    const w = view();
    let melted = 0;
    if (w[victimAt] !== nobody) {
      meltVictim();
      melted++;
    }
    for (let at = quick + (MIN_WORDS >>> 1); at < quick + EXACT_BINS; at++) {
      while (w[at] !== 0) {
        const block = w[at] as number;
        w[at] = w[block + 1] as number;
        meltWaiter(block);
        melted++;
      }
    }
    makeRoom();
    return melted > 0;
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
    if (flush()) return mallocRest(n);
    const reached = reach(memory, words[topAt] as number, n);
    refresh();
    return reached ? fromTop(n) : 0;
  }

  function free(address: number): boolean {
    const w = view();
    const block = (address >>> 2) - 1;
    if (4 * block + 4 !== address || (address & misaligned) !== 0 || block < first || !(block < (w[topAt] as number)))
      return refuse(address);
    const tag = w[block] as number;
    if ((tag & (USED | WAITING)) !== USED) return refuse(address);
    const n = wordsOf(tag);
    if (n >= EXACT_WORDS) {
      melt(block, tag);
      return true;
    }
    const at = quick + (n >>> 1);
    w[block] = tag | WAITING;
    w[block + 1] = w[at] as number;
    w[at] = block;
    const room = (w[roomAt] as number) - 1;
    w[roomAt] = room;
    if (room < 0) flush();
    return true;
  }

  /** Makes a used block free: one with its free neighbours, or with top. */
  function melt(from: number, tag: number): void {
    const w = view();
    let block = from;
    let n = (tag >>> 3) << 1;
    const next = block + n;
    if ((tag & PREV_USED) === 0) {
      const before = w[block - 1] as number;
      block -= before;
      n += before;
      unlink(block);
    }
    if (next >= (w[topAt] as number)) {
      meltIntoTop(block);
      return;
    }
    const nextTag = w[next] as number;
    if ((nextTag & USED) === 0) {
      n += nextTag >>> 2;
      unlink(next);
    } else w[next] = nextTag & ~PREV_USED;
    insert(block, n);
  }

  function meltIntoTop(block: number): void {
    lowerTop(words, memory, topAt, block);
  }

  /** An address that is none of a block; or 0, which is freed for nothing; or the memory has grown by another's hand. */
  function refuse(address: number): boolean {
    if (words.length === 0) {
      refresh();
      return free(address);
    }
    return address === 0;
  }

  function meltWaiting(block: number): void {
    if (block === words[victimAt]) meltVictim();
    else flush();
  }

  function clear(): void {
    clearState(words, topAt);
  }

  function checkIndex(free: ReadonlyMap<number, number>, waiting: ReadonlyMap<number, number>): void {
    let seen = 0;
    for (let bin = 0; bin < BINS; bin++) seen += checkBin(bin, free);
    expectHeap(seen === free.size, 'BT5', 4 * first, `${free.size} free blocks, ${seen} in bins`);
    let waits = 0;
    for (let n = 0; n < EXACT_WORDS; n += 2) {
      const at = quick + (n >>> 1);
      for (let block = words[at] as number; block !== 0; block = words[block + 1] as number) {
        expectHeap(waiting.get(block) === n, 'SF3', 4 * block, `no waiting block of ${n} words`);
        expectHeap(++waits <= waiting.size, 'SF3', 4 * block, 'a list without an end');
      }
    }
    expectHeap((words[roomAt] as number) + waits <= MOST_WAITING, 'SF3', 4 * roomAt, `room for ${words[roomAt]}, and ${waits} wait`);
    expectHeap(words[nobody] === 0, 'SF4', 4 * nobody, `no block has the tag ${words[nobody]}`);
    const victim = words[victimAt] as number;
    if (victim !== nobody) {
      expectHeap(waiting.has(victim), 'SF4', 4 * victim, 'the victim is no waiting block');
      waits++;
    }
    expectHeap(waits === waiting.size, 'BT5', 4 * first, `${waiting.size} blocks wait, ${waits} are known`);
  }

  /** Returns the blocks of one bin. */
  function checkBin(bin: number, free: ReadonlyMap<number, number>): number {
    let seen = 0;
    const head = bins + (bin << 1);
    for (let at = head, next = words[at + 1] as number; next !== head; at = next, next = words[at + 1] as number) {
      const n = free.get(next);
      expectHeap(n !== undefined && binOf(n) === bin, 'SF1', 4 * next, `no free block of bin ${bin}`);
      expectHeap(words[next + 2] === at, 'SF1', 4 * next, `its previous is ${words[next + 2]}, not ${at}`);
      expectHeap(++seen <= free.size, 'SF1', 4 * next, 'a circle that does not close');
    }
    const at = bin >>> 5;
    const bits = words[mapAt + at] as number;
    expectHeap(((bits >>> (bin & 31)) & 1) === Math.min(seen, 1), 'SF2', 4 * (mapAt + at), `the bit of bin ${bin}`);
    expectHeap((((words[summaryAt] as number) >>> at) & 1) === (bits === 0 ? 0 : 1), 'SF2', 4 * summaryAt, `the bit of word ${at}`);
    return seen;
  }

  const design: TaggedDesign = { malloc, free, insert, remove: unlink, clear, refresh, flush, meltWaiting, checkIndex };
  return taggedAllocator(memory, options, range, design);
}

/** Segregated fit. See the header of this file. */
export const segregated: AllocatorDesign = {
  name: 'segregated',
  about: 'lists by size over boundary tags: compact and fast, the default',
  ownBytes: (options) => taggedOwnBytes(options, STATE_WORDS),
  format(memory, options) {
    const { topAt, first } = taggedRange(memory, options, STATE_WORDS);
    memory.words[topAt] = first;
    clearState(memory.words, topAt);
  },
  open,
};
