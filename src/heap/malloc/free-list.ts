// Free lists: the links lie in the freed memory itself, one head for each size. The example that a forum's answer drew, made whole.
//
//   head[ 8 bytes]  -> end
//   head[16]        -> block -> block -> end          freed blocks of one power of two, last in first out: nobody looks along a chain
//   head[32]        -> end
//   ...
//   head[4096]      -> block -> end
//   tail            everything from here on: the top of boundary-tags.ts
//
// A request is rounded up to a power of two; the head of that size gives the first block, or the tail does. A freed block
// becomes its head's first. That is all, and all that a first kernel needs. As drawn it has a flaw: a block of 16 bytes stays one for ever,
// and what was freed in one size cannot be given in another. So here, when the tail would move on while freed blocks are an eighth of
// what lies below it, they melt with their neighbours (they have boundary tags for it) into pieces, in lists of their own by the power of
// two that surely fits in them; requests are cut from these, too. Blocks of more than 4 KiB are not rounded, and melt at once.
//
// Invariants, beside those of boundary-tags.ts:
//   FL1  a head's chain leads over waiting blocks of its size or larger, below twice the size; their words are counted
//   FL2  the circle of a list of pieces leads over free blocks of its sizes, and its bit in PIECES is set exactly if there are any
//
// In a hardened heap all links in free memory are mixed with the heap's key (HD7 in hardened.ts), and followed only if what they lead to
// is free, and, in circles, leads back; otherwise that head's list is given up. A plain heap's key is 0.
//
// Cost: malloc and free O(1), a few loads, but for the melting: O(freed blocks), after an eighth of the heap was freed. Rounding
// wastes up to half of a block, a quarter on average: the price of one chain for each power of two.
// Source: bzt's answer of 2021 on forum.osdev.org; powers of two: Kingsley's malloc of 4.2BSD.
// The non-null `!` on words: indices come from tags, links and heads; detached words read as undefined, which bit operations take for 0.

import { type AllocatorDesign, type AllocatorOptions, expectHeap, type HeapAllocator, linkDamage } from './allocator.ts';
import {
  MAX_REQUEST,
  PREV_USED,
  reach,
  type TaggedDesign,
  taggedAllocator,
  taggedOwnBytes,
  taggedRange,
  USED,
  WAITING,
  wordsFor,
  wordsOf,
} from './boundary-tags.ts';
import { HeapHeader } from './heap-header.ts';
import type { HeapMemory } from './heap-memory.ts';

/** log2 of the words of the largest payload that is rounded: 4 KiB. */
const MAX_LOG = 10;
/** Before the tail moves on, all freed blocks melt if they are this part of what lies below it. */
const PATIENCE_SHIFT = 3;

/** How many pieces are tried that may be too short, for a block that is not rounded. */
const DEPTH = 8;

const PIECES = 1;
const WAITS = 2;
const HEAD = 3;
const PIECE = HEAD + MAX_LOG + 1;
const LISTS = 30;
const STATE_WORDS = PIECE + 2 * LISTS;

