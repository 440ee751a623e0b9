// The address map as text, in the form of Linux's /proc/PID/maps: range, rights, offset, name; and in between what smaps would tell,
// in pages: how many of the area are resident, dirty, swapped.

import { PAGE_SIZE } from '../base/index.ts';
import { formatAddress, formatBytes, formatCount } from './quantities.ts';
import type { MapArea } from './run-report.ts';
import type { TextStyle } from './text-style.ts';

interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  readonly cell: (area: MapArea) => string;
  readonly total: (map: readonly MapArea[]) => string;
}

const allColumns: readonly Column[] = [
  textColumn('range', (area) => `${formatAddress(area.start)}-${formatAddress(area.end)}`, 'in all'),
  textColumn('', (area) => area.protection, ''),
  numberColumn('size', (area) => area.end - area.start, formatBytes),
  numberColumn('pages', (area) => (area.end - area.start) / PAGE_SIZE, formatCount),
  numberColumn('resident', (area) => area.residentPages, formatCount),
  numberColumn('dirty', (area) => area.dirtyPages, formatCount),
  numberColumn('swapped', (area) => area.swappedPages, formatCount),
  textColumn('name', nameOf, ''),
];

// The number of pages follows from the size, so it is the first to go where room is short.
const NARROW = 100;

/** Returns the lines of the map, with a title, a header and a line of totals. */
export function mapLines(map: readonly MapArea[], width: number, style: TextStyle): string[] {
  const title = style.paint('title', '  Address map');
  if (map.length === 0) return [`${title}  empty`];
  const columns = allColumns.filter((column) => width >= NARROW || column.title !== 'pages');
  const table = columns.map((column) => columnCells(column, map));
  const lines = ['', ...map, ''].map((_, index) => `    ${table.map((cells) => cells[index]).join('  ')}`.trimEnd());
  return [title, style.paint('quiet', lines[0] ?? ''), ...lines.slice(1, -1), style.paint('quiet', lines.at(-1) ?? '')];
}

// Header, one cell per area, total; all as wide as the widest.
function columnCells({ title, align, cell, total }: Column, map: readonly MapArea[]): string[] {
  const cells = [title, ...map.map(cell), total(map)];
  const width = Math.max(...cells.map((text) => text.length));
  return cells.map((text) => (align === 'right' ? text.padStart(width) : text.padEnd(width)));
}

// The offset says where in a file the area begins. Areas that are no file's have their names in brackets.
function nameOf({ name, offset }: MapArea): string {
  return offset === 0 || name.startsWith('[') ? name : `${name} +${formatBytes(offset)}`.trimStart();
}

function textColumn(title: string, cell: (area: MapArea) => string, total: string): Column {
  return { title, align: 'left', cell, total: () => total };
}

function numberColumn(title: string, of: (area: MapArea) => number, format: (value: number) => string): Column {
  const total = (map: readonly MapArea[]): string => format(map.reduce((sum, area) => sum + of(area), 0));
  return { title, align: 'right', cell: (area) => format(of(area)), total };
}
