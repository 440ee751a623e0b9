// When is memory thrashing? Looked at in intervals of a hundred reads of the device.
//
//   an interval thrashes if   the processor was used for less than a share of it (half, unless said otherwise),
//                             the device was at work for more than nine tenths of it,
//                             at least half of the faults were for pages that had been in memory before, and
//                             at some fault no more than an eighth of the frames was free
//
// The third condition tells it from programs that start, or read a file once; the fourth from designs that keep frames free although processes
// would need them, such as working sets with too short a window. Neighbouring intervals are shown as one.
// Source: Denning 1968, "Thrashing: Its Causes and Prevention": processors idle, the paging device saturated; the numbers are ours.

/** Nanoseconds, and what happened between them. */
export interface Interval {
  readonly fromNs: number;
  readonly toNs: number;
  readonly processorNs: number;
  readonly deviceNs: number;
  readonly faults: number;
  /** Faults for pages that had been in memory before. */
  readonly refaults: number;
  /** Frames that were free at the fault that found the fewest. */
  readonly leastFree: number;
}

/** A time in which memory thrashed. */
export interface ThrashingPeriod {
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

/** Reads of one page that an interval is long. */
export const READS_PER_INTERVAL = 100;
const DEVICE_SHARE = 0.9;
const REFAULT_SHARE = 0.5;
const FREE_SHARE = 1 / 8;

/** Collects intervals that thrash. */
export class ThrashingDetector {
  readonly #processorShare: number;
  readonly #fewFrames: number;
  readonly #periods: { fromNs: number; toNs: number }[] = [];

  /** @param processorShare use of the processor below which it may be thrashing @param frames of the memory */
  constructor(processorShare: number, frames: number) {
    this.#processorShare = processorShare;
    this.#fewFrames = frames * FREE_SHARE;
  }

  /** Takes the next interval. Returns whether it thrashes. */
  add({ fromNs, toNs, processorNs, deviceNs, faults, refaults, leastFree }: Interval): boolean {
    const length = toNs - fromNs;
    const isIdle = processorNs < this.#processorShare * length;
    const isSaturated = deviceNs > DEVICE_SHARE * length;
    const isShort = leastFree <= this.#fewFrames;
    if (!isIdle || !isSaturated || !isShort || faults === 0 || refaults < REFAULT_SHARE * faults) return false;
    const last = this.#periods.at(-1);
    if (last?.toNs === fromNs) last.toNs = toNs;
    else this.#periods.push({ fromNs, toNs });
    return true;
  }

  /** Returns all periods so far, in order. */
  periods(): ThrashingPeriod[] {
    return this.#periods.map(({ fromNs, toNs }) => ({ fromSeconds: fromNs / 1e9, toSeconds: toNs / 1e9 }));
  }
}
