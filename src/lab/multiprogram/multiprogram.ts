// Several processes on one processor, in one memory, with one paging device: a deterministic simulation in modelled time.
//
//   ready queue --> processor (a quantum of references, round robin) --> ready queue
//                       | fault
//                       v
//                   a frame by the allocation design --> device queue (first come, first served) --> ready queue
//                       | none: all are held
//                       v
//                   waiting for a frame, first come, first served
//
//   time   a reference takes `referenceNs`, whatever it is to; a request takes what the device's model says. A switch takes nothing.
//
// Processes end with their traces; what they hold is free then, and nothing of it is written. Interval by interval (intervals.ts) it is asked
// whether memory thrashes, designs may trim, and load control acts.
//
// Invariants (quoted by `check`), besides those of SharedMemory:
//   MS1  a process's references, faults and time add up: processor time = references x referenceNs; all its states together = the time since the start
//   MS2  who is ready is on the ready queue once, who reads on the device's, who waits on the waiting list
//
// Cost: the references', and O(processes) for each fault or quantum.
// The `as` on array reads: process numbers are below the number of processes.

import { invariant, UsageError } from '../../base/index.ts';
import type { PagingDevice } from '../paging-device.ts';
import type { Allocation, AllocationKind, AllocationOptions } from './allocation.ts';
import { Intervals } from './intervals.ts';
import { chooseToSwapOut, hasRoomFor, type LoadControl } from './load-control.ts';
import { PagingQueue } from './paging-queue.ts';
import { SharingProcess } from './process-table.ts';
import type { Program } from './program.ts';
import { PageFlag, SharedMemory } from './shared-memory.ts';
import type { ProcessOutcome, SharingOutcome } from './sharing-outcome.ts';

/** What is simulated. */
export interface SharingOptions extends Omit<AllocationOptions, 'memory'> {
  /** One for each process; all in pages of one size. 1 to 64. */
  readonly programs: readonly Program[];
  /** At least 1; for designs with partitions at least one for each process. */
  readonly frames: number;
  readonly design: AllocationKind;
  readonly device: PagingDevice;
  /** What a reference takes. A whole number, at least 1. */
  readonly referenceNs: number;
  /** References until the next process has its turn, at least 1. */
  readonly quantum: number;
  /** Pages at most that are read with one that was asked for: those that follow it. */
  readonly faultAhead: number;
  /** Pages at most in one write, at least 1. */
  readonly cluster: number;
  /** Undefined: all processes stay in memory, whatever happens. */
  readonly loadControl: LoadControl | undefined;
  /** Use of the processor below which memory may be thrashing. */
  readonly thrashingBelow: number;
}

/** Processes at most: a page's owner is a byte, and queues have a number for each. */
export const MAX_PROCESSES = 64;
const NS = 1e9;

/** A simulation. */
export class Multiprogram {
  readonly #options: SharingOptions;
  readonly #queue: PagingQueue;
  readonly #memory: SharedMemory;
  readonly #allocation: Allocation;
  readonly #processes: readonly SharingProcess[];
  #ready: SharingProcess[] = [];
  /** In the order in which their reads will be done. */
  #reading: SharingProcess[] = [];
  #waiting: SharingProcess[] = [];
  #out: SharingProcess[] = [];
  #live: number;
  readonly #intervals: Intervals;
  /** Intervals that have been acted on. */
  #intervalsSeen = 0;
  #peakUnusedBytes = 0;
  readonly #swaps = { out: 0, in: 0 };