function open(memory: HeapMemory, options: AllocatorOptions): HeapAllocator {
  const range = taggedRange(memory, options, STATE_WORDS);
  const { topAt, first } = range;
  const { alignment } = options;
  const misaligned = alignment - 1;
  /** Blocks have multiples of so many words. */
  const unit = alignment >>> 2;
  const piecesAt = topAt + PIECES;
  /** How many words wait. */
  const waitsAt = topAt + WAITS;
  const heads = topAt + HEAD;
  /** The word that would be the tag of the head of pieces of 1 word. */
  const lists = topAt + PIECE - 1;
  const peakAt = (memory.start >>> 2) + HeapHeader.PEAK;
  const key = memory.words[(memory.start >>> 2) + HeapHeader.KEY]!;
  let words = memory.words;
  let end = memory.end >>> 2;

  function refresh(): void {
    memory.refresh();
    words = memory.words;
    end = memory.end >>> 2;
  }

  /** Returns the list of a block of `n` words: log2 of the words that surely fit behind its tag. */
  const listOf = (n: number): number => 31 - Math.clz32(n - 1);

  function insert(block: number, n: number): void {
    const w = words;
    w[block] = (n << 2) | PREV_USED;
    w[block + n - 1] = n;
    const list = listOf(n);
    const head = lists + (list << 1);
    const next = w[head + 1]! ^ key;
    w[block + 1] = next ^ key;
    w[block + 2] = head ^ key;
    w[head + 1] = block ^ key;
    w[next + 2] = block ^ key;
    w[piecesAt] = w[piecesAt]! | (1 << list);
  }

  function remove(block: number, n: number): void {
    const w = words;
    if (key !== 0) expectPiece(block, n);
    const next = w[block + 1]! ^ key;
    const previous = w[block + 2]! ^ key;
    w[previous + 1] = next ^ key;
    w[next + 2] = previous ^ key;
    if (next === previous && next < first) w[piecesAt] = w[piecesAt]! & ~(1 << listOf(n));
  }

  /** Throws HeapDamage unless the neighbours in a free block's circle lead back to it; then its circle is given up. */
  function expectPiece(block: number, n: number): void {
    const next = words[block + 1]! ^ key;
    const previous = words[block + 2]! ^ key;
    if (mayBeLinked(next) && mayBeLinked(previous) && (words[next + 2]! ^ key) === block && (words[previous + 1]! ^ key) === block) return;
    const list = listOf(n);
    const head = lists + (list << 1);
    words[head + 1] = head ^ key;
    words[head + 2] = head ^ key;
    words[piecesAt] = words[piecesAt]! & ~(1 << list);
    throw linkDamage(4 * block + 4);
  }

  /** Tells whether a word's index, whatever it is, may be that of a free block or a head. */
  const mayBeLinked = (block: number): boolean => block >= lists && block < words[topAt]!;

  /** Returns the block that waits behind another, 0 behind the last. Throws HeapDamage if a hardened heap's link leads to none. */
  function nextWaiting(block: number, log: number): number {
    const next = words[block + 1]! ^ key;
    if (key === 0 || next === 0 || isWaiting(next, log)) return next;
    words[heads + log] = 0;
    throw linkDamage(4 * block + 4);
  }

  /** Tells whether a word's index, whatever it is, is that of a block that waits in a head's chain. */
  function isWaiting(block: number, log: number): boolean {
    if (block < first || block >= words[topAt]!) return false;
    const tag = words[block]!;
    return (tag & (USED | WAITING)) === (USED | WAITING) && listOf(wordsOf(tag)) === log;
  }

  function malloc(bytes: number): number {
    if (bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    // log2 of the words, rounded up; the least block has two words beside the tag's.
    const log = bytes <= 8 ? 1 : 32 - Math.clz32((bytes - 1) >>> 2);
    if (log > MAX_LOG) return cut(log, wordsFor(bytes, alignment));
    const w = words;
    const block = w[heads + log]!;
    if (block > 0) {
      w[heads + log] = key === 0 ? w[block + 1]! : nextWaiting(block, log);
      const tag = w[block]! ^ WAITING;
      w[block] = tag;
      w[waitsAt] = w[waitsAt]! - wordsOf(tag);
      return 4 * block + 4;
    }
    return cut(log, ((1 << log) + unit) & -unit);
  }

  /** Cuts n words from a piece that surely has 2^log, or from the tail. */
  function cut(log: number, n: number): number {
    const w = words;
    const found = w[piecesAt]! & (-1 << log);
    let block = log > MAX_LOG ? search(log - 1, n) : 0;
    if (block === 0) {
      if (found === 0) return fromTail(log, n);
      block = w[lists + ((31 - Math.clz32(found & -found)) << 1) + 1]! ^ key;
    }
    const size = wordsOf(w[block]!);
    remove(block, size);
    if (size - n < 4) {
      w[block] = (size << 2) | PREV_USED | USED;
      w[block + size] = w[block + size]! | PREV_USED;
    } else {
      w[block] = (n << 2) | PREV_USED | USED;
      insert(block + n, size - n);
    }
    return 4 * block + 4;
  }

  /** Returns a piece of at least n words among the first of a list whose pieces may be shorter, or 0. */
  function search(list: number, n: number): number {
    const w = words;
    let block = w[lists + (list << 1) + 1]! ^ key;
    // Pieces lie above the heads, and of detached words nothing is seen.
    for (let left = DEPTH; left > 0 && block >= first; left--, block = w[block + 1]! ^ key) if (wordsOf(w[block]!) >= n) return block;
    return 0;
  }

  function fromTail(log: number, n: number): number {
    if (words.length === 0) {
      refresh();
      return cut(log, n);
    }
    const block = words[topAt]!;
    const waits = words[waitsAt]!;
    if (waits !== 0 && (block + n > end || waits > (block - first) >>> PATIENCE_SHIFT)) {
      flush();
      return cut(log, n);
    }
    if (block + n > end) {
      const reached = reach(memory, block, n);
      refresh();
      if (!reached) return 0;
    }
    words[topAt] = block + n;
    words[block] = (n << 2) | PREV_USED | USED;
    return 4 * block + 4;
  }

  /** Melts everything that waits. */
  function flush(): void {
    const w = words;
    for (let log = 1; log <= MAX_LOG; log++) {
      let block = w[heads + log]!;
      w[heads + log] = 0;
      while (block !== 0) {
        const next = nextWaiting(block, log);
        const tag = w[block]! ^ WAITING;
        w[block] = tag;
        melt(block, tag);
        block = next;
      }
    }
    w[waitsAt] = 0;
  }

  function free(address: number): boolean {
    const w = words;
    const block = (address >>> 2) - 1;
    const tag = w[block]!;
    if (
      4 * block + 4 !== address ||
      (address & misaligned) !== 0 ||
      block < first ||
      !(block < w[topAt]!) ||
      (tag & (USED | WAITING)) !== USED
    )
      return refuse(address);
    const n = wordsOf(tag);
    const log = listOf(n);
    if (log > MAX_LOG) {
      melt(block, tag);
      return true;
    }
    w[block] = tag | WAITING;
    w[block + 1] = w[heads + log]! ^ key;
    w[heads + log] = block;
    w[waitsAt] = w[waitsAt]! + n;
    return true;
  }

  /** Makes a used block free: one with its free neighbours, or with the tail. */
  function melt(from: number, tag: number): void {
    const w = words;
    let block = from;
    let n = wordsOf(tag);
    const next = block + n;
    if ((tag & PREV_USED) === 0) {
      const before = w[block - 1]!;
      block -= before;
      n += before;
      remove(block, before);
    }
    const top = w[topAt]!;
    if (next >= top) {
      if (4 * top > w[peakAt]! >>> 0) w[peakAt] = 4 * top;
      w[topAt] = block;
      return;
    }
    const nextTag = w[next]!;
    if ((nextTag & USED) === 0) {
      n += wordsOf(nextTag);
      remove(next, wordsOf(nextTag));
    } else w[next] = nextTag & ~PREV_USED;
    insert(block, n);
  }

  /** An address that is none of a block; or 0, which is freed for nothing; or the memory has grown by another's hand. */
  function refuse(address: number): boolean {
    if (words.length !== 0) return address === 0;
    refresh();
    return free(address);
  }

  function clear(): void {
    words.fill(0, piecesAt, lists + 1);
    for (let list = 0; list < LISTS; list++) {
      const head = lists + (list << 1);
      words[head + 1] = head ^ key;
      words[head + 2] = head ^ key;
    }
  }

  function checkIndex(free: ReadonlyMap<number, number>, waiting: ReadonlyMap<number, number>): void {
    let waits = 0;
    for (let log = 0; log <= MAX_LOG; log++) {
      for (let block = words[heads + log]!; block !== 0; block = words[block + 1]! ^ key) {
        const n = waiting.get(block);
        expectHeap(n !== undefined && listOf(n) === log, 'FL1', 4 * block, `no waiting block of 2^${log} words`);
        const next = words[block + 1]! ^ key;
        if (key !== 0 && next !== 0 && !isWaiting(next, log)) throw linkDamage(4 * block + 4);
        expectHeap(++waits <= waiting.size, 'FL1', 4 * block, 'a chain without an end');
      }
    }
    let waitingWords = 0;
    for (const n of waiting.values()) waitingWords += n;
    expectHeap(words[waitsAt] === waitingWords, 'FL1', 4 * waitsAt, `${waitingWords} words wait, counted ${words[waitsAt]}`);
    expectHeap(waits === waiting.size, 'BT5', 4 * first, `${waiting.size} blocks wait, ${waits} in chains`);
    let pieces = 0;
    for (let list = 0; list < LISTS; list++) pieces += checkPieces(list, free);
    expectHeap(pieces === free.size, 'BT5', 4 * first, `${free.size} free blocks, ${pieces} in lists`);
  }

  /** Returns the blocks of one list of pieces. */
  function checkPieces(list: number, free: ReadonlyMap<number, number>): number {
    let seen = 0;
    const head = lists + (list << 1);
    for (let at = head, next = words[at + 1]! ^ key; next !== head; at = next, next = words[at + 1]! ^ key) {
      const n = free.get(next);
      expectHeap(n !== undefined && listOf(n) === list, 'FL2', 4 * next, `no free block of list ${list}`);
      if (key !== 0 && !mayBeLinked(words[next + 1]! ^ key)) throw linkDamage(4 * next + 4);
      expectHeap((words[next + 2]! ^ key) === at, 'FL2', 4 * next, `its previous is ${words[next + 2]! ^ key}, not ${at}`);
      expectHeap(++seen <= free.size, 'FL2', 4 * next, 'a circle that does not close');
    }
    expectHeap(((words[piecesAt]! >>> list) & 1) === (seen === 0 ? 0 : 1), 'FL2', 4 * piecesAt, `the bit of list ${list}`);
    return seen;
  }

  const design: TaggedDesign = { malloc, free, insert, remove, clear, refresh, flush, checkIndex };
  return taggedAllocator(memory, options, range, design);
}

/** Free lists. See the header of this file. */
export const freeList: AllocatorDesign = {
  name: 'free-list',
  about: "links in the freed memory, a head for each power of two: bzt's example, made whole",
  ownBytes: (options) => taggedOwnBytes(options, STATE_WORDS),
  format(memory, options) {
    const { topAt, first } = taggedRange(memory, options, STATE_WORDS);
    memory.words[topAt] = first;
    open(memory, options).reset();
  },
  open,
};
