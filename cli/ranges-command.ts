// `quire ranges`: what keeps the areas of an address space, and what does each design cost?

import process from 'node:process';
import { Command } from 'commander';
import { UsageError } from '../src/base/index.ts';
import { areaWorkload, measureRangeMap, type RangeSpeed } from '../src/lab/index.ts';
import { type RangeMapKind, rangeMapKinds } from '../src/ranges/index.ts';
import { csvLine, formatCount, htmlPage, partsText, rangesParts, rangesRows } from '../src/report/index.ts';
import { findRangeMap } from '../src/systems/index.ts';
import { ExitCode } from './exit-code.ts';
import { LiveLine } from './live-line.ts';
import { addReportOptions, pageFactsOf, type ReportFlags, type ReportForm, ReportOutput, reportForm } from './report-output.ts';
import { parseSeed } from './run-options.ts';
import type { Terminal } from './terminal.ts';
import { parseCount } from './trace-options.ts';

/** The forms of the report. */
const forms: readonly ReportForm[] = ['text', 'json', 'csv', 'html'];
const MOST_SECONDS = 60;

const help = `
Designs:
${rangeMapKinds.map(({ name, meaning }) => `  ${name.padEnd(11)}${meaning}`).join('\n')}

Columns, in millions per second of processor:
  lookups    the area of a page anywhere
  local      the same for pages in runs of 16
  inserts    an area comes, in random order, with half of the areas or more in the map
  removes    an area goes
  holes      the highest place for a size drawn evenly up to the largest gap
  best fit   the smallest gap for it

Examples:
  $ quire ranges
  $ quire ranges --areas 567 --design red-black,page-scan --json
  $ quire run --ranges b+tree programs/qsort.wasm 200000`;

interface RangesFlags extends ReportFlags {
  readonly areas: string;
  readonly pages: string;
  readonly design: string;
  readonly time: string;
  readonly seed: string;
}

/** Makes the command. @param run takes the work, which ends with an exit code */
export function rangesCommand(terminal: Terminal, run: (work: Promise<number>) => void): Command {
  const command = new Command('ranges')
    .summary('measure what keeps the areas of an address space')
    .description('Measures the containers that find the area of a page and a place for a new area: trees, a list, an array, a page table.')
    .option('--areas <counts>', 'areas in the space; several with commas between', '567,100000')
    .option('--pages <count>', 'pages of all areas together', '642410')
    .option('--design <names>', 'designs, with commas between, or all', 'all')
    .option('--time <seconds>', 'how long to measure each operation', '0.1')
    .option('--seed <number>', 'draws the areas and the questions', '1');
  return addReportOptions(command, forms)
    .addHelpText('after', help)
    .action((flags: RangesFlags) => run(ranges(flags, terminal, command)));
}

async function ranges(flags: RangesFlags, terminal: Terminal, command: Command): Promise<number> {
  const form = reportForm(flags, forms);
  const kinds = parseDesigns(flags.design);
  const options = { now: processorMilliseconds, milliseconds: 1000 * parseSeconds(flags.time) };
  const pages = parseCount(flags.pages, '--pages', 1);
  const seed = parseSeed(flags.seed);
  const workloads = flags.areas.split(',').map((text) => areaWorkload({ areas: parseCount(text, '--areas', 1), pages, seed }));
  const output = new ReportOutput(flags, terminal);
  const line = new LiveLine(terminal.err, () => performance.now());
  try {
    const results: RangeSpeed[] = [];
    for (const workload of workloads) {
      for (const kind of kinds) {
        line.update((seconds) => `${seconds.toFixed(1)} s   ${formatCount(workload.areas)} areas: ${kind.name}`);
        results.push(measureRangeMap(kind, workload, options));
        // Lets Ctrl-C through between two designs.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    line.hide();
    output.write(written(results, form, output, command));
    return ExitCode.fine;
  } finally {
    line.hide();
    output.close();
  }
}

function written(results: readonly RangeSpeed[], form: ReportForm, output: ReportOutput, command: Command): string {
  if (form === 'json') return `${JSON.stringify({ results }, null, 2)}\n`;
  if (form === 'csv') return rangesRows(results).map(csvLine).join('');
  const parts = rangesParts(results);
  return form === 'html' ? htmlPage(pageFactsOf(command, 'Range maps'), parts) : partsText(parts, output.columns);
}

/** Other work on the machine adds far less to the processor's time than to the clock's. */
function processorMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function parseDesigns(text: string): readonly RangeMapKind[] {
  if (text === 'all') return rangeMapKinds;
  return [...new Set(text.split(',').map((name) => name.trim()))].map(findRangeMap);
}

function parseSeconds(text: string): number {
  const seconds = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= MOST_SECONDS) return seconds;
  throw new UsageError(`--time ${text}: not a number of seconds up to ${MOST_SECONDS}`);
}
