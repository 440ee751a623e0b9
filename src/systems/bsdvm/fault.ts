// The fault algorithm: walk down the chain of objects until one has the page.
//
//   entry -> top -> shadow -> ... -> bottom
//             |       |                |
//             |       |                +-- nobody has it, and there is no file below: a page of zeros, in the top object
//             |       +-- found below the top:  read   map it without the right to write
//             |                                 write  copy it into the top object, then try to collapse the chain
//             +-- found in the top: map it; with the right to write unless the entry needs a copy
//
// Before the walk, a private entry without a top object of its own gets one: anonymous memory at its first fault, a file at its first
// fault even if that only reads, what a fork shares at its first write. One page is mapped per fault, none ahead.
//
// A step that lacks memory returns RESTART: nothing is half done, the page daemon runs, and the fault begins anew.
//
// Invariants that running code relies on:
//   BF1  a resolved fault leaves the page mapped with the right asked for, its TLB word filled, its frame held
//   BF2  a frame reaches a process only zeroed, copied whole or read whole
// Source: 4.4BSD's vm_fault.c; Cranor and Parulkar 1999, section 5.

import { EventType, type Pfn } from '../../base/index.ts';
import { FRAME_READ_ONLY, FrameKind } from '../../frames/index.ts';
import type { Access, PhysicalMap } from '../../pmap/index.ts';
import { type FaultKind, FaultOutcome, faultKinds, PROT_EXECUTE, PROT_READ, PROT_WRITE } from '../../system/index.ts';
import type { BsdCore } from './core.ts';
import type { BsdMapEntry } from './map-entry.ts';
import { GET_ABSENT, GET_IO_ERROR, GET_NO_MEMORY } from './object-table.ts';
import type { PageDaemon } from './page-daemon.ts';
import { growDown } from './stack-growth.ts';
import { SwapIn } from './swap-in.ts';
import type { BsdMap } from './vm-map.ts';
import type { VmObject } from './vm-object.ts';
import { moveWires } from './wired-pages.ts';

/** Rights by access: read, write, execute. */
const RIGHT_NEEDED = [PROT_READ, PROT_WRITE, PROT_EXECUTE] as const;

/** A step's result besides the outcomes: memory was short, run the daemon and begin again. */
const RESTART = -1;
type Step = FaultOutcome | typeof RESTART;
/** Runs of the daemon that evict nothing before a fault gives up. The first may have given back empty slabs of the kernel heap. */
const BARREN_RUNS = 2;

/** Resolves page faults of one machine. The fields are the context of the fault at hand, so that no object is made per fault. */
export class FaultHandler {
  readonly #core: BsdCore;
  readonly #daemon: PageDaemon;
  readonly #pmaps: PhysicalMap;
  readonly #swapIn: SwapIn;
  #map!: BsdMap;
  #entry!: BsdMapEntry;
  #top!: VmObject;
  #page = 0;
  #access: Access = 0;
  /** The frame that the page was mapped to. */
  #frame: Pfn | -1 = -1;
  #kind: FaultKind = 'resident';
  /** First page of what a locked stack grew by, to be locked too; -1 when there is none. */
  grewLockedStack = -1;

  constructor(core: BsdCore, daemon: PageDaemon) {
    this.#core = core;
    this.#daemon = daemon;
    this.#pmaps = core.machine.pmaps;
    this.#swapIn = new SwapIn(core);
  }

