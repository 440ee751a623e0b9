// What a torture trial does, as plain data: a machine, and steps that several address spaces take in turn. A script is JSON, so a failure can
// be kept in a file, cut down and played again.
//
// A step never refers to the outcome of another: spaces are named by a number taken modulo the spaces that live, pages by their
// absolute number. So any step can be left out and the others still mean something, which is what shrinking needs.

import type { LargePages } from '../../src/pmap/index.ts';
import type { Advice, Inheritance, LockScope, SpaceLimits } from '../../src/system/index.ts';

/** Pages of a space: two page tables' worth, so that areas lie across the border of two tables and machines are cheap. */
export const SPACE_PAGES = 2048;
/** The break area. */
export const BREAK_FIRST = 16;
/** End of the break area; mappings without a place lie above it. */
export const BREAK_LIMIT = 64;
/** Where most steps happen: across a border of page tables. */
export const AREA_FIRST = 1000;
/** Pages of that area. */
export const AREA_PAGES = 64;
/** Pages at the top of the space, where mappings without a place go. */
export const TOP_PAGES = 32;
/** Spaces alive at once. */
export const MAX_SPACES = 4;
/** Pages of each file and of each shared memory object. */
export const OBJECT_PAGES = 24;

/** Number 0 and 1: files; 2: an image, which cannot be written; 3 and 4: shared memory; 5: a device. */
export const OBJECT_COUNT = 6;
/** The first objects that are shared memory. */
export const FIRST_SHARED_MEMORY = 3;
/** The image. */
export const IMAGE = 2;

/** The device. */
export const DEVICE = 5;
/** Frames of the device: its pages are these, over and over again. */
export const DEVICE_FRAMES = 4;

/** Swap devices beside the first, for `swapOn`. */
export const EXTRA_DEVICES = 2;

/** Where a new area is to go: `anywhere` ignores the page. */
export type Placing = 'fixed' | 'hint' | 'anywhere';

/** Pages [page, page + pages) of a space. */
interface OfRange {
  readonly space: number;
  readonly page: number;
  readonly pages: number;
}

/** Takes `pages` of space `space` from `page` on to space `to`. */
interface Passing extends OfRange {
  readonly to: number;
  readonly how: Placing;
  readonly target: number;
}

/** One request, or one access. */
export type Step =
  | { readonly do: 'load'; readonly space: number; readonly page: number; readonly offset: number; readonly size: number }
  | {
      readonly do: 'store';
      readonly space: number;
      readonly page: number;
      readonly offset: number;
      readonly size: number;
      readonly value: number;
    }
  | (OfRange & {
      readonly do: 'map';
      readonly how: Placing;
      readonly protection: number;
      readonly sharing: 'private' | 'shared';
      /** Number of the object, modulo those there are; -1 for anonymous memory. */
      readonly object: number;
      readonly offset: number;
      readonly commitment: 'committed' | 'reserved';
      /** Pages that private anonymous memory may grow down by; 0: it is no stack. */
      readonly grows?: number;
    })
  | (OfRange & { readonly do: 'unmap' | 'sync' | 'lock' | 'unlock' | 'residency' | 'decommit' })
  | (OfRange & { readonly do: 'protect' | 'commit'; readonly protection: number })
  | (OfRange & { readonly do: 'advise'; readonly advice: Advice })
  | (OfRange & { readonly do: 'inherit'; readonly inheritance: Inheritance })
  | (OfRange & { readonly do: 'remap'; readonly newPages: number; readonly how: 'here' | 'anywhere' | 'fixed'; readonly target: number })
  | { readonly do: 'fork' | 'exit' | 'unlockAll'; readonly space: number }
  | { readonly do: 'lockAll'; readonly space: number; readonly scope: LockScope }
  /** Sets a limit `room` pages above what is taken, goes up to it and tries to go beyond, and takes it away. */
  | (OfRange & { readonly do: 'limit'; readonly of: keyof SpaceLimits; readonly room: number })
  | { readonly do: 'brk'; readonly space: number; readonly end: number }
  | { readonly do: 'kernelLoan'; readonly space: number; readonly page: number; readonly offset: number; readonly size: number }
  | { readonly do: 'kernelPages'; readonly size: number }
  | { readonly do: 'endLoan'; readonly loan: number }
  | { readonly do: 'transfer'; readonly loan: number; readonly space: number; readonly how: Placing; readonly target: number }
  | (Passing & { readonly do: 'lend' | 'lendWritable' })
  | { readonly do: 'endWritableLoan'; readonly loan: number }
  | (Passing & { readonly do: 'pass'; readonly mode: 'share' | 'copy' | 'move' })
  | { readonly do: 'swapOn'; readonly device: number; readonly priority: number }
  | { readonly do: 'swapOff'; readonly device: number }
  /** Stores to each page of a stretch that a large page could map. */
  | { readonly do: 'fill'; readonly space: number; readonly page: number; readonly value: number }
  | { readonly do: 'reclaim'; readonly frames: number }
  | { readonly do: 'renew'; readonly object: number }
  | { readonly do: 'tick' | 'verify' | 'check' };

/** A step's name. */
export type StepName = Step['do'];
/** The step of a name. */
export type StepOf<Name extends StepName> = Step extends infer Each
  ? Each extends { do: infer Named }
    ? Name extends Named
      ? Each
      : never
    : never
  : never;

/** A request that fails on purpose: number `at` of its kind since the machine began, from 0. */
export interface InjectedFailure {
  readonly kind: 'frames' | 'heap' | 'reads' | 'writes';
  readonly at: number;
}

/** A whole trial. */
export interface Script {
  readonly seed: number;
  /** See `systemNames`, `policyNames`, `frameAllocatorNames`. */
  readonly system: string;
  readonly policy: string;
  readonly allocator: string;
  /** See `kernelHeapNames`, `kernelMapChoices`. */
  readonly kernelHeap: string;
  readonly kernelMap: string;
  /** With `promote` the page tables are `eights`, whose large pages have 8 pages. */
  readonly largePages: LargePages;
  readonly frames: number;
  readonly swapPages: number;
  /** `tight`: RAM or swap may run out, so any request may say ENOMEM (and must then change nothing). `roomy`: none may. */
  readonly memory: 'tight' | 'roomy';
  readonly failures: readonly InjectedFailure[];
  readonly steps: readonly Step[];
}
