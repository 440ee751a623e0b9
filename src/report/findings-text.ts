// What `quire sim` finds out about a trace beside misses of policies: estimates of them, resident sets, and why a page went. One form for all: a sentence, then a table.

import type { Candidate, EvictionExplanation, ResidentSetPoint } from '../lab/index.ts';
import { tableLines } from './columns.ts';
import { formatBytes, formatCount, formatCountOf, formatShare } from './quantities.ts';
import type { ReplayedTrace } from './simulation-text.ts';

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

/** Returns the text of what was found about one trace, with a line break at its end. @param width characters in a line, where a table can be broken to fit */
export function formatFindings(trace: ReplayedTrace, findings: readonly Finding[], width: number): string {
  const blocks = [headLines(trace), ...findings.map((finding) => linesOf(finding, trace, width))];
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
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

function headLines({ name, references, pages, pageBytes, changes }: ReplayedTrace): string[] {
  const head = `${name}: ${formatCountOf(references, 'reference')} to ${formatCountOf(pages, 'page')} of ${formatBytes(pageBytes)}`;
  return changes.length === 0 ? [head] : [head, `  of it: ${changes.join('; ')}`];
}

function linesOf(finding: Finding, trace: ReplayedTrace, width: number): string[] {
  switch (finding.question) {
    case 'estimate':
      return estimateLines(finding, trace, width);
    case 'miniature':
      return miniatureLines(finding, trace, width);
    case 'ws':
    case 'pff':
      return residentSetLines(finding, trace, width);
    case 'explain':
      return explanationLines(finding.explanation, width);
  }
}

function estimateLines({ sizes, curves }: EstimateFinding, trace: ReplayedTrace, width: number): string[] {
  const ways = curves.map(({ method, sampledPages = 0 }) => {
    const sample = `SHARDS, estimated from ${formatCountOf(sampledPages, 'page')}, ${formatShare(sampledPages, trace.pages)} of them`;
    return { exact: 'exact, from stack distances', shards: sample, aet: 'AET, estimated from reuse times' }[method];
  });
  const columns = curves.map(({ method, misses }) => ({ name: method, misses }));
  return [`misses of LRU: ${ways.join('; ')}`, ...missTable(sizes, columns, trace, width)];
}

function miniatureLines({ share, sizes, curves }: MiniatureFinding, trace: ReplayedTrace, width: number): string[] {
  const columns = curves.map(({ policy, misses }) => ({ name: policy, misses }));
  const title = `misses, estimated by simulating ${formatShare(share, 1)} of the pages in as small a share of the frames`;
  return [title, ...missTable(sizes, columns, trace, width)];
}

function missTable(
  sizes: readonly number[],
  columns: readonly { readonly name: string; readonly misses: readonly number[] }[],
  { references, pageBytes }: ReplayedTrace,
  width: number,
): string[] {
  const rows = sizes.map((frames, i) => [
    formatCount(frames),
    formatBytes(frames * pageBytes),
    ...columns.map(({ misses }) => `${formatCount(misses[i] as number)} ${formatShare(misses[i] as number, references).padStart(7)}`),
  ]);
  return tableLines({ head: ['frames', 'memory', ...columns.map(({ name }) => name)], rows, keys: 2, keysAre: 'numbers' }, width);
}

function residentSetLines({ question, points }: ResidentSetFinding, { pageBytes }: ReplayedTrace, width: number): string[] {
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
  return [title, ...tableLines({ head: ['T', 'faults', 'share', 'mean pages', 'memory'], rows, keys: 1, keysAre: 'numbers' }, width)];
}

function explanationLines(explanation: EvictionFinding['explanation'], width: number): string[] {
  const { policy, frames } = explanation;
  const who = `${policy} with ${formatCountOf(frames, 'frame')}`;
  if ('evictions' in explanation) return [`${who}: the trace makes only ${formatCountOf(explanation.evictions, 'eviction')}`];
  const { eviction, reference, loaded, victim, reason, candidates, ghosts, optimum } = explanation;
  const shown = candidates.filter(({ page }, i) => i < CANDIDATES_SHOWN || page === victim || page === optimum);
  const rest = candidates.length - shown.length;
  return [
    `${who}, eviction ${formatCount(eviction)}: reference ${formatCount(reference)} loads page ${loaded}, page ${victim} goes`,
    `  since ${reason}`,
    '',
    ...candidateTable(shown, explanation, width),
    ...(rest > 0 ? [`  and ${formatCountOf(rest, 'page')} more`] : []),
    ...ghosts.filter(({ pages }) => pages.length > 0).map((each) => `  remembered in ${each.name}: ${ghostText(each.pages)}`),
    '',
    `  ${optimumSentence(explanation)}`,
  ];
}

function candidateTable(candidates: readonly Candidate[], { victim, optimum }: EvictionExplanation, width: number): string[] {
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
  return tableLines({ head, rows, keys: 2, keysAre: 'numbers' }, width).map((line) => line.trimEnd());
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
