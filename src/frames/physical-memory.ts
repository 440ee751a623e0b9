// Physical memory at work: the allocator says which frames are free, the frame table says what the others are for, and this class
// keeps the two in step and counts. It knows no addresses and no policies.
//
//   | 0 reserved | frame table, allocator metadata | managed frames ............ | holes of the memory map | managed ... |
//
//   PH1  a frame is free in the allocator exactly if its kind is free; one of kind zeroed is given there, and free for all others
//   PH2  the counts by kind are those of the table, and add up to the frames of RAM
//   PH3  only frames that nobody maps, wires or borrows are freed, and only frames that were allocated
//   PH4  the zeroed list, linked through the frame table, has exactly the frames of kind zeroed, and all their bytes are 0
//
// Zeroing happens in allocateZeroed, or before it in idle time (zeroIdle), not in free: a frame's old bytes are gone before its next owner can see them, and a frame that
// is overwritten as a whole (a copy, a page read from swap) is never zeroed in vain.
// Cost (Node 20): allocate and free together 20 ns more than the allocator's own. Elsewhere: placing it all at boot (boot.ts), reserves (uvm/).

import { type FailurePlan, invariant, PAGE_SIZE, type Pfn } from '../base/index.ts';
import type { Ram } from '../machine/index.ts';
import { ANYWHERE, type FrameAllocator, type RunConstraints } from './frame-allocator.ts';
import { FrameKind, type FrameTable } from './frame-table.ts';
import { ZoneWatch } from './zone-watch.ts';

/** Kinds of frame that can be asked for and given back. */
export type AllocatedKind = Exclude<
  FrameKind,
  typeof FrameKind.reserved | typeof FrameKind.free | typeof FrameKind.zeroed | typeof FrameKind.permanent | typeof FrameKind.frameTable
>;

/** What a `PhysicalMemory` is made of, by `bootPhysicalMemory`. */
export interface PhysicalMemoryParts {
  readonly ram: Ram;
  readonly table: FrameTable;
  readonly allocator: FrameAllocator;
  /** Asked once by every allocation. */
  readonly failure?: FailurePlan;
}

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

  /** Counts what the table says; every frame of kind free is free in the allocator. */
  constructor(parts: PhysicalMemoryParts) {
    this.ram = parts.ram;
    this.table = parts.table;
    this.allocator = parts.allocator;
    this.#failure = parts.failure;
    for (let frame = 0; frame < this.table.count; frame++) this.#count(this.table.kind(frame as Pfn), 1);
    this.managed = this.allocator.freeCount;
    this.zones = new ZoneWatch(this.allocator);
  }

  /** Frames that could be given now. */
  get freeCount(): number {
    return this.allocator.freeCount + this.countOf(FrameKind.zeroed);
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
    const frame = this.allocator.allocate();
    if (frame === -1) return this.#giveZeroed(kind, owner, index);
    this.#give(frame, kind, owner, index);
    return frame;
  }

  /** Like `allocate`, but all bytes of the frame are 0: one that was zeroed in idle time, if there is one. */
  allocateZeroed(kind: AllocatedKind, owner = 0, index = 0): Pfn | -1 {
    if (this.#failure?.next() === true) return -1;
    if (this.#zeroed !== 0) {
      this.#zeroHits++;
      return this.#giveZeroed(kind, owner, index);
    }
    const frame = this.allocator.allocate();
    if (frame === -1) return -1;
    this.#zeroMisses++;
    this.#give(frame, kind, owner, index);
    this.ram.zero(frame);
    return frame;
  }

  /**
   * Zeroes free frames ahead of time, until `target` of them wait on the zeroed list or no other frame is free. They stay free.
   * For idle time: what is zeroed here a zero-fill fault need not zero. Returns how many it zeroed.
   */
  zeroIdle(target: number): number {
    let zeroed = 0;
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
    let first = this.allocator.allocateRun(count, constraints);
    if (first === -1 && this.#zeroed !== 0) {
      this.forgetZeroed();
      first = this.allocator.allocateRun(count, constraints);
    }
    if (first === -1) return -1;
    for (let i = 0; i < count; i++) this.#give((first + i) as Pfn, kind, 0, 0);
    return first;
  }

  /** Gives all zeroed frames back to the allocator: for a run that they may be in the way of, or a zone that lacks them. */
  forgetZeroed(): void {
    while (this.#zeroed !== 0) {
      const frame = this.#zeroed as Pfn;
      this.#zeroed = this.table.next(frame);
      this.allocator.free(frame);
      this.#count(FrameKind.zeroed, -1);
      this.#count(FrameKind.free, 1);
      this.table.clear(frame, FrameKind.free);
    }
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
    this.allocator.free(frame);
    this.#count(table.kind(frame), -1);
    this.#count(FrameKind.free, 1);
    table.clear(frame, FrameKind.free);
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
      invariant(!free || this.table.isClear(frame), 'FT1', () => `frame ${frame} is free but its record is not clear`);
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
  }

  #checkZeroed(expected: number): void {
    let listed = 0;
    for (let frame = this.#zeroed; frame !== 0; frame = this.table.next(frame as Pfn)) {
      invariant(
        listed++ < expected && this.table.kind(frame as Pfn) === FrameKind.zeroed,
        'PH4',
        () => `frame ${frame} is listed as zeroed`,
      );
      const start = (frame * PAGE_SIZE) / 4;
      const words = this.ram.words.subarray(start, start + PAGE_SIZE / 4);
      invariant(
        words.every((word) => word === 0),
        'PH4',
        () => `zeroed frame ${frame} was written`,
      );
    }
    invariant(listed === expected, 'PH4', () => `${listed} frames are on the zeroed list, ${expected} are of that kind`);
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
      kind !== FrameKind.permanent &&
      kind !== FrameKind.frameTable;
    invariant(allocated, 'PH3', () => `frame ${frame} (${known ? `kind ${kind}` : 'beyond RAM'}) is not an allocated frame`);
  }
}
