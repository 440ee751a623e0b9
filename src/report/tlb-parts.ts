// What TLBs of different shapes did with the same references, for people and as rows.

import type { TlbCounts } from '../lab/index.ts';
import { formatBytes, formatCount, formatCountOf, formatShare } from './quantities.ts';
import type { ReportPart } from './report-part.ts';

/** What all results of a command have in common. */
export interface TlbFacts {
  readonly traces: readonly string[];
  readonly processes: number;
  readonly references: number;
  readonly quantum: number;
  readonly processors: number;
  readonly asids: number;
  readonly unmapEvery: number;
  /** The format whose walks are counted in loads. */
  readonly pageTable?: string;
  readonly walkCache: number;
  /** Sentences: what was left out, what is assumed. */
  readonly notes: readonly string[];
}

/** One TLB, with pages of one size. */
export interface TlbResult extends TlbCounts {
  readonly tlb: string;
  readonly entries: number;
  readonly ways: number;
  readonly replacement: string;
  readonly pageBytes: number;
  /** Bytes that all entries together can translate, with pages of `pageBytes`. */
  readonly reachBytes: number;
  /** Distinct translations: the misses of a TLB that has room for all. */
  readonly translations: number;
  /** Misses as a share of the references. */
  readonly missRatio: number;
  /** Loads of table entries for a miss; absent without a page table or a miss. */
  readonly loadsPerMiss?: number;
}

const ratio = (part: number, whole: number): string => (whole === 0 ? '-' : (part / whole).toFixed(2));

/** A column: its title, its cell, and whether it says anything here. */
interface TlbColumn {
  readonly title: string;
  readonly cell: (result: TlbResult) => string;
  readonly isShown: boolean;
}

/** Returns a report in parts. */
export function tlbParts(results: readonly TlbResult[], facts: TlbFacts): ReportPart[] {
  const columns = columnsOf(results, facts).filter(({ isShown }) => isShown);
  return [
    { kind: 'lines', lines: headLines(facts) },
    {
      kind: 'table',
      caption: [],
      table: {
        head: columns.map(({ title }) => title),
        rows: results.map((result) => columns.map(({ cell }) => cell(result))),
        keys: 2,
        keysAre: 'words',
      },
      below: ['', ...legend(facts), ...facts.notes].map((line) => (line === '' ? '' : `  ${line}`)),
    },
  ];
}

function headLines({ traces, processes, references, quantum, processors, asids, unmapEvery }: TlbFacts): string[] {
  const who = processes === 1 ? traces[0] : `${processes} processes of ${traces.join(', ')}`;
  const turns = [
    `in turns of ${formatCountOf(quantum, 'reference')} on ${formatCountOf(processors, 'processor')}`,
    asids === 0 ? 'without ASIDs' : `with ${formatCountOf(asids, 'ASID')}`,
  ];
  const lines = [`${formatCountOf(references, 'reference')} of ${who}`];
  if (processes > 1 || processors > 1) lines.push(`  ${turns.join(', ')}`);
  if (unmapEvery > 0) lines.push(`  every ${formatCount(unmapEvery)} references the page referenced last is unmapped`);
  return lines;
}

function columnsOf(results: readonly TlbResult[], facts: TlbFacts): TlbColumn[] {
  const some = (key: keyof TlbCounts): boolean => results.some((result) => result[key] > 0);
  const count = (title: string, key: keyof TlbCounts, isShown: boolean): TlbColumn => ({
    title,
    cell: (result) => formatCount(result[key]),
    isShown,
  });
  const walks = facts.pageTable !== undefined;
  return [
    { title: 'TLB', cell: ({ tlb }) => tlb, isShown: true },
    { title: 'page', cell: ({ pageBytes }) => formatBytes(pageBytes), isShown: true },
    { title: 'reach', cell: ({ reachBytes }) => formatBytes(reachBytes), isShown: true },
    count('hits', 'firstHits', true),
    count('second', 'secondHits', some('secondHits')),
    count('misses', 'misses', true),
    { title: 'of all', cell: ({ misses, references }) => shareOf(misses, references), isShown: true },
    count('loads', 'walkLoads', walks),
    { title: 'a miss', cell: ({ walkLoads, misses }) => ratio(walkLoads, misses), isShown: walks },
    count('switches', 'switches', some('switches')),
    count('flushes', 'flushes', some('flushes')),
    count('flushed', 'flushed', some('flushes')),
    count('unmapped', 'unmappings', some('unmappings')),
    count('shootdowns', 'shootdowns', some('unmappings') && facts.processors > 1),
    count('interrupts', 'interrupts', some('unmappings') && facts.processors > 1),
  ];
}

/** Three digits where misses are rare, which is where TLBs differ. */
function shareOf(part: number, whole: number): string {
  return part > 0 && part < whole / 1000 ? `${((100 * part) / whole).toPrecision(2)} %` : formatShare(part, whole);
}

function legend({ pageTable, walkCache }: TlbFacts): string[] {
  const cached =
    walkCache === 0 ? 'no cache of upper entries' : `a cache of ${formatCountOf(walkCache, 'entry', 'entries')} for each upper level`;
  return [
    'misses: references that had to walk; of all: their share of the references',
    ...(pageTable === undefined ? [] : [`loads: table entries that walks of ${pageTable} read, with ${cached}; a miss: loads for each`]),
  ];
}

/** Returns the results as rows for CSV, the names first. */
export function tlbRows(results: readonly TlbResult[]): (string | number)[][] {
  const keys: (keyof TlbResult)[] = [
    'tlb',
    'entries',
    'ways',
    'replacement',
    'pageBytes',
    'reachBytes',
    'translations',
    'references',
    'firstHits',
    'secondHits',
    'misses',
    'missRatio',
    'walkLoads',
    'loadsPerMiss',
    'switches',
    'flushes',
    'flushed',
    'unmappings',
    'shootdowns',
    'interrupts',
  ];
  return [keys, ...results.map((result) => keys.map((key) => result[key] ?? ''))];
}
