// The objects of one machine: making, finding, filling and ending them.
//
//   object hash    pager -> object: mapping a file again finds the object that is there
//   object cache   vnode objects that nobody refers to keep their pages, at most 100 of them; then the one unused longest goes,
//                  with its pages, however much memory is free
//
// The first mapping of a file takes three structures and a hash entry (vm_object, vm_pager, vn_pager, vm_object_hash_entry).
// Source: 4.4BSD's vm_object.c and vnode_pager.c; Cranor and Parulkar 1999, section 4. An object's dirty pages are written when its
// last reference goes: 4.4BSD leaves that to the update daemon, which a machine without a clock has not.

import { type Errno, EventType, invariant, KernelPanic, type Pfn } from '../../base/index.ts';
import { FrameKind } from '../../frames/index.ts';
import { HeapUse, type KernelHeap, RadixIndex } from '../../heap/index.ts';
import type { Machine, MemoryStatistics, PageQueue, Pager, SwapSpace } from '../../system/index.ts';
import { Collapser } from './collapse.ts';
import type { ShadowCounters } from './counters.ts';
import { SwapPager } from './swap-pager.ts';
import { VmObject, type VnodePager } from './vm-object.ts';

/** Sizes of 4.4BSD's structures on a 32-bit machine. */
const OBJECT_BYTES = 72;
const PAGER_BYTES = 28;
const VNODE_PAGER_BYTES = 16;
const HASH_ENTRY_BYTES = 12;

/** Unreferenced objects kept: vm_cache_max. */
const OBJECT_CACHE_LIMIT = 100;

/** Results of `get` besides a frame: the object has no such page (yet); memory is short; the device failed. Nothing changed. */
export const GET_ABSENT = 0;
export const GET_NO_MEMORY = -1;
export const GET_IO_ERROR = -2;

/** What `ObjectTable` stands on. */
export interface ObjectTableParts {
  readonly machine: Machine;
  readonly queue: PageQueue;
  readonly swap: SwapSpace;
  readonly statistics: MemoryStatistics;
  readonly counters: ShadowCounters;
}

/** All objects of one machine. */
export class ObjectTable {
  readonly #machine: Machine;
  readonly #heap: KernelHeap;
  readonly #queue: PageQueue;
  readonly #swap: SwapSpace;
  readonly #statistics: MemoryStatistics;
  readonly #counters: ShadowCounters;
  readonly #collapser: Collapser;
  readonly #objects = new Map<number, VmObject>();
  readonly #byPager = new Map<Pager, VmObject>();
  /** Unreferenced vnode objects, the one unused longest first. */
  readonly #cache = new Set<VmObject>();
  /** Where the last `get` had to bring the page in from. */
  broughtIn: 'nowhere' | 'pager' | 'swap' = 'nowhere';
  #nextId = 1;

  constructor({ machine, queue, swap, statistics, counters }: ObjectTableParts) {
    this.#machine = machine;
    this.#heap = machine.heap;
    this.#queue = queue;
    this.#swap = swap;
    this.#statistics = statistics;
    this.#counters = counters;
    this.#collapser = new Collapser(machine, queue, counters, (object) => this.#end(object));
  }

  /** Returns the object of a pager with one more handle on it: the one that is there, perhaps in the cache, or a new one. ENOMEM; EINVAL for a device that does not say where its frames are, or something else that does. */
  open(pager: Pager): VmObject | Errno {
    if ((pager.kind === 'device') !== (pager.frameOf !== undefined)) return 'EINVAL';
    const object = this.#byPager.get(pager) ?? this.#createVnode(pager);
    if (object === undefined) return 'ENOMEM';
    if (this.#cache.delete(object)) this.#counters.cacheHits++;
    object.references++;
    object.handles++;
    return object;
  }

  #createVnode(pager: Pager): VmObject | undefined {
    const sizes = [OBJECT_BYTES, PAGER_BYTES, VNODE_PAGER_BYTES, HASH_ENTRY_BYTES] as const;
    const [block, pagerBlock, vnodeBlock, hashBlock] = sizes.map((bytes) => this.#heap.allocate(bytes, HeapUse.object)) as number[];
    const vnode: VnodePager = { pager, pagerBlock: pagerBlock ?? 0, vnodeBlock: vnodeBlock ?? 0, hashBlock: hashBlock ?? 0 };
    if (block === undefined || block === 0 || pagerBlock === 0 || vnodeBlock === 0 || hashBlock === 0) {
      this.#freeBlock(block ?? 0, OBJECT_BYTES);
      this.#freeVnode(vnode);
      return undefined;
    }
    const kind = pager.kind === 'device' ? 'device' : 'vnode';
    const object = this.#add(
      new VmObject({ id: this.#nextId++, kind, name: pager.name, pageCount: pager.pages }, this.#newIndex(), block, vnode),
    );
    object.references = 0;
    this.#byPager.set(pager, object);
    return object;
  }

  #freeVnode({ pagerBlock, vnodeBlock, hashBlock }: VnodePager): void {
    this.#freeBlock(pagerBlock, PAGER_BYTES);
    this.#freeBlock(vnodeBlock, VNODE_PAGER_BYTES);
    this.#freeBlock(hashBlock, HASH_ENTRY_BYTES);
  }

  #freeBlock(block: number, bytes: number): void {
    if (block !== 0) this.#heap.free(block, bytes, HeapUse.object);
  }

