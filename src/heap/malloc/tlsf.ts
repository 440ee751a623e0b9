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
// malloc and free only look; `cut` and `melt` do the work, each in one call, with the lists' code written out: V8 inlines at most 920
// bytecodes into a caller's loop, and helpers that fall out of it cost a call each (measured: a tenth).
//
// Cost: O(1), always: at most two unlinks and one insert. A block costs its owner 4 bytes; rounding a request loses at most a 32nd of
// it. Own words 6.5 KiB. Source: Masmano, Ripoll, Crespo, Real 2004, "TLSF: a New Dynamic Memory Allocator for Real-Time Systems".
// The non-null `!` on words: indices come from tags, links and heads; detached words read as undefined, which bit operations take for 0.

import { type AllocatorDesign, type AllocatorOptions, expectHeap, type HeapAllocator } from './allocator.ts';
import {
  MAX_REQUEST,
  MIN_WORDS,
  PREV_USED,
  reach,
  type TaggedDesign,
  taggedAllocator,
  taggedOwnBytes,
  taggedRange,
  USED,
  wordsOf,
  wordsReader,
} from './boundary-tags.ts';
import { HeapHeader } from './heap-header.ts';
import type { HeapMemory } from './heap-memory.ts';

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
  const peakAt = (memory.start >>> 2) + HeapHeader.PEAK;
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
    const list = listOf(n);
    const head = lists + (list << 1);
    const next = w[head + 1]!;
    w[block + 1] = next;
    w[block + 2] = head;
    w[head + 1] = block;
    w[next + 2] = block;
    if (next === head) {
      const level = list >>> SUB_LOG;
      w[secondLevel + level] = w[secondLevel + level]! | (1 << (list & 31));
      w[firstLevel] = w[firstLevel]! | (1 << level);
    }
  }

  function remove(block: number): void {
    const w = view();
    const next = w[block + 1]!;
    const previous = w[block + 2]!;
    w[previous + 1] = next;
    w[next + 2] = previous;
    if (next === previous) markEmpty(next);
  }

  /** Clears the bits of the list with this head, after its last block has left. A head is next to itself if it was the only one. */
  function markEmpty(head: number): void {
    const w = view();
    // Of two blocks one has left: then next and previous are the same, too, but a block that stays.
    if (head > lists + 2 * LISTS) return;
    const list = (head - lists) >>> 1;
    const level = list >>> SUB_LOG;
    const bits = w[secondLevel + level]! & ~(1 << (list & 31));
    w[secondLevel + level] = bits;
    if (bits === 0) w[firstLevel] = w[firstLevel]! & ~(1 << level);
  }

  function malloc(bytes: number): number {
    if (bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    const n = bytes <= 12 ? MIN_WORDS : ((bytes + 3 + alignment) & -alignment) >>> 2;
    const from = listFrom(n);
    const level = from >>> SUB_LOG;
    const bits = view()[secondLevel + level]! & (-1 << (from & 31));
    return bits === 0 ? mallocAbove(level, n) : cut((level << SUB_LOG) + 31 - Math.clz32(bits & -bits), n);
  }

  /** No list of this level fits: the least of the levels above that has one does, or top. */
  function mallocAbove(from: number, n: number): number {
    const levels = words[firstLevel]! & (-2 << from);
    if (levels === 0) return fromTop(n);
    const level = 31 - Math.clz32(levels & -levels);
    const bits = words[secondLevel + level]!;
    return cut((level << SUB_LOG) + 31 - Math.clz32(bits & -bits), n);
  }

  /** Makes n words of a list's first block, all of which fit, a used block; the rest goes back. */
  function cut(list: number, n: number): number {
    const w = view();
    const head = lists + (list << 1);
    const block = w[head + 1]!;
    const next = w[block + 1]!;
    w[head + 1] = next;
    w[next + 2] = head;
    if (next === head) {
      const level = secondLevel + (list >>> SUB_LOG);
      const bits = w[level]! & ~(1 << (list & 31));
      w[level] = bits;
      if (bits === 0) w[firstLevel] = w[firstLevel]! & ~(1 << (list >>> SUB_LOG));
    }
    const size = wordsOf(w[block]!);
    const rest = size - n;
    if (rest < MIN_WORDS) {
      w[block] = (size << 2) | PREV_USED | USED;
      w[block + size] = w[block + size]! | PREV_USED;
      return 4 * block + 4;
    }
    w[block] = (n << 2) | PREV_USED | USED;
    // `insert`, written out.
    const part = block + n;
    w[part] = (rest << 2) | PREV_USED;
    w[part + rest - 1] = rest;
    const partList = listOf(rest);
    const partHead = lists + (partList << 1);
    const partNext = w[partHead + 1]!;
    w[part + 1] = partNext;
    w[part + 2] = partHead;
    w[partHead + 1] = part;
    w[partNext + 2] = part;
    if (partNext === partHead) {
      const level = partList >>> SUB_LOG;
      w[secondLevel + level] = w[secondLevel + level]! | (1 << (partList & 31));
      w[firstLevel] = w[firstLevel]! | (1 << level);
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
    const tag = w[block]!;
    const top = w[topAt]!;
    if (4 * block + 4 !== address || (address & misaligned) !== 0 || block < first || !(block < top) || (tag & USED) === 0)
      return refuse(address);
    melt(block, tag, top);
    return true;
  }

  /** Makes a used block free: one with its free neighbours, or with top. `remove` and `insert` are written out. */
  function melt(from: number, tag: number, top: number): void {
    const w = view();
    let block = from;
    let n = wordsOf(tag);
    const next = block + n;
    if ((tag & PREV_USED) === 0) {
      const before = w[block - 1]!;
      block -= before;
      n += before;
      const after = w[block + 1]!;
      const previous = w[block + 2]!;
      w[previous + 1] = after;
      w[after + 2] = previous;
      if (after === previous) markEmpty(after);
    }
    if (next >= top) {
      if (4 * top > w[peakAt]! >>> 0) w[peakAt] = 4 * top;
      w[topAt] = block;
      return;
    }
    const nextTag = w[next]!;
    if ((nextTag & USED) === 0) {
      n += wordsOf(nextTag);
      const after = w[next + 1]!;
      const previous = w[next + 2]!;
      w[previous + 1] = after;
      w[after + 2] = previous;
      if (after === previous) markEmpty(after);
    } else w[next] = nextTag & ~PREV_USED;
    w[block] = (n << 2) | PREV_USED;
    w[block + n - 1] = n;
    const list = listOf(n);
    const head = lists + (list << 1);
    const first = w[head + 1]!;
    w[block + 1] = first;
    w[block + 2] = head;
    w[head + 1] = block;
    w[first + 2] = block;
    if (first === head) {
      const level = list >>> SUB_LOG;
      w[secondLevel + level] = w[secondLevel + level]! | (1 << (list & 31));
      w[firstLevel] = w[firstLevel]! | (1 << level);
    }
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
