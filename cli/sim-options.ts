// From what was typed after `quire sim` to a plan: policies, sizes, threads, each value checked with a sentence of its own.

import { UsageError } from '../src/base/index.ts';
import { type PagingDevice, pagingDevices } from '../src/lab/index.ts';
import { replayPolicies } from '../src/paging/index.ts';
import { formatCount } from '../src/report/index.ts';
import { parseByteSize } from './byte-size.ts';
import { rangeOf } from './ranges.ts';
import { type ReportFlags, type ReportForm, reportForm } from './report-output.ts';
import { parseSeed } from './run-options.ts';
import { parseQuestions, type QuestionFlags, type Questions } from './sim-questions.ts';
import { type PageChoice, pageChoice, parseCount, parseShare, type TraceFlags } from './trace-options.ts';

/** The options as commander leaves them. */
export interface SimFlags extends TraceFlags, QuestionFlags, ReportFlags {
  readonly policy?: string;
  readonly frames?: string;
  readonly warmup: string;
  readonly device: string;
  readonly seed: string;
  readonly tick?: string;
  readonly jobs?: string;
  readonly mrc?: true;
  readonly exact?: true;
  readonly svg?: string;
}

/** What to do, apart from what depends on the trace. */
export interface SimPlan {
  readonly choice: PageChoice;
  readonly policies: readonly string[];
  /** Frames, ascending; undefined if the trace decides. */
  readonly sizes: readonly number[] | undefined;
  readonly warmup: Warmup;
  readonly device: PagingDevice;
  readonly seed: number;
  /** References from one tick to the next; undefined: the frames. */
  readonly tick: number | undefined;
  readonly threads: number | undefined;
  /** Counts of everything at some sizes, or misses at every size. */
  readonly question: 'counts' | 'curves';
  /** Share of the pages that LRU's curve is made from; undefined if their number decides. */
  readonly curveShare: number | undefined;
  readonly form: ReportForm;
  /** What is asked of the trace instead of the misses of the policies; undefined if nothing is. */
  readonly questions: Questions | undefined;
}

/** References that are not counted, or the share of the trace that they are. */
export type Warmup = { readonly references: number } | { readonly share: number };

/** Simulations of one trace at most: their results are kept until they are shown. */
const MAX_SIMULATIONS = 100_000;
/** Policies where none are given: the plainest, what kernels come close to, and the yardstick. */
const DEFAULT_POLICIES = 'fifo,clock,lru';
/** Sizes chosen for a trace where none are given. */
const DEFAULT_SIZES = 8;
/** More frames than any machine has, and few enough for exact arithmetic with bytes. */
const MAX_FRAMES = 2 ** 40;

/** Forms in which it reports. */
export const simForms: readonly ReportForm[] = ['text', 'json', 'csv', 'svg', 'html'];

/** Checks everything that was typed. Throws a UsageError for the first value that is wrong. @param traces how many are to be read */
export function simPlan(flags: SimFlags, traces: number): SimPlan {
  const form = reportForm(flags, simForms);
  if (traces > 1 && (form === 'svg' || flags.svg !== undefined)) {
    throw new UsageError(`${form === 'svg' ? '--output' : '--svg'}: a picture shows one trace; give one`);
  }
  if (flags.svg !== undefined && !flags.mrc) throw new UsageError('--svg: a picture is made of curves; add --mrc');
  if (flags.tick !== undefined && flags.miniature)
    throw new UsageError('--tick: a miniature ticks as often as it has frames; leave it out');
  const choice = pageChoice(flags);
  const policies = parsePolicies(flags.policy ?? (flags.mrc ? 'lru' : DEFAULT_POLICIES));
  const sizes = flags.frames === undefined ? undefined : parseSizes(flags.frames, 2 ** choice.pageShift, policies.length);
  if (flags.exact && !flags.mrc) throw new UsageError('--exact: it is about the curve; add --mrc');
  return {
    choice,
    policies,
    sizes,
    warmup: parseWarmup(flags.warmup),
    device: parseDevice(flags.device),
    seed: parseSeed(flags.seed),
    tick: flags.tick === undefined ? undefined : parseCount(flags.tick, '--tick', 1),
    threads: flags.jobs === undefined ? undefined : parseCount(flags.jobs, '--jobs', 1),
    question: flags.mrc ? 'curves' : 'counts',
    curveShare: flags.exact ? 1 : flags.share === undefined ? undefined : parseShare(flags.share, '--share'),
    form,
    questions: parseQuestions(flags, form, policies),
  };
}

/** Returns sizes that show a trace of so many pages: the powers of two below, the last ones or for curves all, and all of its pages. */
export function defaultSizes(pages: number, question: SimPlan['question']): number[] {
  const last = Math.ceil(Math.log2(pages)) - 1;
  const powers = Array.from({ length: last + 1 }, (_, power) => 2 ** power);
  return [...(question === 'curves' ? powers : powers.slice(1 - DEFAULT_SIZES)), pages];
}

/** Returns how many of `references` fill memory only. Throws a UsageError if nothing is left to count. */
export function warmupOf(warmup: Warmup, references: number, name: string): number {
  const count = 'references' in warmup ? warmup.references : Math.round(warmup.share * references);
  if (count < references) return count;
  throw new UsageError(`--warmup ${count}: ${name} has no more than ${formatCount(references)} references`);
}

function parsePolicies(text: string): string[] {
  const names = replayPolicies.map((policy) => policy.name);
  if (text === 'all') return names;
  const chosen = text.split(',').map((name) => name.trim());
  for (const name of chosen) {
    if (!names.includes(name)) throw new UsageError(`--policy ${text}: '${name}' is none of ${names.join(', ')}`);
  }
  return [...new Set(chosen)];
}

function parseSizes(text: string, pageBytes: number, policies: number): number[] {
  const sizes = new Set<number>();
  for (const part of text.split(',')) {
    for (const size of rangeOf(part.trim(), '--frames', (each) => parseFrames(each, pageBytes))) {
      sizes.add(size);
      if (sizes.size * policies > MAX_SIMULATIONS) {
        throw new UsageError(`--frames ${text}: more than ${formatCount(MAX_SIMULATIONS)} simulations; ask for fewer sizes`);
      }
    }
  }
  return [...sizes].sort((a, b) => a - b);
}

/** Returns frames: a plain number counts them, one with a unit their bytes. */
function parseFrames(text: string, pageBytes: number): number {
  const frames = /^\d+$/.test(text) ? Number(text) : Math.floor(parseByteSize(text, '--frames') / pageBytes);
  if (frames < 1) throw new UsageError(`--frames ${text}: a memory has at least one frame`);
  if (frames > MAX_FRAMES) throw new UsageError(`--frames ${text}: more frames than any machine has`);
  return frames;
}

function parseWarmup(text: string): Warmup {
  const share = /^(\d+(?:\.\d+)?)\s*%$/.exec(text)?.[1];
  return share === undefined ? { references: parseCount(text, '--warmup', 0) } : { share: Number(share) / 100 };
}

function parseDevice(name: string): PagingDevice {
  const device = pagingDevices.find((each) => each.name === name);
  if (device === undefined) throw new UsageError(`--device ${name}: choose one of ${pagingDevices.map((each) => each.name).join(', ')}`);
  return device;
}