  /** Throws a UsageError for numbers that do not go together. */
  constructor(options: SharingOptions) {
    const { programs, frames, design, device, cluster, thrashingBelow } = options;
    if (programs.length > MAX_PROCESSES) throw new UsageError(`${programs.length} processes: at most ${MAX_PROCESSES} can be simulated`);
    if (design.name.startsWith('local:') && frames < programs.length) {
      throw new UsageError(`${design.name} needs at least one frame for each of ${programs.length} processes`);
    }
    const pageBytes = (programs[0] as Program).pageBytes;
    this.#options = options;
    this.#queue = new PagingQueue(device, pageBytes);
    this.#memory = new SharedMemory({ programs, frames, queue: this.#queue, cluster });
    this.#allocation = design.make({ ...options, memory: this.#memory });
    this.#processes = programs.map((_, number) => new SharingProcess(number));
    this.#ready = [...this.#processes];
    this.#live = programs.length;
    const [memory, queue, processes] = [this.#memory, this.#queue, this.#processes];
    this.#intervals = new Intervals({ memory, queue, processes, device, pageBytes, thrashingBelow });
    this.#populationChanged();
  }

  /** Runs until all processes are done. @param progress called at the end of each interval, with the references made so far */
  run(progress: (references: number) => void = () => undefined): SharingOutcome {
    while (this.#live > 0) {
      this.#wake();
      this.#control(progress);
      this.#retryWaiting();
      const process = this.#ready.shift();
      if (process !== undefined) this.#dispatch(process);
      else if (this.#reading.length > 0)
        this.#intervals.pass(Math.max(0, (this.#reading[0] as SharingProcess).readyAtNs - this.#memory.now), 'idle');
      else {
        // Frames are held only for reads and for those that are ready: where there are none, nobody waits in vain for a frame.
        invariant(this.#out.length > 0, 'MS2', () => `${this.#live} processes are left and none can run`);
        this.#bringBack('anyone');
      }
    }
    this.#intervals.end();
    return this.#outcome();
  }

  /** Walks everything; panics at the first broken invariant. */
  check(): void {
    this.#memory.check();
    this.#allocation.check();
    const { referenceNs } = this.#options;
    for (const { number, position, timeNs, state, sinceNs } of this.#processes) {
      invariant(
        timeNs.running === position * referenceNs,
        'MS1',
        () => `process ${number} ran ${timeNs.running} ns for ${position} references`,
      );
      const inAll = Object.values(timeNs).reduce((sum, each) => sum + each, 0);
      invariant(inAll === sinceNs, 'MS1', () => `the states of process ${number} add up to ${inAll} ns of ${sinceNs}`);
      invariant(this.#queueOf(state).filter((each) => each.number === number).length === 1, 'MS2', () => `process ${number} is ${state}`);
    }
  }

  #queueOf(state: SharingProcess['state']): readonly SharingProcess[] {
    const queues = { ready: this.#ready, reading: this.#reading, waiting: this.#waiting, out: this.#out };
    return state === 'running' || state === 'done' ? this.#processes : queues[state];
  }

  // ---- the processor

  #dispatch(process: SharingProcess): void {
    const { number, position } = process;
    const { programs, quantum, referenceNs } = this.#options;
    const length = (programs[number] as Program).ids.length;
    process.enter('running', this.#memory.now);
    this.#releaseArrived(process);
    const to = Math.min(length, position + quantum);
    const reached = this.#allocation.advance(number, position, to);
    process.position = this.#memory.virtualTime[number] = reached;
    this.#intervals.pass((reached - position) * referenceNs, 'running');
    // Those whose reads ended in the meantime were ready first.
    this.#wake();
    if (reached === length) this.#finish(process);
    else if (reached === to) this.#makeReady(process);
    else this.#fault(process);
  }

  #releaseArrived(process: SharingProcess): void {
    for (const page of process.arriving) this.#memory.release(page);
    process.arriving = [];
  }

  #finish(process: SharingProcess): void {
    process.enter('done', this.#memory.now);
    this.#dropAll(process.number);
    this.#live--;
    this.#populationChanged();
  }

  #makeReady(process: SharingProcess): void {
    process.enter('ready', this.#memory.now);
    this.#ready.push(process);
  }

  // ---- faults

  #fault(process: SharingProcess): void {
    this.#allocation.faulted(process.number, process.position);
    const page = this.#pageAt(process);
    process.faults++;
    const isAgain = ((this.#memory.flags[page] as number) & PageFlag.left) !== 0;
    if (isAgain) process.refaults++;
    this.#intervals.fault(isAgain ? 'again' : 'first');
    // Who came first has the next frame.
    if (this.#waiting.length > 0 || !this.#readIn(process)) this.#wait(process);
  }

  #wait(process: SharingProcess): void {
    process.enter('waiting', this.#memory.now);
    this.#waiting.push(process);
  }

  #retryWaiting(): void {
    for (let tries = this.#waiting.length; tries > 0; tries--) {
      const process = this.#waiting[0];
      if (process === undefined || !this.#readIn(process)) return;
      this.#waiting = this.#waiting.filter((each) => each !== process);
    }
  }

  /** Issues the read of the page that a process wants, and of those that follow. Returns whether there was a frame, or the process was sent away. */
  #readIn(process: SharingProcess): boolean {
    const { number } = process;
    if (!this.#findFrame(process)) return process.state === 'out';
    let page = this.#pageAt(process);
    this.#enter(process, page, 'asked');
    for (let more = this.#options.faultAhead; more > 0; more--) {
      page = this.#pageAfter(page, number);
      if (page === -1 || this.#memory.has(page) || !this.#findSpareFrame(number)) break;
      this.#enter(process, page, 'ahead');
    }
    this.#startReading(process);
    return true;
  }

  #startReading(process: SharingProcess): void {
    process.readyAtNs = this.#queue.read(process.arriving.length, this.#memory.now);
    process.enter('reading', this.#memory.now);
    this.#reading.push(process);
  }

  #enter(process: SharingProcess, page: number, how: 'asked' | 'ahead'): void {
    this.#memory.enter(page, how);
    this.#allocation.loaded(page, process.number);
    process.arriving.push(page);
    process.peakFrames = Math.max(process.peakFrames, this.#memory.held[process.number] as number);
    this.#peakUnusedBytes = Math.max(this.#peakUnusedBytes, this.#memory.unusedBytes);
  }

  /** Sees to a free frame for a process, at any cost. Returns whether there is one and the process is still in memory. */
  #findFrame(process: SharingProcess): boolean {
    for (;;) {
      if (this.#findSpareFrame(process.number)) return true;
      if (this.#options.design.needs !== 'known' || !this.#swapOutOne()) break;
      if (process.state === 'out') return false;
    }
    const page = this.#allocation.forcedVictim(process.number);
    if (page === -1) return false;
    this.#memory.leave(page);
    return true;
  }

  /** Sees to a free frame without taking what others need. */
  #findSpareFrame(process: number): boolean {
    if (this.#memory.free > 0 && this.#allocation.mayGrow(process)) return true;
    const page = this.#allocation.victim(process);
    if (page !== -1) this.#memory.leave(page);
    return this.#memory.free > 0;
  }

  #wake(): void {
    for (;;) {
      const process = this.#reading[0];
      if (process === undefined || process.readyAtNs > this.#memory.now) return;
      this.#reading.shift();
      process.enter('ready', process.readyAtNs);
      this.#ready.push(process);
    }
  }

  #pageAt({ number, position }: SharingProcess): number {
    return (this.#memory.first[number] as number) + ((this.#options.programs[number] as Program).ids[position] as number);
  }

  #pageAfter(page: number, process: number): number {
    const first = this.#memory.first[process] as number;
    const next = (this.#options.programs[process] as Program).following[page - first] as number;
    return next === -1 ? -1 : first + next;
  }

  // ---- load control

  /** Acts on the intervals that have ended, once all processes are in their queues. */
  #control(progress: (references: number) => void): void {
    if (this.#intervalsSeen === this.#intervals.ended) return;
    this.#intervalsSeen = this.#intervals.ended;
    this.#allocation.intervalEnded();
    if (this.#intervals.thrashes === 'yes') this.#swapOutOne();
    else this.#bringBack('who has room');
    progress(this.#processes.reduce((sum, { position }) => sum + position, 0));
  }

  /** Swaps a process out if load control is on and finds one. Returns whether it did. */
  #swapOutOne(): boolean {
    const { loadControl } = this.#options;
    if (loadControl === undefined) return false;
    const process = chooseToSwapOut(this.#processes, loadControl.swapOut, this.#memory.held, this.#memory.now);
    if (process === undefined) return false;
    this.#ready = this.#ready.filter((each) => each !== process);
    this.#reading = this.#reading.filter((each) => each !== process);
    this.#waiting = this.#waiting.filter((each) => each !== process);
    this.#writeOut(process);
    process.enter('out', this.#memory.now);
    process.swappedOut++;
    this.#swaps.out++;
    this.#out.push(process);
    this.#populationChanged();
    return true;
  }

  /** Writes what is dirty with one request and gives all frames back. */
  #writeOut(process: SharingProcess): void {
    process.saved = [...this.#memory.residentPages(process.number)];
    const dirty = process.saved.filter((page) => this.#memory.isModified(page)).length;
    if (dirty > 0) this.#queue.write(dirty, this.#memory.now);
    this.#memory.counts.dirty += dirty;
    this.#memory.counts.clean += process.saved.length - dirty;
    process.arriving = [];
    this.#dropAll(process.number);
  }

  #dropAll(process: number): void {
    for (const page of this.#memory.residentPages(process)) {
      this.#allocation.removed(page, process);
      this.#memory.drop(page);
    }
  }

  #bringBack(whom: 'anyone' | 'who has room'): void {
    const process = this.#out[0];
    if (process === undefined) return;
    const room = {
      frames: this.#memory.frames,
      free: this.#memory.free,
      needs: this.#options.design.needs,
      isAlone: whom === 'anyone' || this.#live === this.#out.length,
      intervalsSinceThrashing: this.#intervals.sinceThrashing,
      deviceUse: this.#intervals.deviceUse,
    };
    if (!hasRoomFor(process, room)) return;
    this.#out.shift();
    this.#swaps.in++;
    process.enter('waiting', this.#memory.now);
    this.#populationChanged();
    if (this.#options.loadControl?.comeBack === 'prepaged') this.#prepage(process);
    if (process.arriving.length > 0) this.#startReading(process);
    else this.#makeReady(process);
  }

  #prepage(process: SharingProcess): void {
    for (const page of process.saved) {
      if (!this.#findSpareFrame(process.number)) return;
      this.#enter(process, page, 'ahead');
    }
  }

  #populationChanged(): void {
    this.#allocation.populationChanged(Uint8Array.from(this.#processes, ({ state }) => (state === 'out' || state === 'done' ? 0 : 1)));
  }

  // ---- results

  #outcome(): SharingOutcome {
    const ns = this.#memory.now;
    const { clean, dirty, ahead, aheadUseful, aheadUseless } = this.#memory.counts;
    const sum = (of: (process: SharingProcess) => number): number => this.#processes.reduce((total, process) => total + of(process), 0);
    return {
      design: this.#options.design.name,
      frames: this.#memory.frames,
      seconds: ns / NS,
      processorUse: this.#intervals.processorNs / ns,
      deviceUse: this.#queue.busyNs(ns) / ns,
      faults: sum(({ faults }) => faults),
      refaults: sum(({ refaults }) => refaults),
      processes: this.#processes.map((process) => this.#outcomeOf(process)),
      evictions: { clean, dirty },
      device: { ...this.#queue.counts },
      ahead: { read: ahead, useful: aheadUseful, useless: aheadUseless },
      swaps: { ...this.#swaps },
      fragmentation: { meanBytes: this.#intervals.unusedByteNs / ns, peakBytes: this.#peakUnusedBytes },
      thrashing: this.#intervals.thrashing(),
      timeline: this.#intervals.timeline(),
    };
  }

  #outcomeOf({ number, timeNs, faults, refaults, sinceNs, swappedOut, frameNs, peakFrames }: SharingProcess): ProcessOutcome {
    const { name, ids, pages } = this.#options.programs[number] as Program;
    return {
      name,
      references: ids.length,
      pages,
      faults,
      refaults,
      endSeconds: sinceNs / NS,
      processorSeconds: timeNs.running / NS,
      pagingSeconds: (timeNs.reading + timeNs.waiting) / NS,
      readySeconds: timeNs.ready / NS,
      outSeconds: timeNs.out / NS,
      timesSwappedOut: swappedOut,
      meanFrames: sinceNs === 0 ? 0 : frameNs / sinceNs,
      peakFrames,
    };
  }
}
