// `quire kernel maps`: how does a kernel reach frames, and what does each way cost for one frame and for 1 MiB?

import { Command } from 'commander';
import { GIB, MIB, UsageError } from '../src/base/index.ts';
import { type KernelMapResult, measureKernelMap } from '../src/lab/index.ts';
import { kernelMapKinds } from '../src/pmap/index.ts';
import { csvLine, formatBytes, htmlPage, kernelMapRows, kernelMapsData, kernelMapsParts, partsText } from '../src/report/index.ts';
import { findKernelMap, findPageTable, kernelMapNames, pageTableNames } from '../src/systems/index.ts';
import { parseByteSize } from './byte-size.ts';
import { ExitCode } from './exit-code.ts';
import { namesIn, parseSeconds } from './kernel-options.ts';
import { LiveLine } from './live-line.ts';
import { addReportOptions, pageFactsOf, type ReportFlags, type ReportForm, ReportOutput, reportForm } from './report-output.ts';
import { parseSeed } from './run-options.ts';
import type { Terminal } from './terminal.ts';

interface MapsFlags extends ReportFlags {
  readonly memory: string;
  readonly pageTable: string;
  readonly map: string;
  readonly time: string;
  readonly seed: string;
}

const forms: readonly ReportForm[] = ['text', 'json', 'csv', 'html'];
const LEAST_MEMORY = 2 * MIB;
const MOST_MEMORY = 64 * GIB;

const help = `
Maps:
${kernelMapKinds.map(({ name, meaning }) => `  ${name.padEnd(9)}${meaning}`).join('\n')}
Page tables: ${pageTableNames.join(', ')}.
docs/kernel.md says what each is, and which to choose.

Examples:
  $ quire kernel maps --memory 4GiB
  $ quire kernel maps --memory 512MiB --page-table mips --map linear,dynamic
  $ quire run --kernel-map dynamic programs/qsort.wasm 200000`;

/** Makes the command. @param run takes the work, which ends with an exit code */
export function kernelMapsCommand(terminal: Terminal, run: (work: Promise<number>) => void): Command {
  const command = new Command('maps')
    .summary('compare the ways in which a kernel reaches frames')
    .description(
      'Boots kernel maps on a machine of any size and maps, uses and unmaps frames: 1, 1 MiB in a row, 1 MiB scattered. ' +
        'Only the page tables exist, not the memory.',
    )
    .option('--memory <size>', 'size of memory', '4GiB')
    .option('--page-table <name>', 'the format of the page tables', pageTableNames[0])
    .option('--map <names>', 'maps, with commas between, or all', 'all')
    .option('--time <seconds>', 'how long to time each kind of work; 0: not at all', '0.25')
    .option('--seed <n>', 'of the random frames', '1');
  return addReportOptions(command, forms)
    .addHelpText('after', help)
    .action((flags: MapsFlags) => run(maps(flags, terminal, command)));
}

async function maps(flags: MapsFlags, terminal: Terminal, command: Command): Promise<number> {
  const form = reportForm(flags, forms);
  const kinds = namesIn(flags.map, kernelMapNames).map(findKernelMap);
  const format = findPageTable(flags.pageTable);
  const memoryBytes = parseByteSize(flags.memory, '--memory');
  if (memoryBytes < LEAST_MEMORY || memoryBytes > MOST_MEMORY) {
    throw new UsageError(`--memory ${flags.memory}: give from ${formatBytes(LEAST_MEMORY)} to ${formatBytes(MOST_MEMORY)}`);
  }
  const options = {
    memoryBytes,
    format,
    now: () => performance.now(),
    milliseconds: 1000 * parseSeconds(flags.time),
    seed: parseSeed(flags.seed),
  };
  const output = new ReportOutput(flags, terminal);
  const line = new LiveLine(terminal.err, () => performance.now());
  try {
    const results: KernelMapResult[] = [];
    for (const kind of kinds) {
      line.update((seconds) => `${seconds.toFixed(1)} s   ${kind.name} on ${formatBytes(memoryBytes)}`);
      // Lets Ctrl-C through between two maps.
      await new Promise((resolve) => setImmediate(resolve));
      results.push(measureKernelMap(kind, options));
    }
    line.hide();
    output.write(written(form, results, output.columns, command));
    return ExitCode.fine;
  } finally {
    line.hide();
    output.close();
  }
}

function written(form: ReportForm, results: readonly KernelMapResult[], columns: number, command: Command): string {
  if (form === 'json') return `${JSON.stringify(kernelMapsData(results), null, 2)}\n`;
  if (form === 'csv') return kernelMapRows(results).map(csvLine).join('');
  const parts = kernelMapsParts(results);
  return form === 'html' ? htmlPage(pageFactsOf(command, 'Kernel maps'), parts) : partsText(parts, columns);
}
