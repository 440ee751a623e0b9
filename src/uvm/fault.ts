// The fault algorithm: what should be at this address, and getting it there.
//
//            write or read fault on a page of an entry
//                 anon in the amap?
//          yes /                     \ no
//     case 1: the upper layer         case 2: the lower layer
//       |-- 1A  read, or write to an    |-- 2A  read of the object, or write to a shared area:
//       |       anon held once:         |       map the object's page
//       |       map its page            |-- 2B  write to a private area, or no object:
//       |-- 1B  write to an anon held           promote: a new anon, with the object page's
//               more than once: copy            content, or zeros
//
// A step that lacks memory returns RESTART: nothing is half done (what was got so far is resident and will be found again),
// the page daemon runs, and the fault begins anew. Neighbours that are resident are mapped ahead on the first pass; how many depends on
// the area's advice:
//
//   normal       3 behind  [page]  4 ahead
//   random                 [page]
//   sequential             [page]  7 ahead      and the 8 behind become the first to be evicted
//
// Invariants that running code relies on:
//   UF1  a resolved fault leaves the page mapped with the right asked for, its TLB word filled, its frame held
//   UF2  a frame reaches a process only zeroed, copied whole or read whole
// Source: uvm_fault.c; Cranor and Parulkar 1999, sections 5.4 and 6. Cost: benchmarked in bench/.

import { EventType, type Pfn } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import type { Access, PhysicalMap } from '../pmap/index.ts';
import { type FaultKind, FaultOutcome, faultKinds, PROT_EXECUTE, PROT_READ, PROT_WRITE } from '../system/index.ts';
import type { Amap } from './amap.ts';
import type { AnonTable } from './anon.ts';
import type { UvmCore } from './core.ts';
import type { VmMapEntry } from './map-entry.ts';
import { clearNeedsCopy } from './needs-copy.ts';
import { GET_IO_ERROR, GET_NO_MEMORY, type UvmObject } from './object.ts';
import type { OutOfMemory } from './out-of-memory.ts';
import type { PageDaemon } from './page-daemon.ts';
import { growDown } from './stack-growth.ts';
import { SwapIn } from './swap-in.ts';
import type { VmMap } from './vm-map.ts';
import { backingFrame, moveObjectWires, moveWires } from './wired-pages.ts';

/** The neighbours looked at: UVM's windows for normal and for sequential advice. */
const PAGES_BEHIND = 3;
const PAGES_AHEAD = 4;
const SEQUENTIAL_BEHIND = 8;
const SEQUENTIAL_AHEAD = 7;

/** Rights by access: read, write, execute. */
const RIGHT_NEEDED = [PROT_READ, PROT_WRITE, PROT_EXECUTE] as const;

/** A step's result besides the outcomes: memory was short, run the daemon and begin again. */
const RESTART = -1;
type Step = FaultOutcome | typeof RESTART;
/**
 * Runs of the daemon that evict nothing before a fault gives up. The first may have given back empty slabs of the kernel heap, which
 * can be all that was missing; after it there are none but those that the fault itself took and gave back.
 */
const BARREN_RUNS = 2;

/** Resolves page faults of one machine. The fields are the context of the fault at hand, so that no object is made per fault. */
export class FaultHandler {
  readonly #core: UvmCore;
  readonly #daemon: PageDaemon;
  readonly #outOfMemory: OutOfMemory;
  readonly #anons: AnonTable;
  readonly #pmaps: PhysicalMap;
  readonly #swapIn: SwapIn;
  #map!: VmMap;
  #entry!: VmMapEntry;
  #page = 0;
  #access: Access = 0;
  /** The frame that the page was mapped to. */
  #frame: Pfn | -1 = -1;
  #kind: FaultKind = 'resident';
  /** The last page fault extended a locked stack: its new part begins at this page and is to be locked. -1: none did. */
  grewLockedStack = -1;

