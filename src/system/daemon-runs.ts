// When a page daemon runs, what it is to fill, and what the kernel gives back by itself: the same whoever manages memory.
//
//   free < freeMinimum               run to freeTarget                              (page-queue.ts)
//   a zone's free < its low mark     run for the zone, to its high mark             (frames/zone-watch.ts)
//   a request lacks memory           run to what it needs, whatever was before
//
// A run that evicted nothing is not repeated until memory was no longer low in between, and one that left its zone short not until no zone
// was: else each fault would look at all pages for nothing.
//
// Elsewhere: which pages go, and how (uvm/page-daemon.ts and those of systems/).

import { EventType, type Pfn } from '../base/index.ts';
import type { PhysicalMemory, WatchedZone } from '../frames/index.ts';
import type { Machine } from './machine.ts';
import type { PageQueue } from './page-queue.ts';
import type { MemoryStatistics } from './statistics.ts';

/** Free frames that idle time keeps zeroed, so that first touches find one; chosen. */
export const IDLE_ZEROED_FRAMES = 64;

/** What a run fills: all of memory, or a zone of it. */
export type FilledMemory = PhysicalMemory | WatchedZone;

/** What its runs stand on. */
interface RunParts {
  readonly machine: Machine;
  readonly queue: PageQueue;
  readonly statistics: MemoryStatistics;
}

/** The runs of one machine's page daemon. */
export class DaemonRuns {
  readonly #parts: RunParts;
  readonly #evict: (target: number) => void;
  #filling: FilledMemory;
  /** The last run evicted nothing. */
  #barren = false;
  /** The last run for a zone left it short. */
  #zoneFailed = false;

  /** @param evict evicts pages until `filling` has `target` free frames or nothing more can be evicted */
  constructor(parts: RunParts, evict: (target: number) => void) {
    this.#parts = parts;
    this.#evict = evict;
    this.#filling = parts.machine.frames;
  }

  /** What the run at hand fills. */
  get filling(): FilledMemory {
    return this.#filling;
  }

  /** Pages evicted since boot. */
  get evicted(): number {
    return this.#parts.statistics.evictedClean + this.#parts.statistics.evictedDirty;
  }

  /** Lets the daemon run if memory, or a zone of it, is low. */
  wakeIfLow(): void {
    const { machine, queue } = this.#parts;
    if (machine.frames.freeCount >= queue.freeMinimum) this.#barren = false;
    else if (!this.#barren) this.run(queue.freeTarget);
    if (machine.frames.zones.zones.length > 0) this.#watchZones();
  }

  /** Gives back what the kernel keeps for later, and evicts pages, until `target` frames are free or nothing more can be evicted. Returns the pages evicted. */
  run(target: number): number {
    const evicted = this.#fill(this.#parts.machine.frames, target);
    this.#barren = evicted === 0;
    return evicted;
  }

  /** Makes room for a request that lacked memory. Returns false when that did nothing: no page evicted, and `target` not free. */
  makeRoom(target: number): boolean {
    // Empty slabs and tables that were given back may be room enough without a page evicted.
    return this.run(target) > 0 || this.#parts.machine.frames.freeCount >= target;
  }

  #watchZones(): void {
    const { frames } = this.#parts.machine;
    const zone = frames.zones.short();
    if (zone === undefined) {
      this.#zoneFailed = false;
      return;
    }
    if (this.#zoneFailed) return;
    // Frames that are zeroed or promised wait outside of their zones.
    frames.collectFree();
    if (zone.freeCount >= zone.low) return;
    zone.wakes++;
    this.#fill(zone, zone.high);
    this.#filling = frames;
    this.#zoneFailed = zone.freeCount < zone.low;
  }

  #fill(memory: FilledMemory, target: number): number {
    const { machine, queue, statistics } = this.#parts;
    const before = this.evicted;
    this.#filling = memory;
    statistics.daemonWakes++;
    machine.events.emit(EventType.daemon, 0, memory.freeCount, target);
    if (memory.freeCount < target) this.#reap();
    this.#evict(target);
    // Pages that went away leave empty tables and slabs behind.
    if (memory.freeCount < target) this.#reap();
    statistics.reactivated = queue.policy.reactivations + statistics.daemonHeld;
    const evicted = this.evicted - before;
    statistics.daemonFreed += evicted;
    return evicted;
  }

  /** Tells whether evicting the page in `frame` would not help: a zone is to be filled, and the frame's own has plenty. */
  isElsewhere(frame: Pfn): boolean {
    const { frames } = this.#parts.machine;
    return this.#filling !== frames && frames.zones.hasPlenty(frame);
  }

  /** Frees the frame of an evicted page. @param state whether it had to be written */
  freeEvicted(frame: Pfn, state: 'clean' | 'dirty'): void {
    const { machine, queue, statistics } = this.#parts;
    if (state === 'dirty') statistics.evictedDirty++;
    else statistics.evictedClean++;
    machine.events.emit(EventType.evict, 0, frame, state === 'dirty' ? 1 : 0);
    queue.freeFrame(frame);
  }

  /** Gives back empty slabs of the kernel's heap, and page tables that evictions have emptied. */
  #reap(): void {
    this.#parts.machine.heap.reap();
    this.#parts.machine.pmaps.reapTables();
  }
}
