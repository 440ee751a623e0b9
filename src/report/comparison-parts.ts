// A comparison with a publication as parts of a page, and as rows of values. Text for a terminal has two lines of head and is made apart (comparison-text.ts).

import type { ComparisonRow, ComparisonTable } from '../lab/index.ts';
import { comparisonSvg } from './comparison-chart.ts';
import { aboutLine, formatNumber, notesOf, ratioText, verdictLine } from './comparison-text.ts';
import { pagePicture, type ReportPart } from './report-part.ts';

/** Returns the parts of one table or figure. */
export function comparisonParts(table: ComparisonTable): ReportPart[] {
  const { title, unit, rows } = table;
  const counters = [...new Set(rows.flatMap((row) => Object.keys(row.counters ?? {})))];
  const head = [unit, 'paper: BSD', 'UVM', 'ratio', 'Quire: BSD', 'UVM', 'ratio', ...counters.map((name) => `${name}: BSD / UVM`)];
  const figure = comparisonSvg(table);
  return [
    { kind: 'head', name: title, lines: [verdictLine(table), aboutLine(table)] },
    ...(figure === undefined ? [] : [pagePicture(() => figure)]),
    {
      kind: 'table',
      caption: [],
      table: { head, rows: rows.map((row) => cellsOf(row, counters)), keys: 1, keysAre: 'words' },
      below: notesOf(table),
    },
  ];
}

function cellsOf({ label, paper, quire, verified, counters = {} }: ComparisonRow, names: readonly string[]): string[] {
  return [
    label,
    formatNumber(paper.bsd),
    formatNumber(paper.uvm),
    ratioText(paper.ratio, verified ? 'verified' : 'doubtful'),
    formatNumber(quire.bsd),
    formatNumber(quire.uvm),
    ratioText(quire.ratio, 'verified'),
    ...names.map((name) => `${formatNumber(counters[name]?.bsd ?? null)} / ${formatNumber(counters[name]?.uvm ?? null)}`),
  ];
}

/** Returns tables as rows of cells, the head first: for comma-separated values. A number that there is not is an empty cell. */
export function comparisonRows(tables: readonly ComparisonTable[]): (string | number)[][] {
  const head = [
    'experiment',
    'label',
    'unit',
    'origin',
    'paper_bsd',
    'paper_uvm',
    'paper_ratio',
    'verified',
    'quire_bsd',
    'quire_uvm',
    'quire_ratio',
  ];
  const rows = tables.flatMap(({ id, unit, origin, rows: own }) =>
    own.map(({ label, paper, verified, quire }) => [
      id,
      label,
      unit,
      origin,
      ...[paper.bsd, paper.uvm, paper.ratio].map((value) => value ?? ''),
      String(verified),
      ...[quire.bsd, quire.uvm, quire.ratio].map((value) => value ?? ''),
    ]),
  );
  return [head, ...rows];
}
