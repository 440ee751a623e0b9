// Miniature simulation: any policy's misses from a sample of the pages, in a memory as many times smaller.
//
//   whole: N references, C frames      sample: about R x N references, R x C frames      misses: the sample's, divided by R
//
// As in shards.ts the references that the sample has too few or too many of count as hits.
// Sizes of which the sample's memory has only a few frames say little: policies behave oddly there.
// Source: Waldspurger, Saemundsson, Ahmad, Park, "Cache Modeling and Optimization using Miniature Simulations", ATC 2017.

import type { AnyPolicyKind } from '../paging/index.ts';
import { PageSample } from './page-sample.ts';
import { futureOf, Simulation, type TracePieces, wholeTrace } from './simulate.ts';

/** What is simulated in small. */
export interface MiniatureOptions {
  readonly policy: AnyPolicyKind;
  /** Frames, at least 1 each. */
  readonly sizes: readonly number[];
  /** Distinct pages of the trace: ids are integers in [0, pages). */
  readonly pages: number;
  /** Share of the pages to look at, above 0 and up to 1. */
  readonly share: number;
  /** Seed of every random choice. */
  readonly seed: number;
}

/** Returns the estimated misses, whole numbers, for each size. */
export function miniatureMisses(pieces: TracePieces, { policy, sizes, pages, share, seed }: MiniatureOptions): number[] {
  const sample = new PageSample(pages, share);
  const { rate } = sample;
  const chunks = Array.from(pieces(), (ids) => sample.of(ids).slice());
  const future =
    policy.sees === 'future'
      ? {
          future: futureOf(
            wholeTrace(() => chunks),
            sample.pages,
          ),
        }
      : {};
  const missing = rate * sample.references - sample.sampled;
  return sizes.map((frames) => {
    const simulation = new Simulation({ policy, frames: Math.max(1, Math.round(frames * rate)), pages: sample.pages, seed, ...future });
    for (const ids of chunks) simulation.feed(ids);
    const hits = sample.sampled - simulation.counts().misses + missing;
    return Math.round(Math.min(sample.references, Math.max(pages, sample.references - hits / rate)));
  });
}
