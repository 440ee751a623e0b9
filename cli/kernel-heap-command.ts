// `quire kernel heap`: designs of kernel heap under what a memory manager asks of one.

import { Command } from 'commander';
import {
  type ConstructionResult,
  type HeapWorkloadKind,
  heapWorkloads,
  type KernelHeapResult,
  measureConstruction,
  measureKernelHeap,
} from '../src/lab/index.ts';
import { csvLine, htmlPage, kernelHeapData, kernelHeapParts, kernelHeapRows, partsText } from '../src/report/index.ts';
import { findKernelHeap, kernelHeapNames } from '../src/systems/index.ts';
import { ExitCode } from './exit-code.ts';
import { namesIn, parseSeconds } from './kernel-options.ts';
import { LiveLine } from './live-line.ts';
import { addReportOptions, pageFactsOf, type ReportFlags, type ReportForm, ReportOutput, reportForm } from './report-output.ts';
import { parseSeed } from './run-options.ts';
import type { Terminal } from './terminal.ts';

interface HeapFlags extends ReportFlags {
  readonly heap: string;
  readonly workload: string;
  readonly time: string;
  readonly seed: string;
}

const forms: readonly ReportForm[] = ['text', 'json', 'csv', 'html'];
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
  return addReportOptions(command, forms)
    .addHelpText('after', help)
    .action((flags: HeapFlags) => run(heap(flags, terminal, command)));
}

async function heap(flags: HeapFlags, terminal: Terminal, command: Command): Promise<number> {
  const form = reportForm(flags, forms);
  const kinds = namesIn(flags.heap, kernelHeapNames).map(findKernelHeap);
  const makers = namesIn(flags.workload, workloadNames).map((name) => heapWorkloads.find((kind) => kind.name === name) as HeapWorkloadKind);
  const options = { now: () => performance.now(), milliseconds: 1000 * parseSeconds(flags.time) };
  const seed = parseSeed(flags.seed);
  const output = new ReportOutput(flags, terminal);
  const line = new LiveLine(terminal.err, () => performance.now());
  try {
    const results: KernelHeapResult[] = [];
    for (const maker of makers) {
      const workload = maker.make(seed);
      for (const kind of kinds) {
        line.update((seconds) => `${seconds.toFixed(1)} s   ${maker.name}: ${kind.name}`);
        // Lets Ctrl-C through between two heaps.
        await new Promise((resolve) => setImmediate(resolve));
        results.push(measureKernelHeap(kind, workload, options));
      }
    }
    const construction = options.milliseconds === 0 ? [] : measureConstruction(options);
    line.hide();
    output.write(written(form, results, construction, { columns: output.columns, command }));
    return ExitCode.fine;
  } finally {
    line.hide();
    output.close();
  }
}

function written(
  form: ReportForm,
  results: readonly KernelHeapResult[],
  construction: readonly ConstructionResult[],
  { columns, command }: { readonly columns: number; readonly command: Command },
): string {
  if (form === 'json') return `${JSON.stringify(kernelHeapData(results, construction), null, 2)}\n`;
  if (form === 'csv') return kernelHeapRows(results).map(csvLine).join('');
  const parts = kernelHeapParts(results, construction, new Map(heapWorkloads.map(({ name, meaning }) => [name, meaning])));
  return form === 'html' ? htmlPage(pageFactsOf(command, 'Kernel heaps'), parts) : partsText(parts, columns);
}
