// `quire kernel maps`: how does a kernel reach frames, and what does each way cost for one frame and for 1 MiB?

import { Command } from 'commander';
import { GIB, MIB, UsageError } from '../src/base/index.ts';
import { type KernelMapResult, measureKernelMap } from '../src/lab/index.ts';
import { kernelMapKinds } from '../src/pmap/index.ts';
import { formatBytes, kernelMapRows, kernelMapsData, kernelMapsParts } from '../src/report/index.ts';
import { findKernelMap, findPageTable, kernelMapNames, pageTableNames } from '../src/systems/index.ts';
import { parseByteSize } from './byte-size.ts';
import { type MeasuredReport, type Measurement, measuredForms, namesIn, parseMeasuringTime, reportMeasured } from './measuring.ts';
import { addReportOptions, type ReportFlags } from './report-output.ts';
import { parseSeed } from './run-options.ts';
import type { Terminal } from './terminal.ts';

interface MapsFlags extends ReportFlags {
  readonly memory: string;
  readonly pageTable: string;
  readonly map: string;
  readonly time: string;
  readonly seed: string;
}

const LEAST_MEMORY = 2 * MIB;
const MOST_MEMORY = 64 * GIB;

const report: MeasuredReport<KernelMapResult> = {
  forms: measuredForms,
  title: 'Kernel maps',
  data: kernelMapsData,
  rows: kernelMapRows,
  parts: kernelMapsParts,
};

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
  return addReportOptions(command, report.forms)
    .addHelpText('after', help)
    .action((flags: MapsFlags) => run(reportMeasured(measurements(flags), report, { flags, terminal, command })));
}

function measurements(flags: MapsFlags): Measurement<KernelMapResult>[] {
  const kinds = namesIn(flags.map, '--map', kernelMapNames).map(findKernelMap);
  const format = findPageTable(flags.pageTable);
  const memoryBytes = parseByteSize(flags.memory, '--memory');
  if (memoryBytes < LEAST_MEMORY || memoryBytes > MOST_MEMORY) {
    throw new UsageError(`--memory ${flags.memory}: give from ${formatBytes(LEAST_MEMORY)} to ${formatBytes(MOST_MEMORY)}`);
  }
  const options = {
    memoryBytes,
    format,
    now: () => performance.now(),
    milliseconds: parseMeasuringTime(flags.time),
    seed: parseSeed(flags.seed),
  };
  return kinds.map((kind) => ({
    label: `${kind.name} on ${formatBytes(memoryBytes)}`,
    measure: () => measureKernelMap(kind, options),
  }));
}
