// The heap benchmark: malloc traces of real programs replayed on every allocator, on a dlmalloc compiled to WebAssembly and on the npm
// package @thi.ng/malloc; how fast, how tight, and whether six kinds of heap in one process slow each other.

import { goalsTable } from './heap-goals.ts';
import type { HeapRate } from './heap-measurement.ts';
import {
  type HeapResult,
  type HeapSettings,
  heapGoals,
  isPeer,
  keptOf,
  meanUtilization,
  type ReplayedTrace,
  rateOf,
  ratioToDlmalloc,
  ratioToThiNg,
  TENFOLD,
  traceNames,
} from './heap-result.ts';
import { missingPeers, subjectNames } from './heap-subjects.ts';
import { heapTraces, type NamedTrace, timedTrace, utilizationBound } from './heap-traces.ts';
import type { Laboratory } from './laboratory.ts';
import type { Table } from './table.ts';

/** The full benchmark: some four minutes, half of them Node's starting. */
export const heapSettings: HeapSettings = { effort: { milliseconds: 200, mostMilliseconds: 1500 }, turns: 2 };
/** Enough to see that everything works. */
export const quickHeapSettings: HeapSettings = { effort: { milliseconds: 10, mostMilliseconds: 100 }, turns: 1 };

/** What to measure, if not everything. */
export interface HeapChoice {
  /** Allocators by name; the wasm dlmalloc is among them in any case. */
  readonly only?: readonly string[];
  readonly traces?: readonly NamedTrace[];
}

/** The kinds that share a process. */
const TOGETHER = ['segregated', 'tlsf', 'size-classes', 'dlmalloc', 'buddy', 'best-fit'];

/** So near to ten times thi.ng's speed, on either side, one turn leaves it open whether the goal is reached. */
const OPEN = 1.3;

/** Measures everything; `tell` gets a word before each step. */
export async function measureHeaps(
  settings: HeapSettings,
  laboratory: Pick<Laboratory, 'heap'>,
  tell: (step: string) => void,
  { only = subjectNames, traces = heapTraces() }: HeapChoice = {},
): Promise<HeapResult> {
  const missing = missingPeers();
  const subjects = subjectNames.filter((name) => !missing.includes(name) && (only.includes(name) || name === 'wasm-dlmalloc'));
  const { effort, turns } = settings;
  const named = await Promise.all(traces.map(bounded));
  const six = TOGETHER.filter((name) => subjects.includes(name));
  let result: HeapResult = { settings, traces: named, subjects, alone: [], together: [] };
  for (let turn = 1; turn <= turns; turn++) {
    const alone: HeapRate[] = [];
    const together: HeapRate[] = [];
    const utilization = turn === 1 ? 'measured' : 'known';
    for (const subject of subjects) {
      tell(`${subject}, turn ${turn} of ${turns}`);
      for (const trace of traces)
        if (turn === 1 || isAskedAgain(result, subject, trace))
          alone.push(...(await laboratory.heap({ subjects: [subject], traces: [trace], effort, utilization })).rates);
    }
    tell(`${six.length} kinds in one process, turn ${turn} of ${turns}`);
    if (six.length > 1)
      for (const trace of traces.filter(({ kind }) => turn === 1 || kind === 'recorded'))
        together.push(...(await laboratory.heap({ subjects: six, traces: [trace], effort, utilization })).rates);
    result = { ...result, alone: bestOf([...result.alone, ...alone]), together: bestOf([...result.together, ...together]) };
  }
  return result;
}

async function bounded({ name, kind, path }: NamedTrace): Promise<ReplayedTrace> {
  return kind === 'recorded' ? { name, kind, bound: utilizationBound(await timedTrace(path)) } : { name, kind };
}

/** Tells whether a goal hangs on a rate, so that one turn is not enough. */
function isAskedAgain(result: HeapResult, subject: string, { name, kind }: NamedTrace): boolean {
  if (kind === 'recorded' && (subject === 'wasm-dlmalloc' || TOGETHER.includes(subject))) return true;
  const isOpen = (own: string): boolean => {
    const ratio = ratioToThiNg(result, own, name) / TENFOLD;
    return ratio < OPEN && ratio > 1 / OPEN;
  };
  return subject === 'thi.ng' ? result.subjects.some((own) => !isPeer(own) && isOpen(own)) : !isPeer(subject) && isOpen(subject);
}

function bestOf(rates: readonly HeapRate[]): HeapRate[] {
  const best = new Map<string, HeapRate>();
  for (const rate of rates) {
    const key = `${rate.subject} ${rate.trace}`;
    const known = best.get(key);
    const better = known === undefined || rate.operationsPerSecond > known.operationsPerSecond ? rate : known;
    best.set(key, { ...better, utilization: known === undefined ? rate.utilization : known.utilization });
  }
  return [...best.values()];
}

/** The tables that people read. */
export function heapTables(result: HeapResult): Table[] {
  return [summaryTable(result), ratesTable(result, 'recorded'), ratesTable(result, 'generated'), goalsTable(result)];
}

const percent = (share: number | null | undefined): string =>
  share === null || share === undefined || Number.isNaN(share) ? '-' : (100 * share).toFixed(1);

const fixed = (number: number, digits: number): string => (Number.isNaN(number) ? '-' : number.toFixed(digits));

function ratesTable(result: HeapResult, kind: 'recorded' | 'generated'): Table {
  const names = traceNames(result, kind);
  const { subjects, alone } = result;
  return {
    title: kind === 'recorded' ? 'Recordings of real programs' : 'Generated traces',
    about:
      'Millions of operations per second, and utilization in per cent: the peak of the payload by the peak of the heap. More is better.',
    headings: ['allocator', ...names.flatMap((trace) => [trace, '%'])],
    rows: subjects.map((subject) => [
      subject,
      ...names.flatMap((trace) => {
        const rate = rateOf(alone, subject, trace);
        const millions = (rate?.operationsPerSecond ?? Number.NaN) / 1e6;
        return [fixed(millions, millions < 1 ? 2 : 1), percent(rate?.utilization)];
      }),
    ]),
    notes: ['Without a utilization: given up at the time limit, its speed that of the part that ran.'],
  };
}

function summaryTable(result: HeapResult): Table {
  const rows = result.subjects.map((subject) => {
    const goal = heapGoals[subject];
    return [
      subject,
      fixed(ratioToDlmalloc(result, subject), 2),
      goal ? `${goal.ratio}` : '',
      percent(meanUtilization(result, subject)),
      goal ? percent(goal.utilization) : '',
      isPeer(subject) ? '' : fixed(Math.min(...traceNames(result).map((trace) => ratioToThiNg(result, subject, trace))), 1),
      result.together.some((rate) => rate.subject === subject) ? fixed(keptOf(result, subject), 2) : '',
    ];
  });
  return {
    title: 'malloc beside its peers',
    about:
      'Each allocator on each trace in a process of its own, in an ArrayBuffer, or where it says so in a WebAssembly memory that grows, as the ' +
      "dlmalloc's does: its speed by that of the wasm dlmalloc (geometric mean over the recordings) and the goal; its mean " +
      "utilization of them and the goal; the least of its ratios to @thi.ng/malloc's speed over all traces, goal 10; and what is left of its speed where " +
      'six kinds of heap are alive in one process (geometric mean), goal 0.90.',
    headings: ['allocator', 'of dlmalloc', 'goal', 'utilization %', 'goal', 'of thi.ng', 'with six kinds'],
    rows,
    notes: [],
  };
}
