// Allocators on malloc traces, for people: a table for each trace, what each did wrong, where its bytes went, and a summary of all traces.

import type { BlockClass, HeapError, HeapProfile, MallocTraceFacts, ReplaySpeed } from '../lab/index.ts';
import { type ChartCurve, lineChartSvg } from './line-chart.ts';
import { formatBytes, formatCount, formatCountOf, formatShare } from './quantities.ts';
import { pagePicture, type ReportPart, type TablePart } from './report-part.ts';

/** One allocator on one trace. */
export interface HeapResult {
  readonly allocator: string;
  readonly profile: HeapProfile;
  /** Undefined if it was not measured: nobody asked, or it has errors. */
  readonly speed: ReplaySpeed | undefined;
}

/** All allocators on one trace. */
export interface HeapTraceResults {
  readonly facts: MallocTraceFacts;
  readonly results: readonly HeapResult[];
}

/** What is shown beside the table. */
export type HeapDetail = 'histograms' | 'curve';

const callNames = ['malloc', 'calloc', 'memalign', 'realloc', 'free'] as const;
const blocks = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
/** Errors of an allocator that are told; the rest is counted. */
const ERRORS_SHOWN = 3;
/** Columns of a curve in characters at most. */
const CURVE_COLUMNS = 72;
const BAR = 24;

/** Returns the report on one trace. */
export function heapTraceParts(all: HeapTraceResults, details: readonly HeapDetail[]): ReportPart[] {
  return [
    { kind: 'head', name: all.facts.name, lines: headLines(all.facts) },
    resultTable(all),
    ...errorParts(all.results),
    ...(details.includes('curve') ? [curvePart(all)] : [pagePicture(() => heapCurvesSvg(all))]),
    ...(details.includes('histograms') ? histogramParts(all) : []),
  ];
}

/** Returns the summary over traces; nothing where there is only one. */
export function heapSummaryParts(traces: readonly HeapTraceResults[]): ReportPart[] {
  if (traces.length < 2) return [];
  const names = [...new Set(traces.flatMap(({ results }) => results.map(({ allocator }) => allocator)))];
  const rows = names.map((name) => {
    const own = traces.flatMap(({ results }) => results.filter(({ allocator }) => allocator === name));
    const speeds = own.map(({ speed }) => speed?.operationsPerSecond);
    const utilization = own.reduce((sum, { profile }) => sum + profile.utilization, 0) / own.length;
    const errors = own.reduce((sum, { profile }) => sum + profile.errors.length, 0);
    return [name, speedText(geometricMean(speeds)), formatShare(utilization, 1), errors === 0 ? '-' : formatCount(errors)];
  });
  return [
    {
      kind: 'table',
      caption: [`${formatCountOf(traces.length, 'trace')}: geometric mean of the speeds, mean of the utilizations`],
      table: { head: ['allocator', 'Mops/s', 'utilization', 'errors'], rows, keys: 1, keysAre: 'words' },
    },
  ];
}

/** Returns results as rows of cells, the head first. */
export function heapRows(traces: readonly HeapTraceResults[]): (string | number)[][] {
  const head =
    'trace,allocator,operations,operations_per_second,peak_payload_bytes,peak_heap_bytes,utilization,errors,internal_fragmentation,external_fragmentation,pages_touched';
  const rows = traces.flatMap(({ facts, results }) =>
    results.map(({ allocator, profile, speed }) => [
      ...[facts.name, allocator, facts.operations, Math.round(speed?.operationsPerSecond ?? 0), profile.peakPayloadBytes],
      ...[profile.peakHeapBytes, profile.utilization, profile.errors.length, internalOf(profile) ?? '', externalOf(profile) ?? ''],
      profile.pagesTouched,
    ]),
  );
  return [head.split(','), ...rows];
}

/** Returns the slack inside blocks at the peak, as a share of what owners may use; undefined where the heap could not be walked. */
export function internalOf({ use, payloadBytesAtPeak }: HeapProfile): number | undefined {
  return use === undefined || use.usedBytes === 0 ? undefined : 1 - payloadBytesAtPeak / use.usedBytes;
}

/** Returns the free bytes between blocks at the peak, as a share of how far the heap had reached; undefined where it could not be walked. */
export function externalOf({ use, heapBytesAtPeak }: HeapProfile): number | undefined {
  return use === undefined || heapBytesAtPeak === 0 ? undefined : use.freeBytes / heapBytesAtPeak;
}

