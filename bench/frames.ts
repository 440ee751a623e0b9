// The frame-allocator benchmark: every design on the frames of 1 and 16 GiB, of which only the metadata exists, and what a
// zero-fill fault costs with and without a frame that was zeroed in idle time.

import { GIB } from '../src/base/index.ts';
import { type FrameResult, measureFrames } from '../src/lab/index.ts';
import { findFrameAllocator, frameAllocatorNames } from '../src/systems/index.ts';
import { measureCost } from './kernel-costs.ts';
import type { Numbers } from './statistics.ts';
import type { Table } from './table.ts';

/** How much to do. */
export interface FramesSettings {
  readonly memories: readonly number[];
  /** Milliseconds for each rate. */
  readonly milliseconds: number;
  /** Turns that all designs take; the best rate counts. */
  readonly turns: number;
  /** Zero-fill faults: over so many pages, the least of so many rounds. */
  readonly faults: { readonly pages: number; readonly repeats: number };
}

/** The full benchmark: some three minutes. */
export const framesSettings: FramesSettings = {
  memories: [GIB, 16 * GIB],
  milliseconds: 1000,
  turns: 2,
  faults: { pages: 16_384, repeats: 10 },
};
/** Enough to see that everything works. */
export const quickFramesSettings: FramesSettings = { memories: [GIB / 64], milliseconds: 20, turns: 1, faults: { pages: 64, repeats: 2 } };

/** One design on one memory. */
interface FramesRow {
  readonly allocator: string;
  readonly memoryBytes: number;
  readonly metadataBytes: number;
  readonly pairsPerSecond: number;
  readonly churnPerSecond: number;
  readonly batchPerSecond: number;
  readonly largestFreeRunFrames: number;
}

/** What was measured. */
export interface FramesResult {
  readonly settings: FramesSettings;
  readonly results: readonly FramesRow[];
  /** Nanoseconds of a zero-fill fault: `atFault` the frame is zeroed then, `ahead` it was before. */
  readonly zeroFill: Numbers;
}

/** What must be reached, in millions per second. */
const goals: readonly { allocator: string; memoryBytes: number; rate: 'pairsPerSecond' | 'churnPerSecond'; least: number }[] = [
  { allocator: 'buddy-cached', memoryBytes: GIB, rate: 'pairsPerSecond', least: 100 },
  { allocator: 'bitmap', memoryBytes: GIB, rate: 'churnPerSecond', least: 50 },
  { allocator: 'buddy', memoryBytes: GIB, rate: 'pairsPerSecond', least: 15 },
  { allocator: 'stack', memoryBytes: GIB, rate: 'pairsPerSecond', least: 150 },
  { allocator: 'bitmap', memoryBytes: 16 * GIB, rate: 'churnPerSecond', least: 7 },
];

/** Measures everything; `tell` gets a word before each step. */
export function measureAllFrames(settings: FramesSettings, tell: (step: string) => void): FramesResult {
  const results: FramesRow[] = [];
  for (const bytes of settings.memories) {
    for (const name of frameAllocatorNames) {
      const turns = Array.from({ length: settings.turns }, (_, turn) => {
        tell(`${name} on ${bytes / GIB} GiB, turn ${turn + 1} of ${settings.turns}`);
        const { milliseconds } = settings;
        return measureFrames(findFrameAllocator(name), { bytes }, { now: () => performance.now(), milliseconds, seed: 1 });
      });
      results.push(bestOf(turns));
    }
  }
  tell('zero-fill faults');
  return { settings, results, zeroFill: measureCost({ what: 'zeroedFill', ...settings.faults }) };
}

function bestOf(turns: readonly FrameResult[]): FramesRow {
  const [{ allocator, memoryBytes, metadataBytes, largestFreeRunFrames }] = turns as [FrameResult];
  const best = (rate: 'pairsPerSecond' | 'churnPerSecond' | 'batchPerSecond'): number =>
    Math.round(Math.max(...turns.map(({ rates }) => rates?.[rate] ?? 0)));
  return {
    ...{ allocator, memoryBytes, metadataBytes, largestFreeRunFrames },
    ...{ pairsPerSecond: best('pairsPerSecond'), churnPerSecond: best('churnPerSecond'), batchPerSecond: best('batchPerSecond') },
  };
}

const millions = (perSecond: number): string => (perSecond / 1e6).toFixed(1);

/** The tables that people read. */
export function framesTables({ settings, results, zeroFill }: FramesResult): Table[] {
  return [...settings.memories.map((bytes) => memoryTable(bytes, results)), goalTable(results), zeroFillTable(zeroFill)];
}

function zeroFillTable({ atFault = Number.NaN, ahead = Number.NaN }: Numbers): Table {
  return {
    title: 'A zero-fill fault',
    about: 'Nanoseconds from trap to return: the frame is zeroed at the fault, or was in idle time.',
    headings: ['frame zeroed', 'ns'],
    rows: [
      ['at the fault', atFault.toFixed(0)],
      ['ahead of it', ahead.toFixed(0)],
    ],
    notes: [],
  };
}

function memoryTable(bytes: number, results: readonly FramesRow[]): Table {
  return {
    title: `Frame allocators on ${bytes / GIB} GiB`,
    about:
      'Millions of frames taken and given back per second: one at a time from free memory (pair), at random in aged memory half full ' +
      '(churn), 64 at a time (batch). The longest run of free frames in aged memory. More is better; less metadata is.',
    headings: ['allocator', 'metadata KiB', 'pair', 'churn', 'batch', 'longest run KiB'],
    rows: results
      .filter(({ memoryBytes }) => memoryBytes === bytes)
      .map((row) => [
        row.allocator,
        (row.metadataBytes / 1024).toFixed(row.metadataBytes < 1024 ? 3 : 0),
        ...[millions(row.pairsPerSecond), millions(row.churnPerSecond), millions(row.batchPerSecond)],
        `${row.largestFreeRunFrames * 4}`,
      ]),
    notes: [],
  };
}

function goalTable(results: readonly FramesRow[]): Table {
  const rows = goals.flatMap(({ allocator, memoryBytes, rate, least }) => {
    const row = results.find((each) => each.allocator === allocator && each.memoryBytes === memoryBytes);
    if (row === undefined) return [];
    return [[`${allocator}, ${memoryBytes / GIB} GiB, ${rate === 'pairsPerSecond' ? 'pair' : 'churn'}`, millions(row[rate]), `${least}`]];
  });
  return { title: 'Frame allocators: goals', about: 'Millions per second.', headings: ['what', 'measured', 'goal'], rows, notes: [] };
}
