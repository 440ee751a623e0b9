// What a multiprogramming simulation comes to, as numbers for reports.

import type { ThrashingPeriod } from './thrashing.ts';
import type { TimelinePiece } from './timeline.ts';

/** What became of one process. Times in seconds of the model. */
export interface ProcessOutcome {
  readonly name: string;
  readonly references: number;
  readonly pages: number;
  readonly faults: number;
  /** Faults for pages that had been in memory before. */
  readonly refaults: number;
  /** When it ended. */
  readonly endSeconds: number;
  readonly processorSeconds: number;
  /** Waiting for pages and for frames. */
  readonly pagingSeconds: number;
  /** Waiting for the processor. */
  readonly readySeconds: number;
  readonly outSeconds: number;
  readonly timesSwappedOut: number;
  /** On average until it ended. */
  readonly meanFrames: number;
  readonly peakFrames: number;
}

/** What became of all. */
export interface SharingOutcome {
  readonly design: string;
  readonly frames: number;
  readonly seconds: number;
  /** Shares of the time. */
  readonly processorUse: number;
  readonly deviceUse: number;
  readonly faults: number;
  readonly refaults: number;
  readonly processes: readonly ProcessOutcome[];
  readonly evictions: { readonly clean: number; readonly dirty: number };
  readonly device: { readonly reads: number; readonly pagesRead: number; readonly writes: number; readonly pagesWritten: number };
  /** Pages read before they were asked for; useful if they were used before they left. */
  readonly ahead: { readonly read: number; readonly useful: number; readonly useless: number };
  /** Processes swapped out and back in. */
  readonly swaps: { readonly out: number; readonly in: number };
  /** Bytes of resident pages that no reference is ever to. */
  readonly fragmentation: { readonly meanBytes: number; readonly peakBytes: number };
  readonly thrashing: readonly ThrashingPeriod[];
  readonly timeline: readonly TimelinePiece[];
}
