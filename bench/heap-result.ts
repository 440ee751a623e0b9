// What the heap benchmark has measured, and the questions that its tables ask of it.

import type { HeapEffort, HeapRate } from './heap-measurement.ts';
import { peerNames } from './heap-subjects.ts';
import type { NamedTrace } from './heap-traces.ts';
import { geometricMean } from './statistics.ts';

/** How much to do. */
export interface HeapSettings {
  readonly effort: HeapEffort;
  /** The first is everything's; the others are for what a goal hangs on. The best of all counts. */
  readonly turns: number;
}

/** A trace, and of a recording the utilization that blocks with boundary tags leave at most, a share. */
export interface ReplayedTrace extends Pick<NamedTrace, 'name' | 'kind'> {
  readonly bound?: number;
}

/** What was measured. */
export interface HeapResult {
  readonly settings: HeapSettings;
  readonly traces: readonly ReplayedTrace[];
  readonly subjects: readonly string[];
  /** Each subject on each trace in a process of its own. */
  readonly alone: readonly HeapRate[];
  /** Several kinds in one process. */
  readonly together: readonly HeapRate[];
}

/** What a design has to reach: its speed by the wasm dlmalloc's, and its mean utilization. Boundary tags bound the latter. */
export interface HeapGoal {
  readonly ratio: number;
  readonly utilization: number;
  readonly blocks: 'tagged' | 'untagged';
}

/** The designs with goals. */
export const heapGoals: Readonly<Record<string, HeapGoal>> = {
  segregated: { ratio: 1.1, utilization: 0.94, blocks: 'tagged' },
  'size-classes': { ratio: 2.2, utilization: 0.8, blocks: 'untagged' },
  tlsf: { ratio: 1, utilization: 0.92, blocks: 'tagged' },
};

/** What every allocator of Quire's has to reach on each trace: its speed by thi.ng's. */
export const TENFOLD = 10;
/** What has to be left of each kind's speed with six kinds in one process. */
export const KEPT = 0.9;

/** Returns the rate of one subject on one trace. */
export function rateOf(rates: readonly HeapRate[], subject: string, trace: string): HeapRate | undefined {
  return rates.find((rate) => rate.subject === subject && rate.trace === trace);
}

/** Returns operations per second; NaN if that was not measured. */
export function speedOf(rates: readonly HeapRate[], subject: string, trace: string): number {
  return rateOf(rates, subject, trace)?.operationsPerSecond ?? Number.NaN;
}

/** Returns the names of the traces of one kind, or of all. */
export function traceNames({ traces }: HeapResult, kind?: NamedTrace['kind']): string[] {
  return traces.filter((trace) => kind === undefined || trace.kind === kind).map(({ name }) => name);
}

/** Returns a subject's speed by the wasm dlmalloc's, the geometric mean over the recordings. */
export function ratioToDlmalloc(result: HeapResult, subject: string): number {
  const names = traceNames(result, 'recorded');
  return geometricMean(names.map((trace) => speedOf(result.alone, subject, trace) / speedOf(result.alone, 'wasm-dlmalloc', trace)));
}

/** Returns a subject's utilization, the mean over the recordings; NaN if one was given up. */
export function meanUtilization(result: HeapResult, subject: string): number {
  const names = traceNames(result, 'recorded');
  return names.reduce((sum, trace) => sum + (rateOf(result.alone, subject, trace)?.utilization ?? Number.NaN), 0) / names.length;
}

/** Returns the mean over the recordings of the utilization that boundary tags leave at most; NaN if that is not known. */
export function meanBound({ traces }: HeapResult): number {
  const recorded = traces.filter(({ kind }) => kind === 'recorded');
  return recorded.reduce((sum, { bound }) => sum + (bound ?? Number.NaN), 0) / recorded.length;
}

/** Returns a subject's speed by thi.ng's on one trace. */
export function ratioToThiNg({ alone }: HeapResult, subject: string, trace: string): number {
  return speedOf(alone, subject, trace) / speedOf(alone, 'thi.ng', trace);
}

/** Returns what is left of a subject's speed where several kinds share its process: the geometric mean over all traces. */
export function keptOf(result: HeapResult, subject: string): number {
  return geometricMean(traceNames(result).map((trace) => speedOf(result.together, subject, trace) / speedOf(result.alone, subject, trace)));
}

/** Tells whether a subject is none of Quire's. */
export function isPeer(subject: string): boolean {
  return peerNames.some((peer) => peer === subject);
}
