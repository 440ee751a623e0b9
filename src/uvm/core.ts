// What every part of UVM stands on: the machine's floors, the policy, the counters. Built once by `Uvm`, passed to each part.

import type { Machine, MemoryStatistics, PageQueue, SwapSpace } from '../system/index.ts';
import type { AnonTable } from './anon.ts';
import type { ObjectTable } from './object.ts';
import type { SwapBacked } from './swap-backed.ts';
import type { UvmTuning } from './tuning.ts';
import type { VmMap } from './vm-map.ts';

/** The parts of one UVM, each of which may call the others. */
export interface UvmCore {
  readonly machine: Machine;
  readonly statistics: MemoryStatistics;
  readonly queue: PageQueue;
  readonly swap: SwapSpace;
  readonly anons: AnonTable;
  readonly objects: ObjectTable;
  readonly swapped: SwapBacked;
  readonly tuning: UvmTuning;
  /** The living spaces. */
  readonly maps: Set<VmMap>;
}
