// TLSF, two-level segregated fit: every malloc and free in a bounded number of steps, over boundary tags (boundary-tags.ts).
//
//   first level, one bit for each power of two            second level, one word for each: a bit for each 32nd of it
//   | exact | 64 .. | 128 .. | 256 .. | 512 .. |           | 64 | 66 | 68 | ... | 126 |    | 128 | 132 | ... | 252 |     words
//       1       0        1        0        1                                                  0     1            0
//                                                                                                   '-> block <-> block <-> (the list)
//
// A request is rounded up to the next list's least size, so that the first block of any list from there on fits: two `clz32` find it,
// and no list is ever searched. Below 64 words each even size has a list of its own and nothing is rounded. The rest of a block goes
// back at once; a freed block melts with its neighbours at once. Nothing is put off to a later request, so the slowest
// operation takes as many steps as any other: what systems with deadlines ask of an allocator. (realloc copies, if it must move.)
//
// A list is a circle through its head, which is laid out as the links of a block would be if its tag were the word before. So a
// block leaves its list without asking where it stands; and if next and previous are the same, the list is empty afterwards.
//
// Invariants, beside those of boundary-tags.ts:
//   TL1  the circle of a list leads through `next` and back through `previous` over free blocks of the list's sizes only
//   TL2  a list's bit is set exactly if it has a block, and the first level's bit exactly if there is such a list
//
// What is hot is made of functions of 80 to 200 bytecodes, and what is rare is apart from them: V8 inlines at most 920 bytecodes into a
// caller, and none of a function above 460. Two long functions for all took a seventh more time (measured).
//
// Cost: O(1), always: at most two unlinks and one insert. A block costs its owner 4 bytes; rounding a request loses at most a 32nd of
// it. Own words 6.5 KiB. Source: Masmano, Ripoll, Crespo, Real 2004, "TLSF: a New Dynamic Memory Allocator for Real-Time Systems".
// The non-null `!` on words: indices come from tags, links and heads; detached words read as undefined, which bit operations take for 0.

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
  wordsFor,
  wordsReader,
} from './boundary-tags.ts';
import type { HeapMemory } from './heap-memory.ts';

// A module's own constants are part of the compiled code; imported ones V8 would read from memory each time.
const MIN_WORDS = LEAST_WORDS;
const PREV_USED = PREV_USED_BIT;
const USED = USED_BIT;

/** log2 of the lists for each power of two. */
const SUB_LOG = 5;
/** log2 of the words from which on lists hold unequal blocks. */
const EXACT_LOG = SUB_LOG + 1;
const EXACT_WORDS = 1 << EXACT_LOG;
/** The exact sizes, and the powers of two from 2^6 to 2^29 words. */
const LEVELS = 1 + 30 - EXACT_LOG;
const LISTS = LEVELS << SUB_LOG;

const FIRST_LEVEL = 1;
const SECOND_LEVEL = 2;
/** Behind the second level one word that stays 0: a request for more than the last list's least size begins there. */
const LIST = SECOND_LEVEL + LEVELS + 1;
const STATE_WORDS = LIST + 2 * LISTS;

/** Returns the list of blocks of `n` words. */
function listOf(n: number): number {
  if (n < EXACT_WORDS) return n >>> 1;
  const log = 31 - Math.clz32(n);
  return ((log - EXACT_LOG) << SUB_LOG) + (n >>> (log - SUB_LOG));
}

/** Returns the first list all of whose blocks have at least `n` words. */
function listFrom(n: number): number {
  if (n < EXACT_WORDS) return n >>> 1;
  return listOf(n + (1 << (31 - SUB_LOG - Math.clz32(n))) - 1);
}

/** Makes all lists empty. */
function clearState(words: Int32Array, topAt: number): void {
  const lists = topAt + LIST - 1;
  words.fill(0, topAt + FIRST_LEVEL, lists + 1);
  for (let head = lists; head < lists + 2 * LISTS; head += 2) {
    words[head + 1] = head;
    words[head + 2] = head;
  }
}

