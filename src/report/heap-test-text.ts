// What a correctness run of an allocator has found, for people and programs.

import { type CheckFinding, type Emulated, type HeapCheck, MOST_CAPACITY } from '../lab/index.ts';
import { MallocOperation, type MallocTrace, mallocTraceText } from '../trace/index.ts';
import { formatBytes, formatCountOf } from './quantities.ts';

/** A correctness run. */
export interface HeapTestReport {
  readonly allocator: string;
  readonly seed: number;
  /** Random scripts of each kind. */
  readonly scripts: number;
  readonly emulated: readonly Emulated[];
  /** Bytes that a heap gave before it gave nothing, as far as they were counted. */
  readonly capacityBytes: number;
  /** Why there was nothing to check: the allocator failed at its start. */
  readonly failedStart: string | undefined;
  readonly checks: readonly CheckedClaim[];
}

/** A check, and what it has found. */
export interface CheckedClaim {
  readonly check: Pick<HeapCheck, 'name' | 'claim' | 'weight'>;
  readonly finding: CheckFinding | undefined;
}

/** Tells how a claim stands. */
function standing({ check, finding }: CheckedClaim): 'holds' | 'broken' | 'advice' {
  if (finding === undefined) return 'holds';
  return check.weight === 'must' || finding.call === 'lost' ? 'broken' : 'advice';
}

/** Tells whether nothing that an allocator must do is broken. */
export function isCorrect({ failedStart, checks }: HeapTestReport): boolean {
  return failedStart === undefined && checks.every((each) => standing(each) !== 'broken');
}

/** Returns the report as text, with a line break at its end. */
export function formatHeapTest(report: HeapTestReport): string {
  const { allocator, failedStart, checks, emulated, capacityBytes } = report;
  if (failedStart !== undefined) return `${allocator} does not start: ${failedStart}\n`;
  const width = Math.max(...checks.map(({ check }) => check.name.length));
  return `${[
    verdict(report),
    `  random scripts: ${report.scripts} of each kind, seed ${report.seed}; ${capacityText(capacityBytes)}`,
    ...(emulated.length > 0
      ? [`  it has no ${emulated.join(', no ')}: emulated over malloc and free, so a fault there may be of those`]
      : []),
    '',
    ...checks.flatMap((each) => claimLines(each, width)),
  ].join('\n')}\n`;
}

function capacityText(bytes: number): string {
  return bytes < MOST_CAPACITY ? `a heap gives ${formatBytes(bytes)}` : `a heap gives ${formatBytes(bytes)} and more`;
}

function verdict(report: HeapTestReport): string {
  const count = (kind: 'broken' | 'advice'): number => report.checks.filter((each) => standing(each) === kind).length;
  const broken = isCorrect(report) ? 'correct, as far as was looked' : `${count('broken')} of ${report.checks.length} checks broken`;
  return `${report.allocator}: ${broken}${count('advice') > 0 ? `; ${formatCountOf(count('advice'), 'piece', 'pieces')} of advice` : ''}`;
}

function claimLines(claim: CheckedClaim, width: number): string[] {
  const { check, finding } = claim;
  const state = standing(claim);
  const first = `  ${(state === 'broken' ? 'BROKEN' : state).padEnd(6)}  ${check.name.padEnd(width)}  ${check.claim}`;
  if (finding === undefined) return [first];
  const indent = ' '.repeat(width + 12);
  return [
    first,
    `${indent}${finding.what}`,
    ...(finding.script === undefined ? [] : scriptLines(finding.script).map((line) => `${indent}  ${line}`)),
  ];
}

/** Operations of a script that are shown: the last ones. */
const MOST_LINES = 24;

/** Returns a script as a C programmer would write it. */
export function scriptLines(script: MallocTrace): string[] {
  const { length } = script;
  const lines = Array.from({ length }, (_, at) => scriptLine(script, at));
  return length <= MOST_LINES ? lines : [`... ${formatCountOf(length - MOST_LINES, 'operation')} before`, ...lines.slice(-MOST_LINES)];
}

function scriptLine({ operations, ids, sizes, alignments }: MallocTrace, at: number): string {
  const [block, bytes] = [`b${ids[at]}`, sizes[at]];
  switch (operations[at] as MallocOperation) {
    case MallocOperation.malloc:
      return `${block} = malloc(${bytes})`;
    case MallocOperation.calloc:
      return `${block} = calloc(1, ${bytes})`;
    case MallocOperation.memalign:
      return `${block} = memalign(${2 ** (alignments[at] as number)}, ${bytes})`;
    case MallocOperation.realloc:
      return `${block} = realloc(${block}, ${bytes})`;
    case MallocOperation.free:
      return `free(${block})`;
  }
}

/** Returns the report as data for JSON; scripts are malloc traces in malloclab's format. */
export function heapTestData(report: HeapTestReport): unknown {
  return {
    allocator: report.allocator,
    verdict: isCorrect(report) ? 'correct' : 'broken',
    seed: report.seed,
    scripts: report.scripts,
    emulated: report.emulated,
    capacityBytes: report.capacityBytes,
    failedStart: report.failedStart ?? null,
    checks: report.checks.map((each) => ({
      name: each.check.name,
      claim: each.check.claim,
      weight: each.check.weight,
      result: standing(each),
      what: each.finding?.what ?? null,
      script: each.finding?.script === undefined ? null : [...mallocTraceText(each.finding.script, 'rep')].join(''),
    })),
  };
}
