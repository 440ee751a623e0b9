// The contract of a replacement policy: which resident page should go? Policies see page ids and bits, no kernel types.
//
// There are two families, by what they must be told:
//
//   sees 'bits'         reference bits that hardware sets, read when a victim is sought. A kernel can run these (`ReplacementPolicy`):
//                       loaded, removed, victim. The same object runs in the page daemon and in the simulator.
//   sees 'references'   every single reference. Only a simulator can run these (`ReferencePolicy`): hardware does not tell.
//   sees 'future'       the references to come as well: a bound to measure the others by, no policy for a machine.
//
// All of them replay a trace. Each class brings its own loop, five lines that look alike: a loop shared by all would see all classes
// at its calls, and then nothing is inlined (measured: 2 to 4 times slower).
//
// Protocol of a kernel's policy: a page becomes known by `loaded`; it leaves by `removed` (freed, unmapped) or by being returned from
// `victim`. A caller that decides to keep a victim calls `loaded` again.
//
// Invariants (quoted by `check`):
//   RP1  a page is known at most once; size = number of known pages
//   RP2  victim returns a known page and forgets it, or -1 when none is known
//   RP3  the same calls, bits and seed give the same victims
//   RP4  in a replay size is at most the number of frames

import type { PageBits } from './page-bits.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

/** What a kernel's policy is built over. */
export interface PolicyOptions {
  /** Page ids are integers in [0, capacity). */
  readonly capacity: number;
  /** Pages known at once at most; `capacity` if it is not said. */
  readonly atOnce?: number;
  readonly bits: PageBits;
  /** Seed of every random choice. */
  readonly seed: number;
  /**
   * What a page holds, as 32 bits: for policies that recognise a content that left and is loaded again, under another id. Two contents
   * with one number only mislead them. Default: the id itself.
   */
  readonly identityOf?: (page: number) => number;
  /** Whether the access that loads a page sets its reference bit after `loaded`, as a kernel's does. Default `clear`. */
  readonly bitAtLoad?: 'clear' | 'set';
  /** References from one tick to the next in a replay, at least 1: for policies with a clock interrupt (ticks.ts). Default: the frames. */
  readonly tickReferences?: number;
}

/** One of a policy's queues, for people. */
export interface PolicyQueue {
  /** As in the policy's header: `T1`. */
  readonly name: string;
  /** Whether its pages are resident, or are ghosts: ids of pages that left. */
  readonly holds: 'pages' | 'ghosts';
  /** The order of `pages`: `oldest first`. */
  readonly order: string;
  readonly pages: readonly number[];
  /** What is known of each page beside its place, in the order of `pages`, and what it is called: `bit`, `count`. */
  readonly marks?: { readonly name: string; readonly values: readonly number[] };
  /** Frames that the queue should have; more is too many. */
  readonly share?: number;
  /** The page at which the next search begins, if it is not the first. */
  readonly hand?: number;
}

/** A policy in the simulator: it keeps some of the pages that a trace refers to in a number of frames. */
export interface Replayed {
  readonly name: string;
  /** Known pages. */
  readonly size: number;
  /** Tells whether `page` is known. */
  has(page: number): boolean;
  /**
   * Refers to the pages ids[from], ..., ids[to - 1] in order; every miss loads its page. Writes the positions of the misses, ascending,
   * to `memory.misses` from its start and returns how many there were. Allocates nothing.
   */
  replay(ids: Uint32Array, from: number, to: number, memory: SimulatedMemory): number;
  /** Returns what the policy knows of its pages, between two replays: for explanations. Policies that cannot be explained have it not. */
  describe?(memory: SimulatedMemory): PolicyQueue[];
  /** Walks everything; panics at the first broken invariant. */
  check(): void;
}

/** A replacement policy that a kernel can run. All calls are O(1) amortized and allocate nothing. */
export interface ReplacementPolicy extends Replayed {
  readonly sees: 'bits';
  /** Pages that were passed over because their reference bit was set. */
  readonly reactivations: number;
  /** A page became resident. Panics (RP1) if it is known. */
  loaded(page: number): void;
  /** A page left for reasons of its own. Panics (RP1) if it is not known. */
  removed(page: number): void;
  /** Chooses a page to give up and forgets it; -1 when none is known. */
  victim(): number;
  /** Advice that a known page will not be needed soon. Policies without the notion ignore it. */
  demoted?(page: number): void;
}

/** Makes a kernel's policy by name. */
export interface PolicyKind {
  readonly name: string;
  readonly sees: 'bits';
  make(options: PolicyOptions): ReplacementPolicy;
}

/** What a policy that sees references is built over. */
export interface ReferencePolicyOptions {
  /** Page ids are integers in [0, pages). */
  readonly pages: number;
  /** Pages that may be resident at once, at least 1. */
  readonly frames: number;
  /** Seed of every random choice. */
  readonly seed: number;
  /** The whole trace, for policies that see the future. */
  readonly future?: Future;
}

/** A trace that is known to its end. */
export interface Future {
  readonly ids: Uint32Array;
  /** For each position the next position that refers to the same page, `ids.length` if there is none. */
  readonly nextUse: Uint32Array;
}

/** Makes a policy that sees references, by name. */
export interface ReferencePolicyKind {
  readonly name: string;
  readonly sees: 'references' | 'future';
  make(options: ReferencePolicyOptions): Replayed;
}

/** Any policy that can replay a trace. */
export type AnyPolicyKind = PolicyKind | ReferencePolicyKind;
