// A curve in a terminal, drawn with the dots of braille characters: each holds two columns of four. Points of other curves are letters on it.
//
//   100.0 % |⠑⢄                       x: logarithmic, y: linear
//           |  ⠑⢄ a
//     0.0 % |____⠑⠤⠤⠤
//            1      1,000

import type { MissesAtSize } from '../lab/index.ts';
import { formatCount, formatShare } from './quantities.ts';

/** Points to mark on a chart. */
export interface MarkedPoints {
  /** One character. */
  readonly mark: string;
  readonly points: readonly MissesAtSize[];
}

/** What to draw: misses as a share of references over frames. */
export interface DotChart {
  readonly references: number;
  /** Frames at the right edge, more than 1. */
  readonly most: number;
  /** Returns the misses of the drawn curve with so many frames, 1 to `most`. */
  readonly missesAt: (frames: number) => number;
  readonly marked: readonly MarkedPoints[];
}

const ROWS = 12;
const DOTS_DOWN = 4 * ROWS;
const LABEL_WIDTH = 8;
const BRAILLE = 0x2800;
/** Bits of the dots of a character, left column then right, from the top (Unicode, Braille Patterns). */
const DOT_BITS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;
const AXES_WIDTH = LABEL_WIDTH + 5;
const MOST_COLUMNS = 72;

/** Returns the lines of a chart in at most `width` characters. */
export function dotChartLines(chart: DotChart, width: number): string[] {
  const columns = Math.max(8, Math.min(MOST_COLUMNS, width - AXES_WIDTH));
  const cells = Array.from({ length: ROWS }, () => new Uint8Array(columns));
  drawCurve(chart, cells, columns);
  const rows = cells.map((row) => Array.from(row, (bits) => (bits === 0 ? ' ' : String.fromCharCode(BRAILLE + bits))));
  for (const { mark, points } of chart.marked) {
    for (const { frames, misses } of points) {
      const column = Math.floor(columnOf(frames, chart.most, 2 * columns) / 2);
      const row = rows[Math.floor(rowOf(misses, chart.references) / 4)];
      if (row !== undefined && column < columns) row[column] = mark;
    }
  }
  const lines = rows.map((row, i) => `  ${labelOf(i)} |${row.join('').trimEnd()}`);
  const right = `${formatCount(chart.most)} frames`;
  return [...lines, `  ${' '.repeat(LABEL_WIDTH)}  1${right.padStart(columns - 1)}`];
}

function drawCurve({ references, most, missesAt }: DotChart, cells: readonly Uint8Array[], columns: number): void {
  let above = -1;
  for (let x = 0; x < 2 * columns; x++) {
    const frames = Math.max(1, Math.min(most, Math.round(most ** (x / (2 * columns - 1)))));
    const row = rowOf(missesAt(frames), references);
    // A curve that falls steeply stays in one piece.
    for (let y = above < 0 ? row : Math.min(above + 1, row); y <= row; y++) {
      const line = cells[y >> 2] as Uint8Array;
      line[x >> 1] = (line[x >> 1] as number) | (DOT_BITS[x & 1 ? 1 : 0][(y & 3) as 0 | 1 | 2 | 3] as number);
    }
    above = row;
  }
}

/** Returns the dot row of a share of misses, from the top. */
function rowOf(misses: number, references: number): number {
  return Math.min(DOTS_DOWN - 1, Math.round((1 - misses / references) * (DOTS_DOWN - 1)));
}

function columnOf(frames: number, most: number, dots: number): number {
  return Math.round((Math.log(frames) / Math.log(most)) * (dots - 1));
}

function labelOf(row: number): string {
  const share = row === 0 ? formatShare(1, 1) : row === ROWS - 1 ? formatShare(0, 1) : '';
  return share.padStart(LABEL_WIDTH);
}
