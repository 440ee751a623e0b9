// A memory object: the backing layer of an area, pages that a pager can bring in and (for files) write back.
//
//   entry ---- objectOffset ----> object pages:  index -> frame, for those in memory        pager: the bytes behind them
//
// An anonymous object (shared memory) has swap in the pager's place: a second index from pages to slots. A page that has neither frame nor
// slot is zeros, not touched yet.
//
// Invariants (quoted by `check`):
//   OB1  the frame's record names object and index; residentPages = frames so named
//   OB2  references = map entries that name the object (+ 1 while its creator keeps it); without references it does not exist
//   OB3  a page in memory of an anonymous object has room for its slot, so that page-out needs no memory
//   OB4  the pages of a device are permanent frames: never brought in, evicted or written back
// Source: uvm_object and its pager operations, and uvm_aobj. The image pager and file pagers are given from outside (system/ `Pager`).

import { type Errno, EventType, invariant, KernelPanic, type Pfn } from '../base/index.ts';
import { FRAME_MODIFIED, FrameKind } from '../frames/index.ts';
import { HeapUse, RadixIndex } from '../heap/index.ts';
import type { FaultKind, Machine, MemoryObject, MemoryStatistics, PageQueue, Pager, SwapSpace } from '../system/index.ts';
import type { AnonTable } from './anon.ts';

/** Size of UVM's struct uvm_object with a vnode's own fields, on a 32-bit machine. */
const OBJECT_BYTES = 64;

/** A memory object. Its fields belong to `ObjectTable`. */
export class UvmObject implements MemoryObject {
  readonly id: number;
  readonly pager: Pager;
  /** Page index -> frame. */
  readonly pages: RadixIndex;
  /** Page index -> swap slot + 1, for anonymous objects. */
  readonly slots: RadixIndex | undefined;
  readonly block: number;
  references = 1;

  constructor(id: number, pager: Pager, pages: RadixIndex, slots: RadixIndex | undefined, block: number) {
    this.id = id;
    this.pager = pager;
    this.pages = pages;
    this.slots = slots;
    this.block = block;
  }

  get name(): string {
    return this.pager.name;
  }

  get pageCount(): number {
    return this.pager.pages;
  }
}

/** Result of bringing a page in: the frame, or why not. */
export const GET_NO_MEMORY = -1;
export const GET_IO_ERROR = -2;

/** What `ObjectTable` stands on. */
export interface ObjectTableParts {
  readonly machine: Machine;
  readonly queue: PageQueue;
  readonly swap: SwapSpace;
  readonly anons: AnonTable;
  readonly statistics: MemoryStatistics;
}

/** The objects of one machine. */
export class ObjectTable {
  readonly #machine: Machine;
  readonly #queue: PageQueue;
  readonly #statistics: MemoryStatistics;
  readonly #swap: SwapSpace;
  readonly #anons: AnonTable;
  readonly #objects = new Map<number, UvmObject>();
  /** How the last `get` got the page; undefined if it was in memory. */
  broughtIn: FaultKind | undefined;
  #nextId = 1;

  constructor({ machine, queue, swap, anons, statistics }: ObjectTableParts) {
    this.#machine = machine;
    this.#queue = queue;
    this.#swap = swap;
    this.#anons = anons;
    this.#statistics = statistics;
  }

