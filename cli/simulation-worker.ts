// A thread of the simulation pool: takes jobs, answers with counts.

import { parentPort } from 'node:worker_threads';
import type { SimulationCounts } from '../src/lab/index.ts';
import type { TraceContent } from './dense-trace.ts';
import { performJob, type SimulationJob } from './simulation-job.ts';

/** What a thread is asked. */
export interface JobMessage {
  readonly job: SimulationJob;
  readonly content: TraceContent;
}

/** What it answers: counts for each size in order, then `done`; or why it could not. */
export type JobAnswer =
  | { readonly kind: 'counts'; readonly counts: SimulationCounts }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly reason: string };

const answer = (message: JobAnswer): void => parentPort?.postMessage(message);

parentPort?.on('message', ({ job, content }: JobMessage) => {
  try {
    performJob(job, content, (counts) => answer({ kind: 'counts', counts }));
    answer({ kind: 'done' });
  } catch (error) {
    // Arrays that do not fit are the one failure to be expected.
    if (!(error instanceof RangeError)) throw error;
    answer({ kind: 'failed', reason: error.message });
  }
});
