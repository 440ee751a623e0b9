// Malloc traces against the clock, in one process: one kind of heap on several traces, or several kinds at once.

import { HeapReplay, type HeapSubject, measureSpeed, type ReplaySpeed } from '../src/lab/index.ts';
import { type MallocTrace, peakPayload } from '../src/trace/index.ts';
import { makeSubject } from './heap-subjects.ts';
import { type NamedTrace, timedTrace } from './heap-traces.ts';

/** What to measure: each subject on each trace, subjects in turn. More than one: heaps of all of them are alive at once. */
export interface HeapRequest {
  readonly subjects: readonly string[];
  readonly traces: readonly NamedTrace[];
  readonly effort: HeapEffort;
  /** `known`: that of another measurement, and null here; default `measured`. */
  readonly utilization?: 'measured' | 'known';
}

/** How long to measure. */
export interface HeapEffort {
  /** Replays go on for so long; the best sample counts. */
  readonly milliseconds: number;
  /** A replay that takes longer is given up. */
  readonly mostMilliseconds: number;
}

/** One subject on one trace. */
export interface HeapRate {
  readonly subject: string;
  readonly trace: string;
  readonly operationsPerSecond: number;
  /** Peak of the payload by the peak of the heap; null if a replay was given up, a block not given, or it was not asked for. */
  readonly utilization: number | null;
}

/** What was measured. */
export interface HeapMeasurement {
  readonly rates: readonly HeapRate[];
}

/** Measures. */
export async function measureHeap({ subjects, traces, effort, utilization: asked }: HeapRequest): Promise<HeapMeasurement> {
  const rates: HeapRate[] = [];
  for (const { name, path } of traces) {
    const trace = await timedTrace(path);
    const heaps: { readonly name: string; readonly heap: HeapSubject }[] = [];
    for (const subject of subjects) heaps.push({ name: subject, heap: await makeSubject(subject) });
    // Every kind has run before any is timed for good: what the engine has learnt of one, it has by then forgotten or not.
    if (heaps.length > 1) for (const { heap } of heaps) speedOf(heap, trace, { ...effort, milliseconds: effort.milliseconds / 4 });
    for (const { name: subject, heap } of heaps) {
      const { operationsPerSecond, operations } = speedOf(heap, trace, effort);
      const utilization = asked === 'known' || operations < trace.length ? null : utilizationOf(trace, await makeSubject(subject));
      rates.push({ subject, trace: name, operationsPerSecond, utilization });
    }
  }
  return { rates };
}

function speedOf(heap: HeapSubject, trace: MallocTrace, effort: HeapEffort): ReplaySpeed {
  return measureSpeed(heap, trace, { ...effort, now: () => performance.now() });
}

/** Every answer is checked on the way. */
function utilizationOf(trace: MallocTrace, heap: HeapSubject): number | null {
  const replay = new HeapReplay(trace, heap);
  replay.finish();
  return replay.errors.length > 0 ? null : peakPayload(trace).bytes / replay.heapBytes;
}
