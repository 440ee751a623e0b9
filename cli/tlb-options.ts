// The options of `quire tlb`, and what they ask for: which TLBs, which sizes of pages, whose walks.

import { UsageError } from '../src/base/index.ts';
import { addressLimitOf, pageSizesOf } from '../src/lab/index.ts';
import {
  type PageTableFormat,
  type TlbDesign,
  type TlbReplacement,
  type TlbShape,
  tlbDesigns,
  tlbReplacements,
  whyNoTlb,
} from '../src/machine/index.ts';
import { formatAddress, formatBytes } from '../src/report/index.ts';
import { findPageTable } from '../src/systems/index.ts';
import { parseByteSize } from './byte-size.ts';
import { type ReportFlags, type ReportForm, reportForm } from './report-output.ts';
import { parseCount, parseShare, type TraceFlags } from './trace-options.ts';

/** The options as commander leaves them. */
export interface TlbFlags extends TraceFlags, ReportFlags {
  readonly entries?: string;
  readonly ways?: string;
  readonly replacement?: string;
  readonly preset?: string;
  readonly wired?: string;
  readonly pagesPerEntry?: string;
  readonly second?: string;
  readonly largePages?: string;
  readonly largeShare: string;
  readonly large?: string;
  readonly pageTable?: string;
  readonly walkCache: string;
  readonly processes?: string;
  readonly quantum: string;
  readonly asids: string;
  readonly processors: string;
  readonly unmapEvery: string;
  readonly global?: readonly string[];
  readonly seed: string;
}

/** Forms that the report has. */
export const tlbForms: readonly ReportForm[] = ['text', 'json', 'csv'];

/** A TLB of the command: as many entries as there are translations, or so many. */
export interface PlannedTlb {
  readonly name: string;
  readonly design: TlbDesign | 'complete';
}

/** What to do. */
export interface TlbPlan {
  readonly form: ReportForm;
  readonly tlbs: readonly PlannedTlb[];
  /** Sizes of pages, in bytes. */
  readonly pageSizes: readonly number[];
  /** Bytes of the page that traces are read in. */
  readonly baseBytes: number;
  readonly large?: { readonly bytes: number; readonly share: number };
  readonly pageTable?: PageTableFormat;
  readonly walkCache: number;
  readonly processes: number;
  readonly quantum: number;
  readonly asids: number;
  readonly processors: number;
  readonly unmapEvery: number;
  readonly globals: readonly (readonly [from: number, to: number])[];
  readonly seed: number;
  readonly notes: readonly string[];
}

/** Traces of pages count these. */
const USUAL_PAGE = 4096;
/** More than any processor has, and few enough to be simulated at once. */
const MOST_ENTRIES = 1 << 20;
const MOST_PROCESSORS = 1024;

/** Returns what the options ask for. Throws a UsageError for what cannot be. @param traces how many there are */
export function tlbPlan(flags: TlbFlags, traces: number): TlbPlan {
  const pageSizes = listOf(flags.pageSize).map((text) => pageSize(text, '--page-size'));
  const pageTable = flags.pageTable === undefined ? undefined : findPageTable(flags.pageTable);
  const large = largePages(flags, pageSizes);
  if (pageTable !== undefined) checkSizes(pageTable, [...pageSizes, ...(large === undefined ? [] : [large.bytes])]);
  const walkCache = parseCount(flags.walkCache, '--walk-cache', 0);
  if (walkCache > 0 && pageTable === undefined) throw new UsageError('--walk-cache: say which tables are walked, with --page-table NAME');
  const { tlbs, notes } = flags.preset === undefined ? tlbsOf(flags, large !== undefined) : presets(flags);
  const processes = flags.processes === undefined ? traces : parseCount(flags.processes, '--processes', 1);
  if (processes < traces) throw new UsageError(`--processes ${processes}: there are ${traces} traces, and each is run`);
  return {
    form: reportForm(flags, tlbForms),
    tlbs,
    pageSizes,
    baseBytes: Math.min(USUAL_PAGE, ...pageSizes),
    ...(large && { large }),
    ...(pageTable && { pageTable }),
    walkCache: atMost(walkCache, MOST_ENTRIES, '--walk-cache'),
    processes,
    quantum: parseCount(flags.quantum, '--quantum', 1),
    asids: parseCount(flags.asids, '--asids', 0),
    processors: atMost(parseCount(flags.processors, '--processors', 1), MOST_PROCESSORS, '--processors'),
    unmapEvery: parseCount(flags.unmapEvery, '--unmap-every', 0),
    globals: (flags.global ?? []).map(parseGlobal),
    seed: parseCount(flags.seed, '--seed', 0),
    notes,
  };
}