/** Returns payload and heaps over the trace as an SVG document. */
export function heapCurvesSvg({ facts, results }: HeapTraceResults): string {
  const mebibytes = (bytes: number): number => bytes / 2 ** 20;
  const payload = results[0]?.profile.curve ?? [];
  const curves: ChartCurve[] = results.map(({ allocator, profile }, i) => ({
    name: allocator,
    points: profile.curve.map(({ operations, heapBytes }) => [operations, mebibytes(heapBytes)] as const),
    tone: i + 1,
    line: 'solid',
    markers: 'hidden',
  }));
  return lineChartSvg({
    title: `${facts.name}: payload and heaps`,
    x: { label: 'operations', scale: 'linear' },
    y: { label: 'MiB', scale: 'linear' },
    curves: [
      {
        name: 'payload',
        points: payload.map(({ operations, payloadBytes }) => [operations, mebibytes(payloadBytes)] as const),
        tone: 0,
        line: 'dashed',
        markers: 'hidden',
      },
      ...curves,
    ],
  });
}

function headLines(facts: MallocTraceFacts): string[] {
  const { operations, calls, peakPayloadBytes, peakOperations, liveAtEnd, threads, skipped, largestBytes } = facts;
  const made = callNames.flatMap((name, i) => ((calls[i] as number) > 0 ? [`${formatCount(calls[i] as number)} ${name}`] : []));
  const rest = [`${formatCountOf(liveAtEnd, 'block')} alive at the end`];
  if (threads !== undefined) {
    rest.push(formatCountOf(threads.count, 'thread'), `${formatCountOf(threads.foreignFrees, 'block')} freed by another than asked for it`);
  }
  if (skipped > 0) rest.push(`${formatCountOf(skipped, 'operation')} on blocks older than the trace left out`);
  return [
    `${formatCountOf(operations, 'operation')}: ${made.join(', ')}`,
    `payload at most ${formatBytes(peakPayloadBytes)}, after operation ${formatCount(peakOperations)}; largest block ${formatBytes(largestBytes)}`,
    rest.join('; '),
  ];
}

function resultTable({ facts, results }: HeapTraceResults): TablePart {
  const isWalked = results.some(({ profile }) => profile.use !== undefined);
  const rows = results.map(({ allocator, profile, speed }) => [
    allocator,
    speedText(speed?.operationsPerSecond),
    formatBytes(profile.peakPayloadBytes),
    formatBytes(profile.peakHeapBytes),
    formatShare(profile.utilization, 1),
    profile.errors.length === 0 ? '-' : formatCount(profile.errors.length),
    formatCount(profile.pagesTouched),
    ...(isWalked ? useCells(profile) : []),
  ]);
  const head = [
    'allocator',
    'Mops/s',
    'payload',
    'heap',
    'utilization',
    'errors',
    'pages',
    ...(isWalked ? ['internal', 'external', 'hole'] : []),
  ];
  const cut = results.flatMap(({ allocator, profile, speed }) => cutLines(allocator, profile, speed, facts.operations));
  return {
    kind: 'table',
    caption: isWalked ? captionLines : captionLines.slice(0, 1),
    table: { head, rows, keys: 1, keysAre: 'words' },
    ...(cut.length > 0 && { below: cut }),
  };
}

const captionLines = [
  'peaks of payload and heap, and their ratio; pages of 4 KiB that ever had a byte of a block;',
  "at the payload's peak: slack in blocks, free bytes between them, the largest free block",
];

function useCells(profile: HeapProfile): string[] {
  const share = (value: number | undefined): string => (value === undefined ? '-' : formatShare(value, 1));
  return [
    share(internalOf(profile)),
    share(externalOf(profile)),
    profile.use === undefined ? '-' : formatBytes(profile.use.largestFreeBytes),
  ];
}

function cutLines(allocator: string, { end, operations }: HeapProfile, speed: ReplaySpeed | undefined, length: number): string[] {
  const lines: string[] = [];
  if (end === 'time') lines.push(`${allocator}: too slow; judged for the first ${formatCountOf(operations, 'operation')} only`);
  if (end === 'errors') lines.push(`${allocator}: stopped after ${formatCountOf(operations, 'operation')}`);
  if (speed !== undefined && speed.operations < length) {
    lines.push(`${allocator}: too slow; timed for the first ${formatCountOf(speed.operations, 'operation')} only`);
  }
  return lines;
}

function errorParts(results: readonly HeapResult[]): ReportPart[] {
  const lines = results.flatMap(({ allocator, profile: { errors } }) => {
    const shown = errors.slice(0, ERRORS_SHOWN).map((error) => `${allocator}: ${errorSentence(error)}`);
    const rest = errors.length - shown.length;
    return rest > 0 ? [...shown, `${allocator}: ${formatCountOf(rest, 'more error')}`] : shown;
  });
  return lines.length === 0 ? [] : [{ kind: 'lines', lines }];
}

