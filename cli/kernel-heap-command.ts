// `quire kernel heap`: designs of kernel heap under what a memory manager asks of one.

import { Command } from 'commander';
import { type HeapWorkloadKind, heapWorkloads, type KernelHeapResult, measureConstruction, measureKernelHeap } from '../src/lab/index.ts';
import { kernelHeapData, kernelHeapParts, kernelHeapRows } from '../src/report/index.ts';
import { findKernelHeap, kernelHeapNames } from '../src/systems/index.ts';
import { type MeasuredReport, type Measurement, measuredForms, namesIn, parseMeasuringTime, reportMeasured } from './measuring.ts';
import { addReportOptions, type ReportFlags } from './report-output.ts';
import { parseSeed } from './run-options.ts';
import type { Terminal } from './terminal.ts';

interface HeapFlags extends ReportFlags {
  readonly heap: string;
  readonly workload: string;
  readonly time: string;
  readonly seed: string;
}

const workloadNames = heapWorkloads.map(({ name }) => name);

const help = `
Heaps: ${kernelHeapNames.join(', ')}.
Workloads:
${heapWorkloads.map(({ name, meaning }) => `  ${name.padEnd(8)}${meaning}`).join('\n')}
docs/kernel.md says what each heap is, and which to choose.

Examples:
  $ quire kernel heap
  $ quire kernel heap --heap slab,magazines --workload fork --json
  $ quire run --kernel-heap caches programs/qsort.wasm 200000`;

/** Makes the command. @param run takes the work, which ends with an exit code */
export function kernelHeapCommand(terminal: Terminal, run: (work: Promise<number>) => void): Command {
  const command = new Command('heap')
    .summary("compare heaps for the kernel's own records")
    .description(
      'Replays what a memory manager asks of its heap on each design: speed, frames at the peak, waste, and what reaping gives back.',
    )
    .option('--heap <names>', 'heaps, with commas between, or all', 'all')
    .option('--workload <names>', 'workloads, with commas between, or all', 'all')
    .option('--time <seconds>', 'how long to measure each rate; 0: not at all', '0.25')
    .option('--seed <n>', 'of the workloads', '1');
  return addReportOptions(command, measuredForms)
    .addHelpText('after', help)
    .action((flags: HeapFlags) => run(heap(flags, terminal, command)));
}

function heap(flags: HeapFlags, terminal: Terminal, command: Command): Promise<number> {
  const kinds = namesIn(flags.heap, '--heap', kernelHeapNames).map(findKernelHeap);
  const makers = namesIn(flags.workload, '--workload', workloadNames).map(
    (name) => heapWorkloads.find((kind) => kind.name === name) as HeapWorkloadKind,
  );
  const options = { now: () => performance.now(), milliseconds: parseMeasuringTime(flags.time) };
  const seed = parseSeed(flags.seed);
  const construction = () => (options.milliseconds === 0 ? [] : measureConstruction(options));
  const report: MeasuredReport<KernelHeapResult> = {
    forms: measuredForms,
    title: 'Kernel heaps',
    data: (results) => kernelHeapData(results, construction()),
    rows: kernelHeapRows,
    parts: (results) => kernelHeapParts(results, construction(), new Map(heapWorkloads.map(({ name, meaning }) => [name, meaning]))),
  };
  return reportMeasured(measurements(), report, { flags, terminal, command });

  /** A workload is recorded when its turn comes. */
  function* measurements(): Iterable<Measurement<KernelHeapResult>> {
    for (const maker of makers) {
      const workload = maker.make(seed);
      for (const kind of kinds) yield { label: `${maker.name}: ${kind.name}`, measure: () => measureKernelHeap(kind, workload, options) };
    }
  }
}
