// A kernel heap of buddies: blocks of powers of two, each half of one twice as large. Two free halves are one block again.
//
//   a frame   | map 64 | 64 | 128 | 256 | 512 | 1024 | 2048 |        all free, but for the map: two bits for each grain of 16 bytes
//   the map   | a block begins here: 256 bits | and is free: 256 bits |
//
//   a free block   | next free of its order | poison | previous | ... |
//
// A block of order k has 16 << k bytes and begins at a multiple of that in its frame, so its buddy's address differs in one bit; the map says
// whether that is a free block of the same order. Orders reach 2 KiB: above, a request takes a frame of its own. What leaves a frame all free
// is kept once, for the next who needs one.
//
// Invariants (quoted by `check`):
//   BH1  the blocks of a frame fill it; each is of an order, where blocks of that order begin; no two buddies are both free
//   BH2  the list of an order has exactly the free blocks of it, but for those of the spare frame; links go both ways
//   BH3  the frame's record in the frame table counts its given blocks; the spare's are none
// KH3 to KH5 are those of the contract. A block's exact order is known, its use is not.
// Cost: O(orders), 8. Sizes are rounded up to powers of two; each frame has 64 bytes of map.
// Source: Knowlton 1965; Knuth, The Art of Computer Programming 1, 2.5.

import { type FailurePlan, invariant, KernelPanic, PAGE_SIZE, type PhysAddr, pfn, physAddr } from '../../base/index.ts';
import { FrameKind, type FrameTable, type PhysicalMemory } from '../../frames/index.ts';
import {
  HeapAccounts,
  type HeapUse,
  type KernelHeap,
  type KernelHeapCosts,
  type KernelHeapKind,
  panicBlockSize,
  poisonOf,
  zeroWords,
} from './kernel-heap.ts';
import { GRAIN, MAX_BLOCK } from './size-classes.ts';
import { WholeFrames } from './whole-frames.ts';

/** 16 bytes to 2 KiB. */
const ORDERS = 8;
const GRAINS_PER_FRAME = PAGE_SIZE / GRAIN;
/** Grains of the map, and the orders of the blocks behind it in a frame that is all free: 64 bytes at 64, 128 at 128, and so on. */
const MAP_GRAINS = 4;
const FIRST_ORDER = 2;
/** Words of the map, and where its two halves begin. */
const BITS_WORDS = GRAINS_PER_FRAME / 32;
const MAP_WORDS = 2 * BITS_WORDS;
const BEGINS = 0;
const FREE = BITS_WORDS;
/** Words of a free block. */
const NEXT = 0;
const POISON = 1;
const PREVIOUS = 2;

class BuddyHeap implements KernelHeap {
  readonly name = 'buddy';
  readonly #memory: PhysicalMemory;
  readonly #table: FrameTable;
  readonly #words: Uint32Array;
  readonly #failure: FailurePlan | undefined;
  readonly #accounts = new HeapAccounts();
  readonly #whole: WholeFrames;
  /** By order: address of the first free block, 0 = none. */
  readonly #free = new Int32Array(ORDERS);
  /** The all-free frame kept, 0 = none. */
  #spare = 0;

  constructor(memory: PhysicalMemory, failure: FailurePlan | undefined) {
    this.#memory = memory;
    this.#table = memory.table;
    this.#words = memory.ram.words;
    this.#failure = failure;
    this.#whole = new WholeFrames(memory, this.#accounts);
  }

  get frames(): number {
    return this.#accounts.frames;
  }

  bytesInUse(use?: HeapUse): number {
    return this.#accounts.bytesInUse(use);
  }

  costs(): KernelHeapCosts {
    return this.#accounts.costs();
  }