  constructor(core: UvmCore, daemon: PageDaemon, outOfMemory: OutOfMemory) {
    this.#core = core;
    this.#daemon = daemon;
    this.#outOfMemory = outOfMemory;
    this.#anons = core.anons;
    this.#pmaps = core.machine.pmaps;
    this.#swapIn = new SwapIn(core);
  }

  /** Resolves the fault of `access` on `page`. */
  handle(map: VmMap, page: number, access: Access): FaultOutcome {
    const { statistics, machine } = this.#core;
    statistics.faults++;
    map.faults++;
    this.#map = map;
    this.#page = page;
    this.#access = access;
    this.#kind = 'resident';
    this.#daemon.wakeIfLow();
    let step = this.#resolve('first');
    if (step === RESTART) step = this.#resolveAgain();
    if (step !== FaultOutcome.resolved) {
      this.#kind = 'failed';
      this.#frame = -1;
    }
    statistics.countFault(this.#kind);
    if (machine.events.isRead) machine.events.emit(EventType.faultDone, map.pmap.id, page, this.#frame, faultKinds.indexOf(this.#kind));
    return step;
  }

  /**
   * Lets the daemon run and begins again, until the fault is resolved or there is no memory to be had. It asks for twice as much
   * each time, since a copy of a large amap needs many frames at once. Ends: the page that the fault works on is held, so each run
   * that evicts leaves fewer pages in memory.
   */
  #resolveAgain(): FaultOutcome {
    const { statistics, queue, machine } = this.#core;
    let barrenRuns = 0;
    for (let wanted = 1; ; wanted *= 2) {
      statistics.restarts++;
      const madeRoom = this.#daemon.makeRoom(Math.max(queue.freeTarget, machine.frames.freeCount + wanted));
      if (!madeRoom && ++barrenRuns === BARREN_RUNS) {
        const relief = this.#outOfMemory.relieve(this.#map);
        if (relief !== 'freed') return relief === 'reserve' ? this.#resolveFromReserve() : FaultOutcome.outOfMemory;
        barrenRuns = 0;
      }
      const step = this.#resolve('again');
      if (step !== RESTART) return step;
    }
  }

  /** A victim will end soon; until then this fault may take what only the kernel may otherwise. */
  #resolveFromReserve(): FaultOutcome {
    const { queue } = this.#core;
    queue.setReserve('open');
    const step = this.#resolve('again');
    queue.setReserve('kept');
    return step === RESTART ? FaultOutcome.outOfMemory : step;
  }

