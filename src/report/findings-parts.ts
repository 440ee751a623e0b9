// What `quire sim` finds out about a trace beside misses of policies: estimates of them, resident sets, and why a page went. One form for all: a sentence, a table, a picture.

import type { Candidate, EvictionExplanation, ResidentSetPoint } from '../lab/index.ts';
import type { TextTable } from './columns.ts';
import { lineChartSvg } from './line-chart.ts';
import { formatBytes, formatCount, formatCountOf, formatShare } from './quantities.ts';
import { type HeadPart, pagePicture, type ReportPart } from './report-part.ts';
import { missChartSvg, partialSentence, type ReplayedTrace } from './simulation-parts.ts';

/** Misses of LRU by size. */
export interface EstimateFinding {
  readonly question: 'estimate';
  readonly sizes: readonly number[];
  /** For each way in which they were found: misses by size, and for SHARDS how many pages were looked at. */
  readonly curves: readonly {
    readonly method: 'exact' | 'shards' | 'aet';
    readonly misses: readonly number[];
    readonly sampledPages?: number;
  }[];
}

/** Estimated misses of policies by size. */
export interface MiniatureFinding {
  readonly question: 'miniature';
  /** Share of the pages that was asked for. */
  readonly share: number;
  readonly sizes: readonly number[];
  readonly curves: readonly { readonly policy: string; readonly misses: readonly number[] }[];
}

/** Resident sets of one process by their parameter. */
export interface ResidentSetFinding {
  readonly question: 'ws' | 'pff';
  readonly points: readonly ResidentSetPoint[];
}

/** Why a page went, or that there was no such eviction. */
export interface EvictionFinding {
  readonly question: 'explain';
  readonly explanation: EvictionExplanation | { readonly policy: string; readonly frames: number; readonly evictions: number };
}

/** An answer to a question about a trace. */
export type Finding = EstimateFinding | MiniatureFinding | ResidentSetFinding | EvictionFinding;

/** Candidates shown; the rest is counted. */
const CANDIDATES_SHOWN = 20;

/** Returns the report on what was found about one trace. */
export function findingParts(trace: ReplayedTrace, findings: readonly Finding[]): ReportPart[] {
  return [headPart(trace), ...findings.flatMap((finding) => partsOf(finding, trace))];
}

/** Returns a finding over sizes or windows as an SVG document; there is none of an explanation. */
export function findingSvg(trace: ReplayedTrace, finding: Exclude<Finding, EvictionFinding>): string {
  switch (finding.question) {
    case 'estimate':
      return sizesSvg(finding.sizes, columnsOf(finding), trace);
    case 'miniature':
      return sizesSvg(finding.sizes, columnsOf(finding), trace);
    case 'ws':
    case 'pff':
      return residentSetSvg(finding, trace);
  }
}

/** Returns a finding as rows of cells, the head first: for comma-separated values. */
export function findingRows(finding: Exclude<Finding, EvictionFinding>): (string | number)[][] {
  switch (finding.question) {
    case 'estimate':
      return [['method', 'frames', 'misses'], ...finding.curves.flatMap(({ method, misses }) => rowsOf(method, finding.sizes, misses))];
    case 'miniature':
      return [['policy', 'frames', 'misses'], ...finding.curves.flatMap(({ policy, misses }) => rowsOf(policy, finding.sizes, misses))];
    case 'ws':
    case 'pff':
      return [['window', 'faults', 'mean_pages'], ...finding.points.map(({ window, faults, meanPages }) => [window, faults, meanPages])];
  }
}

function rowsOf(name: string, sizes: readonly number[], misses: readonly number[]): (string | number)[][] {
  return sizes.map((frames, i) => [name, frames, misses[i] as number]);
}

