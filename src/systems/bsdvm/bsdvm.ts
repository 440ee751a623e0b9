// The 4.4BSD virtual memory system, descended from Mach's, that UVM replaced: shadow-object chains, a cache of a hundred objects,
// one page per fault and one page per write.
//
//   space -> BsdMap -> BsdMapEntry -> object -> shadowed object -> ... -> file or nothing
//                                       |            each with: pages in memory, a pager (vnode, or swap with fixed places)
//
// It is a fair rival on the same contract, machine and policies. What it does otherwise than UVM, and what that costs, is in the header
// of the file that does it: chains (vm-object.ts, collapse.ts), faults (fault.ts), fork (fork.ts), structures and the object
// cache (object-table.ts), swap (swap-pager.ts, page-daemon.ts), clipping (vm-map.ts, wiring.ts).
//
// 4.4BSD lacked some calls of the contract: `swapOff` is refused (ENOSYS); `remap`, `commit`, `decommit` and inheritance `zero` are
// made of its own parts. Pages are never moved between spaces (`mover`).
// Source: 4.4BSD sys/vm; Cranor and Parulkar, "The UVM Virtual Memory System", USENIX 1999, which compares the two.

import { addressOf, type Errno, PAGE_SIZE, pageAtOrAfter, pageOf, type VirtAddr } from '../../base/index.ts';
import type { BlockDevice, Tlb } from '../../machine/index.ts';
import type { PolicyKind } from '../../paging/index.ts';
import type { Access } from '../../pmap/index.ts';
import {
  type Advice,
  type AreaReport,
  allowsAll,
  type FaultOutcome,
  findHoleApart,
  IDLE_ZEROED_FRAMES,
  type Inheritance,
  type LockScope,
  type Machine,
  type MapRequest,
  type MemoryObject,
  MemoryStatistics,
  type MemorySystem,
  type PageMover,
  PageQueue,
  type PageRange,
  type Pager,
  type Place,
  pageRange,
  type SpaceLayout,
  type SpaceLimits,
  Spaces,
  type SpaceUsage,
  type SwapDeviceReport,
  type SwapReadAhead,
  SwapSpace,
} from '../../system/index.ts';
import { advise, commit, decommit } from './advice.ts';
import { reportArea } from './area-report.ts';
import { visibleFrame } from './chain.ts';
import { checkBsdVm } from './check.ts';
import { mayFork, usageOf } from './commitment.ts';
import type { BsdCore } from './core.ts';
import { ShadowCounters } from './counters.ts';
import { FaultHandler } from './fault.ts';
import { forkInto } from './fork.ts';
import type { BsdMapEntry } from './map-entry.ts';
import { growBreak, mapRequest, moveEntries, protectRange, removeEntry, removeRange, unmapRange } from './map-requests.ts';
import { ObjectTable } from './object-table.ts';
import { PageDaemon } from './page-daemon.ts';
import { remap } from './remap.ts';
import { BsdMap } from './vm-map.ts';
import type { VmObject } from './vm-object.ts';
import { Wiring } from './wiring.ts';

/** Most pages of an object: what a space of 32 bits can map. */
const MAX_OBJECT_PAGES = 2 ** 20;

/** The BSD VM over one machine. */
export class BsdVm implements MemorySystem<BsdMap> {
  readonly name = 'bsdvm';
  readonly mover: PageMover<BsdMap> | undefined = undefined;
  readonly #core: BsdCore;
  readonly #daemon: PageDaemon;
  readonly #faults: FaultHandler;
  readonly #wiring: Wiring;
  readonly #spaces: Spaces<BsdMapEntry, BsdMap>;

