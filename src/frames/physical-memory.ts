// Physical memory at work: the allocator says which frames are free, the frame table says what the others are for, and this class
// keeps the two in step and counts. It knows no addresses and no policies.
//
//   | 0 reserved | frame table, allocator metadata | managed frames ............ | holes of the memory map | managed ... | spared |
//
//   PH1  a frame is free in the allocator exactly if its kind is free; one of kind zeroed, promised or spared is given there, and free for all others
//   PH2  the counts by kind are those of the table, and add up to the frames of RAM
//   PH3  only frames that nobody maps, wires or borrows are freed, and only frames that were allocated
//   PH4  the zeroed list, linked through the frame table, has exactly the frames of kind zeroed, and all their bytes are 0
//   PH5  a frame of the spared area is of kind spared if it is free, and no frame elsewhere is
//   PH6  frames that were zeroed along with another are free in the allocator, and all their bytes are 0
//
// The spared area at the end of RAM is for whoever wants a page in a certain frame, such as a stack in frames side by side. Its frames are free
// like all others, but given out last and from the low end, and `placeNext` gives a chosen one. So the area costs nothing while memory is short,
// and is whole while it is not.
// A frame that `allocateAt` gives may be its page's own of a reservation (reservations.ts). When nothing else is free, the oldest is broken.
// Zeroing happens in allocateZeroed, or before it in idle time (zeroIdle), not in free: a frame's old bytes are gone before its next owner can see them, and a frame that
// is overwritten as a whole (a copy, a page read from swap) is not zeroed in vain. Where most requests are for zeros, one of them zeroes the frames beside
// its own along, which costs much less than one after the other (machine/zero-run.ts); they stay free, and are the next to go under most allocators.
// Cost (Node 20): allocate and free together 20 ns more than the allocator's own. Elsewhere: placing it all at boot (boot.ts), reserves (uvm/).

import { type FailurePlan, invariant, PAGE_SIZE, type Pfn } from '../base/index.ts';
import { type Ram, ZERO_RUN_FRAMES } from '../machine/index.ts';
import { ANYWHERE, type FrameAllocator, type FrameAllocatorKind, type RunConstraints } from './frame-allocator.ts';
import { FrameKind, type FrameTable } from './frame-table.ts';
import type { PagePlace, ReservationCounts, Reservations } from './reservations.ts';
import { ZoneWatch } from './zone-watch.ts';

/** Kinds of frame that can be asked for and given back. */
export type AllocatedKind = Exclude<
  FrameKind,
  | typeof FrameKind.reserved
  | typeof FrameKind.free
  | typeof FrameKind.zeroed
  | typeof FrameKind.promised
  | typeof FrameKind.spared
  | typeof FrameKind.permanent
  | typeof FrameKind.frameTable
>;

/** What a `PhysicalMemory` is made of, by `bootPhysicalMemory`. */
export interface PhysicalMemoryParts {
  readonly ram: Ram;
  readonly table: FrameTable;
  readonly allocator: FrameAllocator;
  /** As its kind says: free frames that have its records in them are not zeroed ahead of time. */
  readonly keepsRecords?: FrameAllocatorKind['keepsRecords'];
  /** Asked once by every allocation. */
  readonly failure?: FailurePlan;
  /** Runs of frames for large pages; none are made without it. */
  readonly reservations?: Reservations;
  /** The spared area is the frames from this one on; none if not given. */
  readonly firstSpared?: Pfn;
}

/**
 * How likely the next request is one for zeros is counted as branch predictors count: up by one for each request for zeros, down by two for each
 * other. From `LIKELY` on frames are zeroed along.
 */
const LIKELY = 4;
const MOST_LIKELY = 8;

/** Number of frame kinds. */
const KIND_COUNT = Object.keys(FrameKind).length;

