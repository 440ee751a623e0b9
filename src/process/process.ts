// A process: an address space with a program in it. This file is the trap: what happens when a load or store finds no
// valid TLB word, and how the kernel itself reaches the process's memory (copyin, copyout).
//
//   TLB word missing -> page-table walk -> hit: refill the TLB and return
//                                       -> page fault -> memory manager -> mapped: return
//                                                                       -> not resolved: GuestFault, the process ends
//
// Invariants that running code relies on (GC2 in wasm/abi.ts):
//   PR1  when `trap` returns, every page of the access has a valid TLB word for it at the same time
// The memory manager holds the pages it has just mapped, so resolving the second page of an access does not evict the first.

import { addressOf, EventType, invariant, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, type Pfn, pageOf } from '../base/index.ts';
import { FAULT_PROTECTION } from '../machine/index.ts';
import type { Pmap } from '../pmap/index.ts';
import { FaultOutcome, type Machine, type MemorySystem, PROT_NONE, PROT_READ, PROT_WRITE, type Space } from '../system/index.ts';
import { GuestFault } from './guest-fault.ts';
import { memmove, memset } from './memory-functions.ts';
import { makeStackReserve, type StackReserve } from './stack-reserve.ts';

/** Faults are counted per 64 KiB of the 32-bit space, for the report's heat line. */
export const HEAT_CELL_BYTES = 65536;
const HEAT_CELLS = 65536;
/** log2 of the pages in a cell. */
const PAGES_PER_CELL_SHIFT = 4;

/** One past the last address of a 32-bit space. */
const ADDRESSES_32_BIT = 0x1_0000_0000;
/** A page pair that cannot be mapped together after this many tries is a broken memory manager. */
const MAX_TRIES = 16;
/** One refill in this many is timed: reading the clock costs more than a refill. */
const REFILL_SAMPLE = 64;
/** Milliseconds that one of those counts for at most: the host did something else in one that took longer, and 64 times that would be told. */
const LONGEST_REFILL_MS = 0.05;
/** So many page faults of a process are all timed ... */
const FAULTS_TIMED = 4096;
/**
 * ... and then one in this many, which counts for all of them: two looks at the clock are a third of a zero-fill fault. Prime, so that it does not
 * keep step with what comes every 8 or 16 pages, such as the write of a cluster.
 */
const FAULT_SAMPLE = 13;

/** Wishes where in RAM pages are to lie. */
export interface PagePlacement {
  /** Returns the frame of the spared area in which `page` should be, or 0. */
  frameOf(page: number): Pfn | 0;
}

/** Milliseconds of some clock; the host's, or one that stands still where runs must repeat exactly. */
export type Stopwatch = () => number;

/** One process on one memory manager. */
export class Process {
  readonly machine: Machine;
  readonly system: MemorySystem;
  readonly space: Space;
  /** Traps: accesses that found no valid TLB word. */
  traps = 0;
  /** Traps that a page-table walk resolved. */
  tlbMisses = 0;
  /** Most pages resident at once. */
  peakResident = 0;
  /** Page faults per `HEAT_CELL_BYTES` of address space. */
  readonly heat: Uint32Array;
  /** To be called before the kernel changes anything for the guest; throws if the call stack has no room for the kernel. */
  readonly reserveStack: StackReserve;
  readonly #pmap: Pmap;
  readonly #now: Stopwatch;
  readonly #bytes: Uint8Array;
  #placement: PagePlacement | undefined;
  #faultMs = 0;
  #faults = 0;
  #sampledMs = 0;
  #sampledRefills = 0;

  /**
   * @param reserveStack one that processes of this host share, for those that are many; made for this one if not given. Those that share
   * one are not counted per area of the space: their `heat` is empty.
   */
  constructor(machine: Machine, system: MemorySystem, space: Space, now: Stopwatch, reserveStack?: StackReserve) {
    this.reserveStack = reserveStack ?? makeStackReserve();
    this.heat = new Uint32Array(reserveStack === undefined ? HEAT_CELLS : 0);
    this.machine = machine;
    this.system = system;
    this.space = space;
    this.#pmap = space.pmap;
    this.#now = now;
    this.#bytes = machine.ram.bytes;
  }

