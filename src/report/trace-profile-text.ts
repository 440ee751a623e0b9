// What a trace is like, for people: a table for each part of its profile.

import type { Phase, TraceProfile } from '../lab/index.ts';
import { tableLines } from './columns.ts';
import { formatAddress, formatBytes, formatCount, formatCountOf, formatShare } from './quantities.ts';

/** What is known of a trace beside its profile. */
export interface ProfiledTrace {
  readonly name: string;
  readonly format: string;
  /** Whether its references were byte addresses, which pages were made of, or pages. */
  readonly unit: 'bytes' | 'pages';
  readonly pageBytes: number;
  /** What was left out or changed before, in words that follow "of it". */
  readonly changes: readonly string[];
  /** Returns the page number that a dense id stands for. */
  readonly pageNumber: (id: number) => number;
}

/** Phases listed; the others are counted. */
const PHASES_SHOWN = 20;
const BAR_WIDTH = 30;

/** Returns the text, with a line break at its end. @param width characters in a line, where a table can be broken to fit */
export function formatTraceProfile(trace: ProfiledTrace, profile: TraceProfile, width: number): string {
  const blocks = [
    headLines(trace, profile),
    ['pages referenced so far, after each tenth of the trace', ...footprintLines(trace, profile, width)],
    [
      'working set: mean pages in the last so many references, and faults if just those are kept',
      ...workingSetLines(trace, profile, width),
    ],
    ['reuse: distinct pages since the last reference to the same page, itself included', ...distanceLines(profile, width)],
    ['most referenced pages', ...hotLines(trace, profile, width)],
    phaseLines(profile, width),
  ];
  return `${blocks.map((block) => block.join('\n')).join('\n\n')}\n`;
}

function headLines({ name, format, pageBytes, changes }: ProfiledTrace, profile: TraceProfile): string[] {
  const { references, reads, writes, fetches, pages, writtenPages } = profile;
  const size = `${formatCountOf(pages, 'page')} of ${formatBytes(pageBytes)}, ${formatBytes(pages * pageBytes)}`;
  const kinds = [
    formatCountOf(reads, 'read'),
    formatCountOf(writes, 'write'),
    formatCountOf(fetches, 'instruction fetch', 'instruction fetches'),
  ];
  const written = writes === 0 ? 'none of them named as a write' : `${formatCountOf(writtenPages, 'page')} written`;
  const lines = [`${name} (${format}): ${formatCountOf(references, 'reference')} to ${size}`, `  ${kinds.join(', ')}; ${written}`];
  return changes.length > 0 ? [...lines, `  of it: ${changes.join('; ')}`] : lines;
}

function footprintLines(_trace: ProfiledTrace, { footprint, pages }: TraceProfile, width: number): string[] {
  const rows = footprint.map((seen, i) => [`${10 * (i + 1)} %`, formatCount(seen), formatShare(seen, pages), bar(seen, pages)]);
  return withBars(['after', 'pages', 'of all'], rows, width);
}

function workingSetLines({ pageBytes }: ProfiledTrace, { workingSet, references }: TraceProfile, width: number): string[] {
  const rows = workingSet.map(({ window, pages, faults }) => [
    formatCount(window),
    pages < 99.95 ? pages.toFixed(1) : formatCount(Math.round(pages)),
    formatBytes(Math.round(pages * pageBytes)),
    formatCount(faults),
    formatShare(faults, references),
  ]);
  return tableLines({ head: ['window', 'pages', 'memory', 'faults', 'of references'], rows, keys: 1, keysAre: 'numbers' }, width);
}

function distanceLines({ distances, references, pages }: TraceProfile, width: number): string[] {
  let sum = 0;
  const rows = distances.map(({ from, to, references: count }) => {
    sum += count;
    const range = from === to ? formatCount(from) : `${formatCount(from)}-${formatCount(to)}`;
    return [range, formatCount(count), formatShare(count, references), formatShare(sum, references), bar(count, references)];
  });
  const first = ['first', formatCount(pages), formatShare(pages, references), formatShare(references, references), bar(pages, references)];
  return withBars(['distance', 'references', 'share', 'up to here'], [...rows, first], width);
}

function hotLines(trace: ProfiledTrace, { hotPages, references }: TraceProfile, width: number): string[] {
  const rows = hotPages.map(({ id, references: count, writes }) => [
    pageText(trace, id),
    formatCount(count),
    formatShare(count, references),
    formatCount(writes),
  ]);
  const what = trace.unit === 'bytes' ? 'address' : 'page';
  return tableLines({ head: [what, 'references', 'of all', 'writes'], rows, keys: 1, keysAre: 'numbers' }, width);
}

function pageText({ unit, pageBytes, pageNumber }: ProfiledTrace, id: number): string {
  return unit === 'bytes' ? formatAddress(pageNumber(id) * pageBytes) : String(pageNumber(id));
}

function phaseLines({ phases, references }: TraceProfile, width: number): string[] {
  if (phases.length === 1) return ['one phase: the trace stays with its pages throughout'];
  const row = ({ start, references: length, pages }: Phase): string[] => [
    formatCount(start),
    formatCount(length),
    formatShare(length, references),
    formatCount(pages),
  ];
  const rows = phases.slice(0, PHASES_SHOWN).map(row);
  const rest = phases.length - rows.length;
  return [
    `${formatCount(phases.length)} phases: one ends where less than half of the references of a hundredth of the trace go to pages of the`,
    '  hundredth two before it, or of the one before where the phase has no more',
    ...tableLines({ head: ['first reference', 'references', 'of all', 'pages'], rows, keys: 1, keysAre: 'numbers' }, width),
    ...(rest > 0 ? [`  and ${formatCount(rest)} more`] : []),
  ];
}

/** A table whose last column, which has no name, are bars: those stand to the left. */
function withBars(head: readonly string[], rows: readonly (readonly string[])[], width: number): string[] {
  const padded = rows.map((row) => [...row.slice(0, -1), (row.at(-1) as string).padEnd(BAR_WIDTH)]);
  return tableLines({ head: [...head, ''], rows: padded, keys: 1, keysAre: 'numbers' }, width).map((line) => line.trimEnd());
}

function bar(part: number, whole: number): string {
  return '█'.repeat(Math.round((BAR_WIDTH * part) / whole));
}
