// Replaying a trace: how often would this policy have missed with that many frames?
//
//   ids (dense, in chunks) -> the policy's own loop -> positions of the misses -> counts
//
// Ids are dense: 0, 1, 2, ... in the order in which pages first appear (`Densifier`). So the first reference to a page is the one
// whose id is as high as the number of pages before it, and nothing need be remembered to tell compulsory misses from others.
//
// The loop is the policy's (paging/replacement-policy.ts says why); it writes down which references missed, and everything that is
// counted, whatever the policy, is counted from that here. A page that misses has left since its last load: if it was written in
// between, that was a dirty eviction. Pages that left and never came back are found at the end.
//
// References before `warmup` fill memory and are counted in nothing.
//
// Cost: the policy's, plus a store for each miss; with writes a byte per page and a second look at each reference.
// Memory: the policy's, plus 64 KiB; 2 bytes per page for policies that read bits.

import { type AnyPolicyKind, type Future, type Replayed, SimulatedMemory } from '../paging/index.ts';

/** References replayed at a time: their ids and the misses among them stay in the processor's nearest caches. */
export const CHUNK = 4096;
/** References fed to one of several simulations before the next one has its turn: enough that its arrays are worth fetching. */
const PIECE = 1 << 18;

/** What is simulated. */
export interface SimulationOptions {
  readonly policy: AnyPolicyKind;
  /** Pages that may be resident at once, at least 1. */
  readonly frames: number;
  /** Ids are integers in [0, pages). May be more than appear: a bound is enough. */
  readonly pages: number;
  /** References at the start that are not counted. Default 0. */
  readonly warmup?: number;
  /** Seed of every random choice. Default 1. */
  readonly seed?: number;
  /** References from one tick to the next, at least 1, for policies with a clock interrupt. Default: the frames. */
  readonly tickReferences?: number;
  /** The whole trace, for policies that see the future. */
  readonly future?: Future;
  /** Gets the misses as they happen, a stretch at a time: `positions[0, count)` are indices of `ids`, as `feed` was given them. */
  readonly missed?: (ids: Uint32Array, positions: Uint32Array, count: number) => void;
}

/** What a simulation counted, without the warm-up. */
export interface SimulationCounts {
  readonly references: number;
  readonly misses: number;
  /** Misses on the first reference to a page in the whole trace: no policy and no memory avoids them. */
  readonly compulsory: number;
  /** Pages that left memory, by whether they had been written since they were loaded. All are clean where writes are not known. */
  readonly evictions: { readonly clean: number; readonly dirty: number };
}

/** Makes a policy and the memory that it replays a trace with, at most `CHUNK` references at a time. */
export function replayedPolicy({ policy, frames, pages, seed = 1, future, tickReferences }: Omit<SimulationOptions, 'warmup'>): {
  readonly policy: Replayed;
  readonly memory: SimulatedMemory;
} {
  const memory = new SimulatedMemory({ pages: policy.sees === 'bits' ? pages : 0, frames, chunk: CHUNK });
  const made =
    policy.sees === 'bits'
      ? policy.make({ capacity: pages, atOnce: Math.min(frames, pages), bits: memory, seed, ...(tickReferences && { tickReferences }) })
      : policy.make({ pages, frames, seed, ...(future && { future }) });
  return { policy: made, memory };
}

/** One policy with one number of frames, fed with a trace piece by piece. */
export class Simulation {
  readonly #policy: Replayed;
  readonly #memory: SimulatedMemory;
  readonly #pages: number;
  readonly #missed: SimulationOptions['missed'];
  #warmup: number;
  #references = 0;
  #misses = 0;
  #compulsory = 0;
  /** Pages seen so far: the next new one has this id. */
  #seen = 0;
  #residentAtStart = 0;
  #dirtyEvictions = 0;
  /** 1 for pages written since they were last loaded; empty until writes are known. */
  #dirty = new Uint8Array(0);

