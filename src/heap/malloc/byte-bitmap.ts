// The byte bitmap: one bit for each byte. Its cost is shown: an eighth on top of all memory for the bits, an eightieth more to search them well.
//
//   bytes   | the owner's bytes ....... 15 | - | the owner's bytes .. 7 | - | free ..........................
//   bits      1 1 1 1 1 1 1 1  1 1 1 1 1 1 1 0   1 1 1 1 1 1 1          0     0 0 0 0 0 0 0 0  0 0 0 0 0 0 0 0
//             '- a block: ones from its first byte, and a zero in its last -'
//
// A block's length is the run of ones from its first byte; so the last byte of each block stays out of it, and a block of n bytes takes
// the next multiple of 8 above n. A block begins where the bit is set and the one before is not: every wrong address is seen at once.
//
// Bits are looked at 32 at a time: a zero byte in the word is 8 free bytes. And 32 such words, a KiB of the heap, at a glance, for there are three
// summaries with one bit for each word of the bits:
//
//   inner   the word lies in the midst of one block: whoever looks for a block's end jumps over it
//   room    the word may have a zero byte: where a small request looks; who finds that it has none clears the bit
//   empty   the word is 0: where a request of 64 bytes or more looks, since 63 free bytes have such a word among theirs
//
// Two blocks of each kind (a size up to 1 KiB, a range of sizes above) wait when they are freed, their bits as they are, for the next request of
// their size. Else malloc looks where a block of this kind was freed or given last, then for a while from where it looked last (next fit),
// and then takes from top. What waits is freed and the whole heap searched when top has risen by a 16th since that was in vain, and before a
// request fails. The bits lie in the heap; when top outgrows them, bits of twice the reach are placed at top, and the old ones are free.
//
// Invariants (quoted by `check`):
//   BB1  no bit is set below the first byte, at or above top, or in the last byte of 8 where a block ends
//   BB2  bits are set exactly in runs that begin at a multiple of the alignment; a run and the zero behind fill a multiple of it
//   BB3  the bits reach beyond top, and are themselves a block, once they have outgrown the own words
//   BB4  inner and empty tell exactly what they say; where room is 0, there is none
//   BB5  what waits are blocks of their kinds
//
// Cost: a bit for each byte, 3 bits for each 32 bytes, and a byte for each block. malloc and free of n bytes O(n / 32) to change the bits, and
// to find them O(heap / 1024) words and the stretches that are too short. Source: the question of a first kernel's author on forum.osdev.org, 2011,
// who called it crude: "roughly a ninth of memory". The zero byte in a word: Mycroft 1987.
// The non-null `!` on words: indices come from addresses between the first byte and top.

import { type AllocatorDesign, type AllocatorOptions, BlockUse, type BlockVisitor, expectHeap, type HeapAllocator } from './allocator.ts';
import { MAX_REQUEST, reach, wordsReader } from './boundary-tags.ts';
import { HeapHeader } from './heap-header.ts';
import type { HeapMemory } from './heap-memory.ts';

/** Kinds of blocks by size: one for each size up to 1 KiB, in units of 8 bytes; four for each power of two up to 128 KiB; one for the rest. */
const EXACT_KINDS = 128;
const EXACT_LOG = 10;
const LARGEST_LOG = 17;
const KINDS = EXACT_KINDS + 4 * (LARGEST_LOG - EXACT_LOG) + 1;
/** So many free stretches are looked at from the rover on, in so many bytes and so many times the request's, before top is taken. */
const PATIENCE = 16;
const SPAN = 8192;
const SPAN_SIZES = 8;
/** After a search of the whole heap, top may rise by this part of the heap, and CALM_BYTES, before the next. */
const CALM_SHIFT = 4;
const CALM_BYTES = 4096;
/** Bytes that the first bits reach: 16 KiB, 2 KiB of bits. */
const FIRST_REACH = 16_384;
/** More words than these are filled by the engine's own loop. */
const MANY_WORDS = 24;
/** Above the number of any word. */
const MANY = 2 ** 28;
/** A request of so many bytes needs a word of the bits that is 0: 63 free bytes have one. */
const WHOLE_WORD = 64;

