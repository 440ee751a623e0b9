// The swap pager of one object: where its pages go on the swap device. Swap is given in blocks of 32 to 128 KiB of neighbouring
// slots, and a page has its fixed place in its block, for as long as the object lives:
//
//   page      0 .. 7 | 8 .. 15 | 16 .. 23        block      { first slot + 1, bit per page: content is there }
//   block       0    |    1    |    2            slot       first slot + page modulo block size
//
// So neighbours in the object are neighbours on the device, but dirty pages of different objects, or far apart, can never be written
// in one operation, and a changed page must go back to its old place.
//
// Invariants (quoted by `check`):
//   SP1  used slots = slots of all blocks of all swap pagers, each in one block
//   SP2  a page whose content is in its place is in the object's window
// Cost: O(1) per page; a block takes two words of a radix index. Source: 4.4BSD's swap_pager.c.

import { invariant } from '../../base/index.ts';
import { HeapUse, RadixIndex } from '../../heap/index.ts';
import type { Machine, SwapSpace } from '../../system/index.ts';

/** Size of 4.4BSD's struct sw_pager and struct pager_struct on a 32-bit machine. */
const SWAP_PAGER_BYTES = 48;
/** Pages in a block: 32 KiB for the smallest objects, 128 KiB for the largest. */
const SMALLEST_BLOCK = 8;
const LARGEST_BLOCK = 32;
/** An object is given larger blocks rather than more than this many. */
const BLOCKS_WANTED = 8;

/** Places of one object's pages on swap. */
export class SwapPager {
  readonly blockPages: number;
  readonly #machine: Machine;
  readonly #swap: SwapSpace;
  readonly #block: number;
  /** Word 2b: first slot of block b, plus 1. Word 2b + 1: which of its pages are there. */
  readonly #blocks: RadixIndex;
  #slots = 0;

  private constructor(machine: Machine, swap: SwapSpace, pages: number, block: number) {
    this.#machine = machine;
    this.#swap = swap;
    this.#block = block;
    this.#blocks = new RadixIndex(machine.heap, machine.ram.words, HeapUse.object);
    let size = SMALLEST_BLOCK;
    while (size < LARGEST_BLOCK && pages > size * BLOCKS_WANTED) size *= 2;
    this.blockPages = size;
  }

  /** Makes the pager of an object of `pages` pages, without blocks. Returns undefined when out of kernel memory. */
  static create(machine: Machine, swap: SwapSpace, pages: number): SwapPager | undefined {
    const block = machine.heap.allocate(SWAP_PAGER_BYTES, HeapUse.object);
    return block === 0 ? undefined : new SwapPager(machine, swap, pages, block);
  }

  /** Slots that its blocks take. */
  get slots(): number {
    return this.#slots;
  }

  /** Tells whether the content of page `page` is in its place. */
  holds(page: number): boolean {
    const block = Math.floor(page / this.blockPages);
    return ((this.#blocks.get(2 * block + 1) >>> (page % this.blockPages)) & 1) !== 0;
  }

  /** Returns the slot of a page whose block there is, or -1. */
  slotOf(page: number): number {
    const first = this.#blocks.get(2 * Math.floor(page / this.blockPages));
    return first === 0 ? -1 : first - 1 + (page % this.blockPages);
  }

  /** Returns the slot of a page, getting its block first if need be. Returns -1 when swap has no run of slots that long, or the kernel no memory. */
  ensureSlot(page: number): number {
    const block = Math.floor(page / this.blockPages);
    if (this.#blocks.get(2 * block) === 0) {
      if (!this.#blocks.reserve(2 * block)) return -1;
      const first = this.#swap.slots.allocateRun(this.blockPages);
      if (first < 0) return -1;
      this.#blocks.set(2 * block, first + 1);
      this.#slots += this.blockPages;
    }
    return this.slotOf(page);
  }

  /** Records that the page's content is in its place. */
  setHeld(page: number): void {
    const word = 2 * Math.floor(page / this.blockPages) + 1;
    this.#blocks.set(word, (this.#blocks.get(word) | (1 << (page % this.blockPages))) >>> 0);
  }

  /** Records that what is in the page's place is not its content. The place stays the page's. */
  forget(page: number): void {
    const word = 2 * Math.floor(page / this.blockPages) + 1;
    this.#blocks.set(word, (this.#blocks.get(word) & ~(1 << (page % this.blockPages))) >>> 0);
  }

  /** Calls `visit` with each page in [first, end) whose content is in its place. */
  forEachHeld(first: number, end: number, visit: (page: number) => void): void {
    const from = 2 * Math.floor(first / this.blockPages);
    this.#blocks.forEach(from, 2 * Math.ceil(end / this.blockPages), (word, mask) => {
      if (word % 2 === 0) return;
      const base = ((word - 1) / 2) * this.blockPages;
      for (let i = 0; i < this.blockPages; i++) {
        const page = base + i;
        if (((mask >>> i) & 1) !== 0 && page >= first && page < end) visit(page);
      }
    });
  }

  /** Gives all blocks back, and the pager's own memory. */
  destroy(): void {
    this.#blocks.forEach(0, Number.MAX_SAFE_INTEGER, (word, value) => {
      if (word % 2 === 0) this.#swap.slots.free(value - 1, this.blockPages);
    });
    this.#blocks.destroy();
    this.#machine.heap.free(this.#block, SWAP_PAGER_BYTES, HeapUse.object);
  }

  /** Adds its slots to `taken`; panics at the first broken invariant. */
  check(taken: Set<number>): void {
    this.#blocks.check();
    let slots = 0;
    this.#blocks.forEach(0, Number.MAX_SAFE_INTEGER, (word, value) => {
      if (word % 2 !== 0) return;
      for (let i = 0; i < this.blockPages; i++) taken.add(value - 1 + i);
      slots += this.blockPages;
    });
    invariant(slots === this.#slots, 'SP1', () => `a swap pager counts ${this.#slots} slots and has ${slots}`);
  }
}
