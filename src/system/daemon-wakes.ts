// When a page daemon runs: when memory as a whole is low, or a zone of it. And what the kernel gives back or prepares by itself, whoever manages
// memory: empty slabs and page tables, zeroed frames.
//
//   free < freeMinimum               run to freeTarget                 (page-queue.ts)
//   a zone's free < its low mark     relieve it: to its high mark      (frames/zone-watch.ts)
//
// A run that evicted nothing is not repeated until memory was no longer low in between, and a relief that left its zone short not until no zone
// was: else each fault would look at all pages for nothing. A request that lacks memory runs the daemon whatever was before.

import type { WatchedZone } from '../frames/index.ts';
import type { Machine } from './machine.ts';
import type { PageQueue } from './page-queue.ts';

/** Free frames that idle time keeps zeroed, so that first touches find one; chosen. */
export const IDLE_ZEROED_FRAMES = 64;

/** A page daemon as who wakes it sees it. */
export interface WokenDaemon {
  /** Evicts pages until `target` frames are free or nothing more can be evicted. Returns the pages evicted. */
  run(target: number): number;
  /** Evicts pages, but for those of zones with plenty, until the zone has its high mark or nothing more can be evicted. Returns the pages evicted. */
  relieve(zone: WatchedZone): number;
}

/** Decides when the page daemon of one machine runs. */
export class DaemonWakes {
  readonly #machine: Machine;
  readonly #queue: PageQueue;
  /** The last run evicted nothing. */
  #barren = false;
  /** The last relief left its zone short. */
  #reliefFailed = false;

  constructor(machine: Machine, queue: PageQueue) {
    this.#machine = machine;
    this.#queue = queue;
  }

  /** Lets the daemon run if memory, or a zone of it, is low. */
  wakeIfLow(daemon: WokenDaemon): void {
    const { frames } = this.#machine;
    if (frames.freeCount >= this.#queue.freeMinimum) this.#barren = false;
    else if (!this.#barren) daemon.run(this.#queue.freeTarget);
    if (frames.zones.zones.length > 0) this.#relieveZone(daemon);
  }

  /** A run has ended, whoever asked for it. @param evicted pages */
  ran(evicted: number): void {
    this.#barren = evicted === 0;
  }

  /** Gives back what the kernel keeps for later: empty slabs of its heap, page tables that evictions have emptied. */
  reap(): void {
    this.#machine.heap.reap();
    this.#machine.pmaps.reapTables();
  }

  #relieveZone(daemon: WokenDaemon): void {
    const { frames } = this.#machine;
    const zone = frames.zones.short();
    if (zone === undefined) {
      this.#reliefFailed = false;
      return;
    }
    if (this.#reliefFailed) return;
    // Frames that are zeroed or promised wait outside of their zones.
    frames.collectFree();
    if (zone.freeCount >= zone.low) return;
    zone.wakes++;
    daemon.relieve(zone);
    this.#reliefFailed = zone.freeCount < zone.low;
  }
}
