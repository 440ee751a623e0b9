// One reference at a time: what a policy did, what it chose from, and why.
//
//   find the N-th eviction     replay in chunks until there were N of them
//   look at it                 replay again up to that chunk, then reference by reference; describe the policy before and after the one
//   look ahead                 read on until every page that was in memory has been used again
//
// A policy is deterministic (RP3), so the second replay is the first. Nothing here is known to a policy, except to the optimum.
//
// Cost: two replays of the trace up to the eviction and 16 bytes for each page; the optimum needs the whole trace in memory.

import type { AnyPolicyKind, PolicyQueue, Replayed, SimulatedMemory } from '../paging/index.ts';
import { reasonOf } from './eviction-reason.ts';
import { CHUNK, futureOf, replayedPolicy, type TracePieces, wholeTrace } from './simulate.ts';

/** Which eviction of which policy. */
export interface ExplanationOptions {
  /** One that `canExplain` knows. */
  readonly policy: AnyPolicyKind;
  /** Frames, at least 1. */
  readonly frames: number;
  /** Ids are integers in [0, pages). */
  readonly pages: number;
  readonly seed: number;
  /** The first eviction is 1. */
  readonly eviction: number;
  /** Returns the number that a page has in the trace. */
  readonly pageNumber: (id: number) => number;
}

/** A page that could have gone. Pages have the numbers of the trace. */
export interface Candidate {
  readonly page: number;
  readonly queue: string;
  /** 1 = first in the queue's order. */
  readonly place: number;
  /** What the policy knows of it beside its place, if anything. */
  readonly mark?: { readonly name: string; readonly value: number };
  /** References ago. */
  readonly loadedAgo: number;
  readonly usedAgo: number;
  /** References from now on; null = never again. */
  readonly nextUseIn: number | null;
}

/** Why a page went. */
export interface EvictionExplanation {
  readonly policy: string;
  readonly frames: number;
  readonly eviction: number;
  /** Which reference of the trace it was, from 1. */
  readonly reference: number;
  readonly loaded: number;
  readonly victim: number;
  /** Follows "since". */
  readonly reason: string;
  /** In the order of the policy's queues. */
  readonly candidates: readonly Candidate[];
  /** Ids of pages that left and that the policy remembers. */
  readonly ghosts: readonly { readonly name: string; readonly pages: readonly number[] }[];
  /** The page that is needed last, if at all: the optimum's choice from the same memory. */
  readonly optimum: number;
}

/** What a policy did at one reference. Pages are ids. */
export interface Step {
  readonly outcome: 'hit' | 'miss';
  /** The page that went, if one did. */
  readonly victim?: number;
  /** The policy's queues before the reference; missing at a hit. */
  readonly before?: readonly PolicyQueue[];
  /** Follows "since"; missing where nothing went. */
  readonly reason?: string;
}

/** Refers to ids[at] with a policy that describes itself, and tells what happened. */
export function stepWith(
  { policy, memory }: { readonly policy: Replayed; readonly memory: SimulatedMemory },
  ids: Uint32Array,
  at: number,
  nameOf: (page: number) => string,
): Step {
  const loaded = ids[at] as number;
  if (policy.has(loaded)) {
    policy.replay(ids, at, at + 1, memory);
    return { outcome: 'hit' };
  }
  const before = queuesOf(policy, memory);
  policy.replay(ids, at, at + 1, memory);
  const victim = residentsOf(before).find((page) => !policy.has(page));
  if (victim === undefined) return { outcome: 'miss', before };
  const reason = reasonOf(policy.name, { victim, loaded, before, after: queuesOf(policy, memory), nameOf });
  return { outcome: 'miss', before, victim, ...(reason !== undefined && { reason }) };
}

/** Explains an eviction. Returns how many there were instead if there were fewer. */
export function explainEviction(pieces: TracePieces, options: ExplanationOptions): EvictionExplanation | { readonly evictions: number } {
  const { policy, pages } = options;
  const future = policy.sees === 'future' ? futureOf(wholeTrace(pieces), pages) : undefined;
  const make = () => replayedPolicy({ ...options, ...(future && { future }) });
  const found = findChunk(pieces, make(), options.eviction);
  if (!('start' in found)) return found;
  return lookAt(pieces, make(), options, found);
}

/** Where to look: a position of the trace, with so many evictions before it. */
interface Place {
  readonly start: number;
  readonly evictions: number;
}

type Replay = ReturnType<typeof replayedPolicy>;

function findChunk(pieces: TracePieces, { policy, memory }: Replay, wanted: number): Place | { readonly evictions: number } {
  let start = 0;
  let misses = 0;
  let evictions = 0;
  for (const ids of pieces()) {
    for (let from = 0; from < ids.length; from += CHUNK) {
      const to = Math.min(ids.length, from + CHUNK);
      misses += policy.replay(ids, from, to, memory);
      if (misses - policy.size >= wanted) return { start: start + from, evictions };
      evictions = misses - policy.size;
    }
    start += ids.length;
  }
  return { evictions };
}

/** Replays up to the place as `findChunk` did, then goes step by step. */
function lookAt(pieces: TracePieces, replay: Replay, options: ExplanationOptions, place: Place): EvictionExplanation {
  const lookback = new Lookback(replay, options, place);
  for (const ids of pieces()) {
    const found = lookback.feed(ids);
    if (found !== undefined) return explanationOf(pieces, options, found);
  }
  throw new Error(`${options.policy.name} did not do the same a second time`);
}

