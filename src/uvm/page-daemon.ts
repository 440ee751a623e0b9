// The page daemon: takes pages back when free memory runs low. It runs to completion inside the fault or request that found
// memory low (the kernel is synchronous), and never while a fault is half done: a fault that lacks memory gives up, lets the
// daemon run, and begins again.
//
//   victim from the policy -> held? give it another round
//                          -> clean: unmap, free          (object page, or anon with a swap slot)
//                          -> dirty object page: pager writes it, then as clean
//                          -> dirty anon: old slot dropped, into the cluster; 16 pages are written in one operation
//
// Invariants:
//   PD1  a page is freed only after its content is on swap, in its object's file, or equal to what the pager would read again
//   PD2  a failed write loses nothing: the pages stay in memory, dirty, and go back to the policy
// Source: uvm_pdaemon.c; Cranor and Parulkar 1999, section 6 (slots reassigned at page-out so that any pages cluster).

import { EventType, type Pfn } from '../base/index.ts';
import { FrameKind, type FrameTable } from '../frames/index.ts';
import { CLUSTER_PAGES } from '../system/index.ts';
import type { UvmCore } from './core.ts';

/** Frees pages, by the order that the policy gives. */
export class PageDaemon {
  readonly #core: UvmCore;
  readonly #table: FrameTable;
  /** Frames of dirty anons waiting to be written: unmapped, unknown to the policy, still owned. */
  readonly #cluster = new Int32Array(CLUSTER_PAGES);
  #clusterSize = 0;
  /** Victims that could not be taken in this scan; they go back to the policy after it, so that none is looked at twice. */
  readonly #setAside: Int32Array;
  #setAsideSize = 0;
  /** Set when a write failed or swap is full in this run: then dirty pages are not tried again. */
  #swapFailed = false;
  /** The last run evicted nothing. */
  #barren = false;

  constructor(core: UvmCore) {
    this.#core = core;
    this.#table = core.machine.frames.table;
    this.#setAside = new Int32Array(core.machine.ram.frameCount);
  }

