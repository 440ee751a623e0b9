// Pages that can be paged out: the frames of anons and objects, as the replacement policy knows them. The policy orders them;
// this file decides what enters and leaves, keeps the reserve, and remembers the pages that running code still relies on.
//
//   free frames   | kernel only | kernel, swap-in | .. faults, the daemon wakes .. | .. faults .. | rest
//                 0             1                 5                                freeMinimum   freeTarget: the daemon stops
//
// Invariants (quoted by `check`):
//   PQ1  the policy knows exactly the anon and object frames that are not wired
//   PQ2  a held page is not taken by the daemon
//   PQ3  wiredFrames = frames with a wire count
// Source: thresholds of NetBSD's uvm_pdaemon.c. Elsewhere: the daemons (uvm/page-daemon.ts and those of systems/), the policies (paging/).

import { invariant, type Pfn } from '../base/index.ts';
import {
  type AllocatedKind,
  FRAME_MODIFIED,
  FRAME_READ_AHEAD,
  FRAME_REFERENCED,
  FrameKind,
  type FrameTable,
  type PagePlace,
  type PhysicalMemory,
} from '../frames/index.ts';
import type { PolicyKind, ReplacementPolicy } from '../paging/index.ts';
import type { PhysicalMap } from '../pmap/index.ts';
import type { Machine } from './machine.ts';
import type { MemoryStatistics } from './statistics.ts';
import { CLUSTER_PAGES } from './swap-space.ts';

/** Frames that only the kernel itself may take: uvmexp.reserve_kernel. */
const RESERVE_KERNEL = 5;
/**
 * Frames that a page coming back from swap leaves: it may use the reserve, since its slot can then take another page. Without that, a
 * process could not even read what it has once RAM and swap are both full.
 */
const RESERVE_SWAP_IN = 1;
/** The daemon wakes below 1/200 of memory, at least 128 KiB, at most 1 MiB (uvmpd_tune) ... */
const FREE_DIVISOR = 200;
const FREE_MINIMUM_FRAMES = 32;
const FREE_MAXIMUM_FRAMES = 256;
/** ... but on a machine of a few dozen frames at most 1/16 of them, or nothing would be left to run in. */
const SMALL_MACHINE_DIVISOR = 16;
/** Pages held at once: an access touches at most two pages, and a fault may work on three frames. Twice that, a power of two. */
const HELD = 8;

/** The pages the policy orders, and the thresholds of free memory. */
export class PageQueue {
  readonly policy: ReplacementPolicy;
  /** Below this many free frames the daemon is woken. */
  readonly freeMinimum: number;
  /** The daemon stops at this many: 4/3 of the minimum, and far enough above it that a run can fill a cluster of dirty pages. */
  readonly freeTarget: number;
  readonly #frames: PhysicalMemory;
  readonly #table: FrameTable;
  readonly #pmaps: PhysicalMap;
  readonly #held = new Int32Array(HELD);
  #nextHeld = 0;
  /** Free frames that ordinary requests leave. */
  #floor = RESERVE_KERNEL;
  #wiredFrames = 0;
  readonly #readAheadFloor: number;
  #readAhead = 0;
  #readAheadUnused = 0;