function headPart({ name, references, pages, pageBytes, changes, partial }: ReplayedTrace): HeadPart {
  const lines = [`${formatCountOf(references, 'reference')} to ${formatCountOf(pages, 'page')} of ${formatBytes(pageBytes)}`];
  if (partial !== undefined) lines.push(partialSentence(partial));
  if (changes.length > 0) lines.push(`of it: ${changes.join('; ')}`);
  return { kind: 'head', name, lines };
}

function partsOf(finding: Finding, trace: ReplayedTrace): ReportPart[] {
  if (finding.question === 'explain') return explanationParts(finding.explanation);
  const places = 'sizes' in finding ? finding.sizes.length : finding.points.length;
  const picture = places > 1 ? [pagePicture(() => findingSvg(trace, finding))] : [];
  switch (finding.question) {
    case 'estimate':
      return [missPart(estimateCaption(finding, trace), finding.sizes, columnsOf(finding), trace), ...picture];
    case 'miniature':
      return [missPart(miniatureCaption(finding), finding.sizes, columnsOf(finding), trace), ...picture];
    case 'ws':
    case 'pff':
      return [residentSetPart(finding, trace), ...picture];
  }
}

/** Misses by size under a name. */
interface MissColumn {
  readonly name: string;
  readonly misses: readonly number[];
}

function columnsOf(finding: EstimateFinding | MiniatureFinding): MissColumn[] {
  if (finding.question === 'estimate') return finding.curves.map(({ method, misses }) => ({ name: method, misses }));
  return finding.curves.map(({ policy, misses }) => ({ name: policy, misses }));
}

function estimateCaption({ curves }: EstimateFinding, trace: ReplayedTrace): string {
  const ways = curves.map(({ method, sampledPages = 0 }) => {
    const sample = `SHARDS, estimated from ${formatCountOf(sampledPages, 'page')}, ${formatShare(sampledPages, trace.pages)} of them`;
    return { exact: 'exact, from stack distances', shards: sample, aet: 'AET, estimated from reuse times' }[method];
  });
  return `misses of LRU: ${ways.join('; ')}`;
}

function miniatureCaption({ share }: MiniatureFinding): string {
  return `misses, estimated by simulating ${formatShare(share, 1)} of the pages in as small a share of the frames`;
}

function missPart(
  caption: string,
  sizes: readonly number[],
  columns: readonly MissColumn[],
  { references, pageBytes }: ReplayedTrace,
): ReportPart {
  const rows = sizes.map((frames, i) => [
    formatCount(frames),
    formatBytes(frames * pageBytes),
    ...columns.map(({ misses }) => `${formatCount(misses[i] as number)} ${formatShare(misses[i] as number, references).padStart(7)}`),
  ]);
  const head = ['frames', 'memory', ...columns.map(({ name }) => name)];
  return { kind: 'table', caption: [caption], table: { head, rows, keys: 2, keysAre: 'numbers' } };
}

function sizesSvg(sizes: readonly number[], columns: readonly MissColumn[], trace: ReplayedTrace): string {
  const shareOf = (misses: number): number => (100 * misses) / trace.references;
  const curves = columns.map(({ name, misses }, tone) => {
    return { name, points: misses.map((count, i) => [sizes[i] as number, shareOf(count)] as const), tone, line: 'solid' as const };
  });
  return missChartSvg(trace, curves);
}

function residentSetPart({ question, points }: ResidentSetFinding, { pageBytes }: ReplayedTrace): ReportPart {
  const rows = points.map(({ window, references, faults, meanPages }) => [
    formatCount(window),
    formatCount(faults),
    formatShare(faults, references),
    meanPages.toFixed(1),
    formatBytes(Math.round(meanPages) * pageBytes),
  ]);
  const title =
    question === 'ws'
      ? 'working set: the pages of the last T references'
      : 'page fault frequency: at a fault T or more references after the last one, pages not used in between leave';
  const head = ['T', 'faults', 'share', 'mean pages', 'memory'];
  return { kind: 'table', caption: [title], table: { head, rows, keys: 1, keysAre: 'numbers' } };
}

