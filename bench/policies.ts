// The policies benchmark: how many references per second each replacement policy replays, beside FIFO in the same run, and what making a
// trace dense and LRU's whole curve cost. The traces are generated; their miss counts are known, so what is timed is also right.

import { Densifier, futureOf, lruMisses, type SimulationOptions, StackDistances, simulate } from '../src/lab/index.ts';
import { replayPolicies } from '../src/paging/index.ts';
import { mixTrace, zipfTrace } from '../src/trace/index.ts';
import { processorSeconds } from './statistics.ts';
import type { Table } from './table.ts';

/** How much to do. */
export interface PoliciesSettings {
  /** References of each trace, and pages of the Zipf trace; the mix has half as many. */
  readonly references: number;
  readonly pages: number;
  /** Times that all policies take their turn; the best counts. */
  readonly turns: number;
}

/** The full benchmark: some five minutes. */
export const policiesSettings: PoliciesSettings = { references: 10_000_000, pages: 1_000_000, turns: 3 };
/** Enough to see that everything works. */
export const quickPoliciesSettings: PoliciesSettings = { references: 200_000, pages: 20_000, turns: 1 };

/** One policy on one trace. */
interface PolicyRate {
  readonly policy: string;
  readonly misses: number;
  readonly referencesPerSecond: number;
}

/** What was measured on one trace. */
interface TraceRates {
  readonly trace: string;
  readonly pages: number;
  readonly frames: number;
  readonly densifyPerSecond: number;
  readonly lruCurvePerSecond: number;
  readonly policies: readonly PolicyRate[];
}

/** What was measured. */
export interface PoliciesResult {
  readonly settings: PoliciesSettings;
  readonly traces: readonly TraceRates[];
}

/**
 * Requests per second (millions) of libCacheSim's own library, commit aa0fc40, on the same traces and frames, without its trace reader.
 * Taken once, on another day, on a machine of the same kind: the order of size, not a race.
 */
const libCacheSim: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  zipf: {
    fifo: 12.3,
    lru: 9.1,
    clock: 11.7,
    random: 13.2,
    lfu: 4.1,
    arc: 8.3,
    '2q': 5.2,
    'lirs-lcs': 3.2,
    slru: 8.6,
    sieve: 15.3,
    s3fifo: 4.8,
    belady: 4.1,
  },
  mix: {
    fifo: 7.6,
    lru: 5.8,
    clock: 8.1,
    random: 7.0,
    lfu: 8.2,
    arc: 5.2,
    '2q': 3.2,
    'lirs-lcs': 2.6,
    slru: 9.4,
    sieve: 12.6,
    s3fifo: 2.1,
    belady: 2.2,
  },
};

/** Measures everything; `tell` gets a word before each step. */
export function measurePolicies(settings: PoliciesSettings, tell: (step: string) => void): PoliciesResult {
  const { references, pages } = settings;
  const traces = [
    { trace: 'zipf', frames: pages / 10, make: () => zipfTrace(pages, references) },
    // Frames a tenth more than the loop is long.
    { trace: 'mix', frames: (pages / 10) * 1.1, make: () => mixTrace(pages / 10, (pages / 10) * 4, references) },
  ];
  return {
    settings,
    traces: traces.map(({ trace, frames, make }) => measureTrace(trace, make(), Math.round(frames), settings.turns, tell)),
  };
}

function measureTrace(trace: string, raw: Uint32Array, frames: number, turns: number, tell: (step: string) => void): TraceRates {
  const ids = new Uint32Array(raw.length);
  const best = new Map<string, { seconds: number; misses: number }>();
  const time = (what: string, work: () => number): void => {
    tell(`${trace}: ${what}`);
    let misses = 0;
    const seconds = processorSeconds(() => {
      misses = work();
    });
    if (seconds < (best.get(what)?.seconds ?? Number.POSITIVE_INFINITY)) best.set(what, { seconds, misses });
  };
  let pages = 0;
  for (let turn = 0; turn < turns; turn++) {
    time('densify', () => {
      const densifier = new Densifier();
      densifier.densify(raw, ids);
      pages = densifier.pages;
      return pages;
    });
    time('curve', () => {
      const distances = new StackDistances(pages);
      distances.feed(ids);
      return lruMisses(distances.curve(), frames);
    });
    for (const policy of replayPolicies) {
      // Looking into the future is part of the optimum's work.
      const options = (): SimulationOptions => ({
        policy,
        frames,
        pages,
        ...(policy.sees === 'future' ? { future: futureOf(ids, pages) } : {}),
      });
      time(policy.name, () => simulate(ids, options()).misses);
    }
  }
  const rate = (what: string): number => raw.length / (best.get(what)?.seconds ?? Number.NaN);
  const policies = replayPolicies.map(({ name }) => ({
    policy: name,
    misses: best.get(name)?.misses ?? Number.NaN,
    referencesPerSecond: rate(name),
  }));
  return { trace, pages, frames, densifyPerSecond: rate('densify'), lruCurvePerSecond: rate('curve'), policies };
}

/** Returns a table for each trace. */
export function policiesTables({ settings, traces }: PoliciesResult): Table[] {
  return traces.map((rates) => traceTable(rates, settings));
}

function traceTable(
  { trace, pages, frames, densifyPerSecond, lruCurvePerSecond, policies }: TraceRates,
  { references }: PoliciesSettings,
): Table {
  const fifo = policies.find(({ policy }) => policy === 'fifo')?.referencesPerSecond ?? Number.NaN;
  const count = (number: number): string => number.toLocaleString('en-US');
  const millions = (number: number): string => (number / 1e6).toFixed(1);
  const rows = policies.map(({ policy, misses, referencesPerSecond }) => [
    policy,
    count(misses),
    millions(referencesPerSecond),
    (referencesPerSecond / fifo).toFixed(2),
    libCacheSim[trace]?.[policy]?.toFixed(1) ?? '-',
  ]);
  return {
    title: `Replaying ${trace}: ${count(references)} references to ${count(pages)} pages`,
    about: `References per second through each policy with ${count(frames)} frames, the trace in memory and dense. More is better.`,
    headings: ['policy', 'misses', 'M refs/s', 'of FIFO', 'libCacheSim M/s'],
    rows,
    notes: [
      `Making the trace dense: ${millions(densifyPerSecond)} M refs/s. LRU's misses at every size at once: ${millions(lruCurvePerSecond)} M refs/s.`,
      "The last column is libCacheSim's own library on the full traces, taken once on a machine of the same kind.",
    ],
  };
}
