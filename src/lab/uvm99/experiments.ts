// The experiments of the UVM paper, by the names under which the command line and the results know them.

import type { ComparisonTable } from '../comparison.ts';
import { allocateAnonymousMemory } from './anonymous-memory.ts';
import { cachedFiles } from './cached-files.ts';
import { moveData } from './data-movement.ts';
import { forkAndWait } from './fork-wait.ts';
import type { Laboratory } from './laboratory.ts';
import { countMapEntries } from './map-entries.ts';
import { mapFaultUnmapCycles } from './map-fault-unmap.ts';
import { programFaults } from './program-faults.ts';
import { leakedPages } from './swap-leak.ts';

/** One table or figure of the paper, made again. */
export interface Experiment {
  readonly id: string;
  readonly run: (laboratory: Laboratory) => ComparisonTable;
}

/** All experiments, in the order of the paper's numbers. */
export const uvm99Experiments: readonly Experiment[] = [
  { id: 'table1', run: countMapEntries },
  { id: 'table2', run: programFaults },
  { id: 'table3', run: mapFaultUnmapCycles },
  { id: 'figure2', run: cachedFiles },
  { id: 'figure3', run: leakedPages },
  { id: 'figure5', run: allocateAnonymousMemory },
  { id: 'figure6', run: forkAndWait },
  { id: 'movement', run: moveData },
];
