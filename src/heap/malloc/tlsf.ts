// TLSF, two-level segregated fit: every malloc and free in a bounded number of steps, over boundary tags (boundary-tags.ts).
//
//   first level, a bit for each word of the second       second level, a bit for each list: 32 exact sizes, then eight for each power of two
//   |   1   |   1   |   0   |   0   | ...                 | 4 | 6 | 8 | ... | 62 |    | 64 .. 71 | 72 .. 79 | ... | 960 .. 1023 |    words
//                                                           0   1   0                      1
//                                                               '-> block <-> block <-> (the list)
//
//   places      4     6     8   ...  62 words: one block of each size that was freed, unmelted
//
// A request takes the block in its size's place, or one from a list: two `clz32` find the first list from where on all blocks fit. Below
// 64 words that is the size's own, and else not that of two words more, which no cut could use: such blocks stay for their own size as
// long as there is other memory. Above, a request would be rounded up to the next list's least size; eight blocks of its own list are looked at first.
// The rest of a block goes back at once. A freed block melts with its neighbours at once, or, if it is small and the block before is used,
// takes its size's place, and the one that was there melts. So the slowest operation takes few more steps than any other: what systems
// with deadlines ask of an allocator. (realloc copies, if it must move; before memory grows or is refused, the 30 places are emptied.)
//
// A list is a circle through its head, which is laid out as the links of a block would be if its tag were the word before. So a
// block leaves its list without asking where it stands. The bits are set and cleared without a branch, which a processor would guess wrong.
//
// Invariants, beside those of boundary-tags.ts:
//   TL1  the circle of a list leads through `next` and back through `previous` over free blocks of the list's sizes only
//   TL2  a list's bit is set exactly if it has a block, and the first level's bit exactly if there is such a list
//   TL3  a place has a waiting block of its size, or 0
//
// What is hot is made of functions of 80 to 220 bytecodes, and what is rare is apart from them: V8 inlines at most 920 bytecodes into a
// caller, and none of a function above 460. Two long functions for all took a seventh more time (measured).
//
// Cost: O(1), always: at most three unlinks and one insert, and eight blocks looked at. A block costs its owner 4 bytes; a request that finds none
// of its own list loses nothing but a better fit. Own words 2 KiB. Source: Masmano, Ripoll, Crespo, Real 2004, "TLSF: a New Dynamic Memory Allocator
// for Real-Time Systems", with fewer lists; the look into the request's own list and the places are ours.
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
  WAITING as WAITING_BIT,
  wordsFor,
  wordsReader,
} from './boundary-tags.ts';
import type { HeapMemory } from './heap-memory.ts';

// A module's own constants are part of the compiled code; imported ones V8 would read from memory each time.
const MIN_WORDS = LEAST_WORDS;
const PREV_USED = PREV_USED_BIT;
const USED = USED_BIT;
const WAITING = WAITING_BIT;

/** log2 of the words from which on lists hold unequal blocks. */
const EXACT_LOG = 6;
const EXACT_WORDS = 1 << EXACT_LOG;
/** Bits of a tag: set in those of EXACT_WORDS words and more. */
const LARGE = -4 * EXACT_WORDS;
/** log2 of the lists for each power of two from there on, 2^6 to 2^29 words. */
const SUB_LOG = 3;
/** Lists of the exact sizes, one for each even number of words: as many as a word has bits. */
const EXACT_LISTS = EXACT_WORDS >>> 1;
const LISTS = EXACT_LISTS + ((30 - EXACT_LOG) << SUB_LOG);
/** What `(log << SUB_LOG) + (n >>> (log - SUB_LOG))` is counted from: it makes the first list above the exact ones the next. */
const FIRST_LOG_LIST = EXACT_LISTS - ((EXACT_LOG + 1) << SUB_LOG);
/** So many blocks of a list in which some may be too small are looked at: more find no more (measured). */
const SEARCH = 8;