  constructor(machine: Machine, kind: PolicyKind) {
    this.#frames = machine.frames;
    this.#table = machine.frames.table;
    this.#pmaps = machine.pmaps;
    const managed = machine.frames.managed;
    const usual = Math.min(Math.max(Math.floor(managed / FREE_DIVISOR), FREE_MINIMUM_FRAMES), FREE_MAXIMUM_FRAMES);
    this.freeMinimum = Math.max(RESERVE_KERNEL + 1, Math.min(usual, Math.floor(managed / SMALL_MACHINE_DIVISOR)));
    this.freeTarget = Math.max(Math.ceil((this.freeMinimum * 4) / 3), this.freeMinimum + CLUSTER_PAGES);
    this.#readAheadFloor = Math.max(RESERVE_KERNEL, Math.ceil(this.freeMinimum / 2));
    this.policy = kind.make({
      capacity: machine.ram.frameCount,
      bits: machine.pmaps,
      seed: machine.seed,
      identityOf: (frame) => identityOf(this.#table, frame as Pfn),
      bitAtLoad: 'set',
    });
  }

  /** Takes a frame whose content the caller overwrites. Returns -1 when only the reserve is left. */
  allocate(kind: AllocatedKind, owner: number, index: number): Pfn | -1 {
    if (this.#frames.freeCount <= this.#floor) return -1;
    return this.#frames.allocate(kind, owner, index);
  }

  /** Takes a frame for a page that swap holds, from the reserve if need be. Returns -1 when the reserve is used up. */
  allocateForSwapIn(owner: number, kind: AllocatedKind = FrameKind.anon, index = 0): Pfn | -1 {
    if (this.#frames.freeCount <= RESERVE_SWAP_IN) return -1;
    return this.#frames.allocate(kind, owner, index);
  }

  /** Takes a frame of zeros. Returns -1 when only the reserve is left. */
  allocateZeroed(kind: AllocatedKind, owner: number, index: number): Pfn | -1 {
    if (this.#frames.freeCount <= this.#floor) return -1;
    return this.#frames.allocateZeroed(kind, owner, index);
  }

  /**
   * Takes a frame for the page at `place`: its own of a run that a large page can map, where there is one (frames/reservations.ts), else any; of
   * zeros, or for the caller to overwrite. Returns -1 when only the reserve is left.
   */
  allocateAt(place: PagePlace, content: 'zeros' | 'overwritten', kind: AllocatedKind, owner: number, index = 0): Pfn | -1 {
    if (this.#frames.freeCount <= this.#floor) return -1;
    return this.#frames.allocateAt(place, content, kind, owner, index);
  }

  /** Lets ordinary requests use the reserve, while a victim is about to give memory back; or no longer. */
  setReserve(use: 'kept' | 'open'): void {
    this.#floor = use === 'kept' ? RESERVE_KERNEL : RESERVE_SWAP_IN;
  }

  /** Makes a frame that has its content known to the policy, and holds it. */
  insert(frame: Pfn): void {
    this.policy.loaded(frame);
    this.hold(frame);
  }

  /** The same for a page that was read ahead: nobody relies on it yet. */
  insertAhead(frame: Pfn): void {
    this.policy.loaded(frame);
    this.#table.setFlag(frame, FRAME_READ_AHEAD);
    this.#readAhead++;
  }

  /** Frames that pages read ahead may take: the lower half of what the daemon keeps free is not for guesses. */
  get spareFrames(): number {
    return Math.max(0, this.#frames.freeCount - this.#readAheadFloor);
  }

  /** Writes what became of the pages read ahead into the counters. O(frames) if there are any. */
  countReadAhead(statistics: MemoryStatistics): void {
    let waiting = 0;
    for (let frame = 0 as Pfn; this.#readAhead > 0 && frame < this.#table.count; frame++) {
      if (this.#table.hasFlag(frame, FRAME_READ_AHEAD) && !this.#pmaps.isReferenced(frame)) waiting++;
    }
    statistics.readAhead = this.#readAhead;
    statistics.readAheadUnused = this.#readAheadUnused;
    statistics.readAheadUsed = this.#readAhead - this.#readAheadUnused - waiting;
  }

  /** A page leaves its frame, unmapped. */
  #clearFlags(frame: Pfn): void {
    if (this.#table.hasFlag(frame, FRAME_READ_AHEAD) && !this.#table.hasFlag(frame, FRAME_REFERENCED)) this.#readAheadUnused++;
    this.#table.clearFlag(frame, FRAME_MODIFIED | FRAME_READ_AHEAD | FRAME_REFERENCED);
  }

  /** The owner gives a page up: it is unmapped everywhere, and its frame is free, or its borrowers' alone if it is on loan. */
  release(frame: Pfn): void {
    this.#pmaps.pageProtect(frame, 'none');
    if (this.policy.has(frame)) this.policy.removed(frame);
    if (this.#table.loanCount(frame) === 0) this.freeFrame(frame);
    else this.#orphan(frame);
  }

  #orphan(frame: Pfn): void {
    this.#clearFlags(frame);
    this.#unhold(frame);
    this.#frames.reassign(frame, FrameKind.lent, 0, 0);
  }

  /** Frames that are wired at least once. */
  get wiredFrames(): number {
    return this.#wiredFrames;
  }

  /** Keeps a page in memory until `unwire` was called as often: the policy forgets it. */
  wire(frame: Pfn): void {
    const count = this.#table.wireCount(frame);
    this.#table.setWireCount(frame, count + 1);
    if (count > 0) return;
    this.#wiredFrames++;
    this.policy.removed(frame);
  }

  /** Undoes one `wire`; after the last the policy knows the page again. */
  unwire(frame: Pfn): void {
    const count = this.#table.wireCount(frame);
    this.#table.setWireCount(frame, count - 1);
    if (count > 1) return;
    this.#wiredFrames--;
    this.policy.loaded(frame);
  }

  /** Makes a page one of the first to be evicted, under policies that have the notion. */
  demote(frame: Pfn): void {
    if (this.policy.has(frame)) this.policy.demoted?.(frame);
  }

  /** Frees the frame of a page that is unmapped and unknown to the policy. */
  freeFrame(frame: Pfn): void {
    this.#clearFlags(frame);
    this.#unhold(frame);
    this.#frames.free(frame);
  }

  /** Protects a page from eviction until `HELD` others have been held: running code may rely on its translation (GC2 in wasm/abi.ts). */
  hold(frame: Pfn): void {
    const last = (this.#nextHeld - 1) & (HELD - 1);
    if (this.#held[last] === frame) return;
    this.#held[this.#nextHeld] = frame;
    this.#nextHeld = (this.#nextHeld + 1) & (HELD - 1);
  }

  /** Tells whether a page may not be evicted now. */
  isHeld(frame: number): boolean {
    for (let i = 0; i < HELD; i++) if (this.#held[i] === frame) return true;
    return false;
  }

  #unhold(frame: Pfn): void {
    for (let i = 0; i < HELD; i++) if (this.#held[i] === frame) this.#held[i] = 0;
  }

  /** Panics at the first broken invariant. */
  check(): void {
    this.policy.check();
    let wired = 0;
    for (let frame = 0 as Pfn; frame < this.#table.count; frame++) {
      const kind = this.#table.kind(frame);
      const pageable = (kind === FrameKind.anon || kind === FrameKind.object) && this.#table.wireCount(frame) === 0;
      if (this.#table.wireCount(frame) > 0) wired++;
      invariant(this.policy.has(frame) === pageable, 'PQ1', () => `frame ${frame} of kind ${kind}: known to the policy is ${!pageable}`);
    }
    invariant(wired === this.#wiredFrames, 'PQ3', () => `${wired} frames are wired, counted ${this.#wiredFrames}`);
  }
}

/** Returns what a frame holds as a number: an anon's own, which is a multiple of 16 (its index is 0); an object and a page of it mixed. */
function identityOf(table: FrameTable, frame: Pfn): number {
  const owner = table.owner(frame);
  if (table.kind(frame) === FrameKind.anon) return (owner ^ Math.imul(table.index(frame), 0x85ebca6b)) >>> 0;
  return ((Math.imul(owner, 0x9e3779b1) ^ Math.imul(table.index(frame), 0x85ebca6b)) | 1) >>> 0;
}
