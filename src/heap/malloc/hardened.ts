// A hardened heap: any design inside a shell that sees misuse of blocks when it comes to malloc, free, realloc or check.
//
//   the design's block     | front: ... size ^ key, guard | the owner's n bytes | canary | rest |
//   in the header          word 11: where the shell's state is
//   state, a block         | hold: oldest, count, bytes, limit | map: address, bytes covered | ring of blocks held back ... |
//   map, a block           one bit for each 8 bytes of the heap: set where a live block's first byte is
//
// All of it lies in the heap's own bytes and is got from the design by its own malloc, so the shell fits every design and none knows of it.
// A freed block is filled with a pattern and held back; when `limit` younger ones are held, or more than HELD_BYTES, its pattern is
// verified and the design has it again. Held blocks are given up, oldest first, before a request fails. A block's content is
// overwritten when it is given and when it is freed, so that nobody reads what another left there.
//
// What is found (the invariants, as `HeapDamage` names them):
//   HD1  an address to be freed is a multiple of the alignment
//   HD2  it lies in the heap
//   HD3  it is a live block's first byte: not freed before, not inside a block, not never given. One bit of the map: no false answer
//   HD4  the words before a live block are as malloc left them: nobody wrote before its first byte
//   HD5  the bytes behind a live block are as malloc left them, up to 7 of them: nobody wrote behind its last byte
//   HD6  a block that is held back is as free left it: nobody wrote into it after that
//   HD7  a link in the design's free memory leads to free memory. In size-classes and free-list, which mix their links with the heap's key
// HD1 to HD3 are found at once, HD4 and HD5 when the block is freed or reallocated or by `check`, HD6 when the block leaves the ring or by
// `check`, HD7 before the link is followed or by `check`. A block that was found damaged is never given again. Guard and canary depend on the key, the address and the size, so they
// cannot be had by copying others.
//
// Not found: a write that jumps over guard and canary into the middle of another block; reads. For these: guard pages (process/guarded.ts).
// Cost: 12 to 15 bytes per block, 1/64 of the heap for the map, the held blocks; two fills per block. In time: docs/heap-library.md.
// Source: the canaries of StackGuard (Cowan 1998), quarantine as in AddressSanitizer (Serebryany 2012), a bitmap as in mimalloc's secure mode.

import { BlockUse, type BlockVisitor, expectHeap, type HeapAllocator, HeapDamage } from './allocator.ts';
import { HeapHeader } from './heap-header.ts';
import type { HeapMemory } from './heap-memory.ts';

/** Hears of damage instead of having HeapDamage thrown; the operation then returns false or 0. */
export type DamageListener = (damage: HeapDamage) => void;

/** How a heap is hardened. */
export interface Hardening {
  /** Makes guards and canaries repeatable; random if not given. An integer. */
  readonly seed?: number;
  /** Freed blocks held back at most; default 64, 0 for none, at most 65,536. */
  readonly heldBlocks?: number;
}

const HELD_BLOCKS = 64;
/** No more bytes than these are held back, and no block larger. */
const HELD_BYTES = 2 ** 20;

// State words.
const OLDEST = 0;
const COUNT = 1;
const BYTES = 2;
const LIMIT = 3;
const MAP = 4;
const COVERED = 5;
const RING = 6;

/** Bytes of heap for each bit of the map, as a power of two: the least alignment. */
const GRAIN_SHIFT = 3;
/** The canary's word. */
const TAIL_BYTES = 4;
/** In malloc's bytes until the owner writes, and in freed ones. Odd as addresses, large as sizes, no text. */
const GIVEN_PATTERN = 0xa5a5_a5a5 | 0;
const FREED_PATTERN = 0xdfdf_dfdf | 0;
/** Runs of words below this are filled by a loop: the engine's `fill` takes longer to begin (measured). */
const LOOP_WORDS = 64;
/** Low bits of a guard: log2 of the distance to the design's block. */
const SHIFT_MASK = 31;
/** No request above it can succeed; sums with what the shell adds stay below 2^32. */
const MAX_REQUEST = 2 ** 32 - 2 * 65_536;

/** Spreads the bits of a 32-bit integer. */
function mixed(bits: number): number {
  const half = Math.imul(bits ^ (bits >>> 16), 0x45d9_f3b);
  return half ^ (half >>> 15);
}

