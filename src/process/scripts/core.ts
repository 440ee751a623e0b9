// What the parts of the kernel share: one record, as the parts of the memory manager have theirs.

import type { Random } from '../../base/index.ts';
import type { Tlb } from '../../machine/index.ts';
import type { KernelLoan, Machine, MemorySystem } from '../../system/index.ts';
import type { Process } from '../process.ts';
import type { StackReserve } from '../stack-reserve.ts';
import type { NamedObjects } from './named-objects.ts';
import type { KernelObserver } from './observer.ts';
import type { OpenLoan, ScriptProcess, Thread } from './process-table.ts';
import type { PageRequest, PagerWorld } from './user-pager.ts';

/** A kernel's state. */
export interface ScriptCore extends PagerWorld {
  readonly machine: Machine;
  readonly system: MemorySystem;
  readonly objects: NamedObjects;
  /** Processes by pid, zombies included; init is pid 1. */
  readonly processes: Map<number, ScriptProcess>;
  /** Threads in the order in which they take turns. */
  readonly threads: Thread[];
  readonly random: Random;
  readonly reserveStack: StackReserve;
  /** Bytes of a space: addresses [0, spaceBytes). */
  readonly spaceBytes: number;
  /** TLBs of spaces that have ended. */
  readonly freeTlbs: Tlb[];
  readonly raised: PageRequest[];
  readonly loans: Map<number, OpenLoan>;
  readonly kernelLoans: Map<number, { readonly owner: ScriptProcess; readonly loan: KernelLoan }>;
  observer: KernelObserver | undefined;
  /** The thread whose request is being carried out. */
  current: Thread;
  steps: number;
  /** Ticks since boot. */
  now: number;
  nextPid: number;
  nextThread: number;
  nextLoan: number;
}

/** The calling process's memory. */
export function callerMemory(core: ScriptCore): Process {
  const { memory } = core.current.process;
  if (memory === undefined) throw new Error('a zombie made a call');
  return memory.process;
}

/** Gets a block of the kernel's heap, having memory reclaimed once if there is none. 0 when out of memory. */
export function kernelBlock(core: ScriptCore, allocate: () => number): number {
  return allocate() || (core.system.reclaim(1) > 0 ? allocate() : 0);
}
