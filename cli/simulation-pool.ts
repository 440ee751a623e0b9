// Simulations on all cores: threads that take one job after the other. Results come in any order and say where they belong.
//
// With one thread everything happens in this one, and so it does when the command runs from its TypeScript sources, as in tests: Node
// 20 starts no thread from those.

import { availableParallelism } from 'node:os';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { UsageError } from '../src/base/index.ts';
import type { SimulationCounts } from '../src/lab/index.ts';
import { formatBytes } from '../src/report/index.ts';
import type { TraceContent } from './dense-trace.ts';
import { bytesFor, performJob, type SimulationJob } from './simulation-job.ts';
import type { JobAnswer, JobMessage } from './simulation-worker.ts';

/** Takes what comes of jobs. */
export interface ResultSink {
  /** A result: which job of the list, which of its sizes. */
  readonly result: (job: number, size: number, counts: SimulationCounts) => void;
  /** So many more references have been replayed, in whichever jobs; less than a message's worth may not be told. */
  readonly replayed: (references: number) => void;
}

const canStartThreads = import.meta.url.endsWith('.js');

/** Threads that simulate. */
export class SimulationPool {
  readonly #threads: number;
  readonly #workers: Worker[] = [];

  /** @param threads at most so many at once; all cores if it is not said */
  constructor(threads = availableParallelism()) {
    this.#threads = threads;
  }

  /**
   * Does all jobs over a trace. Throws a UsageError if one of them needs more memory than there is; takes fewer threads if only
   * all of them together do. Results that came before a failure have been passed on.
   */
  async run(jobs: readonly SimulationJob[], content: TraceContent, sink: ResultSink): Promise<void> {
    const threads = Math.min(this.#threads, jobs.length, threadsThatFit(jobs, content));
    if (threads === 1 || !canStartThreads) return runHere(jobs, content, sink);
    while (this.#workers.length < threads) this.#workers.push(new Worker(new URL('./simulation-worker.js', import.meta.url)));
    let next = 0;
    const work = async (worker: Worker): Promise<void> => {
      for (let at = next++; at < jobs.length; at = next++) await perform(worker, { job: jobs[at] as SimulationJob, content }, at, sink);
    };
    await Promise.all(this.#workers.slice(0, threads).map(work));
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

/** Returns how many of the jobs may run at once. */
function threadsThatFit(jobs: readonly SimulationJob[], content: TraceContent): number {
  const needs = jobs.map((job) => bytesFor(job, content));
  const most = needs.reduce((a, b) => Math.max(a, b), 0);
  const available = process.availableMemory();
  const greedy = jobs[needs.indexOf(most)];
  if (most > available) {
    throw new UsageError(`${greedy?.policy} needs ${formatBytes(most)} for this trace, and ${formatBytes(available)} of memory are free`);
  }
  return Math.floor(available / most);
}

/** Does all jobs in this thread; the event loop has its turn between them. */
async function runHere(jobs: readonly SimulationJob[], content: TraceContent, sink: ResultSink): Promise<void> {
  for (const [at, job] of jobs.entries()) {
    let size = 0;
    performJob(job, content, { counts: (counts) => sink.result(at, size++, counts), replayed: sink.replayed });
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function perform(worker: Worker, message: JobMessage, at: number, sink: ResultSink): Promise<void> {
  return new Promise((resolve, reject) => {
    let size = 0;
    const end = (settle: () => void): void => {
      worker.off('message', onAnswer).off('error', onError);
      settle();
    };
    const take = (answer: JobAnswer): void => {
      if (answer.kind === 'counts') sink.result(at, size++, answer.counts);
      else if (answer.kind === 'replayed') sink.replayed(answer.references);
      else if (answer.kind === 'done') end(resolve);
      else end(() => reject(new UsageError(`${message.job.policy} with this trace does not fit in memory: ${answer.reason}`)));
    };
    // What the sink throws, a full disk say, is this job's failure: out of an event it would end the process.
    const onAnswer = (answer: JobAnswer): void => {
      try {
        take(answer);
      } catch (error) {
        end(() => reject(error));
      }
    };
    const onError = (error: Error): void => end(() => reject(error));
    worker.on('message', onAnswer).on('error', onError);
    worker.postMessage(message);
  });
}
