// One piece of the work of `quire sim`: a policy with some sizes over one trace. Done by a thread of the pool, or in this one.

import { futureOf, type LruCurve, Simulation, type SimulationCounts, StackDistances } from '../src/lab/index.ts';
import { type Future, replayPolicies } from '../src/paging/index.ts';
import { piecesOf, type TraceContent } from './dense-trace.ts';

/** A policy and sizes to replay a trace with, one after the other. */
export interface SimulationJob {
  /** The name of one of `replayPolicies`. */
  readonly policy: string;
  readonly sizes: readonly number[];
  readonly warmup: number;
  readonly seed: number;
  /** References from one tick to the next; undefined: the frames. */
  readonly tick: number | undefined;
}

/** Bytes for a page that the largest of the policies keep, at most, and what is counted beside them. */
const BYTES_PER_PAGE = 80;
/** Bytes for a reference that the optimum needs: its page and its next use. */
const FUTURE_BYTES = 8;

/** Returns the bytes that a job needs at most. */
export function bytesFor({ policy }: SimulationJob, { pages, references }: TraceContent): number {
  return BYTES_PER_PAGE * pages + (policyOf(policy).sees === 'future' ? FUTURE_BYTES * references : 0);
}

/** Does a job. @param done is called for each of its sizes, in order */
export function performJob(job: SimulationJob, content: TraceContent, done: (counts: SimulationCounts) => void): void {
  const policy = policyOf(job.policy);
  const { pages, writes } = content;
  const future = policy.sees === 'future' ? { future: futureOfContent(content) } : {};
  const { warmup, seed } = job;
  const ticks = job.tick === undefined ? {} : { tickReferences: job.tick };
  for (const frames of job.sizes) {
    const simulation = new Simulation({ policy, frames, pages, warmup, seed, ...ticks, ...future });
    for (const { ids, kinds } of piecesOf(content)) simulation.feed(ids, writes === 0 ? undefined : kinds);
    done(simulation.counts());
  }
}

function policyOf(name: string): (typeof replayPolicies)[number] {
  const policy = replayPolicies.find((each) => each.name === name);
  if (policy === undefined) throw new Error(`no policy ${name}`);
  return policy;
}

function futureOfContent(content: TraceContent): Future {
  const ids = new Uint32Array(content.references);
  let at = 0;
  for (const piece of piecesOf(content)) {
    ids.set(piece.ids, at);
    at += piece.ids.length;
  }
  return futureOf(ids, content.pages);
}

/** Returns LRU's whole curve of what follows the warm-up. The event loop has its turn now and then. */
export async function lruCurveOf(content: TraceContent, warmup: number): Promise<LruCurve> {
  const distances = new StackDistances(content.pages);
  let at = 0;
  let before: LruCurve | undefined;
  for (const { ids } of piecesOf(content)) {
    const split = Math.max(0, Math.min(ids.length, warmup - at));
    distances.feed(ids.subarray(0, split));
    if (at + split === warmup) before ??= distances.curve();
    distances.feed(ids.subarray(split));
    at += ids.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { references, compulsory, hits } = distances.curve();
  const uncounted = before ?? { references: 0, compulsory: 0, hits: new Float64Array(0) };
  return {
    references: references - uncounted.references,
    compulsory: compulsory - uncounted.compulsory,
    hits: hits.map((count, distance) => count - (uncounted.hits[distance] ?? 0)),
  };
}
