// The page daemon: takes pages back when free memory runs low. It runs to completion inside the fault or request that found
// memory low (the kernel is synchronous), and never while a fault is half done: a fault that lacks memory gives up, lets the
// daemon run, and begins again.
//
//   first: empty slabs of the kernel heap, page tables that evictions have emptied
//   victim from the policy -> held, lent to the kernel, in a zone with plenty while another is short, or of a class that is spared
//                             (page-classes.ts)? give it another round
//                          -> clean: unmap, free                    (object page, or anonymous page with a swap slot)
//                          -> dirty object page: pager writes it, then as clean
//                          -> dirty anonymous page: old slot dropped, into the batch, which goes out in order of address, 16 pages in one operation
//   and if an anon borrows it from its object: the frame is not free, but the anon's, and goes out as such
//
// A cluster whose write failed is written page by page: the slots that fail again are bad for good, their pages go elsewhere.
//
// Invariants:
//   PD1  a page is freed only after its content is on swap, in its object's file, or equal to what the pager would read again
//   PD2  a page that is lent to the kernel stays in its frame
//   PD3  a failed write loses nothing: the pages stay in memory, dirty, and go back to the policy
// Source: uvm_pdaemon.c; Cranor and Parulkar 1999, section 6 (slots reassigned at page-out so that any pages cluster).

import { EventType, type Pfn } from '../base/index.ts';
import { FRAME_MODIFIED, type FrameTable } from '../frames/index.ts';
import { CLUSTER_PAGES, DaemonRuns, PageBatch } from '../system/index.ts';
import type { UvmCore } from './core.ts';
import { PageClasses } from './page-classes.ts';

/** Dirty pages that a run passes over, once it has freed something, when swap takes no more (UVMPD_NUMDIRTYREACTS). */
const DIRTY_REACTIVATIONS = 16;

/** Frees pages, by the order that the policy gives. */
export class PageDaemon {
  readonly #core: UvmCore;
  readonly #table: FrameTable;
  /** Frames of dirty pages waiting to be written: unmapped, unknown to the policy, still owned. */
  readonly #batch: PageBatch;
  /** Victims that could not be taken in this scan; they go back to the policy after it, so that none is looked at twice. */
  readonly #setAside: Int32Array;
  #setAsideSize = 0;
  /** Set when there is no device, or none gives a slot in this run: then dirty pages are not tried, or not again. */
  #swapFailed = false;
  #dirtyKept = 0;
  /** Victims passed over in this scan because their class is spared. */
  #sparedPages = 0;
  #sparing: 'spare' | 'take' = 'spare';
  readonly #classes: PageClasses;
  /** Where the search for resident pages with slots goes on. */
  #slotHand = 0;
  readonly #runs: DaemonRuns;

  constructor(core: UvmCore) {
    this.#core = core;
    this.#table = core.machine.frames.table;
    this.#batch = new PageBatch(this.#table);
    this.#setAside = new Int32Array(core.machine.ram.frameCount);
    this.#classes = new PageClasses(core);
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

  #evictTo(target: number): void {
    const before = this.#runs.evicted;
    this.#begin();
    this.#scan(target, 'spare');
    // Nothing but spared pages was left: now those.
    if (this.#runs.evicted === before && this.#sparedPages > 0) this.#scan(target, 'take');
  }

  /** Evicts these pages, which the policy knows, whatever their class. Returns how many of them it could. */
  giveBack(pages: Int32Array, count: number): number {
    const before = this.#runs.evicted;
    this.#begin();
    this.#sparing = 'take';
    for (let i = 0; i < count; i++) {
      this.#core.queue.policy.removed(pages[i] as number);
      this.#evict(pages[i] as Pfn);
      if (this.#batch.isFull) this.#flush();
    }
    this.#end();
    return this.#runs.evicted - before;
  }

  #begin(): void {
    this.#swapFailed = this.#core.swap.slots.total === 0;
    this.#dirtyKept = 0;
    this.#core.swap.slots.forgive();
    this.#classes.weigh();
  }

  #end(): void {
    this.#flush();
    while (this.#setAsideSize > 0) this.#core.queue.policy.loaded(this.#setAside[--this.#setAsideSize] as number);
  }

  /** Scans to the target, and up to a cluster further while a cluster is begun but not full: one write costs little more for 16 pages. */
  #scan(target: number, sparing: 'spare' | 'take'): void {
    const { queue, statistics } = this.#core;
    const before = this.#runs.evicted;
    this.#sparing = sparing;
    this.#sparedPages = 0;
    while (this.#runs.filling.freeCount + this.#batch.size < (this.#batch.size % CLUSTER_PAGES === 0 ? target : target + CLUSTER_PAGES)) {
      if (this.#dirtyKept >= DIRTY_REACTIVATIONS && this.#runs.evicted > before) break;
      const victim = queue.policy.victim();
      if (victim < 0) break;
      statistics.daemonScans++;
      this.#evict(victim as Pfn);
      if (this.#batch.isFull) this.#flush();
    }
    this.#end();
  }

  #keep(frame: Pfn): void {
    this.#setAside[this.#setAsideSize++] = frame;
  }

  #evict(frame: Pfn): void {
    if (this.#core.queue.isHeld(frame) || this.#isLentToKernel(frame)) {
      this.#core.statistics.daemonHeld++;
      this.#core.machine.events.emit(EventType.reactivate, 0, frame);
      this.#keep(frame);
    } else if (this.#runs.isElsewhere(frame)) this.#keep(frame);
    else if (this.#sparing === 'spare' && this.#classes.isSpared(frame)) {
      this.#sparedPages++;
      this.#keep(frame);
    } else if (this.#core.swapped.owns(frame)) this.#evictToSwap(frame);
    else this.#evictObjectPage(frame);
  }

  /** A loan to the kernel names the frame itself: the page cannot leave it. */
  #isLentToKernel(frame: Pfn): boolean {
    const loans = this.#table.loanCount(frame);
    return loans > 1 || (loans === 1 && this.#table.borrower(frame) === 0);
  }

  #evictToSwap(frame: Pfn): void {
    const { machine, swapped } = this.#core;
    const hasSlot = swapped.slotOf(frame) >= 0;
    if (this.#swapFailed && (!hasSlot || machine.pmaps.isModified(frame))) {
      this.#dirtyKept++;
      this.#keep(frame);
      return;
    }
    const key = this.#batch.keyOf(frame);
    machine.pmaps.pageProtect(frame, 'none');
    if (!hasSlot || this.#table.hasFlag(frame, FRAME_MODIFIED)) {
      // The old slot's content is stale. Dropping it now lets a full swap take the page at all.
      swapped.dropSlot(frame);
      this.#batch.add(frame, key);
    } else {
      swapped.leave(frame);
      this.#letGo(frame, 'clean');
    }
  }

  #evictObjectPage(frame: Pfn): void {
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
    this.#letGo(frame, dirty ? 'dirty' : 'clean');
  }

