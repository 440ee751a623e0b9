// The goals of the heaps, and what was measured of each: the table for whoever looks once.

import {
  type HeapGoal,
  type HeapResult,
  heapGoals,
  isPeer,
  KEPT,
  keptOf,
  meanBound,
  meanUtilization,
  ratioToDlmalloc,
  ratioToThiNg,
  speedOf,
  TENFOLD,
  traceNames,
} from './heap-result.ts';
import type { Table } from './table.ts';

type Row = readonly [goal: string, asked: string, measured: string, reached: string];

/** Returns the table of the goals. Of a goal for many it has the one that comes least near to it. */
export function goalsTable(result: HeapResult): Table {
  const designs = result.subjects.filter((subject) => heapGoals[subject] !== undefined);
  const kept = [...new Set(result.together.map(({ subject }) => subject))];
  const hasThiNg = result.subjects.includes('thi.ng');
  return {
    title: 'Goals',
    about: 'What is asked for, what was measured, and where that falls short, the part of the goal that was reached.',
    headings: ['goal', 'asked', 'measured', 'reached'],
    rows: [
      ...designs.flatMap((design) => designRows(result, design)),
      ...(kept.length > 0 ? [keptRow(result, kept)] : []),
      ...(hasThiNg ? traceNames(result).map((trace) => tenfoldRow(result, trace)) : []),
    ],
    notes: [...boundNotes(result, designs), ...(hasThiNg ? tenfoldNotes(result) : [])],
  };
}

function designRows(result: HeapResult, design: string): Row[] {
  const goal = heapGoals[design] as HeapGoal;
  const ratio = ratioToDlmalloc(result, design);
  const share = 100 * meanUtilization(result, design);
  const asked = 100 * goal.utilization;
  return [
    [`${design}: speed by the wasm dlmalloc's`, goal.ratio.toFixed(2), shown(ratio, 2), reached(ratio / goal.ratio)],
    [
      `${design}: mean utilization, %${hasBound(result, design) ? ` (at most ${(100 * meanBound(result)).toFixed(1)})` : ''}`,
      asked.toFixed(1),
      shown(share, 1),
      reached(share / asked),
    ],
  ];
}

const hasBound = (result: HeapResult, design: string): boolean =>
  heapGoals[design]?.blocks === 'tagged' && !Number.isNaN(meanBound(result));

/** What is meant by "at most". */
function boundNotes(result: HeapResult, designs: readonly string[]): string[] {
  if (!designs.some((design) => hasBound(result, design))) return [];
  const bounds = result.traces.flatMap(({ name, bound }) => (bound === undefined ? [] : [`${name} ${(100 * bound).toFixed(1)}`]));
  return [
    'At most: the payload at its peak by the blocks that it is in, with tags of 4 bytes, sizes in eights, blocks of 16 bytes or more, and ' +
      `nothing between them (${bounds.join(', ')}).`,
  ];
}

function keptRow(result: HeapResult, kinds: readonly string[]): Row {
  const [least, kept] = leastOf(kinds, (kind) => keptOf(result, kind));
  return [`speed kept beside other kinds, the least: ${least}`, KEPT.toFixed(2), shown(kept, 2), reached(kept / KEPT)];
}

function tenfoldRow(result: HeapResult, trace: string): Row {
  const [least, ratio] = leastOf(ownOf(result), (subject) => ratioToThiNg(result, subject, trace));
  return [`${trace}: speed by thi.ng's, the least: ${least}`, `${TENFOLD}`, shown(ratio, ratio < 1 ? 2 : 1), reached(ratio / TENFOLD)];
}

/** On which traces thi.ng is so fast that nothing is ten times as fast. */
function tenfoldNotes(result: HeapResult): string[] {
  const beyond = traceNames(result).filter((trace) =>
    result.subjects.every((subject) => !(ratioToThiNg(result, subject, trace) >= TENFOLD)),
  );
  if (beyond.length === 0) return [];
  const facts = beyond.map((trace) => {
    const [most, ratio] = leastOf(result.subjects, (subject) => -ratioToThiNg(result, subject, trace));
    return `${trace} (${(speedOf(result.alone, 'thi.ng', trace) / 1e6).toFixed(0)} million a second; the fastest, ${most}, ${(-ratio).toFixed(1)} times that)`;
  });
  return [`Out of reach for all, the compiled dlmalloc too, since there thi.ng walks no list: ${facts.join(', ')}.`];
}

const ownOf = ({ subjects }: HeapResult): string[] => subjects.filter((subject) => !isPeer(subject));

/** Returns the one with the least number, and the number. */
function leastOf(names: readonly string[], numberOf: (name: string) => number): readonly [string, number] {
  const numbers = names.map((name) => [name, numberOf(name)] as const).filter(([, number]) => !Number.isNaN(number));
  return numbers.reduce((least, each) => (each[1] < least[1] ? each : least), ['-', Number.POSITIVE_INFINITY]);
}

const shown = (number: number, digits: number): string => (Number.isFinite(number) ? number.toFixed(digits) : '-');

function reached(part: number): string {
  if (!Number.isFinite(part)) return '-';
  return part >= 1 ? 'yes' : `no, ${Math.floor(100 * part)} %`;
}
