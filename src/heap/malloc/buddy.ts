// Binary buddies: blocks of 2^k units, each the half of one twice as large; a freed block joins its other half, and so on upwards.
//
//   units of 16 bytes, on a grid of absolute addresses, so that a block of 2^k units is aligned to its size
//
//   order 3   |               8               |               8               |
//   order 2   |       4       |       4       |       4       |       4       |          the buddy of unit u in order k is u ^ 2^k
//   order 1   |   2   |   2   |
//   order 0   | 1 | 1 |
//                                                                              top: from here on nothing was given, or all is whole again
//   bits      1   1   1         1               1                               1       START: a block begins here; top has one, too
//             0   0   1         1               0                               0       FREE:  it is free
//
//   free block   | next | previous | order | ...        heads of the orders' circles lie as a free block would
//
// Nothing is kept in a used block. Its order follows from where the next block starts: a block's length is the distance to the next
// bit, one `clz32` for short ones. The bits cost two for each unit, 1.6 %. They lie in the heap; when top outgrows them, bits of twice
// the reach are placed in a block of the heap, and the old ones' block is freed. A block that is not in the lists comes from top, aligned
// to its size; the gap becomes free blocks. A freed block waits for the next request of its size, and joins its buddy only when 512 wait, or
// when top would move on: without that a program which frees and takes one block in turn splits and joins all orders each time
// (sqlite3: 28 against 67 million operations a second).
//
// Invariants (quoted by `check`):
//   BU1  from the first unit the blocks lead exactly to top, each aligned to its length
//   BU2  FREE is set exactly for the blocks in the circles, each in that of its order, with the order written in it; and for waiting ones
//   BU3  no two buddies are both in circles, and no block in a circle touches top
//   BU4  an order's bit in ORDERS is set exactly if its circle is not empty
//   BU5  the bits reach beyond top, and above top none is set
//   BU6  an order's waiting list has free blocks that say so beside their order, and if any, a bit in WAITED; ROOM and what waits are 512
//
// Cost: malloc and free O(log of the largest block), split and join one level per step; a block wastes up to half of itself, a quarter on
// average. Source: Knowlton 1965, "A Fast Storage Allocator"; Knuth, The Art of Computer Programming 1, 2.5, algorithms R and S;
// waiting: Barkley and Lee 1989, "A Lazy Buddy System".
// The non-null `!` on words: indices come from bits and links.

import { type AllocatorDesign, type AllocatorOptions, BlockUse, type BlockVisitor, expectHeap, type HeapAllocator } from './allocator.ts';
import { MAX_REQUEST as LARGEST_REQUEST, reach, wordsReader } from './boundary-tags.ts';
import { HeapHeader } from './heap-header.ts';
import type { HeapMemory } from './heap-memory.ts';

// A module's own constants are part of the compiled code; imported ones V8 would read from memory each time.
const MAX_REQUEST = LARGEST_REQUEST;

const UNIT_SHIFT = 4;
/** Words of a unit. */
const UNIT_WORDS = 4;
/** Orders 0 to 28: from 16 bytes to 4 GiB. */
const ORDERS = 29;
/** Pairs of words of bits that the first map has: 64 KiB. */
const FIRST_PAIRS = 128;

/** Fields of a free block. */
const NEXT = 0;
const PREV = 1;
const ORDER = 2;

// The own words. BITS is where the pair of words for units 0 to 31 would be: START and FREE of unit u are bit u & 31 of the words
// BITS + 2 * (u >>> 5) and the one behind.
const TOP_AT = 0;
const BITS_AT = 1;
/** The unit from which on there are no bits. */
const REACH_AT = 2;
const ORDERS_AT = 3;
const HEADS_AT = 4;
const WAITING_AT = HEADS_AT + 2 * ORDERS;
const ROOM_AT = WAITING_AT + ORDERS;
/** A bit for each order that may have waiting blocks. */
const WAITED_AT = ROOM_AT + 1;
const MAP_AT = WAITED_AT + 1;
const OWN_WORDS = MAP_AT + 2 * FIRST_PAIRS;

/** Beside a block's order: it is free, but waits for the next request of its size and does not join its buddy. */
const WAITING = 64;
/** So many blocks may wait: more would be out of the processor's cache, fewer join only to be split again. */
const MOST_WAITING = 512;

/** The design. */
export const buddy: AllocatorDesign = {
  name: 'buddy',
  about: 'binary buddies with bitmaps: every block a power of two, aligned to its size',
  ownBytes: () => OWN_WORDS * 4,
  format: clearState,
  open,
};

