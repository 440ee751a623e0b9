// The result of replaying one trace with some policies and sizes, for people: a table for each question, a sentence for each surprise.

import { type Anomaly, findAnomalies, type PagingDevice, pagingSeconds, type SimulationCounts } from '../lab/index.ts';
import type { TextTable } from './columns.ts';
import { type ChartCurve, lineChartSvg } from './line-chart.ts';
import { formatBytes, formatCount, formatCountOf, formatSeconds, formatShare } from './quantities.ts';
import { type HeadPart, pagePicture, type ReportPart } from './report-part.ts';

/** What is replayed. */
export interface ReplayedTrace {
  readonly name: string;
  readonly references: number;
  readonly writes: number;
  readonly pages: number;
  readonly pageBytes: number;
  /** What was left out or changed before the replay, in words that follow "of it". */
  readonly changes: readonly string[];
  /** Where the file has a defect, of which everything above is the part before that. */
  readonly partial?: PartialTrace;
}

/** The part of a trace before a defect. */
export interface PartialTrace {
  readonly references: number;
  /** The defect, as a sentence without its stop. */
  readonly reason: string;
}

/** What one policy with one number of frames did. */
export interface SimulationResult extends SimulationCounts {
  readonly trace: string;
  readonly policy: string;
  readonly frames: number;
}

/** All results of one trace: policies and sizes in the order in which they are shown, each pair once. */
export interface TraceResults {
  readonly trace: ReplayedTrace;
  readonly results: readonly SimulationResult[];
  /** References at the start that were not counted. */
  readonly warmup: number;
  readonly device: PagingDevice;
}

/** What the head of a report says. */
export interface HeadFacts {
  readonly trace: ReplayedTrace;
  readonly warmup: number;
  /** References that were counted, and the first ones to a page among them. */
  readonly references: number;
  readonly compulsory: number;
}

/** How a sentence begins that limits all the others. */
export const PARTIAL = 'PARTIAL';
/** The policy that others are measured by, where it was asked for. */
const OPTIMUM = 'belady';
/** `100.0 %`. */
const SHARE_WIDTH = 7;
/** More policies than this make a table wide. */
const MANY_POLICIES = 6;
/** Anomalies listed for a policy; the rest is counted. */
const ANOMALIES_SHOWN = 3;

/** Returns the report on one trace. */
export function simulationParts(all: TraceResults): ReportPart[] {
  const grid = new ResultGrid(all.results);
  return [
    headPart({ ...all, ...countsOf(all) }),
    missPart(grid, all),
    ...(grid.sizes.length > 1 ? [pagePicture(() => missesSvg(all))] : []),
    ...optimumPart(grid, all),
    evictionPart(grid, all),
    devicePart(grid, all),
    { kind: 'lines', lines: anomalyLines(grid) },
  ];
}

/** Returns misses over frames as an SVG document, a curve for each policy. */
export function missesSvg({ trace, results }: TraceResults): string {
  const names = [...new Set(results.map(({ policy }) => policy))];
  const curves = names.map((name, tone): ChartCurve => {
    const own = results.filter(({ policy }) => policy === name);
    return { name, points: own.map(({ frames, misses, references }) => [frames, (100 * misses) / references]), tone, line: 'solid' };
  });
  return missChartSvg(trace, curves);
}

/** Returns the chart of curves in % of references over frames. */
export function missChartSvg({ name, pageBytes }: ReplayedTrace, curves: readonly ChartCurve[]): string {
  return lineChartSvg({
    title: `${name}: misses by size of memory`,
    x: { label: `frames of ${formatBytes(pageBytes)}`, scale: 'log' },
    y: { label: 'misses, % of references', scale: 'linear' },
    curves,
  });
}

/** Results by policy and frames. */
class ResultGrid {
  readonly policies: readonly string[];
  readonly sizes: readonly number[];
  readonly #results = new Map<string, SimulationResult>();

  constructor(results: readonly SimulationResult[]) {
    this.policies = [...new Set(results.map((result) => result.policy))];
    this.sizes = [...new Set(results.map((result) => result.frames))];
    for (const result of results) this.#results.set(`${result.policy} ${result.frames}`, result);
  }

  at(policy: string, frames: number): SimulationResult {
    return this.#results.get(`${policy} ${frames}`) as SimulationResult;
  }

  /** Sizes go down and policies across, unless that would be wide and flat. */
  table(cell: (result: SimulationResult) => string, { pageBytes }: ReplayedTrace, policies = this.policies): TextTable {
    if (policies.length > this.sizes.length && policies.length > MANY_POLICIES) {
      const head = ['policy', ...this.sizes.map((frames) => formatCountOf(frames, 'frame'))];
      const rows = policies.map((policy) => [policy, ...this.sizes.map((frames) => cell(this.at(policy, frames)))]);
      return { head, rows, keys: 1, keysAre: 'words' };
    }
    const rows = this.sizes.map((frames) => {
      const cells = policies.map((policy) => cell(this.at(policy, frames)));
      return [formatCount(frames), formatBytes(frames * pageBytes), ...cells];
    });
    return { head: ['frames', 'memory', ...policies], rows, keys: 2, keysAre: 'numbers' };
  }
}

