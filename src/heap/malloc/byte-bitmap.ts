// The byte bitmap: one bit for each byte, and nothing else. Crude, and its cost is shown: one ninth of the memory is bits.
//
//   bytes   | the owner's bytes ....... 15 | - | the owner's bytes .. 7 | - | free ..........................
//   bits      1 1 1 1 1 1 1 1  1 1 1 1 1 1 1 0   1 1 1 1 1 1 1          0     0 0 0 0 0 0 0 0  0 0 0 0 0 0 0 0
//             '- a block: ones from its first byte, and a zero in its last -'
//
// A block's length is the run of ones from its first byte; so the last byte of each block stays out of it, and a block of n bytes takes
// the next multiple of 8 above n. A block begins where the bit is set and the one before is not: every wrong address is seen at once.
//
// malloc looks where a block of this size was freed last, then for a while from where it looked last (next fit), and then takes from
// top. The whole heap is searched when top has risen by a 16th since that was in vain, and before a request fails. It looks at 32 bytes with
// one word: a zero byte in the word is 8 free bytes. free counts ones 32 at a time. The bits lie in the heap; when top outgrows them, bits
// of twice the reach are placed at top, and the old ones are free.
//
// Invariants (quoted by `check`):
//   BB1  no bit is set below the first byte, at or above top, or in the last byte of 8 where a block ends
//   BB2  bits are set exactly in runs that begin at a multiple of the alignment; a run and the zero behind fill a multiple of it
//   BB3  the bits reach beyond top, and are themselves a block, once they have outgrown the own words
//
// Cost: a bit for each byte and a byte for each block; malloc O(bytes / 32) to set them, O(heap / 32) at worst to find them; free
// O(bytes / 32). Source: the question of a first kernel's author on forum.osdev.org, 2011, who called it crude: "roughly a ninth of memory".
// The zero byte in a word: Mycroft 1987.
// The non-null `!` on words: indices come from addresses between the first byte and top.

import { type AllocatorDesign, type AllocatorOptions, BlockUse, type BlockVisitor, expectHeap, type HeapAllocator } from './allocator.ts';
import { MAX_REQUEST, reach } from './boundary-tags.ts';
import { HeapHeader } from './heap-header.ts';
import type { HeapMemory } from './heap-memory.ts';

/** Sizes, in units of 8 bytes, that have a hint: up to 2 KiB. */
const HINTS = 256;
/** So many free stretches are looked at from the rover on, in so many bytes and so many times the request's, before top is taken. */
const PATIENCE = 16;
const SPAN = 2048;
const SPAN_SIZES = 8;
/** After a search of the whole heap, top may rise by this part of the heap, and CALM_BYTES, before the next. */
const CALM_SHIFT = 4;
const CALM_BYTES = 4096;
/** Bytes that the first bits reach: 16 KiB, 2 KiB of bits. */
const FIRST_REACH = 16_384;

// The own words. BITS is where the word for bytes 0 to 31 of the buffer would be: the bit of byte a is bit a & 31 of word BITS + (a >>> 5).
const TOP_AT = 0;
const BITS_AT = 1;
/** The address from which on there are no bits. */
const REACH_AT = 2;
const ROVER_AT = 3;
/** The address up to which top may rise before the whole heap is searched. */
const CALM_AT = 4;
const HINTS_AT = 5;
const MAP_AT = HINTS_AT + HINTS;
const OWN_WORDS = MAP_AT + FIRST_REACH / 32;

/** The design. */
export const byteBitmap: AllocatorDesign = {
  name: 'byte-bitmap',
  about: 'one bit for each byte, a ninth of all memory: the crude beginning',
  ownBytes: () => OWN_WORDS * 4,
  format(memory, options) {
    open(memory, options).reset();
  },
  open,
};

/** Returns the number of the lowest bit that is set in `bits`, which is not 0. */
function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