  /** @param policy must be one that a kernel can run (`sees: 'bits'`). */
  constructor(machine: Machine, policy: PolicyKind, swapReadAhead: SwapReadAhead = 'off') {
    const statistics = new MemoryStatistics();
    const counters = new ShadowCounters();
    const queue = new PageQueue(machine, policy);
    const swap = new SwapSpace(machine.ram, machine.swap);
    const objects = new ObjectTable({ machine, queue, swap, statistics, counters });
    this.#core = { machine, statistics, counters, queue, swap, objects, swapReadAhead, maps: new Set() };
    this.#daemon = new PageDaemon(this.#core);
    this.#faults = new FaultHandler(this.#core, this.#daemon);
    this.#wiring = new Wiring(this.#core, this.#faults);
    this.#spaces = new Spaces(machine, this.#core.maps, {
      wakeIfLow: () => this.#daemon.wakeIfLow(),
      makeRoom: (freeFrames) => this.#daemon.makeRoom(freeFrames),
      makeMap: BsdMap.create,
      removeEntry: (map, entry) => removeEntry(this.#core, map, entry),
      mayFork,
      forkInto: (parent, child) => forkInto(this.#core, parent, child),
    });
  }

  get policy(): string {
    return this.#core.queue.policy.name;
  }

  createSpace(layout: SpaceLayout, tlb: Tlb): BsdMap | Errno {
    return this.#spaces.create(layout, tlb);
  }

  destroySpace(space: BsdMap): void {
    this.#spaces.destroy(space);
  }

  fork(space: BsdMap, tlb: Tlb): BsdMap | Errno {
    return this.#spaces.fork(space, tlb);
  }

  /** Also finds the object that another caller made over the same pager, and one in the object cache. */
  createObject(pager: Pager): MemoryObject | Errno {
    this.#daemon.wakeIfLow();
    return this.#core.objects.open(pager);
  }

  createSharedMemory(pages: number, name: string): MemoryObject | Errno {
    if (!(Number.isInteger(pages) && pages > 0 && pages <= MAX_OBJECT_PAGES)) return 'EINVAL';
    this.#daemon.wakeIfLow();
    const object = this.#core.objects.createAnonymous('shared', pages, name);
    if (object === undefined) return 'ENOMEM';
    object.handles = 1;
    return object;
  }

  releaseObject(object: MemoryObject): void {
    this.#core.objects.close(object as VmObject);
  }

