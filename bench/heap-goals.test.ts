import { expect, it } from 'vitest';
import { heapTables, measureHeaps } from './heap.ts';
import { goalsTable } from './heap-goals.ts';
import type { HeapRequest } from './heap-measurement.ts';
import type { HeapResult, ReplayedTrace } from './heap-result.ts';
import { missingPeers } from './heap-subjects.ts';
import type { NamedTrace } from './heap-traces.ts';

const traces: readonly NamedTrace[] = [
  { name: 'program', path: 'larson:operations=100', kind: 'recorded' },
  { name: 'fast', path: 'fast', kind: 'generated' },
];
const settings = { effort: { milliseconds: 1, mostMilliseconds: 1 }, turns: 2 };

/** Millions of operations a second by subject, on the two traces. */
const speeds: Readonly<Record<string, readonly [number, number]>> = {
  'wasm-dlmalloc': [50, 130],
  'thi.ng': [5, 100],
  segregated: [66, 120],
  'first-fit': [51, 90],
  'next-fit': [20, 80],
};

it('says of each goal whether it is reached, by the one that comes least near', () => {
  const rate = (subject: string, trace: string, millions: number) => ({
    subject,
    trace,
    operationsPerSecond: millions * 1e6,
    utilization: subject === 'segregated' ? 0.893 : 0.5,
  });
  const alone = Object.entries(speeds).flatMap(([subject, [program, fast]]) => [
    rate(subject, 'program', program),
    rate(subject, 'fast', fast),
  ]);
  const together = [rate('segregated', 'program', 33), rate('segregated', 'fast', 120)];
  const result: HeapResult = { settings, traces, subjects: Object.keys(speeds), alone, together };
  const { rows, notes } = goalsTable(result);
  expect(rows).toEqual([
    ["segregated: speed by the wasm dlmalloc's", '1.10', '1.32', 'yes'],
    ['segregated: mean utilization, %', '94.0', '89.3', 'no, 95 %'],
    // The geometric mean of a half and 1.
    ['speed kept beside other kinds, the least: segregated', '0.90', '0.71', 'no, 78 %'],
    ["program: speed by thi.ng's, the least: next-fit", '10', '4.0', 'no, 40 %'],
    ["fast: speed by thi.ng's, the least: next-fit", '10', '0.80', 'no, 8 %'],
  ]);
  expect(notes.join()).toContain('fast (100 million a second; the fastest, wasm-dlmalloc, 1.3 times that)');
  expect(notes.join()).not.toContain('program');
  expect(heapTables(result).at(-1)?.title).toBe('Goals');
});

it('says how much of the memory boundary tags leave at most, where that is known and blocks have tags', () => {
  const known: readonly ReplayedTrace[] = [
    { name: 'one', kind: 'recorded', bound: 0.9 },
    { name: 'two', kind: 'recorded', bound: 0.8 },
    { name: 'three', kind: 'generated' },
  ];
  const result: HeapResult = { settings, traces: known, subjects: ['segregated', 'size-classes'], alone: [], together: [] };
  const { rows, notes } = goalsTable(result);
  expect(rows.map(([goal]) => goal)).toEqual([
    "segregated: speed by the wasm dlmalloc's",
    'segregated: mean utilization, % (at most 85.0)',
    "size-classes: speed by the wasm dlmalloc's",
    'size-classes: mean utilization, %',
  ]);
  expect(notes.join()).toContain('one 90.0, two 80.0');
});

it.skipIf(missingPeers().length > 0)('takes a second turn where a goal hangs on it, and keeps the best and the utilization', async () => {
  const asked: string[] = [];
  const heap = async ({ subjects, traces: [trace], utilization }: HeapRequest) => {
    const name = trace?.name ?? '';
    asked.push(`${subjects.join('+')} ${name} ${utilization}`);
    const faster = utilization === 'known' ? 1.5 : 1;
    const share = utilization === 'known' ? null : 0.9;
    const rates = subjects.map((subject) => ({
      subject,
      trace: name,
      operationsPerSecond: (speeds[subject]?.[name === 'fast' ? 1 : 0] ?? 0) * 1e6 * faster,
      utilization: share,
    }));
    return { rates };
  };
  const only = Object.keys(speeds);
  const result = await measureHeaps(settings, { heap }, () => undefined, { only, traces });
  expect(asked.filter((each) => each.endsWith('known'))).toEqual([
    'wasm-dlmalloc program known',
    // First fit is 10.2 times as fast: that may be chance.
    'thi.ng program known',
    'segregated program known',
    'first-fit program known',
  ]);
  const best = result.alone.find(({ subject, trace }) => subject === 'segregated' && trace === 'program');
  expect(best).toMatchObject({ operationsPerSecond: 99e6, utilization: 0.9 });
});
