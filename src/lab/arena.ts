// Where an experiment happens: a machine, a memory manager, and spaces whose pages are touched one by one, as the trap would. Spaces are
// small (128 MiB), so that their TLBs are, and belong to no program.

import { type Errno, type FailurePlan, MIB, PAGE_SIZE, pageOf, type VirtAddr } from '../base/index.ts';
import type { KernelHeapKind } from '../heap/index.ts';
import { type BlockDevice, Tlb } from '../machine/index.ts';
import {
  FaultOutcome,
  type Machine,
  type MapRequest,
  type MemorySystem,
  PROT_READ,
  PROT_WRITE,
  type Space,
  type SpaceLayout,
} from '../system/index.ts';
import { buildMachine, frameAllocatorNames, policyNames } from '../systems/index.ts';

/** Bytes of a space, and its pages. */
const SPACE_BYTES = 128 * MIB;
const SPACE_PAGES = SPACE_BYTES / PAGE_SIZE;
/** Bytes of a TLB word; there are two tables of them. */
const WORD_BYTES = 4;
/** Programs, their data and their heap lie below; the rest is for mappings without a place. */
const layout: SpaceLayout = { low: 0, high: SPACE_BYTES, breakStart: 8 * MIB, breakLimit: 16 * MIB };

/** What an arena is built from. */
export interface ArenaOptions {
  /** Name of the memory manager, as in `systemNames`. */
  readonly system: string;
  readonly ramBytes: number;
  readonly swap?: BlockDevice;
  /** Where the kernel keeps its own records; default: the machine's. */
  readonly kernelHeap?: KernelHeapKind;
  /** Injected failures of frame allocation. */
  readonly frameFailures?: FailurePlan;
}

/** A machine with one memory manager on it, as they were in 1999: what comes from swap comes page by page. */
export class Arena {
  readonly machine: Machine;
  readonly system: MemorySystem;
  readonly #idleTlbs: Tlb[] = [];

  constructor({ system, ...options }: ArenaOptions) {
    const names = { frames: frameAllocatorNames[0] as string, policy: policyNames[0] as string, system };
    const { machine, system: manager } = buildMachine({ ...options, ...names, swapReadAhead: 'off', liveSpaces: 0, seed: 1 });
    this.machine = machine;
    this.system = manager;
  }

  /** Makes an empty space. */
  createSpace(): Space {
    return must(this.system.createSpace(layout, this.#takeTlb()));
  }

  /** Forks a space. */
  fork(space: Space): Space {
    return must(this.system.fork(space, this.#takeTlb()));
  }

  /** Ends a space. */
  destroySpace(space: Space): void {
    const { tlb } = space.pmap;
    this.system.destroySpace(space);
    this.#idleTlbs.push(tlb);
  }

  #takeTlb(): Tlb {
    const tableBytes = SPACE_PAGES * WORD_BYTES;
    return this.#idleTlbs.pop() ?? new Tlb(new ArrayBuffer(2 * tableBytes), 0, tableBytes, SPACE_PAGES);
  }

  /** Maps private memory that may be read and written, unless `request` says otherwise. Returns its first address. */
  map(space: Space, request: Partial<MapRequest> & { readonly size: number }): VirtAddr {
    return must(this.system.map(space, { protection: PROT_READ | PROT_WRITE, sharing: 'private', ...request }));
  }

  /** Unmaps a range. */
  unmap(space: Space, start: number, size: number): void {
    must(this.system.unmap(space, start, size));
  }

  /** Loads or stores at `address`, as far as memory management is concerned: page-table walk, and page fault if need be. */
  touch(space: Space, address: number, access: 'read' | 'write'): void {
    const page = pageOf(address);
    const asked = access === 'write' ? 1 : 0;
    if (this.machine.pmaps.refill(space.pmap, page, asked) >= 0) return;
    const outcome = this.system.fault(space, page, asked);
    if (outcome !== FaultOutcome.resolved) throw new Error(`${access} at page ${page} ended with outcome ${outcome}`);
  }

  /** Touches each page of [start, start + size) once, in order. */
  touchAll(space: Space, start: number, size: number, access: 'read' | 'write'): void {
    for (let address = start; address < start + size; address += PAGE_SIZE) this.touch(space, address, access);
  }

  /** Returns the bytes of the page at `address`, which was touched just now. */
  pageBytes(space: Space, address: number): Uint8Array {
    const frame = this.machine.pmaps.extract(space.pmap, pageOf(address));
    if (frame === -1) throw new Error(`page ${pageOf(address)} is not mapped`);
    return this.machine.ram.frame(frame);
  }

  /** Walks everything; panics at the first broken invariant. */
  check(): void {
    this.system.check();
  }
}

/** Returns the result of a request that an experiment's own set-up makes certain. */
export function must<T>(result: T | Errno): T {
  if (typeof result === 'string') throw new Error(`the memory manager refused what the experiment is built on: ${result}`);
  return result;
}
