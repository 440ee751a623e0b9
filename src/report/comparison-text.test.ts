import { describe, expect, it } from 'vitest';
import type { ComparisonTable } from '../lab/index.ts';
import { comparisonSvg } from './comparison-chart.ts';
import { formatComparison } from './comparison-text.ts';

const table: ComparisonTable = {
  id: 'table9',
  title: 'Table 9: things',
  about: 'Things are done.',
  unit: 'µs',
  origin: 'measured',
  ratioOf: 'UVM / BSD VM',
  rows: [
    {
      label: 'small',
      paper: { bsd: 40, uvm: 10, ratio: 0.25 },
      quire: { bsd: 0.5, uvm: 0.25, ratio: 0.5 },
      verified: true,
      counters: { writes: { bsd: 1200, uvm: 75 } },
    },
    { label: 'a larger one', paper: { bsd: null, uvm: null, ratio: 0.3 }, quire: { bsd: null, uvm: 123456, ratio: null }, verified: false },
  ],
  verdict: { shape: 'holds in part', text: 'so and so.' },
  notes: ['A note.'],
};
const text = (width: number, change: Partial<ComparisonTable> = {}) => formatComparison({ ...table, ...change }, { width, color: 'none' });
const lines = (width: number) => text(width).split('\n');

describe('a comparison as text', () => {
  it("says what was done, and gives both sides' numbers with their ratio", () => {
    expect(text(100)).toMatch(/^Table 9: things\n {2}Things are done. Unit: µs, measured here; ratio: UVM \/ BSD VM.\n/);
    expect(text(100)).toMatch(/small +40 +10 +0\.250 +0\.5000 +0\.2500 +0\.500 +1,200 \/ 75\n/);
    expect(text(100)).toContain('Holds in part: so and so.');
    expect(text(100)).toContain('A note.');
  });

  it('marks a published number that was not checked, and says what the mark means', () => {
    expect(text(100)).toMatch(/a larger one +- +- +\?0\.300 +- +123,456 +-/);
    expect(text(100)).toContain('? a published number that was not checked');
    expect(text(100, { rows: table.rows.slice(0, 1) })).not.toContain('?');
  });

  it('keeps columns under their headings', () => {
    const [heading, first] = [lines(100).find((line) => line.includes('µs  ')), lines(100).find((line) => line.includes('small'))] as [
      string,
      string,
    ];
    const end = (line: string, word: string) => line.indexOf(word) + word.length;
    expect(end(heading, 'ratio')).toBe(end(first, '0.250'));
    expect(heading.lastIndexOf('ratio') + 'ratio'.length).toBe(first.lastIndexOf('0.500') + '0.500'.length);
  });

  it('puts counters below the numbers where they do not fit beside them', () => {
    const narrow = lines(70);
    expect(Math.max(...narrow.map(({ length }) => length))).toBeLessThanOrEqual(70);
    expect(narrow.filter((line) => line.includes('small'))).toHaveLength(2);
  });

  it('says so where there is nothing', () => {
    expect(text(100, { rows: [] })).toContain('nothing to measure');
  });
});

describe('a comparison as a picture', () => {
  const rows = [1, 10, 100].map((x) => ({ ...(table.rows[0] as ComparisonTable['rows'][number]), x }));

  it('is drawn only for a figure', () => {
    expect(comparisonSvg(table)).toBeUndefined();
    expect(comparisonSvg({ ...table, rows, figure: { x: 'x', y: 'y' } })).toContain('BSD VM (paper)');
  });

  it('has a logarithmic axis where values differ much', () => {
    const svg = comparisonSvg({ ...table, rows, figure: { x: 'x', y: 'y' } });
    expect(svg).toContain('x (log scale)');
    expect(svg).toContain('y (log scale)');
    expect(comparisonSvg({ ...table, rows: rows.slice(0, 2), figure: { x: 'x', y: 'y' } })).not.toContain('x (log scale)');
  });

  it('shows ratios where only one side was published', () => {
    const paper = { bsd: null, uvm: null, ratio: 0.5 };
    const shares = rows.map((row) => ({ ...row, curve: 'loanout', paper, quire: { bsd: null, uvm: 100, ratio: 0.4 } }));
    const svg = comparisonSvg({ ...table, rows: shares, figure: { x: 'x', y: 'share' } }) as string;
    expect(svg).toContain('loanout (paper)');
    expect(svg).not.toContain('BSD VM');
  });
});
