// A DMA pool: small pieces of memory that a device reaches, called by a physical address there and by a virtual one in its driver.
//
//   window, virtual   | slot 0 | slot 1 | slot 2 | ...      64 pages in a row
//                         |        |                        slot -> frame: the pool's header
//   frames, physical    | 12 |   | 3 |                      frame -> slot: index in the frame's record
//
//   a slot's frame    | chunk | chunk | ...                 one size: 16 bytes to 4 KiB, a power of two, aligned to itself
//   header            per slot: [ frame | size : 16, given : 16 | bits: 8 words ]    in a frame of the pool's own
//
//   DP1  a slot with a frame has a size, and `given` = its bits that are 1, at least one; one without is all 0
//   DP2  a slot's frame is of kind dma, owned by the header's frame, with the slot as index; all of the pool's frames below its limit
//   DP3  free takes back only a chunk that is given; else it panics and changes nothing
//
// A chunk never crosses a page, so its bytes are in a row for both. Frames come one by one, from below what the device reaches: no run is needed.
// A chunk is zeroed when it is given, and a frame goes back with its last chunk.
// Cost: both translations two loads each; allocate O(slots), 64 at most; free O(1). Metadata: one frame for a pool of up to 256 KiB.
// Source: what drivers of USB controllers need for queue heads and transfer descriptors. Elsewhere: the device (machine/dma-device.ts).

import {
  invariant,
  KernelPanic,
  PAGE_MASK,
  PAGE_SHIFT,
  PAGE_SIZE,
  type Pfn,
  type PhysAddr,
  pfn,
  physAddr,
  type VirtAddr,
} from '../base/index.ts';
import type { RunConstraints } from './frame-allocator.ts';
import { bitCount, lowestBit } from './frame-bits.ts';
import { FrameKind } from './frame-table.ts';
import type { PhysicalMemory } from './physical-memory.ts';

/** Pages of a pool's window. */
export const DMA_POOL_PAGES = 64;
/** Smallest chunk, in bytes: what the smallest descriptors of any controller are aligned to. */
const SMALLEST = 16;

/** Words of a slot. */
const FRAME = 0;
const SIZE = 1;
const BITS = 2;
const BITS_WORDS = PAGE_SIZE / SMALLEST / 32;
const SLOT_WORDS = BITS + BITS_WORDS;
/** The count of chunks given is above the size in its word. */
const GIVEN_SHIFT = 16;
const SIZE_MASK = 0xffff;
/** Index of the header's own frame in its record. */
const HEADER = 0xffff_ffff;

/** Where a driver sees a pool. */
export interface DmaWindow {
  /** First address of `DMA_POOL_PAGES` pages in a row. */
  readonly base: VirtAddr;
  /** Maps a page of the window to a frame. Returns false, with nothing changed, if that needs memory that there is not. */
  enter(page: VirtAddr, frame: Pfn): boolean;
  /** Unmaps a page. */
  remove(page: VirtAddr): void;
}

/** Chunks for one device. Made by `DmaPool.create`. */
export class DmaPool {
  readonly window: DmaWindow;
  readonly #memory: PhysicalMemory;
  readonly #constraints: RunConstraints;
  readonly #header: Pfn;
  readonly #words: Uint32Array;

  private constructor(memory: PhysicalMemory, window: DmaWindow, below: number, header: Pfn) {
    this.#memory = memory;
    this.window = window;
    this.#constraints = { below };
    this.#header = header;
    const start = header << (PAGE_SHIFT - 2);
    this.#words = memory.ram.words.subarray(start, start + DMA_POOL_PAGES * SLOT_WORDS).fill(0);
  }

  /** Makes an empty pool. @param below first frame that the device does not reach. Returns ENOMEM if no frame is left for its header. */
  static create(memory: PhysicalMemory, window: DmaWindow, below: number): DmaPool | 'ENOMEM' {
    const header = memory.allocate(FrameKind.dma);
    if (header === -1) return 'ENOMEM';
    memory.table.setOwner(header, header);
    memory.table.setIndex(header, HEADER);
    return new DmaPool(memory, window, below, header);
  }

