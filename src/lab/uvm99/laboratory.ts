// What the experiments are given, and how they compare the two managers: the same work on each, in turns.

import type { Stopwatch } from '../../process/index.ts';
import type { FunctionOptimizer } from '../../wasm/index.ts';
import { type Sides, sides } from '../comparison.ts';

/** A real program for the experiment on page faults. */
export interface LabProgram {
  /** What it does, in a word or two. */
  readonly name: string;
  /** The published command that it stands for, if any: a key of the paper's table 2. */
  readonly standsFor?: string;
  readonly module: Uint8Array;
  /** Its arguments, its own name first. */
  readonly args: readonly string[];
}

/** What an experiment is given. */
export interface Laboratory {
  /** A clock in milliseconds, as fine as there is. */
  readonly now: Stopwatch;
  /** `quick`: fewer points and repeats, to see that everything works; its times mean little. */
  readonly effort: 'full' | 'quick';
  readonly programs: readonly LabProgram[];
  /** Has their functions optimized before they run. */
  readonly optimize?: FunctionOptimizer;
}

/** One of the two managers that the paper compares. */
export interface Contestant {
  /** Its name in `systemNames`. */
  readonly system: string;
  /**
   * Who keeps a file's object, and the pages in it, while nobody maps it. `vnode`: the file system, as long as it remembers the file.
   * `manager`: the memory manager, in a cache of its own; it finds the object again by its pager.
   */
  readonly fileObjects: 'vnode' | 'manager';
}

/** The rivals, in the order of the paper's columns. */
export const contestants = {
  bsd: { system: 'bsdvm', fileObjects: 'manager' },
  uvm: { system: 'uvm', fileObjects: 'vnode' },
} as const satisfies Record<string, Contestant>;

/** A result for each contestant. */
export interface Pair<T> {
  readonly bsd: T;
  readonly uvm: T;
}

/** Does the same with both. */
export function forBoth<T>(work: (contestant: Contestant) => T): Pair<T> {
  return { bsd: work(contestants.bsd), uvm: work(contestants.uvm) };
}

/** Takes one number out of both results, with the ratio. */
export function sidesOf<T>({ bsd, uvm }: Pair<T>, quantity: (result: T) => number): Sides {
  return sides(quantity(bsd), quantity(uvm));
}

/** Returns the least milliseconds that each side's work takes. They take turns, so that a slow moment of the machine meets both. */
export function leastTimes({ now }: Laboratory, turns: number, work: Pair<() => void>): Pair<number> {
  const least = { bsd: Number.POSITIVE_INFINITY, uvm: Number.POSITIVE_INFINITY };
  const time = (side: 'bsd' | 'uvm', run: () => void): void => {
    const start = now();
    run();
    least[side] = Math.min(least[side], now() - start);
  };
  for (let turn = 0; turn < turns; turn++) {
    time('bsd', work.bsd);
    time('uvm', work.uvm);
  }
  return least;
}
