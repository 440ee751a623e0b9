// A table with a line of totals under it, as the address map has: columns of one row type, each with its own cell, alignment and sum.

import type { TextTable } from './columns.ts';
import type { TextStyle } from './text-style.ts';

/** One column of a table of `T`. */
export interface Column<T> {
  readonly title: string;
  readonly align: 'left' | 'right';
  readonly cell: (row: T) => string;
  readonly total: (rows: readonly T[]) => string;
}

/** Returns a column of text, with `total` in the last line. */
export function textColumn<T>(title: string, cell: (row: T) => string, total: string): Column<T> {
  return { title, align: 'left', cell, total: () => total };
}

/** Returns a column of numbers, with their sum in the last line. */
export function numberColumn<T>(title: string, of: (row: T) => number, format: (value: number) => string): Column<T> {
  const total = (rows: readonly T[]): string => format(rows.reduce((sum, row) => sum + of(row), 0));
  return { title, align: 'right', cell: (row) => format(of(row)), total };
}

/** Returns the table with its totals as cells, for a page. Its first column says what a row is about. */
export function totalsCells<T>(columns: readonly Column<T>[], rows: readonly T[]): TextTable {
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)));
  const totals = columns.map(({ total }) => total(rows));
  return { head: columns.map(({ title }) => title), rows: [...cells, totals], keys: 1, keysAre: 'words' };
}

/** Returns the lines of a table under `title`. */
export function totalsTable<T>(title: string, columns: readonly Column<T>[], rows: readonly T[], style: TextStyle): string[] {
  const table = columns.map((column) => columnCells(column, rows));
  const lines = ['', ...rows, ''].map((_, index) => `    ${table.map((cells) => cells[index]).join('  ')}`.trimEnd());
  return [
    style.paint('title', `  ${title}`),
    style.paint('quiet', lines[0] ?? ''),
    ...lines.slice(1, -1),
    style.paint('quiet', lines.at(-1) ?? ''),
  ];
}

// Header, one cell per row, total; all as wide as the widest.
function columnCells<T>({ title, align, cell, total }: Column<T>, rows: readonly T[]): string[] {
  const cells = [title, ...rows.map(cell), total(rows)];
  const width = Math.max(...cells.map((text) => text.length));
  return cells.map((text) => (align === 'right' ? text.padStart(width) : text.padEnd(width)));
}
