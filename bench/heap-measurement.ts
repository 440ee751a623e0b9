// Malloc traces against the clock, in one process: one kind of heap on several traces, or several kinds at once.

import { newReplay, peakHeapBytes, type ReplayEffort, timeReplay } from './heap-replay.ts';
import { makeHeap } from './heap-subjects.ts';
import { readTrace } from './heap-traces.ts';

/** What to measure: each subject on each trace, subjects in turn. More than one: all of them are alive at once, each with its own replay. */
export interface HeapRequest {
  readonly subjects: readonly string[];
  readonly traces: readonly string[];
  readonly effort: ReplayEffort;
}

/** One subject on one trace. */
export interface HeapRate {
  readonly subject: string;
  readonly trace: string;
  readonly operationsPerSecond: number;
  /** Peak of the payload by the peak of the heap; null if the replay was cut at the time limit. */
  readonly utilization: number | null;
}

/** What was measured. */
export interface HeapMeasurement {
  readonly rates: readonly HeapRate[];
}

/** Measures. */
export async function measureHeap({ subjects, traces, effort }: HeapRequest): Promise<HeapMeasurement> {
  const runs = subjects.map((subject) => ({ subject, run: newReplay() }));
  const rates: HeapRate[] = [];
  for (const name of traces) {
    const trace = readTrace(name);
    const heaps = await Promise.all(runs.map(async (each) => ({ ...each, heap: await makeHeap(each.subject) })));
    // Every kind has run before any is timed for good.
    if (heaps.length > 1) for (const { heap, run } of heaps) timeReplay(trace, heap, run, { ...effort, seconds: effort.seconds / 3 });
    for (const { subject, run, heap } of heaps) {
      const { operationsPerSecond, operations } = timeReplay(trace, heap, run, effort);
      const utilization = operations < trace.operations ? null : trace.peakPayloadBytes / peakHeapBytes(trace, await makeHeap(subject));
      rates.push({ subject, trace: name, operationsPerSecond, utilization });
    }
  }
  return { rates };
}
