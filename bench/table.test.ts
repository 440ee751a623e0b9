import { describe, expect, it } from 'vitest';
import { markdownTable, textTable } from './table.ts';

const table = {
  title: 'Fruit',
  about: 'What the market had.',
  headings: ['fruit', 'kg', 'price'],
  rows: [
    ['apple', '12', '1.50'],
    ['fig', '3', '-'],
  ],
  notes: ['No pears.'],
};

describe('textTable', () => {
  it('aligns words left and numbers right', () => {
    expect(textTable(table)).toBe(
      [
        'Fruit',
        '  What the market had.',
        '',
        '  fruit  kg  price',
        '  -----  --  -----',
        '  apple  12   1.50',
        '  fig     3      -',
        '  No pears.',
        '',
      ].join('\n'),
    );
  });

  it('breaks prose at 100 columns and keeps every word', () => {
    const about = Array.from({ length: 60 }, (_, word) => `word${word}`).join(' ');
    const lines = textTable({ ...table, about }).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(lines.join(' ').replace(/\s+/g, ' ')).toContain(about);
  });
});

describe('markdownTable', () => {
  it('is a heading, a sentence, a table, the notes', () => {
    expect(markdownTable(table)).toBe(
      [
        '### Fruit',
        '',
        'What the market had.',
        '',
        '| fruit | kg | price |',
        '|---|--:|--:|',
        '| apple | 12 | 1.50 |',
        '| fig | 3 | - |',
        '',
        'No pears.',
        '',
      ].join('\n'),
    );
  });
});
