// The one live line of a run on a terminal:
//
//   12.3 s   RAM ██████████ 5.8 MiB   faults 43,216   swap in 148.8 MiB, out 156.7 MiB
//
// The guest holds the event loop, so the kernel must call `update` now and then.

import { PAGE_SIZE } from '../src/base/index.ts';
import { formatBytes, formatCount, formatSeconds } from '../src/report/index.ts';
import { barOf, LiveLine } from './live-line.ts';
import type { Output } from './terminal.ts';

/** What the line shows; all counts since the run began. */
export interface ProgressSnapshot {
  readonly residentPages: number;
  readonly ramPages: number;
  readonly faults: number;
  readonly swapPagesIn: number;
  readonly swapPagesOut: number;
}

/** A line that shows how a run is going. */
export class ProgressLine {
  readonly #line: LiveLine;

  /** @param now a clock in milliseconds */
  constructor(output: Output, now: () => number) {
    this.#line = new LiveLine(output, now);
  }

  /** Draws the line if it is time; only then is the snapshot taken. Cheap enough for every few hundred traps. */
  update(snapshot: () => ProgressSnapshot): void {
    this.#line.update((seconds) => lineOf(snapshot(), seconds));
  }

  /** Erases the line. To be called before anyone else writes to the terminal. */
  hide(): void {
    this.#line.hide();
  }
}

function lineOf(snapshot: ProgressSnapshot, seconds: number): string {
  const { residentPages, ramPages, faults, swapPagesIn, swapPagesOut } = snapshot;
  const bar = barOf(residentPages / Math.max(1, ramPages));
  return [
    formatSeconds(seconds),
    `RAM ${bar} ${size(residentPages)} of ${size(ramPages)}`,
    `faults ${formatCount(faults)}`,
    `swap in ${size(swapPagesIn)}, out ${size(swapPagesOut)}`,
  ].join('   ');
}

function size(pages: number): string {
  return formatBytes(pages * PAGE_SIZE);
}