  /** Milliseconds in the kernel so far: the first faults in full, later ones and TLB refills estimated from samples. */
  get kernelMs(): number {
    const perRefill = this.#sampledRefills === 0 ? 0 : this.#sampledMs / this.#sampledRefills;
    return this.#faultMs + perRefill * this.tlbMisses;
  }

  /** Makes [address, address + size) accessible (1 to 4096 bytes, so at most two pages), or throws `GuestFault`. */
  trap(address: number, size: number, access: 0 | 1): void {
    this.traps++;
    const end = address + size - 1;
    if (end >= ADDRESSES_32_BIT) throw new GuestFault(FaultOutcome.unmapped, address, size, access === 1 ? 'write' : 'read');
    // By shifts: a quotient that is rounded down stays a double in all that a fault computes from it.
    const first = address >>> PAGE_SHIFT;
    const last = end >>> PAGE_SHIFT;
    this.#ensure(first, access, address, size);
    if (last !== first) this.#ensureBoth(first, last, access, address, size);
  }

  /** The access is over two pages, the first of which was mapped: makes both valid at once. */
  #ensureBoth(first: number, last: number, access: 0 | 1, address: number, size: number): void {
    for (let tries = 0; ; tries++) {
      this.#ensure(last, access, address, size);
      if (this.#isValid(first, access)) return;
      invariant(tries < MAX_TRIES, 'PR1', () => `pages ${first} and ${last} cannot be mapped together`);
      this.#ensure(first, access, address, size);
      if (this.#isValid(last, access)) return;
    }
  }

  #isValid(page: number, access: 0 | 1): boolean {
    return access === 1 ? this.#pmap.tlb.writes(page) : this.#pmap.tlb.reads(page);
  }

  /** Resolves one page: by a walk if it is mapped, else by the memory manager. */
  #ensure(page: number, access: 0 | 1, address: number, size: number): void {
    const sampled = this.traps % REFILL_SAMPLE === 0;
    const start = sampled ? this.#now() : 0;
    const found = this.machine.pmaps.refill(this.#pmap, page, access);
    if (found >= 0) {
      this.tlbMisses++;
      if (sampled) {
        this.#sampledMs += Math.min(this.#now() - start, LONGEST_REFILL_MS);
        this.#sampledRefills++;
      }
      return;
    }
    this.machine.events.emit(EventType.fault, this.#pmap.id, page, access, found === FAULT_PROTECTION ? 1 : 0);
    this.#fault(page, access, address, size);
  }

  #fault(page: number, access: 0 | 1, address: number, size: number): void {
    this.reserveStack();
    const weight = this.#weightOfNext();
    const start = weight === 0 ? 0 : this.#now();
    const frame = this.#placement === undefined ? 0 : this.#placement.frameOf(page);
    if (frame !== 0) this.machine.frames.placeNext(frame);
    const outcome = this.system.fault(this.space, page, access);
    if (frame !== 0) this.machine.frames.placeNext(0);
    this.#countFault(page);
    if (weight !== 0) this.#faultMs += weight * (this.#now() - start);
    if (outcome === FaultOutcome.resolved) return;
    throw new GuestFault(outcome, address, size, access === 1 ? 'write' : 'read');
  }

