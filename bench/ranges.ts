// The ranges benchmark: what keeps the areas of an address space. The map of a browser, 567 areas over 642,410 pages, and one of 100,000
// areas over as many; every design in a process of its own, so that none finds types that another has seen.

import type { RangeSpeed } from '../src/lab/index.ts';
import { rangeHeadings, rangeRates } from '../src/report/index.ts';
import { rangeMapNames } from '../src/systems/index.ts';
import type { Laboratory } from './laboratory.ts';
import type { Table } from './table.ts';

/** How much to do. */
export interface RangesSettings {
  readonly areas: readonly number[];
  readonly pages: number;
  /** Of processor, for each operation. */
  readonly milliseconds: number;
}

/** The full benchmark: a minute. */
export const rangesSettings: RangesSettings = { areas: [567, 100_000], pages: 642_410, milliseconds: 400 };
/** Enough to see that everything works. */
export const quickRangesSettings: RangesSettings = { areas: [40, 400], pages: 2000, milliseconds: 2 };

/** What was measured. */
export interface RangesResult {
  readonly settings: RangesSettings;
  readonly results: readonly RangeSpeed[];
}

/** Measures everything; `tell` gets a word before each step. */
export function measureRanges(settings: RangesSettings, laboratory: Laboratory, tell: (step: string) => void): RangesResult {
  const { pages, milliseconds } = settings;
  const results = settings.areas.flatMap((areas) =>
    rangeMapNames.map((design) => {
      tell(`${areas} areas, ${design}`);
      return laboratory.ranges({ design, areas, pages, milliseconds });
    }),
  );
  return { settings, results };
}

/** The tables that people read. */
export function rangesTables({ settings, results }: RangesResult): Table[] {
  return settings.areas.map((areas) => ({
    title: `Range maps: ${areas.toLocaleString('en-US')} areas over ${settings.pages.toLocaleString('en-US')} pages`,
    about: 'Millions of operations per second of processor. More is better.',
    headings: ['design', ...rangeHeadings.map((heading) => `${heading} M/s`)],
    rows: results.filter((each) => each.areas === areas).map((speed) => [speed.design, ...rangeRates(speed)]),
    notes: [],
  }));
}