// The own words. BITS is where the word for bytes 0 to 31 of the buffer would be: the bit of byte a is bit a & 31 of word BITS + (a >>> 5).
// So with the summaries, whose bits are numbered as the words of the bits are: BITS + k is about word a >>> 5 of address a.
const TOP_AT = 0;
const BITS_AT = 1;
const INNER_AT = 2;
const ROOM_AT = 3;
const EMPTY_AT = 4;
/** The address from which on there are no bits. */
const REACH_AT = 5;
const ROVER_AT = 6;
/** The address up to which top may rise before the whole heap is searched. */
const CALM_AT = 7;
/** Index of the first word of the bits. */
const MAP_AT = 8;
const HINTS_AT = 9;
/** For each kind two blocks that wait, the one freed last first; 0 if there is none. */
const WAITS_AT = HINTS_AT + KINDS;
const FIRST_MAP_AT = WAITS_AT + 2 * KINDS;
const OWN_WORDS = FIRST_MAP_AT + mapWords(FIRST_REACH);

/** Returns the words of a summary of the bits of `bytes` bytes; the first may begin in the middle of a word. */
function summaryWords(bytes: number): number {
  return bytes / 1024 + 1;
}

/** Returns the words of the bits of `bytes` bytes, a multiple of 1024, and of the three summaries behind. */
function mapWords(bytes: number): number {
  return bytes / 32 + 3 * summaryWords(bytes);
}