/** Returns `n` rounded up to words, in bytes. */
const wholeWords = (n: number): number => ((n + 3) & -4) >>> 0;

/** Throws a RangeError for settings that are none. */
export function expectHardening({ seed, heldBlocks = HELD_BLOCKS }: Hardening): void {
  if (!(Number.isInteger(heldBlocks) && heldBlocks >= 0 && heldBlocks <= 65_536))
    throw new RangeError(`heldBlocks is an integer from 0 to 65536, not ${heldBlocks}`);
  if (seed !== undefined && !Number.isSafeInteger(seed)) throw new RangeError(`a seed is an integer, not ${seed}`);
}

/** Writes the key, before the design formats its own words: its links may be mixed with it. Not 0, which is a plain heap's key. */
export function writeKey(memory: HeapMemory, { seed }: Hardening): void {
  const key = seed === undefined ? Math.floor(Math.random() * 2 ** 32) : mixed(seed ^ 0x5eed);
  memory.words[(memory.start >>> 2) + HeapHeader.KEY] = key || 1;
}

/** Gets and writes the shell's state and map, with nothing held and nothing live. Returns false if there is no room. */
export function formatHardening(memory: HeapMemory, inner: HeapAllocator, { heldBlocks = HELD_BLOCKS }: Hardening): boolean {
  const covered = Math.ceil((memory.end - memory.start) / 256) * 256;
  const mapBytes = covered >>> (GRAIN_SHIFT + 3);
  const state = inner.malloc(4 * (RING + heldBlocks));
  const map = state === 0 ? 0 : inner.malloc(mapBytes);
  if (map === 0) return false;
  const { words } = memory;
  words.fill(0, state >>> 2, (state >>> 2) + RING + heldBlocks);
  words.fill(0, map >>> 2, (map + mapBytes) >>> 2);
  words[(state >>> 2) + LIMIT] = heldBlocks;
  words[(state >>> 2) + MAP] = map;
  words[(state >>> 2) + COVERED] = covered;
  words[(memory.start >>> 2) + HeapHeader.HARDENED] = state;
  return true;
}

/** Returns a design's operations that tell of damage in its free memory instead of throwing it. */
function telling(design: HeapAllocator, listener: DamageListener): HeapAllocator {
  function told<T>(action: () => T, otherwise: T): T {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof HeapDamage)) throw error;
      listener(error);
      return otherwise;
    }
  }
  return {
    ...design,
    malloc: (bytes) => told(() => design.malloc(bytes), 0),
    memalign: (power, bytes) => told(() => design.memalign(power, bytes), 0),
    free: (address) => told(() => design.free(address), false),
    usableSize: (address) => told(() => design.usableSize(address), 0),
  };
}

