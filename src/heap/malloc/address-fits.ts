// First fit, next fit, worst fit over boundary tags (boundary-tags.ts), each exactly, without the walk along a list that they are known for:
// the free blocks are a Cartesian tree, ordered by address from left to right and by size from the root down.
//
//   root        [ 40 bytes at 4800 ]           size falls downwards; equal sizes: a hash of the address decides
//               /                  \
//     [ 32 at 1200 ]         [ 24 at 9600 ]    addresses rise from left to right
//       /                        \
//   [ 16 at 800 ]            [ 24 at 9808 ]
//
//   first fit   go left as long as the left child is large enough
//   next fit    the same, but to the right of where the last search ended; none there: first fit
//   worst fit   the root
//
//   state   | top | root | rover | held | fresh | older |   a free block   | tag | left | right | ... | n |
//
// Some free blocks are held out of the tree, for which it is cheapest to be given at once or to grow: one for first fit, freed with no free
// neighbour; three for next fit, what is left of the block that it cuts and two such freed ones. The fits are looked for as if all were in the
// tree.
//
// Top is taken when nothing in the tree fits, also by worst fit, whose largest block it would else always be.
//
// Invariants, beside those of boundary-tags.ts:
//   CT1  left of a node lie lower addresses, right of it higher ones
//   CT2  a child is smaller than its parent, or as large with a smaller hash; so the same blocks always make the same tree
//   CT3  a block that is held is a free block, held once and not in the tree
//
// Cost: one way down from the root to free a block, whichever of its neighbours melt into it; one to find a block, two for next fit where nothing fits
// behind the rover, none for worst fit; and what is left of a block stays in its place, unless a child is larger. A way down is about 2 log2 of the free blocks
// if addresses and sizes have nothing to do with each other. Equal sizes alone would be a tree as deep as their order of freeing makes it;
// hence the hash (a treap among equals).
// Source: Stephenson 1983, "Fast Fits"; Vuillemin 1980 (Cartesian trees); Seidel and Aragon 1996 (treaps); Knuth 1, 2.5, for the fits.

import { type AllocatorDesign, type AllocatorOptions, expectHeap, type HeapAllocator } from './allocator.ts';
import {
  MIN_WORDS as LEAST_WORDS,
  lowerTop,
  MAX_REQUEST,
  PREV_USED as PREV_USED_BIT,
  reach,
  taggedAllocator,
  taggedOwnBytes,
  taggedRange,
  USED as USED_BIT,
  wordsFor,
  wordsOf as wordsOfTag,
  wordsReader,
} from './boundary-tags.ts';
import type { HeapMemory } from './heap-memory.ts';

// A module's own constants are part of the compiled code; imported ones V8 would read from memory each time.
const MIN_WORDS = LEAST_WORDS;
const PREV_USED = PREV_USED_BIT;
const USED = USED_BIT;
const wordsOf = wordsOfTag;

const ROOT = 1;
const ROVER = 2;
/** The three words for what is held: what is left of a block, or first fit's; and of next fit what was freed last and before. */
const HELD = 3;
const FRESH = 4;
const OLDER = 5;
const STATE_WORDS = 6;

/** Which of the blocks that fit is taken. */
type Fit = 'first' | 'next' | 'worst';

/** Mixes an address; the constant is 2^32 / golden ratio. */
function hash(block: number): number {
  return Math.imul(block, 0x9e37_79b1);
}

