// The default kernel heap: slabs of one frame, by size alone.
//
// A slab is one frame cut into blocks of one size (size-classes.ts). Its header is in the frame table's record of that
// frame, not in the frame, so that blocks fill the page exactly:
//
//   frame table   owner     address of the first free block, 0 = none
//   of the slab   index     [ size class : 16 | blocks used : 16 ]
//                 next      next partial slab of the class, 0 = none
//                 previous  the one before, 0 = none (it is the class's head)
//
//   the frame     | block | block | free: [ next free | poison | ... ] | block | free ... | rest that holds no block |
//
//   state      full: used = all, on no list      partial: on its class's list      empty: the class's spare, or given back
//
// Invariants (quoted by `check`):
//   KH1  used + length of the free list = blocks per slab; free blocks are distinct, inside the slab, at multiples of the block size
//   KH2  a slab is on its class's partial list exactly if 0 < used < blocks per slab; the only empty slab of a class is its spare
//   KH3  a free block's second word is its poison, a mix of its address: a write after free panics at the next allocate or check
// KH3 to KH5 are those of the contract (kernel-heap.ts). Of a block's size and use, slabs know its class alone.
//
// Cost: allocate and free O(1), no JS objects; zeroing the block dominates above 128 bytes. A block that looks free (its second
// word happens to be the poison) costs a walk of its slab's free list. Overhead: 0 to 1.6 % of a frame, plus the rounding to classes.
// Source: Bonwick 1994, "The Slab Allocator", without constructors, colouring and magazines, which cache-heap.ts has.
// The `as number` on array reads: classes are below 12, addresses are checked against the frame table before RAM is read.

import { type FailurePlan, invariant, KernelPanic, type Pfn, type PhysAddr, pfn, physAddr } from '../../base/index.ts';
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
import { classByGrains, classSizes, GRAIN, MAX_BLOCK } from './size-classes.ts';

/** Slabs of one frame each. */
class SlabHeap implements KernelHeap {
  readonly name = 'slab';
  readonly #memory: PhysicalMemory;
  readonly #table: FrameTable;
  readonly #words: Uint32Array;
  readonly #failure: FailurePlan | undefined;
  readonly #classes = classByGrains();
  readonly #sizes = Int32Array.from(classSizes);
  /** Per class: head of the partial list, and the spare empty slab; 0 = none, as frame 0 is never given. */
  readonly #partial = new Int32Array(classSizes.length);
  readonly #spare = new Int32Array(classSizes.length);
  readonly #accounts = new HeapAccounts();
  readonly #given = this.#accounts.given;
  readonly #back = this.#accounts.back;