  /** Resolves the fault of `access` on `page`. */
  handle(map: BsdMap, page: number, access: Access): FaultOutcome {
    const { statistics, machine } = this.#core;
    statistics.faults++;
    this.#map = map;
    this.#page = page;
    this.#access = access;
    this.#kind = 'resident';
    this.#daemon.wakeIfLow();
    let step = this.#resolve();
    if (step === RESTART) step = this.#resolveAgain();
    if (step !== FaultOutcome.resolved) {
      this.#kind = 'failed';
      this.#frame = -1;
    }
    statistics.countFault(this.#kind);
    machine.events.emit(EventType.faultDone, map.pmap.id, page, this.#frame, faultKinds.indexOf(this.#kind));
    return step;
  }

  /** Lets the daemon run and begins again, asking for twice as much each time, until the fault is resolved or there is no memory to be had. */
  #resolveAgain(): FaultOutcome {
    const { statistics, queue, machine } = this.#core;
    let barrenRuns = 0;
    for (let wanted = 1; ; wanted *= 2) {
      statistics.restarts++;
      const evicted = this.#daemon.run(Math.max(queue.freeTarget, machine.frames.freeCount + wanted));
      if (evicted === 0 && ++barrenRuns === BARREN_RUNS) return FaultOutcome.outOfMemory;
      const step = this.#resolve();
      if (step !== RESTART) return step;
    }
  }

  #resolve(): Step {
    const entry = this.#map.find(this.#page);
    if (entry === undefined) return this.#belowStack();
    if ((entry.protection & (RIGHT_NEEDED[this.#access] as number)) === 0) return FaultOutcome.protection;
    this.#entry = entry;
    const top = ensureTop(this.#core, entry, this.#access === 1 ? 'write' : 'read');
    if (top === undefined) return RESTART;
    this.#top = top;
    return this.#walk(top, entry.indexOf(this.#page));
  }

  /** Nothing is mapped: a stack above may grow down to the page. */
  #belowStack(): Step {
    const growth = growDown(this.#core, this.#map, this.#page);
    if (growth === 'refused') return FaultOutcome.unmapped;
    if (growth === 'noMemory') return RESTART;
    if (growth === 'unlocked') this.grewLockedStack = this.#page;
    return this.#resolve();
  }

  /** Looks for the page from the top of the chain down. */
  #walk(top: VmObject, topIndex: number): Step {
    const { objects, swapReadAhead } = this.#core;
    let object = top;
    let index = topIndex;
    for (;;) {
      if (swapReadAhead !== 'off' && object.pages.get(index) === 0 && object.isOnSwap(index)) this.#readAhead(object, index);
      const frame = objects.get(object, index);
      if (frame === GET_NO_MEMORY) return RESTART;
      if (frame === GET_IO_ERROR) return FaultOutcome.ioError;
      if (frame !== GET_ABSENT) return this.#found(object, frame as Pfn);
      if (object.shadow === undefined) {
        // What shared memory has not got yet, a private mapping of it must not have either: it shows what others write there.
        const isShown = object.kind === 'shared' && this.#access !== 1;
        return isShown ? this.#zeroFill(object, index) : this.#zeroFill(top, topIndex);
      }
      index += object.shadowOffset;
      object = object.shadow;
    }
  }

  #readAhead(object: VmObject, index: number): void {
    if (this.#swapIn.bringIn(this.#map, this.#entry, this.#page, object, index)) this.#kind = 'swapIn';
  }

  #found(object: VmObject, frame: Pfn): Step {
    const { objects, queue, statistics } = this.#core;
    queue.hold(frame);
    if (objects.broughtIn === 'swap') this.#kind = 'swapIn';
    else if (objects.broughtIn === 'pager') this.#kind = object.vnode?.pager.kind === 'image' ? 'image' : 'file';
    if (this.#access === 1 && object !== this.#top) return this.#copyToTop(object, frame);
    if (object.vnode === undefined) statistics.case1A++;
    else statistics.case2A++;
    return this.#enter(frame, object === this.#top);
  }

  /** Copies a page from below into the top object. */
  #copyToTop(object: VmObject, source: Pfn): Step {
    const { machine, objects, queue, statistics } = this.#core;
    const top = this.#top;
    const index = this.#entry.indexOf(this.#page);
    if (!top.pages.reserve(index)) return RESTART;
    const copy = queue.allocateAt(this.#map.placeOf(this.#page, this.#entry), 'overwritten', FrameKind.anon, top.id, index);
    if (copy === -1) return RESTART;
    machine.ram.copy(source, copy);
    // Whoever looks through the same top object must find the copy: 4.4BSD takes the old page from everybody, and lets them fault.
    this.#pmaps.pageProtect(source, 'none');
    top.pages.set(index, copy);
    queue.insert(copy);
    if (machine.frames.table.wireCount(source) > 0) moveWires(this.#core, top, index, source, copy);
    if (object.vnode === undefined) statistics.case1B++;
    else statistics.case2B++;
    if (this.#kind === 'resident') this.#kind = 'copyOnWrite';
    machine.events.emit(EventType.copy, this.#map.pmap.id, this.#page, source, copy);
    objects.collapse(top);
    return this.#enter(copy, true);
  }

  /** Nobody has the page: zeros, in `object`. */
  #zeroFill(object: VmObject, index: number): Step {
    const { machine, queue, statistics } = this.#core;
    if (!object.pages.reserve(index)) return RESTART;
    const frame = queue.allocateAt(this.#map.placeOf(this.#page, this.#entry), 'zeros', FrameKind.anon, object.id, index);
    if (frame === -1) return RESTART;
    object.pages.set(index, frame);
    queue.insert(frame);
    statistics.case2B++;
    this.#kind = 'zeroFill';
    machine.events.emit(EventType.zeroFill, this.#map.pmap.id, this.#page, frame);
    return this.#enter(frame, object === this.#top);
  }

  /** Maps the page. Lacking memory for that is a restart: the page is resident by now and will be found. */
  #enter(frame: Pfn, own: boolean): Step {
    const writable = own && !this.#entry.needsCopy && (this.#entry.protection & PROT_WRITE) !== 0;
    if (writable) this.#core.machine.frames.table.clearFlag(frame, FRAME_READ_ONLY);
    if (this.#kind === 'resident' && this.#pmaps.extract(this.#map.pmap, this.#page) === frame) this.#kind = 'protection';
    if (!this.#pmaps.enter(this.#map.pmap, this.#page, frame, writable ? 'write' : 'read', this.#access)) return RESTART;
    this.#frame = frame;
    return FaultOutcome.resolved;
  }
}

/**
 * Returns the object that the entry's new pages go into, made now if there is none yet: anonymous memory gets its object, a private entry that needs a copy
 * its shadow (of a process's own memory only to write). Returns undefined, with nothing changed, when out of kernel memory.
 */
export function ensureTop({ objects }: BsdCore, entry: BsdMapEntry, access: 'read' | 'write'): VmObject | undefined {
  const { object } = entry;
  if (object === undefined) {
    const kind = entry.sharing === 'private' ? 'anonymous' : 'shared';
    entry.object = objects.createAnonymous(kind, entry.room + entry.pages, entry.name);
    entry.objectOffset = entry.room;
    return entry.object;
  }
  if (!entry.needsCopy || (access === 'read' && object.kind === 'anonymous')) return object;
  const room = Math.min(entry.room, entry.objectOffset);
  const shadow = objects.createShadow(object, entry.objectOffset - room, room + entry.pages);
  if (shadow === undefined) return undefined;
  entry.object = shadow;
  entry.objectOffset = room;
  entry.needsCopy = false;
  return shadow;
}
