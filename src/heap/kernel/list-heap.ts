// The simplest kernel heap that joins what is free: blocks of any size with a header before each, and one list of the free ones.
//
//   a frame   | header | block ... | header | free ... | header | block | header |          (a free block may be a header alone)
//
//   header    4 words: | units << 1 | given | units before | given: use, free: next free | given: guard, free: previous free |
//
// Units are 16 bytes, the header one of them. The first free block that is large enough loses its end to the request. A block that comes
// back is joined with its neighbours, which its header and the one behind tell in O(1). What leaves a frame all free is kept once, for the
// next who needs one. A request that does not fit beside a header takes a frame of its own.
//
// Invariants (quoted by `check`):
//   LH1  the blocks of a frame fill it, and each knows the units of the one before; no two neighbours are both free
//   LH2  the list has exactly the free blocks of two units or more, but for the spare frame; links go both ways
//   LH3  a given block's guard is a mix of its address; a free block's second word after its header is its poison (else KH3)
// KH3 to KH5 are those of the contract. A block's exact size (in units) and its use are known.
// Cost: free O(1), allocate O(free blocks that are too small): the list's weakness, beside 16 bytes for each block.
// Source: Knuth, The Art of Computer Programming 1, 2.5, boundary tags; Kernighan and Ritchie's malloc has the units.

import { type FailurePlan, invariant, KernelPanic, PAGE_SIZE, type PhysAddr, pfn, physAddr } from '../../base/index.ts';
import { FrameKind, type PhysicalMemory } from '../../frames/index.ts';
import {
  HeapAccounts,
  type HeapUse,
  heapUseNames,
  type KernelHeap,
  type KernelHeapCosts,
  type KernelHeapKind,
  panicBlockSize,
  poisonOf,
  zeroWords,
} from './kernel-heap.ts';
import { MAX_BLOCK } from './size-classes.ts';
import { WholeFrames } from './whole-frames.ts';

const UNIT = 16;
const UNIT_WORDS = 4;
const UNITS_PER_FRAME = PAGE_SIZE / UNIT;
/** Words of a header. A free block's links are in the places of use and guard. */
const SIZE = 0;
const BEFORE = 1;
const USE = 2;
const GUARD = 3;
const NEXT = 2;
const PREVIOUS = 3;
const POISON = 5;

/** Bit of the size word: the block is given. */
const GIVEN = 1;

class ListHeap implements KernelHeap {
  readonly name = 'list';
  readonly #memory: PhysicalMemory;
  readonly #words: Uint32Array;
  readonly #failure: FailurePlan | undefined;
  readonly #accounts = new HeapAccounts();
  readonly #whole: WholeFrames;
  /** Headers' addresses: the first free block, and the all-free frame kept; 0 = none. */
  #first = 0;
  #spare = 0;

