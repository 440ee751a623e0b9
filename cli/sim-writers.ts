// What `quire sim` found, in the form that was asked for.

import { type Anomaly, findAnomalies } from '../src/lab/index.ts';
import {
  type Finding,
  findingRows,
  formatFindings,
  formatMissCurves,
  formatSimulation,
  lruSteps,
  type MissCurves,
  missCurvesSvg,
  type ReplayedTrace,
  type SimulationResult,
  type TraceResults,
} from '../src/report/index.ts';
import type { OutputFile } from './output-file.ts';
import type { SimPlan } from './sim-options.ts';
import { FILE_COLUMNS } from './terminal.ts';

/** Takes results as they come. */
export interface ResultWriter {
  /** The next result of a trace, in the order in which they are shown. */
  readonly result: (result: SimulationResult) => void;
  /** A trace is done: all its results again, or its curves. */
  readonly counts: (all: TraceResults) => void;
  readonly curves: (curves: MissCurves) => void;
  /** A trace is done: what was asked of it instead. */
  readonly findings: (trace: ReplayedTrace, findings: readonly Finding[]) => void;
  readonly end: () => void;
}

const nothing = (): void => undefined;

/** Returns the writer for a plan. @param columns of the terminal, if the text goes to one */
export function writerFor({ form, question, questions }: SimPlan, write: (text: string) => void, columns = FILE_COLUMNS): ResultWriter {
  if (form === 'csv' && questions !== undefined) return csvFindingsWriter(write);
  if (form === 'csv') return question === 'curves' ? csvCurvesWriter(write) : csvWriter(write);
  if (form === 'json') return jsonWriter(write);
  return textWriter(write, columns);
}

/** Returns `writer` that also draws its curves, if there is a file for the picture. */
export function pictureWriter(picture: OutputFile | undefined, writer: ResultWriter): ResultWriter {
  if (picture === undefined) return writer;
  const curves = (all: MissCurves): void => {
    writer.curves(all);
    picture.writeOrRefuse(missCurvesSvg(all));
  };
  return { ...writer, curves };
}

function textWriter(write: (text: string) => void, columns: number): ResultWriter {
  let gap = '';
  const show = (text: string): void => {
    write(`${gap}${text}`);
    gap = '\n';
  };
  return {
    result: nothing,
    counts: (all) => show(formatSimulation(all, columns)),
    curves: (curves) => show(formatMissCurves(curves, columns)),
    findings: (trace, findings) => show(formatFindings(trace, findings, columns)),
    end: nothing,
  };
}

function csvWriter(write: (text: string) => void): ResultWriter {
  let head = 'trace,policy,frames,references,misses,compulsory,clean_evictions,dirty_evictions\n';
  const result = ({ trace, policy, frames, references, misses, compulsory, evictions: { clean, dirty } }: SimulationResult): void => {
    write(`${head}${csvText(trace)},${policy},${frames},${references},${misses},${compulsory},${clean},${dirty}\n`);
    head = '';
  };
  return { result, counts: nothing, curves: nothing, findings: nothing, end: nothing };
}

/** LRU has a line for each size at which something changes, other policies one for each size asked for. */
function csvCurvesWriter(write: (text: string) => void): ResultWriter {
  let head = 'trace,policy,frames,references,misses,compulsory\n';
  const curves = (all: MissCurves): void => {
    const { trace, references, compulsory, results } = all;
    const points = [...lruSteps(all).map((step) => ({ policy: 'lru', ...step })), ...results];
    const lines = points.map(
      ({ policy, frames, misses }) => `${csvText(trace.name)},${policy},${frames},${references},${misses},${compulsory}\n`,
    );
    write(`${head}${lines.join('')}`);
    head = '';
  };
  return { result: nothing, counts: nothing, curves, findings: nothing, end: nothing };
}

/** A line for each row of a table; there is one table for a trace. */
function csvFindingsWriter(write: (text: string) => void): ResultWriter {
  let isFirst = true;
  const findings = ({ name }: ReplayedTrace, all: readonly Finding[]): void => {
    for (const finding of all) {
      if (finding.question === 'explain') continue;
      const [head = [], ...rows] = findingRows(finding);
      const lines = rows.map((row) => `${[csvText(name), ...row].join(',')}\n`);
      write(`${isFirst ? `${['trace', ...head].join(',')}\n` : ''}${lines.join('')}`);
      isFirst = false;
    }
  };
  return { result: nothing, counts: nothing, curves: nothing, findings, end: nothing };
}

/** Returns a cell as RFC 4180 has it. */
function csvText(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One object for all traces, at the end. */
function jsonWriter(write: (text: string) => void): ResultWriter {
  const traces: unknown[] = [];
  const results: SimulationResult[] = [];
  const anomalies: unknown[] = [];
  const lru: unknown[] = [];
  const answers: unknown[] = [];
  const take = (all: TraceResults | MissCurves): void => {
    const { name, ...facts } = all.trace;
    traces.push({ trace: name, ...facts, warmup: all.warmup });
    results.push(...all.results);
    anomalies.push(...anomaliesOf(all));
  };
  return {
    result: nothing,
    counts: take,
    curves: (curves) => {
      take(curves);
      const { trace, references, compulsory } = curves;
      lru.push({ trace: trace.name, references, compulsory, steps: lruSteps(curves) });
    },
    findings: ({ name, ...facts }, findings) => {
      traces.push({ trace: name, ...facts, warmup: 0 });
      answers.push(...findings.map((finding) => ({ trace: name, ...finding })));
    },
    end: () => {
      if (traces.length === 0) return;
      if (answers.length > 0) {
        write(`${JSON.stringify({ findings: answers, traces }, null, 2)}\n`);
        return;
      }
      const all = { results, traces, anomalies, ...(lru.length > 0 && { lru }) };
      // The steps of a curve are many: no line for each of their braces.
      write(`${JSON.stringify(all, null, lru.length > 0 ? 0 : 2)}\n`);
    },
  };
}

interface NamedAnomaly extends Anomaly {
  readonly trace: string;
  readonly policy: string;
}

function anomaliesOf({ trace, results }: { readonly trace: ReplayedTrace; readonly results: readonly SimulationResult[] }): NamedAnomaly[] {
  const sizeOf = ({ frames, misses }: SimulationResult) => ({ frames, misses });
  return [...new Set(results.map(({ policy }) => policy))].flatMap((policy) => {
    const points = results.filter((result) => result.policy === policy).map(sizeOf);
    return findAnomalies(points).map((found) => ({ trace: trace.name, policy, ...found }));
  });
}
