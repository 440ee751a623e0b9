// A run of scripts as text, one line per step: who asked for what, what came of it, and what the memory manager did on the way.
//
//    step  process      call                                   result              memory
//      12  bar.3        store 0x0080_0000, 42                                      fault 2B: zeroFill
//
// Nothing is read from the host: the same run gives the same text.

import { EVENT_WORDS, EventType } from '../base/index.ts';
import type { ExitStatus, Kernel, ScriptProcess, StepReport } from '../process/index.ts';
import { faultKinds } from '../system/index.ts';
import { mapArea, protectionText } from './map-area.ts';
import { mapLines } from './map-text.ts';
import { formatAddress, formatBytes, formatCount, formatCountOf } from './quantities.ts';
import { textStyle } from './text-style.ts';

/** UVM's fault cases, where the manager counts them. */
const faultCases = ['1A', '1B', '2A', '2B'] as const;
/** Numbers from here on are shown as addresses. */
const FIRST_ADDRESS = 0x1_0000;
const NAME_WIDTH = 16;
const CALL_WIDTH = 46;
const RESULT_WIDTH = 22;
const MAP_WIDTH = 100;
/** Of lines that are no step. */
const INDENT = ' '.repeat(8);

/** Loads or stores of one process that follow each other share a line. */
const foldedCalls: ReadonlySet<string> = new Set(['load', 'store']);

/** What the memory manager did in a step, or in several. */
interface MemoryWork {
  readonly kinds: number[];
  readonly cases: Set<string>;
  evicted: number;
}

/** A line that may still grow. */
interface Line {
  readonly report: StepReport;
  times: number;
  readonly work: MemoryWork;
}

/** Writes down what a kernel's processes do. */
export class Transcript {
  readonly #kernel: Kernel;
  readonly #write: (line: string) => void;
  #work: MemoryWork = noWork();
  #caseCounts: readonly number[];
  #line: Line | undefined;