/** Returns what was replayed, and the misses that nothing avoids. */
export function headPart({ trace, warmup, references: counted, compulsory }: HeadFacts): HeadPart {
  const { name, references, writes, pages, pageBytes, changes, partial } = trace;
  const written = writes === 0 ? 'none of them named as a write' : `${formatCountOf(writes, 'write')} among them`;
  const lines = [`${formatCountOf(references, 'reference')}, ${written}, to ${formatCountOf(pages, 'page')} of ${formatBytes(pageBytes)}`];
  if (partial !== undefined) lines.push(partialSentence(partial));
  if (changes.length > 0) lines.push(`of it: ${changes.join('; ')}`);
  if (warmup > 0) lines.push(`the first ${formatCountOf(warmup, 'reference')} fill memory and are counted in nothing below`);
  const share = formatShare(compulsory, counted);
  lines.push(`compulsory misses: ${formatCount(compulsory)}, ${share} of references; no policy and no memory avoids them`);
  return { kind: 'head', name, lines };
}

/** Returns the sentence that labels all that is said of a part of a trace. */
export function partialSentence({ references, reason }: PartialTrace): string {
  return `${PARTIAL}: only the first ${formatCountOf(references, 'reference')}, before a defect: ${reason}`;
}

/** They are the same for all policies and sizes. */
function countsOf({ results }: TraceResults): Pick<HeadFacts, 'references' | 'compulsory'> {
  return { references: results[0]?.references ?? 0, compulsory: results[0]?.compulsory ?? 0 };
}

function missPart(grid: ResultGrid, { trace }: TraceResults): ReportPart {
  const cell = ({ misses, references }: SimulationResult): string => withShare(formatCount(misses), misses, references);
  return { kind: 'table', caption: ['misses, and their share of references'], table: grid.table(cell, trace) };
}

function optimumPart(grid: ResultGrid, { trace }: TraceResults): ReportPart[] {
  const others = grid.policies.filter((policy) => policy !== OPTIMUM);
  if (others.length === grid.policies.length || others.length === 0) return [];
  const cell = ({ frames, misses }: SimulationResult): string => {
    const least = grid.at(OPTIMUM, frames).misses;
    return withShare(formatCount(misses - least), misses - least, least);
  };
  const caption = ["misses beyond the optimum's, and their share of those"];
  return [{ kind: 'table', caption, table: grid.table(cell, trace, others) }];
}

function evictionPart(grid: ResultGrid, { trace }: TraceResults): ReportPart {
  if (trace.writes === 0) return { kind: 'lines', lines: ['The trace names no writes: all evictions count as clean.'] };
  const cell = ({ evictions: { clean, dirty } }: SimulationResult): string => withShare(formatCount(dirty), dirty, clean + dirty);
  return { kind: 'table', caption: ['evictions of written pages, and their share of all evictions'], table: grid.table(cell, trace) };
}

function devicePart(grid: ResultGrid, { trace, device }: TraceResults): ReportPart {
  const { name, readSeconds, writeSeconds } = device;
  const cell = (result: SimulationResult): string => formatSeconds(pagingSeconds(result, device));
  const model = `${name}: ${formatSeconds(readSeconds)} for a miss, ${formatSeconds(writeSeconds)} for an eviction of a written page`;
  return { kind: 'table', caption: [`time waiting for the device, modelled (${model})`], table: grid.table(cell, trace) };
}

function anomalyLines(grid: ResultGrid): string[] {
  return grid.policies.flatMap((policy) => {
    const points = grid.sizes.map((frames) => grid.at(policy, frames)).sort((a, b) => a.frames - b.frames);
    const anomalies = findAnomalies(points);
    const shown = anomalies.slice(0, ANOMALIES_SHOWN).map((anomaly) => `${policy}: ${anomalySentence(anomaly)}`);
    const rest = anomalies.length - shown.length;
    return rest > 0 ? [...shown, `${policy}: ${formatCountOf(rest, 'more size')} with Belady's anomaly`] : shown;
  });
}

function anomalySentence({ fewer, more }: Anomaly): string {
  const extra = formatCount(more.misses - fewer.misses);
  return `Belady's anomaly: ${formatCount(more.frames)} frames miss ${extra} more than ${formatCount(fewer.frames)}`;
}

function withShare(text: string, part: number, whole: number): string {
  return `${text} ${formatShare(part, whole).padStart(SHARE_WIDTH)}`;
}
