// UVM, the default memory manager, after NetBSD's: a two-layer mapping of amaps and objects under clipped and merged map entries.
//
//   space -> VmMap -> VmMapEntry -> amap -> anon -> frame or swap slot
//                                -> object -> frame or pager
//
// This file is the manager's face: what a process asks for. Faults are in fault.ts, reclaim in page-daemon.ts.
// A request checks its arguments, then gets the memory it needs, then changes the map: a failed one changes nothing.
// Source: Cranor and Parulkar, "The UVM Virtual Memory System", USENIX 1999; NetBSD sys/uvm.

import { addressOf, type Errno, EventType, PAGE_SIZE, pageAtOrAfter, pageOf, pagesFor, type VirtAddr } from '../base/index.ts';
import type { BlockDevice, Tlb } from '../machine/index.ts';
import type { PolicyKind } from '../paging/index.ts';
import type { Access } from '../pmap/index.ts';
import {
  type Advice,
  type AreaReport,
  type FaultOutcome,
  type Inheritance,
  type LockScope,
  type Machine,
  type MapRequest,
  type MemoryObject,
  MemoryStatistics,
  type MemorySystem,
  type PageMover,
  PageQueue,
  type Pager,
  type Place,
  PROT_ALL,
  PROT_EXECUTE,
  PROT_READ,
  PROT_WRITE,
  pageRange,
  type SpaceLayout,
  type SpaceLimits,
  type SpaceUsage,
  type SwapDeviceReport,
  SwapSpace,
} from '../system/index.ts';
import { Amap } from './amap.ts';
import { AnonTable } from './anon.ts';
import { reportArea } from './area-report.ts';
import { checkUvm } from './check.ts';
import type { UvmCore } from './core.ts';
import { FaultHandler } from './fault.ts';
import { forkInto } from './fork.ts';
import type { EntryAttributes, VmMapEntry } from './map-entry.ts';
import { ObjectTable, type UvmObject } from './object.ts';
import { PageDaemon } from './page-daemon.ts';
import { choosePlace, removeEntry, removeRange } from './placement.ts';
import { SwapBacked } from './swap-backed.ts';
import { swapOff } from './swap-off.ts';
import { defaultTuning, type UvmTuning } from './tuning.ts';
import { VmMap } from './vm-map.ts';

/** Most pages of an object: what a space of 32 bits can map. */
const MAX_OBJECT_PAGES = 2 ** 20;

/** The UVM memory manager over one machine. */
export class Uvm implements MemorySystem<VmMap> {
  readonly name = 'uvm';
  readonly #core: UvmCore;
  readonly #daemon: PageDaemon;
  readonly #faults: FaultHandler;
  readonly #maps = new Set<VmMap>();

  /** @param policy must be one that a kernel can run (`sees: 'bits'`). */
  constructor(machine: Machine, policy: PolicyKind, tuning: UvmTuning = defaultTuning) {
    const statistics = new MemoryStatistics();
    const queue = new PageQueue(machine, policy);
    const swap = new SwapSpace(machine.ram, machine.swap);
    const anons = new AnonTable(machine, queue, swap, statistics);
    const objects = new ObjectTable(machine, queue, swap, statistics);
    const swapped = new SwapBacked({ machine, statistics, queue, swap, anons, objects });
    this.#core = { machine, statistics, queue, swap, anons, objects, swapped, tuning };
    this.#daemon = new PageDaemon(this.#core);
    this.#faults = new FaultHandler(this.#core, this.#daemon);
  }

  get policy(): string {
    return this.#core.queue.policy.name;
  }

  createSpace(layout: SpaceLayout, tlb: Tlb): VmMap | Errno {
    const { machine } = this.#core;
    this.#daemon.wakeIfLow();
    const pmap = machine.pmaps.create(tlb);
    if (pmap === undefined) return 'ENOMEM';
    const map = VmMap.create(pmap, layout, machine.heap);
    if (map === undefined) {
      machine.pmaps.destroy(pmap);
      return 'ENOMEM';
    }
    this.#maps.add(map);
    return map;
  }

