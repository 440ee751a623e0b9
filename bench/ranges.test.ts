// A smoke test: that everything works and reads what it wrote, not how fast it is.
import { expect, it } from 'vitest';
import { rangeMapNames } from '../src/systems/index.ts';
import type { Laboratory } from './laboratory.ts';
import { measureDesign } from './range-measurement.ts';
import { measureRanges, quickRangesSettings, rangesTables } from './ranges.ts';

it('measures every design at every number of areas', () => {
  const steps: string[] = [];
  const laboratory = { ranges: measureDesign } as Pick<Laboratory, 'ranges'> as Laboratory;
  const result = measureRanges(quickRangesSettings, laboratory, (step) => steps.push(step));
  const tables = rangesTables(result);
  expect(tables.map(({ title }) => title)).toEqual(['Range maps: 40 areas over 2,000 pages', 'Range maps: 400 areas over 2,000 pages']);
  for (const { rows, headings } of tables) {
    expect(rows.map(([design]) => design)).toEqual(rangeMapNames);
    for (const row of rows) expect(row).toHaveLength(headings.length);
  }
  for (const { lookupsPerSecond, insertsPerSecond, bestHolesPerSecond } of result.results) {
    expect(Math.min(lookupsPerSecond, insertsPerSecond, bestHolesPerSecond)).toBeGreaterThan(0);
  }
  expect(steps).toHaveLength(2 * rangeMapNames.length);
});