function open(memory: HeapMemory, { alignment }: AllocatorOptions): HeapAllocator {
  const own = (memory.start + HeapHeader.BYTES) >>> 2;
  const TOP = own + TOP_AT;
  const BITS = own + BITS_AT;
  const REACH = own + REACH_AT;
  const ROVER = own + ROVER_AT;
  const CALM = own + CALM_AT;
  const HINT = own + HINTS_AT;
  const PEAK = (memory.start >>> 2) + HeapHeader.PEAK;
  const FIRST = Math.ceil(((own + OWN_WORDS) * 4) / 32) * 32;
  const CUT = -alignment;
  let words = memory.words;

  function refresh(): void {
    memory.refresh();
    words = memory.words;
  }

  /** Returns the bytes of the block for a request: a byte more, rounded up. */
  const slotFor = (bytes: number): number => Math.max(alignment, ((bytes + alignment) & CUT) >>> 0);

  const bitsAt = (): number => words[BITS]! + (FIRST >>> 5);

  const isSet = (address: number): boolean => ((words[words[BITS]! + (address >>> 5)]! >>> (address & 31)) & 1) === 1;

  /** Flips the bits of the bytes from `from` to before `to`, which are all alike, to `ones`: -1 or 0. */
  function setBits(from: number, to: number, ones: number): void {
    const w = words;
    const bits = w[BITS]!;
    const first = bits + (from >>> 5);
    const last = bits + (to >>> 5);
    const head = -1 << (from & 31);
    const tail = (1 << (to & 31)) - 1;
    if (first === last) {
      w[first] = (w[first]! & ~(head & tail)) | (head & tail & ones);
      return;
    }
    w[first] = (w[first]! & ~head) | (head & ones);
    for (let at = first + 1; at < last; at++) w[at] = ones;
    if (tail !== 0) w[last] = (w[last]! & ~tail) | (tail & ones);
  }

  /** Returns the first byte from `address` on whose bit is clear. */
  function firstClear(address: number): number {
    const w = words;
    const bits = w[BITS]!;
    let word = address >>> 5;
    let clear = ~w[bits + word]! & (-1 << (address & 31));
    while (clear === 0) clear = ~w[bits + ++word]!;
    return word * 32 + lowestBit(clear);
  }

  /** Returns the first byte from `address` on, below `limit`, whose bit is set; or `limit`. */
  function firstSet(address: number, limit: number): number {
    const w = words;
    const bits = w[BITS]!;
    let word = address >>> 5;
    let set = w[bits + word]! & (-1 << (address & 31));
    while (set === 0) {
      if (++word * 32 >= limit) return limit;
      set = w[bits + word]!;
    }
    return Math.min(limit, word * 32 + lowestBit(set));
  }

  /** Returns the first multiple of the alignment from `address` on where 8 bytes are free; `limit` if there is none below. */
  function firstFree(address: number, limit: number): number {
    const w = words;
    const bits = w[BITS]!;
    let word = address >>> 5;
    let used = w[bits + word]! | ((1 << (address & 31)) - 1);
    for (;;) {
      // The lowest bit that is set in `zeros` is the highest of the lowest byte of zeros.
      const zeros = (used - 0x0101_0101) & ~used & 0x8080_8080;
      if (zeros !== 0) return Math.min(limit, (word * 32 + lowestBit(zeros) - 7 + alignment - 8) & CUT) >>> 0;
      if (++word * 32 >= limit) return limit;
      used = w[bits + word]!;
    }
  }

  /**
   * Returns where `bytes` bytes are free, among the first `patience` free stretches that begin less than `span` bytes from the rover on; or
   * 0. The rover stays where the search has ended: at top there is nothing to look at, until the whole heap is searched again.
   */
  function search(bytes: number, patience: number, span: number): number {
    const top = words[TOP]! >>> 0;
    let address = words[ROVER]! >>> 0;
    const limit = Math.min(top, address + span);
    for (let left = patience; left > 0; left--) {
      address = firstFree(address, limit);
      if (address >= limit || address + bytes > top) break;
      const end = firstSet(address, address + bytes);
      if (end === address + bytes) {
        words[ROVER] = end;
        return address;
      }
      address = ((end + alignment - 1) & CUT) >>> 0;
    }
    words[ROVER] = address + bytes > top ? top : address;
    return 0;
  }

  /** Returns where `bytes` bytes are free, at top if need be; 0, with nothing changed, if there is no memory. */
  function find(bytes: number): number {
    const rover = words[ROVER]!;
    const calm = words[CALM]!;
    const isCalm = (words[TOP]! >>> 0) + bytes <= calm >>> 0;
    const found = search(bytes, PATIENCE, SPAN + bytes * SPAN_SIZES) || (isCalm ? fromTop(bytes) : 0) || searchAll(bytes) || fromTop(bytes);
    if (found === 0) {
      words[ROVER] = rover;
      words[CALM] = calm;
    }
    return found;
  }

  /** Searches the whole heap: from the rover on, and then from the first byte on. If in vain, top may rise for a while. */
  function searchAll(bytes: number): number {
    let found = search(bytes, Infinity, Infinity);
    if (found === 0) {
      words[ROVER] = FIRST;
      found = search(bytes, Infinity, Infinity);
    }
    const top = words[TOP]! >>> 0;
    if (found === 0) words[CALM] = Math.min(top + bytes + (top - FIRST) / 2 ** CALM_SHIFT + CALM_BYTES, memory.limit);
    return found;
  }

  function fromTop(bytes: number): number {
    const top = words[TOP]! >>> 0;
    if (top + bytes >= words[REACH]! >>> 0) return moveBits(bytes) ? words[TOP]! >>> 0 : 0;
    return top + bytes <= memory.end || hasBytes(top + bytes) ? top : 0;
  }

  function hasBytes(end: number): boolean {
    const reached = reach(memory, Math.ceil(end / 4), 0);
    words = memory.words;
    return reached;
  }

  /** Places bits of twice the reach, or more, at top, such that `bytes` bytes have room above. Returns whether there is memory. */
  function moveBits(bytes: number): boolean {
    const old = bitsAt();
    const reached = (words[REACH]! >>> 0) - FIRST;
    const top = words[TOP]! >>> 0;
    let wanted = 2 * reached;
    while (FIRST + wanted <= top + bytes + wanted / 8 + 2 * alignment) wanted *= 2;
    const slot = slotFor(wanted / 8);
    if (!hasBytes(top + slot + bytes)) return false;
    words.copyWithin(top >>> 2, old, old + (reached >>> 5));
    words.fill(0, (top >>> 2) + (reached >>> 5), (top + slot) >>> 2);
    words[BITS] = (top >>> 2) - (FIRST >>> 5);
    words[REACH] = FIRST + wanted;
    mark(top, slot);
    if (old !== own + MAP_AT) release(old * 4);
    return true;
  }

  /** Makes `slot` free bytes at `address` a block. */
  function mark(address: number, slot: number): void {
    setBits(address, address + slot - 1, -1);
    if (address + slot > words[TOP]! >>> 0) raise(address + slot);
  }

  function raise(top: number): void {
    words[TOP] = top;
    if (top > words[PEAK]! >>> 0) words[PEAK] = top;
  }

  function malloc(bytes: number): number {
    if (bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    if (words.length === 0) refresh();
    const slot = slotFor(bytes);
    const hint = HINT + (slot >>> 3);
    const hinted = slot < HINTS * 8 ? words[hint]! >>> 0 : 0;
    if (hinted !== 0 && hinted + slot <= words[TOP]! >>> 0 && firstSet(hinted, hinted + slot) === hinted + slot) {
      setBits(hinted, hinted + slot - 1, -1);
      words[hint] = hinted + slot;
      return hinted;
    }
    const address = find(slot);
    if (address === 0) return 0;
    mark(address, slot);
    if (slot < HINTS * 8) words[hint] = address + slot;
    return address;
  }

  function free(address: number): boolean {
    if (!isBlock(address)) return address === 0;
    const slot = release(address);
    if (slot < HINTS * 8) words[HINT + (slot >>> 3)] = address;
    return true;
  }

  /** Tells whether a block begins at an address, other than the bits. */
  function isBlock(address: number): boolean {
    if (words.length === 0) refresh();
    if ((address & CUT) >>> 0 !== address || address < FIRST || address >= words[TOP]! >>> 0) return false;
    const isFirst = isSet(address) && (address === FIRST || !isSet(address - 1));
    return isFirst && address !== bitsAt() * 4;
  }

  /** Clears a block's bits, and lowers top if it ends there. Returns the block's bytes. */
  function release(address: number): number {
    const end = firstClear(address) + 1;
    setBits(address, end - 1, 0);
    if (end === words[TOP]! >>> 0) sink(address);
    return end - address;
  }

  /** Lowers top to behind the last block below `address`. */
  function sink(address: number): void {
    const w = words;
    const bits = w[BITS]!;
    let word = address >>> 5;
    let set = w[bits + word]! & ((1 << (address & 31)) - 1);
    while (set === 0 && word * 32 > FIRST) set = w[bits + --word]!;
    // The last byte of a block has no bit.
    w[TOP] = set === 0 ? FIRST : word * 32 + 33 - Math.clz32(set);
    if (w[ROVER]! >>> 0 > w[TOP]! >>> 0) w[ROVER] = FIRST;
  }

  const slotAt = (address: number): number => firstClear(address) + 1 - address;

  function usableSize(address: number): number {
    return isBlock(address) ? slotAt(address) - 1 : 0;
  }

  function realloc(address: number, bytes: number): number {
    if (address === 0) return malloc(bytes);
    if (!isBlock(address) || bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    const had = slotAt(address);
    const slot = slotFor(bytes);
    if (slot <= had) {
      shorten(address, had, slot);
      return address;
    }
    if (lengthen(address, had, slot)) return address;
    const moved = malloc(bytes);
    if (moved === 0) return 0;
    words.copyWithin(moved >>> 2, address >>> 2, (address + had) >>> 2);
    free(address);
    return moved;
  }

  function shorten(address: number, had: number, slot: number): void {
    if (slot === had) return;
    setBits(address + slot - 1, address + had - 1, 0);
    if (address + had === words[TOP]! >>> 0) sink(address + slot);
  }

  /** Makes a block longer if the bytes behind are free, or above top. Returns whether it could. */
  function lengthen(address: number, had: number, slot: number): boolean {
    const top = words[TOP]! >>> 0;
    const end = address + slot;
    const freeTo = Math.min(end, top);
    if (firstSet(address + had, freeTo) < freeTo) return false;
    if (end > top && (end >= words[REACH]! >>> 0 || !hasBytes(end))) return false;
    setBits(address + had - 1, end - 1, -1);
    if (end > top) raise(end);
    return true;
  }

  function memalign(power: number, bytes: number): number {
    if (power >>> 0 !== power || power === 0 || (power & (power - 1)) !== 0 || bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    if (power <= alignment) return malloc(bytes);
    if (words.length === 0) refresh();
    const slot = slotFor(bytes);
    const room = find(slot + power);
    if (room === 0) return 0;
    const address = Math.ceil(room / power) * power;
    mark(address, slot);
    return address;
  }

  function walk(visit: BlockVisitor): void {
    refresh();
    visit(memory.start, FIRST - memory.start, BlockUse.own);
    const top = words[TOP]! >>> 0;
    for (let address = FIRST; address < top; ) {
      const isUsed = isSet(address);
      const end = isUsed ? firstClear(address) + 1 : firstSet(address, top);
      if (isUsed) visit(address, end - 1 - address, address === bitsAt() * 4 ? BlockUse.own : BlockUse.used);
      else visit(address, end - address, BlockUse.free);
      address = end;
    }
  }

  function check(): void {
    refresh();
    const top = words[TOP]! >>> 0;
    const limit = words[REACH]! >>> 0;
    expectHeap(top < limit, 'BB3', top, `the bits reach only to 0x${limit.toString(16)}`);
    let hasBits = bitsAt() === own + MAP_AT;
    walk((address, bytes, use) => {
      if (use === BlockUse.free || address < FIRST) return;
      expectHeap(address % alignment === 0 && (bytes + 1) % alignment === 0, 'BB2', address, `a run of ${bytes} ones`);
      hasBits ||= use === BlockUse.own;
    });
    expectHeap(hasBits, 'BB3', bitsAt() * 4, 'the bits are no block');
    expectHeap(top === FIRST || (!isSet(top - 1) && isSet(top - 2)), 'BB1', top, 'no block ends at top');
    expectHeap(firstSet(top, limit) === limit, 'BB1', top, 'a bit is set above top');
  }

  function reset(): void {
    refresh();
    words.fill(0, own, own + OWN_WORDS);
    words[TOP] = FIRST;
    words[BITS] = own + MAP_AT - (FIRST >>> 5);
    words[REACH] = FIRST + FIRST_REACH;
    words[ROVER] = FIRST;
  }

  function top(): number {
    refresh();
    return words[TOP]! >>> 0;
  }

  return { malloc, free, realloc, memalign, usableSize, walk, check, reset, top, refresh };
}
