// The address space as strips of one character per cell: where the program faulted, and what is in RAM at the end.
//
//     heap   0x0010_0000 to 0x0200_0000, 508 KiB to a column
//       faults  ·▁▁▂▅█▇▃▁·      height on a log scale: the busiest column may have thousands, the others few
//       in RAM  ▂▄███▆▁···      height by share of the column's pages
//
// A dot is zero; anything else shows at least the lowest block. Strips wider than the terminal are merged to fewer columns.

import { PAGE_SIZE } from '../base/index.ts';
import { formatAddress, formatBytes, formatCount } from './quantities.ts';
import type { HeatStrip } from './run-report.ts';
import type { HeatRamp, TextStyle } from './text-style.ts';

const blocks = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const NONE = '·';
const LEFT = '      faults  ';

/** Returns the lines of all strips with a title and a legend. */
export function heatLines(strips: readonly HeatStrip[], width: number, style: TextStyle): string[] {
  const columns = Math.max(16, width - LEFT.length);
  const merged = strips.map((strip) => mergeCells(strip, columns));
  const hottest = Math.max(0, ...merged.flatMap((strip) => strip.faults));
  return [
    style.paint('title', '  Heat of the address space'),
    ...merged.flatMap((strip, index) => stripLines(strip, endOf(strips[index] ?? strip), hottest, style)),
    style.paint('quiet', `    faults: ${NONE} none  ${blocks[0]} 1  to  ${blocks[7]} ${formatCount(hottest)} in a column, log scale`),
    style.paint('quiet', `    in RAM: ${NONE} none  ${blocks[0]} few  to  ${blocks[7]} all pages, at the end`),
  ];
}

/** Adds up neighbouring cells until at most `columns` are left. */
function mergeCells(strip: HeatStrip, columns: number): HeatStrip {
  const group = Math.ceil(strip.faults.length / columns);
  if (group <= 1) return strip;
  const merge = (cells: readonly number[]): number[] =>
    Array.from({ length: Math.ceil(cells.length / group) }, (_, index) =>
      cells.slice(index * group, (index + 1) * group).reduce((sum, cell) => sum + cell, 0),
    );
  return {
    ...strip,
    cellBytes: strip.cellBytes * group,
    faults: merge(strip.faults),
    residentPages: merge(strip.residentPages),
  };
}

// The last of the merged columns may cover less than the others, so the end is the unmerged strip's.
function endOf(strip: HeatStrip): number {
  return strip.start + strip.faults.length * strip.cellBytes;
}

function stripLines(strip: HeatStrip, end: number, hottest: number, style: TextStyle): string[] {
  const range = `${formatAddress(strip.start)} to ${formatAddress(end)}, ${formatBytes(strip.cellBytes)} to a column`;
  const cellPages = strip.cellBytes / PAGE_SIZE;
  return [
    `    ${strip.name}  ${style.paint('quiet', range)}`,
    `${LEFT}${row(strip.faults, (count) => logLevel(count, hottest), 'warm', style)}`,
    `      in RAM  ${row(strip.residentPages, (count) => count / cellPages, 'cool', style)}`,
  ];
}

function row(cells: readonly number[], levelOf: (count: number) => number, ramp: HeatRamp, style: TextStyle): string {
  return cells.map((count) => (count === 0 ? style.paint('quiet', NONE) : block(levelOf(count), ramp, style))).join('');
}

function block(level: number, ramp: HeatRamp, style: TextStyle): string {
  const index = Math.min(blocks.length - 1, Math.floor(level * blocks.length));
  return style.heat(ramp, level, blocks[index] ?? blocks[0]);
}

// 1 is the lowest level, `hottest` the highest.
function logLevel(count: number, hottest: number): number {
  return hottest <= 1 ? 1 : Math.log(count) / Math.log(hottest);
}
