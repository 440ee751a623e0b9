// Kernel heaps side by side, for people and programs: one table for each workload.

import { PAGE_SIZE } from '../base/index.ts';
import type { ConstructionResult, KernelHeapResult } from '../lab/index.ts';
import { formatBytes, formatCount, formatCountOf } from './quantities.ts';
import type { ReportPart } from './report-part.ts';

/** Returns the report. @param meanings what each workload is, by its name */
export function kernelHeapParts(
  results: readonly KernelHeapResult[],
  construction: readonly ConstructionResult[],
  meanings: ReadonlyMap<string, string>,
): ReportPart[] {
  const groups = [...new Set(results.map(({ workload }) => workload))].map((name) => results.filter(({ workload }) => workload === name));
  return [...groups.map((group) => workloadPart(group, meanings)), ...(construction.length === 0 ? [] : [constructionPart(construction)])];
}

function workloadPart(results: readonly KernelHeapResult[], meanings: ReadonlyMap<string, string>): ReportPart {
  const { workload, blocks } = results[0] as KernelHeapResult;
  return {
    kind: 'table',
    caption: [
      `${workload}: ${meanings.get(workload)}; ${formatCountOf(blocks, 'block')}`,
      'millions of blocks given and taken back per second; the peak, and how much of it nobody asked for; rounding and headers;',
      'lines of a page, of 64, where blocks of one kind begin; frames kept when all is back, given back by reaping; magazine hits',
    ],
    table: {
      head: ['heap', 'pairs', 'peak', 'unasked', 'rounding', 'lines', 'idle', 'reaped', 'hits'],
      rows: results.map((result) => [
        result.heap,
        millions(result.pairsPerSecond),
        formatBytes(result.peakFrames * PAGE_SIZE),
        share(result.unaskedAtPeak),
        share(result.internalWaste),
        result.lineOffsets.toFixed(1),
        formatCount(result.idleFrames),
        formatCount(result.reapedFrames),
        result.magazineHitRate === undefined ? '-' : share(result.magazineHitRate),
      ]),
      keys: 1,
      keysAre: 'words',
    },
  };
}

function constructionPart(construction: readonly ConstructionResult[]): ReportPart {
  return {
    kind: 'table',
    caption: ['objects that are not all zeros at first: millions given and taken back per second, constructed once or each time'],
    table: {
      head: ['object', 'once', 'each time'],
      rows: construction.map(({ objectBytes, keptPairsPerSecond, constructedPairsPerSecond }) => [
        formatBytes(objectBytes),
        millions(keptPairsPerSecond),
        millions(constructedPairsPerSecond),
      ]),
      keys: 1,
      keysAre: 'words',
    },
  };
}

function share(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}

function millions(perSecond: number | undefined): string {
  if (perSecond === undefined) return '-';
  return (perSecond / 1e6).toFixed(1);
}

const keys = [
  'workload',
  'heap',
  'blocks',
  'pairsPerSecond',
  'peakFrames',
  'unaskedAtPeak',
  'internalWaste',
  'lineOffsets',
  'idleFrames',
  'reapedFrames',
  'magazineHitRate',
] as const satisfies readonly (keyof KernelHeapResult)[];

/** Returns results as rows of cells, the head first. */
export function kernelHeapRows(results: readonly KernelHeapResult[]): (string | number)[][] {
  const head = keys.map((key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  return [head, ...results.map((result) => keys.map((key) => result[key] ?? ''))];
}

/** Returns results as the data that `--json` promises. */
export function kernelHeapData(results: readonly KernelHeapResult[], construction: readonly ConstructionResult[]): unknown {
  return {
    results: results.map((result) => ({
      ...result,
      pairsPerSecond: result.pairsPerSecond ?? null,
      magazineHitRate: result.magazineHitRate ?? null,
    })),
    construction,
  };
}