/** All frames of one machine. */
export class PhysicalMemory {
  readonly ram: Ram;
  readonly table: FrameTable;
  readonly allocator: FrameAllocator;
  /** Frames that the allocator gives out, free or given: a constant. */
  readonly managed: number;
  /** Which part of memory runs short, if the allocator keeps any apart. */
  readonly zones: ZoneWatch;
  readonly #failure: FailurePlan | undefined;
  readonly #counts = new Int32Array(KIND_COUNT);
  /** First frame of the zeroed list, 0 for none. */
  #zeroed = 0;
  #zeroHits = 0;
  #zeroMisses = 0;
  readonly #zeroesAlong: boolean;
  /** The frames that were zeroed along with another: bit k stands for frame #alongFirst + k. */
  #along = 0;
  #alongFirst = 0;
  /** How likely it is that they will be wanted as such: 0 to `MOST_LIKELY`. */
  #zerosLikely = 0;
  readonly #reservations: Reservations | undefined;
  /** Frames freed since a run was last looked for in vain: looking again before as many as it needs is work for nothing. */
  #freedSinceNoRun = Number.POSITIVE_INFINITY;
  /** First frame of the spared area; beyond RAM once it was given up. */
  #firstSpared: number;
  /** No frame of the area below this one is spared. */
  #nextSpared: number;
  /** The frame that the next page of an anon gets if it is spared, 0 for none. */
  #place = 0;

  /** Counts what the table says; every frame of kind free is free in the allocator. */
  constructor(parts: PhysicalMemoryParts) {
    this.ram = parts.ram;
    this.table = parts.table;
    this.allocator = parts.allocator;
    this.#failure = parts.failure;
    this.#reservations = parts.reservations;
    this.#zeroesAlong = parts.keepsRecords === undefined && parts.ram.zeroesRuns;
    this.#firstSpared = parts.firstSpared ?? this.table.count;
    this.#nextSpared = this.#firstSpared;
    for (let frame = 0; frame < this.table.count; frame++) this.#count(this.table.kind(frame as Pfn), 1);
    this.managed = this.freeCount;
    this.zones = new ZoneWatch(this.allocator);
  }

  /** Frames that could be given now. */
  get freeCount(): number {
    return this.allocator.freeCount + this.#freeBesides;
  }

  /** Requests for zeros that found a frame zeroed before (pga_zerohit). */
  get zeroHits(): number {
    return this.#zeroHits;
  }

  /** Requests for zeros that had to zero a frame (pga_zeromiss). */
  get zeroMisses(): number {
    return this.#zeroMisses;
  }

  /** Returns how many frames are of `kind`. O(1). */
  countOf(kind: FrameKind): number {
    return this.#counts[kind]!;
  }

