// What `quire heap` found, in the form that was asked for: text as each trace is done, everything else at the end.

import type { HeapComparison, SpaceCost } from '../src/lab/index.ts';
import {
  comparisonOfHeapsParts,
  csvLine,
  externalOf,
  type HeapMap,
  type HeapResult,
  type HeapTraceResults,
  heapCurvesSvg,
  heapMapPart,
  heapMapSvg,
  heapRows,
  heapSummaryParts,
  heapTraceParts,
  htmlPage,
  internalOf,
  type PageFacts,
  type PagePins,
  partsText,
  pinParts,
  type ReportPart,
  spaceCostParts,
} from '../src/report/index.ts';
import type { HeapPlan } from './heap-options.ts';
import type { ReportOutput } from './report-output.ts';

/** Everything about one trace. */
export interface HeapTraceReport extends HeapTraceResults {
  readonly maps: readonly HeapMap[];
  readonly pins: readonly PagePins[];
  readonly comparison: HeapComparison | undefined;
  readonly spaces: readonly SpaceCost[];
}

/** Takes what was found. */
export interface HeapWriter {
  readonly trace: (report: HeapTraceReport) => void;
  readonly end: () => void;
}

/** Returns the writer for a plan. @param page what a page says of itself */
export function heapWriter(plan: HeapPlan, output: ReportOutput, page: () => PageFacts): HeapWriter {
  const reports: HeapTraceReport[] = [];
  const whole = (write: () => string): HeapWriter => ({ trace: (report) => reports.push(report), end: () => output.write(write()) });
  switch (plan.form) {
    case 'json':
      return whole(() => `${JSON.stringify(asData(reports, plan), null, 2)}\n`);
    case 'csv':
      return whole(() => heapRows(reports).map(csvLine).join(''));
    case 'svg':
      return whole(() => pictureOf(reports[0] as HeapTraceReport));
    case 'html':
      return whole(() => htmlPage(page(), [...reports.flatMap((report) => partsOf(report, plan)), ...heapSummaryParts(reports)]));
    case 'text':
      return textWriter(reports, plan, output);
  }
}

function textWriter(reports: HeapTraceReport[], plan: HeapPlan, output: ReportOutput): HeapWriter {
  const show = (parts: readonly ReportPart[], gap: string): void => output.write(`${gap}${partsText(parts, output.columns)}`);
  return {
    trace: (report) => {
      show(partsOf(report, plan), reports.length > 0 ? '\n' : '');
      reports.push(report);
    },
    end: () => {
      const summary = heapSummaryParts(reports);
      if (summary.length > 0) show(summary, '\n');
    },
  };
}

function partsOf(report: HeapTraceReport, { details, compare, space }: HeapPlan): ReportPart[] {
  return [
    ...heapTraceParts(report, details),
    ...(report.comparison === undefined || compare === undefined ? [] : comparisonOfHeapsParts(compare, report.comparison)),
    ...(space === undefined ? [] : spaceCostParts(report.spaces, space)),
    ...report.maps.map(heapMapPart),
    ...report.pins.flatMap(pinParts),
  ];
}

/** The map if one was asked for, of the first allocator; else the curves. */
function pictureOf(report: HeapTraceReport): string {
  const [map] = report.maps;
  return map === undefined ? heapCurvesSvg(report) : heapMapSvg(map);
}

function asData(reports: readonly HeapTraceReport[], { details }: HeapPlan): unknown {
  return {
    results: reports.flatMap((report) => report.results.map((result) => resultData(result, report, details.includes('curve')))),
    traces: reports.map(({ facts: { name, ...facts } }) => ({ trace: name, ...facts })),
    ...optional(
      'comparisons',
      reports.flatMap(({ facts, comparison }) => (comparison === undefined ? [] : [{ trace: facts.name, ...comparison }])),
    ),
    ...optional(
      'maps',
      reports.flatMap(({ facts, maps }) => maps.map(({ allocator, layout }) => ({ trace: facts.name, allocator, ...mapData(layout) }))),
    ),
    ...optional(
      'spaces',
      reports.flatMap(({ facts, spaces }) => spaces.map((cost) => ({ trace: facts.name, ...cost }))),
    ),
    ...optional(
      'pins',
      reports.flatMap(({ facts, pins }) => pins.map((each) => ({ trace: facts.name, ...each }))),
    ),
  };
}

function optional(name: string, values: readonly unknown[]): Readonly<Record<string, unknown>> {
  return values.length === 0 ? {} : { [name]: values };
}

function resultData({ allocator, profile, speed }: HeapResult, { facts }: HeapTraceResults, withCurve: boolean): unknown {
  const { errors, peakPayloadBytes, peakHeapBytes, utilization, use, classes, pagesTouched, pagesAtPeak, end, operations, curve } = profile;
  return {
    trace: facts.name,
    allocator,
    operations: facts.operations,
    operationsPerSecond: speed === undefined ? null : Math.round(speed.operationsPerSecond),
    peakPayloadBytes,
    peakHeapBytes,
    utilization,
    errors: errors.length,
    problems: errors,
    end,
    operationsChecked: operations,
    operationsTimed: speed?.operations ?? 0,
    internalFragmentation: internalOf(profile) ?? null,
    externalFragmentation: externalOf(profile) ?? null,
    use: use ?? null,
    pagesTouched,
    pagesAtPeak,
    classes,
    ...(withCurve && { curve }),
  };
}

function mapData({ used, free, own, ...layout }: HeapMap['layout']): Readonly<Record<string, unknown>> {
  return { ...layout, used: [...used], free: [...free], own: [...own] };
}