/** Returns the order of the least block with `bytes` bytes. */
function orderFor(bytes: number): number {
  return bytes <= 16 ? 0 : 32 - Math.clz32((bytes - 1) >>> UNIT_SHIFT);
}

/** Returns the number of the lowest bit that is set in `bits`, which is not 0. */
function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

/** Returns the index of a heap's own words. */
const ownOf = (memory: HeapMemory): number => (memory.start + HeapHeader.BYTES) >>> 2;

/** Returns a heap's first unit. */
const firstOf = (own: number): number => Math.ceil((own + OWN_WORDS) / UNIT_WORDS);

/** Makes an empty heap: no block, and the first bits. */
function clearState(memory: HeapMemory): void {
  const { words } = memory;
  const own = ownOf(memory);
  const first = firstOf(own);
  words.fill(0, own, own + OWN_WORDS);
  for (let head = own + HEADS_AT; head < own + WAITING_AT; head += 2) {
    words[head + NEXT] = head;
    words[head + PREV] = head;
  }
  words[own + TOP_AT] = first;
  words[own + ROOM_AT] = MOST_WAITING;
  words[own + BITS_AT] = own + MAP_AT - 2 * (first >>> 5);
  words[own + REACH_AT] = ((first >>> 5) + FIRST_PAIRS) * 32;
  words[own + MAP_AT] = 1 << (first & 31);
}