const FIRST_LEVEL = 1;
const SECOND_LEVEL = 2;
/** One more than there are lists for, and 0: a request for more than the last list's least size begins there. */
const SECOND_WORDS = (LISTS >>> 5) + 1;
/** Places, one for each exact size. */
const PLACE = SECOND_LEVEL + SECOND_WORDS;
const LIST = PLACE + EXACT_LISTS;
const STATE_WORDS = LIST + 2 * LISTS;

/** Returns the list of blocks of `n` words. */
function listOf(n: number): number {
  if (n < EXACT_WORDS) return n >>> 1;
  const log = 31 - Math.clz32(n);
  return FIRST_LOG_LIST + (log << SUB_LOG) + (n >>> (log - SUB_LOG));
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
  const aligned = -alignment;
  const firstLevel = topAt + FIRST_LEVEL;
  const secondLevel = topAt + SECOND_LEVEL;
  /** The word of the place of 0 words. */
  const places = topAt + PLACE;
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
    const list = n < EXACT_WORDS ? n >>> 1 : listOf(n);
    const at = list >>> 5;
    w[secondLevel + at] = w[secondLevel + at]! | (1 << list);
    w[firstLevel] = w[firstLevel]! | (1 << at);
    const head = lists + (list << 1);
    const next = w[head + 1]!;
    w[block + 1] = next;
    w[block + 2] = head;
    w[head + 1] = block;
    w[next + 2] = block;
  }

  function remove(block: number): void {
    const w = view();
    const next = w[block + 1]!;
    const previous = w[block + 2]!;
    w[previous + 1] = next;
    w[next + 2] = previous;
    // All bits, if the list is empty now: heads lie below the first block, and both are its head. Else none, and nothing is cleared.
    const empty = ((next - first) & (previous - first)) >> 31;
    const list = ((next - lists) >>> 1) & empty;
    const at = list >>> 5;
    const bits = w[secondLevel + at]! & ~((1 << list) & empty);
    w[secondLevel + at] = bits;
    w[firstLevel] = w[firstLevel]! & ~((((bits | -bits) >>> 31) ^ 1) << at);
  }

  function malloc(bytes: number): number {
    // An integer below 2^31, which V8 compares without making a double of it.
    if ((bytes | 0) !== bytes || bytes < 0) return mallocHuge(bytes) >>> 0;
    const n = bytes <= 12 ? MIN_WORDS : ((bytes + 3 + alignment) & -alignment) >>> 2;
    if (n < EXACT_WORDS) {
      const w = view();
      const at = places + (n >>> 1);
      const block = w[at]!;
      // Not `!== 0`: a detached view reads undefined.
      if (block > 0) {
        w[at] = 0;
        w[block] = w[block]! ^ WAITING;
        return ((block << 2) + 4) >>> 0;
      }
    }
    return mallocRest(n) >>> 0;
  }

  function mallocHuge(bytes: number): number {
    return bytes >>> 0 !== bytes || bytes > MAX_REQUEST ? 0 : mallocRest(wordsFor(bytes, alignment));
  }

  /** Gives a block from a list, where a size's own is looked into before the first from where on all fit; or from top. */
  function mallocRest(n: number): number {
    const w = view();
    const small = w[secondLevel]! & (-3 << (n >>> 1));
    if (n < EXACT_WORDS && small !== 0) return cut(w[lists + 1 + ((31 - Math.clz32(small & -small)) << 1)]!, n);
    let list = EXACT_LISTS;
    if (n >= EXACT_WORDS) {
      list = listOf(n);
      const block = search(lists + (list << 1), n);
      if (block !== 0) return cut(block, n);
      list++;
    }
    let at = list >>> 5;
    let bits = w[secondLevel + at]! & (-1 << list);
    if (bits === 0) {
      const others = w[firstLevel]! & (-2 << at);
      if (others === 0) return fromTop(n);
      at = 31 - Math.clz32(others & -others);
      bits = w[secondLevel + at]!;
    }
    return cut(w[lists + 1 + (((at << 5) + 31 - Math.clz32(bits & -bits)) << 1)]!, n);
  }

  /** The least block that fits among the first of a list; 0 if none does. */
  function search(head: number, n: number): number {
    const w = view();
    let block = 0;
    let least = 0x7fff_ffff;
    // Blocks lie above the heads, so `>` ends the circle; of detached words it sees nothing.
    let candidate = w[head + 1]!;
    for (let left = SEARCH; candidate > head && left > 0; left--) {
      const size = w[candidate]! >>> 2;
      if (size >= n && size < least) {
        if (size === n) return candidate;
        block = candidate;
        least = size;
      }
      candidate = w[candidate + 1]!;
    }
    return block;
  }

  /** Makes n words of a free block a used one; the rest goes back. */
  function cut(block: number, n: number): number {
    const w = view();
    remove(block);
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
    if (detached || flush()) return mallocRest(n);
    const reached = reach(memory, words[topAt]!, n);
    refresh();
    return reached ? fromTop(n) : wasteful(n);
  }

  /** Gives a block of two words more than asked for, now that there is no other; 0 if there is none. */
  function wasteful(n: number): number {
    const head = lists + n + 2;
    const block = n < EXACT_WORDS - 2 ? words[head + 1]! : 0;
    return block > head ? cut(block, n) : 0;
  }

  function free(address: number): boolean {
    const w = view();
    const block = (address >>> 2) - 1;
    if ((address & aligned) >>> 0 !== address || block < first || !(block < w[topAt]!)) return refuse(address);
    const tag = w[block]!;
    if ((tag & (USED | WAITING)) !== USED) return refuse(address);
    let leaving = block;
    if ((tag & (LARGE | PREV_USED)) === PREV_USED) {
      const at = places + (tag >>> 3);
      leaving = w[at]!;
      w[at] = block;
      w[block] = tag | WAITING;
    }
    if (leaving !== 0) melt(leaving);
    return true;
  }

  /** Makes a used block free: one with its free neighbours, or with top. */
  function melt(from: number): void {
    const w = view();
    const tag = w[from]!;
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

  /** Melts all that waits. Returns whether something did. */
  function flush(): boolean {
    let waited = false;
    for (let at = places; at < places + EXACT_LISTS; at++) {
      const block = words[at]!;
      if (block === 0) continue;
      words[at] = 0;
      melt(block);
      waited = true;
    }
    return waited;
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

  function checkIndex(free: ReadonlyMap<number, number>, waiting: ReadonlyMap<number, number>): void {
    checkPlaces(waiting);
    let seen = 0;
    for (let at = 0; at < SECOND_WORDS; at++) {
      let bits = 0;
      for (let list = at << 5; list < Math.min((at + 1) << 5, LISTS); list++) {
        const blocks = checkList(list, free);
        if (blocks > 0) bits |= 1 << list;
        seen += blocks;
      }
      expectHeap(words[secondLevel + at] === bits, 'TL2', 4 * (secondLevel + at), `the bits of lists ${at << 5} to ${(at << 5) + 31}`);
      expectHeap(((words[firstLevel]! >>> at) & 1) === (bits === 0 ? 0 : 1), 'TL2', 4 * firstLevel, `the bit of word ${at}`);
    }
    expectHeap(seen === free.size, 'BT5', 4 * first, `${free.size} free blocks, ${seen} in lists`);
  }

  function checkPlaces(waiting: ReadonlyMap<number, number>): void {
    let seen = 0;
    for (let n = 0; n < EXACT_WORDS; n += 2) {
      const block = words[places + (n >>> 1)]!;
      if (block === 0) continue;
      expectHeap(waiting.get(block) === n, 'TL3', 4 * block, `no waiting block of ${n} words`);
      seen++;
    }
    expectHeap(seen === waiting.size, 'BT5', 4 * first, `${waiting.size} waiting blocks, ${seen} in places`);
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

  const design: TaggedDesign = { malloc, free, insert, remove, clear, refresh, flush, checkIndex };
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
