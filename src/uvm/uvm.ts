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
  allowsAll,
  choosePlace,
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
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  pageRange,
  type SpaceLayout,
  type SpaceLimits,
  Spaces,
  type SpaceUsage,
  type SwapDeviceReport,
  SwapSpace,
  type VictimHandler,
} from '../system/index.ts';
import { adviseRange, residencyOf } from './advice.ts';
import { AnonTable } from './anon.ts';
import { reportArea } from './area-report.ts';
import { everyArea, isProtection, mayGrowTo, requestedAttributes } from './areas.ts';
import { checkUvm } from './check.ts';
import { commitRange, decommitRange, growthOf, isWithinLimits, protectRange, usageOf } from './commitment.ts';
import type { UvmCore } from './core.ts';
import { FaultHandler } from './fault.ts';
import { forkInto, mayFork } from './fork.ts';
import { IdleReclaim } from './idle.ts';
import { DOES_NOT_GROW, type EntryAttributes, type VmMapEntry } from './map-entry.ts';
import { UvmPageMover } from './mover.ts';
import { ObjectTable, type UvmObject } from './object.ts';
import { OutOfMemory } from './out-of-memory.ts';
import { PageDaemon } from './page-daemon.ts';
import { removeEntry, removeRange } from './placement.ts';
import { remapArea } from './remap.ts';
import { SwapBacked } from './swap-backed.ts';
import { swapOff } from './swap-off.ts';
import { defaultTuning, type UvmTuning } from './tuning.ts';
import { VmMap } from './vm-map.ts';
import { backingFrame } from './wired-pages.ts';
import { Wiring } from './wiring.ts';

/** Most pages of an object: what a space of 32 bits can map. */
const MAX_OBJECT_PAGES = 2 ** 20;

/** The UVM memory manager over one machine. */
export class Uvm implements MemorySystem<VmMap> {
  readonly name = 'uvm';
  readonly #core: UvmCore;
  readonly #daemon: PageDaemon;
  readonly #faults: FaultHandler;
  readonly #outOfMemory: OutOfMemory;
  readonly #idle: IdleReclaim;
  readonly #wiring: Wiring;
  readonly #mover: UvmPageMover;
  readonly #spaces: Spaces<VmMapEntry, VmMap>;

  /** @param policy must be one that a kernel can run (`sees: 'bits'`). */
  constructor(machine: Machine, policy: PolicyKind, tuning: UvmTuning = defaultTuning) {
    const statistics = new MemoryStatistics();
    const queue = new PageQueue(machine, policy);
    const swap = new SwapSpace(machine.ram, machine.swap);
    const anons = new AnonTable(machine, queue, swap, statistics);
    const objects = new ObjectTable({ machine, queue, swap, anons, statistics });
    const swapped = new SwapBacked({ machine, statistics, queue, swap, anons, objects });
    this.#core = { machine, statistics, queue, swap, anons, objects, swapped, tuning, maps: new Set() };
    this.#daemon = new PageDaemon(this.#core);
    this.#outOfMemory = new OutOfMemory(this.#core);
    this.#faults = new FaultHandler(this.#core, this.#daemon, this.#outOfMemory);
    this.#idle = new IdleReclaim(this.#core, this.#daemon);
    this.#wiring = new Wiring(this.#core, this.#faults);
    this.#mover = new UvmPageMover(this.#core, this.#daemon, this.#faults);
    this.#spaces = new Spaces(machine, this.#core.maps, {
      wakeIfLow: () => this.#daemon.wakeIfLow(),
      makeRoom: (freeFrames) => this.#daemon.makeRoom(freeFrames),
      makeMap: VmMap.create,
      removeEntry: (map, entry) => removeEntry(this.#core, map, entry),
      mayFork,
      forkInto: (parent, child) => forkInto(this.#core, parent, child),
    });
  }

  get policy(): string {
    return this.#core.queue.policy.name;
  }

  get mover(): PageMover<VmMap> {
    return this.#mover;
  }

  createSpace(layout: SpaceLayout, tlb: Tlb): VmMap | Errno {
    return this.#spaces.create(layout, tlb);
  }

  destroySpace(space: VmMap): void {
    this.#spaces.destroy(space);
  }

  fork(space: VmMap, tlb: Tlb): VmMap | Errno {
    return this.#spaces.fork(space, tlb);
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
    const attributes = requestedAttributes(request);
    if (typeof attributes === 'string') return attributes;
    if (!(pages > 0)) return 'EINVAL';
    this.#daemon.wakeIfLow();
    const start = choosePlace(space, pages, request.place);
    if (typeof start === 'string') return start;
    if (!mayGrowTo(space, request.growsDown?.limit, start)) return 'EINVAL';
    return this.#mapAt(space, start, start + pages, attributes);
  }

  /** Makes an area, locked if the space locks new ones, within the limits. */
  #mapAt(space: VmMap, start: number, end: number, attributes: EntryAttributes): VirtAddr | Errno {
    const wired = space.locksNewAreas && attributes.protection !== PROT_NONE;
    const wanted = { ...attributes, wired };
    if (!isWithinLimits(space, growthOf(space, start, end - start, wanted))) return 'ENOMEM';
    return this.#wiring.mapArea(space, start, end, wanted);
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
    if (!isProtection(protection)) return 'EINVAL';
    this.#daemon.wakeIfLow();
    const { first, end } = range;
    const result = protectRange(this.#core, space, range, protection);
    if (result !== 0) return result;
    this.#core.machine.events.emit(EventType.protect, space.pmap.id, first, end - first, protection);
    if (space.lockedPages > 0) this.#wiring.settle(space, first, end);
    return 0;
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
    return allowsAll(space, pageOf(start), pageAtOrAfter(start + size), protection);
  }

