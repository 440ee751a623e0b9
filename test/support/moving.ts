// Two processes whose pages move: what the tests of loans, transfer and map-entry passing begin with.
import { PAGE_SIZE } from '../../src/base/index.ts';
import type { Process } from '../../src/process/index.ts';
import { type KernelLoan, type MemoryObject, PROT_READ, PROT_WRITE } from '../../src/system/index.ts';
import type { VmMap } from '../../src/uvm/vm-map.ts';
import { type SmallMachineOptions, smallMachine } from './uvm-machine.ts';
import { countsOf, load, store } from './uvm-probe.ts';

export const RW = PROT_READ | PROT_WRITE;

/** Throws what a request refused, so that a test can go on with its result. */
export function must<T>(result: T | string): T {
  if (typeof result === 'string') throw new Error(result);
  return result;
}

/** As many pages as the page queue holds at once. */
const HELD_PAGES = 8;

/** Where each area goes: far apart, so that none merges with another. */
let nextAddress = 0;

/** A machine with processes `a` and `b`. */
export function movingScene(options: SmallMachineOptions = {}) {
  const small = smallMachine({ frames: 256, ...options });
  const { machine, system } = small;
  nextAddress = 0x4000_0000;
  const [a, b] = [small.newProcess(), small.newProcess()];
  const spaceOf = (process: Process) => process.space as VmMap;

  /** Maps an area; page i is filled with `first + i`, if given. Returns its address. */
  const area = (process: Process, pages: number, { first, object, sharing = 'private' }: AreaOptions = {}): number => {
    nextAddress += 0x10_0000;
    const place = { how: 'fixed', address: nextAddress } as const;
    const size = pages * PAGE_SIZE;
    const at = must(system.map(spaceOf(process), { size, protection: RW, sharing, place, ...(object !== undefined && { object }) }));
    for (let i = 0; first !== undefined && i < pages; i++) process.copyOut(at + i * PAGE_SIZE, new Uint8Array(PAGE_SIZE).fill(first + i));
    return at;
  };

  return {
    ...small,
    a,
    b,
    spaceOf,
    area,
    mover: system.mover,
    lend: (process: Process, at: number, size: number) => must(system.mover.lendToKernel(spaceOf(process), at, size)),
    /** First byte of each lent frame. */
    lentBytes: ({ frames }: KernelLoan) => frames.map((frame) => machine.ram.frame(frame)[0]),
    counts: () => countsOf(machine, system),
    load,
    store,
    /** Pages out all that can be: what faulted last is held, so other pages of `a` fault first. Returns the frames freed. */
    evict: () => {
      const filler = area(a, HELD_PAGES, { first: 0 });
      const freed = system.reclaim(machine.frames.managed);
      must(system.unmap(spaceOf(a), filler, HELD_PAGES * PAGE_SIZE));
      return freed;
    },
    end: (...processes: Process[]) => {
      for (const process of processes) system.destroySpace(spaceOf(process));
    },
    /** What is in use, of all kinds: to see that nothing leaked. */
    inUse: () => {
      machine.heap.reap();
      machine.pmaps.reapTables();
      return { free: machine.frames.freeCount, heap: machine.heap.bytesInUse(), slots: system.swapSlots.used };
    },
  };
}

/** What is special about an area. */
export interface AreaOptions {
  /** First byte value to fill with; without, nothing is touched. */
  readonly first?: number;
  readonly object?: MemoryObject;
  readonly sharing?: 'private' | 'shared';
}
