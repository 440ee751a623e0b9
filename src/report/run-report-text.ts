// A run's report for people: what happened, with units, and a few words on what each number means.
//
//   head       what ran and how it ended; the fault, if one stopped it     (head-text.ts)
//   counters   time, faults, pages in RAM, evictions, kernel memory        (counters-text.ts)
//   devices    the swap devices, where there is more than one             (swap-text.ts)
//   TLBs       what they caught, where some were asked for                 (live-tlb-text.ts)
//   map        the areas, as /proc/PID/maps shows them                     (map-text.ts)
//   heat       the address space as strips of characters                   (heat-text.ts)
//   notes      sentences that the run left
//
// With the MMU off only head, time and notes remain: there is nothing to count.

import { counterLines, timeLines } from './counters-text.ts';
import { headLines } from './head-text.ts';
import { heatLines } from './heat-text.ts';
import { liveTlbLines } from './live-tlb-text.ts';
import { mapLines } from './map-text.ts';
import type { RunReport } from './run-report.ts';
import { swapDeviceLines } from './swap-text.ts';
import { type TextStyle, textStyle, wrap } from './text-style.ts';

/** How wide the text may be, and whether it may use colour. */
export interface ReportTextOptions {
  /** Columns of the terminal. Sentences are wrapped and remarks left out to fit; the numbers need 41 columns, the map 71, several swap devices 75 and their names. */
  readonly width: number;
  readonly color: 'ansi' | 'none';
}

/** Returns the report as lines of text, each ended by a newline. */
export function formatRunReport(report: RunReport, { width, color }: ReportTextOptions): string {
  const style = textStyle(color);
  const blocks = [headLines(report, width, style), timeLines(report, width, style)];
  if (report.mmu !== 'off') {
    blocks.push(...counterLines(report, width, style));
    if (report.tlbs) blocks.push(liveTlbLines(report.tlbs, width, style));
    if (report.swap.devices) blocks.push(swapDeviceLines(report.swap.devices, style));
    blocks.push(mapLines(report.map, width, style));
    if (report.heat && report.heat.length > 0) blocks.push(heatLines(report.heat, width, style));
  }
  if (report.notes && report.notes.length > 0) blocks.push(noteLines(report.notes, width, style));
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function noteLines(notes: readonly string[], width: number, style: TextStyle): string[] {
  return [style.paint('title', '  Notes'), ...notes.flatMap((note) => wrap(note, width - 4).map((line) => `    ${line}`))];
}