  #resolve(pass: 'first' | 'again'): Step {
    const entry = this.#map.find(this.#page);
    if (entry === undefined) return this.#belowStack(pass);
    this.#entry = entry;
    if ((entry.protection & (RIGHT_NEEDED[this.#access] as number)) === 0) return FaultOutcome.protection;
    if (entry.needsCopy && (this.#access === 1 || entry.object === undefined) && !clearNeedsCopy(this.#core, entry)) return RESTART;
    if (pass === 'first' && entry.advice !== 'random') this.#lookAround(entry);
    const anon = entry.amap === undefined ? 0 : entry.amap.get(entry.slotOf(this.#page));
    if (anon !== 0) return this.#upperLayer(anon);
    return this.#lowerLayer();
  }

  /** Nothing is mapped: a stack above may grow down to the page. */
  #belowStack(pass: 'first' | 'again'): Step {
    const growth = growDown(this.#core, this.#map, this.#page);
    if (growth === 'refused') return FaultOutcome.unmapped;
    if (growth === 'noMemory') return RESTART;
    if (growth === 'unlocked') this.grewLockedStack = this.#page;
    return this.#resolve(pass);
  }

  #lookAround(entry: VmMapEntry): void {
    if (entry.advice === 'normal') this.#mapNeighbours(entry, PAGES_BEHIND, PAGES_AHEAD);
    else {
      this.#demoteBehind(entry);
      this.#mapNeighbours(entry, 0, SEQUENTIAL_AHEAD);
    }
  }

  /** What was read in sequence will not be read again soon. */
  #demoteBehind(entry: VmMapEntry): void {
    for (let page = Math.max(entry.start, this.#page - SEQUENTIAL_BEHIND); page < this.#page; page++) {
      const frame = backingFrame(this.#core, entry, page);
      if (frame !== 0) this.#core.queue.demote(frame);
    }
  }

  /** Maps resident neighbours, with their reference bits clear: a fault saved if they are used, nothing lost if not. */
  #mapNeighbours(entry: VmMapEntry, behind: number, ahead: number): void {
    if ((entry.protection & PROT_READ) === 0) return;
    // Compared by hand: the engine has Math.max and Math.min compute in floating point here.
    let first = this.#page - behind;
    let end = this.#page + ahead + 1;
    if (first < entry.start) first = entry.start;
    if (end > entry.end) end = entry.end;
    // Those that are there at all first: in new memory there are none, and the page table need not be asked.
    let pages = pagesPresent(entry, first, end) & ~(1 << (this.#page - first));
    if (pages !== 0) pages = this.#pmaps.notMapped(this.#map.pmap, first, pages);
    for (; pages !== 0; pages &= pages - 1) {
      if (!this.#mapNeighbour(entry, first + 31 - Math.clz32(pages & -pages))) return;
    }
  }

  /** Maps one page that is not mapped, if it is resident. Returns false when there is no memory to map with. */
  #mapNeighbour(entry: VmMapEntry, page: number): boolean {
    const anon = entry.amap === undefined ? 0 : entry.amap.get(entry.slotOf(page));
    let frame = 0;
    if (anon !== 0) frame = this.#anons.frame(anon);
    else if (entry.object !== undefined) frame = entry.object.pages.get(entry.indexOf(page));
    return frame === 0 || this.#mapAhead(page, anon, frame as Pfn);
  }

  /** Maps a page that is in `frame`, an anon's or, if that is 0, the object's. Returns false when there is no memory to map with. */
  #mapAhead(page: number, anon: number, frame: Pfn): boolean {
    const { statistics, machine } = this.#core;
    const right = anon !== 0 ? this.#anonRight(anon) : this.#objectRight(frame);
    // Who writes to memory shared by a fork will write to its neighbour too, and copy it: mapping that one now would be work for nothing.
    if (anon !== 0 && right === 'read' && this.#access === 1) return true;
    if (!this.#pmaps.enter(this.#map.pmap, page, frame, right, undefined)) return false;
    if (anon !== 0) statistics.mappedAheadAnon++;
    else statistics.mappedAheadObject++;
    machine.events.emit(EventType.mapAhead, this.#map.pmap.id, page, frame);
    return true;
  }

  #anonRight(anon: number): 'read' | 'write' {
    const entry = this.#entry;
    return this.#anons.isExclusive(anon) && !entry.needsCopy && (entry.protection & PROT_WRITE) !== 0 ? 'write' : 'read';
  }

  #objectRight(frame: Pfn): 'read' | 'write' {
    const own = !this.#entry.copyOnWrite && this.#core.machine.frames.table.loanCount(frame) === 0;
    return own && (this.#entry.protection & PROT_WRITE) !== 0 ? 'write' : 'read';
  }

  /** Case 1: the page is an anon. */
  #upperLayer(anon: number): Step {
    const step = this.#ensureResident(anon);
    if (step !== FaultOutcome.resolved) return step;
    if (this.#access === 1 && !this.#anons.isExclusive(anon)) {
      return this.#anons.references(anon) > 1 ? this.#case1B(anon) : this.#case1ALent(anon);
    }
    return this.#case1A(anon);
  }

  /** Brings an anon's page in from swap. */
  #ensureResident(anon: number): Step {
    const resident = this.#anons.frame(anon);
    if (resident !== 0) {
      this.#core.queue.hold(resident);
      return FaultOutcome.resolved;
    }
    return this.#swapPageIn(anon);
  }

  /** Brings the page in from swap, where alone it is, and maps what was read with it. Its anon is 0 if it is the object's. */
  #swapPageIn(anon: number): Step {
    const frame = this.#swapIn.bringIn(this.#map, this.#entry, this.#page, anon);
    if (frame === GET_NO_MEMORY) return RESTART;
    if (frame === GET_IO_ERROR) return FaultOutcome.ioError;
    this.#kind = 'swapIn';
    this.#mapReadAhead();
    return FaultOutcome.resolved;
  }

  /** Maps the pages that were read with the missing one, as neighbours: nobody else needs a fault for them. */
  #mapReadAhead(): void {
    const swapIn = this.#swapIn;
    if (swapIn.end - swapIn.first === 1 || (this.#entry.protection & PROT_READ) === 0) return;
    for (let page = swapIn.first; page < swapIn.end; page++) {
      if (page !== this.#page && !this.#mapAhead(page, swapIn.anonOf(page), swapIn.frameOf(page))) return;
    }
  }

  /** 1A: the anon's own page, read-only while others hold it too. */
  #case1A(anon: number): Step {
    this.#core.statistics.case1A++;
    return this.#enter(this.#anons.frame(anon), this.#anonRight(anon));
  }

  /** 1A, but the page is on loan, or borrowed from an object: the anon gets a frame of its own, the borrowers keep the old one. */
  #case1ALent(anon: number): Step {
    const { queue, machine, statistics } = this.#core;
    const source = this.#anons.frame(anon);
    const copy = queue.allocate(FrameKind.anon, anon, 0);
    if (copy === -1) return RESTART;
    machine.ram.copy(source, copy);
    queue.insert(copy);
    const slot = this.#entry.slotOf(this.#page);
    if (machine.frames.table.wireCount(source) > 0) moveWires(this.#core, this.#entry.amap as Amap, slot, source, copy);
    this.#anons.moveTo(anon, copy);
    statistics.case1A++;
    statistics.loansBroken++;
    this.#countCopy(source, copy);
    return this.#enter(copy, 'write');
  }

  #countCopy(source: Pfn, copy: Pfn): void {
    if (this.#kind === 'resident') this.#kind = 'copyOnWrite';
    this.#core.machine.events.emit(EventType.copy, this.#map.pmap.id, this.#page, source, copy);
  }

  /** 1B: write to an anon that others hold: this process gets a copy of its own. */
  #case1B(anon: number): Step {
    const { statistics } = this.#core;
    const source = this.#anons.frame(anon);
    const copy = this.#promote(source);
    if (copy === -1) return RESTART;
    const slot = this.#entry.slotOf(this.#page);
    // Others who hold the amap itself must find the copy, not what they have mapped.
    if (this.#entry.amap?.isShared(slot, slot + 1)) this.#pmaps.pageProtect(source, 'none');
    this.#anons.dropReference(anon);
    statistics.case1B++;
    this.#countCopy(source, copy);
    return this.#enter(copy, 'write');
  }

  /** Case 2: no anon. */
  #lowerLayer(): Step {
    const object = this.#entry.object;
    return object === undefined ? this.#case2BZero() : this.#objectPage(object);
  }

  #objectPage(object: UvmObject): Step {
    if (object.pager.kind === 'device') return this.#case2A(this.#core.objects.deviceFrame(object, this.#entry.indexOf(this.#page)));
    if (object.slots !== undefined && this.#swapIn.isSwapped(this.#entry, this.#page)) {
      const step = this.#swapPageIn(0);
      if (step !== FaultOutcome.resolved) return step;
    }
    const frame = this.#core.objects.get(object, this.#entry.indexOf(this.#page));
    if (frame === GET_NO_MEMORY) return RESTART;
    if (frame === GET_IO_ERROR) return FaultOutcome.ioError;
    this.#core.queue.hold(frame as Pfn);
    if (this.#core.objects.broughtIn !== undefined) this.#kind = this.#core.objects.broughtIn;
    if (this.#access === 1 && this.#entry.copyOnWrite) return this.#case2BCopy(frame as Pfn);
    return this.#case2A(frame as Pfn);
  }

  /** 2A: the object's page itself; without the right to write if writes are to be private. */
  #case2A(frame: Pfn): Step {
    this.#core.statistics.case2A++;
    if (this.#access === 1 && this.#core.machine.frames.table.loanCount(frame) > 0) return this.#case2ALent(frame);
    return this.#enter(frame, this.#objectRight(frame));
  }

  /** 2A, a write to a page that is on loan: a copy replaces it in the object, for all who map that. */
  #case2ALent(frame: Pfn): Step {
    const { objects, statistics } = this.#core;
    const object = this.#entry.object as UvmObject;
    const index = this.#entry.indexOf(this.#page);
    const copy = objects.copyLentPage(object, index, frame);
    if (copy === -1) return RESTART;
    if (this.#core.machine.frames.table.wireCount(frame) > 0) moveObjectWires(this.#core, object, index, frame, copy);
    objects.replacePage(object, index, copy);
    statistics.loansBroken++;
    this.#countCopy(frame, copy);
    return this.#enter(copy, 'write');
  }

  /** 2B with an object: promote a copy of its page into the amap. */
  #case2BCopy(source: Pfn): Step {
    const copy = this.#promote(source);
    if (copy === -1) return RESTART;
    // Others who hold the amap itself must find the copy, not the object's page that they have mapped.
    const slot = this.#entry.slotOf(this.#page);
    if (this.#entry.amap?.isShared(slot, slot + 1)) this.#pmaps.pageProtect(source, 'none');
    this.#core.statistics.case2B++;
    this.#countCopy(source, copy);
    return this.#enter(copy, 'write');
  }

  /** 2B without an object: promote a page of zeros. */
  #case2BZero(): Step {
    const { machine, statistics } = this.#core;
    const frame = this.#promote(0);
    if (frame === -1) return RESTART;
    statistics.case2B++;
    this.#kind = 'zeroFill';
    machine.events.emit(EventType.zeroFill, this.#map.pmap.id, this.#page, frame);
    const right = (this.#entry.protection & PROT_WRITE) !== 0 ? 'write' : 'read';
    return this.#enter(frame, right);
  }

  /** Puts a new anon with a copy of `source` (0: with zeros) into the amap slot of the page. Returns its frame, or -1 with nothing changed. */
  #promote(source: Pfn | 0): Pfn | -1 {
    const { queue, machine } = this.#core;
    const amap = this.#entry.amap as Amap;
    const slot = this.#entry.slotOf(this.#page);
    if (!amap.reserve(slot)) return -1;
    const anon = this.#anons.create();
    if (anon === 0) return -1;
    const frame = queue.allocateAt(
      this.#map.placeOf(this.#page, this.#entry),
      source === 0 ? 'zeros' : 'overwritten',
      FrameKind.anon,
      anon,
    );
    if (frame === -1) {
      this.#anons.dropReference(anon);
      return -1;
    }
    if (source !== 0) machine.ram.copy(source, frame);
    this.#anons.setFrame(anon, frame);
    amap.set(slot, anon);
    queue.insert(frame);
    if (source !== 0 && machine.frames.table.wireCount(source) > 0) moveWires(this.#core, amap, slot, source, frame);
    return frame;
  }

  /** Maps the page. Lacking memory for that is a restart: the page is resident by now and will be found in case 1A or 2A. */
  #enter(frame: Pfn, right: 'read' | 'write'): Step {
    if (this.#kind === 'resident' && this.#pmaps.extract(this.#map.pmap, this.#page) === frame) this.#kind = 'protection';
    if (!this.#pmaps.enter(this.#map.pmap, this.#page, frame, right, this.#access)) return RESTART;
    this.#frame = frame;
    return FaultOutcome.resolved;
  }
}

/** Tells which of the entry's pages [first, end), at most 31, have an anon or a page of the object in memory: bit k stands for page first + k. */
function pagesPresent({ start, amap, amapOffset, object, objectOffset }: VmMapEntry, first: number, end: number): number {
  let pages = 0;
  if (amap !== undefined) pages = amap.which(first - start + amapOffset, end - start + amapOffset);
  if (object !== undefined) pages |= object.pages.which(first - start + objectOffset, end - start + objectOffset);
  return pages;
}
