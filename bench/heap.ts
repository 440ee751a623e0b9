// The heap benchmark: malloc traces of real programs replayed on every allocator, on a dlmalloc compiled to WebAssembly and on the npm
// package @thi.ng/malloc; how fast, how tight, and whether six kinds of heap in one process slow each other.

import type { HeapRate } from './heap-measurement.ts';
import type { ReplayEffort } from './heap-replay.ts';
import { missingPeers, peerNames, subjectNames } from './heap-subjects.ts';
import { traceNames } from './heap-traces.ts';
import type { Laboratory } from './laboratory.ts';
import { geometricMean } from './statistics.ts';
import type { Table } from './table.ts';

/** How much to do. */
export interface HeapSettings {
  readonly effort: ReplayEffort;
  /** Turns that all subjects take; the best counts. */
  readonly turns: number;
}

/** The full benchmark: some four minutes. */
export const heapSettings: HeapSettings = { effort: { seconds: 0.5, limitSeconds: 5 }, turns: 2 };
/** Enough to see that everything works. */
export const quickHeapSettings: HeapSettings = { effort: { seconds: 0.02, limitSeconds: 0.2 }, turns: 1 };

/** What was measured. */
export interface HeapResult {
  readonly settings: HeapSettings;
  readonly traces: readonly string[];
  readonly subjects: readonly string[];
  /** Each subject in a process of its own. */
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

/** Measures everything; `tell` gets a word before each step. `only` names the allocators, if not all are wanted. */
export async function measureHeaps(
  settings: HeapSettings,
  laboratory: Pick<Laboratory, 'heap'>,
  tell: (step: string) => void,
  only: readonly string[] = subjectNames,
): Promise<HeapResult> {
  const missing = missingPeers();
  const subjects = subjectNames.filter((name) => !missing.includes(name) && (only.includes(name) || name === 'wasm-dlmalloc'));
  const traces = traceNames();
  const { effort, turns } = settings;
  const alone: HeapRate[] = [];
  for (let turn = 1; turn <= turns; turn++) {
    for (const subject of subjects) {
      tell(`${subject}, turn ${turn} of ${turns}`);
      alone.push(...(await laboratory.heap({ subjects: [subject], traces, effort })).rates);
    }
  }
  const six = TOGETHER.filter((name) => subjects.includes(name));
  tell(`${six.length} kinds in one process`);
  const together = six.length > 1 ? (await laboratory.heap({ subjects: six, traces, effort })).rates : [];
  return { settings, traces, subjects, alone: bestOf(alone), together };
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
  return [speedTable(result), summaryTable(result)];
}

function rateOf(rates: readonly HeapRate[], subject: string, trace: string): HeapRate | undefined {
  return rates.find((rate) => rate.subject === subject && rate.trace === trace);
}

function speedTable({ traces, subjects, alone }: HeapResult): Table {
  return {
    title: 'Malloc traces: millions of operations per second, and utilization',
    about:
      'Each allocator in a process of its own. Utilization is the peak of the payload by the peak of the heap. More is better for both.',
    headings: ['allocator', ...traces.flatMap((trace) => [trace, '%'])],
    rows: subjects.map((subject) => [
      subject,
      ...traces.flatMap((trace) => {
        const rate = rateOf(alone, subject, trace);
        return [((rate?.operationsPerSecond ?? Number.NaN) / 1e6).toFixed(rate?.utilization === null ? 2 : 1), percent(rate?.utilization)];
      }),
    ]),
    notes: [],
  };
}

const percent = (share: number | null | undefined): string => (share === null || share === undefined ? '-' : (100 * share).toFixed(1));

function summaryTable({ traces, subjects, alone, together }: HeapResult): Table {
  const ratios = (subject: string, to: string): number[] =>
    traces.map(
      (trace) =>
        (rateOf(alone, subject, trace)?.operationsPerSecond ?? Number.NaN) / (rateOf(alone, to, trace)?.operationsPerSecond ?? Number.NaN),
    );
  const rows = subjects.map((subject) => {
    const goal = goals[subject];
    const shares = traces.map((trace) => rateOf(alone, subject, trace)?.utilization ?? Number.NaN);
    const kept = traces.map(
      (trace) =>
        (rateOf(together, subject, trace)?.operationsPerSecond ?? Number.NaN) /
        (rateOf(alone, subject, trace)?.operationsPerSecond ?? Number.NaN),
    );
    const isPeer = peerNames.some((peer) => peer === subject);
    return [
      subject,
      geometricMean(ratios(subject, 'wasm-dlmalloc')).toFixed(2),
      goal ? `${goal.ratio}` : '',
      percent(shares.reduce((sum, share) => sum + share, 0) / shares.length).replace('NaN', '-'),
      goal ? percent(goal.utilization) : '',
      isPeer
        ? ''
        : Math.min(...ratios(subject, 'thi.ng'))
            .toFixed(1)
            .replace('NaN', '-'),
      together.some((rate) => rate.subject === subject) ? geometricMean(kept).toFixed(2) : '',
    ];
  });
  return {
    title: 'Malloc: against the peers',
    about:
      "Speed by that of the wasm dlmalloc (geometric mean over the traces), mean utilization, the goals of both, the least of the ratios to @thi.ng/malloc's " +
      'speed (goal: 10), and what is left of the speed with six kinds of heap in one process (goal: 0.9).',
    headings: ['allocator', 'of dlmalloc', 'goal', 'utilization %', 'goal', 'of thi.ng, least', 'six kinds'],
    rows,
    notes: [],
  };
}