  /**
   * Takes a frame for `owner` (32 bits, its meaning is the kind's) to hold its page `index`. Returns -1 when none is free.
   * Its bytes are the last owner's: the caller overwrites all of them before anybody can read them.
   */
  allocate(kind: AllocatedKind, owner = 0, index = 0): Pfn | -1 {
    if (this.#failure?.next() === true) return -1;
    return this.#allocateUncleared(kind, owner, index);
  }

  #allocateUncleared(kind: AllocatedKind, owner: number, index: number): Pfn | -1 {
    this.#zerosLikely = this.#zerosLikely > 2 ? this.#zerosLikely - 2 : 0;
    const frame = this.#allocate(kind, owner, index);
    if (this.#along !== 0) this.#takeAlong(frame);
    return frame;
  }

  #allocate(kind: AllocatedKind, owner: number, index: number): Pfn | -1 {
    if (this.#place !== 0 && this.#isPlaced(kind)) return this.#giveSpared(this.#place, kind, owner, index);
    let frame = this.allocator.allocate();
    if (frame === -1) {
      const zeroed = this.#giveZeroed(kind, owner, index);
      if (zeroed !== -1) return zeroed;
      if (!this.#breakOldest()) return this.#giveLowestSpared(kind, owner, index);
      frame = this.allocator.allocate();
    }
    this.#give(frame as Pfn, kind, owner, index);
    return frame;
  }

  /** Like `allocate`, but all bytes of the frame are 0: one that was zeroed in idle time, if there is one. */
  allocateZeroed(kind: AllocatedKind, owner = 0, index = 0): Pfn | -1 {
    if (this.#failure?.next() === true) return -1;
    return this.#allocateZeroed(kind, owner, index);
  }

  #allocateZeroed(kind: AllocatedKind, owner: number, index: number): Pfn | -1 {
    if (this.#zeroed !== 0 && !(this.#place !== 0 && this.#isPlaced(kind))) {
      this.#zeroHits++;
      return this.#giveZeroed(kind, owner, index);
    }
    const frame = this.#allocate(kind, owner, index);
    if (frame === -1) return -1;
    this.#zeroMisses++;
    if (this.#zerosLikely < MOST_LIKELY) this.#zerosLikely++;
    if (this.#along === 0 || !this.#takeAlong(frame)) this.#zero(frame);
    return frame;
  }

  /** A frame was given: tells whether it was zeroed along with another, which it is no longer. */
  #takeAlong(frame: Pfn | -1): boolean {
    const k = frame - this.#alongFirst;
    if (!(k >= 0 && k < ZERO_RUN_FRAMES) || ((this.#along >>> k) & 1) === 0) return false;
    this.#along &= ~(1 << k);
    return true;
  }

  /** Zeroes a frame that was given, and those beside it if they are free and zeros are likely to be asked for again. */
  #zero(frame: Pfn): void {
    const first = (frame - (frame % ZERO_RUN_FRAMES)) as Pfn;
    if (this.#zerosLikely < LIKELY || !this.#zeroesAlong || !this.#isRunFree(first, frame)) {
      this.ram.zero(frame);
      return;
    }
    this.ram.zeroRun(first);
    this.#alongFirst = first;
    this.#along = (1 << ZERO_RUN_FRAMES) - 1 - (1 << (frame - first));
  }

  /** Tells whether the run from `first` on is free but for `given`. */
  #isRunFree(first: Pfn, given: Pfn): boolean {
    if (first + ZERO_RUN_FRAMES > this.table.count) return false;
    for (let frame = first; frame < first + ZERO_RUN_FRAMES; frame++) {
      if (frame !== given && this.table.kind(frame) !== FrameKind.free) return false;
    }
    return true;
  }

  /** Takes a run of frames from the allocator; none of them counts as zeroed any more. Returns the first, or -1. */
  #takeRun(count: number, constraints: RunConstraints): Pfn | -1 {
    this.#along = 0;
    return this.allocator.allocateRun(count, constraints);
  }

  /**
   * Takes a frame for the page at `place`: its own of a reservation, which may be made now, or else any. All bytes are 0, or are the last
   * owner's for the caller to overwrite. Returns -1 when none is free.
   */
  allocateAt(place: PagePlace, content: 'zeros' | 'overwritten', kind: AllocatedKind, owner: number, index = 0): Pfn | -1 {
    if (this.#failure?.next() === true) return -1;
    const isElsewhere = this.#reservations === undefined || (this.#place !== 0 && this.#isPlaced(kind));
    const frame = isElsewhere ? 0 : this.#takePromised(this.#reservations as Reservations, place);
    if (frame === 0) return content === 'zeros' ? this.#allocateZeroed(kind, owner, index) : this.#allocateUncleared(kind, owner, index);
    this.#count(FrameKind.promised, -1);
    this.#count(kind, 1);
    this.table.assign(frame as Pfn, kind, owner, index);
    if (content === 'zeros') {
      this.#zeroMisses++;
      this.ram.zero(frame as Pfn);
    }
    return frame as Pfn;
  }

  /**
   * Says which frame of the spared area the next page of an anon is to get; it gets any other if that one is not spared at that moment.
   * 0: no matter which. The caller takes its wish back when what it wished for is done.
   */
  placeNext(frame: Pfn | 0): void {
    this.#place = frame;
  }

  /** Tells whether `frame` could be had by `placeNext` now. */
  isSpared(frame: Pfn): boolean {
    return frame < this.table.count && this.table.kind(frame) === FrameKind.spared;
  }

  #isPlaced(kind: AllocatedKind): boolean {
    return kind === FrameKind.anon && this.isSpared(this.#place as Pfn);
  }

  /** No other frame is left: gives the lowest that is spared. Returns -1 if there is none. */
  #giveLowestSpared(kind: AllocatedKind, owner: number, index: number): Pfn | -1 {
    if (this.countOf(FrameKind.spared) === 0) return -1;
    while (!this.isSpared(this.#nextSpared as Pfn)) this.#nextSpared++;
    return this.#giveSpared(this.#nextSpared, kind, owner, index);
  }

  #giveSpared(number: number, kind: AllocatedKind, owner: number, index: number): Pfn {
    const frame = number as Pfn;
    this.#count(FrameKind.spared, -1);
    this.#count(kind, 1);
    this.table.assign(frame, kind, owner, index);
    return frame;
  }

  /** Gives the spared area up for good: a run is wanted that it may be in the way of. */
  #giveUpSpared(): void {
    for (let number = this.#firstSpared; number < this.table.count; number++) {
      const frame = number as Pfn;
      if (!this.isSpared(frame)) continue;
      this.allocator.free(frame);
      this.#setFree(frame, FrameKind.free);
    }
    this.#firstSpared = this.table.count;
    this.#nextSpared = this.table.count;
  }

  /** Takes the page's own frame of its reservation, which is made if there is none. Returns 0 if it has no such frame. */
  #takePromised(reservations: Reservations, { space, page, areaStart, areaEnd }: PagePlace): number {
    const { runFrames } = reservations;
    const window = Math.floor(page / runFrames);
    const first = window * runFrames;
    let run = reservations.find(space, window);
    // Somebody else has the page's frame by now: a child since a fork, a borrower. A run of its own lets this space have a large page again.
    if (run !== 0 && this.table.kind((run * runFrames + page - first) as Pfn) !== FrameKind.promised) {
      this.#break(reservations, run);
      run = 0;
    }
    if (run === 0 && areaStart <= first && first + runFrames <= areaEnd) run = this.#reserve(reservations, space, window);
    if (run === 0) return 0;
    reservations.take(run);
    return run * runFrames + page - first;
  }

  /** Promises a run to a window, if one is to be spared: as much again stays free. Returns the run, or 0. */
  #reserve(reservations: Reservations, space: number, window: number): number {
    const { runFrames } = reservations;
    if (this.#freedSinceNoRun < runFrames || this.allocator.freeCount < 2 * runFrames) return 0;
    const first = this.#takeRun(runFrames, { alignment: runFrames });
    if (first === -1) {
      this.#freedSinceNoRun = 0;
      return 0;
    }
    for (let frame = first; frame < first + runFrames; frame++) this.#setFree(frame as Pfn, FrameKind.promised);
    reservations.make(first / runFrames, space, window);
    return first / runFrames;
  }

  /** Breaks the reservation that was used longest ago. Returns false if there is none. */
  #breakOldest(): boolean {
    const oldest = this.#reservations?.oldest ?? 0;
    if (oldest !== 0) this.#break(this.#reservations as Reservations, oldest);
    return oldest !== 0;
  }

  /** Gives up a reservation: what was promised is plainly free. */
  #break(reservations: Reservations, run: number): void {
    reservations.broken++;
    this.#forget(reservations, run);
  }