/** The design. */
export const byteBitmap: AllocatorDesign = {
  name: 'byte-bitmap',
  about: 'one bit for each byte, a ninth of all memory and a bit more: the crude beginning, searched word by word',
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

/** Returns a word whose lowest bit is the highest of the lowest byte of zeros in `bits`; 0 if there is no such byte. */
function zeroBytes(bits: number): number {
  return (bits - 0x0101_0101) & ~bits & 0x8080_8080;
}

function open(memory: HeapMemory, { alignment }: AllocatorOptions): HeapAllocator {
  const own = (memory.start + HeapHeader.BYTES) >>> 2;
  const TOP = own + TOP_AT;
  const BITS = own + BITS_AT;
  const INNER = own + INNER_AT;
  const ROOM = own + ROOM_AT;
  const EMPTY = own + EMPTY_AT;
  const REACH = own + REACH_AT;
  const ROVER = own + ROVER_AT;
  const CALM = own + CALM_AT;
  const MAP = own + MAP_AT;
  const HINT = own + HINTS_AT;
  const WAIT = own + WAITS_AT;
  const PEAK = (memory.start >>> 2) + HeapHeader.PEAK;
  const FIRST = Math.ceil(((own + OWN_WORDS) * 4) / 32) * 32;
  const CUT = -alignment;
  let words = memory.words;
  const view = wordsReader(memory, () => words);

  function refresh(): void {
    memory.refresh();
    words = memory.words;
  }

  /** Returns the bytes of the block for a request: a byte more, rounded up. */
  const slotFor = (bytes: number): number => ((bytes + alignment) & CUT) >>> 0;

  function kindOf(slot: number): number {
    if (slot < EXACT_KINDS * 8) return slot >>> 3;
    const log = 31 - Math.clz32(slot);
    return log >= LARGEST_LOG ? KINDS - 1 : EXACT_KINDS + 4 * (log - EXACT_LOG) + ((slot >>> (log - 2)) & 3);
  }

  /** Returns the address of the bits and their summaries. */
  const mapAt = (): number => (words[MAP]! * 4) >>> 0;

  const isSet = (address: number): boolean => ((view()[view()[BITS]! + (address >>> 5)]! >>> (address & 31)) & 1) === 1;

  /** Makes the bits from number `from` to before `to` of the map at word `base` all like `ones`: -1 or 0. */
  function setRange(base: number, from: number, to: number, ones: number): void {
    const w = view();
    const first = base + (from >>> 5);
    const last = base + (to >>> 5);
    const head = -1 << (from & 31);
    const tail = (1 << (to & 31)) - 1;
    if (first === last) {
      w[first] = (w[first]! & ~(head & tail)) | (head & tail & ones);
      return;
    }
    w[first] = (w[first]! & ~head) | (head & ones);
    if (last - first > MANY_WORDS) w.fill(ones, first + 1, last);
    else for (let at = first + 1; at < last; at++) w[at] = ones;
    if (tail !== 0) w[last] = (w[last]! & ~tail) | (tail & ones);
  }

  /** Makes the words from `first` to before `behind`, in the midst of a block, all like `ones`, -1 or 0, and tells the summaries. */
  function setInner(first: number, behind: number, ones: number): void {
    const w = view();
    const bits = w[BITS]!;
    if (behind - first > MANY_WORDS) w.fill(ones, bits + first, bits + behind);
    else for (let word = first; word < behind; word++) w[bits + word] = ones;
    const at = first >>> 5;
    if (at === (behind - 1) >>> 5) {
      const those = (-1 << (first & 31)) & (-1 >>> -behind);
      w[w[INNER]! + at] = (w[w[INNER]! + at]! & ~those) | (those & ones);
      w[w[ROOM]! + at] = (w[w[ROOM]! + at]! & ~those) | (those & ~ones);
      w[w[EMPTY]! + at] = (w[w[EMPTY]! + at]! & ~those) | (those & ~ones);
      return;
    }
    setRange(w[INNER]!, first, behind, ones);
    setRange(w[ROOM]!, first, behind, ~ones);
    setRange(w[EMPTY]!, first, behind, ~ones);
  }

  /** Sets the bits of the bytes from `from` to before `to`, which is a block's last byte. */
  function setBits(from: number, to: number): void {
    const first = from >>> 5;
    const last = to >>> 5;
    const head = -1 << (from & 31);
    const tail = (1 << (to & 31)) - 1;
    if (first === last) {
      setIn(first, head & tail);
      return;
    }
    setIn(first, head);
    if (first + 1 < last) setInner(first + 1, last, -1);
    setIn(last, tail);
  }

  /** Sets bits of one word. That it has no room any more, if so, finds out who looks for room. */
  function setIn(word: number, those: number): void {
    const w = view();
    const at = w[BITS]! + word;
    const bits = w[at]!;
    w[at] = bits | those;
    if (bits === 0) {
      const empty = w[EMPTY]! + (word >>> 5);
      w[empty] = w[empty]! & ~(1 << (word & 31));
    }
  }

  /** Clears the bits of the bytes from `from` to before `to`, which is a block's last byte. */
  function clearBits(from: number, to: number): void {
    const first = from >>> 5;
    const last = to >>> 5;
    const head = -1 << (from & 31);
    const tail = (1 << (to & 31)) - 1;
    if (first === last) {
      clearIn(first, head & tail);
      return;
    }
    clearIn(first, head);
    if (first + 1 < last) setInner(first + 1, last, 0);
    clearIn(last, tail);
  }

  /** Clears bits of one word, those of 8 bytes or more. */
  function clearIn(word: number, those: number): void {
    const w = view();
    const at = w[BITS]! + word;
    const bits = w[at]! & ~those;
    w[at] = bits;
    const bit = 1 << (word & 31);
    const room = w[ROOM]! + (word >>> 5);
    w[room] = w[room]! | bit;
    if (bits === 0) {
      const empty = w[EMPTY]! + (word >>> 5);
      w[empty] = w[empty]! | bit;
    }
  }

  /** Returns the number of the first bit from `from` on that is 0 in the map at word `base`; `limit` or more if there is none below. */
  function firstZero(base: number, from: number, limit: number): number {
    const w = view();
    let at = from >>> 5;
    let zeros = ~w[base + at]! & (-1 << (from & 31));
    while (zeros === 0) {
      if (++at * 32 >= limit) return limit;
      zeros = ~w[base + at]!;
    }
    return at * 32 + lowestBit(zeros);
  }

  /** As `firstZero`, of bits that are 1. */
  function firstOne(base: number, from: number, limit: number): number {
    const w = view();
    let at = from >>> 5;
    let ones = w[base + at]! & (-1 << (from & 31));
    while (ones === 0) {
      if (++at * 32 >= limit) return limit;
      ones = w[base + at]!;
    }
    return at * 32 + lowestBit(ones);
  }

  /** Returns the last byte of the block at `address`: the first whose bit is clear. */
  function lastByte(address: number): number {
    const w = view();
    const bits = w[BITS]!;
    let word = address >>> 5;
    let clear = ~w[bits + word]! & (-1 << (address & 31));
    if (clear === 0) {
      clear = ~w[bits + ++word]!;
      if (clear === 0) {
        word = firstZero(w[INNER]!, word, MANY);
        clear = ~w[bits + word]!;
      }
    }
    return word * 32 + lowestBit(clear);
  }

  /** Returns the first byte from `address` on, below `limit`, whose bit is set; or `limit`. */
  function firstSet(address: number, limit: number): number {
    const w = view();
    const bits = w[BITS]!;
    let word = address >>> 5;
    let set = w[bits + word]! & (-1 << (address & 31));
    if (set === 0) {
      if (++word * 32 >= limit) return limit;
      set = w[bits + word]!;
      if (set === 0) {
        word = firstZero(w[EMPTY]!, word, (limit + 31) >>> 5);
        if (word * 32 >= limit) return limit;
        set = w[bits + word]!;
      }
    }
    return Math.min(limit, word * 32 + lowestBit(set));
  }

  /** Returns the first multiple of the alignment from `address` on where 8 bytes are free; `limit` if there is none below. */
  function firstFree(address: number, limit: number): number {
    const w = view();
    const bits = w[BITS]!;
    let word = address >>> 5;
    let zeros = zeroBytes(w[bits + word]! | ((1 << (address & 31)) - 1));
    while (zeros === 0) {
      word = firstOne(w[ROOM]!, word + 1, (limit + 31) >>> 5);
      if (word * 32 >= limit) return limit;
      zeros = zeroBytes(w[bits + word]!);
      if (zeros === 0) setRange(w[ROOM]!, word, word + 1, 0);
    }
    return Math.min(limit, (word * 32 + lowestBit(zeros) - 7 + alignment - 8) & CUT) >>> 0;
  }

  /** As `firstFree`, where the bytes up to the end of a whole word of the bits are free. */
  function firstEmpty(address: number, limit: number): number {
    const w = view();
    const bits = w[BITS]!;
    const word = firstOne(w[EMPTY]!, (address + 31) >>> 5, (limit + 31) >>> 5);
    if (word * 32 >= limit) return limit;
    // The last bit of a block is followed by a clear one, which is the block's as well.
    const before = word * 32 === FIRST ? -1 : w[bits + word - 1]!;
    const start = before === -1 ? word * 32 : word * 32 + 1 - Math.clz32(before);
    return Math.max(address, ((start + alignment - 1) & CUT) >>> 0);
  }

  /**
   * Returns where `bytes` bytes are free, among the first `patience` free stretches that begin less than `span` bytes from the rover on; or
   * 0. The rover stays where the search has ended: at top there is nothing to look at, until the whole heap is searched again.
   */
  function search(bytes: number, patience: number, span: number): number {
    const w = view();
    const top = w[TOP]! >>> 0;
    let address = w[ROVER]! >>> 0;
    const limit = Math.min(top, address + span);
    for (let left = patience; left > 0; left--) {
      address = bytes < WHOLE_WORD ? firstFree(address, limit) : firstEmpty(address, limit);
      if (address >= limit || address + bytes > top) break;
      const end = firstSet(address, address + bytes);
      if (end === address + bytes) {
        w[ROVER] = end;
        return address;
      }
      address = end;
    }
    w[ROVER] = address + bytes > top ? top : address;
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
    flush();
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
    const reached = (words[REACH]! >>> 0) - FIRST;
    const top = words[TOP]! >>> 0;
    let wanted = 2 * reached;
    while (FIRST + wanted <= top + bytes + 4 * mapWords(wanted) + 2 * alignment) wanted *= 2;
    const slot = slotFor(4 * mapWords(wanted));
    if (!hasBytes(top + slot + bytes)) return false;
    const old = words[MAP]!;
    const from = [
      words[BITS]! + (FIRST >>> 5),
      words[INNER]! + (FIRST >>> 10),
      words[ROOM]! + (FIRST >>> 10),
      words[EMPTY]! + (FIRST >>> 10),
    ];
    placeMap(top >>> 2, wanted);
    words.copyWithin(words[MAP]!, from[0]!, from[0]! + (reached >>> 5));
    for (const [i, at] of [INNER, ROOM, EMPTY].entries()) {
      const to = words[at]! + (FIRST >>> 10);
      words.copyWithin(to, from[i + 1]!, from[i + 1]! + summaryWords(reached));
    }
    mark(top, slot);
    if (old !== own + FIRST_MAP_AT) release(old * 4, slotFor(4 * mapWords(reached)));
    return true;
  }

  /** Makes the words at `map` the bits of nothing but free bytes, as far as `bytes` bytes reach. */
  function placeMap(map: number, bytes: number): void {
    const summary = summaryWords(bytes);
    const inner = map + bytes / 32;
    words.fill(0, map, inner + summary);
    words.fill(-1, inner + summary, inner + 3 * summary);
    words[MAP] = map;
    words[BITS] = map - (FIRST >>> 5);
    words[INNER] = inner - (FIRST >>> 10);
    words[ROOM] = inner + summary - (FIRST >>> 10);
    words[EMPTY] = inner + 2 * summary - (FIRST >>> 10);
    words[REACH] = FIRST + bytes;
  }

  /** Makes `slot` free bytes at `address` a block. */
  function mark(address: number, slot: number): void {
    setBits(address, address + slot - 1);
    if (address + slot > words[TOP]! >>> 0) raise(address + slot);
  }

  function raise(top: number): void {
    words[TOP] = top;
    if (top > words[PEAK]! >>> 0) words[PEAK] = top;
  }

  function malloc(bytes: number): number {
    if (bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    if (words.length === 0) refresh();
    const w = view();
    const slot = slotFor(bytes);
    const kind = kindOf(slot);
    const wait = WAIT + 2 * kind;
    const waiting = w[wait]!;
    if (waiting !== 0 && (kind < EXACT_KINDS || sizeAt(waiting >>> 0) === slot)) {
      w[wait] = w[wait + 1]!;
      w[wait + 1] = 0;
      return waiting >>> 0;
    }
    const hint = HINT + kind;
    const hinted = w[hint]! >>> 0;
    if (hinted !== 0 && hinted + slot <= w[TOP]! >>> 0 && takeFree(hinted, slot)) {
      w[hint] = hinted + slot;
      return hinted;
    }
    const address = find(slot);
    if (address === 0) return 0;
    mark(address, slot);
    words[hint] = address + slot;
    return address;
  }

  /** Sets the bits of `slot` bytes at `address`, below top, if they are free. Returns whether they are. */
  function takeFree(address: number, slot: number): boolean {
    const shift = address & 31;
    if (shift + slot > 32) {
      if (firstSet(address, address + slot) !== address + slot) return false;
      setBits(address, address + slot - 1);
      return true;
    }
    const w = view();
    const those = ((1 << (slot - 1)) - 1) << shift;
    if ((w[w[BITS]! + (address >>> 5)]! & those) !== 0) return false;
    setIn(address >>> 5, those);
    return true;
  }

  function free(address: number): boolean {
    const slot = runAt(address);
    if (slot === 0) return address === 0;
    const kind = kindOf(slot);
    if (kind === KINDS - 1) {
      release(address, slot);
      return true;
    }
    const w = view();
    const wait = WAIT + 2 * kind;
    const latest = w[wait]!;
    const longest = w[wait + 1]! >>> 0;
    if (latest >>> 0 === address || longest === address) return false;
    w[wait + 1] = latest;
    w[wait] = address;
    if (longest !== 0) release(longest, kind < EXACT_KINDS ? slot : sizeAt(longest));
    return true;
  }

  /** Returns the bytes of the block that begins at an address. */
  const sizeAt = (address: number): number => lastByte(address) + 1 - address;

  /** Returns the bytes of the live block at an address; 0 if there is none. */
  function slotAt(address: number): number {
    const slot = runAt(address);
    const wait = WAIT + 2 * kindOf(slot);
    return view()[wait]! >>> 0 === address || view()[wait + 1]! >>> 0 === address ? 0 : slot;
  }

  /** Returns the bytes of the block at an address, which may wait; 0 if there is none. */
  function runAt(address: number): number {
    if (words.length === 0) refresh();
    const w = view();
    if ((address & CUT) >>> 0 !== address || address < FIRST || address >= w[TOP]! >>> 0 || w[MAP] === address >>> 2) return 0;
    const at = w[BITS]! + (address >>> 5);
    const bits = w[at]!;
    const shift = address & 31;
    if (((bits >>> shift) & 1) === 0) return 0;
    const before = shift !== 0 ? bits >>> (shift - 1) : address === FIRST ? 0 : w[at - 1]! >>> 31;
    if ((before & 1) !== 0) return 0;
    const clear = ~bits & (-1 << shift);
    return clear === 0 ? sizeAt(address) : lowestBit(clear) + 1 - shift;
  }

  /** Makes all blocks free that wait. */
  function flush(): void {
    for (let wait = WAIT; wait < WAIT + 2 * KINDS; wait++) {
      const waiting = words[wait]! >>> 0;
      if (waiting === 0) continue;
      words[wait] = 0;
      release(waiting, sizeAt(waiting));
    }
  }

  /** Clears the bits of a block of `slot` bytes, and lowers top if it ends there. */
  function release(address: number, slot: number): void {
    clearBits(address, address + slot - 1);
    if (address + slot === view()[TOP]! >>> 0) sink(address);
    view()[HINT + kindOf(slot)] = address;
  }

  /** Lowers top to behind the last block below `address`. */
  function sink(address: number): void {
    const w = view();
    const bits = w[BITS]!;
    let word = address >>> 5;
    let set = w[bits + word]! & ((1 << (address & 31)) - 1);
    while (set === 0 && word * 32 > FIRST) {
      // 32 words at once, if none of them has a bit.
      if ((word & 31) === 0 && (word - 32) * 32 >= FIRST && w[w[EMPTY]! + (word >>> 5) - 1] === -1) word -= 32;
      else set = w[bits + --word]!;
    }
    // The last byte of a block has no bit.
    w[TOP] = set === 0 ? FIRST : word * 32 + 33 - Math.clz32(set);
    if (w[ROVER]! >>> 0 > w[TOP]! >>> 0) w[ROVER] = FIRST;
  }

  function usableSize(address: number): number {
    const slot = slotAt(address);
    return slot === 0 ? 0 : slot - 1;
  }

  function realloc(address: number, bytes: number): number {
    if (address === 0) return malloc(bytes);
    const had = slotAt(address);
    if (had === 0 || bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
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
    moveEnd(address, address + slot - 1, address + had - 1, 0);
    if (address + had === words[TOP]! >>> 0) sink(address + slot);
  }

  /** Makes the bits from `from` to before `to` all like `ones`, -1 or 0: one is where the block at `address` ended, the other where it ends. */
  function moveEnd(address: number, from: number, to: number, ones: number): void {
    const low = from >>> 5;
    const high = to >>> 5;
    const inner = Math.max(low, (address >>> 5) + 1);
    setRange(words[BITS]!, from, to, ones);
    if (inner < high) setRange(words[INNER]!, inner, high, ones);
    if (low + 1 < high) {
      setRange(words[ROOM]!, low + 1, high, ~ones);
      setRange(words[EMPTY]!, low + 1, high, ~ones);
    }
    for (const word of [low, high]) {
      const bits = words[words[BITS]! + word]!;
      setRange(words[ROOM]!, word, word + 1, zeroBytes(bits) === 0 ? 0 : -1);
      setRange(words[EMPTY]!, word, word + 1, bits === 0 ? -1 : 0);
    }
  }

  /** Makes a block longer if the bytes behind are free, or above top. Returns whether it could. */
  function lengthen(address: number, had: number, slot: number): boolean {
    const top = words[TOP]! >>> 0;
    const end = address + slot;
    const freeTo = Math.min(end, top);
    if (firstSet(address + had, freeTo) < freeTo) return false;
    if (end > top && (end >= words[REACH]! >>> 0 || !hasBytes(end))) return false;
    moveEnd(address, address + had - 1, end - 1, -1);
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
      const end = isUsed ? lastByte(address) + 1 : firstSet(address, top);
      if (isUsed)
        visit(address, end - 1 - address, address === mapAt() ? BlockUse.own : slotAt(address) === 0 ? BlockUse.free : BlockUse.used);
      else visit(address, end - address, BlockUse.free);
      address = end;
    }
  }

  function check(): void {
    refresh();
    const top = words[TOP]! >>> 0;
    const limit = words[REACH]! >>> 0;
    expectHeap(top < limit, 'BB3', top, `the bits reach only to 0x${limit.toString(16)}`);
    let hasBits = words[MAP] === own + FIRST_MAP_AT;
    walk((address, bytes, use) => {
      if (use === BlockUse.free || address < FIRST) return;
      expectHeap(address % alignment === 0 && (bytes + 1) % alignment === 0, 'BB2', address, `a run of ${bytes} ones`);
      hasBits ||= use === BlockUse.own;
    });
    expectHeap(hasBits, 'BB3', mapAt(), 'the bits are no block');
    expectHeap(top === FIRST || (!isSet(top - 1) && isSet(top - 2)), 'BB1', top, 'no block ends at top');
    expectHeap(firstSet(top, limit) === limit, 'BB1', top, 'a bit is set above top');
    checkSummaries(limit);
    for (let wait = 0; wait < 2 * KINDS; wait++) {
      const waiting = words[WAIT + wait]! >>> 0;
      const isBlock = waiting >= FIRST && waiting < top && isSet(waiting) && kindOf(sizeAt(waiting)) === wait >>> 1;
      expectHeap(waiting === 0 || isBlock, 'BB5', waiting, `no block of kind ${wait >>> 1}`);
    }
  }

  function checkSummaries(limit: number): void {
    const inner = new Set<number>();
    walk((address, bytes) => {
      if (address < FIRST || !isSet(address)) return;
      for (let word = (address >>> 5) + 1; word < (address + bytes) >>> 5; word++) inner.add(word);
    });
    const bitOf = (map: number, word: number): boolean => ((words[words[map]! + (word >>> 5)]! >>> (word & 31)) & 1) === 1;
    for (let word = FIRST >>> 5; word * 32 < limit; word++) {
      const bits = words[words[BITS]! + word]!;
      const isRight =
        (bitOf(ROOM, word) || zeroBytes(bits) === 0) && bitOf(EMPTY, word) === (bits === 0) && bitOf(INNER, word) === inner.has(word);
      expectHeap(isRight, 'BB4', word * 32, `the summaries of the word ${(bits >>> 0).toString(16)}`);
    }
  }

  function reset(): void {
    refresh();
    words.fill(0, own, own + OWN_WORDS);
    placeMap(own + FIRST_MAP_AT, FIRST_REACH);
    words[TOP] = FIRST;
    words[ROVER] = FIRST;
  }

  function top(): number {
    refresh();
    flush();
    return words[TOP]! >>> 0;
  }

  return { malloc, free, realloc, memalign, usableSize, walk, check, reset, top, refresh };
}
