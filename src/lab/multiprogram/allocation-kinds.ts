// All allocation designs.

import type { AllocationKind } from './allocation.ts';
import { balanceAllocation } from './balance-allocation.ts';
import { globalAllocations } from './global-allocation.ts';
import { localAllocations } from './local-allocation.ts';
import { pageFaultFrequency } from './page-fault-frequency.ts';
import { workingSetAllocation } from './working-set-allocation.ts';
import { wsclockAllocation } from './wsclock-allocation.ts';

/** The designs, each name once. */
export const allocationKinds: readonly AllocationKind[] = [
  ...globalAllocations,
  ...localAllocations,
  workingSetAllocation,
  wsclockAllocation,
  pageFaultFrequency,
  balanceAllocation,
];
