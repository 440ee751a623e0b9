import { expect, test } from 'vitest';
import { tableLines } from './columns.ts';

const table = {
  head: ['frames', 'fifo', 'lru'],
  rows: [
    ['1', '12', '1,234'],
    ['1,000', '3', '4'],
  ],
  keys: 1,
  keysAre: 'numbers' as const,
};

test('columns are as wide as their widest cell, and cells stand to the right', () => {
  expect(tableLines(table, 80)).toEqual(['  frames  fifo    lru', '       1    12  1,234', '   1,000     3      4']);
});

test('words stand to the left', () => {
  expect(tableLines({ ...table, keysAre: 'words' }, 80)).toEqual([
    '  frames  fifo    lru',
    '  1         12  1,234',
    '  1,000      3      4',
  ]);
});

test('a table that is too wide goes on below, with its keys again', () => {
  expect(tableLines(table, 20)).toEqual([
    '  frames  fifo',
    '       1    12',
    '   1,000     3',
    '',
    '  frames    lru',
    '       1  1,234',
    '   1,000      4',
  ]);
  expect(tableLines(table, 21).length).toBe(3);
});
