// How frames were divided over time, in a bounded number of equal pieces: when there are too many, two become one.
// Cost: 8 bytes x (processes + 3) for each of at most 512 pieces.

/** A piece of time. */
export interface TimelinePiece {
  readonly seconds: number;
  /** Shares of the time. */
  readonly processorUse: number;
  readonly deviceUse: number;
  /** Frames that each process held, on average. */
  readonly frames: readonly number[];
}

/** Pieces at most: more than a terminal has columns. */
const MAX_PIECES = 512;

/** Sums of time, and of frames by time, in rows. */
export class Timeline {
  #rows: Float64Array[] = [];
  /** Intervals that make a row. */
  #intervalsPerRow = 1;
  #intervalsInLast = 0;

  /** Takes the next interval. @param frameNs for each process its frames times the nanoseconds that it held them */
  add(ns: number, processorNs: number, deviceNs: number, frameNs: Float64Array): void {
    const row = Float64Array.of(ns, processorNs, deviceNs, ...frameNs);
    const last = this.#rows.at(-1);
    if (last !== undefined && this.#intervalsInLast < this.#intervalsPerRow) {
      addTo(last, row);
      this.#intervalsInLast++;
      return;
    }
    this.#rows.push(row);
    this.#intervalsInLast = 1;
    if (this.#rows.length > MAX_PIECES) this.#halve();
  }

  /** Returns the pieces in order. */
  pieces(): TimelinePiece[] {
    return this.#rows.map(([ns = 0, processorNs = 0, deviceNs = 0, ...frameNs]) => ({
      seconds: ns / 1e9,
      processorUse: processorNs / ns,
      deviceUse: deviceNs / ns,
      frames: frameNs.map((each) => each / ns),
    }));
  }

  #halve(): void {
    const rows = this.#rows;
    const halved: Float64Array[] = [];
    for (let at = 0; at < rows.length; at += 2) {
      const row = rows[at] as Float64Array;
      const next = rows[at + 1];
      if (next !== undefined) addTo(row, next);
      halved.push(row);
    }
    // An odd row at the end is half of one.
    this.#intervalsInLast = rows.length % 2 === 0 ? 2 * this.#intervalsPerRow : this.#intervalsInLast;
    this.#intervalsPerRow *= 2;
    this.#rows = halved;
  }
}

function addTo(row: Float64Array, other: Float64Array): void {
  for (let i = 0; i < other.length; i++) row[i] = (row[i] as number) + (other[i] as number);
}
