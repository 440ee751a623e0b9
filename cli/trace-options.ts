// Options that every command shares which reads a trace: which file, which format, and which pages its references make.

import { type Command, Option } from 'commander';
import { UsageError } from '../src/base/index.ts';
import { type PageStreamOptions, traceFormats } from '../src/trace/index.ts';
import { parseByteSize } from './byte-size.ts';
import type { TraceSource } from './trace-source.ts';

/** The options as commander leaves them. */
export interface TraceFlags {
  readonly format?: string;
  readonly column?: string;
  readonly pageSize: string;
  readonly kinds: 'all' | 'data';
  readonly crossing: 'split' | 'whole';
  readonly collapse: 'none' | 'pages' | 'kinds';
  readonly skip?: string;
  readonly limit?: string;
  readonly sample?: string;
}

/** How a trace's references become pages; the unit is the file's. */
export type PageChoice = Omit<PageStreamOptions, 'unit'>;

/** Adds the options to a command. */
export function addTraceOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--format <name>', 'the format of the trace; recognised if not given').choices(traceFormats.map((format) => format.name)),
    )
    .option('--column <n>', 'csv: the column with the page number, from 1 on')
    .option('--page-size <size>', 'bytes of a page, a power of two', '4KiB')
    .addOption(new Option('--kinds <which>', 'count all references, or loads and stores only').choices(['all', 'data']).default('all'))
    .addOption(
      new Option('--crossing <how>', 'a reference over a page boundary counts for each page (split) or for the first (whole)')
        .choices(['split', 'whole'])
        .default('split'),
    )
    .addOption(
      new Option('--collapse <repeats>', 'drop repeats of a page, or of a page and kind; changes the counts of some policies')
        .choices(['none', 'pages', 'kinds'])
        .default('none'),
    )
    .option('--skip <n>', 'leave the first references out')
    .option('--limit <n>', 'take so many references')
    .option('--sample <share>', 'keep this share of the pages, chosen by a hash, as in 0.01');
}

/** Returns which file to read. */
export function traceSource(path: string, flags: TraceFlags): TraceSource {
  const column = flags.column === undefined ? undefined : parseCount(flags.column, '--column', 1);
  return { path, ...(flags.format !== undefined && { format: flags.format }), ...(column !== undefined && { column }) };
}

/** Returns what to make of the references. */
export function pageChoice(flags: TraceFlags): PageChoice {
  const pageBytes = parseByteSize(flags.pageSize, '--page-size');
  const pageShift = Math.log2(pageBytes);
  if (!(Number.isInteger(pageShift) && pageShift <= 30))
    throw new UsageError(`--page-size ${flags.pageSize}: not a power of two of up to 1 GiB`);
  return {
    pageShift,
    kinds: flags.kinds,
    crossing: flags.crossing,
    collapse: flags.collapse,
    ...(flags.skip !== undefined && { skip: parseCount(flags.skip, '--skip', 0) }),
    ...(flags.limit !== undefined && { limit: parseCount(flags.limit, '--limit', 1) }),
    ...(flags.sample !== undefined && { sample: parseShare(flags.sample, '--sample') }),
  };
}

/** Returns what the options leave out or change, for people. */
export function changesOf({ kinds, crossing, collapse, skip, limit, sample }: TraceFlags): string[] {
  return [
    kinds === 'data' ? 'loads and stores only' : '',
    crossing === 'whole' ? 'a reference over a page boundary counts for its first page' : '',
    collapse === 'none' ? '' : `repeats of a page${collapse === 'kinds' ? ' and kind' : ''} dropped, which changes some policies' counts`,
    skip === undefined ? '' : `the first ${skip} references left out`,
    limit === undefined ? '' : `at most ${limit} references`,
    sample === undefined ? '' : `a share of ${sample} of the pages, chosen by hash; frames are theirs alone`,
  ].filter((change) => change !== '');
}

/** Returns a whole number of at least `least`. `option` is for the message of the UsageError that anything else gets. */
export function parseCount(text: string, option: string, least: number): number {
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(count) && count >= least) return count;
  throw new UsageError(`${option} ${text}: not a whole number of at least ${least}`);
}

/** Returns a share above 0 and up to 1. `option` is for the message of the UsageError that anything else gets. */
export function parseShare(text: string, option: string): number {
  const share = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (share > 0 && share <= 1) return share;
  throw new UsageError(`${option} ${text}: not a share above 0 and up to 1, such as 0.01`);
}
