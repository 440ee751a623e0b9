// The heap benchmark: malloc traces of real programs replayed on every allocator, on a dlmalloc compiled to WebAssembly and on the npm
// package @thi.ng/malloc; how fast, how tight, and whether six kinds of heap in one process slow each other.

import type { HeapEffort, HeapRate } from './heap-measurement.ts';
import { missingPeers, peerNames, subjectNames } from './heap-subjects.ts';
import { heapTraces, type NamedTrace } from './heap-traces.ts';
import type { Laboratory } from './laboratory.ts';
import { geometricMean } from './statistics.ts';
import type { Table } from './table.ts';

/** How much to do. */
export interface HeapSettings {
  readonly effort: HeapEffort;
  /** Turns that all subjects take; the best counts. */
  readonly turns: number;
}

/** The full benchmark: some five minutes. */
export const heapSettings: HeapSettings = { effort: { milliseconds: 500, mostMilliseconds: 2000 }, turns: 2 };
/** Enough to see that everything works. */
export const quickHeapSettings: HeapSettings = { effort: { milliseconds: 10, mostMilliseconds: 100 }, turns: 1 };

/** What to measure, if not everything. */
export interface HeapChoice {
  /** Allocators by name; the wasm dlmalloc is among them in any case. */
  readonly only?: readonly string[];
  readonly traces?: readonly NamedTrace[];
}

/** What was measured. */
export interface HeapResult {
  readonly settings: HeapSettings;
  readonly traces: readonly { readonly name: string; readonly kind: 'recorded' | 'generated' }[];
  readonly subjects: readonly string[];
  /** Each subject on each trace in a process of its own. */
  readonly alone: readonly HeapRate[];
  /** Those of `TOGETHER`, in one process. */
  readonly together: readonly HeapRate[];
}

/** The kinds that share a process. */
const TOGETHER = ['segregated', 'tlsf', 'size-classes', 'dlmalloc', 'buddy', 'best-fit'];

/** What each design has to reach: its speed by the wasm dlmalloc's, and its mean utilization. */
const goals: Readonly<Record<string, { readonly ratio: number; readonly utilization: number }>> = {
  segregated: { ratio: 1.1, utilization: 0.94 },
  'size-classes': { ratio: 2.2, utilization: 0.8 },
  tlsf: { ratio: 1, utilization: 0.92 },
};

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
  const alone: HeapRate[] = [];
  const together: HeapRate[] = [];
  const six = TOGETHER.filter((name) => subjects.includes(name));
  for (let turn = 1; turn <= turns; turn++) {
    for (const subject of subjects) {
      tell(`${subject}, turn ${turn} of ${turns}`);
      for (const trace of traces) alone.push(...(await laboratory.heap({ subjects: [subject], traces: [trace], effort })).rates);
    }
    tell(`${six.length} kinds in one process, turn ${turn} of ${turns}`);
    if (six.length < 2) continue;
    for (const trace of traces) together.push(...(await laboratory.heap({ subjects: six, traces: [trace], effort })).rates);
  }
  const named = traces.map(({ name, kind }) => ({ name, kind }));
  return { settings, traces: named, subjects, alone: bestOf(alone), together: bestOf(together) };
}

function bestOf(rates: readonly HeapRate[]): HeapRate[] {
  const best = new Map<string, HeapRate>();
  for (const rate of rates) {
    const key = `${rate.subject} ${rate.trace}`;
    const known = best.get(key);
    if (known === undefined || rate.operationsPerSecond > known.operationsPerSecond) best.set(key, rate);
  }
  return [...best.values()];
}

/** The tables that people read. */
export function heapTables(result: HeapResult): Table[] {
  return [summaryTable(result), ratesTable(result, 'recorded'), ratesTable(result, 'generated')];
}

function rateOf(rates: readonly HeapRate[], subject: string, trace: string): HeapRate | undefined {
  return rates.find((rate) => rate.subject === subject && rate.trace === trace);
}

const speedOf = (rates: readonly HeapRate[], subject: string, trace: string): number =>
  rateOf(rates, subject, trace)?.operationsPerSecond ?? Number.NaN;

const percent = (share: number | null | undefined): string =>
  share === null || share === undefined || Number.isNaN(share) ? '-' : (100 * share).toFixed(1);

const fixed = (number: number, digits: number): string => (Number.isNaN(number) ? '-' : number.toFixed(digits));

function namesOf({ traces }: HeapResult, kind: 'recorded' | 'generated'): string[] {
  return traces.filter((trace) => trace.kind === kind).map(({ name }) => name);
}

function ratesTable(result: HeapResult, kind: 'recorded' | 'generated'): Table {
  const names = namesOf(result, kind);
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
  const { traces, subjects, alone, together } = result;
  const recorded = namesOf(result, 'recorded');
  const all = traces.map(({ name }) => name);
  const ratios = (subject: string, to: string, names: readonly string[]): number[] =>
    names.map((trace) => speedOf(alone, subject, trace) / speedOf(alone, to, trace));
  const rows = subjects.map((subject) => {
    const goal = goals[subject];
    const shares = recorded.map((trace) => rateOf(alone, subject, trace)?.utilization ?? Number.NaN);
    const kept = all.map((trace) => speedOf(together, subject, trace) / speedOf(alone, subject, trace));
    const isPeer = peerNames.some((peer) => peer === subject);
    return [
      subject,
      fixed(geometricMean(ratios(subject, 'wasm-dlmalloc', recorded)), 2),
      goal ? `${goal.ratio}` : '',
      percent(shares.reduce((sum, share) => sum + share, 0) / shares.length),
      goal ? percent(goal.utilization) : '',
      isPeer ? '' : fixed(Math.min(...ratios(subject, 'thi.ng', all)), 1),
      together.some((rate) => rate.subject === subject) ? fixed(geometricMean(kept), 2) : '',
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