  /** Watches `kernel` from now on and hands each line to `write`. */
  constructor(kernel: Kernel, write: (line: string) => void) {
    this.#kernel = kernel;
    this.#write = write;
    this.#caseCounts = this.#countCases();
    kernel.machine.events.attach((words) => this.#read(words));
    kernel.observe({ step: (report) => this.#step(report), ending: (process, status) => this.#ending(process, status) });
  }

  /** Stops watching. */
  detach(): void {
    this.flush();
    this.#kernel.machine.events.attach(undefined);
    this.#kernel.observe(undefined);
  }

  /** Writes what is known of the last step; for those who write between the lines. */
  flush(): void {
    if (this.#line !== undefined) this.#write(lineText(this.#line));
    this.#line = undefined;
  }

  /** Writes the areas of a process that lives. */
  map(process: ScriptProcess): void {
    this.flush();
    const { memory } = process;
    if (memory === undefined) return;
    const areas = this.#kernel.system.areas(memory.process.space).map(mapArea);
    if (areas.length === 0) this.#write(`${INDENT}nothing is mapped`);
    else for (const line of mapLines(areas, MAP_WIDTH, textStyle('none')).slice(1)) this.#write(INDENT + line.trimStart());
  }

  #read(words: Int32Array): void {
    for (let at = 0; at < words.length; at += EVENT_WORDS) {
      const type = words[at] as number;
      if (type === EventType.evict) this.#work.evicted++;
      if (type !== EventType.faultDone) continue;
      const kind = words[at + 4] as number;
      this.#work.kinds[kind] = (this.#work.kinds[kind] as number) + 1;
    }
  }

  #countCases(): readonly number[] {
    const { case1A, case1B, case2A, case2B } = this.#kernel.system.statistics();
    return [case1A, case1B, case2A, case2B];
  }

  /** What the manager did since it was last asked. */
  #takeWork(): MemoryWork {
    this.#kernel.machine.events.flush();
    const work = this.#work;
    const counts = this.#countCases();
    faultCases.forEach((name, index) => {
      if (counts[index] !== this.#caseCounts[index]) work.cases.add(name);
    });
    this.#caseCounts = counts;
    this.#work = noWork();
    return work;
  }

  #step(report: StepReport): void {
    const work = this.#takeWork();
    if (this.#line !== undefined && isContinued(this.#line.report, report)) {
      this.#line.times++;
      addWork(this.#line.work, work);
      return;
    }
    this.flush();
    this.#line = { report, times: 1, work };
  }

  #ending(process: ScriptProcess, status: ExitStatus): void {
    this.flush();
    const { memory } = process;
    const hasAreas = memory !== undefined && this.#kernel.system.areas(memory.process.space).length > 0;
    this.#write(`${INDENT}${process.name}.${process.pid} ends: ${statusText(status)}${hasAreas ? '. Its memory:' : ''}`);
    if (hasAreas) this.map(process);
  }
}

const noWork = (): MemoryWork => ({ kinds: faultKinds.map(() => 0), cases: new Set(), evicted: 0 });

function addWork(to: MemoryWork, { kinds, cases, evicted }: MemoryWork): void {
  kinds.forEach((count, kind) => {
    to.kinds[kind] = (to.kinds[kind] as number) + count;
  });
  for (const name of cases) to.cases.add(name);
  to.evicted += evicted;
}

function isContinued(last: StepReport, next: StepReport): boolean {
  const name = next.request?.name;
  const isSame = last.thread === next.thread && last.request?.name === name && name !== undefined && foldedCalls.has(name);
  return isSame && last.outcome.kind === 'answered' && next.outcome.kind === 'answered';
}

function lineText({ report, times, work }: Line): string {
  const { step, pid, process, request, outcome } = report;
  const parameters = (request?.parameters ?? []).map(valueText).filter(Boolean).join(', ');
  const call = request === undefined ? 'returns' : `${request.name} ${parameters}${times > 1 ? ` and ${times - 1} more` : ''}`;
  const who = `${process}.${pid}`.padEnd(NAME_WIDTH);
  const result = times > 1 ? '' : outcomeText(outcome);
  return `${String(step).padStart(6)}  ${who} ${call.trimEnd().padEnd(CALL_WIDTH)} ${result.padEnd(RESULT_WIDTH)} ${workText(work)}`.trimEnd();
}

function workText({ kinds, cases, evicted }: MemoryWork): string {
  const parts = faultKinds.flatMap((kind, index) => {
    const count = kinds[index] as number;
    if (count === 0) return [];
    const what = kind === 'failed' ? 'not resolved' : kind;
    return [count === 1 ? what : `${formatCount(count)} ${what}`];
  });
  if (parts.length > 0) parts[0] = `fault${cases.size === 0 ? '' : ` ${[...cases].join(' ')}`}: ${parts[0]}`;
  if (evicted > 0) parts.push(`${formatCountOf(evicted, 'page')} evicted`);
  return parts.join(', ');
}

function outcomeText(outcome: StepReport['outcome']): string {
  switch (outcome.kind) {
    case 'answered':
      return outcome.value === undefined ? '' : `= ${valueText(outcome.value)}`;
    case 'blocked':
      return `waits: ${outcome.reason}`;
    case 'fault':
      return outcome.ends === 'in handler' ? 'fault: to its handler' : 'killed';
    default:
      return outcome.status === undefined ? 'thread ends' : '';
  }
}

function statusText(status: ExitStatus): string {
  return status.kind === 'exit' ? `exit code ${status.code}` : `${status.signal}, ${status.reason}`;
}

/** A parameter or result, short. */
function valueText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'number') return value >= FIRST_ADDRESS ? formatAddress(value) : String(value);
  if (typeof value === 'string') return value;
  if (typeof value === 'function') return value.name || 'a script';
  if (value instanceof Uint8Array) return bytesText(value);
  if (Array.isArray(value)) return formatCountOf(value.length, 'item');
  if (typeof value !== 'object') return String(value);
  return Object.entries(value)
    .map(([key, part]) => fieldText(key, part))
    .filter(Boolean)
    .join(' ');
}

function fieldText(key: string, part: unknown): string {
  if (key === 'size' || key.endsWith('Bytes')) return key === 'size' ? formatBytes(Number(part)) : '';
  if (key === 'protection') return protectionText({ protection: Number(part), sharing: 'private' }).slice(0, 3);
  if (key === 'sharing' || key === 'kind' || key === 'signal' || key === 'how') return String(part);
  if (typeof part === 'object' && !(part instanceof Uint8Array)) return valueText(part);
  return `${key} ${valueText(part)}`;
}

/** Bytes as text if they are text, else how many. */
function bytesText(bytes: Uint8Array): string {
  const isText = bytes.length > 0 && bytes.length <= 64 && bytes.every((byte) => byte >= 32 && byte < 127);
  return isText ? `'${new TextDecoder().decode(bytes)}'` : formatCountOf(bytes.length, 'byte');
}