function open(memory: HeapMemory, _options: AllocatorOptions): HeapAllocator {
  const own = ownOf(memory);
  const TOP = own + TOP_AT;
  const BITS = own + BITS_AT;
  const REACH = own + REACH_AT;
  const AVAILABLE = own + ORDERS_AT;
  const HEADS = own + HEADS_AT;
  const WAIT = own + WAITING_AT;
  const ROOM = own + ROOM_AT;
  const WAITED = own + WAITED_AT;
  const PEAK = (memory.start >>> 2) + HeapHeader.PEAK;
  const FIRST = firstOf(own);
  const FIRST_PAIR = FIRST >>> 5;
  let words = memory.words;
  const view = wordsReader(memory, () => words);

  function refresh(): void {
    memory.refresh();
    words = memory.words;
  }

  const startsAt = (unit: number): number => view()[BITS]! + ((unit >>> 5) << 1);

  function setStart(unit: number): void {
    const w = view();
    const at = startsAt(unit);
    w[at] = w[at]! | (1 << (unit & 31));
  }

  function clearStart(unit: number): void {
    const w = view();
    const at = startsAt(unit);
    w[at] = w[at]! & ~(1 << (unit & 31));
  }

  /** Returns the order of the block at `unit`: the distance to the next START bit is its length. */
  function orderOf(unit: number): number {
    const w = view();
    const at = startsAt(unit);
    const behind = (w[at]! >>> (unit & 31)) >>> 1;
    if (behind !== 0) return 31 - Math.clz32(lowestBit(behind) + 1);
    if ((unit & 31) !== 0) return 31 - Math.clz32(32 - (unit & 31));
    let order = 5;
    while ((w[at + (2 << (order - 5))]! & 1) === 0) order++;
    return order;
  }

  /** Puts a block that starts at `unit` into its order's circle. */
  function link(unit: number, order: number): void {
    const w = view();
    const at = startsAt(unit) + 1;
    w[at] = w[at]! | (1 << (unit & 31));
    const head = HEADS + (order << 1);
    const block = unit * UNIT_WORDS;
    const next = w[head + NEXT]!;
    w[block + NEXT] = next;
    w[block + PREV] = head;
    w[block + ORDER] = order;
    w[head + NEXT] = block;
    w[next + PREV] = block;
    w[AVAILABLE] = w[AVAILABLE]! | (1 << order);
  }

  function unlink(unit: number, order: number): void {
    const w = view();
    const at = startsAt(unit) + 1;
    w[at] = w[at]! & ~(1 << (unit & 31));
    const block = unit * UNIT_WORDS;
    const next = w[block + NEXT]!;
    const previous = w[block + PREV]!;
    w[previous + NEXT] = next;
    w[next + PREV] = previous;
    if (next === previous && next < FIRST * UNIT_WORDS) w[AVAILABLE] = w[AVAILABLE]! & ~(1 << order);
  }

  /** Tells whether a whole free block of this order starts at `unit`. */
  function isFree(unit: number, order: number): boolean {
    const w = view();
    const at = startsAt(unit) + 1;
    return ((w[at]! >>> (unit & 31)) & 1) === 1 && w[unit * UNIT_WORDS + ORDER] === order;
  }

  function malloc(bytes: number): number {
    const w = view();
    if (bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    const order = orderFor(bytes);
    const block = w[WAIT + order]!;
    // Not `!== 0`: a detached view reads undefined.
    if (block > 0) {
      w[WAIT + order] = w[block + NEXT]!;
      w[ROOM] = w[ROOM]! + 1;
      const at = w[BITS]! + ((block >>> 7) << 1) + 1;
      w[at] = w[at]! & ~(1 << (block >>> 2));
      return (block << 2) >>> 0;
    }
    return addressOf(take(order) >>> 0);
  }

  const addressOf = (unit: number): number => (unit << UNIT_SHIFT) >>> 0;

  /** Takes a block of the order from the circles, or from top; 0 if there is no memory. */
  function take(order: number): number {
    const w = view();
    const found = w[AVAILABLE]! & (-1 << order);
    if (found === 0) return takeSlowly(order);
    const from = lowestBit(found);
    const unit = w[HEADS + (from << 1) + NEXT]! >>> 2;
    unlink(unit, from);
    split(unit, from, order);
    return unit;
  }

  /** Makes the used block of order `from` at `unit` one of order `to`; the upper halves become free. */
  function split(unit: number, from: number, to: number): void {
    for (let order = from - 1; order >= to; order--) {
      setStart(unit + (1 << order));
      link(unit + (1 << order), order);
    }
  }

  function takeSlowly(order: number): number {
    if (words.length === 0) {
      refresh();
      return take(order);
    }
    if (words[ROOM]! < MOST_WAITING) {
      flush();
      return take(order);
    }
    const length = 1 << order;
    const end = roundUp(words[TOP]!, length) + length;
    if (end >= words[REACH]!) return moveBits(length) ? takeSlowly(order) : 0;
    if (!hasUnits(end)) return 0;
    return raise(order);
  }

  function hasUnits(end: number): boolean {
    const reached = reach(memory, end * UNIT_WORDS, 0);
    words = memory.words;
    return reached;
  }

  /** Gives the first aligned block above top, for which there are memory and bits; what lies between becomes free blocks. */
  function raise(order: number): number {
    const w = view();
    const length = 1 << order;
    let top = w[TOP]!;
    const unit = roundUp(top, length);
    while (top < unit) {
      const gap = lowestBit(top);
      setStart(top);
      link(top, gap);
      top += 1 << gap;
    }
    setStart(unit);
    setStart(unit + length);
    w[TOP] = unit + length;
    const peak = addressOf(unit + length);
    if (peak > w[PEAK]! >>> 0) w[PEAK] = peak;
    return unit;
  }

  /** Places bits of twice the reach, or more, such that a block of `length` units has room above. Returns whether there is memory. */
  function moveBits(length: number): boolean {
    const old = words[BITS]! + 2 * FIRST_PAIR;
    const pairs = (words[REACH]! >>> 5) - FIRST_PAIR;
    const top = words[TOP]!;
    let wanted = 2 * pairs;
    while ((FIRST_PAIR + wanted) * 32 <= top + 2 * length + wanted) wanted *= 2;
    // A pair of words is half a unit; `wanted` is a power of two.
    const order = 31 - Math.clz32(wanted / 2);
    const unit = roundUp(top, wanted / 2);
    if (!hasUnits(roundUp(unit + wanted / 2, length) + length)) return false;
    const moved = unit * UNIT_WORDS;
    words.copyWithin(moved, old, old + 2 * pairs);
    words.fill(0, moved + 2 * pairs, moved + 2 * wanted);
    words[BITS] = moved - 2 * FIRST_PAIR;
    words[REACH] = (FIRST_PAIR + wanted) * 32;
    raise(order);
    if (old !== own + MAP_AT) release(old / UNIT_WORDS, orderOf(old / UNIT_WORDS));
    return true;
  }

  function free(address: number): boolean {
    const unit = unitAt(address);
    if (unit === 0) return address === 0;
    const w = view();
    const order = orderOf(unit);
    const at = startsAt(unit) + 1;
    w[at] = w[at]! | (1 << unit);
    const block = unit * UNIT_WORDS;
    w[block + NEXT] = w[WAIT + order]!;
    w[block + ORDER] = order | WAITING;
    w[WAIT + order] = block;
    w[WAITED] = w[WAITED]! | (1 << order);
    const room = w[ROOM]! - 1;
    w[ROOM] = room;
    if (room < 0) flush();
    return true;
  }

  /** Joins everything that waits with its buddies. */
  function flush(): void {
    let orders = words[WAITED]!;
    words[WAITED] = 0;
    words[ROOM] = MOST_WAITING;
    for (; orders !== 0; orders &= orders - 1) {
      const order = lowestBit(orders);
      let block = words[WAIT + order]!;
      words[WAIT + order] = 0;
      while (block !== 0) {
        const next = words[block + NEXT]!;
        const at = startsAt(block >>> 2) + 1;
        words[at] = words[at]! & ~(1 << (block >>> 2));
        release(block >>> 2, order);
        block = next;
      }
    }
  }

  const hasFreeBit = (unit: number): boolean => ((words[startsAt(unit) + 1]! >>> (unit & 31)) & 1) === 1;

  /** Returns the unit of the used block at an address, 0 if it is visibly none. */
  function unitAt(address: number): number {
    const unit = address >>> UNIT_SHIFT;
    if ((address & -16) >>> 0 !== address || unit < FIRST || !(unit < words[TOP]!)) {
      if (words.length !== 0) return 0;
      refresh();
      return unitAt(address);
    }
    const w = view();
    const at = startsAt(unit);
    return (((w[at]! & ~w[at + 1]!) >>> (unit & 31)) & 1) === 1 && !holdsBits(unit) ? unit : 0;
  }

  /** Tells whether the block at `unit` is the bits themselves, which nobody else may free. */
  const holdsBits = (unit: number): boolean => unit * UNIT_WORDS === words[BITS]! + 2 * FIRST_PAIR;

  /** Makes a used block free: joined with its buddy as long as that is free, and part of what is above top if it touches it. */
  function release(from: number, order: number): void {
    const w = view();
    let unit = from;
    let rank = order;
    for (let other = unit ^ (1 << rank); other >= FIRST && other < w[TOP]! && isFree(other, rank); other = unit ^ (1 << rank)) {
      unlink(other, rank);
      clearStart(unit | (1 << rank));
      unit &= ~(1 << rank);
      rank++;
    }
    if (unit + (1 << rank) === w[TOP]) sink(unit);
    else link(unit, rank);
  }

  /** Lowers top to `unit`, and on over the free blocks that touch it then. */
  function sink(unit: number): void {
    const w = view();
    let top = unit;
    clearStart(w[TOP]!);
    for (let order = 0; order <= lowestBit(top); order++) {
      const below = top - (1 << order);
      if (below < FIRST) break;
      if (!isFree(below, order)) continue;
      unlink(below, order);
      clearStart(top);
      top = below;
      order = -1;
    }
    w[TOP] = top;
  }

  function realloc(address: number, bytes: number): number {
    if (address === 0) return malloc(bytes);
    const unit = unitAt(address);
    if (unit === 0 || bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    const had = orderOf(unit);
    const order = orderFor(bytes);
    if (order <= had) shrink(unit, had, order);
    if (order <= had || enlarge(unit, had, order)) return address;
    const moved = take(order);
    if (moved === 0) return 0;
    words.copyWithin(moved * UNIT_WORDS, unit * UNIT_WORDS, (unit + (1 << had)) * UNIT_WORDS);
    release(unit, had);
    return addressOf(moved);
  }

  function shrink(unit: number, from: number, to: number): void {
    for (let order = from - 1; order >= to; order--) {
      setStart(unit + (1 << order));
      release(unit + (1 << order), order);
    }
  }

  /** Makes a block longer in place: its upper buddies are free, or it lies below top. Returns whether it could. */
  function enlarge(unit: number, from: number, to: number): boolean {
    if ((unit & ((1 << to) - 1)) !== 0) return false;
    let order = from;
    while (order < to && isFree(unit + (1 << order), order) && unit + (1 << order) < words[TOP]!) order++;
    const behind = unit + (1 << order);
    const end = unit + (1 << to);
    if (order < to && (behind !== words[TOP] || end >= words[REACH]! || !hasUnits(end))) return false;
    for (let rank = from; rank < order; rank++) {
      unlink(unit + (1 << rank), rank);
      clearStart(unit + (1 << rank));
    }
    if (order < to) moveTop(end);
    return true;
  }

  function moveTop(end: number): void {
    clearStart(words[TOP]!);
    setStart(end);
    words[TOP] = end;
    if (addressOf(end) > words[PEAK]! >>> 0) words[PEAK] = addressOf(end);
  }

  function memalign(power: number, bytes: number): number {
    if (power >>> 0 !== power || power === 0 || (power & (power - 1)) !== 0 || bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    const order = orderFor(bytes);
    const taken = Math.max(order, orderFor(power));
    const unit = take(taken);
    if (unit !== 0) shrink(unit, taken, order);
    return addressOf(unit);
  }

  function usableSize(address: number): number {
    const unit = unitAt(address);
    return unit === 0 ? 0 : 2 ** (orderOf(unit) + UNIT_SHIFT);
  }

  function walk(visit: BlockVisitor): void {
    refresh();
    visit(memory.start, FIRST * 16 - memory.start, BlockUse.own);
    for (let unit = FIRST; unit < words[TOP]!; ) {
      const order = orderOf(unit);
      const use = hasFreeBit(unit) ? BlockUse.free : holdsBits(unit) ? BlockUse.own : BlockUse.used;
      visit(addressOf(unit), 2 ** (order + UNIT_SHIFT), use);
      unit += 1 << order;
    }
  }

  function check(): void {
    refresh();
    const orders = checkBlocks();
    checkWaiting(orders);
    for (let order = 0; order < ORDERS; order++) checkCircle(order, orders);
    for (const [unit, order] of orders) expectHeap(false, 'BU2', addressOf(unit), `a free block of order ${order} is in no circle`);
  }

  /** Walks the blocks. Returns the free ones' orders by unit. */
  function checkBlocks(): Map<number, number> {
    const free = new Map<number, number>();
    const top = words[TOP]!;
    let unit = FIRST;
    let last = -1;
    while (unit < top) {
      const order = orderOf(unit);
      expectHeap((unit & ((1 << order) - 1)) === 0, 'BU1', addressOf(unit), `a block of order ${order} is not aligned to its length`);
      last = -1;
      if (hasFreeBit(unit)) {
        const said = words[unit * UNIT_WORDS + ORDER]!;
        expectHeap((said & ~WAITING) === order, 'BU2', addressOf(unit), `a free block of order ${order} says ${said}`);
        expectHeap(said !== order || free.get(unit ^ (1 << order)) !== order, 'BU3', addressOf(unit), 'two buddies are both free');
        free.set(unit, said);
        if (said === order) last = unit;
      }
      unit += 1 << order;
    }
    expectHeap(unit === top, 'BU1', addressOf(top), `the blocks lead to 0x${addressOf(unit).toString(16)}`);
    expectHeap(last === -1, 'BU3', addressOf(top), 'a free block touches top');
    checkAbove(top);
    return free;
  }

  /** Follows the waiting blocks and takes them out of `orders`. */
  function checkWaiting(orders: Map<number, number>): void {
    let waits = 0;
    for (let order = 0; order < ORDERS; order++) {
      for (let block = words[WAIT + order]!; block !== 0; block = words[block + NEXT]!) {
        const isRight = orders.get(block >>> 2) === (order | WAITING) && ((words[WAITED]! >>> order) & 1) === 1;
        expectHeap(isRight, 'BU6', block * 4, `no waiting block of order ${order}, or listed twice`);
        orders.delete(block >>> 2);
        waits++;
      }
    }
    expectHeap(words[ROOM]! + waits === MOST_WAITING, 'BU6', ROOM * 4, `room for ${words[ROOM]}, and ${waits} wait`);
  }

  function checkAbove(top: number): void {
    expectHeap(top < words[REACH]!, 'BU5', addressOf(top), 'there are no bits for top');
    for (let at = startsAt(top); at < startsAt(words[REACH]!); at += 2) {
      const mask = at === startsAt(top) ? -1 << (top & 31) : -1;
      const expected = at === startsAt(top) ? 1 << (top & 31) : 0;
      expectHeap((words[at]! & mask) === expected && (words[at + 1]! & mask) === 0, 'BU5', addressOf(top), 'a bit is set above top');
    }
  }

  /** Follows one circle and takes its blocks out of `orders`. */
  function checkCircle(order: number, orders: Map<number, number>): void {
    const head = HEADS + (order << 1);
    for (let at = head, next = words[head + NEXT]!; next !== head; at = next, next = words[next + NEXT]!) {
      expectHeap(orders.get(next >>> 2) === order && (next & 3) === 0, 'BU2', next * 4, `no free block of order ${order}, or listed twice`);
      expectHeap(words[next + PREV] === at, 'BU2', next * 4, `its previous is ${words[next + PREV]}, not ${at}`);
      orders.delete(next >>> 2);
    }
    const bit = (words[AVAILABLE]! >>> order) & 1;
    expectHeap(bit === (words[head + NEXT] === head ? 0 : 1), 'BU4', AVAILABLE * 4, `the bit of order ${order} is ${bit}`);
  }

  function reset(): void {
    refresh();
    clearState(memory);
  }

  function top(): number {
    refresh();
    return addressOf(words[TOP]!);
  }

  return { malloc, free, realloc, memalign, usableSize, walk, check, reset, top, refresh };
}

/** Returns the least multiple of `length`, a power of two, that is at least `unit`. */
function roundUp(unit: number, length: number): number {
  return (unit + length - 1) & -length;
}
