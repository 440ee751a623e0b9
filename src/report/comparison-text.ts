// A comparison with a publication as text:
//
//     Table 3: map a page, fault, unmap it
//       what is done, and how the numbers came about
//                              paper                    Quire
//       µs                 BSD    UVM   ratio       BSD    UVM   ratio   counters, BSD / UVM, where they fit
//       read/shared file    24     21   0.875      1.40   1.21   0.864
//       Holds: one line
//
// Counters that do not fit beside the numbers come below them, under the same labels.

import type { ComparisonRow, ComparisonTable, Sides } from '../lab/index.ts';
import { formatCount } from './quantities.ts';
import type { ReportTextOptions } from './run-report-text.ts';
import { type TextStyle, type Tone, textStyle, wrap } from './text-style.ts';

const INDENT = '  ';
const GAP = '  ';
const BLOCK_GAP = '    ';
const NONE = '-';
const UNVERIFIED = '?';

type Columns = readonly string[];

/** Returns the comparison as lines of text, each ended by a newline. */
export function formatComparison(table: ComparisonTable, { width, color }: ReportTextOptions): string {
  const style = textStyle(color);
  const lines = [
    style.paint('title', table.title),
    ...sentences(aboutLine(table), 'plain', width, style),
    '',
    ...numberLines(table, width, style),
    '',
    ...sentences(verdictLine(table), table.verdict.shape === 'holds' ? 'good' : 'bad', width, style),
    ...notesOf(table).flatMap((note) => sentences(note, 'quiet', width, style)),
  ];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

/** Returns what was done, the unit and how numbers came about, in sentences. */
export function aboutLine(table: ComparisonTable): string {
  return `${table.about} ${originSentence(table)}`;
}

/** Returns whether the published result is seen here, as a sentence. */
export function verdictLine({ verdict }: ComparisonTable): string {
  return `${capital(verdict.shape)}: ${verdict.text}`;
}

function originSentence({ origin, unit, ratioOf }: ComparisonTable): string {
  const how = { counted: 'counted', measured: 'measured here', modelled: 'in part modelled' }[origin];
  return `Unit: ${unit}, ${how}; ratio: ${ratioOf}.`;
}

/** Returns the notes below a table: its own, and what a mark means that is in it. */
export function notesOf({ notes, rows }: ComparisonTable): string[] {
  const doubtful = rows.some(({ verified, paper }) => !verified && paper.ratio !== null);
  return doubtful ? [...notes, `${UNVERIFIED} a published number that was not checked against its source.`] : [...notes];
}

function sentences(text: string, tone: Tone, width: number, style: TextStyle): string[] {
  return wrap(text, width - INDENT.length).map((line) => INDENT + style.paint(tone, line));
}

function numberLines({ rows, unit }: ComparisonTable, width: number, style: TextStyle): string[] {
  if (rows.length === 0) return [`${INDENT}nothing to measure`];
  const labels = alignLeft([unit, ...rows.map(({ label }) => label)]);
  const paper = block('paper', rows.map(paperCells));
  const quire = block(
    'Quire',
    rows.map(({ quire: sides }) => sideCells(sides)),
  );
  const counters = counterBlock(rows);
  const main = joinLines([['', ...labels], paper, quire]);
  const wide = counters === undefined ? main : joinLines([['', ...labels], paper, quire, counters]);
  const painted = (lines: Columns): string[] => lines.map((line, i) => INDENT + style.paint(i < 2 ? 'quiet' : 'plain', line));
  if (counters === undefined || Math.max(...wide.map((line) => line.length)) + INDENT.length <= width) return painted(wide);
  return [...painted(main), '', ...painted(joinLines([['', ...labels], counters]))];
}

/** Three columns under one heading: two lines of head, then a line per row. */
function block(title: string, cells: readonly Columns[]): string[] {
  const lines = table([['BSD', 'UVM', 'ratio'], ...cells]);
  return [title.padStart(Math.floor((lines[0]?.length ?? 0) / 2) + Math.ceil(title.length / 2)), ...lines];
}

function paperCells({ paper, verified }: ComparisonRow): Columns {
  return [formatNumber(paper.bsd), formatNumber(paper.uvm), ratioText(paper.ratio, verified ? 'verified' : 'doubtful')];
}

/** Returns a ratio, marked if it is doubtful. */
export function ratioText(ratio: number | null, source: 'verified' | 'doubtful'): string {
  if (ratio === null) return NONE;
  return `${source === 'doubtful' ? UNVERIFIED : ''}${ratio.toFixed(3)}`;
}

function sideCells({ bsd, uvm, ratio }: Sides): Columns {
  return [formatNumber(bsd), formatNumber(uvm), ratioText(ratio, 'verified')];
}

function counterBlock(rows: readonly ComparisonRow[]): string[] | undefined {
  const names = [...new Set(rows.flatMap(({ counters }) => Object.keys(counters ?? {})))];
  if (names.length === 0) return undefined;
  const cells = rows.map(({ counters }) =>
    names.map((name) => {
      const { bsd = null, uvm = null } = counters?.[name] ?? {};
      return `${formatNumber(bsd)} / ${formatNumber(uvm)}`;
    }),
  );
  return ['counters: BSD / UVM', ...table([names, ...cells])];
}

/** Returns counts as they are, measurements with three digits, and a dash for what there is not. */
export function formatNumber(value: number | null): string {
  if (value === null) return NONE;
  if (Number.isInteger(value)) return formatCount(value);
  if (value >= 100) return formatCount(Math.round(value));
  return value.toFixed(value >= 10 ? 1 : value >= 1 ? 2 : 4);
}

/** Right-aligned columns. */
function table(rows: readonly Columns[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join(GAP));
}

function alignLeft(cells: Columns): string[] {
  const longest = Math.max(...cells.map(({ length }) => length));
  return cells.map((cell) => cell.padEnd(longest));
}

/** Puts blocks of lines side by side. */
function joinLines(blocks: readonly Columns[]): string[] {
  const widths = blocks.map((lines) => Math.max(...lines.map(({ length }) => length)));
  const height = Math.max(...blocks.map(({ length }) => length));
  return Array.from({ length: height }, (_, i) =>
    blocks
      .map((lines, j) => (lines[i] ?? '').padEnd(widths[j] ?? 0))
      .join(BLOCK_GAP)
      .trimEnd(),
  );
}
