// `quire ranges`: what keeps the areas of an address space, and what does each design cost?

import process from 'node:process';
import { Command } from 'commander';
import { UsageError } from '../src/base/index.ts';
import { areaWorkload, measureRangeMap, type RangeSpeed } from '../src/lab/index.ts';
import { rangeMapKinds } from '../src/ranges/index.ts';
import { formatCount, rangesParts, rangesRows } from '../src/report/index.ts';
import { findRangeMap, rangeMapNames } from '../src/systems/index.ts';
import { type MeasuredReport, type Measurement, measuredForms, namesIn, parseMeasuringTime, reportMeasured } from './measuring.ts';
import { addReportOptions, type ReportFlags } from './report-output.ts';
import { parseSeed } from './run-options.ts';
import type { Terminal } from './terminal.ts';
import { parseCount } from './trace-options.ts';

const report: MeasuredReport<RangeSpeed> = {
  forms: measuredForms,
  title: 'Range maps',
  data: (results) => ({ results }),
  rows: rangesRows,
  parts: rangesParts,
};

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
  return addReportOptions(command, report.forms)
    .addHelpText('after', help)
    .action((flags: RangesFlags) => run(reportMeasured(measurements(flags), report, { flags, terminal, command })));
}

function measurements(flags: RangesFlags): Measurement<RangeSpeed>[] {
  const kinds = namesIn(flags.design, '--design', rangeMapNames).map(findRangeMap);
  const options = { now: processorMilliseconds, milliseconds: parseMeasuringTime(flags.time) };
  if (options.milliseconds === 0) throw new UsageError(`--time ${flags.time}: rates are all there is to measure; give more`);
  const pages = parseCount(flags.pages, '--pages', 1);
  const seed = parseSeed(flags.seed);
  const workloads = flags.areas.split(',').map((text) => areaWorkload({ areas: parseCount(text, '--areas', 1), pages, seed }));
  return workloads.flatMap((workload) =>
    kinds.map((kind) => ({
      label: `${formatCount(workload.areas)} areas: ${kind.name}`,
      measure: () => measureRangeMap(kind, workload, options),
    })),
  );
}

/** Other work on the machine adds far less to the processor's time than to the clock's. */
function processorMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
