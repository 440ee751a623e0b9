// Modelled time as it passes in a multiprogramming simulation, and what is counted by it.
//
//   pass(ns) ... fault ... pass(ns) ... | pass(ns) ... fault ... | ...      intervals of a hundred device reads
//        |                              '--> does it thrash? (thrashing.ts), the next piece of the timeline (timeline.ts)
//        '--> processor time, frames x time of each process, unused bytes x time
//
// Time passes only here: the memory's clock is moved, never across the end of an interval in one step. Cost: O(processes) for each step.
// The `as` on array reads: process numbers are below the number of processes.

import { type PagingDevice, requestSeconds } from '../paging-device.ts';
import type { PagingQueue } from './paging-queue.ts';
import type { SharingProcess } from './process-table.ts';
import type { SharedMemory } from './shared-memory.ts';
import { READS_PER_INTERVAL, ThrashingDetector, type ThrashingPeriod } from './thrashing.ts';
import { Timeline, type TimelinePiece } from './timeline.ts';

/** What passing time is counted for. */
export interface IntervalsOptions {
  readonly memory: SharedMemory;
  readonly queue: PagingQueue;
  readonly processes: readonly SharingProcess[];
  readonly device: PagingDevice;
  readonly pageBytes: number;
  /** Use of the processor below which memory may be thrashing. */
  readonly thrashingBelow: number;
}

/** An interval in progress. */
interface OpenInterval {
  readonly fromNs: number;
  processorNs: number;
  /** What the device had worked before it. */
  readonly deviceNs: number;
  faults: number;
  refaults: number;
  /** Frames that were free at the fault that found the fewest. */
  leastFree: number;
  /** For each process its frames times the nanoseconds that it held them. */
  readonly frameNs: Float64Array;
}

/** The intervals of a simulation. */
export class Intervals {
  readonly #memory: SharedMemory;
  readonly #queue: PagingQueue;
  readonly #processes: readonly SharingProcess[];
  readonly #detector: ThrashingDetector;
  readonly #timeline = new Timeline();
  readonly #lengthNs: number;
  #open: OpenInterval;
  #lastThrashed = Number.NEGATIVE_INFINITY;
  /** Intervals that have ended. */
  ended = 0;
  /** Whether the last one thrashed. */
  thrashes: 'yes' | 'no' = 'no';
  /** Share of the last one in which the device was at work. */
  deviceUse = 0;
  /** Time that the processor has worked. */
  processorNs = 0;
  /** Unused bytes of resident pages times nanoseconds. */
  unusedByteNs = 0;

  constructor({ memory, queue, processes, device, pageBytes, thrashingBelow }: IntervalsOptions) {
    this.#memory = memory;
    this.#queue = queue;
    this.#processes = processes;
    this.#detector = new ThrashingDetector(thrashingBelow, memory.frames);
    this.#lengthNs = Math.round(READS_PER_INTERVAL * requestSeconds(device, 'read', pageBytes) * 1e9);
    this.#open = this.#next();
  }

  /** Intervals since one thrashed; infinite if none has. */
  get sinceThrashing(): number {
    return this.ended - this.#lastThrashed;
  }

  /** Lets time pass. */
  pass(ns: number, what: 'running' | 'idle'): void {
    let left = ns;
    while (left > 0) {
      const step = Math.min(left, this.#open.fromNs + this.#lengthNs - this.#memory.now);
      this.#account(step, what);
      left -= step;
      if (this.#memory.now === this.#open.fromNs + this.#lengthNs) this.end();
    }
  }

  /** Counts a fault, for a page that had been in memory before or for one that had not. */
  fault(what: 'first' | 'again'): void {
    this.#open.faults++;
    if (what === 'again') this.#open.refaults++;
    this.#open.leastFree = Math.min(this.#open.leastFree, this.#memory.free);
  }

  /** Ends the interval, if it has begun. */
  end(): void {
    const { fromNs, processorNs, faults, refaults, leastFree, frameNs } = this.#open;
    const toNs = this.#memory.now;
    if (toNs === fromNs) return;
    const deviceNs = this.#queue.busyNs(toNs) - this.#open.deviceNs;
    this.#timeline.add(toNs - fromNs, processorNs, deviceNs, frameNs);
    this.deviceUse = deviceNs / (toNs - fromNs);
    this.ended++;
    this.thrashes = this.#detector.add({ fromNs, toNs, processorNs, deviceNs, faults, refaults, leastFree }) ? 'yes' : 'no';
    if (this.thrashes === 'yes') this.#lastThrashed = this.ended;
    this.#open = this.#next();
  }

  /** Returns when memory thrashed. */
  thrashing(): ThrashingPeriod[] {
    return this.#detector.periods();
  }

  /** Returns how frames were divided over time. */
  timeline(): TimelinePiece[] {
    return this.#timeline.pieces();
  }

  #account(ns: number, what: 'running' | 'idle'): void {
    this.#memory.now += ns;
    if (what === 'running') {
      this.processorNs += ns;
      this.#open.processorNs += ns;
    }
    const { held, unusedBytes } = this.#memory;
    const { frameNs } = this.#open;
    for (const process of this.#processes) {
      const spent = (held[process.number] as number) * ns;
      process.frameNs += spent;
      frameNs[process.number] = (frameNs[process.number] as number) + spent;
    }
    this.unusedByteNs += unusedBytes * ns;
  }

  #next(): OpenInterval {
    const { now, frames } = this.#memory;
    return {
      fromNs: now,
      processorNs: 0,
      deviceNs: this.#queue.busyNs(now),
      faults: 0,
      refaults: 0,
      leastFree: frames,
      frameNs: new Float64Array(this.#processes.length),
    };
  }
}