  /** The owner needs the frame no more: it is free, or its borrower's and goes out as such. */
  #letGo(frame: Pfn, state: 'clean' | 'dirty'): void {
    if (this.#table.borrower(frame) === 0) this.#runs.freeEvicted(frame, state);
    else {
      this.#core.anons.adoptBorrowed(frame);
      this.#evictToSwap(frame);
    }
  }

  /** Writes the gathered pages, in clusters, in as few operations as the free slots allow. */
  #flush(): void {
    const { size, frames } = this.#batch;
    let done = 0;
    while (done < size && !this.#swapFailed) {
      const first = this.#takeSlots(Math.min(CLUSTER_PAGES, size - done));
      if (first < 0) this.#swapFailed = true;
      else done = this.#writeRun(first, done, this.#core.swap.slots.runLength);
    }
    for (; done < size; done++) this.#keep(frames[done] as Pfn);
    this.#batch.clear();
  }

  /** Writes `count` pages of the cluster from `from` on to the slots from `first` on. Returns where what is still to be written begins. */
  #writeRun(first: number, from: number, count: number): number {
    const { swap, statistics, machine } = this.#core;
    if (!swap.write(first, this.#batch.frames, from, count)) {
      statistics.swapErrors++;
      return this.#writeSingly(first, from, count);
    }
    statistics.swapClusters++;
    machine.events.emit(EventType.swapOut, 0, first, count);
    for (let i = 0; i < count; i++) this.#pagedOut(this.#batch.frames[from + i] as Pfn, first + i);
    return from + count;
  }

  /** A write of `count` pages failed: tries each by itself, and moves those that fail to the end of the run, to be written elsewhere. */
  #writeSingly(first: number, from: number, count: number): number {
    const { slots } = this.#core.swap;
    let left = from + count;
    for (let i = count - 1; i >= 0; i--) {
      const frame = this.#batch.frames[from + i] as Pfn;
      if (count > 1 && !slots.isAvoided(first) && this.#writeOne(first + i, from + i)) continue;
      if (slots.isAvoided(first)) slots.free(first + i, 1);
      else slots.markBad(first + i);
      this.#batch.frames[--left] = frame;
    }
    return left;
  }

  #writeOne(slot: number, at: number): boolean {
    const { swap, statistics, machine } = this.#core;
    if (!swap.write(slot, this.#batch.frames, at, 1)) {
      statistics.swapErrors++;
      return false;
    }
    statistics.swapClusters++;
    machine.events.emit(EventType.swapOut, 0, slot, 1);
    this.#pagedOut(this.#batch.frames[at] as Pfn, slot);
    return true;
  }

  #takeSlots(wanted: number): number {
    const slots = this.#core.swap.slots;
    const first = slots.allocateUpTo(wanted);
    if (first >= 0) return first;
    // Swap is full. Resident pages keep a slot only as a convenience: give some back and try again.
    this.#dropSlotsOfResidentPages(wanted);
    return slots.allocateUpTo(wanted);
  }

  /** Gives back the slots of up to `wanted` pages that are in memory; the next call goes on behind them. */
  #dropSlotsOfResidentPages(wanted: number): void {
    const { swapped, swap } = this.#core;
    const { used } = swap.slots;
    for (let looked = 0; looked < this.#table.count && swap.slots.used > used - wanted; looked++) {
      this.#slotHand = (this.#slotHand + 1) % this.#table.count;
      const frame = this.#slotHand as Pfn;
      if (swapped.owns(frame)) swapped.dropSlot(frame);
    }
  }

  #pagedOut(frame: Pfn, slot: number): void {
    const { anons, swapped, statistics } = this.#core;
    statistics.swapPagesOut++;
    swapped.setSlot(frame, slot);
    swapped.leave(frame);
    if (this.#table.borrower(frame) === 0) this.#runs.freeEvicted(frame, 'dirty');
    else {
      // The cluster is being written: the anon's turn comes in another run.
      anons.adoptBorrowed(frame);
      this.#keep(frame);
    }
  }
}
