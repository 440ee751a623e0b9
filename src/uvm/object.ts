// A memory object: the backing layer of an area, pages that a pager can bring in and (for files) write back.
//
//   entry ---- objectOffset ----> object pages:  index -> frame, for those in memory        pager: the bytes behind them
//
// Invariants (quoted by `check`):
//   OB1  the frame's record names object and index; residentPages = frames so named
//   OB2  references = map entries that name the object (+ 1 while its creator keeps it); without references it does not exist
// Source: uvm_object and its pager operations. The image pager and file pagers are given from outside (system/ `Pager`).

import { type Errno, EventType, invariant, type Pfn } from '../base/index.ts';
import { FRAME_MODIFIED, FrameKind } from '../frames/index.ts';
import { HeapUse, RadixIndex } from '../heap/index.ts';
import type { Machine, MemoryObject, MemoryStatistics, PageQueue, Pager } from '../system/index.ts';

/** Size of UVM's struct uvm_object with a vnode's own fields, on a 32-bit machine. */
const OBJECT_BYTES = 64;

/** A memory object. Its fields belong to `ObjectTable`. */
export class UvmObject implements MemoryObject {
  readonly id: number;
  readonly pager: Pager;
  /** Page index -> frame. */
  readonly pages: RadixIndex;
  readonly block: number;
  references = 1;

  constructor(id: number, pager: Pager, pages: RadixIndex, block: number) {
    this.id = id;
    this.pager = pager;
    this.pages = pages;
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

/** The objects of one machine. */
export class ObjectTable {
  readonly #machine: Machine;
  readonly #queue: PageQueue;
  readonly #statistics: MemoryStatistics;
  readonly #objects = new Map<number, UvmObject>();
  /** Whether the last `get` had to read the page. */
  broughtIn = false;
  #nextId = 1;

  constructor(machine: Machine, queue: PageQueue, statistics: MemoryStatistics) {
    this.#machine = machine;
    this.#queue = queue;
    this.#statistics = statistics;
  }

  /** Makes an object with one reference, the creator's. ENOMEM when out of kernel memory. */
  create(pager: Pager): UvmObject | Errno {
    const heap = this.#machine.heap;
    const block = heap.allocate(OBJECT_BYTES, HeapUse.object);
    if (block === 0) return 'ENOMEM';
    const object = new UvmObject(this.#nextId++, pager, new RadixIndex(heap, this.#machine.ram.words, HeapUse.object), block);
    this.#objects.set(object.id, object);
    return object;
  }

  /** Returns the object that a frame's record names. */
  byId(id: number): UvmObject {
    const object = this.#objects.get(id);
    invariant(object !== undefined, 'OB1', () => `no object ${id}`);
    return object;
  }

  /** Drops a reference; the last one writes dirty pages back, frees the pages and ends the object. */
  release(object: UvmObject): void {
    if (--object.references > 0) return;
    this.writeBack(object, 0, object.pager.pages);
    object.pages.forEach(0, object.pager.pages, (_index, frame) => this.#queue.release(frame as Pfn));
    object.pages.destroy();
    this.#machine.heap.free(object.block, OBJECT_BYTES, HeapUse.object);
    this.#objects.delete(object.id);
  }

  /** Returns the frame of page `index`, brought in if needed; or GET_NO_MEMORY, GET_IO_ERROR with nothing changed. */
  get(object: UvmObject, index: number): number {
    const resident = object.pages.get(index);
    this.broughtIn = resident === 0;
    if (resident !== 0) return resident;
    if (!object.pages.reserve(index)) return GET_NO_MEMORY;
    const frame = this.#queue.allocate(FrameKind.object, object.id, index);
    if (frame === -1) return GET_NO_MEMORY;
    if (object.pager.read(index, this.#machine.ram.frame(frame)) !== undefined) {
      this.#queue.freeFrame(frame);
      return GET_IO_ERROR;
    }
    this.#statistics.pagerReads++;
    object.pages.set(index, frame);
    this.#queue.insert(frame);
    this.#machine.events.emit(EventType.objectIn, 0, object.id, index, frame);
    return frame;
  }

  /** Writes the dirty resident pages of [first, end) back. Returns EIO if any failed; those stay dirty. */
  writeBack(object: UvmObject, first: number, end: number): Errno | undefined {
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
        const clean = object.pager.write !== undefined || !table.hasFlag(record, FRAME_MODIFIED);
        invariant(clean, 'OB1', () => `page ${index} of object ${object.id}, which cannot be written, is dirty`);
      });
    }
  }
}
