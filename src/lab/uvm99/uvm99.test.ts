// What is expected here stands in the paper: ratios and sums as it prints them beside its tables, and the shapes that it explains. Counts
// only: no test looks at a time.

import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ComparisonRow, ComparisonTable } from '../comparison.ts';
import { uvm99Experiments } from './experiments.ts';
import type { Laboratory } from './laboratory.ts';
import { anonymousMemory, forkAndExit, forkAndWrite, loanout, mapEntries, mapFaultUnmap, pageFaults, readFiles } from './paper.ts';

const kernel = (name: string, ...args: string[]) => ({
  name,
  module: readFileSync(new URL(`../../../programs/${name}.wasm`, import.meta.url)),
  args: [name, ...args],
});

let clock = 0;
const laboratory: Laboratory = {
  // A clock that only shows that it was read: results must not depend on how fast the host is.
  now: () => ++clock,
  effort: 'quick',
  programs: [kernel('qsort', '2000'), { ...kernel('bintrees', '6'), standsFor: 'cc' }],
};

/** Seconds on a quiet machine; the limit is for a busy one. */
const PATIENCE_MS = 120_000;
const tables = new Map<string, ComparisonTable>();
beforeAll(() => {
  for (const { id, run } of uvm99Experiments) tables.set(id, run(laboratory));
}, PATIENCE_MS);
const tableOf = (id: string): ComparisonTable => tables.get(id) as ComparisonTable;
const rowsOf = (id: string): readonly ComparisonRow[] => tableOf(id).rows;
const rowOf = (id: string, label: string): ComparisonRow => rowsOf(id).find((row) => row.label === label) as ComparisonRow;
const counter = (row: ComparisonRow | undefined, name: string) => [row?.counters?.[name]?.bsd, row?.counters?.[name]?.uvm];

describe("the paper's numbers", () => {
  const ratios = (table: Readonly<Record<string, readonly [number, number]>>) =>
    Object.values(table).map(([bsd, uvm]) => Math.round((1000 * uvm) / bsd) / 1000);
  const at = (points: readonly (readonly [number, number | null, number | null])[], x: number) =>
    points.find((point) => point[0] === x)?.slice(1);

  it('have the ratios that belong to tables 1, 2 and 3', () => {
    expect(ratios(mapEntries)).toEqual([0.545, 0.571, 0.52, 0.605, 0.676]);
    expect(ratios(pageFaults)).toEqual([0.559, 0.578, 0.543, 0.561, 0.555]);
    expect(ratios(mapFaultUnmap)).toEqual([0.875, 0.458, 0.885, 0.838, 0.817, 0.8]);
  });

  it('have 1,616 and 888 faults in all', () => {
    const sum = (side: 0 | 1) => Object.values(pageFaults).reduce((total, faults) => total + faults[side], 0);
    expect([sum(0), sum(1)]).toEqual([1616, 888]);
  });

  it('have the points of figures 2, 5 and 6 that the text speaks of', () => {
    expect([at(readFiles, 90), at(readFiles, 100), at(readFiles, 140)]).toEqual([
      [0.1501, 0.1202],
      [1.1806, 0.1301],
      [null, 0.1902],
    ]);
    expect([readFiles.length, at(readFiles, 500)]).toEqual([26, [5.0367, 0.6596]]);
    expect([anonymousMemory.length, at(anonymousMemory, 50)]).toEqual([10, [42.36, 2.96]]);
    expect([at(forkAndExit, 16), at(forkAndWrite, 16)]).toEqual([
      [1504, 668],
      [4868, 2350],
    ]);
  });

  it('have 26 and 78 percent saved by loans', () => {
    expect(loanout).toEqual({ 1: 0.74, 256: 0.22 });
  });
});