  constructor(memory: PhysicalMemory, failure: FailurePlan | undefined) {
    this.#memory = memory;
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
    const units = unitsFor(sizeBytes);
    if (this.#failure?.next() === true) return physAddr(0);
    const block = units > UNITS_PER_FRAME ? this.#allocateWhole(sizeBytes, use) : this.#allocateUnits(units, sizeBytes, use);
    if (block !== 0) zeroWords(this.#words, block >>> 2, ((Math.min(units, UNITS_PER_FRAME + 1) - 1) * UNIT) >>> 2);
    return physAddr(block);
  }

  /** A frame kept for later is better given back for this. */
  #allocateWhole(sizeBytes: number, use: HeapUse): number {
    return this.#whole.allocate(sizeBytes, use) || (this.#dropSpare() ? this.#whole.allocate(sizeBytes, use) : 0);
  }

  #allocateUnits(units: number, sizeBytes: number, use: HeapUse): number {
    const free = this.#findFree(units);
    if (free === 0) return 0;
    const at = free >>> 2;
    this.#expectPoison(free);
    const left = this.#units(free) - units;
    if (left < 2) this.#unlink(free);
    const header = free + left * UNIT;
    const before = left === 0 ? (this.#words[at + BEFORE] as number) : left;
    if (left > 0) this.#words[at + SIZE] = left << 1;
    this.#setHeader(header, units, before, GIVEN);
    this.#words[(header >>> 2) + USE] = use;
    this.#words[(header >>> 2) + GUARD] = poisonOf(header);
    this.#tellNext(header, units);
    this.#accounts.give(use, (units - 1) * UNIT, sizeBytes, UNIT);
    return header + UNIT;
  }

  free(address: number, sizeBytes: number, use: HeapUse): void {
    const units = unitsFor(sizeBytes);
    if (units > UNITS_PER_FRAME) {
      this.#whole.free(address, use);
      return;
    }
    const header = address - UNIT;
    this.#expectGiven(header, units, use);
    this.#accounts.takeBack(use, (units - 1) * UNIT);
    this.#join(header, units);
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

  /** Returns the first free block that is large enough; 0 when there is none and no frame is left. */
  #findFree(units: number): number {
    for (let free = this.#first; free !== 0; free = this.#words[(free >>> 2) + NEXT] as number) {
      if (this.#units(free) >= units) return free;
    }
    let free = this.#spare;
    this.#spare = 0;
    if (free !== 0) this.#expectPoison(free);
    else {
      const frame = this.#memory.allocate(FrameKind.kernelHeap);
      if (frame === -1) return 0;
      this.#accounts.addFrames(1);
      free = frame * PAGE_SIZE;
      this.#setHeader(free, UNITS_PER_FRAME, 0, 0);
    }
    this.#link(free);
    return free;
  }

  /** Frees a block together with its free neighbours. Headers that vanish are cleared: nothing that is not given may look so. */
  #join(header: number, ownUnits: number): void {
    let [start, units] = [header, ownUnits];
    const behind = header + units * UNIT;
    if (behind % PAGE_SIZE !== 0 && !this.#isGiven(behind)) {
      units += this.#units(behind);
      this.#absorb(behind);
    }
    const before = this.#words[(header >>> 2) + BEFORE] as number;
    if (before !== 0 && !this.#isGiven(header - before * UNIT)) {
      start = header - before * UNIT;
      units += before;
      if (before >= 2) this.#unlink(start);
      zeroWords(this.#words, header >>> 2, UNIT_WORDS);
    }
    this.#setHeader(start, units, this.#words[(start >>> 2) + BEFORE] as number, 0);
    this.#tellNext(start, units);
    if (units === UNITS_PER_FRAME) this.#keepOrGiveBack(start);
    else if (units >= 2) this.#link(start);
  }

  #absorb(free: number): void {
    if (this.#units(free) >= 2) this.#unlink(free);
    zeroWords(this.#words, free >>> 2, UNIT_WORDS);
  }

  #keepOrGiveBack(start: number): void {
    if (this.#spare !== 0) this.#giveBack(start);
    else {
      this.#spare = start;
      this.#words[(start >>> 2) + POISON] = poisonOf(start);
    }
  }

  #giveBack(start: number): void {
    this.#memory.free(pfn(start / PAGE_SIZE));
    this.#accounts.addFrames(-1);
  }

  #units(header: number): number {
    return (this.#words[header >>> 2] as number) >>> 1;
  }

  #isGiven(header: number): boolean {
    return ((this.#words[header >>> 2] as number) & GIVEN) !== 0;
  }

  #setHeader(header: number, units: number, before: number, state: number): void {
    this.#words[(header >>> 2) + SIZE] = (units << 1) | state;
    this.#words[(header >>> 2) + BEFORE] = before;
  }

  /** Tells the block behind how long this one is. */
  #tellNext(header: number, units: number): void {
    const behind = header + units * UNIT;
    if (behind % PAGE_SIZE !== 0) this.#words[(behind >>> 2) + BEFORE] = units;
  }

  #link(free: number): void {
    const at = free >>> 2;
    this.#words[at + NEXT] = this.#first;
    this.#words[at + PREVIOUS] = 0;
    this.#words[at + POISON] = poisonOf(free);
    if (this.#first !== 0) this.#words[(this.#first >>> 2) + PREVIOUS] = free;
    this.#first = free;
  }

  #unlink(free: number): void {
    const next = this.#words[(free >>> 2) + NEXT] as number;
    const previous = this.#words[(free >>> 2) + PREVIOUS] as number;
    if (previous === 0) this.#first = next;
    else this.#words[(previous >>> 2) + NEXT] = next;
    if (next !== 0) this.#words[(next >>> 2) + PREVIOUS] = previous;
  }

  #expectPoison(free: number): void {
    if (this.#words[(free >>> 2) + POISON] !== poisonOf(free)) throw new KernelPanic('KH3', `the free block at ${free} was written`);
  }