/** Throws a UsageError if a trace has addresses that the format's tables have no place for. */
export function checkAddresses(format: PageTableFormat, name: string, topAddress: number): void {
  const limit = addressLimitOf(format);
  if (topAddress < limit) return;
  throw new UsageError(
    `--page-table ${format.name}: ${name} has address ${formatAddress(topAddress)}, and its tables end at ${formatAddress(limit)}; take a wider one`,
  );
}

function listOf(text: string): string[] {
  return [...new Set(text.split(',').map((each) => each.trim()))];
}

function atMost(value: number, most: number, option: string): number {
  if (value <= most) return value;
  throw new UsageError(`${option} ${value}: at most ${most}`);
}

function pageSize(text: string, option: string): number {
  const bytes = parseByteSize(text, option);
  if (Number.isInteger(Math.log2(bytes)) && bytes <= 2 ** 40) return bytes;
  throw new UsageError(`${option} ${text}: not a power of two of up to 1 TiB`);
}

function largePages({ largePages: size, largeShare, large }: TlbFlags, pageSizes: readonly number[]): TlbPlan['large'] {
  if (size === undefined) {
    if (large !== undefined) throw new UsageError('--large: say how large its pages are, with --large-pages SIZE');
    return undefined;
  }
  const bytes = pageSize(size, '--large-pages');
  if (pageSizes.every((small) => small < bytes)) return { bytes, share: parseShare(largeShare, '--large-share') };
  throw new UsageError(`--large-pages ${size}: they are to be larger than the pages of --page-size`);
}

function checkSizes(format: PageTableFormat, sizes: readonly number[]): void {
  if (format.architecture === 'hashed') {
    throw new UsageError(`--page-table ${format.name}: its chains have no fixed number of loads; take a table of levels`);
  }
  const able = pageSizesOf(format);
  const lacking = sizes.find((bytes) => !able.includes(bytes));
  if (lacking === undefined) return;
  throw new UsageError(
    `--page-table ${format.name}: it has no pages of ${formatBytes(lacking)}; it has ${able.map(formatBytes).join(', ')}`,
  );
}

function presets(flags: TlbFlags): { tlbs: PlannedTlb[]; notes: string[] } {
  const own = (['entries', 'ways', 'replacement', 'wired', 'pagesPerEntry', 'second', 'large'] as const).find(
    (key) => flags[key] !== undefined,
  );
  if (own !== undefined) {
    const option = own.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new UsageError(`--preset and --${option}: a preset says that itself; leave one of them out`);
  }
  const designs = listOf(flags.preset as string).map((name) => {
    const design = tlbDesigns.find((each) => each.name === name);
    if (design === undefined)
      throw new UsageError(`--preset ${name}: there is no such TLB; choose from ${tlbDesigns.map((d) => d.name).join(', ')}`);
    return design;
  });
  const paired = designs.find(({ pagesPerEntry = 1 }) => pagesPerEntry > 1);
  if (paired !== undefined && flags.largePages !== undefined) {
    throw new UsageError(
      `--preset ${paired.name}: its entries are of several pages, which go with pages of one size; leave --large-pages out`,
    );
  }
  return {
    tlbs: designs.map((design) => ({ name: design.name, design })),
    notes: designs.map(({ name, source }) => `${name}: ${source}`),
  };
}

/** Every number of entries with every number of ways and every rule; what cannot be built is left out, and said. */
function tlbsOf(flags: TlbFlags, hasLargePages: boolean): { tlbs: PlannedTlb[]; notes: string[] } {
  const notes: string[] = [];
  const tlbs: PlannedTlb[] = [];
  const wired = parseCount(flags.wired ?? '0', '--wired', 0);
  const pagesPerEntry = pagesPerEntryOf(flags);
  if (pagesPerEntry > 1 && hasLargePages) throw new UsageError('--pages-per-entry: entries of several pages go with pages of one size');
  for (const entries of listOf(flags.entries ?? '16,64,1536')) {
    if (entries === 'complete') {
      tlbs.push({ name: 'complete', design: 'complete' });
      continue;
    }
    const count = countOfEntries(entries, '--entries');
    for (const ways of listOf(flags.ways ?? '4,full')) {
      for (const replacement of listOf(flags.replacement ?? 'lru').map((rule) => replacementOf(rule, '--replacement'))) {
        const first: TlbShape = { entries: count, ways: waysOf(ways, count, '--ways'), replacement, wired };
        const name = nameOf(first);
        const why = whyNoTlb(first);
        if (tlbs.some((known) => known.name === name)) continue;
        if (why !== undefined) notes.push(`left out: ${name}, since ${why}`);
        else tlbs.push({ name, design: { name, first, pagesPerEntry, ...upperArrays(flags, replacement) } });
      }
    }
  }
  if (tlbs.length === 0) throw new UsageError(`none of these TLBs can be built: ${notes[0]?.replace('left out: ', '')}`);
  return { tlbs, notes };
}