  /** Makes an object with one reference, the creator's. EINVAL for a device without frames or anything else with them, ENOMEM when out of kernel memory. */
  create(pager: Pager): UvmObject | Errno {
    if ((pager.kind === 'device') !== (pager.frameOf !== undefined)) return 'EINVAL';
    const heap = this.#machine.heap;
    const block = heap.allocate(OBJECT_BYTES, HeapUse.object);
    if (block === 0) return 'ENOMEM';
    const newIndex = (): RadixIndex => new RadixIndex(heap, this.#machine.ram.words, HeapUse.object);
    const slots = pager.kind === 'anonymous' ? newIndex() : undefined;
    const object = new UvmObject(this.#nextId++, pager, newIndex(), slots, block);
    this.#objects.set(object.id, object);
    return object;
  }

  /** Makes an anonymous object of `pages` pages of zeros. ENOMEM when out of kernel memory. */
  createAnonymous(pages: number, name: string): UvmObject | Errno {
    return this.create({ kind: 'anonymous', name, pages, read: () => 'EIO' });
  }

  /** The anonymous objects. */
  *anonymous(): Iterable<UvmObject> {
    for (const object of this.#objects.values()) if (object.slots !== undefined) yield object;
  }

  /** Every object. */
  all(): Iterable<UvmObject> {
    return this.#objects.values();
  }

  /** Tells whether `id` is an anonymous object. */
  isAnonymous(id: number): boolean {
    return this.#objects.get(id)?.slots !== undefined;
  }

  /** Returns the swap slot of page `index` of an anonymous object, or -1. */
  slot(id: number, index: number): number {
    return (this.byId(id).slots?.get(index) ?? 0) - 1;
  }

  /** Records the slot that now holds a copy of page `index`, which is in memory (OB3) and had none. */
  setSlot(id: number, index: number, slot: number): void {
    this.byId(id).slots?.set(index, slot + 1);
    this.#statistics.swapInUse++;
  }

  /** Gives the slot of page `index` back, if it has one. */
  dropSlot(object: UvmObject, index: number): void {
    const slot = (object.slots?.get(index) ?? 0) - 1;
    if (slot < 0) return;
    this.#swap.slots.free(slot, 1);
    object.slots?.set(index, 0);
    this.#statistics.swapInUse--;
  }

  /** Returns the object that a frame's record names. */
  byId(id: number): UvmObject {
    const object = this.#objects.get(id);
    invariant(object !== undefined, 'OB1', () => `no object ${id}`);
    return object;
  }

  /**
   * Drops a reference; the last one writes dirty pages back, frees the pages and the slots, and ends the object. What the pager cannot
   * write then is lost, since nobody is left to tell: each such page is counted and reported as an event.
   */
  release(object: UvmObject): void {
    if (--object.references > 0) return;
    if (object.slots === undefined) this.#writeOrLose(object);
    else this.#freeSlots(object, object.slots);
    object.pages.forEach(0, object.pager.pages, (_index, frame) => this.#giveUp(frame as Pfn));
    object.pages.destroy();
    this.#machine.heap.free(object.block, OBJECT_BYTES, HeapUse.object);
    this.#objects.delete(object.id);
  }

  #writeOrLose(object: UvmObject): void {
    if (this.writeBack(object, 0, object.pager.pages) === undefined) return;
    object.pages.forEach(0, object.pager.pages, (index, frame) => {
      if (!this.#machine.pmaps.isModified(frame as Pfn)) return;
      this.#statistics.lostPages++;
      this.#machine.events.emit(EventType.pageLost, 0, object.id, index);
    });
  }

  #freeSlots(object: UvmObject, slots: RadixIndex): void {
    slots.forEach(0, object.pager.pages, (index) => {
      if (object.pages.get(index) === 0) this.#statistics.swapOnly--;
      this.dropSlot(object, index);
    });
    slots.destroy();
  }

  /** Lets a page go: to the anon that borrows it, to other borrowers, or to the free frames. */
  #giveUp(frame: Pfn): void {
    if (this.#machine.frames.table.borrower(frame) === 0) this.#queue.release(frame);
    else {
      this.#machine.pmaps.pageProtect(frame, 'none');
      this.#anons.adoptBorrowed(frame);
    }
  }

  /** Returns a copy of page `index`, which is on loan, that can replace it; or -1 when there is no frame. */
  copyLentPage(object: UvmObject, index: number, lent: Pfn): Pfn | -1 {
    const copy = this.#queue.allocate(FrameKind.object, object.id, index);
    if (copy === -1) return -1;
    this.#machine.ram.copy(lent, copy);
    // It is wanted for a write. Should that have to be begun again, the copy must not pass for clean meanwhile.
    this.#machine.frames.table.setFlag(copy, FRAME_MODIFIED);
    this.#queue.insert(copy);
    return copy;
  }

  /** Puts a copy in the place of page `index`, whose frame is left to its borrowers. */
  replacePage(object: UvmObject, index: number, copy: Pfn): void {
    const old = object.pages.get(index) as Pfn;
    object.pages.set(index, copy);
    this.#giveUp(old);
  }

  /** Returns the frame of page `index`, brought in if needed; or GET_NO_MEMORY, GET_IO_ERROR with nothing changed. */
  get(object: UvmObject, index: number): number {
    const resident = object.pages.get(index);
    this.broughtIn = undefined;
    if (resident !== 0) return resident;
    if (!object.pages.reserve(index)) return GET_NO_MEMORY;
    if (object.slots !== undefined) return this.#getAnonymous(object, object.slots, index);
    const frame = this.#queue.allocate(FrameKind.object, object.id, index);
    if (frame === -1) return GET_NO_MEMORY;
    if (object.pager.read(index, this.#machine.ram.frame(frame)) !== undefined) {
      this.#queue.freeFrame(frame);
      return GET_IO_ERROR;
    }
    this.#statistics.pagerReads++;
    this.broughtIn = object.pager.kind === 'image' ? 'image' : 'file';
    object.pages.set(index, frame);
    this.#queue.insert(frame);
    this.#machine.events.emit(EventType.objectIn, 0, object.id, index, frame);
    return frame;
  }

  /** Returns the frame that is page `index` of a device. Panics (OB4) if it is not a permanent one. */
  deviceFrame(object: UvmObject, index: number): Pfn {
    const frame = object.pager.frameOf?.(index) ?? (0 as Pfn);
    const { table } = this.#machine.frames;
    const isPermanent = frame > 0 && frame < table.count && table.kind(frame) === FrameKind.permanent;
    if (!isPermanent) throw new KernelPanic('OB4', `page ${index} of device ${object.name} is in frame ${frame}, which is not permanent`);
    return frame;
  }

  /** The same for an anonymous object: from swap, or zeros. */
  #getAnonymous(object: UvmObject, slots: RadixIndex, index: number): number {
    const queue = this.#queue;
    if (!slots.reserve(index)) return GET_NO_MEMORY;
    const slot = slots.get(index) - 1;
    const isOnSwap = slot >= 0;
    const frame = isOnSwap
      ? queue.allocateForSwapIn(object.id, FrameKind.object, index)
      : queue.allocateZeroed(FrameKind.object, object.id, index);
    if (frame === -1) return GET_NO_MEMORY;
    if (isOnSwap && !this.#swap.read(slot, frame)) {
      queue.freeFrame(frame);
      this.#statistics.swapErrors++;
      return GET_IO_ERROR;
    }
    this.broughtIn = isOnSwap ? 'swapIn' : 'zeroFill';
    object.pages.set(index, frame);
    queue.insert(frame);
    if (isOnSwap) {
      this.#statistics.swapPagesIn++;
      this.#statistics.swapOnly--;
      this.#machine.events.emit(EventType.swapIn, 0, slot, frame);
    }
    return frame;
  }

  /** Writes the dirty resident pages of [first, end) back, unless nothing but swap is behind them. Returns EIO if any failed; those stay dirty. */
  writeBack(object: UvmObject, first: number, end: number): Errno | undefined {
    if (object.slots !== undefined) return undefined;
    let failure: Errno | undefined;
    object.pages.forEach(first, end, (index, frame) => {
      if (this.#machine.pmaps.isModified(frame as Pfn) && !this.writePage(object, index, frame as Pfn)) failure = 'EIO';
    });
    return failure;
  }

  /** Writes one dirty page back and declares it clean. Returns false when the pager failed; the page stays dirty. */
  writePage(object: UvmObject, index: number, frame: Pfn): boolean {
    if (object.pager.write?.(index, this.#machine.ram.frame(frame)) !== undefined) return false;
    this.#machine.pmaps.clearModified(frame);
    this.#statistics.pagerWrites++;
    this.#machine.events.emit(EventType.objectOut, 0, object.id, index, frame);
    return true;
  }

  /** Checks objects against the entries that name them. Panics at the first broken invariant. */
  check(entries: ReadonlyMap<UvmObject, number>): void {
    const table = this.#machine.frames.table;
    for (const object of this.#objects.values()) {
      object.pages.check();
      object.slots?.check();
      const named = entries.get(object) ?? 0;
      const kept = object.references - named;
      invariant(
        kept === 0 || kept === 1,
        'OB2',
        () => `object ${object.id} counts ${object.references} references, ${named} entries name it`,
      );
      object.pages.forEach(0, object.pager.pages, (index, frame) => {
        const record = frame as Pfn;
        const owned = table.kind(record) === FrameKind.object && table.owner(record) === object.id && table.index(record) === index;
        invariant(owned, 'OB1', () => `page ${index} of object ${object.id} is in frame ${frame}, which does not name it`);
        const clean = object.pager.write !== undefined || object.slots !== undefined || !table.hasFlag(record, FRAME_MODIFIED);
        invariant(clean, 'OB1', () => `page ${index} of object ${object.id}, which cannot be written, is dirty`);
      });
    }
  }
}