  constructor(memory: PhysicalMemory, failure: FailurePlan | undefined) {
    this.#memory = memory;
    this.#table = memory.table;
    this.#words = memory.ram.words;
    this.#failure = failure;
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
    const sizeClass = this.#classOf(sizeBytes);
    if (this.#failure?.next() === true) return physAddr(0);
    const table = this.#table;
    const slab = pfn((this.#partial[sizeClass] as number) || this.#openSlab(sizeClass));
    if (slab === 0) return physAddr(0);
    const block = table.owner(slab);
    const at = block >>> 2;
    if (this.#words[at + 1] !== poisonOf(block)) throw new KernelPanic('KH3', `the block at ${block} was written after it was freed`);
    const next = this.#words[at] as number;
    table.setOwner(slab, next);
    table.setIndex(slab, table.index(slab) + 1);
    if (next === 0) this.#unlinkPartial(slab, sizeClass);
    const size = this.#sizes[sizeClass] as number;
    zeroWords(this.#words, at, size >>> 2);
    this.#given[use] = (this.#given[use] as number) + size;
    if (size !== sizeBytes) this.#accounts.addRounding(size - sizeBytes);
    return physAddr(block);
  }

  free(address: number, sizeBytes: number, use: HeapUse): void {
    const sizeClass = this.#classOf(sizeBytes);
    const table = this.#table;
    const slab = pfn(address >>> 12);
    this.#expectGiven(address, slab, sizeClass, use);
    const first = table.owner(slab);
    const at = address >>> 2;
    this.#words[at] = first;
    this.#words[at + 1] = poisonOf(address);
    table.setOwner(slab, address);
    table.setIndex(slab, table.index(slab) - 1);
    this.#back[use] = (this.#back[use] as number) + (this.#sizes[sizeClass] as number);
    if (first === 0) this.#linkPartial(slab, sizeClass);
    if (usedOf(table.index(slab)) === 0) this.#closeSlab(slab, sizeClass);
  }

  /** Of each class one empty slab is kept until then. */
  reap(): number {
    let reaped = 0;
    for (let sizeClass = 0; sizeClass < this.#spare.length; sizeClass++) {
      const slab = this.#spare[sizeClass] as number;
      if (slab === 0) continue;
      this.#spare[sizeClass] = 0;
      this.#giveBack(pfn(slab));
      reaped++;
    }
    this.#accounts.reapedFrames += reaped;
    return reaped;
  }

  check(): void {
    let bytes = 0;
    const partial = new Int32Array(this.#partial.length);
    for (let frame = 1; frame < this.#table.count; frame++) {
      if (this.#table.kind(pfn(frame)) !== FrameKind.kernelHeap) continue;
      const used = this.#checkSlab(pfn(frame));
      const sizeClass = sizeClassOf(this.#table.index(pfn(frame)));
      const size = this.#sizes[sizeClass] as number;
      if (used > 0 && used < Math.floor(MAX_BLOCK / size)) partial[sizeClass] = (partial[sizeClass] as number) + 1;
      bytes += used * size;
    }
    this.#accounts.check(this.#memory, bytes);
    for (const [sizeClass, expected] of partial.entries()) this.#checkPartialList(sizeClass, expected);
  }

  #classOf(sizeBytes: number): number {
    if (!(sizeBytes >= 1 && sizeBytes <= MAX_BLOCK)) panicBlockSize(sizeBytes);
    return this.#classes[(sizeBytes + GRAIN - 1) >>> 4] as number;
  }

  /** Returns an empty slab of the class, now at the head of its partial list; 0 when no frame is left. */
  #openSlab(sizeClass: number): number {
    let slab = this.#spare[sizeClass] as number;
    if (slab !== 0) this.#spare[sizeClass] = 0;
    else {
      slab = this.#memory.allocate(FrameKind.kernelHeap);
      if (slab === -1) return 0;
      this.#cut(pfn(slab), sizeClass);
      this.#accounts.addFrames(1);
    }
    this.#linkPartial(pfn(slab), sizeClass);
    return slab;
  }

  /** Threads the free list through a fresh frame, lowest address first. */
  #cut(slab: Pfn, sizeClass: number): void {
    const size = this.#sizes[sizeClass] as number;
    let next = 0;
    for (let i = Math.floor(MAX_BLOCK / size) - 1; i >= 0; i--) {
      const block = slab * MAX_BLOCK + i * size;
      this.#words[block >>> 2] = next;
      this.#words[(block >>> 2) + 1] = poisonOf(block);
      next = block;
    }
    this.#table.setOwner(slab, next);
    this.#table.setIndex(slab, sizeClass << 16);
  }

  #closeSlab(slab: Pfn, sizeClass: number): void {
    this.#unlinkPartial(slab, sizeClass);
    if (this.#spare[sizeClass] === 0) this.#spare[sizeClass] = slab;
    else this.#giveBack(slab);
  }

  #giveBack(slab: Pfn): void {
    this.#memory.free(slab);
    this.#accounts.addFrames(-1);
  }

  #linkPartial(slab: Pfn, sizeClass: number): void {
    const head = this.#partial[sizeClass] as number;
    this.#table.setNext(slab, head);
    this.#table.setPrevious(slab, 0);
    if (head !== 0) this.#table.setPrevious(pfn(head), slab);
    this.#partial[sizeClass] = slab;
  }

  #unlinkPartial(slab: Pfn, sizeClass: number): void {
    const next = this.#table.next(slab);
    const previous = this.#table.previous(slab);
    if (previous === 0) this.#partial[sizeClass] = next;
    else this.#table.setNext(pfn(previous), next);
    if (next !== 0) this.#table.setPrevious(pfn(next), previous);
    this.#table.setNext(slab, 0);
    this.#table.setPrevious(slab, 0);
  }

  #expectGiven(address: number, slab: Pfn, sizeClass: number, use: HeapUse): void {
    const size = this.#sizes[sizeClass] as number;
    const offset = address & (MAX_BLOCK - 1);
    const isBlock =
      slab > 0 &&
      slab < this.#table.count &&
      this.#table.kind(slab) === FrameKind.kernelHeap &&
      sizeClassOf(this.#table.index(slab)) === sizeClass &&
      offset % size === 0 &&
      offset + size <= MAX_BLOCK;
    if (!isBlock) throw new KernelPanic('KH4', `no block of ${size} bytes begins at ${address}`);
    if (this.#words[(address >>> 2) + 1] === poisonOf(address) && this.#isOnFreeList(address, slab)) {
      throw new KernelPanic('KH4', `the block at ${address} is freed twice`);
    }
    if ((this.#given[use] as number) - (this.#back[use] as number) < size) this.#accounts.expectUse(use, size, address);
  }

  #isOnFreeList(address: number, slab: Pfn): boolean {
    let block = this.#table.owner(slab);
    while (block !== 0 && block !== address) block = this.#words[block >>> 2] as number;
    return block !== 0;
  }

  /** Checks KH1, KH3 and the spare's part of KH2. Returns the blocks used. */
  #checkSlab(slab: Pfn): number {
    const header = this.#table.index(slab);
    const used = usedOf(header);
    const sizeClass = sizeClassOf(header);
    const size = this.#sizes[sizeClass];
    if (size === undefined) throw new KernelPanic('KH1', `slab ${slab} is of class ${sizeClass}`);
    const free = new Set<number>();
    for (let block = this.#table.owner(slab); block !== 0; block = this.#words[block >>> 2] as number) {
      const offset = block - slab * MAX_BLOCK;
      const isInside = offset >= 0 && offset + size <= MAX_BLOCK && offset % size === 0 && !free.has(block);
      invariant(isInside, 'KH1', () => `slab ${slab} has the free block ${block} outside it, askew or twice`);
      invariant(this.#words[(block >>> 2) + 1] === poisonOf(block), 'KH3', () => `the block at ${block} was written after it was freed`);
      free.add(block);
    }
    invariant(used + free.size === Math.floor(MAX_BLOCK / size), 'KH1', () => `slab ${slab}: ${used} used and ${free.size} free`);
    invariant(used > 0 || this.#spare[sizeClass] === slab, 'KH2', () => `slab ${slab} is empty and not the spare`);
    return used;
  }

  #checkPartialList(sizeClass: number, expected: number): void {
    let count = 0;
    let previous = 0;
    for (let slab = this.#partial[sizeClass] as number; slab !== 0; slab = this.#table.next(pfn(slab))) {
      const header = this.#table.index(pfn(slab));
      const isPartial =
        this.#table.kind(pfn(slab)) === FrameKind.kernelHeap &&
        sizeClassOf(header) === sizeClass &&
        usedOf(header) > 0 &&
        this.#table.owner(pfn(slab)) !== 0;
      invariant(
        isPartial && this.#table.previous(pfn(slab)) === previous,
        'KH2',
        () => `slab ${slab} is not a partial slab of class ${sizeClass}`,
      );
      invariant(++count <= expected, 'KH2', () => `class ${sizeClass} lists more than ${expected} slabs`);
      previous = slab;
    }
    invariant(count === expected, 'KH2', () => `class ${sizeClass} lists ${count} of ${expected} partial slabs`);
  }
}

const usedOf = (header: number): number => header & 0xffff;
const sizeClassOf = (header: number): number => header >>> 16;

/** The default. */
export const slabHeap: KernelHeapKind = {
  name: 'slab',
  meaning: 'slabs of one frame by size',
  make: (memory, failure) => new SlabHeap(memory, failure),
};
