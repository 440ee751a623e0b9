// Boundary tags: blocks that know their neighbours, so that free memory grows together again at once. And all that a design over them
// does the same way, whatever index it keeps of its free blocks.
//
//   word      b                   b + 1 ...                                       b + n
//             | n | PREV_USED | 1 | the owner's bytes ...                       | next block's tag ...      a used block of n words
//             | n | 1         | 0 | next | previous | ...                   | n | next block's tag ...      a free block of n words
//             '---- the tag ----'  '- the index's -'                  footer '
//
//   own words | b0: used | free | used | used | free | used | top ................ | end
//
// A block is named by the index of its tag in `words`; its address is that of the word behind. Sizes count words, tag included. The tag
// holds n in bytes, whose low bits are free for USED and PREV_USED. Only a free block needs a footer, since nobody looks for one behind
// a used block: so a block costs its owner 4 bytes. What lies behind the last used block belongs to no block: it is the top, from
// which blocks are cut when the index has none, and into which a free block that touches it melts. Top is one word of the state.
//
// A design may let a block that was freed wait, unmelted, for the next request of its size: it keeps USED, so that its neighbours leave it
// alone, and gets WAITING.
//
// Invariants (quoted by `check`):
//   BT1  from b0 the tags lead from block to block exactly to top; each n is a multiple of the alignment, at least 4 words
//   BT2  PREV_USED of a tag tells whether the block before is used; b0 has it set
//   BT3  no two free blocks touch, and none touches top
//   BT4  a free block's last word is n
//   BT5  the index holds exactly the free blocks, each once, and the design's waiting lists exactly the waiting ones (told by the design)
//   BT6  b0 <= top <= end; words at and above top are nobody's
//
// Cost: free looks at both neighbours and no further. 4 bytes per block and the rounding to 8 (or 16).
// Source: Knuth, The Art of Computer Programming 1, 2.5, algorithm C; the footer inside the free block only: Standish 1980; the top:
// Lea, "A Memory Allocator", 1996.
// The `as number` on array reads: an index beyond the words, or words that were detached, read as undefined, which bit operations take for 0.

import { type AllocatorOptions, BlockUse, type BlockVisitor, expectHeap, type HeapAllocator } from './allocator.ts';
import { HeapHeader } from './heap-header.ts';
import type { HeapMemory } from './heap-memory.ts';

/** Bit of a tag: this block is given. */
export const USED = 1;
/** Bit of a tag: the block before is given, and has no footer. */
export const PREV_USED = 2;
/** Bit of a tag, beside USED: the block is free, but not yet melted with its neighbours. */
export const WAITING = 4;
/** Words of the smallest block: a tag, two links, a footer. */
export const MIN_WORDS = 4;
/** No request above it can succeed: addresses end 64 KiB before 4 GiB, and the sum with the overhead must not wrap. */
export const MAX_REQUEST = 2 ** 32 - 65_536;

/** Bytes by which a heap grows at least, if it may: a page of wasm. */
const GROWTH_BYTES = 65_536;

/** Returns the words of the block that a tag describes. */
export function wordsOf(tag: number): number {
  return (tag >>> 3) << 1;
}

/** Returns the words of a block for `bytes` bytes, an integer in [0, MAX_REQUEST]. */
export function wordsFor(bytes: number, alignment: number): number {
  const words = ((bytes + 3 + alignment) & -alignment) >>> 2;
  return Math.max(words, MIN_WORDS);
}

/** Where the blocks of one heap lie. */
export interface TaggedRange {
  /** Index of the word that holds top. */
  readonly topAt: number;
  /** b0. */
  readonly first: number;
}

/** Returns the place of the blocks, for a design that keeps `stateWords` words of its own behind the header, top the first of them. */
export function taggedRange(memory: HeapMemory, options: AllocatorOptions, stateWords: number): TaggedRange {
  const topAt = (memory.start + HeapHeader.BYTES) >>> 2;
  const unit = options.alignment >>> 2;
  return { topAt, first: Math.ceil((topAt + stateWords + 1) / unit) * unit - 1 };
}

/** Returns the bytes that `stateWords` words and the rounding up to b0 take behind the header. */
export function taggedOwnBytes(options: AllocatorOptions, stateWords: number): number {
  return Math.ceil((4 * stateWords + 4) / options.alignment) * options.alignment;
}

