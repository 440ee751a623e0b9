// The swap devices of a run that had more than one, as a table in the order in which they are filled.

import { PAGE_SIZE } from '../base/index.ts';
import type { TextTable } from './columns.ts';
import { formatBytes, formatCount } from './quantities.ts';
import type { SwapDeviceCounts } from './run-report.ts';
import type { TextStyle } from './text-style.ts';
import { type Column, numberColumn, textColumn, totalsCells, totalsTable } from './totals-table.ts';

const columns: readonly Column<SwapDeviceCounts>[] = [
  { title: 'priority', align: 'right', cell: ({ priority }) => String(priority), total: () => 'in all' },
  numberColumn('size', (device) => device.totalPages * PAGE_SIZE, formatBytes),
  numberColumn('used', (device) => device.usedPages, formatCount),
  numberColumn('bad', (device) => device.badPages, formatCount),
  numberColumn('operations', (device) => device.readOperations + device.writeOperations, formatCount),
  numberColumn('written', (device) => device.bytesWritten, formatBytes),
  numberColumn('read', (device) => device.bytesRead, formatBytes),
  textColumn('name', (device) => device.name, ''),
];

/** Returns the lines of the table: slots used and bad, transfers, and bytes moved by each device. */
export function swapDeviceLines(devices: readonly SwapDeviceCounts[], style: TextStyle): string[] {
  return totalsTable('Swap devices', columns, devices, style);
}

/** Returns the table as cells, for a page. */
export function swapDeviceTable(devices: readonly SwapDeviceCounts[]): TextTable {
  return totalsCells(columns, devices);
}
