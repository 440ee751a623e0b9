// From what was typed after `quire share` to a plan, each value checked with a sentence of its own.

import { UsageError } from '../src/base/index.ts';
import {
  type AllocationKind,
  allocationKinds,
  BLOCK_BYTES,
  MAX_PROCESSES,
  type PagingDevice,
  pagingDevices,
  type SharingOptions,
} from '../src/lab/index.ts';
import { parseByteSize } from './byte-size.ts';
import { type ReportFlags, type ReportForm, reportForm } from './report-output.ts';
import { parseSeed } from './run-options.ts';
import { type PageChoice, pageChoice, parseCount, type TraceFlags } from './trace-options.ts';

/** The options as commander leaves them. */
export interface ShareFlags extends TraceFlags, ReportFlags {
  readonly design: string;
  readonly processes?: string;
  readonly sweep?: 'processes';
  readonly frames?: string;
  readonly window: string;
  readonly faultInterval: string;
  readonly partitions: 'equal' | 'proportional';
  readonly quantum: string;
  readonly referenceNs: string;
  readonly device: string;
  readonly faultAhead: string;
  readonly cluster: string;
  readonly loadControl?: true;
  readonly swapOut: 'biggest' | 'blocked' | 'lowest';
  readonly comeBack: 'prepaged' | 'on-demand';
  readonly thrashingBelow: string;
  readonly seed: string;
}

/** What to do, apart from the programs. */
export interface SharePlan {
  /** How traces are read: in blocks, whatever the pages. */
  readonly choice: PageChoice;
  readonly blocksPerPage: number;
  readonly designs: readonly AllocationKind[];
  /** Numbers of processes to simulate. */
  readonly degrees: readonly number[];
  /** Undefined: half of the pages of all processes. */
  readonly frames: number | undefined;
  readonly settings: Omit<SharingOptions, 'programs' | 'frames' | 'design'>;
  readonly form: ReportForm;
  /** Whether every number of processes is simulated, from one up. */
  readonly sweep: 'no' | 'processes';
}

/** Forms in which it reports. */
export const shareForms: readonly ReportForm[] = ['text', 'json', 'csv', 'svg', 'html'];

/** Blocks of a page at most: 2 MiB. */
const MAX_BLOCKS = 512;
/** More frames than any machine has. */
const MAX_FRAMES = 2 ** 40;
/** Times are exact to the nanosecond up to three months of the model with this. */
const MAX_REFERENCE_NS = 1e6;

/** Checks everything that was typed. Throws a UsageError for the first value that is wrong. @param traces how many were given */
export function sharePlan(flags: ShareFlags, traces: number): SharePlan {
  const choice = pageChoice(flags);
  const blocksPerPage = 2 ** choice.pageShift / BLOCK_BYTES;
  if (blocksPerPage < 1 || blocksPerPage > MAX_BLOCKS)
    throw new UsageError(`--page-size ${flags.pageSize}: pages have 4 KiB to 2 MiB here`);
  const [short, long] = parseInterval(flags.faultInterval);
  const form = reportForm(flags, shareForms);
  const designs = parseDesigns(flags.design);
  if (form === 'svg' && flags.sweep === undefined && designs.length > 1) {
    throw new UsageError('--output: a picture shows one design, or a sweep; a page, .html, shows all');
  }
  return {
    choice: { ...choice, pageShift: Math.log2(BLOCK_BYTES) },
    blocksPerPage,
    designs,
    degrees: parseDegrees(flags, traces),
    frames: flags.frames === undefined ? undefined : parseFrames(flags.frames, 2 ** choice.pageShift),
    settings: {
      device: deviceNamed(flags.device),
      referenceNs: parseAtMost(flags.referenceNs, '--reference-ns', 1, MAX_REFERENCE_NS),
      quantum: parseCount(flags.quantum, '--quantum', 1),
      faultAhead: parseCount(flags.faultAhead, '--fault-ahead', 0),
      cluster: parseCount(flags.cluster, '--cluster', 1),
      loadControl: flags.loadControl && { swapOut: flags.swapOut, comeBack: flags.comeBack === 'prepaged' ? 'prepaged' : 'on demand' },
      thrashingBelow: parsePercentage(flags.thrashingBelow),
      seed: parseSeed(flags.seed),
      window: parseCount(flags.window, '--window', 1),
      faultInterval: { short, long },
      partitions: flags.partitions,
    },
    form,
    sweep: flags.sweep ?? 'no',
  };
}

function parseDesigns(text: string): AllocationKind[] {
  return [...new Set(text.split(',').map((name) => name.trim()))].map((name) => {
    const design = allocationKinds.find((each) => each.name === name);
    if (design !== undefined) return design;
    throw new UsageError(`--design ${text}: '${name}' is none of ${allocationKinds.map((each) => each.name).join(', ')}`);
  });
}

/** Without --processes one for each trace; a sweep goes from one to that many. */
function parseDegrees({ processes, sweep }: ShareFlags, traces: number): number[] {
  const most = processes === undefined ? traces : parseCount(processes, '--processes', 1);
  if (most > MAX_PROCESSES) throw new UsageError(`--processes ${most}: at most ${MAX_PROCESSES} can be simulated`);
  return sweep === undefined ? [most] : Array.from({ length: most }, (_, i) => i + 1);
}

function parseFrames(text: string, pageBytes: number): number {
  const frames = /^\d+$/.test(text) ? Number(text) : Math.floor(parseByteSize(text, '--frames') / pageBytes);
  if (frames < 1) throw new UsageError(`--frames ${text}: a memory has at least one frame`);
  if (frames > MAX_FRAMES) throw new UsageError(`--frames ${text}: more frames than any machine has`);
  return frames;
}

/** `1000`, or `500..2000`. */
function parseInterval(text: string): [short: number, long: number] {
  const [first = '', last = first] = text.split('..');
  const short = parseCount(first, '--fault-interval', 1);
  const long = parseCount(last, '--fault-interval', 1);
  if (long < short) throw new UsageError(`--fault-interval ${text}: the range ends below its start`);
  return [short, long];
}

function parseAtMost(text: string, option: string, least: number, most: number): number {
  const count = parseCount(text, option, least);
  if (count > most) throw new UsageError(`${option} ${text}: at most ${most}`);
  return count;
}

function parsePercentage(text: string): number {
  const share = Number(/^(\d+(?:\.\d+)?)\s*%$/.exec(text)?.[1] ?? Number.NaN) / 100;
  if (share >= 0 && share <= 1) return share;
  throw new UsageError(`--thrashing-below ${text}: not a share from 0% to 100%`);
}

function deviceNamed(name: string): PagingDevice {
  const device = pagingDevices.find((each) => each.name === name);
  if (device !== undefined) return device;
  throw new UsageError(`--device ${name}: choose one of ${pagingDevices.map((each) => each.name).join(', ')}`);
}
