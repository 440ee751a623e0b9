// The address map as text, in the form of Linux's /proc/PID/maps: range, rights, offset, name; and in between what smaps would tell,
// in pages: how many of the area are resident, dirty, swapped, and, where there are such, locked.

import { PAGE_SIZE } from '../base/index.ts';
import type { TextTable } from './columns.ts';
import { formatAddress, formatBytes, formatCount } from './quantities.ts';
import type { MapArea } from './run-report.ts';
import type { TextStyle } from './text-style.ts';
import { type Column, numberColumn, textColumn, totalsCells, totalsTable } from './totals-table.ts';

const allColumns: readonly Column<MapArea>[] = [
  textColumn('range', (area) => `${formatAddress(area.start)}-${formatAddress(area.end)}`, 'in all'),
  textColumn('', (area) => area.protection, ''),
  numberColumn('size', (area) => area.end - area.start, formatBytes),
  numberColumn('pages', (area) => (area.end - area.start) / PAGE_SIZE, formatCount),
  numberColumn('resident', (area) => area.residentPages, formatCount),
  numberColumn('dirty', (area) => area.dirtyPages, formatCount),
  numberColumn('swapped', (area) => area.swappedPages, formatCount),
  numberColumn('locked', lockedPages, formatCount),
  textColumn('name', nameOf, ''),
];

// The number of pages follows from the size, so it is the first to go where room is short.
const NARROW = 100;

/** Returns the lines of the map, with a title, a header and a line of totals. */
export function mapLines(map: readonly MapArea[], width: number, style: TextStyle): string[] {
  if (map.length === 0) return [`${style.paint('title', '  Address map')}  empty`];
  const columns = columnsFor(map).filter(({ title }) => width >= NARROW || title !== 'pages');
  return totalsTable('Address map', columns, map, style);
}

/** Returns the map as cells, for a page. */
export function mapTable(map: readonly MapArea[]): TextTable {
  return totalsCells(columnsFor(map), map);
}

function columnsFor(map: readonly MapArea[]): Column<MapArea>[] {
  const isLocked = map.some((area) => lockedPages(area) > 0);
  return allColumns.filter(({ title }) => isLocked || title !== 'locked');
}

function lockedPages({ lockedPages = 0 }: MapArea): number {
  return lockedPages;
}

// The offset says where in a file the area begins. Areas that are no file's have their names in brackets.
function nameOf({ name, offset }: MapArea): string {
  return offset === 0 || name.startsWith('[') ? name : `${name} +${formatBytes(offset)}`.trimStart();
}
