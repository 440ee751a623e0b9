// A run's report as parts of a page: the sentences, counters and areas of the text (run-report-text.ts), as tables.

import { counterSections, timeSection } from './counters-text.ts';
import { headSentences, headTitle } from './head-text.ts';
import { heatLines } from './heat-text.ts';
import { liveTlbTable, liveTlbTitle } from './live-tlb-text.ts';
import { mapTable } from './map-text.ts';
import type { ReportPart } from './report-part.ts';
import type { RunReport } from './run-report.ts';
import { swapDeviceTable } from './swap-text.ts';
import { textStyle } from './text-style.ts';

/** Columns of the strips of the address space: what a page shows without scrolling. */
const HEAT_COLUMNS = 100;

/** Returns the parts. With the MMU off there is nothing to count: head, time and notes remain. */
export function runReportParts(report: RunReport): ReportPart[] {
  const { map, heat = [], notes = [], swap } = report;
  const parts: ReportPart[] = [
    { kind: 'head', name: headTitle(report), lines: headSentences(report) },
    ...[timeSection(report), ...(report.mmu === 'off' ? [] : counterSections(report))].map(sectionPart),
  ];
  if (report.mmu !== 'off') {
    if (report.tlbs) parts.push({ kind: 'table', caption: [liveTlbTitle(report.tlbs)], table: liveTlbTable(report.tlbs) });
    if (swap.devices) parts.push({ kind: 'table', caption: ['Swap devices'], table: swapDeviceTable(swap.devices) });
    parts.push({ kind: 'table', caption: ['Address map'], table: mapTable(map) });
    if (heat.length > 0) parts.push({ kind: 'characters', lines: heatLines(heat, HEAT_COLUMNS, textStyle('none')) });
  }
  return notes.length === 0 ? parts : [...parts, { kind: 'lines', lines: notes }];
}

function sectionPart([head, ...rows]: ReturnType<typeof timeSection>): ReportPart {
  const cells = [head, ...rows].map(({ label, value, size, meaning }) => [label, value, size, meaning]);
  return {
    kind: 'table',
    caption: [head.label],
    table: { head: ['what', 'count', 'size or share', ''], rows: cells, keys: 1, keysAre: 'words' },
  };
}
