// What the commands share that measure designs side by side: which designs, for how long, one after another, and the report.

import type { Command } from 'commander';
import { UsageError } from '../src/base/index.ts';
import { csvLine, htmlPage, partsText, type ReportPart } from '../src/report/index.ts';
import { ExitCode } from './exit-code.ts';
import { LiveLine } from './live-line.ts';
import { pageFactsOf, type ReportFlags, type ReportForm, ReportOutput, reportForm } from './report-output.ts';
import type { Terminal } from './terminal.ts';

const MOST_SECONDS = 60;

/** One measurement of many. */
export interface Measurement<Result> {
  /** What is measured, for whoever waits. */
  readonly label: string;
  measure(): Result;
}

/** What a command makes of its results: a piece for each form, and only the one that was asked for is made. */
export interface MeasuredReport<Result> {
  readonly forms: readonly ReportForm[];
  /** Of the page. */
  readonly title: string;
  data(results: readonly Result[]): unknown;
  rows(results: readonly Result[]): readonly (readonly (string | number)[])[];
  parts(results: readonly Result[]): readonly ReportPart[];
  /** Where `forms` has it. */
  svg?(results: readonly Result[]): string;
}

/** The forms of a report without a picture. */
export const measuredForms: readonly ReportForm[] = ['text', 'json', 'csv', 'html'];

/** Returns the names in a list with commas, each once; all of `known` for `all`. Throws a UsageError for one that is not among them. */
export function namesIn(text: string, option: string, known: readonly string[]): readonly string[] {
  if (text === 'all') return known;
  const names = [...new Set(text.split(',').map((name) => name.trim()))];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  throw new UsageError(`${option}: there is no '${unknown}'; choose from ${known.join(', ')}, with commas between, or all`);
}

/** Returns a time for measuring, in milliseconds. Throws a UsageError for what is none. */
export function parseMeasuringTime(text: string): number {
  const seconds = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= MOST_SECONDS) return 1000 * seconds;
  throw new UsageError(`--time ${text}: not a number of seconds up to ${MOST_SECONDS}`);
}

/** What was typed, and where the report goes. */
interface Asked {
  readonly flags: ReportFlags;
  readonly terminal: Terminal;
  readonly command: Command;
}

/**
 * Makes the measurements in their order and writes the report. Returns the exit code; Ctrl-C gets through between two of them.
 * Throws a UsageError for a form that the report does not have, or a file that cannot be written, before it measures.
 */
export async function reportMeasured<Result>(
  measurements: Iterable<Measurement<Result>>,
  report: MeasuredReport<Result>,
  { flags, terminal, command }: Asked,
): Promise<number> {
  const form = reportForm(flags, report.forms);
  const output = new ReportOutput(flags, terminal);
  const line = new LiveLine(terminal.err, () => performance.now());
  try {
    const results: Result[] = [];
    for (const { label, measure } of measurements) {
      line.update((seconds) => `${seconds.toFixed(1)} s   ${label}`);
      await new Promise((resolve) => setImmediate(resolve));
      results.push(measure());
    }
    const text = written(form, report, results, { command, columns: output.columns });
    line.hide();
    output.write(text);
    return ExitCode.fine;
  } finally {
    line.hide();
    output.close();
  }
}

function written<Result>(
  form: ReportForm,
  report: MeasuredReport<Result>,
  results: readonly Result[],
  { command, columns }: { readonly command: Command; readonly columns: number },
): string {
  switch (form) {
    case 'json':
      return `${JSON.stringify(report.data(results), null, 2)}\n`;
    case 'csv':
      return report.rows(results).map(csvLine).join('');
    case 'svg':
      return report.svg?.(results) ?? '';
    case 'html':
      return htmlPage(pageFactsOf(command, report.title), report.parts(results));
    case 'text':
      return partsText(report.parts(results), columns);
  }
}