  isResident(space: VmMap, page: number): boolean {
    const entry = space.find(page);
    return entry !== undefined && backingFrame(this.#core, entry, page) !== 0;
  }

  fault(space: VmMap, page: number, access: Access): FaultOutcome {
    const outcome = this.#faults.handle(space, page, access);
    if (this.#faults.grewLockedStack >= 0) this.#lockGrownStack(space);
    return outcome;
  }

  /** A locked stack grew: its new part stays unlocked only if that would take too much. */
  #lockGrownStack(space: VmMap): void {
    const first = this.#faults.grewLockedStack;
    this.#faults.grewLockedStack = -1;
    const part = space.find(first);
    if (part !== undefined) this.#wiring.lock(space, first, part.end);
  }

  reclaim(frames: number): number {
    const { frames: memory } = this.#core.machine;
    const before = memory.freeCount;
    this.#daemon.run(before + frames);
    return memory.freeCount - before;
  }

  remap(space: VmMap, start: number, oldSize: number, newSize: number, place: 'here' | 'anywhere' | Place): VirtAddr | Errno {
    const range = pageRange(space.layout, start, oldSize);
    if (typeof range === 'string') return range;
    if (!(newSize > 0)) return 'EINVAL';
    this.#daemon.wakeIfLow();
    const oldPages = range.end - range.first;
    return remapArea(this.#core, this.#wiring, space, { start: range.first, oldPages, newPages: pagesFor(newSize), place });
  }

  advise(space: VmMap, start: number, size: number, advice: Advice): 0 | Errno {
    const range = pageRange(space.layout, start, size);
    if (typeof range === 'string') return range;
    this.#daemon.wakeIfLow();
    return adviseRange(this.#core, space, range, advice);
  }

  inherit(space: VmMap, start: number, size: number, inheritance: Inheritance): 0 | Errno {
    const range = pageRange(space.layout, start, size);
    if (typeof range === 'string') return range;
    const { first, end } = range;
    this.#daemon.wakeIfLow();
    if (!everyArea(space, first, end) || !space.clipRange(first, end)) return 'ENOMEM';
    everyArea(space, first, end, (entry) => {
      entry.inheritance = inheritance;
      return true;
    });
    space.mergeRange(first, end);
    return 0;
  }

  lock(space: VmMap, start: number, size: number): 0 | Errno {
    const range = pageRange(space.layout, start, size);
    return typeof range === 'string' ? range : this.#wiring.lock(space, range.first, range.end);
  }

  unlock(space: VmMap, start: number, size: number): 0 | Errno {
    const range = pageRange(space.layout, start, size);
    return typeof range === 'string' ? range : this.#wiring.unlock(space, range.first, range.end);
  }

  lockAll(space: VmMap, scope: LockScope): 0 | Errno {
    return this.#wiring.lockAll(space, scope);
  }

  unlockAll(space: VmMap): void {
    this.#wiring.unlockAll(space);
  }

  residency(space: VmMap, start: number, size: number, into: Uint8Array): 0 | Errno {
    const range = pageRange(space.layout, start, size);
    return typeof range === 'string' ? range : residencyOf(this.#core, space, range, into);
  }

  commit(space: VmMap, start: number, size: number, protection: number): 0 | Errno {
    const range = pageRange(space.layout, start, size);
    if (typeof range === 'string') return range;
    if (!isProtection(protection)) return 'EINVAL';
    this.#daemon.wakeIfLow();
    const result = commitRange(this.#core, space, range, protection);
    if (result === 0 && space.lockedPages > 0) this.#wiring.settle(space, range.first, range.end);
    return result;
  }

  decommit(space: VmMap, start: number, size: number): 0 | Errno {
    const range = pageRange(space.layout, start, size);
    if (typeof range === 'string') return range;
    this.#daemon.wakeIfLow();
    return decommitRange(this.#core, space, range);
  }

  limit(space: VmMap, limits: SpaceLimits): void {
    space.limits = limits;
  }

  usage(space: VmMap): SpaceUsage {
    return usageOf(space);
  }

  createSharedMemory(pages: number, name: string): MemoryObject | Errno {
    if (!(Number.isInteger(pages) && pages > 0 && pages <= MAX_OBJECT_PAGES)) return 'EINVAL';
    this.#daemon.wakeIfLow();
    return this.#core.objects.createAnonymous(pages, name);
  }

  tick(): void {
    this.#idle.tick();
    this.#core.machine.frames.zeroIdle(this.#core.tuning.idleZeroedFrames);
  }

  setVictimHandler(handler: VictimHandler<VmMap> | undefined): void {
    this.#outOfMemory.handler = handler;
  }

  swapOn(device: BlockDevice, priority: number): 0 | Errno {
    return this.#core.swap.add(device, priority);
  }

  swapOff(device: BlockDevice): 0 | Errno {
    return swapOff(this.#core, this.#daemon, this.#core.maps, device);
  }

  swapDevices(): readonly SwapDeviceReport[] {
    return this.#core.swap.devices();
  }

  areas(space: VmMap): AreaReport[] {
    return Array.from(space, (entry) => reportArea(this.#core, entry));
  }

  statistics(): MemoryStatistics {
    const { statistics, queue } = this.#core;
    queue.countReadAhead(statistics);
    return statistics;
  }

  /** Swap slots in use and in all. */
  get swapSlots(): { readonly used: number; readonly total: number } {
    return this.#core.swap.slots;
  }

  check(): void {
    this.#core.machine.check();
    checkUvm(this.#core, this.#mover.kernelLoans);
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
  advice: 'normal',
  inheritance: 'copy',
  commitment: 'charged',
  wired: false,
  growsDownTo: DOES_NOT_GROW,
};