function open(memory: HeapMemory, options: AllocatorOptions, fit: Fit): HeapAllocator {
  const range = taggedRange(memory, options, STATE_WORDS);
  const { topAt, first } = range;
  const { alignment } = options;
  const misaligned = alignment - 1;
  const rootAt = topAt + ROOT;
  const roverAt = topAt + ROVER;
  const heldAt = topAt + HELD;
  const freshAt = topAt + FRESH;
  const olderAt = topAt + OLDER;
  /** The last word for what is held: first fit holds one block, next fit three, worst fit none. */
  const lastAt = fit === 'next' ? olderAt : heldAt;
  let words = memory.words;
  const view = wordsReader(memory, () => words);

  function refresh(): void {
    memory.refresh();
    words = memory.words;
  }

  /** Whether block `a` belongs nearer to the root than block `b`. */
  function above(a: number, b: number): boolean {
    const w = view();
    const sizeA = wordsOf(w[a] as number);
    const sizeB = wordsOf(w[b] as number);
    return sizeA === sizeB ? hash(a) > hash(b) : sizeA > sizeB;
  }

  function insert(block: number, n: number): void {
    put(block, n, 0, 0);
  }

  /**
   * Makes the n words at `block` a node, on one way down from the root. Its neighbours in address order that melt into it, 0 if
   * they do not, leave the tree on this way: `previous`, which is `block` itself, and `next`.
   */
  function put(block: number, n: number, previous: number, next: number): void {
    const w = view();
    // Children, if `block` has been a node.
    const before = w[block + 1] as number;
    const behind = w[block + 2] as number;
    w[block] = (n << 2) | PREV_USED;
    w[block + n - 1] = n;
    let link = rootAt;
    let node = w[link] as number;
    while (node !== 0 && node !== previous && node !== next) {
      // As `above`, of a block whose size is known. A free block's tag has PREV_USED alone beside its size.
      const size = (w[node] as number) >>> 2;
      if (size < n || (size === n && hash(node) <= hash(block))) break;
      link = node < block ? node + 2 : node + 1;
      node = w[link] as number;
    }
    w[link] = block;
    // What was here goes below, lower addresses to the left, higher ones to the right.
    let left = block + 1;
    let right = block + 2;
    while (node !== 0 && node !== previous && node !== next) {
      if (node < block) {
        w[left] = node;
        left = node + 2;
        node = w[left] as number;
      } else {
        w[right] = node;
        right = node + 1;
        node = w[right] as number;
      }
    }
    if (node === 0) {
      w[left] = 0;
      w[right] = 0;
    } else if (node === previous) {
      w[left] = before;
      w[right] = behind;
      if (next !== 0) cut(right, next, w[next + 2] as number, 1);
    } else {
      w[left] = w[next + 1] as number;
      w[right] = w[next + 2] as number;
      if (previous !== 0) cut(left, block, before, 2);
    }
    if (fit === 'next') keepRover(block, n);
  }

  /** A rover in the midst of a free block goes to its beginning. */
  function keepRover(block: number, n: number): void {
    const w = view();
    const rover = w[roverAt] as number;
    if (rover > block && rover < block + n) w[roverAt] = block;
  }

  /** Takes out the block that lies as far as can be to one side below the word at `from`, side 1 or 2 words behind its tag. */
  function cut(from: number, block: number, subtree: number, side: 1 | 2): void {
    const w = view();
    let link = from;
    for (let node = w[link] as number; node !== block && node !== 0; node = w[link] as number) link = node + side;
    w[link] = subtree;
  }

  function remove(block: number): void {
    const w = view();
    for (let at = heldAt; at <= lastAt; at++) {
      if (w[at] === block) {
        w[at] = 0;
        return;
      }
    }
    let link = rootAt;
    for (let node = w[link] as number; node !== block && node !== 0; node = w[link] as number) link = node < block ? node + 2 : node + 1;
    removeAt(link, block);
  }

  /** Takes the block out to which the word at `from` leads: its subtrees become one. */
  function removeAt(from: number, block: number): void {
    const w = view();
    let link = from;
    let left = w[block + 1] as number;
    let right = w[block + 2] as number;
    while (left !== 0 && right !== 0) {
      if (above(left, right)) {
        w[link] = left;
        link = left + 2;
        left = w[link] as number;
      } else {
        w[link] = right;
        link = right + 1;
        right = w[link] as number;
      }
    }
    w[link] = left === 0 ? right : left;
  }

  /** Hangs a block where the word at `from` leads, over the two subtrees, or as far below as larger blocks of them have to be above it. */
  function sink(from: number, block: number, lower: number, higher: number): void {
    const w = view();
    let link = from;
    let left = lower;
    let right = higher;
    const tag = w[block] as number;
    // Most often it stays where it is. Tags of free blocks compare as their sizes do.
    while ((left !== 0 && (w[left] as number) >= tag) || (right !== 0 && (w[right] as number) >= tag)) {
      const child = left === 0 || (right !== 0 && above(right, left)) ? right : left;
      if (above(block, child)) break;
      w[link] = child;
      if (child === left) {
        link = child + 2;
        left = w[link] as number;
      } else {
        link = child + 1;
        right = w[link] as number;
      }
    }
    w[link] = block;
    w[block + 1] = left;
    w[block + 2] = right;
  }

  /** The word that leads to the block of at least `n` words with the lowest address that is at least `from`; 0 if there is none. */
  function lowest(n: number, from: number): number {
    const w = view();
    let found = 0;
    let link = rootAt;
    let node = w[link] as number;
    // `> 0`: of detached words it sees nothing.
    while (node > 0 && (w[node] as number) >>> 2 >= n) {
      if (node < from) link = node + 2;
      else {
        found = link;
        link = node + 1;
      }
      node = w[link] as number;
    }
    return found;
  }

  /** As `lowest`, from the first byte on. */
  function lowestOfAll(n: number): number {
    const w = view();
    let found = 0;
    let link = rootAt;
    let node = w[link] as number;
    while (node > 0 && (w[node] as number) >>> 2 >= n) {
      found = link;
      link = node + 1;
      node = w[link] as number;
    }
    return found;
  }

  /** The word that leads to the block that the fit takes for `n` words, in the tree or held; 0 if there is none. */
  function find(n: number): number {
    const w = view();
    if (fit === 'first') {
      const held = w[heldAt] as number;
      const link = lowestOfAll(n);
      return held > 0 && (w[held] as number) >>> 2 >= n && (link === 0 || held < (w[link] as number)) ? heldAt : link;
    }
    if (fit === 'next') {
      const rover = w[roverAt] as number;
      if (rover > 0 && w[heldAt] === rover && (w[rover] as number) >>> 2 >= n) return heldAt;
      return lower(n, rover, lowest(n, rover)) || lower(n, 0, lowestOfAll(n));
    }
    const root = w[rootAt] as number;
    return root > 0 && (w[root] as number) >>> 2 >= n ? rootAt : 0;
  }

  /** Of what is held, and the block to which the word at `link`, if not 0, leads: the word for the lowest of `n` words from `from` on. */
  function lower(n: number, from: number, link: number): number {
    return lowerOf(n, from, lowerOf(n, from, lowerOf(n, from, link, heldAt), freshAt), olderAt);
  }

  /** The one of two words that leads to the lower block; `link` may be 0, and what the word at `at` holds, if anything, too low or too small. */
  function lowerOf(n: number, from: number, link: number, at: number): number {
    const w = view();
    const block = w[at] as number;
    return block > 0 && block >= from && (link === 0 || block < (w[link] as number)) && (w[block] as number) >>> 2 >= n ? at : link;
  }

  function malloc(bytes: number): number {
    const w = view();
    if (bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    const n = wordsFor(bytes, alignment);
    const link = find(n);
    if (link === 0) return fromTop(n);
    const block = w[link] as number;
    const size = (w[block] as number) >>> 2;
    if (size - n < MIN_WORDS) {
      if (isHeld(link)) w[link] = 0;
      else removeAt(link, block);
      w[block] = (size << 2) | PREV_USED | USED;
      w[block + size] = (w[block + size] as number) | PREV_USED;
      w[roverAt] = block + size;
      return 4 * block + 4;
    }
    const rest = block + n;
    const left = w[block + 1] as number;
    const right = w[block + 2] as number;
    w[block] = (n << 2) | PREV_USED | USED;
    w[roverAt] = rest;
    describe(rest, size - n);
    if (link === heldAt) w[heldAt] = rest;
    else if (fit !== 'next') sink(link, rest, left, right);
    else exchange(link, block, rest);
    return 4 * block + 4;
  }

  /** Whether the word at `link` leads to a block that is held. */
  function isHeld(link: number): boolean {
    return link >= heldAt && link <= lastAt;
  }

  /** Writes the tag and the footer of a free block. */
  function describe(block: number, n: number): void {
    const w = view();
    w[block] = (n << 2) | PREV_USED;
    w[block + n - 1] = n;
  }

  /** Holds what is left of the block to which the word at `link` leads; what was held before takes the block's place, or enters the tree. */
  function exchange(link: number, block: number, rest: number): void {
    const w = view();
    const held = w[heldAt] as number;
    if (isHeld(link)) w[link] = held;
    else {
      removeAt(link, block);
      if (held !== 0) put(held, (w[held] as number) >>> 2, 0, 0);
    }
    w[heldAt] = rest;
  }

  /** Holds n words that none of the neighbours melts into; the block that was held longest enters the tree. */
  function enter(block: number, n: number): void {
    const w = view();
    const last = w[lastAt] as number;
    if (last !== 0) put(last, (w[last] as number) >>> 2, 0, 0);
    describe(block, n);
    if (fit === 'next') {
      w[olderAt] = w[freshAt] as number;
      w[freshAt] = block;
      keepRover(block, n);
    } else w[heldAt] = block;
  }

  /** Makes the n words at `block` the free block that is held. */
  function hold(block: number, n: number): void {
    describe(block, n);
    view()[heldAt] = block;
  }

  function fromTop(n: number): number {
    // Detached: memory has grown by another's hand, and the tree was not seen.
    if (words.length === 0) {
      refresh();
      return malloc(4 * n - 4);
    }
    const block = words[topAt] as number;
    if (4 * (block + n) > memory.end) {
      const reached = reach(memory, block, n);
      refresh();
      if (!reached) return 0;
    }
    words[topAt] = block + n;
    words[block] = (n << 2) | PREV_USED | USED;
    return 4 * block + 4;
  }

  function free(address: number): boolean {
    const w = view();
    let block = (address >>> 2) - 1;
    const top = w[topAt] as number;
    const tag = w[block] as number;
    if (4 * block + 4 !== address || (address & misaligned) !== 0 || block < first || block >= top || (tag & USED) === 0)
      return refuse(address);
    let n = wordsOf(tag);
    let previous = 0;
    let next = block + n;
    if ((tag & PREV_USED) === 0) {
      const before = w[block - 1] as number;
      block -= before;
      n += before;
      previous = block;
    }
    if (next >= top) {
      if (previous !== 0) remove(block);
      lowerTop(words, memory, topAt, block);
      return true;
    }
    const nextTag = w[next] as number;
    if ((nextTag & USED) !== 0) {
      w[next] = nextTag & ~PREV_USED;
      next = 0;
    } else n += wordsOf(nextTag);
    if (fit === 'worst') put(block, n, previous, next);
    else take(block, n, previous, next);
    return true;
  }

  /** Takes in a free block of n words; of the free blocks that it has become one with, `previous` is at its beginning, and `next`. */
  function take(block: number, n: number, previous: number, next: number): void {
    const held = view()[heldAt] as number;
    if (held !== 0 && (held === previous || held === next)) {
      if (held === next && previous !== 0) remove(previous);
      if (held === previous && next !== 0) remove(next);
      hold(block, n);
      if (fit === 'next') keepRover(block, n);
    } else if (previous === 0 && next === 0) enter(block, n);
    else if (fit === 'next') takeFresh(block, n, previous, next);
    else put(block, n, previous, next);
  }

  /** As `take`, of next fit, where the block touches none that is left of another. */
  function takeFresh(block: number, n: number, previous: number, next: number): void {
    const w = view();
    const fresh = w[freshAt] as number;
    const older = w[olderAt] as number;
    const isFresh = fresh !== 0 && (fresh === previous || fresh === next);
    if (!isFresh && (older === 0 || (older !== previous && older !== next))) {
      put(block, n, previous, next);
      return;
    }
    const at = isFresh ? freshAt : olderAt;
    const other = w[at] === next ? previous : next;
    if (other !== 0) remove(other);
    describe(block, n);
    w[at] = block;
    keepRover(block, n);
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
    words[rootAt] = 0;
    words[roverAt] = 0;
    words.fill(0, heldAt, olderAt + 1);
  }

  function checkIndex(free: ReadonlyMap<number, number>): void {
    let seen = 0;
    for (let at = heldAt; at <= olderAt; at++) {
      const held = words[at] as number;
      if (held === 0) continue;
      expectHeap(free.has(held), 'CT3', 4 * held, 'what is held is no free block');
      expectHeap(!holds(at + 1, held), 'CT3', 4 * held, 'held twice');
      seen++;
    }
    seen += checkTree(words[rootAt] as number, 0, words[topAt] as number, free);
    expectHeap(seen === free.size, 'BT5', 4 * rootAt, `${free.size} free blocks, ${seen} in the tree`);
  }

  /** Whether one of the words for what is held, from the one at `from` on, leads to a block. */
  function holds(from: number, block: number): boolean {
    for (let at = from; at <= olderAt; at++) if (words[at] === block) return true;
    return false;
  }

  /** Returns the blocks of the tree under `node`, all of which lie between `low` and `high`. */
  function checkTree(node: number, low: number, high: number, free: ReadonlyMap<number, number>): number {
    if (node === 0) return 0;
    expectHeap(!holds(heldAt, node), 'CT3', 4 * node, 'held, and in the tree');
    expectHeap(free.has(node), 'BT5', 4 * node, 'the tree holds what is no free block');
    expectHeap(low < node && node < high, 'CT1', 4 * node, `not between ${4 * low} and ${4 * high}`);
    const [left, right] = [words[node + 1] as number, words[node + 2] as number];
    for (const child of [left, right]) expectHeap(child === 0 || above(node, child), 'CT2', 4 * child, 'larger than its parent');
    return 1 + checkTree(left, low, node, free) + checkTree(right, node, high, free);
  }

  return taggedAllocator(memory, options, range, { malloc, free, insert, remove, clear, refresh, checkIndex });
}

function fitDesign(fit: Fit, about: string): AllocatorDesign {
  return {
    name: `${fit}-fit`,
    about,
    ownBytes: (options) => taggedOwnBytes(options, STATE_WORDS),
    format(memory, options) {
      const { topAt, first } = taggedRange(memory, options, STATE_WORDS);
      memory.words[topAt] = first;
      memory.words[topAt + ROOT] = 0;
      memory.words[topAt + ROVER] = 0;
      memory.words.fill(0, topAt + HELD, topAt + STATE_WORDS);
    },
    open: (memory, options) => open(memory, options, fit),
  };
}

/** First fit: the lowest address. */
export const firstFit = fitDesign('first', 'the free block with the lowest address that is large enough, over boundary tags');
/** Next fit: first fit from where the last search ended. */
export const nextFit = fitDesign('next', 'the next large enough free block behind the last one taken, over boundary tags');
/** Worst fit: the largest block. */
export const worstFit = fitDesign('worst', 'the largest free block, over boundary tags');
