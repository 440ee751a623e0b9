// One range map on one number of areas, measured in this process.

import process from 'node:process';
import { areaWorkload, measureRangeMap, type RangeSpeed } from '../src/lab/index.ts';
import { findRangeMap } from '../src/systems/index.ts';

/** One design on one number of areas. */
export interface RangesRequest {
  readonly design: string;
  readonly areas: number;
  readonly pages: number;
  /** Of processor, for each operation. */
  readonly milliseconds: number;
}

const SEED = 1;

/** Measures one design. */
export function measureDesign({ design, areas, pages, milliseconds }: RangesRequest): RangeSpeed {
  return measureRangeMap(findRangeMap(design), areaWorkload({ areas, pages, seed: SEED }), { now: processorMilliseconds, milliseconds });
}

function processorMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