function errorSentence({ operation, line, what }: HeapError): string {
  return `operation ${formatCount(operation + 1)} (line ${formatCount(line)}): ${what}`;
}

function curvePart(all: HeapTraceResults): ReportPart {
  return { kind: 'picture', svg: () => heapCurvesSvg(all), text: (width) => curveLines(all, width) };
}

/** A row of blocks for the payload and one for each heap, all of one scale. */
function curveLines({ results }: HeapTraceResults, width: number): string[] {
  const first = results[0];
  if (first === undefined) return [];
  const most = Math.max(...results.map(({ profile }) => Math.max(profile.peakHeapBytes, profile.peakPayloadBytes)));
  const label = Math.max('payload'.length, ...results.map(({ allocator }) => allocator.length));
  const columns = Math.max(8, Math.min(CURVE_COLUMNS, width - label - 4));
  const row = (name: string, values: readonly number[]): string => `  ${name.padEnd(label)}  ${barsOf(values, most, columns)}`;
  return [
    `payload and heaps over the trace, the full height ${formatBytes(most)}`,
    row(
      'payload',
      first.profile.curve.map(({ payloadBytes }) => payloadBytes),
    ),
    ...results.map(({ allocator, profile }) =>
      row(
        allocator,
        profile.curve.map(({ heapBytes }) => heapBytes),
      ),
    ),
  ];
}

/** The greatest value that falls in each column, as a block of its height. */
function barsOf(values: readonly number[], most: number, columns: number): string {
  return Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * values.length) / columns);
    const to = Math.max(from + 1, Math.floor(((column + 1) * values.length) / columns));
    const value = Math.max(...values.slice(from, to));
    return value === 0 ? ' ' : blocks[Math.min(blocks.length - 1, Math.floor((value / most) * blocks.length))];
  }).join('');
}

function histogramParts({ facts, results }: HeapTraceResults): ReportPart[] {
  const classTable = classPart(results);
  return [
    classesPart('sizes as first asked for', 'bytes', facts.sizes, 2),
    classesPart('lives of freed blocks, in operations from their birth to their end', 'operations', facts.lifetimes, 4),
    ...(classTable === undefined ? [] : [classTable]),
  ];
}

function classesPart(caption: string, unit: string, classes: readonly BlockClass[], factor: number): TablePart {
  const total = classes.reduce((sum, { blocks: count }) => sum + count, 0);
  const most = Math.max(1, ...classes.map(({ blocks: count }) => count));
  const rows = classes.map(({ from, blocks: count }) => {
    const filled = Math.max(1, Math.round((BAR * count) / most));
    return [rangeText(from, factor), formatCount(count), formatShare(count, total), `${'█'.repeat(filled)}${'·'.repeat(BAR - filled)}`];
  });
  return { kind: 'table', caption: [caption], table: { head: [unit, 'blocks', 'share', ''], rows, keys: 1, keysAre: 'numbers' } };
}

/** The values of a class that ends where they have grown by a factor. */
function rangeText(from: number, factor: number): string {
  const to = factor * from - 1;
  return to > from ? `${formatCount(from)} - ${formatCount(to)}` : formatCount(from);
}

/** What owners may use beyond what they asked for, by size and allocator. */
function classPart(results: readonly HeapResult[]): TablePart | undefined {
  const told = results.filter(({ profile }) => profile.classes.some(({ usableBytes }) => usableBytes !== undefined));
  const [first] = told;
  if (first === undefined) return undefined;
  const rows = first.profile.classes.map(({ from, blocks: count, payloadBytes }) => [
    rangeText(from, 2),
    formatCount(count),
    formatBytes(payloadBytes),
    ...told.map(({ profile }) => {
      const own = profile.classes.find((each) => each.from === from);
      return own?.usableBytes === undefined ? '-' : formatShare(own.usableBytes - own.payloadBytes, own.usableBytes);
    }),
  ]);
  return {
    kind: 'table',
    caption: ['live blocks at the peak by size, and the share of their bytes that nobody asked for'],
    table: { head: ['bytes', 'blocks', 'payload', ...told.map(({ allocator }) => allocator)], rows, keys: 1, keysAre: 'numbers' },
  };
}

function speedText(operationsPerSecond: number | undefined): string {
  if (operationsPerSecond === undefined) return '-';
  const millions = operationsPerSecond / 1e6;
  return millions >= 9.95 ? millions.toFixed(1) : millions >= 0.0995 ? millions.toFixed(2) : millions.toFixed(4);
}

/** Returns undefined unless all are known. */
function geometricMean(values: readonly (number | undefined)[]): number | undefined {
  let sum = 0;
  for (const value of values) {
    if (value === undefined) return undefined;
    sum += Math.log(value);
  }
  return Math.exp(sum / values.length);
}
