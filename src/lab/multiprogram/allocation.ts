// The contract of an allocation design: how many frames does each process get, and which of whose pages goes when one is wanted?
//
//   the processor runs process p:      advance(p)         references until one is to a page that is not in memory
//   p has faulted:                     faulted(p)         the design looks at p's history; pages may leave
//   a frame is wanted for p:           mayGrow(p)         yes, and one is free: take it
//                                      victim(p)          else a page goes: p's own or another's, as the design has it
//                                      -1                 every page is one that its process needs: memory is overcommitted
//                                      forcedVictim(p)    then, where load control does not send a process away, one of these goes
//   its page has a frame:              loaded(page, p)
//
// Pages that a design lets go on its own account it gives to `memory.leave`. Pages that are held are never chosen.

import type { SharedMemory } from './shared-memory.ts';

/** What a design is built over. */
export interface AllocationOptions {
  readonly memory: SharedMemory;
  /** Seed of every random choice. */
  readonly seed: number;
  /** References of a process for which a page stays in its working set. */
  readonly window: number;
  /** Virtual time between two faults of a process below which it gets a frame, and from which on it loses some. */
  readonly faultInterval: { readonly short: number; readonly long: number };
  readonly partitions: 'equal' | 'proportional';
}

/** A design at work. Everything is O(1) amortized unless the design's file says otherwise. */
export interface Allocation {
  /** Refers to the references [from, to) of a process until one is to a page that is not resident. Returns its position, or `to`. */
  advance(process: number, from: number, to: number): number;
  /** The reference at `at` was to a page that is not resident. */
  faulted(process: number, at: number): void;
  /** Tells whether the process may take a free frame; if not, it replaces. */
  mayGrow(process: number): boolean;
  /** Chooses a page that is to go for one of `process`, and forgets it. Returns -1 if there is none that is not needed. */
  victim(process: number): number;
  /** The same, at the cost of a page that is needed. Returns -1 only if all pages are held. */
  forcedVictim(process: number): number;
  /** A page got a frame. */
  loaded(page: number, process: number): void;
  /** A page lost its frame by the scheduler's decision. */
  removed(page: number, process: number): void;
  /** Processes ended, were swapped out or came back. @param inMemory 1 for each process that is there */
  populationChanged(inMemory: Uint8Array): void;
  /** An interval of the scheduler ended. */
  intervalEnded(): void;
  /** Walks everything; panics at the first broken invariant. */
  check(): void;
}

/** Makes a design by name. */
export interface AllocationKind {
  readonly name: string;
  /** `known`: it keeps for each process the pages that it needs, so that free frames are really free. */
  readonly needs: 'known' | 'unknown';
  make(options: AllocationOptions): Allocation;
}
