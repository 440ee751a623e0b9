// What `quire sim` found, in the form that was asked for.

import { type Anomaly, findAnomalies } from '../src/lab/index.ts';
import {
  csvLine,
  type Finding,
  findingParts,
  findingRows,
  findingSvg,
  htmlPage,
  lruSteps,
  type MissCurves,
  missCurveParts,
  missCurvesSvg,
  missesSvg,
  type PageFacts,
  partsText,
  type ReplayedTrace,
  type ReportPart,
  type SimulationResult,
  simulationParts,
  type TraceResults,
} from '../src/report/index.ts';
import type { OutputFile } from './output-file.ts';
import type { ReportOutput } from './report-output.ts';
import type { SimPlan } from './sim-options.ts';

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

/** Returns the writer for a plan. @param page what a page says of itself */
export function writerFor({ form, question, questions }: SimPlan, output: ReportOutput, page: () => PageFacts): ResultWriter {
  const write = (text: string): void => output.write(text);
  switch (form) {
    case 'csv':
      if (questions !== undefined) return csvFindingsWriter(write);
      return question === 'curves' ? csvCurvesWriter(write) : csvWriter(write);
    case 'json':
      return jsonWriter(write);
    case 'svg':
      return svgWriter(write);
    case 'html':
      return htmlWriter(write, page);
    case 'text':
      return textWriter(write, output.columns);
  }
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
  const show = (parts: readonly ReportPart[]): void => {
    write(`${gap}${partsText(parts, columns)}`);
    gap = '\n';
  };
  return partsWriter(show, nothing);
}

/** One page for all traces, at the end. */
function htmlWriter(write: (text: string) => void, page: () => PageFacts): ResultWriter {
  const all: ReportPart[] = [];
  return partsWriter(
    (parts) => all.push(...parts),
    () => {
      if (all.length > 0) write(htmlPage(page(), all));
    },
  );
}

function partsWriter(show: (parts: readonly ReportPart[]) => void, end: () => void): ResultWriter {
  return {
    result: nothing,
    counts: (all) => show(simulationParts(all)),
    curves: (curves) => show(missCurveParts(curves)),
    findings: (trace, findings) => show(findingParts(trace, findings)),
    end,
  };
}

/** A picture of the one trace there is. */
function svgWriter(write: (text: string) => void): ResultWriter {
  return {
    result: nothing,
    counts: (all) => write(missesSvg(all)),
    curves: (curves) => write(missCurvesSvg(curves)),
    findings: (trace, findings) => {
      for (const finding of findings) if (finding.question !== 'explain') write(findingSvg(trace, finding));
    },
    end: nothing,
  };
}

function csvWriter(write: (text: string) => void): ResultWriter {
  let head = 'trace,policy,frames,references,misses,compulsory,clean_evictions,dirty_evictions\n';
  const result = ({ trace, policy, frames, references, misses, compulsory, evictions: { clean, dirty } }: SimulationResult): void => {
    write(`${head}${csvLine([trace, policy, frames, references, misses, compulsory, clean, dirty])}`);
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
    const lines = points.map(({ policy, frames, misses }) => csvLine([trace.name, policy, frames, references, misses, compulsory]));
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
      const lines = rows.map((row) => csvLine([name, ...row]));
      write(`${isFirst ? csvLine(['trace', ...head]) : ''}${lines.join('')}`);
      isFirst = false;
    }
  };
  return { result: nothing, counts: nothing, curves: nothing, findings, end: nothing };
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
      const { trace, references, compulsory, sampledPages } = curves;
      lru.push({ trace: trace.name, references, compulsory, ...(sampledPages !== undefined && { sampledPages }), steps: lruSteps(curves) });
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
