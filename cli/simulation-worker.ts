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

/** What it answers: counts for each size in order, and now and then how far it is, then `done`; or why it could not. */
export type JobAnswer =
  | { readonly kind: 'counts'; readonly counts: SimulationCounts }
  | { readonly kind: 'replayed'; readonly references: number }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly reason: string };

/** References between two messages on how far a job is: a twentieth of a second or more. */
const REFERENCES_PER_MESSAGE = 4_000_000;

const answer = (message: JobAnswer): void => parentPort?.postMessage(message);

parentPort?.on('message', ({ job, content }: JobMessage) => {
  try {
    let replayed = 0;
    performJob(job, content, {
      counts: (counts) => answer({ kind: 'counts', counts }),
      replayed: (references) => {
        replayed += references;
        if (replayed < REFERENCES_PER_MESSAGE) return;
        answer({ kind: 'replayed', references: replayed });
        replayed = 0;
      },
    });
    answer({ kind: 'done' });
  } catch (error) {
    // Arrays that do not fit are the one failure to be expected.
    if (!(error instanceof RangeError)) throw error;
    answer({ kind: 'failed', reason: error.message });
  }
});