/** A replay that remembers when pages were loaded and used, and stops at an eviction. */
class Lookback {
  readonly #replay: Replay;
  readonly #options: ExplanationOptions;
  readonly #place: Place;
  readonly #loadedAt: Float64Array;
  readonly #usedAt: Float64Array;
  #evictions: number;
  /** Position of the first reference of the piece. */
  #start = 0;

  constructor(replay: Replay, options: ExplanationOptions, place: Place) {
    this.#replay = replay;
    this.#options = options;
    this.#place = place;
    this.#evictions = place.evictions;
    this.#loadedAt = new Float64Array(options.pages);
    this.#usedAt = new Float64Array(options.pages);
  }

  feed(ids: Uint32Array): Found | undefined {
    for (let at = 0; at < ids.length; ) {
      if (this.#start + at < this.#place.start) at = this.#skip(ids, at, Math.min(ids.length, at + CHUNK));
      else {
        const found = this.#step(ids, at++);
        if (found !== undefined) return found;
      }
    }
    this.#start += ids.length;
    return undefined;
  }

  /** Replays ids[from], ..., ids[to - 1], all before the place. Returns `to`. */
  #skip(ids: Uint32Array, from: number, to: number): number {
    const { policy, memory } = this.#replay;
    const missed = policy.replay(ids, from, to, memory);
    for (const at of memory.misses.subarray(0, missed)) this.#loadedAt[ids[at] as number] = this.#start + at;
    for (let at = from; at < to; at++) this.#usedAt[ids[at] as number] = this.#start + at;
    return to;
  }

  #step(ids: Uint32Array, at: number): Found | undefined {
    const { policy, memory } = this.#replay;
    const loaded = ids[at] as number;
    const now = this.#start + at;
    if (!policy.has(loaded)) {
      if (this.#evictions === this.#options.eviction - 1) {
        const step = stepWith(this.#replay, ids, at, (id) => String(this.#options.pageNumber(id)));
        if (step.victim !== undefined) return { step, loaded, now, loadedAt: this.#loadedAt, usedAt: this.#usedAt };
      } else {
        const before = policy.size;
        policy.replay(ids, at, at + 1, memory);
        this.#evictions += before + 1 - policy.size;
      }
      this.#loadedAt[loaded] = now;
    } else policy.replay(ids, at, at + 1, memory);
    this.#usedAt[loaded] = now;
    return undefined;
  }
}

interface Found {
  readonly step: Step;
  readonly loaded: number;
  readonly now: number;
  readonly loadedAt: Float64Array;
  readonly usedAt: Float64Array;
}

function explanationOf(
  pieces: TracePieces,
  options: ExplanationOptions,
  { step, loaded, now, loadedAt, usedAt }: Found,
): EvictionExplanation {
  const { pageNumber, policy, frames, eviction } = options;
  const queues = step.before ?? [];
  const nextUses = nextUsesOf(pieces, residentsOf(queues), now);
  const candidates = queues
    .filter(({ holds }) => holds === 'pages')
    .flatMap((queue) =>
      queue.pages.map((page, i): Candidate => {
        const nextUse = nextUses.get(page);
        return {
          page: pageNumber(page),
          queue: queue.name,
          place: i + 1,
          ...(queue.marks && { mark: { name: queue.marks.name, value: queue.marks.values[i] as number } }),
          loadedAgo: now - (loadedAt[page] as number),
          usedAgo: now - (usedAt[page] as number),
          nextUseIn: nextUse === undefined ? null : nextUse - now,
        };
      }),
    );
  const victim = pageNumber(step.victim as number);
  return {
    policy: policy.name,
    frames,
    eviction,
    reference: now + 1,
    loaded: pageNumber(loaded),
    victim,
    reason: step.reason ?? '',
    candidates,
    ghosts: queues.filter(({ holds }) => holds === 'ghosts').map(({ name, pages }) => ({ name, pages: pages.map(pageNumber) })),
    optimum: neededLast(candidates, victim),
  };
}

/** Returns the candidate with the farthest next use: the victim, if no other's is farther. */
function neededLast(candidates: readonly Candidate[], victim: number): number {
  const waitOf = (page: number): number => candidates.find((each) => each.page === page)?.nextUseIn ?? Number.POSITIVE_INFINITY;
  let last = victim;
  let wait = waitOf(victim);
  for (const { page, nextUseIn } of candidates) {
    if ((nextUseIn ?? Number.POSITIVE_INFINITY) <= wait) continue;
    last = page;
    wait = nextUseIn ?? Number.POSITIVE_INFINITY;
  }
  return last;
}

/** Returns the position of the next use after `now` of each of the pages that has one. */
function nextUsesOf(pieces: TracePieces, pages: readonly number[], now: number): Map<number, number> {
  const wanted = new Set(pages);
  const found = new Map<number, number>();
  let start = 0;
  for (const ids of pieces()) {
    for (let at = Math.max(0, now + 1 - start); at < ids.length && wanted.size > 0; at++) {
      const page = ids[at] as number;
      if (wanted.delete(page)) found.set(page, start + at);
    }
    if (wanted.size === 0) break;
    start += ids.length;
  }
  return found;
}

function queuesOf(policy: Replayed, memory: SimulatedMemory): PolicyQueue[] {
  const queues = policy.describe?.(memory);
  if (queues === undefined) throw new Error(`${policy.name} does not describe itself`);
  return queues;
}

function residentsOf(queues: readonly PolicyQueue[]): number[] {
  return queues.filter(({ holds }) => holds === 'pages').flatMap(({ pages }) => pages);
}
