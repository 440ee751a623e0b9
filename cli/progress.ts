// The one live line of a run on a terminal:
//
//   12.3 s   RAM ██████████ 5.8 MiB   faults 43,216   swap in 148.8 MiB, out 156.7 MiB
//
// It is drawn at most ten times a second, and erased before anything else is written to the terminal and at the end. Where the
// standard error is no terminal there is no line. The guest holds the event loop, so the kernel must call `update` now and then.

import { PAGE_SIZE } from '../src/base/index.ts';
import { formatBytes, formatCount, formatSeconds } from '../src/report/index.ts';
import type { Output } from './terminal.ts';

/** What the line shows; all counts since the run began. */
export interface ProgressSnapshot {
  readonly residentPages: number;
  readonly ramPages: number;
  readonly faults: number;
  readonly swapPagesIn: number;
  readonly swapPagesOut: number;
}

/** Milliseconds between two drawings: often enough to look alive. */
const INTERVAL = 100;
/** A run shorter than this shows no line at all. */
const DELAY = 300;
const BAR_CELLS = 10;
/** ECMA-48: to the first column, erase the line. */
const ERASE = '\r\u001b[2K';

/** A line that shows how a run is going. */
export class ProgressLine {
  readonly #output: Output;
  readonly #now: () => number;
  readonly #startedAt: number;
  #dueAt: number;
  #shown: 'shown' | 'hidden' = 'hidden';

  /** @param now a clock in milliseconds */
  constructor(output: Output, now: () => number) {
    this.#output = output;
    this.#now = now;
    this.#startedAt = now();
    this.#dueAt = output.columns === undefined ? Number.POSITIVE_INFINITY : this.#startedAt + DELAY;
  }

  /** Draws the line if it is time; only then is the snapshot taken. Cheap enough for every few hundred traps. */
  update(snapshot: () => ProgressSnapshot): void {
    const now = this.#now();
    if (now < this.#dueAt) return;
    this.#dueAt = now + INTERVAL;
    this.#shown = 'shown';
    const line = lineOf(snapshot(), (now - this.#startedAt) / 1000);
    this.#output.write(`${ERASE}${line.slice(0, (this.#output.columns ?? 0) - 1)}`);
  }

  /** Erases the line. To be called before anyone else writes to the terminal. */
  hide(): void {
    if (this.#shown === 'hidden') return;
    this.#shown = 'hidden';
    this.#output.write(ERASE);
  }
}

function lineOf(snapshot: ProgressSnapshot, seconds: number): string {
  const { residentPages, ramPages, faults, swapPagesIn, swapPagesOut } = snapshot;
  const cells = Math.round((BAR_CELLS * residentPages) / Math.max(1, ramPages));
  const bar = '█'.repeat(cells) + '░'.repeat(Math.max(0, BAR_CELLS - cells));
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