  /** For how many faults the time of the next one stands; 0: it is not timed. */
  #weightOfNext(): number {
    const fault = this.#faults++;
    if (fault < FAULTS_TIMED) return 1;
    return fault % FAULT_SAMPLE === 0 ? FAULT_SAMPLE : 0;
  }

  #countFault(page: number): void {
    const cell = page >>> PAGES_PER_CELL_SHIFT;
    if (cell < this.heat.length) this.heat[cell] = (this.heat[cell] as number) + 1;
    if (this.#pmap.residentPages > this.peakResident) this.peakResident = this.#pmap.residentPages;
  }

  /** From now on pages are brought into the frames that `placement` wishes, where those can be had. */
  place(placement: PagePlacement): void {
    this.#placement = placement;
  }

  /**
   * Brings `page` in for writing, as a store of the program would, into `frame` if it is not in memory, and locks it. Returns whether it is locked in that
   * frame now; if not, nothing is locked. Does nothing if that cannot be: the page may not be written, or frame or page are otherwise in use.
   */
  lockPage(page: number, frame: Pfn): boolean {
    const { machine, system, space } = this;
    const address = addressOf(page);
    const now = machine.pmaps.extract(this.#pmap, page);
    const isThere = now === frame;
    if (!(isThere || (now === -1 && machine.frames.isSpared(frame))) || !system.allows(space, address, PAGE_SIZE, PROT_READ | PROT_WRITE))
      return false;
    this.reserveStack();
    const start = this.#now();
    if (!this.#writes(page)) machine.events.emit(EventType.fault, this.#pmap.id, page, 1, isThere ? 1 : 0);
    machine.frames.placeNext(frame);
    const error = system.lock(space, address, PAGE_SIZE);
    machine.frames.placeNext(0);
    this.#countFault(page);
    this.#faultMs += this.#now() - start;
    if (error !== 0) return false;
    if (machine.pmaps.extract(this.#pmap, page) === frame && this.#writes(page)) return true;
    system.unlock(space, address, PAGE_SIZE);
    return false;
  }

  /** Tells whether a store to `page` needs no fault, and fills the TLB for it. */
  #writes(page: number): boolean {
    return this.#pmap.tlb.writes(page) || this.machine.pmaps.refill(this.#pmap, page, 1) >= 0;
  }

  /** Returns the physical address of the byte at `address`, faulting its page in. Valid until the next fault but `HELD` others. */
  translate(address: number, access: 0 | 1): number {
    const page = pageOf(address);
    if (!this.#isValid(page, access)) this.trap(address, 1, access);
    const tlb = this.#pmap.tlb;
    const frame = access === 1 ? tlb.writeFrame(page) : tlb.readFrame(page);
    return frame * PAGE_SIZE + (address & PAGE_MASK);
  }

  /** Tells whether [address, address + length) lies in areas that allow the access. */
  accessible(address: number, length: number, access: 'read' | 'write'): boolean {
    if (length === 0) return true;
    return this.system.allows(this.space, address, length, access === 'write' ? PROT_WRITE : PROT_READ);
  }

  /** Copies guest bytes to the host, page run by page run. The range must be accessible. */
  copyIn(address: number, into: Uint8Array): void {
    for (let done = 0; done < into.length; ) {
      const run = Math.min(into.length - done, PAGE_SIZE - ((address + done) & PAGE_MASK));
      const physical = this.translate(address + done, 0);
      into.set(this.#bytes.subarray(physical, physical + run), done);
      done += run;
    }
  }

  /** Copies host bytes to the guest, page run by page run. The range must be accessible. */
  copyOut(address: number, from: Uint8Array): void {
    for (let done = 0; done < from.length; ) {
      const run = Math.min(from.length - done, PAGE_SIZE - ((address + done) & PAGE_MASK));
      const physical = this.translate(address + done, 1);
      this.#bytes.set(from.subarray(done, done + run), physical);
      done += run;
    }
  }

  /** memory.fill: every byte of the range becomes `value`. Throws `GuestFault` before any change if a part is not accessible. */
  fill(address: number, value: number, length: number): void {
    this.require(address, length, 'write');
    memset(this, address, value, length);
  }

  /** memory.copy: as if through a buffer. Throws `GuestFault` before any change if a part is not accessible. */
  move(destination: number, source: number, length: number): void {
    this.require(source, length, 'read');
    this.require(destination, length, 'write');
    memmove(this, destination, source, length);
  }

  /** Throws `GuestFault` unless the whole range allows the access. An empty range must begin in memory or at its end. */
  require(address: number, length: number, access: 'read' | 'write'): void {
    const inSpace = address + length <= ADDRESSES_32_BIT;
    const emptyAtEnd = length === 0 && address <= this.space.breakEnd;
    if (emptyAtEnd || (inSpace && this.accessible(address, Math.max(1, length), access))) return;
    const isMapped = inSpace && this.system.allows(this.space, address, Math.max(1, length), PROT_NONE);
    throw new GuestFault(isMapped ? FaultOutcome.protection : FaultOutcome.unmapped, address, length, access);
  }
}
