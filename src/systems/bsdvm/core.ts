// What every part of the BSD VM stands on: the machine's floors, the policy, the counters. Built once by `BsdVm`, passed to each part.

import type { Machine, MemoryStatistics, PageQueue, SwapReadAhead, SwapSpace } from '../../system/index.ts';
import type { ShadowCounters } from './counters.ts';
import type { ObjectTable } from './object-table.ts';
import type { BsdMap } from './vm-map.ts';

/** The parts of one BSD VM, each of which may call the others. */
export interface BsdCore {
  readonly machine: Machine;
  readonly statistics: MemoryStatistics;
  readonly counters: ShadowCounters;
  readonly queue: PageQueue;
  readonly swap: SwapSpace;
  readonly objects: ObjectTable;
  readonly swapReadAhead: SwapReadAhead;
  /** All living spaces. */
  readonly maps: Set<BsdMap>;
}
