// The page daemon: takes pages back when free memory runs low, one page per write. It runs to completion inside the fault or request
// that found memory low, and never while a fault is half done.
//
//   victim from the policy -> held, or in a zone with plenty while another is short? give it another round
//                          -> clean: unmap, free                       (file page, or anonymous page whose place on swap holds it)
//                          -> dirty file page: pager writes it, then as clean
//                          -> dirty anonymous page: written to its own place, by itself; then as clean
//                             (first page-out of its object: try to collapse the chain, then give the object a swap pager)
//
// Invariants:
//   BD1  a page is freed only after its content is in its place on swap, in its object's file, or equal to what the pager would read again
//   BD2  a failed write loses nothing: the page stays in memory, dirty, and goes back to the policy
// Source: 4.4BSD's vm_pageout.c and swap_pager.c; Cranor and Parulkar 1999, section 6.

import { EventType, type Pfn } from '../../base/index.ts';
import { FrameKind, type FrameTable } from '../../frames/index.ts';
import { DaemonRuns } from '../../system/index.ts';
import type { BsdCore } from './core.ts';
import type { VmObject } from './vm-object.ts';

/** Frees pages, by the order that the policy gives. */
export class PageDaemon {
  readonly #core: BsdCore;
  readonly #table: FrameTable;
  /** Victims that could not be taken in this scan; they go back to the policy after it, so that none is looked at twice. */
  readonly #setAside: Int32Array;
  #setAsideSize = 0;
  /** The frame of the write at hand. */
  readonly #writing = new Int32Array(1);
  /** Set when a write failed in this run: then dirty anonymous pages are not tried again. */
  #swapFailed = false;
  readonly #runs: DaemonRuns;

  constructor(core: BsdCore) {
    this.#core = core;
    this.#table = core.machine.frames.table;
    this.#setAside = new Int32Array(core.machine.ram.frameCount);
    this.#runs = new DaemonRuns(core, (target) => this.#evictTo(target));
  }

  /** Runs if memory, or a zone of it, is low. */
  wakeIfLow(): void {
    this.#runs.wakeIfLow();
  }

  /** Makes room for a request that lacked memory. Returns false when that did nothing: no page evicted, and `target` not free. */
  makeRoom(target: number): boolean {
    return this.#runs.makeRoom(target);
  }

  /** Gives back what the kernel keeps for later, and evicts pages, until `target` frames are free or nothing more can be evicted. Returns the pages evicted. */
  run(target: number): number {
    return this.#runs.run(target);
  }

  /** At last it gives back cached objects without pages too. */
  #evictTo(target: number): void {
    this.#swapFailed = false;
    this.#scan(target);
    if (this.#runs.filling.freeCount < target) this.#core.objects.dropEmptyCached();
  }

  #scan(target: number): void {
    const { queue, statistics } = this.#core;
    while (this.#runs.filling.freeCount < target) {
      const victim = queue.policy.victim();
      if (victim < 0) break;
      statistics.daemonScans++;
      this.#evict(victim as Pfn);
    }
    while (this.#setAsideSize > 0) this.#giveBack(this.#setAside[--this.#setAsideSize] as Pfn);
  }

  /** Makes a page that was set aside known to the policy again, unless a collapse has freed it meanwhile. */
  #giveBack(frame: Pfn): void {
    const kind = this.#table.kind(frame);
    if (kind === FrameKind.anon || kind === FrameKind.object) this.#core.queue.policy.loaded(frame);
  }

  #keep(frame: Pfn): void {
    this.#setAside[this.#setAsideSize++] = frame;
  }

  #evict(frame: Pfn): void {
    if (this.#core.queue.isHeld(frame)) {
      this.#core.statistics.daemonHeld++;
      this.#core.machine.events.emit(EventType.reactivate, 0, frame);
      this.#keep(frame);
    } else if (this.#runs.isElsewhere(frame)) this.#keep(frame);
    else if (this.#table.kind(frame) === FrameKind.anon) this.#evictAnonymous(frame);
    else this.#evictFilePage(frame);
  }

  #evictFilePage(frame: Pfn): void {
    const { machine, objects } = this.#core;
    const object = objects.byId(this.#table.owner(frame));
    const index = this.#table.index(frame);
    const dirty = machine.pmaps.isModified(frame);
    if (dirty && !objects.writePage(object, index, frame)) {
      this.#keep(frame);
      return;
    }
    machine.pmaps.pageProtect(frame, 'none');
    object.pages.set(index, 0);
    this.#runs.freeEvicted(frame, dirty ? 'dirty' : 'clean');
  }

  #evictAnonymous(frame: Pfn): void {
    const { machine, objects } = this.#core;
    const object = objects.byId(this.#table.owner(frame));
    const index = this.#table.index(frame);
    const dirty = !object.isOnSwap(index) || machine.pmaps.isModified(frame);
    if (dirty && !this.#pageOut(object, index, frame)) {
      this.#keep(frame);
      return;
    }
    machine.pmaps.pageProtect(frame, 'none');
    object.pages.set(index, 0);
    this.#runs.freeEvicted(frame, dirty ? 'dirty' : 'clean');
  }

  /** Writes a dirty anonymous page to its place. Returns false when it has no place or the write failed; the page stays, dirty. */
  #pageOut(object: VmObject, index: number, frame: Pfn): boolean {
    const { machine, objects, swap, statistics } = this.#core;
    if (this.#swapFailed || swap.slots.total === 0) return false;
    if (object.swap === undefined) objects.collapse(object);
    const pager = objects.ensureSwapPager(object);
    const place = index + object.pagingOffset;
    const slot = pager?.ensureSlot(place) ?? -1;
    if (pager === undefined || slot < 0) return false;
    machine.pmaps.pageProtect(frame, 'none');
    pager.forget(place);
    this.#writing[0] = frame;
    if (!swap.write(slot, this.#writing, 0, 1)) {
      statistics.swapErrors++;
      this.#swapFailed = true;
      return false;
    }
    pager.setHeld(place);
    statistics.swapClusters++;
    statistics.swapPagesOut++;
    machine.events.emit(EventType.swapOut, 0, slot, 1);
    return true;
  }
}