function upperArrays({ second, large }: TlbFlags, replacement: TlbReplacement): Pick<TlbDesign, 'second' | 'large'> {
  return {
    ...(second !== undefined && { second: parseArray(second, replacement, '--second') }),
    ...(large !== undefined && { large: parseArray(large, replacement, '--large') }),
  };
}

/** Reads `1536:12` or `32:full`. */
function parseArray(text: string, replacement: TlbReplacement, option: string): TlbShape {
  const [entries = '', ways = 'full'] = text.split(':');
  const count = countOfEntries(entries, option);
  const shape = { entries: count, ways: waysOf(ways, count, option), replacement };
  const why = whyNoTlb(shape);
  if (why !== undefined) throw new UsageError(`${option} ${text}: ${why}`);
  return shape;
}

/**
 * Reads TLBs for a live run, with commas: names of processors, and shapes as in `64:4`, `16:full:fifo`, `32:direct`.
 * Throws a UsageError for what cannot be built.
 */
export function parseTlbDesigns(text: string, option: string, largePages: 'never' | 'promote'): TlbDesign[] {
  return listOf(text).map((each) => {
    const preset = tlbDesigns.find(({ name }) => name === each);
    if (preset === undefined) return parseDesign(each, option);
    if ((preset.pagesPerEntry ?? 1) === 1 || largePages === 'never') return preset;
    throw new UsageError(`${option} ${each}: its entries are of several pages, which go with pages of one size; leave --large-pages out`);
  });
}

function parseDesign(text: string, option: string): TlbDesign {
  const names = tlbDesigns.map(({ name }) => name).join(', ');
  if (!/^\d+:\w+(:[\w-]+)?$/.test(text)) {
    throw new UsageError(`${option} ${text}: write ENTRIES:WAYS or ENTRIES:WAYS:REPLACEMENT, as in 64:4:fifo, or one of ${names}`);
  }
  const [entries = '', ways = '', replacement = 'lru'] = text.split(':');
  const first = parseArray(`${entries}:${ways}`, replacementOf(replacement, option), option);
  return { name: nameOf(first), first };
}

function countOfEntries(text: string, option: string): number {
  return atMost(parseCount(text, option, 1), MOST_ENTRIES, option);
}

function waysOf(text: string, entries: number, option: string): number {
  return text === 'full' ? entries : text === 'direct' ? 1 : parseCount(text, option, 1);
}

function replacementOf(text: string, option: string): TlbReplacement {
  const replacement = tlbReplacements.find((known) => known === text);
  if (replacement !== undefined) return replacement;
  throw new UsageError(`${option} ${text}: there is no such rule; choose from ${tlbReplacements.join(', ')}`);
}

function pagesPerEntryOf({ pagesPerEntry = '1' }: TlbFlags): number {
  const pages = parseCount(pagesPerEntry, '--pages-per-entry', 1);
  if (Number.isInteger(Math.log2(pages)) && pages <= MOST_ENTRIES) return pages;
  throw new UsageError(`--pages-per-entry ${pagesPerEntry}: not a power of two`);
}

function nameOf({ entries, ways, replacement }: TlbShape): string {
  const how = ways === 1 ? 'direct' : ways === entries ? 'full' : `${ways} ways`;
  return ways === 1 ? `${entries} ${how}` : `${entries} ${how} ${replacement}`;
}

function parseGlobal(text: string): readonly [number, number] {
  const [, from, to] = /^(0x[\da-f_]+|\d+)\.\.(0x[\da-f_]+|\d+)$/i.exec(text) ?? [];
  const range = [Number(from?.replaceAll('_', '')), Number(to?.replaceAll('_', ''))] as const;
  if (range.every(Number.isSafeInteger) && range[0] < range[1]) return range;
  throw new UsageError(`--global ${text}: not a range of addresses; write it as in 0x1000..0x9000`);
}