  #newIndex(): RadixIndex {
    return new RadixIndex(this.#heap, this.#machine.ram.words, HeapUse.object);
  }

  #add(object: VmObject): VmObject {
    this.#objects.set(object.id, object);
    return object;
  }

  /** Makes an object without pages, pager or shadow, with one reference. Returns undefined when out of kernel memory. */
  createAnonymous(kind: 'anonymous' | 'shared', pageCount: number, name: string): VmObject | undefined {
    const block = this.#heap.allocate(OBJECT_BYTES, HeapUse.object);
    if (block === 0) return undefined;
    return this.#add(new VmObject({ id: this.#nextId++, kind, name, pageCount }, this.#newIndex(), block, undefined));
  }

  /** Makes an object of `pageCount` pages that shadows `below` from page `offset` on, and takes over the caller's reference to it. Returns undefined when out of kernel memory. */
  createShadow(below: VmObject, offset: number, pageCount: number): VmObject | undefined {
    const shadow = this.createAnonymous('anonymous', pageCount, below.name);
    if (shadow === undefined) return undefined;
    shadow.shadow = below;
    shadow.shadowOffset = offset;
    this.#counters.shadows++;
    return shadow;
  }

  /** Returns the object that a frame's record names. */
  byId(id: number): VmObject {
    const object = this.#objects.get(id);
    if (object === undefined) throw new KernelPanic('BO1', `no object ${id}`);
    return object;
  }

  /** Shortens the chain below `object` where that is possible. */
  collapse(object: VmObject): void {
    this.#collapser.collapse(object);
  }

  /** Drops a handle that `open`, or `createSharedMemory`, gave. */
  close(object: VmObject): void {
    invariant(object.handles > 0, 'BO2', () => `object ${object.id} is released more often than it was made`);
    object.handles--;
    this.release(object);
  }

  /** Drops a reference. The last one ends the object, or puts it into the cache; and so on down the chain. */
  release(released: VmObject): void {
    let object: VmObject | undefined = released;
    while (object !== undefined) {
      object.references--;
      if (object.references > 0) {
        this.#collapser.collapse(object);
        return;
      }
      if (object.kind === 'vnode') {
        this.#putIntoCache(object);
        return;
      }
      const below: VmObject | undefined = object.shadow;
      this.#terminate(object);
      object = below;
    }
  }

  #putIntoCache(object: VmObject): void {
    this.writeBack(object, 0, object.pageCount);
    this.#cache.add(object);
    if (this.#cache.size > OBJECT_CACHE_LIMIT) this.#dropOldest();
  }

  #dropOldest(): void {
    for (const oldest of this.#cache) {
      this.#cache.delete(oldest);
      this.#counters.cacheDrops++;
      this.#terminate(oldest);
      return;
    }
  }

  /** Ends every cached object: vm_object_cache_clear. */
  clearCache(): void {
    while (this.#cache.size > 0) this.#dropOldest();
  }

  /** Ends the cached objects that have no page in memory: they only take kernel memory. */
  dropEmptyCached(): void {
    for (const object of [...this.#cache]) {
      if (object.pages.count > 0) continue;
      this.#cache.delete(object);
      this.#counters.cacheDrops++;
      this.#terminate(object);
    }
  }

  /** Frees the pages of an object without references, writing dirty ones of files back, its swap, and itself. */
  #terminate(object: VmObject): void {
    if (object.vnode !== undefined) this.#writeOrLose(object);
    object.pages.forEach(0, object.pageCount, (_index, frame) => this.#queue.release(frame as Pfn));
    object.pages.destroy();
    this.#end(object);
  }

  #writeOrLose(object: VmObject): void {
    if (this.writeBack(object, 0, object.pageCount) === undefined) return;
    object.pages.forEach(0, object.pageCount, (index, frame) => {
      if (!this.#machine.pmaps.isModified(frame as Pfn)) return;
      this.#statistics.lostPages++;
      this.#machine.events.emit(EventType.pageLost, 0, object.id, index);
    });
  }

  #end(object: VmObject): void {
    object.pages.destroy();
    object.swap?.destroy();
    if (object.vnode !== undefined) {
      this.#byPager.delete(object.vnode.pager);
      this.#freeVnode(object.vnode);
    }
    this.#freeBlock(object.block, OBJECT_BYTES);
    this.#objects.delete(object.id);
  }

  /**
   * Returns the frame of a page, brought in if the object's own pager or swap has it; or one of the GET results. `GET_ABSENT`: the page
   * is in no object's keeping here, look into the shadow.
   */
  get(object: VmObject, index: number): number {
    this.broughtIn = 'nowhere';
    const resident = object.pages.get(index);
    if (resident !== 0) return resident;
    if (object.vnode !== undefined) return this.#pageInFile(object, object.vnode.pager, index);
    if (object.swap === undefined || !object.isOnSwap(index)) return GET_ABSENT;
    return this.#pageInSwap(object, object.swap, index);
  }

  #pageInFile(object: VmObject, pager: Pager, index: number): number {
    if (pager.frameOf !== undefined) return this.#deviceFrame(object, pager.frameOf(index));
    if (!object.pages.reserve(index)) return GET_NO_MEMORY;
    const frame = this.#queue.allocate(FrameKind.object, object.id, index);
    if (frame === -1) return GET_NO_MEMORY;
    if (pager.read(index, this.#machine.ram.frame(frame)) !== undefined) {
      this.#queue.freeFrame(frame);
      return GET_IO_ERROR;
    }
    this.#statistics.pagerReads++;
    this.broughtIn = 'pager';
    object.pages.set(index, frame);
    this.#queue.insert(frame);
    this.#machine.events.emit(EventType.objectIn, 0, object.id, index, frame);
    return frame;
  }

  /** Panics (BO5) unless the frame that a device names is a permanent one. */
  #deviceFrame(object: VmObject, frame: Pfn): Pfn {
    const { table } = this.#machine.frames;
    const isPermanent = frame > 0 && frame < table.count && table.kind(frame) === FrameKind.permanent;
    if (!isPermanent) throw new KernelPanic('BO5', `device ${object.name} names frame ${frame}, which is not permanent`);
    return frame;
  }

  #pageInSwap(object: VmObject, swap: SwapPager, index: number): number {
    if (!object.pages.reserve(index)) return GET_NO_MEMORY;
    const frame = this.#queue.allocateForSwapIn(object.id, FrameKind.anon, index);
    if (frame === -1) return GET_NO_MEMORY;
    const slot = swap.slotOf(index + object.pagingOffset);
    if (!this.#swap.read(slot, frame)) {
      this.#queue.freeFrame(frame);
      this.#statistics.swapErrors++;
      return GET_IO_ERROR;
    }
    this.#statistics.swapPagesIn++;
    this.broughtIn = 'swap';
    object.pages.set(index, frame);
    this.#queue.insert(frame);
    this.#machine.events.emit(EventType.swapIn, 0, slot, frame);
    return frame;
  }

  /** Makes the object's swap pager if it has none. Returns undefined when out of kernel memory. */
  ensureSwapPager(object: VmObject): SwapPager | undefined {
    object.swap ??= SwapPager.create(this.#machine, this.#swap, object.pageCount);
    return object.swap;
  }

  /** Frees the pages of [first, end) and forgets their content; their places on swap stay the object's. */
  removePages(object: VmObject, first: number, end: number): void {
    object.pages.forEach(first, end, (_index, frame) => this.#queue.release(frame as Pfn));
    object.pages.clearRange(first, end);
    const { swap, pagingOffset } = object;
    swap?.forEachHeld(first + pagingOffset, end + pagingOffset, (place) => swap.forget(place));
  }

  /** Writes the dirty resident pages of [first, end) back. Returns EIO if any failed; those stay dirty. */
  writeBack(object: VmObject, first: number, end: number): Errno | undefined {
    let failure: Errno | undefined;
    object.pages.forEach(first, end, (index, frame) => {
      if (this.#machine.pmaps.isModified(frame as Pfn) && !this.writePage(object, index, frame as Pfn)) failure = 'EIO';
    });
    return failure;
  }

  /** Writes one dirty page of a file back and declares it clean. Returns false when the pager failed; the page stays dirty. */
  writePage(object: VmObject, index: number, frame: Pfn): boolean {
    if (object.vnode?.pager.write?.(index, this.#machine.ram.frame(frame)) !== undefined) return false;
    this.#machine.pmaps.clearModified(frame);
    this.#statistics.pagerWrites++;
    this.#machine.events.emit(EventType.objectOut, 0, object.id, index, frame);
    return true;
  }

  /** Counts the places on swap that hold a page, and those whose page is not in memory too, into the statistics. */
  countSwap(): void {
    const statistics = this.#statistics;
    statistics.swapInUse = 0;
    statistics.swapOnly = 0;
    for (const object of this.#objects.values()) {
      object.swap?.forEachHeld(0, Number.MAX_SAFE_INTEGER, (place) => {
        statistics.swapInUse++;
        if (object.pages.get(place - object.pagingOffset) === 0) statistics.swapOnly++;
      });
    }
  }

  /** Every object there is, the cached ones too. */
  all(): Iterable<VmObject> {
    return this.#objects.values();
  }

  /** Tells whether an object is in the cache. */
  isCached(object: VmObject): boolean {
    return this.#cache.has(object);
  }

  /** Objects in the cache. */
  get cached(): number {
    return this.#cache.size;
  }
}