/** What a design does its own way: how it finds, keeps and forgets free blocks. Its `malloc` and `free` are its own because they are hot. */
export interface TaggedDesign {
  malloc(bytes: number): number;
  free(address: number): boolean;
  /** Makes the n words at `block` a free block in the index. Its neighbours are used; their tags are the caller's affair. */
  insert(block: number, n: number): void;
  /** Takes a free block out of the index. Its tag is the caller's affair. */
  remove(block: number, n: number): void;
  /** Forgets the whole index. */
  clear(): void;
  /** Reads `memory.words` anew. */
  refresh(): void;
  /** Melts every waiting block. Only of designs that let blocks wait. */
  flush?(): void;
  /** Melts one waiting block, and others if that is easier. Only of designs that let blocks wait. */
  meltWaiting?(block: number): void;
  /** Throws HeapDamage unless the index holds exactly `free`, and what waits is exactly `waiting`: the words of each block, by block. */
  checkIndex(free: ReadonlyMap<number, number>, waiting: ReadonlyMap<number, number>): void;
}

/** Makes the memory reach `block + n` words, or returns false. Whoever calls it reads `memory.words` anew. */
export function reach(memory: HeapMemory, block: number, n: number): boolean {
  memory.refresh();
  const missing = 4 * (block + n) - memory.end;
  if (missing <= 0) return true;
  return (missing < GROWTH_BYTES && memory.grow(GROWTH_BYTES)) || memory.grow(missing);
}

/**
 * Returns a function for hot operations to read the words with: of memory that cannot grow it returns a constant, whose place and length
 * V8 puts into the code of whoever inlines it; else it is `current`.
 */
export function wordsReader(memory: HeapMemory, current: () => Int32Array): () => Int32Array {
  const { words } = memory;
  return memory.isFixed ? () => words : current;
}

