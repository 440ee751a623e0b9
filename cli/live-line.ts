// One line on a terminal that changes while something takes its time.
//
// It is drawn at most ten times a second, and erased before anything else is written to the terminal and at the end. Where the
// standard error is no terminal there is no line.

import type { Output } from './terminal.ts';

/** Milliseconds between two drawings: often enough to look alive. */
const INTERVAL = 100;
/** Work shorter than this shows no line at all. */
const DELAY = 300;
/** ECMA-48: to the first column, erase the line. */
const ERASE = '\r\u001b[2K';

const BAR_CELLS = 10;

/** Returns a bar that is filled to a share from 0 to 1. */
export function barOf(share: number): string {
  const cells = Math.round(BAR_CELLS * share);
  return '█'.repeat(cells) + '░'.repeat(Math.max(0, BAR_CELLS - cells));
}

/** A line that is drawn over itself. */
export class LiveLine {
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

  /** Draws the line if it is time; only then is its text asked for. Cheap enough for every few hundred traps. @param text takes the seconds since the start */
  update(text: (seconds: number) => string): void {
    const now = this.#now();
    if (now < this.#dueAt) return;
    this.#dueAt = now + INTERVAL;
    this.#shown = 'shown';
    const line = text((now - this.#startedAt) / 1000);
    this.#output.write(`${ERASE}${line.slice(0, (this.#output.columns ?? 0) - 1)}`);
  }

  /** Erases the line. To be called before anyone else writes to the terminal. */
  hide(): void {
    if (this.#shown === 'hidden') return;
    this.#shown = 'hidden';
    this.#output.write(ERASE);
  }
}
