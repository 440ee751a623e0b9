// The result of replaying one trace with some policies and sizes, for people: a table for each question, a sentence for each surprise.

import { type Anomaly, findAnomalies, type PagingDevice, pagingSeconds, type SimulationCounts } from '../lab/index.ts';
import { tableLines } from './columns.ts';
import { formatBytes, formatCount, formatCountOf, formatSeconds, formatShare } from './quantities.ts';

/** What is replayed. */
export interface ReplayedTrace {
  readonly name: string;
  readonly references: number;
  readonly writes: number;
  readonly pages: number;
  readonly pageBytes: number;
  /** What was left out or changed before the replay, in words that follow "of it". */
  readonly changes: readonly string[];
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

/** What the head of a text says. */
export interface HeadFacts {
  readonly trace: ReplayedTrace;
  readonly warmup: number;
  /** References that were counted, and the first ones to a page among them. */
  readonly references: number;
  readonly compulsory: number;
}

/** The policy that others are measured by, where it was asked for. */
const OPTIMUM = 'belady';
/** `100.0 %`. */
const SHARE_WIDTH = 7;
/** More policies than this make a table wide. */
const MANY_POLICIES = 6;
/** Anomalies listed for a policy; the rest is counted. */
const ANOMALIES_SHOWN = 3;

/** Returns the text, with a line break at its end. @param width characters in a line, where a table can be broken to fit */
export function formatSimulation(all: TraceResults, width: number): string {
  const grid = new ResultGrid(all.results);
  const blocks = [
    headLines({ ...all, ...countsOf(all) }),
    missBlock(grid, all, width),
    optimumBlock(grid, all, width),
    evictionBlock(grid, all, width),
  ];
  const lines = [...blocks, deviceBlock(grid, all, width), anomalyLines(grid)].filter((block) => block.length > 0);
  return `${lines.map((block) => block.join('\n')).join('\n\n')}\n`;
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
  lines(cell: (result: SimulationResult) => string, { pageBytes }: ReplayedTrace, width: number, policies = this.policies): string[] {
    if (policies.length > this.sizes.length && policies.length > MANY_POLICIES) {
      const head = ['policy', ...this.sizes.map((frames) => formatCountOf(frames, 'frame'))];
      const rows = policies.map((policy) => [policy, ...this.sizes.map((frames) => cell(this.at(policy, frames)))]);
      return tableLines({ head, rows, keys: 1, keysAre: 'words' }, width);
    }
    const rows = this.sizes.map((frames) => {
      const cells = policies.map((policy) => cell(this.at(policy, frames)));
      return [formatCount(frames), formatBytes(frames * pageBytes), ...cells];
    });
    return tableLines({ head: ['frames', 'memory', ...policies], rows, keys: 2, keysAre: 'numbers' }, width);
  }
}

/** Returns what was replayed, and the misses that nothing avoids. */
export function headLines({ trace, warmup, references: counted, compulsory }: HeadFacts): string[] {
  const { name, references, writes, pages, pageBytes, changes } = trace;
  const written = writes === 0 ? 'none of them named as a write' : `${formatCountOf(writes, 'write')} among them`;
  const lines = [
    `${name}: ${formatCountOf(references, 'reference')}, ${written}, to ${formatCountOf(pages, 'page')} of ${formatBytes(pageBytes)}`,
  ];
  if (changes.length > 0) lines.push(`  of it: ${changes.join('; ')}`);
  if (warmup > 0) lines.push(`  the first ${formatCountOf(warmup, 'reference')} fill memory and are counted in nothing below`);
  const share = formatShare(compulsory, counted);
  lines.push(`  compulsory misses: ${formatCount(compulsory)}, ${share} of references; no policy and no memory avoids them`);
  return lines;
}

/** They are the same for all policies and sizes. */
function countsOf({ results }: TraceResults): Pick<HeadFacts, 'references' | 'compulsory'> {
  return { references: results[0]?.references ?? 0, compulsory: results[0]?.compulsory ?? 0 };
}

function missBlock(grid: ResultGrid, { trace }: TraceResults, width: number): string[] {
  const cell = ({ misses, references }: SimulationResult): string => withShare(formatCount(misses), misses, references);
  return ['misses, and their share of references', ...grid.lines(cell, trace, width)];
}

function optimumBlock(grid: ResultGrid, { trace }: TraceResults, width: number): string[] {
  const others = grid.policies.filter((policy) => policy !== OPTIMUM);
  if (others.length === grid.policies.length || others.length === 0) return [];
  const cell = ({ frames, misses }: SimulationResult): string => {
    const least = grid.at(OPTIMUM, frames).misses;
    return withShare(formatCount(misses - least), misses - least, least);
  };
  return ["misses beyond the optimum's, and their share of those", ...grid.lines(cell, trace, width, others)];
}

function evictionBlock(grid: ResultGrid, { trace }: TraceResults, width: number): string[] {
  if (trace.writes === 0) return ['The trace names no writes: all evictions count as clean.'];
  const cell = ({ evictions: { clean, dirty } }: SimulationResult): string => withShare(formatCount(dirty), dirty, clean + dirty);
  return ['evictions of written pages, and their share of all evictions', ...grid.lines(cell, trace, width)];
}

function deviceBlock(grid: ResultGrid, { trace, device }: TraceResults, width: number): string[] {
  const { name, readSeconds, writeSeconds } = device;
  const cell = (result: SimulationResult): string => formatSeconds(pagingSeconds(result, device));
  const model = `${name}: ${formatSeconds(readSeconds)} for a miss, ${formatSeconds(writeSeconds)} for an eviction of a written page`;
  return [`time waiting for the device, modelled (${model})`, ...grid.lines(cell, trace, width)];
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