describe('results', () => {
  it('are one table for each experiment, plain data, with rows and a verdict', () => {
    expect([...tables.keys()]).toEqual(['table1', 'table2', 'table3', 'figure2', 'figure3', 'figure5', 'figure6', 'movement']);
    for (const [id, table] of tables) {
      expect(table.id).toBe(id);
      expect(JSON.parse(JSON.stringify(table))).toEqual(table);
      expect(table.rows.length).toBeGreaterThan(2);
      expect(table.verdict.text).not.toMatch(/NaN|undefined|Infinity/);
    }
  });

  it('have both managers in each row, and the ratio of what stands beside it', () => {
    const compared = [...tables.values()]
      .filter(({ id }) => id !== 'movement')
      .flatMap(({ rows }) => rows.filter(({ paper }) => paper.bsd !== null));
    for (const { quire, paper } of compared) {
      expect([typeof quire.bsd, typeof quire.uvm]).toEqual(['number', 'number']);
      for (const { bsd, uvm, ratio } of [quire, paper]) expect(ratio).toEqual(bsd === null || uvm === null || bsd === 0 ? null : uvm / bsd);
    }
  });

  it('are figures where each row has its place', () => {
    for (const { rows, figure } of tables.values()) expect(rows.every(({ x }) => (x !== undefined) === (figure !== undefined))).toBe(true);
  });
});

describe('the shapes that the paper explains', () => {
  it('table 1: BSD VM has two entries more per process in the kernel, and those that wiring clipped', () => {
    const entries = (label: string) => rowOf('table1', label).quire;
    expect([entries('cat (static)').bsd, entries('cat (static)').uvm]).toEqual([11, 6]);
    expect([entries('od (dynamic)').bsd, entries('od (dynamic)').uvm]).toEqual([21, 12]);
    expect(tableOf('table1').verdict.shape).toBe('holds');
  });

  it('table 2: a recorded native program has 45 percent fewer faults and more, as its code is resident', () => {
    const row = rowOf('table2', 'ls /: native ls, replayed');
    // 360 pages, and 9 of them are stored to after a load.
    expect([row.quire.bsd, counter(row, 'first run')]).toEqual([369, [369, 369]]);
    expect(row.quire.ratio).toBeLessThan(0.55);
    expect(counter(row, 'mapped ahead')[0]).toBe(0);
  });

  it('table 2: no program has more faults under UVM', () => {
    for (const { quire } of rowsOf('table2')) expect(quire.ratio).toBeLessThanOrEqual(1);
  });

  it('figure 2: beyond 100 files BSD VM reads all of them again, UVM none', () => {
    const reads = rowsOf('figure2').map((row) => [row.x, ...counter(row, 'pages read')]);
    expect(reads).toEqual([
      [50, 0, 0],
      [90, 0, 0],
      [120, 120 * 16, 0],
      [200, 200 * 16, 0],
    ]);
  });

  it('figure 3: UVM has 2 amaps and 3 anons and loses no page; BSD VM loses one where a page-out came before its collapse', () => {
    const numbers = (label: string) => [rowOf('figure3', label).quire.bsd, rowOf('figure3', label).quire.uvm];
    expect([numbers('amaps before the end'), numbers('anons before the end')]).toEqual([
      [null, 2],
      [null, 3],
    ]);
    expect(numbers('pages lost if it exits after a page-out')).toEqual([1, 0]);
    expect([numbers('pages lost by that'), numbers('pages lost if the child exits')].map(([, uvm]) => uvm)).toEqual([0, 0]);
  });

  it('figure 6: BSD VM copies a page for each that the child writes, as UVM does, and UVM maps neighbours ahead', () => {
    const row = rowOf('figure6', '16 MB, child writes');
    expect(counter(row, 'copies')).toEqual([4096, 4096]);
    expect(counter(row, 'mapped ahead')[0]).toBe(0);
    expect(counter(rowOf('figure6', '16 MB, child exits'), 'copies')).toEqual([0, 0]);
  });

  it('figure 5: BSD VM writes a page per operation, UVM at least twelve; below the size of RAM neither writes', () => {
    const [fits, ...beyond] = rowsOf('figure5');
    expect(counter(fits, 'swap writes')).toEqual([0, 0]);
    for (const row of beyond) {
      const [bsdWrites, uvmWrites] = counter(row, 'swap writes') as [number, number];
      const [bsdPages, uvmPages] = counter(row, 'pages out') as [number, number];
      expect(bsdPages / bsdWrites).toBe(1);
      expect(uvmPages / uvmWrites).toBeGreaterThan(12);
      expect(row.quire.ratio).toBeLessThan(0.25);
    }
  });
});
