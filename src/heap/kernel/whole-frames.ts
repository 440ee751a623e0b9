// Blocks that take a frame of their own: for designs whose headers leave no room for a whole frame beside them.
// The frame table's record of such a frame has index = WHOLE | use, so that nobody takes it for anything else.

import { KernelPanic, PAGE_SIZE, pfn } from '../../base/index.ts';
import { FrameKind, type PhysicalMemory } from '../../frames/index.ts';
import { type HeapAccounts, type HeapUse, heapUseNames } from './kernel-heap.ts';

const WHOLE = 0x8000_0000;

/** The whole frames of one heap. */
export class WholeFrames {
  readonly #memory: PhysicalMemory;
  readonly #accounts: HeapAccounts;

  constructor(memory: PhysicalMemory, accounts: HeapAccounts) {
    this.#memory = memory;
    this.#accounts = accounts;
  }

  /** Gives a frame, not zeroed, for `asked` bytes. Returns its address, or 0. */
  allocate(asked: number, use: HeapUse): number {
    const frame = this.#memory.allocate(FrameKind.kernelHeap);
    if (frame === -1) return 0;
    this.#memory.table.setIndex(frame, WHOLE | use);
    this.#accounts.addFrames(1);
    this.#accounts.give(use, PAGE_SIZE, asked);
    return frame * PAGE_SIZE;
  }

  /** Takes it back. Panics (KH4) if it is not such a frame, given for `use`. */
  free(address: number, use: HeapUse): void {
    const { table } = this.#memory;
    const frame = pfn(address >>> 12);
    const isOwn = address % PAGE_SIZE === 0 && frame > 0 && frame < table.count && table.kind(frame) === FrameKind.kernelHeap;
    if (!isOwn || !this.has(frame)) throw new KernelPanic('KH4', `no block of ${PAGE_SIZE} bytes begins at ${address}`);
    if (table.index(frame) !== (WHOLE | use) >>> 0) {
      throw new KernelPanic('KH4', `the block at ${address} was not given for ${heapUseNames[use]}`);
    }
    this.#accounts.takeBack(use, PAGE_SIZE);
    this.#memory.free(frame);
    this.#accounts.addFrames(-1);
  }

  /** Tells whether a frame of the heap is a block. */
  has(frame: number): boolean {
    return this.#memory.table.index(pfn(frame)) >= WHOLE;
  }
}