  constructor(options: SimulationOptions) {
    this.#missed = options.missed;
    this.#pages = options.pages;
    this.#warmup = options.warmup ?? 0;
    ({ policy: this.#policy, memory: this.#memory } = replayedPolicy(options));
  }

  /**
   * Refers to the pages `ids`, dense, in order.
   * @param writes 1 for each of the references that writes, any other number for one that does not. Give them for all pieces or for none.
   */
  feed(ids: Uint32Array, writes?: Uint8Array): void {
    if (writes !== undefined && this.#dirty.length === 0) this.#dirty = new Uint8Array(this.#pages);
    if (writes !== undefined) this.#memory.writes = writes;
    for (let from = 0; from < ids.length; ) {
      const to = Math.min(from + CHUNK, ids.length, this.#warmup > 0 ? from + this.#warmup : ids.length);
      this.#replay(ids, from, to, writes);
      if (this.#warmup > 0) this.#endWarmup(to - from);
      from = to;
    }
  }

  /** Returns the counts up to here. */
  counts(): SimulationCounts {
    if (this.#warmup > 0) return { references: 0, misses: 0, compulsory: 0, evictions: { clean: 0, dirty: 0 } };
    this.#settleDirty();
    const evictions = this.#residentAtStart + this.#misses - this.#policy.size;
    return {
      references: this.#references,
      misses: this.#misses,
      compulsory: this.#compulsory,
      evictions: { clean: evictions - this.#dirtyEvictions, dirty: this.#dirtyEvictions },
    };
  }

  /** Walks the policy; panics at the first broken invariant. */
  check(): void {
    this.#policy.check();
  }

  #replay(ids: Uint32Array, from: number, to: number, writes: Uint8Array | undefined): void {
    const missed = this.#policy.replay(ids, from, to, this.#memory);
    this.#references += to - from;
    this.#misses += missed;
    this.#countCompulsory(ids, missed);
    this.#missed?.(ids, this.#memory.misses, missed);
    if (writes !== undefined) this.#countDirty(ids, writes, from, to, missed);
  }

  #countCompulsory(ids: Uint32Array, missed: number): void {
    const { misses } = this.#memory;
    let seen = this.#seen;
    for (let i = 0; i < missed; i++) if ((ids[misses[i] as number] as number) >= seen) seen++;
    this.#compulsory += seen - this.#seen;
    this.#seen = seen;
  }

  #countDirty(ids: Uint32Array, writes: Uint8Array, from: number, to: number, missed: number): void {
    const { misses } = this.#memory;
    const dirty = this.#dirty;
    let next = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      const isWrite = writes[at] === 1 ? 1 : 0;
      if (next < missed && misses[next] === at) {
        next++;
        this.#dirtyEvictions += dirty[page] as number;
        dirty[page] = isWrite;
      } else if (isWrite === 1) dirty[page] = 1;
    }
  }

  /** Counts the dirty pages that have left and not come back. */
  #settleDirty(): void {
    this.#dirty.forEach((bit, page) => {
      if (bit === 0 || this.#policy.has(page)) return;
      this.#dirtyEvictions++;
      this.#dirty[page] = 0;
    });
  }

  #endWarmup(references: number): void {
    this.#warmup -= references;
    if (this.#warmup > 0) return;
    this.#settleDirty();
    this.#references = this.#misses = this.#compulsory = this.#dirtyEvictions = 0;
    this.#residentAtStart = this.#policy.size;
  }
}

/** Replays a dense trace and returns its counts. See `SimulationOptions` for what is not told here. */
export function simulate(ids: Uint32Array, options: SimulationOptions): SimulationCounts {
  const future = options.policy.sees === 'future' ? { future: futureOf(ids, options.pages) } : {};
  const simulation = new Simulation({ ...future, ...options });
  simulation.feed(ids);
  return simulation.counts();
}

/** Replays a dense trace with several numbers of frames in one pass over it. Returns their counts in the order of `sizes`. */
export function simulateSizes(
  ids: Uint32Array,
  { sizes, ...options }: Omit<SimulationOptions, 'frames'> & { readonly sizes: readonly number[] },
): SimulationCounts[] {
  const future = options.policy.sees === 'future' ? { future: futureOf(ids, options.pages) } : {};
  const simulations = sizes.map((frames) => new Simulation({ ...future, ...options, frames }));
  for (let from = 0; from < ids.length; from += PIECE) {
    const piece = ids.subarray(from, from + PIECE);
    for (const simulation of simulations) simulation.feed(piece);
  }
  return simulations.map((simulation) => simulation.counts());
}

/** A dense trace in pieces, from its start each time it is called. A piece may use the memory of the one before. */
export type TracePieces = () => Iterable<Uint32Array>;

/** Returns a dense trace in one piece: 4 bytes for each reference. */
export function wholeTrace(pieces: TracePieces): Uint32Array {
  let length = 0;
  for (const piece of pieces()) length += piece.length;
  const whole = new Uint32Array(length);
  let at = 0;
  for (const piece of pieces()) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Looks through a dense trace from its end: 4 bytes for each reference. */
export function futureOf(ids: Uint32Array, pages: number): Future {
  const nextUse = new Uint32Array(ids.length);
  const next = new Uint32Array(pages).fill(ids.length);
  for (let at = ids.length - 1; at >= 0; at--) {
    const page = ids[at] as number;
    nextUse[at] = next[page] as number;
    next[page] = at;
  }
  return { ids, nextUse };
}
