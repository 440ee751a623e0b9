// A small machine with a memory manager on it, for tests: every machine made here is walked by `checkMachines` after the test.
import { type FailurePlan, PAGE_SIZE } from '../../src/base/index.ts';
import { bitmapAllocator, type FrameAllocatorKind } from '../../src/frames/index.ts';
import type { KernelHeapKind } from '../../src/heap/index.ts';
import { type BlockDevice, i386, MemoryDevice, type PageTableFormat } from '../../src/machine/index.ts';
import { livePolicies, type PolicyKind } from '../../src/paging/index.ts';
import type { LargePages } from '../../src/pmap/index.ts';
import { Process } from '../../src/process/index.ts';
import type { RangeMapKind } from '../../src/ranges/index.ts';
import { Machine, type MemorySystem, type Space, type SpaceLayout } from '../../src/system/index.ts';
import { Uvm, type UvmTuning } from '../../src/uvm/index.ts';

export interface SmallMachineOptions {
  readonly frames?: number;
  readonly swapPages?: number;
  readonly swap?: BlockDevice;
  readonly policy?: PolicyKind;
  readonly allocator?: FrameAllocatorKind;
  readonly pageTable?: PageTableFormat;
  readonly rangeMap?: RangeMapKind;
  readonly kernelHeap?: KernelHeapKind;
  readonly largePages?: LargePages;
  readonly liveSpaces?: number;
  readonly seed?: number;
  readonly frameFailures?: FailurePlan;
  readonly heapFailures?: FailurePlan;
  readonly tuning?: UvmTuning;
}

export const layout: SpaceLayout = { low: 0, high: 0xffff_0000, breakStart: 0x100_0000, breakLimit: 0x4000_0000 };

/** A memory manager as tests see it: the contract, and how much of swap it uses. */
export interface TestedSystem<S extends Space = Space> extends MemorySystem<S> {
  readonly swapSlots: { readonly used: number; readonly total: number };
  /** Ends the objects that the manager keeps though nobody refers to them. */
  clearObjectCache?(): void;
}

/** Makes the manager under test over a machine. */
export type MakeSystem<S extends TestedSystem = TestedSystem> = (machine: Machine, policy: PolicyKind) => S;

const live: TestedSystem[] = [];

/** Checks every machine made since the last call, and forgets them. */
export function checkMachines(): void {
  for (const system of live.splice(0)) system.check();
}

/** A machine with UVM on it. */
export function smallMachine(options: SmallMachineOptions = {}) {
  return smallMachineOf((machine, policy) => new Uvm(machine, policy, options.tuning), options);
}

/** A machine with the manager that `make` makes on it. */
export function smallMachineOf<M extends TestedSystem>(make: MakeSystem<M>, options: SmallMachineOptions = {}) {
  const swapPages = options.swapPages ?? 512;
  const swap = options.swap ?? (swapPages > 0 ? new MemoryDevice(swapPages) : undefined);
  const machine = new Machine({
    ramBytes: (options.frames ?? 128) * PAGE_SIZE,
    frameAllocator: options.allocator ?? bitmapAllocator,
    pageTableFormat: options.pageTable ?? i386,
    liveSpaces: options.liveSpaces ?? 4,
    seed: options.seed ?? 1,
    ...(options.largePages !== undefined && { largePages: options.largePages }),
    ...(options.rangeMap !== undefined && { rangeMap: options.rangeMap }),
    ...(options.kernelHeap !== undefined && { kernelHeap: options.kernelHeap }),
    ...(swap !== undefined && { swap }),
    ...(options.frameFailures !== undefined && { frameFailures: options.frameFailures }),
    ...(options.heapFailures !== undefined && { heapFailures: options.heapFailures }),
  });
  const system = make(machine, options.policy ?? (livePolicies[0] as PolicyKind));
  live.push(system);
  let nextSpace = 0;
  const freeSlots: number[] = [];
  const newTlb = () => machine.liveTlb(freeSlots.pop() ?? nextSpace++);
  const newProcess = () => {
    const space = system.createSpace(layout, newTlb());
    if (typeof space === 'string') throw new Error(space);
    return new Process(machine, system, space, () => 0);
  };
  return { machine, system, newTlb, newProcess, swap };
}