/** Returns the operations of the shell around `design`, whose heap has been through `formatHardening`. Damage is thrown, or told to `listener`. */
export function harden(memory: HeapMemory, alignment: 8 | 16, design: HeapAllocator, listener?: DamageListener): HeapAllocator {
  const inner = listener === undefined ? design : telling(design, listener);
  const { start } = memory;
  const stateAt = (start >>> 2) + HeapHeader.HARDENED;
  const misaligned = alignment - 1;
  const plainShift = alignment === 8 ? 3 : 4;
  let words = memory.words;
  const key = words[(start >>> 2) + HeapHeader.KEY] as number;
  /** Index of the first state word. Moves only at a reset. */
  let state = (words[stateAt] as number) >>> 2;

  function refresh(): void {
    inner.refresh();
    words = memory.words;
    state = (words[stateAt] as number) >>> 2;
  }

  function damaged(invariant: string, address: number, what: string): false {
    const damage = new HeapDamage(invariant, address, what);
    if (listener === undefined) throw damage;
    listener(damage);
    return false;
  }

  // The map of live blocks.

  function isLive(address: number): boolean {
    const grain = (address - start) >>> GRAIN_SHIFT;
    if (address < start || address - start >= (words[state + COVERED] as number) >>> 0) return false;
    return (((words[((words[state + MAP] as number) >>> 2) + (grain >>> 5)] as number) >>> (grain & 31)) & 1) !== 0;
  }

  function setLive(address: number): void {
    const grain = (address - start) >>> GRAIN_SHIFT;
    const at = ((words[state + MAP] as number) >>> 2) + (grain >>> 5);
    words[at] = (words[at] as number) | (1 << (grain & 31));
  }

  function clearLive(address: number): void {
    const grain = (address - start) >>> GRAIN_SHIFT;
    const at = ((words[state + MAP] as number) >>> 2) + (grain >>> 5);
    words[at] = (words[at] as number) & ~(1 << (grain & 31));
  }

  /** Makes the map reach `address`: one twice as large takes its place. False if there is no room for it. */
  function cover(address: number): boolean {
    const covered = (words[state + COVERED] as number) >>> 0;
    if (address - start < covered) return true;
    const wanted = Math.ceil(Math.min(Math.max(2 * covered, address - start + 1), memory.limit - start) / 256) * 256;
    const bytes = wanted / 2 ** (GRAIN_SHIFT + 3);
    const map = inner.malloc(bytes);
    words = memory.words;
    if (map === 0) return false;
    const old = words[state + MAP] as number;
    const oldBytes = covered >>> (GRAIN_SHIFT + 3);
    words.copyWithin(map >>> 2, old >>> 2, (old + oldBytes) >>> 2);
    words.fill(0, (map + oldBytes) >>> 2, (map + bytes) >>> 2);
    words[state + MAP] = map;
    words[state + COVERED] = wanted;
    inner.free(old);
    return true;
  }

  // Front, canary, patterns. A block is named by its owner's address; `n` is what the owner asked for.

  function sizeOf(address: number): number {
    return ((words[(address >>> 2) - 2] as number) ^ key) >>> 0;
  }

  function guardOf(address: number, n: number): number {
    return mixed(address ^ key ^ Math.imul(n, 0x9e37_79b1)) & ~SHIFT_MASK;
  }

  function fill(from: number, to: number, pattern: number): void {
    const view = words;
    if (to - from >= LOOP_WORDS) view.fill(pattern, from, to);
    else for (let at = from; at < to; at++) view[at] = pattern;
  }

  function writeFrontAndTail(address: number, n: number, shift: number): void {
    const first = address >>> 2;
    const last = (address + n) >>> 2;
    const canary = mixed(address + key);
    words[first - 2] = n ^ key;
    words[first - 1] = guardOf(address, n) | shift;
    if ((n & 3) === 0) {
      words[last] = canary;
      return;
    }
    const owners = (1 << (8 * (n & 3))) - 1;
    words[last] = ((words[last] as number) & owners) | (canary & ~owners);
    words[last + 1] = canary;
  }

  function frontIsWhole(address: number): boolean {
    return ((words[(address >>> 2) - 1] as number) & ~SHIFT_MASK) === guardOf(address, sizeOf(address));
  }

  function tailIsWhole(address: number, n: number): boolean {
    const canary = mixed(address + key);
    const last = (address + n) >>> 2;
    if ((n & 3) === 0) return words[last] === canary;
    const owners = (1 << (8 * (n & 3))) - 1;
    return (((words[last] as number) ^ canary) & ~owners) === 0 && words[last + 1] === canary;
  }

  /** The design's address of a block. */
  function innerOf(address: number): number {
    return address - ((1 << ((words[(address >>> 2) - 1] as number) & SHIFT_MASK)) >>> 0);
  }

  /** Tells whether the surroundings of a live block are whole; if not, tells of the damage. */
  function isWhole(address: number): boolean {
    if (!frontIsWhole(address)) return damaged('HD4', address, 'bytes before the block were overwritten');
    const n = sizeOf(address);
    return tailIsWhole(address, n) || damaged('HD5', address, `bytes behind the block of ${n} bytes were overwritten`);
  }

  // Blocks held back: their first word is behind a guard that is turned over, and all words up to the canary hold the pattern.

  function hold(address: number, n: number): void {
    const limit = words[state + LIMIT] as number;
    const first = address >>> 2;
    fill(first, (address + wholeWords(n) + TAIL_BYTES) >>> 2, FREED_PATTERN);
    if (limit === 0 || n > HELD_BYTES) {
      inner.free(innerOf(address));
      return;
    }
    words[first - 1] = ~(words[first - 1] as number);
    const slot = ((words[state + OLDEST] as number) + (words[state + COUNT] as number)) % limit;
    words[state + RING + slot] = address;
    words[state + COUNT] = (words[state + COUNT] as number) + 1;
    words[state + BYTES] = (words[state + BYTES] as number) + n;
  }

  function heldIsWhole(address: number): boolean {
    const first = address >>> 2;
    const n = sizeOf(address);
    if ((~(words[first - 1] as number) & ~SHIFT_MASK) !== guardOf(address, n)) return false;
    const end = (address + wholeWords(n) + TAIL_BYTES) >>> 2;
    const view = words;
    for (let at = first; at < end; at++) if (view[at] !== FREED_PATTERN) return false;
    return true;
  }

  /** Gives the oldest held block back to the design. False if none is held. */
  function giveUpOldest(): boolean {
    const count = words[state + COUNT] as number;
    if (count === 0) return false;
    const oldest = words[state + OLDEST] as number;
    const address = (words[state + RING + oldest] as number) >>> 0;
    words[state + OLDEST] = (oldest + 1) % (words[state + LIMIT] as number);
    words[state + COUNT] = count - 1;
    const whole = heldIsWhole(address);
    words[state + BYTES] = count === 1 ? 0 : (words[state + BYTES] as number) - (whole ? sizeOf(address) : 0);
    if (!whole) {
      damaged('HD6', address, 'a freed block was written to');
      return true;
    }
    const front = (address >>> 2) - 1;
    words[front] = ~(words[front] as number);
    inner.free(innerOf(address));
    return true;
  }

  /** Gives blocks up until one of `n` bytes more can be held. */
  function makeRoom(n: number): void {
    while (
      words[state + COUNT] !== 0 &&
      (words[state + COUNT] === words[state + LIMIT] || (n <= HELD_BYTES && (words[state + BYTES] as number) + n > HELD_BYTES))
    )
      giveUpOldest();
  }

  // The operations.

  /** Makes a block of the design into one of the shell. */
  function dress(block: number, n: number, shift: number): number {
    words = memory.words;
    // Not `2 ** shift`, which the engine computes as a power of floating-point numbers: 60 ns.
    const address = block + ((1 << shift) >>> 0);
    if (!cover(address)) {
      inner.free(block);
      return 0;
    }
    fill(address >>> 2, (address + wholeWords(n)) >>> 2, GIVEN_PATTERN);
    writeFrontAndTail(address, n, shift);
    setLive(address);
    return address;
  }

  function malloc(bytes: number): number {
    if (words.length === 0) refresh();
    if (bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    const whole = alignment + wholeWords(bytes) + TAIL_BYTES;
    let address = 0;
    do {
      const block = inner.malloc(whole);
      if (block !== 0) address = dress(block, bytes, plainShift);
    } while (address === 0 && mayFit(whole) && giveUpOldest());
    return address;
  }

  /** Tells whether giving up held blocks could make room for so many bytes at all. */
  function mayFit(bytes: number): boolean {
    words = memory.words;
    return bytes <= memory.limit - start;
  }

  function memalign(power: number, bytes: number): number {
    if (power >>> 0 !== power || power === 0 || (power & (power - 1)) !== 0) return 0;
    if (power <= alignment) return malloc(bytes);
    if (words.length === 0) refresh();
    if (bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    const whole = power + wholeWords(bytes) + TAIL_BYTES;
    let address = 0;
    do {
      const block = inner.memalign(power, whole);
      if (block !== 0) address = dress(block, bytes, 31 - Math.clz32(power));
    } while (address === 0 && mayFit(whole) && giveUpOldest());
    return address;
  }

  /** Tells whether the address is a live block's; if not, tells of the damage. */
  function isBlock(address: number): boolean {
    if (address >>> 0 !== address || address < start || address >= memory.end)
      return damaged('HD2', address, 'freed, but outside the heap');
    if ((address & misaligned) !== 0) return damaged('HD1', address, 'freed, but no multiple of the alignment');
    if (isLive(address)) return true;
    const front = words[(address >>> 2) - 1] as number;
    const isHeld = (~front & ~SHIFT_MASK) === guardOf(address, sizeOf(address));
    return damaged('HD3', address, isHeld ? 'freed twice' : 'freed, but no live block begins there');
  }

  function free(address: number): boolean {
    if (address === 0) return true;
    if (words.length === 0) refresh();
    if (!isBlock(address) || !isWhole(address)) return false;
    const n = sizeOf(address);
    makeRoom(n);
    clearLive(address);
    hold(address, n);
    return true;
  }

  function realloc(address: number, bytes: number): number {
    if (address === 0) return malloc(bytes);
    if (words.length === 0) refresh();
    if (bytes >>> 0 !== bytes || bytes > MAX_REQUEST) return 0;
    if (!isBlock(address) || !isWhole(address)) return 0;
    const n = sizeOf(address);
    if (fitsInPlace(address, n, bytes)) return resize(address, n, bytes);
    const moved = malloc(bytes);
    if (moved === 0) return bytes <= n ? resize(address, n, bytes) : 0;
    const kept = Math.min(n, bytes);
    memory.bytes.copyWithin(moved, address, address + kept);
    free(address);
    return moved;
  }

  function fitsInPlace(address: number, old: number, bytes: number): boolean {
    if (bytes <= old) return old - bytes <= Math.max(64, bytes >>> 2);
    const front = address - innerOf(address);
    return front + wholeWords(bytes) + TAIL_BYTES <= inner.usableSize(address - front);
  }

  function resize(address: number, old: number, bytes: number): number {
    if (bytes > old) memory.bytes.fill(GIVEN_PATTERN, address + old, address + bytes);
    writeFrontAndTail(address, bytes, (words[(address >>> 2) - 1] as number) & SHIFT_MASK);
    return address;
  }

  function usableSize(address: number): number {
    if (words.length === 0) refresh();
    if (address >>> 0 !== address || (address & misaligned) !== 0 || !isLive(address)) return 0;
    return frontIsWhole(address) ? sizeOf(address) : 0;
  }

  /** The live block inside a block of the design; 0 if there is none: it is held back, or the shell's own. */
  function liveIn(block: number, bytes: number): number {
    for (let shift = plainShift; shift < 32 && 2 ** shift < bytes; shift++) if (isLive(block + 2 ** shift)) return block + 2 ** shift;
    return 0;
  }

  function walk(visit: BlockVisitor): void {
    refresh();
    inner.walk((block, bytes, use) => {
      const address = use === BlockUse.used ? liveIn(block, bytes) : 0;
      if (address !== 0) visit(address, sizeOf(address), BlockUse.used);
      else visit(block, bytes, use === BlockUse.used ? BlockUse.own : use);
    });
  }

  function check(): void {
    refresh();
    inner.check();
    let live = 0;
    inner.walk((block, bytes, use) => {
      const address = use === BlockUse.used ? liveIn(block, bytes) : 0;
      if (address === 0) return;
      live++;
      expectHeap(frontIsWhole(address) && innerOf(address) === block, 'HD4', address, 'bytes before the block were overwritten');
      expectHeap(
        tailIsWhole(address, sizeOf(address)),
        'HD5',
        address,
        `bytes behind the block of ${sizeOf(address)} bytes were overwritten`,
      );
    });
    expectHeap(live === liveBits(), 'HD3', 4 * state, `${live} live blocks, ${liveBits()} in the map`);
    const limit = words[state + LIMIT] as number;
    for (let i = 0; i < (words[state + COUNT] as number); i++) {
      const address = (words[state + RING + (((words[state + OLDEST] as number) + i) % limit)] as number) >>> 0;
      expectHeap(heldIsWhole(address), 'HD6', address, 'a freed block was written to');
    }
  }

  function liveBits(): number {
    const first = (words[state + MAP] as number) >>> 2;
    const count = ((words[state + COVERED] as number) >>> 0) / 2 ** (GRAIN_SHIFT + 5);
    let bits = 0;
    for (let at = first; at < first + count; at++) for (let left = words[at] as number; left !== 0; left &= left - 1) bits++;
    return bits;
  }

  function reset(): void {
    refresh();
    const heldBlocks = words[state + LIMIT] as number;
    inner.reset();
    // There was room for both when the heap was smaller and as empty.
    const placed = formatHardening(memory, inner, { heldBlocks });
    expectHeap(placed, 'HD3', start, 'no room for the state of an empty heap');
    refresh();
  }

  return { malloc, free, realloc, memalign, usableSize, walk, check, reset, top: inner.top, refresh };
}
