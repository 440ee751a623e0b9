// Questions that `quire sim` answers instead of counting what policies miss: estimates of that from little work, resident sets of
// one process, and why a page went. What was typed becomes a list of questions; each is answered in one or two passes over the trace.

import type { Command } from 'commander';
import { UsageError } from '../src/base/index.ts';
import {
  AverageEvictionTime,
  canExplain,
  explainEviction,
  lruMissesBySize,
  miniatureMisses,
  PageFaultFrequency,
  Shards,
  StackDistances,
  WorkingSets,
} from '../src/lab/index.ts';
import { type AnyPolicyKind, replayPolicies } from '../src/paging/index.ts';
import { type Finding, formatCount } from '../src/report/index.ts';
import { type DenseTrace, piecesOf } from './dense-trace.ts';
import { rangeOf } from './ranges.ts';
import { parseCount, parseShare } from './trace-options.ts';

/** The options as commander leaves them. */
export interface QuestionFlags {
  readonly estimate?: string;
  readonly miniature?: true;
  readonly share?: string;
  readonly ws?: string;
  readonly pff?: string;
  readonly explain?: string;
}

/** Values of T, ascending; undefined if the trace decides. */
interface Windows {
  readonly windows: readonly number[] | undefined;
}

/** What is asked of a trace. */
export interface Questions {
  /** LRU's misses, in these ways. */
  readonly estimate?: readonly Method[];
  /** The policies' misses, in small. */
  readonly miniature?: true;
  /** Share of the pages that samples have. */
  readonly share: number;
  readonly ws?: Windows;
  readonly pff?: Windows;
  /** Which eviction. */
  readonly explain?: number;
}

/** A way to LRU's misses for many sizes. */
type Method = 'exact' | 'shards' | 'aet';

const methods: readonly Method[] = ['exact', 'shards', 'aet'];

/** With which policies and sizes. */
interface Setting {
  readonly policies: readonly string[];
  /** Frames, ascending. */
  readonly sizes: readonly number[];
  readonly seed: number;
}

/** Share of the pages that samples have if nothing else is said: hundreds of pages of a small trace, ten thousand of a million. */
const DEFAULT_SHARE = 0.01;
/** Values of T at most: PFF simulates each. */
const MAX_WINDOWS = 1000;

/** Adds the options to the command. */
export function addQuestionOptions(command: Command): Command {
  return command
    .option('--estimate <ways>', "instead: LRU's misses by exact, shards or aet, with commas between")
    .option('--miniature', 'instead: what the policies miss, estimated from a sample of the pages in a smaller memory')
    .option('--share <share>', 'the share of the pages that shards, --miniature and --mrc look at (default: 0.01; --mrc: what is enough)')
    .option('--ws <windows>', 'instead: faults and size of the working set, by window in references; auto, or as in 100,1000..64000')
    .option('--pff <windows>', 'instead: faults and size under page fault frequency, by threshold in references')
    .option('--explain <n>', 'instead: why the n-th page that a policy gave up was that one');
}

/** Checks what was typed. Returns undefined if no question was asked. */
export function parseQuestions(
  flags: QuestionFlags & { readonly warmup: string; readonly mrc?: true; readonly frames?: string },
  form: string,
  policies: readonly string[],
): Questions | undefined {
  const asked = (['estimate', 'miniature', 'ws', 'pff', 'explain'] as const).filter((question) => flags[question] !== undefined);
  if (asked.length === 0) return undefined;
  const questions: Questions = {
    share: flags.share === undefined ? DEFAULT_SHARE : parseShare(flags.share, '--share'),
    ...(flags.estimate !== undefined && { estimate: parseMethods(flags.estimate) }),
    ...(flags.miniature && { miniature: true }),
    ...(flags.ws !== undefined && { ws: { windows: parseWindows(flags.ws, '--ws') } }),
    ...(flags.pff !== undefined && { pff: { windows: parseWindows(flags.pff, '--pff') } }),
    ...(flags.explain !== undefined && { explain: parseCount(flags.explain, '--explain', 1) }),
  };
  if (flags.mrc) throw new UsageError(`--mrc and --${asked[0]}: choose one of them`);
  if (!/^0+(\.0+)?\s*%?$/.test(flags.warmup)) throw new UsageError(`--warmup ${flags.warmup}: --${asked[0]} counts every reference`);
  if (form === 'csv' && (asked.length > 1 || questions.explain !== undefined)) {
    throw new UsageError('--csv: give one of --estimate, --miniature, --ws and --pff alone, or use --json');
  }
  if (form === 'svg' && (asked.length > 1 || questions.explain !== undefined)) {
    throw new UsageError('--output: a picture shows one of --estimate, --miniature, --ws and --pff; a page, .html, shows all');
  }
  if (questions.explain !== undefined) expectExplainable(policies);
  if (questions.explain !== undefined && flags.frames === undefined)
    throw new UsageError('--explain: say how large memory is, with --frames');
  return questions;
}

