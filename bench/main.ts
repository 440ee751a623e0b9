// `npm run bench [-- names] [--quick] [--markdown]`: measures, prints tables, and stores the results as JSON under bench/results/.

import process from 'node:process';
import { Argument, Command } from 'commander';
import { type FramesResult, framesSettings, framesTables, measureAllFrames, quickFramesSettings } from './frames.ts';
import { heapSettings, heapTables, measureHeaps, quickHeapSettings } from './heap.ts';
import type { HeapResult } from './heap-result.ts';
import { type KernelResult, kernelSettings, kernelTables, measureKernel, quickKernelSettings } from './kernel.ts';
import { answerRequest, ownProcesses, processesOf } from './laboratory.ts';
import { type MovingResult, measureMoving, movingSettings, movingTables, quickMovingSettings } from './moving.ts';
import { otherNodes } from './other-nodes.ts';
import { measurePolicies, type PoliciesResult, policiesSettings, policiesTables, quickPoliciesSettings } from './policies.ts';
import { measurePrograms, type ProgramsResult, programsSettings, quickProgramsSettings } from './programs.ts';
import { programsTables } from './programs-tables.ts';
import { measureRanges, quickRangesSettings, type RangesResult, rangesSettings, rangesTables } from './ranges.ts';
import { hostSentence, onThisHost, readResult, type StoredResult, writeResult } from './results-file.ts';
import { markdownTable, type Table, textTable } from './table.ts';
import { measureTraces, quickTracesSettings, type TracesResult, tracesSettings, tracesTables } from './traces.ts';

/** One benchmark: how it is measured and shown. */
interface Benchmark {
  readonly measure: (amount: Amount, tell: (step: string) => void, choice: Choice) => unknown;
  /** @param result what `measure` returned, or the same read from JSON */
  readonly tables: (result: unknown) => Table[];
}

type Amount = 'full' | 'quick';

/** What a run was narrowed or widened to. */
interface Choice {
  readonly only?: readonly string[];
  readonly nodes?: readonly string[];
}

const benchmarks: Readonly<Record<string, Benchmark>> = {
  frames: {
    measure: (amount, tell) => measureAllFrames(amount === 'quick' ? quickFramesSettings : framesSettings, tell),
    tables: (result) => framesTables(result as FramesResult),
  },
  heap: {
    measure: (amount, tell, { only }) =>
      measureHeaps(amount === 'quick' ? quickHeapSettings : heapSettings, ownProcesses, tell, only && { only }),
    tables: (result) => heapTables(result as HeapResult),
  },
  kernel: {
    measure: (amount, tell) => measureKernel(amount === 'quick' ? quickKernelSettings : kernelSettings, ownProcesses, tell),
    tables: (result) => kernelTables(result as KernelResult),
  },
  moving: {
    measure: (amount, tell) => measureMoving(amount === 'quick' ? quickMovingSettings : movingSettings, ownProcesses, tell),
    tables: (result) => movingTables(result as MovingResult),
  },
  policies: {
    measure: (amount, tell) => measurePolicies(amount === 'quick' ? quickPoliciesSettings : policiesSettings, tell),
    tables: (result) => policiesTables(result as PoliciesResult),
  },
  programs: {
    measure: (amount, tell, { nodes }) => {
      const others = amount === 'quick' ? [] : otherNodes(nodes);
      const versions = others.map(({ version, executable }) => ({ version, laboratory: processesOf(executable) }));
      return measurePrograms(amount === 'quick' ? quickProgramsSettings : programsSettings, ownProcesses, tell, versions);
    },
    tables: (result) => programsTables(result as ProgramsResult),
  },
  ranges: {
    measure: (amount, tell) => measureRanges(amount === 'quick' ? quickRangesSettings : rangesSettings, ownProcesses, tell),
    tables: (result) => rangesTables(result as RangesResult),
  },
  traces: {
    measure: (amount, tell) => measureTraces(amount === 'quick' ? quickTracesSettings : tracesSettings, tell),
    tables: (result) => tracesTables(result as TracesResult),
  },
};

interface Flags {
  readonly quick?: true;
  readonly only?: string;
  readonly node?: string;
  readonly markdown?: true;
}

const names = Object.keys(benchmarks);

const command = new Command('npm run bench --')
  .description('Measures Quire against plain WebAssembly and Linux on this machine. docs/bench.md says what each number means.')
  .argument('[names...]', `what to run: ${names.join(', ')} (default: all)`)
  .option('--quick', 'a smoke run: half a minute, numbers of no use, nothing stored')
  .option('--only <names>', 'of heap: these allocators beside the wasm dlmalloc, with commas between; nothing stored')
  .option('--node <paths>', 'of programs: these other versions of Node too (default: those found), with commas between')
  .option('--markdown', 'measure nothing; print the stored results as Markdown')
  .action(async (chosen: string[], { quick, only, node, markdown }: Flags) => {
    const unknown = chosen.find((name) => !names.includes(name));
    if (unknown !== undefined) command.error(`there is no benchmark '${unknown}': choose from ${names.join(', ')}`, { exitCode: 2 });
    const choice = { ...(only !== undefined && { only: only.split(',') }), ...(node !== undefined && { nodes: node.split(',') }) };
    for (const name of chosen.length > 0 ? chosen : names) {
      if (markdown) showStored(name);
      else await measure(name, quick ? 'quick' : 'full', choice);
    }
  });

// What the laboratory runs in a process of its own.
command.addCommand(
  new Command('measure').addArgument(new Argument('<request>')).action((request: string) => answerRequest(request)),
  { hidden: true },
);

await command.parseAsync();

async function measure(name: string, amount: Amount, choice: Choice): Promise<void> {
  const benchmark = benchmarks[name] as Benchmark;
  const stored = onThisHost(name, await benchmark.measure(amount, (step) => tell(`${name}: ${step}`), choice));
  tell('');
  process.stdout.write(`${showText(stored)}\n`);
  if (amount === 'full' && choice.only === undefined) process.stdout.write(`Stored in ${writeResult(stored)}.\n\n`);
}

function showStored(name: string): void {
  const stored = readResult(name);
  if (stored === undefined) process.stderr.write(`bench: there is no stored result of ${name}: run npm run bench -- ${name} first\n`);
  else process.stdout.write(`${tablesOf(stored).map(markdownTable).join('\n')}\n${hostSentence(stored.host)}\n\n`);
}

function showText(stored: StoredResult): string {
  return [hostSentence(stored.host), '', ...tablesOf(stored).map(textTable)].join('\n');
}

function tablesOf({ benchmark, result }: StoredResult): Table[] {
  return benchmarks[benchmark]?.tables(result) ?? [];
}

/** Shows on a terminal what is being measured, on one line that the next replaces. */
function tell(step: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${step}`);
}