/** What memory buys: faults over the mean size of the resident set. */
function residentSetSvg({ question, points }: ResidentSetFinding, { name, references, pageBytes }: ReplayedTrace): string {
  const places = points.map(({ meanPages, faults }) => [meanPages, (100 * faults) / references] as const).sort(([a], [b]) => a - b);
  return lineChartSvg({
    title: `${name}: faults by mean size of the resident set`,
    x: { label: `mean pages of ${formatBytes(pageBytes)}`, scale: 'log' },
    y: { label: 'faults, % of references', scale: 'linear' },
    curves: [{ name: question === 'ws' ? 'working set' : 'page fault frequency', points: places, tone: 0, line: 'solid' }],
  });
}

function explanationParts(explanation: EvictionFinding['explanation']): ReportPart[] {
  const { policy, frames } = explanation;
  const who = `${policy} with ${formatCountOf(frames, 'frame')}`;
  if ('evictions' in explanation) {
    return [{ kind: 'head', name: who, lines: [`the trace makes only ${formatCountOf(explanation.evictions, 'eviction')}`] }];
  }
  const { eviction, reference, loaded, victim, reason, candidates, ghosts, optimum } = explanation;
  const shown = candidates.filter(({ page }, i) => i < CANDIDATES_SHOWN || page === victim || page === optimum);
  const rest = candidates.length - shown.length;
  const below = [
    ...(rest > 0 ? [`  and ${formatCountOf(rest, 'page')} more`] : []),
    ...ghosts.filter(({ pages }) => pages.length > 0).map((each) => `  remembered in ${each.name}: ${ghostText(each.pages)}`),
  ];
  const lines = [`reference ${formatCount(reference)} loads page ${loaded}, page ${victim} goes`, `since ${reason}`];
  return [
    { kind: 'head', name: `${who}, eviction ${formatCount(eviction)}`, lines },
    { kind: 'table', caption: [], table: candidateTable(shown, explanation), below },
    { kind: 'lines', lines: [`  ${optimumSentence(explanation)}`] },
  ];
}

function candidateTable(candidates: readonly Candidate[], { victim, optimum }: EvictionExplanation): TextTable {
  const markNames = [...new Set(candidates.flatMap(({ mark }) => (mark === undefined ? [] : [mark.name])))];
  const rows = candidates.map(({ page, queue, place, mark, loadedAgo, usedAgo, nextUseIn }) => [
    `${page}`,
    `${queue} ${formatCount(place)}`,
    ...markNames.map((name) => (mark?.name === name ? String(mark.value) : '')),
    formatCount(loadedAgo),
    formatCount(usedAgo),
    nextUseIn === null ? 'never' : `in ${formatCount(nextUseIn)}`,
    page === victim ? 'goes' : page === optimum ? "optimum's" : '',
  ]);
  const head = ['page', 'place', ...markNames, 'loaded ago', 'used ago', 'used next', ''];
  return { head, rows, keys: 2, keysAre: 'numbers' };
}

function ghostText(pages: readonly number[]): string {
  const shown = pages.slice(0, CANDIDATES_SHOWN).join(', ');
  return pages.length > CANDIDATES_SHOWN ? `${shown} and ${formatCount(pages.length - CANDIDATES_SHOWN)} more` : shown;
}

function optimumSentence({ candidates, victim, optimum }: EvictionExplanation): string {
  const useOf = (page: number): string => {
    const next = candidates.find((each) => each.page === page)?.nextUseIn ?? null;
    return next === null ? 'never used again' : `used again ${formatCountOf(next, 'reference')} later`;
  };
  if (victim === optimum) return `The optimum would do the same: page ${victim} is ${useOf(victim)}, and no other page is needed later.`;
  return `The optimum would give page ${optimum}, ${useOf(optimum)}; page ${victim} is ${useOf(victim)}.`;
}
