// `quire kernel vmem`: arenas of integer ranges, by the way in which they choose a free segment.

import { Command } from 'commander';
import { measureVmem, type VmemDesign, type VmemResult, vmemDesigns } from '../src/lab/index.ts';
import { csvLine, htmlPage, partsText, vmemData, vmemParts, vmemRows } from '../src/report/index.ts';
import { ExitCode } from './exit-code.ts';
import { namesIn, parseSeconds } from './kernel-options.ts';
import { LiveLine } from './live-line.ts';
import { addReportOptions, pageFactsOf, type ReportFlags, type ReportForm, ReportOutput, reportForm } from './report-output.ts';
import { parseSeed } from './run-options.ts';
import type { Terminal } from './terminal.ts';
import { parseCount } from './trace-options.ts';

interface VmemFlags extends ReportFlags {
  readonly quanta: string;
  readonly arena: string;
  readonly time: string;
  readonly seed: string;
}

const forms: readonly ReportForm[] = ['text', 'json', 'csv', 'html'];
const names = vmemDesigns.map(({ name }) => name);

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
  return addReportOptions(command, forms)
    .addHelpText('after', help)
    .action((flags: VmemFlags) => run(vmem(flags, terminal, command)));
}

async function vmem(flags: VmemFlags, terminal: Terminal, command: Command): Promise<number> {
  const form = reportForm(flags, forms);
  const designs = namesIn(flags.arena, names).map((name) => vmemDesigns.find((design) => design.name === name) as VmemDesign);
  const quanta = parseCount(flags.quanta, '--quanta', 1);
  const options = { quanta, now: () => performance.now(), milliseconds: 1000 * parseSeconds(flags.time), seed: parseSeed(flags.seed) };
  const output = new ReportOutput(flags, terminal);
  const line = new LiveLine(terminal.err, () => performance.now());
  try {
    const results: VmemResult[] = [];
    for (const design of designs) {
      line.update((seconds) => `${seconds.toFixed(1)} s   ${design.name}`);
      // Lets Ctrl-C through between two arenas.
      await new Promise((resolve) => setImmediate(resolve));
      results.push(measureVmem(design, options));
    }
    line.hide();
    output.write(written(form, results, output.columns, command));
    return ExitCode.fine;
  } finally {
    line.hide();
    output.close();
  }
}

function written(form: ReportForm, results: readonly VmemResult[], columns: number, command: Command): string {
  if (form === 'json') return `${JSON.stringify(vmemData(results), null, 2)}\n`;
  if (form === 'csv') return vmemRows(results).map(csvLine).join('');
  const parts = vmemParts(results);
  return form === 'html' ? htmlPage(pageFactsOf(command, 'Arenas of addresses'), parts) : partsText(parts, columns);
}