  #forget(reservations: Reservations, run: number): void {
    const { runFrames } = reservations;
    reservations.remove(run);
    for (let frame = (run * runFrames) as Pfn; frame < (run + 1) * runFrames; frame++) {
      if (this.table.kind(frame) !== FrameKind.promised) continue;
      this.allocator.free(frame);
      this.#setFree(frame, FrameKind.free);
    }
  }

  /** Makes a free frame one of the other kind of free frames. */
  #setFree(frame: Pfn, kind: typeof FrameKind.free | typeof FrameKind.promised): void {
    this.#count(this.table.kind(frame), -1);
    this.#count(kind, 1);
    this.table.setKind(frame, kind);
  }

  /** Frames promised to large pages, as a count of reservations; undefined where none are made. */
  get reservations(): ReservationCounts | undefined {
    return this.#reservations;
  }

  /**
   * Zeroes free frames ahead of time, until `target` of them wait on the zeroed list or no other frame is free. They stay free.
   * For idle time: what is zeroed here a zero-fill fault need not zero. Returns how many it zeroed.
   */
  zeroIdle(target: number): number {
    let zeroed = 0;
    this.#along = 0;
    while (this.countOf(FrameKind.zeroed) < target) {
      const frame = this.allocator.allocate();
      if (frame === -1) break;
      this.ram.zero(frame);
      this.#count(FrameKind.free, -1);
      this.#count(FrameKind.zeroed, 1);
      this.table.setKind(frame, FrameKind.zeroed);
      this.table.setNext(frame, this.#zeroed);
      this.#zeroed = frame;
      zeroed++;
    }
    return zeroed;
  }

  /**
   * Takes `count` frames in a row that meet the constraints. Returns the first, or -1.
   * Their bytes are the last owners', as with `allocate`. Each is freed by itself.
   */
  allocateRun(count: number, kind: AllocatedKind, constraints: RunConstraints = ANYWHERE): Pfn | -1 {
    if (this.#failure?.next() === true) return -1;
    let first = this.#takeRun(count, constraints);
    if (first === -1 && this.#freeBesides > 0) {
      this.collectFree();
      first = this.#takeRun(count, constraints);
    }
    if (first === -1 && this.countOf(FrameKind.spared) > 0) {
      this.#giveUpSpared();
      first = this.#takeRun(count, constraints);
    }
    if (first === -1) return -1;
    for (let i = 0; i < count; i++) this.#give((first + i) as Pfn, kind, 0, 0);
    return first;
  }

  /** Gives all free frames that wait for somebody, zeroed or promised, back to the allocator: for a run that they may be in the way of, or a zone that lacks them. */
  collectFree(): void {
    while (this.#zeroed !== 0) {
      const frame = this.#zeroed as Pfn;
      this.#zeroed = this.table.next(frame);
      this.allocator.free(frame);
      this.#count(FrameKind.zeroed, -1);
      this.#count(FrameKind.free, 1);
      this.table.clear(frame, FrameKind.free);
    }
    while (this.#breakOldest());
  }

  /** Free frames that the allocator does not know as such. */
  get #freeBesides(): number {
    return this.countOf(FrameKind.zeroed) + this.countOf(FrameKind.promised) + this.countOf(FrameKind.spared);
  }

  /** Makes an allocated frame another owner's, of another kind: a loan that becomes its borrower's, say. The bytes stay. */
  reassign(frame: Pfn, kind: AllocatedKind, owner: number, index: number): void {
    this.#checkAllocated(frame);
    this.#count(this.table.kind(frame), -1);
    this.#count(kind, 1);
    this.table.setKind(frame, kind);
    this.table.setOwner(frame, owner);
    this.table.setIndex(frame, index);
  }

  /** Gives a frame back and clears its record; its bytes stay until the next owner. Panics (PH3), changing nothing. */
  free(frame: Pfn): void {
    const { table } = this;
    this.#checkAllocated(frame);
    invariant(
      !table.isHeld(frame),
      'PH3',
      () =>
        `frame ${frame} is freed while it is held: mapped by space ${table.mapSpace(frame)}, ` +
        `wired ${table.wireCount(frame)} times, on loan ${table.loanCount(frame)} times`,
    );
    const run = this.#reservations?.runOf(frame) ?? 0;
    this.#count(table.kind(frame), -1);
    if (run !== 0) {
      this.#promiseAgain(this.#reservations as Reservations, run, frame);
      return;
    }
    if (frame >= this.#firstSpared) {
      this.#count(FrameKind.spared, 1);
      table.clear(frame, FrameKind.spared);
      if (frame < this.#nextSpared) this.#nextSpared = frame;
      return;
    }
    this.allocator.free(frame);
    this.#count(FrameKind.free, 1);
    table.clear(frame, FrameKind.free);
    this.#freedSinceNoRun++;
  }

  /** A frame of a reservation goes back to its place there; one that nothing is taken from any more is no reservation. */
  #promiseAgain(reservations: Reservations, run: number, frame: Pfn): void {
    this.#count(FrameKind.promised, 1);
    this.table.clear(frame, FrameKind.promised);
    if (reservations.giveBack(run) < reservations.runFrames) return;
    this.#forget(reservations, run);
    this.#freedSinceNoRun += reservations.runFrames;
  }

  /** Walks everything, the allocator too; panics at the first broken invariant. */
  check(): void {
    const counts = new Int32Array(KIND_COUNT);
    for (let i = 0; i < this.table.count; i++) {
      const frame = i as Pfn;
      const kind = this.table.kind(frame);
      invariant(kind < KIND_COUNT, 'PH2', () => `frame ${frame} has no valid kind: ${kind}`);
      counts[kind] = counts[kind]! + 1;
      const free = this.allocator.isFree(frame);
      invariant(
        free === (kind === FrameKind.free),
        'PH1',
        () => `frame ${frame} of kind ${kind} is ${free ? 'free' : 'given'} in the allocator`,
      );
      const spared = kind === FrameKind.spared;
      invariant(!spared || (i >= this.#nextSpared && i >= this.#firstSpared), 'PH5', () => `frame ${frame} is spared, but not in the area`);
      invariant(!free || i < this.#firstSpared, 'PH5', () => `frame ${frame} of the spared area is free but not spared`);
      invariant(!(free || spared) || this.table.isClear(frame), 'FT1', () => `frame ${frame} is free but its record is not clear`);
      const mapped = this.table.mapSpace(frame) !== 0;
      invariant(
        mapped || (this.table.mapVpn(frame) === 0 && this.table.mapMore(frame) === 0),
        'FT2',
        () => `frame ${frame} is half mapped`,
      );
    }
    counts.forEach((count, kind) => {
      invariant(count === this.#counts[kind], 'PH2', () => `${count} frames are of kind ${kind}, counted ${this.#counts[kind]}`);
    });
    this.allocator.check();
    this.#checkZeroed(counts[FrameKind.zeroed]!);
    this.#checkAlong();
    this.#reservations?.check(this.table);
  }

  #checkZeroed(expected: number): void {
    let listed = 0;
    for (let frame = this.#zeroed; frame !== 0; frame = this.table.next(frame as Pfn)) {
      invariant(
        listed++ < expected && this.table.kind(frame as Pfn) === FrameKind.zeroed,
        'PH4',
        () => `frame ${frame} is listed as zeroed`,
      );
      invariant(this.#isZero(frame as Pfn), 'PH4', () => `zeroed frame ${frame} was written`);
    }
    invariant(listed === expected, 'PH4', () => `${listed} frames are on the zeroed list, ${expected} are of that kind`);
  }

  #checkAlong(): void {
    for (let k = 0; k < ZERO_RUN_FRAMES; k++) {
      if (((this.#along >>> k) & 1) === 0) continue;
      const frame = (this.#alongFirst + k) as Pfn;
      const kept = this.table.kind(frame) === FrameKind.free && this.#isZero(frame);
      invariant(kept, 'PH6', () => `frame ${frame} of kind ${this.table.kind(frame)} was zeroed along, and then given or written`);
    }
  }

  #isZero(frame: Pfn): boolean {
    const start = (frame * PAGE_SIZE) / 4;
    return this.ram.words.subarray(start, start + PAGE_SIZE / 4).every((word) => word === 0);
  }

  /** Gives the first frame of the zeroed list. Returns -1 if it is empty. */
  #giveZeroed(kind: AllocatedKind, owner: number, index: number): Pfn | -1 {
    const frame = this.#zeroed as Pfn;
    if (frame === 0) return -1;
    this.#zeroed = this.table.next(frame);
    this.table.setNext(frame, 0);
    this.#count(FrameKind.zeroed, -1);
    this.#count(kind, 1);
    this.table.assign(frame, kind, owner, index);
    return frame;
  }

  #give(frame: Pfn, kind: AllocatedKind, owner: number, index: number): void {
    this.#count(FrameKind.free, -1);
    this.#count(kind, 1);
    this.table.assign(frame, kind, owner, index);
  }

  #count(kind: number, by: 1 | -1): void {
    this.#counts[kind] = this.#counts[kind]! + by;
  }

  /** Panics (PH3) unless `frame` was allocated. */
  #checkAllocated(frame: Pfn): void {
    const known = frame >= 0 && frame < this.table.count;
    const kind = known ? this.table.kind(frame) : FrameKind.reserved;
    const allocated =
      kind !== FrameKind.reserved &&
      kind !== FrameKind.free &&
      kind !== FrameKind.zeroed &&
      kind !== FrameKind.promised &&
      kind !== FrameKind.spared &&
      kind !== FrameKind.permanent &&
      kind !== FrameKind.frameTable;
    invariant(allocated, 'PH3', () => `frame ${frame} (${known ? `kind ${kind}` : 'beyond RAM'}) is not an allocated frame`);
  }
}