function open(memory: HeapMemory, options: AllocatorOptions): HeapAllocator {
  const range = taggedRange(memory, options, STATE_WORDS);
  const { topAt, first } = range;
  const { alignment } = options;
  const misaligned = alignment - 1;
  const firstLevel = topAt + FIRST_LEVEL;
  const secondLevel = topAt + SECOND_LEVEL;
  /** The word that would be the tag of list 0's head. */
  const lists = topAt + LIST - 1;
  let words = memory.words;
  let end = memory.end >>> 2;
  const view = wordsReader(memory, () => words);

  function refresh(): void {
    memory.refresh();
    words = memory.words;
    end = memory.end >>> 2;
  }

  function insert(block: number, n: number): void {
    const w = view();
    w[block] = (n << 2) | PREV_USED;
    w[block + n - 1] = n;
    const head = lists + (n < EXACT_WORDS ? n : listOf(n) << 1);
    const next = w[head + 1]!;
    w[block + 1] = next;
    w[block + 2] = head;
    w[head + 1] = block;
    w[next + 2] = block;
    if (next === head) mark(head);
  }

  /** Sets the bits of a list that has got its first block. */
  function mark(head: number): void {
    const w = view();
    const list = (head - lists) >>> 1;
    const level = list >>> SUB_LOG;
    w[secondLevel + level] = w[secondLevel + level]! | (1 << (list & 31));
    w[firstLevel] = w[firstLevel]! | (1 << level);
  }

  function remove(block: number): void {
    const w = view();
    const next = w[block + 1]!;
    const previous = w[block + 2]!;
    w[previous + 1] = next;
    w[next + 2] = previous;
    // Of two blocks one has left: then they are the same, too, but a block, which lies above all heads.
    if (next === previous && next < first) markEmpty(next);
  }

  /** Clears the bits of the list with this head, after its last block has left. */
  function markEmpty(head: number): void {
    const w = view();
    const list = (head - lists) >>> 1;
    const level = list >>> SUB_LOG;
    const bits = w[secondLevel + level]! & ~(1 << (list & 31));
    w[secondLevel + level] = bits;
    if (bits === 0) w[firstLevel] = w[firstLevel]! & ~(1 << level);
  }

  function malloc(bytes: number): number {
    // An integer below 2^31, which V8 compares without making a double of it.
    if ((bytes | 0) !== bytes || bytes < 0) return mallocHuge(bytes);
    const n = bytes <= 12 ? MIN_WORDS : ((bytes + 3 + alignment) & -alignment) >>> 2;
    // Of the exact sizes' level, or of those above.
    const bits = view()[secondLevel]! & (-1 << (n >>> 1));
    if (n >= EXACT_WORDS || bits === 0) return mallocAbove(n);
    return cut(lists + ((31 - Math.clz32(bits & -bits)) << 1), n);
  }

  function mallocHuge(bytes: number): number {
    return bytes >>> 0 !== bytes || bytes > MAX_REQUEST ? 0 : mallocAbove(wordsFor(bytes, alignment));
  }

  /** Gives a block from a list above the exact sizes, the least one that has any from where on all fit, or from top. */
  function mallocAbove(n: number): number {
    const w = view();
    const from = listFrom(n);
    let level = from >>> SUB_LOG;
    let bits = w[secondLevel + level]! & (-1 << (from & 31));
    if (bits === 0) {
      const levels = w[firstLevel]! & (-2 << level);
      if (levels === 0) return fromTop(n);
      level = 31 - Math.clz32(levels & -levels);
      bits = w[secondLevel + level]!;
    }
    return cut(lists + (((level << SUB_LOG) + 31 - Math.clz32(bits & -bits)) << 1), n);
  }

  /** Makes n words of a list's first block, all of which fit, a used block; the rest goes back. */
  function cut(head: number, n: number): number {
    const w = view();
    const block = w[head + 1]!;
    const next = w[block + 1]!;
    w[head + 1] = next;
    w[next + 2] = head;
    if (next === head) markEmpty(head);
    // A free block's tag has PREV_USED alone beside its size.
    const size = w[block]! >>> 2;
    if (size - n < MIN_WORDS) {
      w[block] = w[block]! | USED;
      w[block + size] = w[block + size]! | PREV_USED;
    } else {
      w[block] = (n << 2) | PREV_USED | USED;
      insert(block + n, size - n);
    }
    return 4 * block + 4;
  }

  function fromTop(n: number): number {
    const block = words[topAt]!;
    if (words.length === 0 || block + n > end) return retry(n);
    words[topAt] = block + n;
    words[block] = (n << 2) | PREV_USED | USED;
    return 4 * block + 4;
  }

  /** Memory has to grow, or has grown by another's hand: then the lists were not seen, and the request begins again. */
  function retry(n: number): number {
    const detached = words.length === 0;
    refresh();
    if (detached) return malloc(4 * n - 4);
    const reached = reach(memory, words[topAt]!, n);
    refresh();
    return reached ? fromTop(n) : 0;
  }

  function free(address: number): boolean {
    const w = view();
    const block = (address >>> 2) - 1;
    if (4 * block + 4 !== address || (address & misaligned) !== 0 || block < first || !(block < w[topAt]!)) return refuse(address);
    const tag = w[block]!;
    if ((tag & USED) === 0) return refuse(address);
    melt(block, tag);
    return true;
  }

  /** Makes a used block free: one with its free neighbours, or with top. */
  function melt(from: number, tag: number): void {
    const w = view();
    let block = from;
    let n = (tag >>> 3) << 1;
    const next = block + n;
    if ((tag & PREV_USED) === 0) {
      const before = w[block - 1]!;
      block -= before;
      n += before;
      remove(block);
    }
    if (next >= w[topAt]!) {
      meltIntoTop(block);
      return;
    }
    const nextTag = w[next]!;
    if ((nextTag & USED) === 0) {
      n += nextTag >>> 2;
      remove(next);
    } else w[next] = nextTag & ~PREV_USED;
    insert(block, n);
  }

  function meltIntoTop(block: number): void {
    lowerTop(words, memory, topAt, block);
  }

  /** An address that is none of a block; or 0, which is freed for nothing; or the memory has grown by another's hand. */
  function refuse(address: number): boolean {
    if (words.length !== 0) return address === 0;
    refresh();
    return free(address);
  }

  function clear(): void {
    clearState(words, topAt);
  }

  function checkIndex(free: ReadonlyMap<number, number>): void {
    let seen = 0;
    for (let level = 0; level < LEVELS; level++) {
      let bits = 0;
      for (let list = level << SUB_LOG; list < (level + 1) << SUB_LOG; list++) {
        const blocks = checkList(list, free);
        if (blocks > 0) bits |= 1 << (list & 31);
        seen += blocks;
      }
      expectHeap(words[secondLevel + level] === bits, 'TL2', 4 * (secondLevel + level), `the bits of level ${level}`);
      expectHeap(((words[firstLevel]! >>> level) & 1) === (bits === 0 ? 0 : 1), 'TL2', 4 * firstLevel, `the bit of level ${level}`);
    }
    expectHeap(seen === free.size, 'BT5', 4 * first, `${free.size} free blocks, ${seen} in lists`);
  }

  /** Returns the blocks of one list. */
  function checkList(list: number, free: ReadonlyMap<number, number>): number {
    let seen = 0;
    const head = lists + (list << 1);
    for (let at = head, next = words[at + 1]!; next !== head; at = next, next = words[at + 1]!) {
      const n = free.get(next);
      expectHeap(n !== undefined && listOf(n) === list, 'TL1', 4 * next, `no free block of list ${list}`);
      expectHeap(words[next + 2] === at, 'TL1', 4 * next, `its previous is ${words[next + 2]}, not ${at}`);
      expectHeap(++seen <= free.size, 'TL1', 4 * next, 'a circle that does not close');
    }
    return seen;
  }

  const design: TaggedDesign = { malloc, free, insert, remove, clear, refresh, checkIndex };
  return taggedAllocator(memory, options, range, design);
}

/** TLSF. See the header of this file. */
export const tlsf: AllocatorDesign = {
  name: 'tlsf',
  about: 'two-level segregated fit: every operation in bounded time',
  ownBytes: (options) => taggedOwnBytes(options, STATE_WORDS),
  format(memory, options) {
    const { topAt, first } = taggedRange(memory, options, STATE_WORDS);
    memory.words[topAt] = first;
    clearState(memory.words, topAt);
  },
  open,
};