  map(space: BsdMap, request: MapRequest): VirtAddr | Errno {
    this.#daemon.wakeIfLow();
    const { place } = request;
    const replaced = place?.how === 'fixed' ? pageRange(space.layout, place.address, request.size) : 'EINVAL';
    if (space.locksFuture && typeof replaced !== 'string' && !space.isFree(replaced.first, replaced.end))
      return this.#mapLocked(space, request, replaced);
    const range = mapRequest(this.#core, space, request);
    return typeof range === 'string' ? range : this.#lockIfAsked(space, range);
  }

  /** Maps and locks at a hole, and only then replaces what is at [first, end): so a lock that cannot be had loses nothing. */
  #mapLocked(space: BsdMap, request: MapRequest, { first, end }: PageRange): VirtAddr | Errno {
    const hole = findHoleApart(space, end - first, first);
    if (hole < 0) return 'ENOMEM';
    const range = mapRequest(this.#core, space, request, hole);
    if (typeof range === 'string') return range;
    const locked = this.#lockIfAsked(space, range);
    if (typeof locked === 'string') return locked;
    if (!space.clipRange(first, end)) {
      unmapRange(this.#core, space, range);
      return 'ENOMEM';
    }
    removeRange(this.#core, space, first, end);
    moveEntries(this.#core, space, range, first);
    if (request.growsDown !== undefined) (space.find(first) as BsdMapEntry).growsDownTo = pageOf(request.growsDown.limit);
    return addressOf(first);
  }

  /** Locks new memory if `lockAll` asked for that; if it cannot be, it is unmapped again. */
  #lockIfAsked(space: BsdMap, range: PageRange): VirtAddr | Errno {
    if (!space.locksFuture || range.end === range.first) return addressOf(range.first);
    const result = this.#lockAccessible(space, range);
    if (result === 0) return addressOf(range.first);
    unmapRange(this.#core, space, range);
    return result;
  }

  /** Locks the areas of a range that have rights. */
  #lockAccessible(space: BsdMap, range: PageRange): 0 | Errno {
    const done: PageRange[] = [];
    for (const { start, end, protection, isLocked } of [...space.within(range.first, range.end)]) {
      if (protection === 0 || isLocked) continue;
      const part = { first: Math.max(start, range.first), end: Math.min(end, range.end) };
      const result = this.#wiring.lock(space, part);
      if (result !== 0) {
        for (const locked of done) this.#wiring.unlock(space, locked);
        return result;
      }
      done.push(part);
    }
    return 0;
  }

  unmap(space: BsdMap, start: number, size: number): 0 | Errno {
    return this.#onRange(space, start, size, (range) => unmapRange(this.#core, space, range));
  }

  protect(space: BsdMap, start: number, size: number, protection: number): 0 | Errno {
    return this.#onRange(space, start, size, (range) => {
      const result = protectRange(this.#core, space, range, protection);
      if (result === 0) this.#wiring.settle(space, range);
      return result;
    });
  }

  remap(space: BsdMap, start: number, oldSize: number, newSize: number, place: 'here' | 'anywhere' | Place): VirtAddr | Errno {
    this.#daemon.wakeIfLow();
    const range = remap(this.#core, this.#wiring, space, { start, oldSize, newSize, place });
    return typeof range === 'string' ? range : addressOf(range.first);
  }

  advise(space: BsdMap, start: number, size: number, advice: Advice): 0 | Errno {
    return this.#onRange(space, start, size, (range) => advise(this.#core, space, range, advice));
  }

  inherit(space: BsdMap, start: number, size: number, inheritance: Inheritance): 0 | Errno {
    return this.#onRange(space, start, size, ({ first, end }) => {
      if (!space.isMapped(first, end) || !space.clipRange(first, end)) return 'ENOMEM';
      for (const entry of space.within(first, end)) entry.inheritance = inheritance;
      return 0;
    });
  }

  lock(space: BsdMap, start: number, size: number): 0 | Errno {
    return this.#onRange(space, start, size, (range) => this.#wiring.lock(space, range));
  }

  unlock(space: BsdMap, start: number, size: number): 0 | Errno {
    return this.#onRange(space, start, size, (range) => {
      return space.isMapped(range.first, range.end) ? this.#wiring.unlock(space, range) : 'ENOMEM';
    });
  }

  lockAll(space: BsdMap, scope: LockScope): 0 | Errno {
    this.#daemon.wakeIfLow();
    const result = scope === 'future' ? 0 : this.#lockAccessible(space, everything);
    if (result === 0 && scope !== 'current') space.locksFuture = true;
    return result;
  }

  unlockAll(space: BsdMap): void {
    space.locksFuture = false;
    this.#wiring.unlock(space, everything);
  }

  /** Wires a buffer that the kernel does I/O on, as physio and sysctl do; wirings nest. Errors as `lock`. */
  wireBuffer(space: BsdMap, start: number, size: number): 0 | Errno {
    return this.#onRange(space, start, size, (range) => this.#wiring.wireBuffer(space, range));
  }

  /** Undoes a `wireBuffer` of the same bounds. The entries stay clipped. */
  unwireBuffer(space: BsdMap, start: number, size: number): 0 | Errno {
    return this.#onRange(space, start, size, (range) => this.#wiring.unwireBuffer(space, range));
  }

  residency(space: BsdMap, start: number, size: number, into: Uint8Array): 0 | Errno {
    return this.#onRange(space, start, size, ({ first, end }) => {
      if (into.length < end - first) return 'EINVAL';
      if (!space.isMapped(first, end)) return 'ENOMEM';
      for (let page = first; page < end; page++) into[page - first] = this.isResident(space, page) ? 1 : 0;
      return 0;
    });
  }

  commit(space: BsdMap, start: number, size: number, protection: number): 0 | Errno {
    return this.#onRange(space, start, size, (range) => commit(this.#core, space, range, protection));
  }

  decommit(space: BsdMap, start: number, size: number): 0 | Errno {
    return this.#onRange(space, start, size, (range) => decommit(this.#core, space, range));
  }

  /** Checks the bounds, lets the daemon run if memory is low, and does the work. */
  #onRange(space: BsdMap, start: number, size: number, work: (range: PageRange) => 0 | Errno): 0 | Errno {
    const range = pageRange(space.layout, start, size);
    if (typeof range === 'string') return range;
    this.#daemon.wakeIfLow();
    return work(range);
  }

  limit(space: BsdMap, limits: SpaceLimits): void {
    space.limits = limits;
  }

  usage(space: BsdMap): SpaceUsage {
    return usageOf(space);
  }

  grow(space: BsdMap, end: number): VirtAddr | Errno {
    this.#daemon.wakeIfLow();
    const oldEnd = space.breakEndPage;
    const range = growBreak(this.#core, space, end);
    if (typeof range === 'string') return range;
    const locked = this.#lockIfAsked(space, range);
    if (typeof locked !== 'string') return space.breakEnd;
    space.breakEndPage = oldEnd;
    return locked;
  }

  sync(space: BsdMap, start: number, size: number): 0 | Errno {
    const range = pageRange(space.layout, start, size);
    if (typeof range === 'string') return range;
    const { first, end } = range;
    let failure: Errno | undefined;
    for (const entry of space.within(first, end)) {
      if (entry.object?.kind !== 'vnode' || entry.sharing === 'private') continue;
      const from = entry.indexOf(Math.max(entry.start, first));
      failure = this.#core.objects.writeBack(entry.object, from, entry.indexOf(Math.min(entry.end, end))) ?? failure;
    }
    if (!space.isMapped(first, end)) return 'ENOMEM';
    return failure ?? 0;
  }

  allows(space: BsdMap, start: number, size: number, protection: number): boolean {
    return allowsAll(space, pageOf(start), pageAtOrAfter(start + size), protection);
  }

  isResident(space: BsdMap, page: number): boolean {
    const entry = space.find(page);
    return entry !== undefined && (entry.object?.kind === 'device' || visibleFrame(entry, page) !== 0);
  }

  fault(space: BsdMap, page: number, access: Access): FaultOutcome {
    const outcome = this.#faults.handle(space, page, access);
    if (this.#faults.grewLockedStack >= 0) this.#lockGrownStack(space);
    return outcome;
  }

  /** A locked stack grew: its new part stays unlocked only if that would take too much. */
  #lockGrownStack(space: BsdMap): void {
    const first = this.#faults.grewLockedStack;
    this.#faults.grewLockedStack = -1;
    const part = space.find(first);
    if (part !== undefined) this.#wiring.lock(space, { first, end: part.end });
  }

  reclaim(frames: number): number {
    const { frames: memory } = this.#core.machine;
    const before = memory.freeCount;
    this.#daemon.run(before + frames);
    return memory.freeCount - before;
  }

  /** Zeroes free frames: 4.4BSD's pager itself has no idle work but what low memory asks for. */
  tick(): void {
    this.#core.machine.frames.zeroIdle(IDLE_ZEROED_FRAMES);
  }

  swapOn(device: BlockDevice, priority: number): 0 | Errno {
    return this.#core.swap.add(device, priority);
  }

  /** ENOENT for a device not in use; ENOSYS for one that is: 4.4BSD cannot give a swap device back. */
  swapOff(device: BlockDevice): 0 | Errno {
    return this.#core.swap.areaOf(device) < 0 ? 'ENOENT' : 'ENOSYS';
  }

  swapDevices(): readonly SwapDeviceReport[] {
    return this.#core.swap.devices();
  }

  areas(space: BsdMap): AreaReport[] {
    return Array.from(space, (entry) => reportArea(this.#core, entry));
  }

  statistics(): MemoryStatistics {
    const { objects, queue, statistics } = this.#core;
    objects.countSwap();
    queue.countReadAhead(statistics);
    return statistics;
  }

  /** What shadow chains and the object cache did. */
  get counters(): ShadowCounters {
    return this.#core.counters;
  }

  /** Objects that nobody refers to but that keep their pages. */
  get cachedObjects(): number {
    return this.#core.objects.cached;
  }

  /** Ends the objects in the cache, as 4.4BSD does before a file system is unmounted. */
  clearObjectCache(): void {
    this.#core.objects.clearCache();
  }

  /** Swap slots in use and in all. */
  get swapSlots(): { readonly used: number; readonly total: number } {
    return this.#core.swap.slots;
  }

  check(): void {
    this.#core.machine.check();
    checkBsdVm(this.#core);
  }
}

/** All pages that a space can have. */
const everything: PageRange = { first: 0, end: Number.MAX_SAFE_INTEGER / PAGE_SIZE };
