// The TLBs that a run's references went through, as a table.

import { type TextTable, tableLines } from './columns.ts';
import { formatCount, formatCountOf, formatShare } from './quantities.ts';
import type { LiveTlbResult } from './run-report.ts';
import type { TextStyle } from './text-style.ts';

/** Returns the table as cells: what each TLB caught, what had to walk, and what the kernel made it drop. */
export function liveTlbTable(tlbs: readonly LiveTlbResult[]): TextTable {
  const hasSecond = tlbs.some(({ secondHits }) => secondHits > 0);
  const hasLarge = tlbs.some(({ largeMisses }) => largeMisses > 0);
  const columns: [title: string, cell: (result: LiveTlbResult) => string, isShown?: boolean][] = [
    ['TLB', ({ tlb }) => tlb],
    ['hits', ({ firstHits }) => formatCount(firstHits)],
    ['second', ({ secondHits }) => formatCount(secondHits), hasSecond],
    ['misses', ({ misses }) => formatCount(misses)],
    ['of all', ({ misses, references }) => shareOf(misses, references)],
    ['large', ({ largeMisses }) => formatCount(largeMisses), hasLarge],
    ['loads', ({ walkLoads }) => formatCount(walkLoads ?? 0), tlbs.every(({ walkLoads }) => walkLoads !== undefined)],
    ['dropped', ({ dropped }) => formatCount(dropped)],
  ];
  const shown = columns.filter(([, , isShown = true]) => isShown);
  return {
    head: shown.map(([title]) => title),
    rows: tlbs.map((result) => shown.map(([, cell]) => cell(result))),
    keys: 1,
    keysAre: 'words',
  };
}

/** Returns what the table is about. */
export function liveTlbTitle(tlbs: readonly LiveTlbResult[]): string {
  return `TLBs that ${formatCountOf(tlbs[0]?.references ?? 0, 'reference')} went through`;
}

/** Returns the lines of the table under its title. */
export function liveTlbLines(tlbs: readonly LiveTlbResult[], width: number, style: TextStyle): string[] {
  return [style.paint('title', `  ${liveTlbTitle(tlbs)}`), ...tableLines(liveTlbTable(tlbs), width - 2).map((line) => `  ${line}`)];
}

/** Two digits where misses are rare, which is where TLBs differ. */
function shareOf(part: number, whole: number): string {
  return part > 0 && part < whole / 1000 ? `${((100 * part) / whole).toPrecision(2)} %` : formatShare(part, whole);
}
