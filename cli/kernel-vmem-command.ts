// `quire kernel vmem`: arenas of integer ranges, by the way in which they choose a free segment.

import { Command } from 'commander';
import { measureVmem, type VmemDesign, type VmemResult, vmemDesigns } from '../src/lab/index.ts';
import { vmemData, vmemParts, vmemRows } from '../src/report/index.ts';
import { type MeasuredReport, type Measurement, measuredForms, namesIn, parseMeasuringTime, reportMeasured } from './measuring.ts';
import { addReportOptions, type ReportFlags } from './report-output.ts';
import { parseSeed } from './run-options.ts';
import type { Terminal } from './terminal.ts';
import { parseCount } from './trace-options.ts';

interface VmemFlags extends ReportFlags {
  readonly quanta: string;
  readonly arena: string;
  readonly time: string;
  readonly seed: string;
}

const names = vmemDesigns.map(({ name }) => name);

const report: MeasuredReport<VmemResult> = {
  forms: measuredForms,
  title: 'Arenas of addresses',
  data: vmemData,
  rows: vmemRows,
  parts: vmemParts,
};

const help = `
Arenas: ${names.join(', ')}.
docs/kernel.md says what each is, and which to choose.

Examples:
  $ quire kernel vmem
  $ quire kernel vmem --quanta 1000000 --arena instant,best --json`;

/** Makes the command. @param run takes the work, which ends with an exit code */
export function kernelVmemCommand(terminal: Terminal, run: (work: Promise<number>) => void): Command {
  const command = new Command('vmem')
    .summary('compare arenas of addresses')
    .description(
      'Ages arenas of integer ranges by the same requests: speed, and how what is free lies then, by the way of choosing a segment.',
    )
    .option('--quanta <count>', 'size of the arena: 32,768 pages are the 128 MiB of a window', '32768')
    .option('--arena <names>', 'arenas, with commas between, or all', 'all')
    .option('--time <seconds>', 'how long to measure each rate; 0: not at all', '0.25')
    .option('--seed <n>', 'of the requests', '1');
  return addReportOptions(command, report.forms)
    .addHelpText('after', help)
    .action((flags: VmemFlags) => run(reportMeasured(measurements(flags), report, { flags, terminal, command })));
}

function measurements(flags: VmemFlags): Measurement<VmemResult>[] {
  const designs = namesIn(flags.arena, '--arena', names).map((name) => vmemDesigns.find((design) => design.name === name) as VmemDesign);
  const quanta = parseCount(flags.quanta, '--quanta', 1);
  const options = { quanta, now: () => performance.now(), milliseconds: parseMeasuringTime(flags.time), seed: parseSeed(flags.seed) };
  return designs.map((design) => ({ label: design.name, measure: () => measureVmem(design, options) }));
}