  allocate(sizeBytes: number, use: HeapUse): PhysAddr {
    const order = orderFor(sizeBytes);
    if (this.#failure?.next() === true) return physAddr(0);
    const block = order >= ORDERS ? this.#allocateWhole(sizeBytes, use) : this.#allocateBlock(order, sizeBytes, use);
    if (block !== 0) zeroWords(this.#words, block >>> 2, (GRAIN << order) >>> 2);
    return physAddr(block);
  }

  /** A frame kept for later is better given back for this. */
  #allocateWhole(sizeBytes: number, use: HeapUse): number {
    return this.#whole.allocate(sizeBytes, use) || (this.#dropSpare() ? this.#whole.allocate(sizeBytes, use) : 0);
  }

  #allocateBlock(order: number, sizeBytes: number, use: HeapUse): number {
    let from = order;
    while (from < ORDERS && this.#free[from] === 0) from++;
    if (from === ORDERS) {
      if (!this.#openFrame()) return 0;
      from = Math.max(order, FIRST_ORDER);
    }
    const block = this.#free[from] as number;
    this.#takeOff(block, from);
    while (from > order) this.#putOn(block + (GRAIN << --from), from);
    const frame = pfn(block >>> 12);
    this.#table.setIndex(frame, this.#table.index(frame) + 1);
    this.#accounts.give(use, GRAIN << order, sizeBytes);
    return block;
  }

  free(address: number, sizeBytes: number, use: HeapUse): void {
    const order = orderFor(sizeBytes);
    if (order >= ORDERS) {
      this.#whole.free(address, use);
      return;
    }
    this.#expectGiven(address, order);
    this.#accounts.expectUse(use, GRAIN << order, address);
    this.#accounts.takeBack(use, GRAIN << order);
    this.#join(address, order);
    const frame = pfn(address >>> 12);
    const given = this.#table.index(frame) - 1;
    this.#table.setIndex(frame, given);
    if (given === 0) this.#closeFrame(frame);
  }

  reap(): number {
    const frames = this.#dropSpare() ? 1 : 0;
    this.#accounts.reapedFrames += frames;
    return frames;
  }

  #dropSpare(): boolean {
    if (this.#spare === 0) return false;
    this.#giveBack(this.#spare);
    this.#spare = 0;
    return true;
  }

  #giveBack(frame: number): void {
    this.#memory.free(pfn(frame));
    this.#accounts.addFrames(-1);
  }

  /** Puts the blocks of an all-free frame on their lists. Returns false when no frame is left. */
  #openFrame(): boolean {
    let frame = this.#spare;
    this.#spare = 0;
    if (frame !== 0) this.#expectFrameUnwritten(frame);
    else {
      const taken = this.#memory.allocate(FrameKind.kernelHeap);
      if (taken === -1) return false;
      this.#accounts.addFrames(1);
      frame = taken;
      zeroWords(this.#words, (frame * PAGE_SIZE) >>> 2, MAP_WORDS);
      this.#setBit(BEGINS, frame * PAGE_SIZE);
    }
    for (let order = FIRST_ORDER; order < ORDERS; order++) this.#putOn(frame * PAGE_SIZE + (GRAIN << order), order);
    return true;
  }

  #expectFrameUnwritten(frame: number): void {
    for (let order = FIRST_ORDER; order < ORDERS; order++) this.#expectPoison(frame * PAGE_SIZE + (GRAIN << order));
  }

  /** Takes the blocks of a frame that has become all free off their lists. */
  #closeFrame(frame: number): void {
    for (let order = FIRST_ORDER; order < ORDERS; order++) this.#takeOff(frame * PAGE_SIZE + (GRAIN << order), order);
    if (this.#spare === 0) this.#spare = frame;
    else this.#giveBack(frame);
  }

  /** Frees a block together with its free buddy, and that one's, and so on. */
  #join(address: number, ownOrder: number): void {
    let [block, order] = [address, ownOrder];
    for (; order < ORDERS - 1; order++) {
      const buddy = block ^ (GRAIN << order);
      if (!this.#isFree(buddy) || !this.#isBlock(buddy, order)) break;
      this.#takeOff(buddy, order);
      this.#clearBit(BEGINS, Math.max(block, buddy));
      block = Math.min(block, buddy);
    }
    this.#putOn(block, order);
  }