/** Returns the operations of an allocator: the design's own malloc and free, and the rest as all designs over boundary tags do it. */
export function taggedAllocator(memory: HeapMemory, options: AllocatorOptions, range: TaggedRange, design: TaggedDesign): HeapAllocator {
  const { topAt, first } = range;
  const { alignment } = options;
  const misaligned = alignment - 1;
  const { malloc, free, insert, remove } = design;
  let words = memory.words;

  function refresh(): void {
    memory.refresh();
    words = memory.words;
    design.refresh();
  }

  /** The block of a live address; -1 if the address is visibly none. */
  function live(address: number): number {
    if (words.length === 0 || words !== memory.words) refresh();
    const block = (address >>> 2) - 1;
    if ((block + 1) * 4 !== address || (address & misaligned) !== 0) return -1;
    if (block < first || block >= (words[topAt] as number)) return -1;
    return ((words[block] as number) & (USED | WAITING)) === USED ? block : -1;
  }

  /** Gives the words at `from` up to `to`, both inside or at the end of a used block, to the index, the next block or top. */
  function release(from: number, to: number): void {
    const top = words[topAt] as number;
    if (to === top) {
      lowerTop(words, memory, topAt, from);
      return;
    }
    let end = to;
    const tag = words[to] as number;
    if ((tag & USED) === 0) {
      end += wordsOf(tag);
      remove(to, end - to);
    } else words[to] = tag & ~PREV_USED;
    insert(from, end - from);
  }

  /** Tries to make `block` `n` words long where it is, or further down in the free block before it. Returns its place, or -1. */
  function resize(block: number, old: number, n: number): number {
    const tag = words[block] as number;
    const top = words[topAt] as number;
    const next = block + old;
    if (next === top && growIntoTop(block, n)) return block;
    const nextTag = next === top ? USED : (words[next] as number);
    const behind = (nextTag & USED) === 0 ? wordsOf(nextTag) : 0;
    if (old + behind >= n) {
      remove(next, behind);
      settle(block, old + behind, n, tag & PREV_USED);
      return block;
    }
    if ((tag & PREV_USED) !== 0) return -1;
    const before = words[block - 1] as number;
    if (before + old + behind < n) return -1;
    const start = block - before;
    if (behind > 0) remove(next, behind);
    remove(start, before);
    words.copyWithin(start + 1, block + 1, block + old);
    settle(start, before + old + behind, n, PREV_USED);
    return start;
  }

  function growIntoTop(block: number, n: number): boolean {
    if (4 * (block + n) > memory.end) {
      const reached = reach(memory, block, n);
      refresh();
      if (!reached) return false;
    }
    words[topAt] = block + n;
    words[block] = (n << 2) | ((words[block] as number) & PREV_USED) | USED;
    return true;
  }

  /** Makes a used block of `n` words at `block`, out of `whole` words that are nobody's; the rest is released. */
  function settle(block: number, whole: number, n: number, prevUsed: number): void {
    const rest = whole - n >= MIN_WORDS ? whole - n : 0;
    const kept = whole - rest;
    words[block] = (kept << 2) | prevUsed | USED;
    const next = block + whole;
    if (rest === 0) {
      if (next !== words[topAt]) words[next] = (words[next] as number) | PREV_USED;
      return;
    }
    release(block + kept, next);
  }

  function realloc(address: number, bytes: number): number {
    if (address === 0) return malloc(bytes);
    const block = live(address);
    if (block < 0 || bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    const n = wordsFor(bytes, alignment);
    const old = wordsOf(words[block] as number);
    if (n <= old) {
      if (old - n >= MIN_WORDS) settle(block, old, n, (words[block] as number) & PREV_USED);
      return address;
    }
    let place = resize(block, old, n);
    if (place < 0 && ((words[block + old] as number) & WAITING) !== 0) {
      design.meltWaiting?.(block + old);
      place = resize(block, old, n);
    }
    if (place >= 0) return 4 * place + 4;
    const moved = malloc(bytes);
    if (moved === 0) return 0;
    words = memory.words;
    words.copyWithin(moved >>> 2, block + 1, block + old);
    free(address);
    return moved;
  }

  function memalign(power: number, bytes: number): number {
    if (power >>> 0 !== power || power === 0 || (power & (power - 1)) !== 0) return 0;
    if (power <= alignment) return malloc(bytes);
    if (bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    const n = wordsFor(bytes, alignment);
    // Room for the block behind a free block, wherever the aligned address falls.
    const address = malloc(4 * n + power + 4 * MIN_WORDS);
    if (address === 0) return 0;
    words = memory.words;
    const block = (address >>> 2) - 1;
    let aligned = address % power === 0 ? address : address + power - (address % power);
    if (aligned !== address && aligned - address < 4 * MIN_WORDS) aligned += power;
    const place = aligned / 4 - 1;
    const whole = wordsOf(words[block] as number);
    const prevUsed = (words[block] as number) & PREV_USED;
    if (place === block) {
      settle(block, whole, n, prevUsed);
      return address;
    }
    settle(place, whole - (place - block), n, 0);
    // A block that has waited may lie behind a free one.
    const before = prevUsed === 0 ? (words[block - 1] as number) : 0;
    if (before > 0) remove(block - before, before);
    insert(block - before, before + place - block);
    return aligned;
  }

  function usableSize(address: number): number {
    const block = live(address);
    return block < 0 ? 0 : 4 * wordsOf(words[block] as number) - 4;
  }

  function walk(visit: BlockVisitor): void {
    refresh();
    const state = 4 * first - memory.start;
    visit(memory.start, state, BlockUse.own);
    const top = words[topAt] as number;
    for (let block = first; block < top; ) {
      const tag = words[block] as number;
      const n = wordsOf(tag);
      visit(4 * block + 4, 4 * n - 4, (tag & (USED | WAITING)) === USED ? BlockUse.used : BlockUse.free);
      if (n === 0) return;
      block += n;
    }
  }

  function check(): void {
    refresh();
    const top = words[topAt] as number;
    expectHeap(top >= first && 4 * top <= memory.end, 'BT6', 4 * topAt, `top is ${4 * top}, the memory ends at ${memory.end}`);
    const free = new Map<number, number>();
    const waiting = new Map<number, number>();
    let prevUsed = true;
    for (let block = first; block < top; ) {
      const tag = words[block] as number;
      const n = wordsOf(tag);
      const used = (tag & USED) !== 0;
      expectHeap(n >= MIN_WORDS && (4 * n) % alignment === 0 && block + n <= top, 'BT1', 4 * block, `a block of ${4 * n} bytes`);
      expectHeap(((tag & PREV_USED) !== 0) === prevUsed, 'BT2', 4 * block, `the tag says otherwise of the block before`);
      expectHeap(used || prevUsed, 'BT3', 4 * block, 'two free blocks touch');
      if (!used) {
        expectHeap(words[block + n - 1] === n, 'BT4', 4 * block, `${n} words, but ${words[block + n - 1]} in its last`);
        free.set(block, n);
      } else if ((tag & WAITING) !== 0) waiting.set(block, n);
      prevUsed = used;
      block += n;
    }
    expectHeap(prevUsed, 'BT3', 4 * top, 'a free block touches top');
    design.checkIndex(free, waiting);
  }

  return {
    malloc,
    free,
    realloc,
    memalign,
    usableSize,
    walk,
    check,
    reset() {
      refresh();
      lowerTop(words, memory, topAt, first);
      design.clear();
    },
    top() {
      if (words.length === 0) refresh();
      // What waits below top may be all that holds it up.
      design.flush?.();
      return 4 * (words[topAt] as number);
    },
    refresh,
  };
}

/** Moves top down. The peak is noted here, before it is forgotten, and not at each rise: falls are rarer. */
export function lowerTop(words: Int32Array, memory: HeapMemory, topAt: number, top: number): void {
  const peakAt = (memory.start >>> 2) + HeapHeader.PEAK;
  const highest = 4 * (words[topAt] as number);
  if (highest > (words[peakAt] as number) >>> 0) words[peakAt] = highest;
  words[topAt] = top;
}
