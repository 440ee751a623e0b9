// One piece of the work of `quire sim`: a policy with some sizes over one trace. Done by a thread of the pool, or in this one.

import { futureOf, lruMissesBySize, Shards, Simulation, type SimulationCounts, StackDistances } from '../src/lab/index.ts';
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

/** What a job tells while it is done. */
export interface JobListener {
  /** The next of its sizes is done. */
  readonly counts: (counts: SimulationCounts) => void;
  /** So many more references have been replayed. */
  readonly replayed: (references: number) => void;
}

/** Does a job. */
export function performJob(job: SimulationJob, content: TraceContent, listener: JobListener): void {
  const policy = policyOf(job.policy);
  const { pages, writes } = content;
  const future = policy.sees === 'future' ? { future: futureOfContent(content) } : {};
  const { warmup, seed } = job;
  const ticks = job.tick === undefined ? {} : { tickReferences: job.tick };
  for (const frames of job.sizes) {
    const simulation = new Simulation({ policy, frames, pages, warmup, seed, ...ticks, ...future });
    for (const { ids, kinds } of piecesOf(content)) {
      simulation.feed(ids, writes === 0 ? undefined : kinds);
      listener.replayed(ids.length);
    }
    listener.counts(simulation.counts());
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

/** LRU's misses for every size. */
export interface LruMisses {
  readonly references: number;
  readonly compulsory: number;
  /** Misses with 0, 1, 2, ... frames up to the pages of the trace. */
  readonly lru: Float64Array;
  /** Pages that were looked at, if not all. */
  readonly sampledPages?: number;
}

/** Pages from which on LRU's curve is made from a sample: exact distances take a second for each few million references then. */
const SAMPLE_FROM_PAGES = 1_000_000;
/** Pages of the sample, about: a hundred times what gives a mean error of a hundredth (Waldspurger et al. 2015, figure 5). */
const SAMPLED_PAGES = 131_072;

/** Returns LRU's whole curve of what follows the warm-up. The event loop has its turn now and then. @param share of the pages to look at; their number decides if it is not said */
export async function lruCurveOf(
  content: TraceContent,
  warmup: number,
  share = shareFor(content.pages),
  replayed: JobListener['replayed'],
): Promise<LruMisses> {
  const { pages, references } = content;
  const curve = share < 1 ? new Shards(pages, share) : new StackDistances(pages);
  let at = 0;
  let seen = 0;
  for (const { ids } of piecesOf(content)) {
    const split = Math.max(0, Math.min(ids.length, warmup - at));
    if (split > 0) {
      const before = ids.subarray(0, split);
      // Ids are given in order of the first reference.
      for (const id of before) if (id >= seen) seen = id + 1;
      curve.feed(before);
      if (at + split === warmup) curve.restart(seen);
    }
    curve.feed(ids.subarray(split));
    at += ids.length;
    replayed(ids.length);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const counts = { references: references - warmup, compulsory: pages - seen };
  if (curve instanceof Shards) return { ...counts, lru: curve.missesBySize(), sampledPages: curve.sampledPages };
  return { ...counts, lru: lruMissesBySize(curve.curve()) };
}

function shareFor(pages: number): number {
  return pages > SAMPLE_FROM_PAGES ? SAMPLED_PAGES / pages : 1;
}