  #putOn(block: number, order: number): void {
    const at = block >>> 2;
    const head = this.#free[order] as number;
    this.#words[at + NEXT] = head;
    this.#words[at + POISON] = poisonOf(block);
    this.#words[at + PREVIOUS] = 0;
    if (head !== 0) this.#words[(head >>> 2) + PREVIOUS] = block;
    this.#free[order] = block;
    this.#setBit(BEGINS, block);
    this.#setBit(FREE, block);
  }

  #takeOff(block: number, order: number): void {
    const at = block >>> 2;
    this.#expectPoison(block);
    const next = this.#words[at + NEXT] as number;
    const previous = this.#words[at + PREVIOUS] as number;
    if (previous === 0) this.#free[order] = next;
    else this.#words[(previous >>> 2) + NEXT] = next;
    if (next !== 0) this.#words[(next >>> 2) + PREVIOUS] = previous;
    this.#clearBit(FREE, block);
  }

  // The map: bit g % 32 of word g / 32 is grain g's.

  #setBit(bits: number, block: number): void {
    const at = ((block >>> 12) << 10) + bits + ((block >>> 9) & (BITS_WORDS - 1));
    this.#words[at] = (this.#words[at] as number) | (1 << ((block >>> 4) & 31));
  }

  #clearBit(bits: number, block: number): void {
    const at = ((block >>> 12) << 10) + bits + ((block >>> 9) & (BITS_WORDS - 1));
    this.#words[at] = (this.#words[at] as number) & ~(1 << ((block >>> 4) & 31));
  }

  #bit(map: number, grain: number): boolean {
    return (((this.#words[map + (grain >>> 5)] as number) >>> (grain & 31)) & 1) !== 0;
  }

  #isFree(block: number): boolean {
    return this.#bit(((block >>> 12) << 10) + FREE, (block >>> 4) & (GRAINS_PER_FRAME - 1));
  }

  /** Tells whether a block of the order, free or given, begins at `block`, a place for that order: the next one begins behind it. */
  #isBlock(block: number, order: number): boolean {
    const map = (block >>> 12) << 10;
    const grain = (block >>> 4) & (GRAINS_PER_FRAME - 1);
    return this.#bit(map, grain) && this.#nextBegin(map, grain) === grain + (1 << order);
  }

  /** Returns the grain at which the next block after the one at `grain` begins; the frame's end counts. */
  #nextBegin(map: number, grain: number): number {
    const from = grain + 1;
    for (let word = from >>> 5; word < BITS_WORDS; word++) {
      let bits = this.#words[map + word] as number;
      if (word === from >>> 5) bits &= -1 << (from & 31);
      if (bits !== 0) return word * 32 + 31 - Math.clz32(bits & -bits);
    }
    return GRAINS_PER_FRAME;
  }

  #expectPoison(block: number): void {
    if (this.#words[(block >>> 2) + POISON] === poisonOf(block)) return;
    throw new KernelPanic('KH3', `the block at ${block} was written after it was freed`);
  }

  #expectGiven(address: number, order: number): void {
    const frame = address >>> 12;
    const isPlace =
      frame > 0 &&
      frame < this.#table.count &&
      this.#table.kind(pfn(frame)) === FrameKind.kernelHeap &&
      !this.#whole.has(frame) &&
      address % (GRAIN << order) === 0 &&
      address % PAGE_SIZE >= MAP_GRAINS * GRAIN;
    if (!isPlace || this.#isFree(address) || !this.#isBlock(address, order)) {
      throw new KernelPanic('KH4', `no block of ${GRAIN << order} bytes that is given begins at ${address}`);
    }
  }

  check(): void {
    const free = Array.from({ length: ORDERS }, () => new Set<number>());
    let bytes = 0;
    for (let frame = 1; frame < this.#table.count; frame++) {
      if (this.#table.kind(pfn(frame)) !== FrameKind.kernelHeap) continue;
      if (this.#whole.has(frame)) bytes += PAGE_SIZE;
      else if (frame !== this.#spare) bytes += this.#checkFrame(frame, free);
    }
    if (this.#spare !== 0) this.#expectFrameUnwritten(this.#spare);
    invariant(this.#spare === 0 || this.#table.index(pfn(this.#spare)) === 0, 'BH3', () => `the spare ${this.#spare} has given blocks`);
    this.#accounts.check(this.#memory, bytes);
    for (const [order, expected] of free.entries()) this.#checkList(order, expected);
  }

  /** Adds a frame's free blocks to `free`. Returns the bytes of the given ones. */
  #checkFrame(frame: number, free: readonly Set<number>[]): number {
    const map = frame << 10;
    invariant(this.#bit(map, 0) && this.#nextBegin(map, 0) === MAP_GRAINS, 'BH1', () => `frame ${frame} does not begin with its map`);
    let [bytes, given] = [0, 0];
    for (let grain = MAP_GRAINS; grain < GRAINS_PER_FRAME; grain = this.#nextBegin(map, grain)) {
      const grains = this.#nextBegin(map, grain) - grain;
      const order = 31 - Math.clz32(grains);
      const block = frame * PAGE_SIZE + grain * GRAIN;
      const isBlock = order < ORDERS && grains === 1 << order && grain % grains === 0;
      invariant(isBlock, 'BH1', () => `the block at ${block} has ${grains} grains`);
      if (!this.#isFree(block)) {
        bytes += grains * GRAIN;
        given++;
        continue;
      }
      const buddy = block ^ (grains * GRAIN);
      const isApart = order === ORDERS - 1 || !(this.#isFree(buddy) && this.#isBlock(buddy, order));
      invariant(isApart, 'BH1', () => `the block at ${block} and its buddy are both free`);
      this.#expectPoison(block);
      (free[order] as Set<number>).add(block);
    }
    invariant(this.#table.index(pfn(frame)) === given, 'BH3', () => `frame ${frame} counts other than ${given} given blocks`);
    return bytes;
  }

  #checkList(order: number, expected: Set<number>): void {
    let previous = 0;
    for (let block = this.#free[order] as number; block !== 0; block = this.#words[(block >>> 2) + NEXT] as number) {
      const belongs = expected.delete(block) && this.#words[(block >>> 2) + PREVIOUS] === previous;
      invariant(belongs, 'BH2', () => `the block at ${block} is not listed as it should be`);
      previous = block;
    }
    invariant(expected.size === 0, 'BH2', () => `the free block at ${[...expected][0]} is not listed`);
  }
}

/** Returns the order of a block; `ORDERS` and more take a frame. Panics (KH4) for a size that none has. */
function orderFor(sizeBytes: number): number {
  if (!(sizeBytes >= 1 && sizeBytes <= MAX_BLOCK)) panicBlockSize(sizeBytes);
  return 32 - Math.clz32((sizeBytes - 1) >>> 4);
}

/** Powers of two in frames. */
export const buddyHeap: KernelHeapKind = {
  name: 'buddy',
  meaning: 'powers of two that split and join',
  make: (memory, failure) => new BuddyHeap(memory, failure),
};