  destroySpace(space: VmMap): void {
    for (const entry of [...space]) removeEntry(this.#core, space, entry);
    this.#core.machine.pmaps.destroy(space.pmap);
    space.destroy();
    this.#maps.delete(space);
  }

  fork(space: VmMap, tlb: Tlb): VmMap | Errno {
    const { frames } = this.#core.machine;
    // Many entries can need more frames than the reserve has: then the daemon makes room for twice as many each time.
    for (let wanted = 1; ; wanted *= 2) {
      const child = this.#tryFork(space, tlb);
      if (child !== 'ENOMEM' || !this.#daemon.makeRoom(frames.freeCount + wanted)) return child;
    }
  }

  #tryFork(space: VmMap, tlb: Tlb): VmMap | Errno {
    const child = this.createSpace(space.layout, tlb);
    if (typeof child === 'string') return child;
    child.breakEndPage = space.breakEndPage;
    if (forkInto(this.#core, space, child)) return child;
    this.destroySpace(child);
    return 'ENOMEM';
  }

  createObject(pager: Pager): MemoryObject | Errno {
    this.#daemon.wakeIfLow();
    return this.#core.objects.create(pager);
  }

  releaseObject(object: MemoryObject): void {
    this.#core.objects.release(object as UvmObject);
  }

  map(space: VmMap, request: MapRequest): VirtAddr | Errno {
    const pages = pagesFor(request.size);
    const attributes = entryAttributes(request);
    if (typeof attributes === 'string') return attributes;
    if (!(pages > 0)) return 'EINVAL';
    this.#daemon.wakeIfLow();
    const start = choosePlace(space, pages, request.place);
    if (typeof start === 'string') return start;
    return this.#mapAt(space, start, start + pages, attributes);
  }

  #mapAt(space: VmMap, start: number, end: number, attributes: EntryAttributes): VirtAddr | Errno {
    // The new entry's memory is got before the old ones go, so that running out of it loses nothing.
    const amap = needsAmapNow(attributes) ? Amap.create(this.#core.machine, this.#core.anons, end - start) : undefined;
    if (amap === undefined && needsAmapNow(attributes)) return 'ENOMEM';
    const reserved = space.reserveEntry();
    if (reserved === 0 || !space.clipRange(start, end)) {
      amap?.drop(0, end - start);
      if (reserved !== 0) space.releaseEntry(reserved);
      return 'ENOMEM';
    }
    removeRange(this.#core, space, start, end);
    const entry = space.insert(start, end, attributes, reserved);
    entry.amap = amap;
    if (entry.object !== undefined) entry.object.references++;
    this.#core.machine.events.emit(EventType.map, space.pmap.id, start, end - start);
    space.mergeRange(start, end);
    return addressOf(start);
  }

  unmap(space: VmMap, start: number, size: number): 0 | Errno {
    const range = pageRange(space.layout, start, size);
    if (typeof range === 'string') return range;
    this.#daemon.wakeIfLow();
    if (!space.clipRange(range.first, range.end)) return 'ENOMEM';
    removeRange(this.#core, space, range.first, range.end);
    this.#core.machine.events.emit(EventType.unmap, space.pmap.id, range.first, range.end - range.first);
    return 0;
  }

  protect(space: VmMap, start: number, size: number, protection: number): 0 | Errno {
    const range = pageRange(space.layout, start, size);
    if (typeof range === 'string') return range;
    if ((protection & ~PROT_ALL) !== 0) return 'EINVAL';
    const { first, end } = range;
    for (let page = first; page < end; ) {
      const entry = space.find(page);
      if (entry === undefined) return 'ENOMEM';
      if ((protection & ~entry.maxProtection) !== 0) return 'EACCES';
      page = entry.end;
    }
    this.#daemon.wakeIfLow();
    if (!space.clipRange(first, end)) return 'ENOMEM';
    let entry = space.findNext(first);
    for (; entry !== undefined && entry.start < end; entry = space.next(entry)) this.#protectEntry(space, entry, protection);
    this.#core.machine.events.emit(EventType.protect, space.pmap.id, first, end - first, protection);
    space.mergeRange(first, end);
    return 0;
  }

  #protectEntry(space: VmMap, entry: VmMapEntry, protection: number): void {
    const pmaps = this.#core.machine.pmaps;
    entry.protection = protection;
    // i386 entries cannot say "write only" or "execute only": what may not be read is unmapped, and each access faults.
    if ((protection & PROT_READ) === 0) pmaps.remove(space.pmap, entry.start, entry.end);
    else if ((protection & PROT_WRITE) === 0) pmaps.writeProtect(space.pmap, entry.start, entry.end);
  }

  grow(space: VmMap, end: number): VirtAddr | Errno {
    if (!(end >= space.breakStart)) return 'EINVAL';
    const oldEnd = space.breakEndPage;
    const newEnd = pageAtOrAfter(end);
    if (addressOf(newEnd) > space.layout.breakLimit) return 'ENOMEM';
    if (newEnd > oldEnd) {
      const result = this.#growBreak(space, oldEnd, newEnd);
      if (result !== 0) return result;
      this.#core.machine.events.emit(EventType.grow, space.pmap.id, oldEnd, newEnd - oldEnd);
    } else if (newEnd < oldEnd) {
      const result = this.unmap(space, addressOf(newEnd), (oldEnd - newEnd) * PAGE_SIZE);
      if (result !== 0) return result;
    }
    space.breakEndPage = newEnd;
    return addressOf(newEnd);
  }

  #growBreak(space: VmMap, oldEnd: number, newEnd: number): 0 | Errno {
    this.#daemon.wakeIfLow();
    if (!space.isFree(oldEnd, newEnd)) return 'ENOMEM';
    const below = oldEnd > 0 ? space.find(oldEnd - 1) : undefined;
    if (below !== undefined && isHeap(below) && space.extend(below, newEnd)) return 0;
    const result = this.#mapAt(space, oldEnd, newEnd, heapAttributes);
    return typeof result === 'string' ? result : 0;
  }

  sync(space: VmMap, start: number, size: number): 0 | Errno {
    const range = pageRange(space.layout, start, size);
    if (typeof range === 'string') return range;
    let failure: Errno | undefined;
    for (let page = range.first; page < range.end; ) {
      const entry = space.find(page);
      if (entry === undefined) return 'ENOMEM';
      const end = Math.min(entry.end, range.end);
      if (entry.object !== undefined && !entry.copyOnWrite) {
        failure = this.#core.objects.writeBack(entry.object, entry.indexOf(page), entry.indexOf(end)) ?? failure;
      }
      page = end;
    }
    return failure ?? 0;
  }

  allows(space: VmMap, start: number, size: number, protection: number): boolean {
    const end = pageAtOrAfter(start + size);
    for (let page: number = pageOf(start); page < end; ) {
      const entry = space.find(page);
      if (entry === undefined || (entry.protection & protection) !== protection) return false;
      page = entry.end;
    }
    return true;
  }

  isResident(space: VmMap, page: number): boolean {
    const entry = space.find(page);
    if (entry === undefined) return false;
    const anon = entry.amap?.get(entry.slotOf(page)) ?? 0;
    if (anon !== 0) return this.#core.anons.frame(anon) !== 0;
    return entry.object !== undefined && entry.object.pages.get(entry.indexOf(page)) !== 0;
  }

  fault(space: VmMap, page: number, access: Access): FaultOutcome {
    return this.#faults.handle(space, page, access);
  }

  reclaim(frames: number): number {
    const { frames: memory } = this.#core.machine;
    const before = memory.freeCount;
    this.#daemon.run(before + frames);
    return memory.freeCount - before;
  }

  // Not there yet.
  readonly mover: PageMover<VmMap> | undefined = undefined;
  remap(_space: VmMap, _start: number, _oldSize: number, _newSize: number, _place: 'here' | 'anywhere' | Place): VirtAddr | Errno {
    return 'ENOSYS';
  }
  advise(_space: VmMap, _start: number, _size: number, _advice: Advice): 0 | Errno {
    return 'ENOSYS';
  }
  inherit(_space: VmMap, _start: number, _size: number, _inheritance: Inheritance): 0 | Errno {
    return 'ENOSYS';
  }
  lock(_space: VmMap, _start: number, _size: number): 0 | Errno {
    return 'ENOSYS';
  }
  unlock(_space: VmMap, _start: number, _size: number): 0 | Errno {
    return 'ENOSYS';
  }
  lockAll(_space: VmMap, _scope: LockScope): 0 | Errno {
    return 'ENOSYS';
  }
  unlockAll(_space: VmMap): void {}
  residency(_space: VmMap, _start: number, _size: number, _into: Uint8Array): 0 | Errno {
    return 'ENOSYS';
  }
  commit(_space: VmMap, _start: number, _size: number, _protection: number): 0 | Errno {
    return 'ENOSYS';
  }
  decommit(_space: VmMap, _start: number, _size: number): 0 | Errno {
    return 'ENOSYS';
  }
  limit(_space: VmMap, _limits: SpaceLimits): void {}
  usage(_space: VmMap): SpaceUsage {
    return { addressBytes: 0, committedBytes: 0, lockedBytes: 0, residentBytes: 0 };
  }
  createSharedMemory(pages: number, name: string): MemoryObject | Errno {
    if (!(Number.isInteger(pages) && pages > 0 && pages <= MAX_OBJECT_PAGES)) return 'EINVAL';
    this.#daemon.wakeIfLow();
    return this.#core.objects.createAnonymous(pages, name);
  }
  tick(): void {}
  swapOn(device: BlockDevice, priority: number): 0 | Errno {
    return this.#core.swap.add(device, priority);
  }
  swapOff(device: BlockDevice): 0 | Errno {
    return swapOff(this.#core, this.#daemon, this.#maps, device);
  }
  swapDevices(): readonly SwapDeviceReport[] {
    return this.#core.swap.devices();
  }

  areas(space: VmMap): AreaReport[] {
    return Array.from(space, (entry) => reportArea(this.#core, entry));
  }

  statistics(): MemoryStatistics {
    return this.#core.statistics;
  }

  /** Swap slots in use and in all. */
  get swapSlots(): { readonly used: number; readonly total: number } {
    return this.#core.swap.slots;
  }

  check(): void {
    this.#core.machine.check();
    checkUvm(this.#core, this.#maps);
  }
}

/** The attributes of memory that brk gives. */
const heapAttributes: EntryAttributes = {
  object: undefined,
  objectOffset: 0,
  protection: PROT_READ | PROT_WRITE,
  maxProtection: PROT_ALL,
  copyOnWrite: true,
  name: '[heap]',
};

function isHeap(entry: VmMapEntry): boolean {
  const { name, object, protection, maxProtection, copyOnWrite } = heapAttributes;
  return (
    entry.name === name &&
    entry.object === object &&
    entry.copyOnWrite === copyOnWrite &&
    entry.protection === protection &&
    entry.maxProtection === maxProtection
  );
}

function needsAmapNow(attributes: EntryAttributes): boolean {
  return !attributes.copyOnWrite && attributes.object === undefined;
}

function entryAttributes(request: MapRequest): EntryAttributes | Errno {
  const object = request.object as UvmObject | undefined;
  const offset = request.offset ?? 0;
  if (offset % PAGE_SIZE !== 0 || offset < 0 || (request.protection & ~PROT_ALL) !== 0) return 'EINVAL';
  if (object !== undefined && pageOf(offset) + pagesFor(request.size) > object.pager.pages) return 'EINVAL';
  const isKept = object !== undefined && (object.pager.write !== undefined || object.slots !== undefined);
  const readOnly = object !== undefined && request.sharing === 'shared' && !isKept;
  const maxProtection = readOnly ? PROT_READ | PROT_EXECUTE : PROT_ALL;
  if ((request.protection & ~maxProtection) !== 0) return 'EACCES';
  return {
    object,
    objectOffset: pageOf(offset),
    protection: request.protection,
    maxProtection,
    copyOnWrite: request.sharing === 'private',
    name: request.name ?? object?.pager.name ?? '',
  };
}