  /**
   * Gives a chunk of zeros of at least `bytes`, 1 to 4096, aligned to its size, the next power of two.
   * Returns its physical address; 0 if no frame that the device reaches, or no slot, is left, and then nothing changed.
   */
  allocate(bytes: number): PhysAddr {
    if (!(bytes >= 1 && bytes <= PAGE_SIZE)) throw new KernelPanic('DP1', `no chunk has ${bytes} bytes`);
    const size = Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(bytes)));
    const slot = this.#slotWithRoom(size);
    if (slot === -1) return physAddr(0);
    const at = slot * SLOT_WORDS;
    let word = at + BITS;
    while (~this.#words[word]! === 0) word++;
    const bit = lowestBit(~this.#words[word]!);
    this.#words[word] = this.#words[word]! | (1 << bit);
    this.#words[at + SIZE] = this.#words[at + SIZE]! + (1 << GIVEN_SHIFT);
    const address = this.#words[at + FRAME]! * PAGE_SIZE + ((word - at - BITS) * 32 + bit) * size;
    this.#memory.ram.bytes.fill(0, address, address + size);
    return physAddr(address);
  }

  /** Takes a chunk back by its physical address. Panics (DP3) if none is given there. */
  free(address: PhysAddr): void {
    const at = this.#slotOf(address) * SLOT_WORDS;
    const header = this.#words[at + SIZE]!;
    const size = header & SIZE_MASK;
    const chunk = (address & PAGE_MASK) / size;
    const [word, bit] = [at + BITS + (chunk >>> 5), 1 << (chunk & 31)];
    if (!Number.isInteger(chunk) || (this.#words[word]! & bit) === 0) throw new KernelPanic('DP3', `no chunk is given at ${address}`);
    this.#words[word] = this.#words[word]! & ~bit;
    this.#words[at + SIZE] = header - (1 << GIVEN_SHIFT);
    if (header >>> GIVEN_SHIFT === 1) this.#closeSlot(at / SLOT_WORDS);
  }

  /** The virtual address of a byte of the pool. Panics (DP3) for a physical address that is not the pool's. */
  toVirtual(address: PhysAddr): VirtAddr {
    return (this.#pageOf(this.#slotOf(address)) + (address & PAGE_MASK)) as VirtAddr;
  }

  /** The physical address of a byte of the pool. Panics (DP3) for a virtual address that is not the pool's. */
  toPhysical(address: VirtAddr): PhysAddr {
    const offset = address - this.window.base;
    const frame = offset >= 0 && offset < DMA_POOL_PAGES * PAGE_SIZE ? this.#words[(offset >>> PAGE_SHIFT) * SLOT_WORDS + FRAME]! : 0;
    if (frame === 0) throw new KernelPanic('DP3', `virtual address ${address} is not the pool's`);
    return physAddr(frame * PAGE_SIZE + (address & PAGE_MASK));
  }

  /** Ends an empty pool. Panics (DP3) while a chunk is given. */
  destroy(): void {
    for (let slot = 0; slot < DMA_POOL_PAGES; slot++) {
      invariant(this.#words[slot * SLOT_WORDS + FRAME] === 0, 'DP3', () => `slot ${slot} still has chunks that are given`);
    }
    this.#memory.free(this.#header);
  }

  /** Walks all slots; panics at the first broken invariant. */
  check(): void {
    const { table } = this.#memory;
    const { below = 0 } = this.#constraints;
    for (let slot = 0; slot < DMA_POOL_PAGES; slot++) {
      const words = this.#words.subarray(slot * SLOT_WORDS, (slot + 1) * SLOT_WORDS);
      const frame = pfn(words[FRAME]!);
      const bits = this.#givenBits(slot);
      const given = words[SIZE]! >>> GIVEN_SHIFT;
      invariant(
        given === bits && given > 0 === frame > 0 && (frame > 0 || words[SIZE] === 0),
        'DP1',
        () => `slot ${slot} has ${bits} of ${given} chunks`,
      );
      const isOurs =
        frame === 0 || (table.kind(frame) === FrameKind.dma && table.owner(frame) === this.#header && table.index(frame) === slot);
      invariant(isOurs && frame < below, 'DP2', () => `frame ${frame} of slot ${slot} is not the pool's`);
    }
  }

  /** Chunks given of a slot; bits beyond its frame's chunks count as broken. */
  #givenBits(slot: number): number {
    const at = slot * SLOT_WORDS;
    const size = this.#words[at + SIZE]! & SIZE_MASK;
    const chunks = size === 0 ? 0 : PAGE_SIZE / size;
    let given = 0;
    for (let word = 0; word < BITS_WORDS; word++) {
      const mask = chunks >= (word + 1) * 32 ? -1 : chunks > word * 32 ? (1 << (chunks - word * 32)) - 1 : 0;
      const bits = this.#words[at + BITS + word]!;
      given += bitCount(bits & mask) + ((bits & ~mask) === 0 ? 0 : 32 * BITS_WORDS);
    }
    return given;
  }

  #pageOf(slot: number): VirtAddr {
    return (this.window.base + slot * PAGE_SIZE) as VirtAddr;
  }

  /** Returns a slot of chunks of a size of which one is free, -1 if there is none and none can be made. */
  #slotWithRoom(size: number): number {
    let empty = -1;
    for (let slot = DMA_POOL_PAGES - 1; slot >= 0; slot--) {
      const header = this.#words[slot * SLOT_WORDS + SIZE]!;
      if (header === 0) empty = slot;
      else if ((header & SIZE_MASK) === size && header >>> GIVEN_SHIFT < PAGE_SIZE / size) return slot;
    }
    return empty === -1 || !this.#openSlot(empty, size) ? -1 : empty;
  }

  #openSlot(slot: number, size: number): boolean {
    const frame = this.#memory.allocateRun(1, FrameKind.dma, this.#constraints);
    if (frame === -1) return false;
    if (!this.window.enter(this.#pageOf(slot), frame)) {
      this.#memory.free(frame);
      return false;
    }
    this.#memory.table.setOwner(frame, this.#header);
    this.#memory.table.setIndex(frame, slot);
    this.#words[slot * SLOT_WORDS + FRAME] = frame;
    this.#words[slot * SLOT_WORDS + SIZE] = size;
    return true;
  }

  #closeSlot(slot: number): void {
    const frame = pfn(this.#words[slot * SLOT_WORDS + FRAME]!);
    this.window.remove(this.#pageOf(slot));
    this.#words.fill(0, slot * SLOT_WORDS, (slot + 1) * SLOT_WORDS);
    this.#memory.free(frame);
  }

  /** Returns the slot of a physical address; panics (DP3) if it is not the pool's. */
  #slotOf(address: number): number {
    const { table } = this.#memory;
    const frame = pfn(Math.floor(address / PAGE_SIZE));
    const isOurs = frame > 0 && frame < table.count && table.kind(frame) === FrameKind.dma && table.owner(frame) === this.#header;
    if (!isOurs || frame === this.#header) throw new KernelPanic('DP3', `physical address ${address} is not the pool's`);
    return table.index(frame);
  }
}
