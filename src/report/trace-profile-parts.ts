// What a trace is like, for people: a table for each part of its profile.

import type { Phase, TraceProfile } from '../lab/index.ts';
import type { TextTable } from './columns.ts';
import { lineChartSvg } from './line-chart.ts';
import { formatAddress, formatBytes, formatCount, formatCountOf, formatShare } from './quantities.ts';
import { type HeadPart, pagePicture, type ReportPart } from './report-part.ts';
import { type PartialTrace, partialSentence } from './simulation-parts.ts';

/** What is known of a trace beside its profile. */
export interface ProfiledTrace {
  readonly name: string;
  readonly format: string;
  /** Whether its references were byte addresses, which pages were made of, or pages. */
  readonly unit: 'bytes' | 'pages';
  readonly pageBytes: number;
  /** What was left out or changed before, in words that follow "of it". */
  readonly changes: readonly string[];
  /** Where the file has a defect. */
  readonly partial?: PartialTrace;
  /** Returns the page number that a dense id stands for. */
  readonly pageNumber: (id: number) => number;
}

/** Phases listed; the others are counted. */
const PHASES_SHOWN = 20;
const BAR_WIDTH = 30;

/** Returns the report on one trace. */
export function traceProfileParts(trace: ProfiledTrace, profile: TraceProfile): ReportPart[] {
  const table = (caption: string, own: TextTable): ReportPart => ({ kind: 'table', caption: [caption], table: own });
  return [
    headPart(trace, profile),
    table('pages referenced so far, after each tenth of the trace', footprintTable(profile)),
    table('working set: mean pages in the last so many references, and faults if just those are kept', workingSetTable(trace, profile)),
    pagePicture(() => workingSetSvg(trace, profile)),
    table('reuse: distinct pages since the last reference to the same page, itself included', distanceTable(profile)),
    table('most referenced pages', hotTable(trace, profile)),
    phasePart(profile),
  ];
}

function workingSetSvg({ name, pageBytes }: ProfiledTrace, { workingSet }: TraceProfile): string {
  return lineChartSvg({
    title: `${name}: working set by window`,
    x: { label: 'references in the window', scale: 'log' },
    y: { label: `mean pages of ${formatBytes(pageBytes)}`, scale: 'log' },
    curves: [{ name: 'working set', points: workingSet.map(({ window, pages }) => [window, pages]), tone: 0, line: 'solid' }],
  });
}

function headPart({ name, format, pageBytes, changes, partial }: ProfiledTrace, profile: TraceProfile): HeadPart {
  const { references, reads, writes, fetches, pages, writtenPages } = profile;
  const size = `${formatCountOf(pages, 'page')} of ${formatBytes(pageBytes)}, ${formatBytes(pages * pageBytes)}`;
  const kinds = [
    formatCountOf(reads, 'read'),
    formatCountOf(writes, 'write'),
    formatCountOf(fetches, 'instruction fetch', 'instruction fetches'),
  ];
  const written = writes === 0 ? 'none of them named as a write' : `${formatCountOf(writtenPages, 'page')} written`;
  const lines = [`${formatCountOf(references, 'reference')} to ${size}`, `${kinds.join(', ')}; ${written}`];
  if (partial !== undefined) lines.push(partialSentence(partial));
  if (changes.length > 0) lines.push(`of it: ${changes.join('; ')}`);
  return { kind: 'head', name: `${name} (${format})`, lines };
}

function footprintTable({ footprint, pages }: TraceProfile): TextTable {
  const rows = footprint.map((seen, i) => [`${10 * (i + 1)} %`, formatCount(seen), formatShare(seen, pages), bar(seen, pages)]);
  return withBars(['after', 'pages', 'of all'], rows);
}

function workingSetTable({ pageBytes }: ProfiledTrace, { workingSet, references }: TraceProfile): TextTable {
  const rows = workingSet.map(({ window, pages, faults }) => [
    formatCount(window),
    pages < 99.95 ? pages.toFixed(1) : formatCount(Math.round(pages)),
    formatBytes(Math.round(pages * pageBytes)),
    formatCount(faults),
    formatShare(faults, references),
  ]);
  return { head: ['window', 'pages', 'memory', 'faults', 'of references'], rows, keys: 1, keysAre: 'numbers' };
}

function distanceTable({ distances, references, pages }: TraceProfile): TextTable {
  let sum = 0;
  const rows = distances.map(({ from, to, references: count }) => {
    sum += count;
    const range = from === to ? formatCount(from) : `${formatCount(from)}-${formatCount(to)}`;
    return [range, formatCount(count), formatShare(count, references), formatShare(sum, references), bar(count, references)];
  });
  const first = ['first', formatCount(pages), formatShare(pages, references), formatShare(references, references), bar(pages, references)];
  return withBars(['distance', 'references', 'share', 'up to here'], [...rows, first]);
}

function hotTable(trace: ProfiledTrace, { hotPages, references }: TraceProfile): TextTable {
  const rows = hotPages.map(({ id, references: count, writes }) => [
    pageText(trace, id),
    formatCount(count),
    formatShare(count, references),
    formatCount(writes),
  ]);
  const what = trace.unit === 'bytes' ? 'address' : 'page';
  return { head: [what, 'references', 'of all', 'writes'], rows, keys: 1, keysAre: 'numbers' };
}

function pageText({ unit, pageBytes, pageNumber }: ProfiledTrace, id: number): string {
  return unit === 'bytes' ? formatAddress(pageNumber(id) * pageBytes) : String(pageNumber(id));
}

function phasePart({ phases, references }: TraceProfile): ReportPart {
  if (phases.length === 1) return { kind: 'lines', lines: ['one phase: the trace stays with its pages throughout'] };
  const row = ({ start, references: length, pages }: Phase): string[] => [
    formatCount(start),
    formatCount(length),
    formatShare(length, references),
    formatCount(pages),
  ];
  const rows = phases.slice(0, PHASES_SHOWN).map(row);
  const rest = phases.length - rows.length;
  const caption = [
    `${formatCount(phases.length)} phases: one ends where less than half of the references of a hundredth of the trace go to pages of the`,
    '  hundredth two before it, or of the one before where the phase has no more',
  ];
  const table = { head: ['first reference', 'references', 'of all', 'pages'], rows, keys: 1, keysAre: 'numbers' } as const;
  return { kind: 'table', caption, table, below: rest > 0 ? [`  and ${formatCount(rest)} more`] : [] };
}

/** A table whose last column, which has no name, are bars: those stand to the left. */
function withBars(head: readonly string[], rows: readonly (readonly string[])[]): TextTable {
  const padded = rows.map((row) => [...row.slice(0, -1), (row.at(-1) as string).padEnd(BAR_WIDTH)]);
  return { head: [...head, ''], rows: padded, keys: 1, keysAre: 'numbers' };
}

function bar(part: number, whole: number): string {
  return '█'.repeat(Math.round((BAR_WIDTH * part) / whole));
}
