// Range maps side by side: one table for each number of areas.

import type { RangeSpeed } from '../lab/index.ts';
import { formatCountOf } from './quantities.ts';
import type { ReportPart } from './report-part.ts';

type Rate = Exclude<keyof RangeSpeed, 'design' | 'areas' | 'pages'>;

const columns: readonly (readonly [key: Rate, title: string])[] = [
  ['lookupsPerSecond', 'lookups'],
  ['localLookupsPerSecond', 'local'],
  ['insertsPerSecond', 'inserts'],
  ['removesPerSecond', 'removes'],
  ['holesPerSecond', 'holes'],
  ['bestHolesPerSecond', 'best fit'],
];

/** Headings of the operations, in the order of `rangeRates`. */
export const rangeHeadings: readonly string[] = columns.map(([, title]) => title);

/** Returns the operations of one design in millions per second. */
export function rangeRates(speed: RangeSpeed): string[] {
  return columns.map(([key]) => millions(speed[key]));
}

/** Returns the report. */
export function rangesParts(results: readonly RangeSpeed[]): ReportPart[] {
  const groups = [...new Set(results.map(({ areas }) => areas))].map((areas) => results.filter((each) => each.areas === areas));
  return groups.map((group) => {
    const { areas, pages } = group[0] as RangeSpeed;
    return {
      kind: 'table',
      caption: [`${formatCountOf(areas, 'area')} over ${formatCountOf(pages, 'page')}: millions of operations per second`],
      table: {
        head: ['design', ...rangeHeadings],
        rows: group.map((speed) => [speed.design, ...rangeRates(speed)]),
        keys: 1,
        keysAre: 'words',
      },
    };
  });
}

/** Returns the rows of a CSV file, the headings first. */
export function rangesRows(results: readonly RangeSpeed[]): (string | number)[][] {
  const keys = ['design', 'areas', 'pages', ...columns.map(([key]) => key)] as (keyof RangeSpeed)[];
  return [keys, ...results.map((speed) => keys.map((key) => speed[key]))];
}

function millions(perSecond: number): string {
  const value = perSecond / 1e6;
  return value.toFixed(value >= 10 ? 1 : value >= 0.1 ? 2 : 4);
}
