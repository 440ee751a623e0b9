// What an administrator may turn: UVM's sysctls for the page daemon, and the settings of `tick`.

import { IDLE_ZEROED_FRAMES, type SwapReadAhead } from '../system/index.ts';

/** Shares of memory between which the pages of a class are kept, in percent. */
export interface ClassLimits {
  /** Below it the class is protected: its pages go only when nothing else can. */
  readonly minimumPercent: number;
  /** Above it the other classes are protected. */
  readonly maximumPercent: number;
}

/** Settings of one UVM. */
export interface UvmTuning {
  /** Anonymous memory, private or shared (vm.anonmin, vm.anonmax). */
  readonly anon: ClassLimits;
  /** Pages of files (vm.filemin, vm.filemax). */
  readonly file: ClassLimits;
  /** Pages of program images (vm.execmin, vm.execmax). */
  readonly image: ClassLimits;
  /** Ticks without a reference after which `tick` gives a page of an idle space back. */
  readonly idleTicks: number;
  /** Pages in memory below which `tick` does not bring a space. */
  readonly idleFloorPages: number;
  /** Most pages that one `tick` gives back. */
  readonly idlePagesPerTick: number;
  /** Free frames that `tick` keeps zeroed, so that first touches find one. */
  readonly idleZeroedFrames: number;
  /** Pages that come in from swap beside a missing one. */
  readonly swapReadAhead: SwapReadAhead;
}

const NO_LIMITS: ClassLimits = { minimumPercent: 0, maximumPercent: 100 };

/**
 * The default: no limits by class, since recency alone decides better in a small RAM. CPython in 3 MiB reads 2,839 pages from swap and
 * image; 3,041 with NetBSD's minimums, 4,115 with its maximums too. The settings of `tick`, which NetBSD has not, were chosen.
 */
export const defaultTuning: UvmTuning = {
  anon: NO_LIMITS,
  file: NO_LIMITS,
  image: NO_LIMITS,
  idleTicks: 8,
  idleFloorPages: 16,
  idlePagesPerTick: 256,
  idleZeroedFrames: IDLE_ZEROED_FRAMES,
  swapReadAhead: 'adaptive',
};

/** NetBSD's defaults. */
export const netbsdTuning: UvmTuning = {
  ...defaultTuning,
  anon: { minimumPercent: 10, maximumPercent: 80 },
  file: { minimumPercent: 10, maximumPercent: 50 },
  image: { minimumPercent: 5, maximumPercent: 30 },
};