  /**
   * Runs if free memory is low. After a run that evicted nothing it waits until memory was no longer low in between, or until a
   * fault asks for a run: without swap, each fault would look at all pages for nothing.
   */
  wakeIfLow(): void {
    const { machine, queue } = this.#core;
    if (machine.frames.freeCount >= queue.freeMinimum) this.#barren = false;
    else if (!this.#barren) this.run(queue.freeTarget);
  }

  /** Evicts pages until `target` frames are free or nothing more can be evicted; then gives back the kernel heap's empty slabs too. Returns the pages evicted. */
  run(target: number): number {
    const { machine, queue, statistics } = this.#core;
    const before = statistics.evictedClean + statistics.evictedDirty;
    statistics.daemonWakes++;
    machine.events.emit(EventType.daemon, 0, machine.frames.freeCount, target);
    this.#swapFailed = false;
    this.#scan(target);
    if (machine.frames.freeCount < target) machine.heap.reap();
    statistics.reactivated = queue.policy.reactivations + statistics.daemonHeld;
    const evicted = statistics.evictedClean + statistics.evictedDirty - before;
    statistics.daemonFreed += evicted;
    this.#barren = evicted === 0;
    return evicted;
  }

  /** Scans to the target, and up to a cluster further while a cluster is begun but not full: one write costs little more for 16 pages. */
  #scan(target: number): void {
    const { machine, queue } = this.#core;
    while (machine.frames.freeCount + this.#clusterSize < (this.#clusterSize === 0 ? target : target + CLUSTER_PAGES)) {
      const victim = queue.policy.victim();
      if (victim < 0) break;
      this.#evict(victim as Pfn);
      if (this.#clusterSize === CLUSTER_PAGES) this.#flushCluster();
    }
    this.#flushCluster();
    while (this.#setAsideSize > 0) queue.policy.loaded(this.#setAside[--this.#setAsideSize] as number);
  }

  #keep(frame: Pfn): void {
    this.#setAside[this.#setAsideSize++] = frame;
  }

  #evict(frame: Pfn): void {
    if (this.#core.queue.isHeld(frame)) {
      this.#core.statistics.daemonHeld++;
      this.#core.machine.events.emit(EventType.reactivate, 0, frame);
      this.#keep(frame);
    } else if (this.#table.kind(frame) === FrameKind.anon) this.#evictAnon(frame);
    else this.#evictObjectPage(frame);
  }

  #evictAnon(frame: Pfn): void {
    const { machine, anons, swap } = this.#core;
    const anon = this.#table.owner(frame);
    const slot = anons.slot(anon);
    const dirty = slot < 0 || machine.pmaps.isModified(frame);
    if (dirty && (this.#swapFailed || swap.slots.total === 0)) {
      this.#keep(frame);
      return;
    }
    machine.pmaps.pageProtect(frame, 'none');
    if (dirty) {
      // The old slot's content is stale. Dropping it now lets a full swap take the page at all.
      anons.dropSlot(anon);
      this.#cluster[this.#clusterSize++] = frame;
    } else {
      anons.setFrame(anon, 0);
      this.#freeEvicted(frame, 'clean');
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
    this.#freeEvicted(frame, dirty ? 'dirty' : 'clean');
  }

  #freeEvicted(frame: Pfn, state: 'clean' | 'dirty'): void {
    const { machine, queue, statistics } = this.#core;
    if (state === 'dirty') statistics.evictedDirty++;
    else statistics.evictedClean++;
    machine.events.emit(EventType.evict, 0, frame, state === 'dirty' ? 1 : 0);
    queue.freeFrame(frame);
  }

  /** Writes the gathered pages in as few operations as the free slots allow. */
  #flushCluster(): void {
    let done = 0;
    while (done < this.#clusterSize && !this.#swapFailed) {
      const written = this.#writeRun(done);
      if (written === 0) this.#swapFailed = true;
      done += written;
    }
    for (; done < this.#clusterSize; done++) this.#keep(this.#cluster[done] as Pfn);
    this.#clusterSize = 0;
  }

  /** Writes a run of the cluster from `from` on to contiguous slots. Returns its length, or 0 if there are no slots or the write failed. */
  #writeRun(from: number): number {
    const { swap, statistics, machine } = this.#core;
    const first = this.#takeSlots(this.#clusterSize - from);
    if (first < 0) return 0;
    const count = swap.slots.runLength;
    if (!swap.write(first, this.#cluster, from, count)) {
      swap.slots.free(first, count);
      statistics.swapErrors++;
      return 0;
    }
    statistics.swapClusters++;
    statistics.swapPagesOut += count;
    machine.events.emit(EventType.swapOut, 0, first, count);
    for (let i = 0; i < count; i++) this.#pagedOut(this.#cluster[from + i] as Pfn, first + i);
    return count;
  }

  #takeSlots(wanted: number): number {
    const slots = this.#core.swap.slots;
    const first = slots.allocateUpTo(wanted);
    if (first >= 0) return first;
    // Swap is full. Resident pages keep a slot only as a convenience: give those back and try again.
    this.#dropSlotsOfResidentPages();
    return slots.allocateUpTo(wanted);
  }

  #dropSlotsOfResidentPages(): void {
    const { anons } = this.#core;
    for (let frame = 0 as Pfn; frame < this.#table.count; frame++) {
      if (this.#table.kind(frame) === FrameKind.anon) anons.dropSlot(this.#table.owner(frame));
    }
  }

  #pagedOut(frame: Pfn, slot: number): void {
    const anon = this.#table.owner(frame);
    this.#core.anons.setSlot(anon, slot);
    this.#core.anons.setFrame(anon, 0);
    this.#freeEvicted(frame, 'dirty');
  }
}