  #expectGiven(header: number, units: number, use: HeapUse): void {
    const frame = header >>> 12;
    const { table } = this.#memory;
    const isInHeap =
      header > 0 &&
      header % UNIT === 0 &&
      frame < table.count &&
      table.kind(pfn(frame)) === FrameKind.kernelHeap &&
      !this.#whole.has(frame) &&
      header - frame * PAGE_SIZE + units * UNIT <= PAGE_SIZE;
    if (!isInHeap || !this.#looksGiven(header, units)) {
      throw new KernelPanic('KH4', `no block of ${(units - 1) * UNIT} bytes that is given begins at ${header + UNIT}`);
    }
    if (this.#words[(header >>> 2) + USE] !== use) {
      throw new KernelPanic('KH4', `the block at ${header + UNIT} was not given for ${heapUseNames[use]}`);
    }
  }

  /** Also the neighbours must agree: a block's content may look like a header. */
  #looksGiven(header: number, units: number): boolean {
    const at = header >>> 2;
    if (this.#words[at + SIZE] !== ((units << 1) | GIVEN) || this.#words[at + GUARD] !== poisonOf(header)) return false;
    const behind = header + units * UNIT;
    if (behind % PAGE_SIZE !== 0 && this.#words[(behind >>> 2) + BEFORE] !== units) return false;
    const before = this.#words[at + BEFORE] as number;
    if (before === 0) return header % PAGE_SIZE === 0;
    return before * UNIT <= header % PAGE_SIZE && this.#units(header - before * UNIT) === before;
  }

  check(): void {
    const free = new Set<number>();
    let bytes = 0;
    const { table } = this.#memory;
    for (let frame = 1; frame < table.count; frame++) {
      if (table.kind(pfn(frame)) !== FrameKind.kernelHeap) continue;
      bytes += this.#whole.has(frame) ? PAGE_SIZE : this.#checkFrame(frame * PAGE_SIZE, free);
    }
    invariant(this.#spare === 0 || free.delete(this.#spare), 'LH2', () => `the spare at ${this.#spare} is no free block`);
    this.#accounts.check(this.#memory, bytes);
    this.#checkList(free);
  }

  /** Adds a frame's free blocks to `free`. Returns the bytes of the given ones. */
  #checkFrame(start: number, free: Set<number>): number {
    let bytes = 0;
    let before = 0;
    let beforeIsFree = false;
    for (let header = start; header < start + PAGE_SIZE; header += before * UNIT) {
      const units = this.#units(header);
      const isGiven = this.#isGiven(header);
      const fits = units >= 1 && header + units * UNIT <= start + PAGE_SIZE && this.#words[(header >>> 2) + BEFORE] === before;
      invariant(fits && !(beforeIsFree && !isGiven), 'LH1', () => `the block at ${header} does not fit between its neighbours`);
      if (isGiven) {
        invariant(this.#words[(header >>> 2) + GUARD] === poisonOf(header), 'LH3', () => `the header at ${header} was written`);
        bytes += (units - 1) * UNIT;
      } else if (units >= 2) {
        this.#expectPoison(header);
        free.add(header);
      }
      before = units;
      beforeIsFree = !isGiven;
    }
    return bytes;
  }

  #checkList(free: Set<number>): void {
    let previous = 0;
    for (let block = this.#first; block !== 0; block = this.#words[(block >>> 2) + NEXT] as number) {
      const belongs = free.delete(block) && this.#words[(block >>> 2) + PREVIOUS] === previous;
      invariant(belongs, 'LH2', () => `the block at ${block} is not listed as it should be`);
      previous = block;
    }
    invariant(free.size === 0, 'LH2', () => `the free block at ${[...free][0]} is not listed`);
  }
}

/** Returns the units of a block with its header. Panics (KH4) for a size that none has. */
function unitsFor(sizeBytes: number): number {
  if (!(sizeBytes >= 1 && sizeBytes <= MAX_BLOCK)) panicBlockSize(sizeBytes);
  return 1 + ((sizeBytes + UNIT - 1) >>> 4);
}

/** First fit with boundary tags. */
export const listHeap: KernelHeapKind = {
  name: 'list',
  meaning: 'first fit, boundary tags',
  make: (memory, failure) => new ListHeap(memory, failure),
};
