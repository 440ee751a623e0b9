// From what was typed after `quire heap` to a plan, each value checked with a sentence of its own.

import { UsageError } from '../src/base/index.ts';
import { type ContentCheck, HEAP_PAGE_BYTES, type SpaceSettings, type SubjectBacking, type SubjectOptions } from '../src/lab/index.ts';
import { formatBytes, formatCount, type HeapDetail } from '../src/report/index.ts';
import { systemNames } from '../src/systems/index.ts';
import type { MallocTrace } from '../src/trace/index.ts';
import { parseByteSize } from './byte-size.ts';
import { type ReportFlags, type ReportForm, reportForm } from './report-output.ts';
import { parseCount } from './trace-options.ts';

/** The options as commander leaves them. */
export interface HeapFlags extends ReportFlags {
  readonly allocator: string;
  readonly format?: string;
  readonly alignment: '8' | '16';
  readonly backing: SubjectBacking;
  readonly limit: string;
  readonly contents: ContentCheck;
  readonly time: string;
  readonly patience: string;
  readonly histograms?: true;
  readonly curve?: true;
  readonly compare?: string;
  readonly map?: true;
  readonly pins?: string;
  readonly at?: string;
  readonly save?: string;
  readonly space?: true;
  readonly system?: string;
  readonly memory?: string;
  readonly swap?: string;
}

/** What to do with each trace. */
export interface HeapPlan {
  /** Names as they were typed: of Quire's allocators, or paths. */
  readonly allocators: string;
  /** Two names to put side by side. */
  readonly compare: readonly [string, string] | undefined;
  readonly subject: SubjectOptions;
  readonly contents: ContentCheck;
  /** Milliseconds to time each allocator on each trace; 0: not at all. */
  readonly milliseconds: number;
  /** Milliseconds after which a replay is given up. */
  readonly mostMilliseconds: number;
  readonly details: readonly HeapDetail[];
  readonly map: 'shown' | 'none';
  /** Number of a page whose blocks are asked for. */
  readonly page: number | undefined;
  /** Operations after which the heap is looked at; undefined: at the peak of the payload. */
  readonly at: number | undefined;
  /** The machine on which the heaps are those of processes; undefined: they are not. */
  readonly space: SpaceSettings | undefined;
  readonly form: ReportForm;
}

/** The forms of the report. */
export const heapForms: readonly ReportForm[] = ['text', 'json', 'csv', 'svg', 'html'];

/** Addresses are 32-bit; the allocators leave the last 64 KiB alone. */
const MOST_HEAP = 2 ** 32 - 65_536;
const LEAST_HEAP = 65_536;
/** The break area of a process leaves room for large blocks. */
const MOST_BREAK = 2 ** 30;
const SPACE_MEMORY = '64MiB';
const SPACE_SWAP = '256MiB';
const MOST_SECONDS = 3600;

/** Checks everything that was typed. Throws a UsageError for the first value that is wrong. @param traces how many were given */
export function heapPlan(flags: HeapFlags, traces: number): HeapPlan {
  const compare = flags.compare === undefined ? undefined : parsePair(flags.compare);
  const form = reportForm(flags, heapForms);
  if (form === 'svg' && traces > 1) throw new UsageError('a picture shows one trace; give one');
  if (flags.at !== undefined && flags.map === undefined && flags.pins === undefined) {
    throw new UsageError('--at: says when to look at the heap; add --map or --pins');
  }
  const space = spaceSettings(flags);
  if (flags.save !== undefined && traces > 1) throw new UsageError('--save: writes one trace; give one');
  return {
    allocators: compare === undefined ? flags.allocator : compare.join(','),
    compare,
    subject: { alignment: flags.alignment === '16' ? 16 : 8, backing: flags.backing, limitBytes: parseLimit(flags.limit) },
    contents: flags.contents,
    // What a heap over an address space has run is slower for other heaps from then on.
    milliseconds: space === undefined ? 1000 * parseSeconds(flags.time, '--time') : 0,
    mostMilliseconds: 1000 * parseSeconds(flags.patience, '--patience'),
    details: [...(flags.histograms ? ['histograms' as const] : []), ...(flags.curve ? ['curve' as const] : [])],
    map: flags.map ? 'shown' : 'none',
    page: flags.pins === undefined ? undefined : parsePage(flags.pins),
    at: flags.at === undefined ? undefined : parseCount(flags.at, '--at', 1),
    space,
    form,
  };
}

/** The machine of --space. */
function spaceSettings({ space, system, memory, swap, limit, alignment }: HeapFlags): SpaceSettings | undefined {
  if (space === undefined) {
    const [stray] = Object.entries({ system, memory, swap }).filter(([, value]) => value !== undefined);
    if (stray !== undefined) throw new UsageError(`--${stray[0]}: says on what machine a process has its heap; add --space`);
    return undefined;
  }
  return {
    system: system ?? (systemNames[0] as string),
    memoryBytes: parseByteSize(memory ?? SPACE_MEMORY, '--memory'),
    swapBytes: swap === 'none' ? 0 : parseByteSize(swap ?? SPACE_SWAP, '--swap'),
    alignment: alignment === '16' ? 16 : 8,
    limitBytes: Math.min(parseLimit(limit), MOST_BREAK),
  };
}

/** Throws a UsageError for a trace that no heap of the limit can serve. */
export function expectServable(trace: MallocTrace, peakPayloadBytes: number, limitBytes: number): void {
  for (let i = 0; i < trace.length; i++) {
    const size = trace.sizes[i] as number;
    if (size < limitBytes) continue;
    const line = trace.lines[i] as number;
    throw new UsageError(`${trace.name}, line ${line}: a block of ${formatCount(size)} bytes ${beyond(limitBytes)}`);
  }
  if (peakPayloadBytes >= limitBytes) {
    throw new UsageError(`${trace.name} has ${formatBytes(peakPayloadBytes)} alive at a time, which ${beyond(limitBytes)}`);
  }
}

function beyond(limitBytes: number): string {
  const more = limitBytes < MOST_HEAP ? '; --limit raises it, up to 4 GiB less 64 KiB' : ', and addresses have 32 bits';
  return `does not go into a heap of ${formatBytes(limitBytes)}${more}`;
}

function parsePair(text: string): [string, string] {
  const [one = '', two = '', ...more] = text.split(',').map((name) => name.trim());
  if (one === '' || two === '' || more.length > 0) throw new UsageError(`--compare ${text}: give two allocators, with a comma between`);
  if (one === two) throw new UsageError(`--compare ${text}: give two different allocators`);
  return [one, two];
}

function parseLimit(text: string): number {
  const bytes = parseByteSize(text, '--limit');
  if (bytes < LEAST_HEAP) throw new UsageError(`--limit ${text}: less than ${formatBytes(LEAST_HEAP)}`);
  return Math.min(bytes, MOST_HEAP);
}

function parseSeconds(text: string, option: string): number {
  const seconds = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= MOST_SECONDS) return seconds;
  throw new UsageError(`${option} ${text}: not a number of seconds up to ${formatCount(MOST_SECONDS)}`);
}

/** A page's number, or an address on it, which begins with 0x. */
function parsePage(text: string): number {
  if (!/^0x[0-9a-f_]+$/i.test(text)) return parseCount(text, '--pins', 0);
  return Math.floor(Number(text.replaceAll('_', '')) / HEAP_PAGE_BYTES);
}
