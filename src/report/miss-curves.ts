// How often a trace misses as a function of the memory: LRU's whole curve, exact or from a sample, and other policies at some sizes.

import type { MissesAtSize } from '../lab/index.ts';
import { dotChartLines } from './dot-chart.ts';
import { formatBytes, formatCount, formatCountOf, formatShare } from './quantities.ts';
import type { ReportPart } from './report-part.ts';
import { headPart, missChartSvg, type ReplayedTrace, type SimulationResult } from './simulation-parts.ts';

/** The curves of one trace. */
export interface MissCurves {
  readonly trace: ReplayedTrace;
  /** References at the start that were not counted. */
  readonly warmup: number;
  /** References that were counted, and the first ones to a page among them. */
  readonly references: number;
  readonly compulsory: number;
  /** LRU's misses with 0, 1, 2, ... frames up to the pages of the trace; more frames change nothing. */
  readonly lru: Float64Array;
  /** Where `lru` is an estimate by SHARDS: how many pages it looked at. */
  readonly sampledPages?: number;
  /** Sizes of the table, ascending. */
  readonly sizes: readonly number[];
  /** Other policies, each at all of `sizes`. */
  readonly results: readonly SimulationResult[];
}

/** Sizes at which a picture follows LRU's curve: as many as it has pixels, about. */
const PICTURE_SIZES = 540;

/** Returns LRU's misses with `frames` frames. */
function lruAt({ lru }: MissCurves, frames: number): number {
  return lru[Math.min(frames, lru.length - 1)] as number;
}

/** Returns the sizes from which on LRU misses less than with a frame less, with its misses; the first is 1. */
export function lruSteps({ lru }: MissCurves): MissesAtSize[] {
  const steps: MissesAtSize[] = [];
  for (let frames = 1; frames < lru.length; frames++) {
    const misses = lru[frames] as number;
    if (frames === 1 || misses !== lru[frames - 1]) steps.push({ frames, misses });
  }
  return steps;
}

/** Returns the report on one trace: a table and a chart. */
export function missCurveParts(curves: MissCurves): ReportPart[] {
  const { trace, sizes, references } = curves;
  const others = othersOf(curves);
  const cell = (misses: number): string => `${formatCount(misses)} ${formatShare(misses, references).padStart(7)}`;
  const rows = sizes.map((frames, i) => [
    formatCount(frames),
    formatBytes(frames * trace.pageBytes),
    cell(lruAt(curves, frames)),
    ...others.map(({ points }) => cell((points[i] as MissesAtSize).misses)),
  ]);
  const head = ['frames', 'memory', 'lru', ...others.map(({ name }) => name)];
  return [
    headPart(curves),
    { kind: 'table', caption: captionOf(curves), table: { head, rows, keys: 2, keysAre: 'numbers' } },
    { kind: 'picture', svg: () => missCurvesSvg(curves), text: (width) => chartLines(curves, others, width) },
  ];
}

function captionOf({ trace, sampledPages }: MissCurves): string[] {
  if (sampledPages === undefined) return ["misses, and their share of references; lru's are exact for every size"];
  const sample = `${formatCount(sampledPages)} of ${formatCountOf(trace.pages, 'page')}, ${formatShare(sampledPages, trace.pages)}`;
  return [
    "misses, and their share of references; lru's are estimated for every size by SHARDS",
    `  from a sample of ${sample}; --share looks at more or fewer, --exact at all`,
  ];
}

/** Returns the chart as an SVG document: LRU as a line, other policies with a marker for each size. */
export function missCurvesSvg(curves: MissCurves): string {
  const { trace, references } = curves;
  const most = mostFrames(curves);
  const sizes = new Set(Array.from({ length: PICTURE_SIZES }, (_, i) => Math.round(most ** (i / (PICTURE_SIZES - 1)))));
  const share = ({ frames, misses }: MissesAtSize) => [frames, (100 * misses) / references] as const;
  const lru = [...sizes].map((frames) => share({ frames, misses: lruAt(curves, frames) }));
  return missChartSvg(trace, [
    { name: 'lru', points: lru, tone: 0, line: 'solid', markers: 'hidden' },
    ...othersOf(curves).map(({ name, points }, i) => ({ name, points: points.map(share), tone: i + 1, line: 'solid' as const })),
  ]);
}

function othersOf({ results, sizes }: MissCurves): { readonly name: string; readonly points: readonly MissesAtSize[] }[] {
  return [...new Set(results.map(({ policy }) => policy))].map((name) => ({
    name,
    points: sizes.map((frames) => results.find((result) => result.policy === name && result.frames === frames) as SimulationResult),
  }));
}

function mostFrames({ sizes, lru }: MissCurves): number {
  return Math.max(2, lru.length - 1, sizes.at(-1) ?? 0);
}

function chartLines(curves: MissCurves, others: ReturnType<typeof othersOf>, width: number): string[] {
  const marked = others.map(({ points }, i) => ({ mark: markOf(i), points }));
  const legend = others.length === 0 ? [] : [`  ${['⠉ lru', ...others.map(({ name }, i) => `${markOf(i)} ${name}`)].join('   ')}`];
  const { references } = curves;
  const chart = { references, most: mostFrames(curves), missesAt: (frames: number) => lruAt(curves, frames), marked };
  return ['misses as a share of references, by frames', ...dotChartLines(chart, width), ...legend];
}

function markOf(index: number): string {
  return String.fromCharCode('a'.charCodeAt(0) + (index % 26));
}