function parseMethods(text: string): Method[] {
  return [...new Set(text.split(','))].map((name) => {
    const method = methods.find((each) => each === name.trim());
    if (method === undefined) throw new UsageError(`--estimate ${text}: '${name}' is none of ${methods.join(', ')}`);
    return method;
  });
}

function expectExplainable(policies: readonly string[]): void {
  const silent = policies.find((policy) => !canExplain(policy));
  if (silent === undefined) return;
  const able = replayPolicies.map(({ name }) => name).filter(canExplain);
  throw new UsageError(`--explain: ${silent} cannot explain its choices; those that can are ${able.join(', ')}`);
}

function parseWindows(text: string, option: string): number[] | undefined {
  if (text === 'auto') return undefined;
  const windows = new Set<number>();
  for (const part of text.split(',')) {
    for (const window of rangeOf(part.trim(), option, (each) => parseCount(each, option, 1))) {
      windows.add(window);
      if (windows.size > MAX_WINDOWS) throw new UsageError(`${option} ${text}: more than ${formatCount(MAX_WINDOWS)} values`);
    }
  }
  return [...windows].sort((a, b) => a - b);
}

/** Answers all questions about a trace, in the order of the options. */
export function answersOf(questions: Questions, trace: DenseTrace, setting: Setting): Finding[] {
  const { estimate, miniature, share, ws, pff, explain } = questions;
  const inquiry = new Inquiry(trace, setting);
  return [
    ...(estimate ? [inquiry.estimates(estimate, share)] : []),
    ...(miniature ? [inquiry.miniature(share)] : []),
    ...(ws ? [inquiry.workingSets(ws)] : []),
    ...(pff ? [inquiry.faultFrequency(pff)] : []),
    ...(explain === undefined ? [] : inquiry.explanations(explain)),
  ];
}

/** One trace that is asked. */
class Inquiry {
  readonly #trace: DenseTrace;
  readonly #setting: Setting;
  readonly #pages: number;
  readonly #policies: readonly AnyPolicyKind[];

  constructor(trace: DenseTrace, setting: Setting) {
    this.#trace = trace;
    this.#setting = setting;
    this.#pages = trace.content.pages;
    this.#policies = setting.policies.flatMap((name) => replayPolicies.filter((policy) => policy.name === name));
  }

  estimates(ways: readonly Method[], share: number): Finding {
    const { sizes } = this.#setting;
    return { question: 'estimate', sizes, curves: ways.map((method) => this.#curve(method, share)) };
  }

  miniature(share: number): Finding {
    const { sizes, seed } = this.#setting;
    const curves = this.#policies.map((policy) => ({
      policy: policy.name,
      misses: miniatureMisses(() => this.#pieces(), { policy, sizes, pages: this.#pages, share, seed }),
    }));
    return { question: 'miniature', share, sizes, curves };
  }

  workingSets({ windows = this.#ownWindows() }: Windows): Finding {
    return { question: 'ws', points: this.#feed(new WorkingSets(this.#pages, windows)).points() };
  }

  faultFrequency({ windows = this.#ownWindows() }: Windows): Finding {
    const processes = windows.map((threshold) => new PageFaultFrequency(this.#pages, threshold));
    for (const ids of this.#pieces()) for (const process of processes) process.feed(ids);
    return { question: 'pff', points: processes.map((process) => process.point()) };
  }

  explanations(eviction: number): Finding[] {
    const { sizes, seed } = this.#setting;
    const pageNumber = (id: number): number => this.#trace.pageNumber(id);
    return this.#policies.flatMap((policy) =>
      sizes.map((frames): Finding => {
        const found = explainEviction(() => this.#pieces(), { policy, frames, pages: this.#pages, seed, eviction, pageNumber });
        return { question: 'explain', explanation: 'evictions' in found ? { policy: policy.name, frames, ...found } : found };
      }),
    );
  }

  #curve(method: Method, share: number): { readonly method: Method; readonly misses: readonly number[]; readonly sampledPages?: number } {
    const { sizes } = this.#setting;
    switch (method) {
      case 'exact': {
        const bySize = lruMissesBySize(this.#feed(new StackDistances(this.#pages)).curve());
        return { method, misses: sizes.map((frames) => bySize[frames] ?? this.#pages) };
      }
      case 'aet':
        return { method, misses: this.#feed(new AverageEvictionTime(this.#pages)).misses(sizes) };
      case 'shards': {
        const shards = this.#feed(new Shards(this.#pages, share));
        return { method, misses: shards.misses(sizes), sampledPages: shards.sampledPages };
      }
    }
  }

  /** Powers of four from 16 up to the length of the trace. */
  #ownWindows(): number[] {
    const windows: number[] = [];
    for (let window = 16; window < this.#trace.content.references; window *= 4) windows.push(window);
    return [...windows, this.#trace.content.references];
  }

  #feed<T extends { feed: (ids: Uint32Array) => void }>(taker: T): T {
    for (const ids of this.#pieces()) taker.feed(ids);
    return taker;
  }

  *#pieces(): Generator<Uint32Array> {
    for (const { ids } of piecesOf(this.#trace.content)) yield ids;
  }
}
