// `quire tlb`: how many references a TLB catches, of any shape, and what the others cost.

import { Argument, Command } from 'commander';
import { csvLine, formatCount, partsText, type TlbFacts, type TlbResult, tlbParts, tlbRows } from '../src/report/index.ts';
import { DenseTrace } from './dense-trace.ts';
import { ExitCode } from './exit-code.ts';
import { LiveLine } from './live-line.ts';
import { addReportOptions, ReportOutput } from './report-output.ts';
import type { Terminal } from './terminal.ts';
import { type ProcessTrace, resultOf } from './tlb-job.ts';
import { checkAddresses, type TlbFlags, type TlbPlan, tlbForms, tlbPlan } from './tlb-options.ts';
import { addTraceOptions, changesOf, pageChoice, traceSource } from './trace-options.ts';

const examples = `
Entries: several with commas; complete is room for every page, as the TLB of live programs has. Ways: numbers, direct, full.

Examples:
  $ quire tlb qsort.quire --entries 16,64,1536 --ways direct,4,full --replacement lru,random
  $ quire tlb prog.lackey.gz --page-size 4KiB,2MiB --page-table sv39 --walk-cache 4
  $ quire tlb prog.lackey.gz --large-pages 2MiB --preset skylake
  $ quire tlb a.quire b.quire --asids 8 --quantum 50000 --processors 2 --unmap-every 10000`;

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Makes the command. @param run takes the work, which ends with an exit code */
export function tlbCommand(terminal: Terminal, run: (work: Promise<number>) => void): Command {
  const command = new Command('tlb')
    .summary('replay traces through TLBs of any shape')
    .description(
      'Replays the pages that traces refer to through models of TLBs: hits and misses, the loads that walks of a page table need, and ' +
        'what switches of spaces and unmapped pages cost. Several traces are processes that take turns.',
    )
    .addArgument(new Argument('<traces...>', 'the files; - is the standard input'))
    .option('--entries <list>', 'entries of a TLB (default: 16,64,1536)')
    .option('--ways <list>', 'entries of a set (default: 4,full)')
    .option('--replacement <list>', 'lru, fifo, random, tree-plru (default: lru)')
    .option('--preset <list>', 'TLBs of real processors: i486, r4000, cortex-a53, cortex-a72, skylake')
    .option('--wired <n>', 'entries that no replacement takes')
    .option('--pages-per-entry <n>', 'neighbouring pages that an entry translates')
    .option('--second <entries:ways>', 'a second level, as in 1536:12')
    .option('--large-pages <size>', 'stretches that are used enough are pages of this size')
    .option('--large-share <share>', 'of the small pages of a stretch, how much must be referenced', '0.5')
    .option('--large <entries:ways>', 'an array of their own for large pages, as in 32:4')
    .option('--page-table <name>', 'count the loads of walks through tables of this format')
    .option('--walk-cache <n>', 'entries, for each upper level, of a cache of upper table entries', '0')
    .option('--processes <n>', 'processes, which take the traces in turn (default: one for each trace)')
    .option('--quantum <n>', 'references until the next process has its turn', '10000')
    .option('--asids <n>', 'spaces whose entries stay while another runs', '0')
    .option('--processors <n>', 'each time slice is on the next of so many', '1')
    .option('--unmap-every <n>', 'unmap the page referenced last, every so many references', '0')
    .option('--global <from..to>', 'addresses that are the same in all spaces (repeatable)', collect)
    .option('--seed <number>', 'the seed of random replacement', '1');
  return addTraceOptions(addReportOptions(command, tlbForms))
    .addHelpText('after', examples)
    .action((paths: string[], flags: TlbFlags) => run(tlb(paths, flags, terminal)));
}

async function tlb(paths: readonly string[], flags: TlbFlags, terminal: Terminal): Promise<number> {
  const plan = tlbPlan(flags, paths.length);
  const output = new ReportOutput(flags, terminal);
  const line = new LiveLine(terminal.err, () => performance.now());
  const traces: DenseTrace[] = [];
  try {
    for (const path of paths) traces.push(await readTrace(path, flags, plan, line));
    const processes = processesOf(traces, plan);
    const results = plan.tlbs.flatMap((tlb) =>
      plan.pageSizes.map((pageBytes) => {
        line.update((seconds) => `${seconds.toFixed(1)} s   ${tlb.name}`);
        return resultOf(tlb, pageBytes, processes, plan);
      }),
    );
    line.hide();
    output.write(reportOf(results, factsOf(traces, processes, plan, flags), plan, output.columns));
    return ExitCode.fine;
  } finally {
    line.hide();
    for (const trace of traces) trace.close();
    output.close();
  }
}

function readTrace(path: string, flags: TlbFlags, { baseBytes }: TlbPlan, line: LiveLine): Promise<DenseTrace> {
  const choice = pageChoice({ ...flags, pageSize: String(baseBytes) });
  return DenseTrace.readSound(traceSource(path, flags), choice, (count) =>
    line.update((seconds) => `${seconds.toFixed(1)} s   reading ${path}: ${formatCount(count)} references`),
  );
}

/** Process k runs trace k, and those beyond the last begin again with the first. */
function processesOf(traces: readonly DenseTrace[], { processes, pageTable, baseBytes }: TlbPlan): ProcessTrace[] {
  const read = traces.map((trace) => {
    const { content, name } = trace;
    const pages = Float64Array.from({ length: content.pages }, (_, id) => trace.pageNumber(id));
    if (pageTable !== undefined) checkAddresses(pageTable, name, pages.reduce((most, page) => Math.max(most, page), 0) * baseBytes);
    return { content, pages };
  });
  return Array.from({ length: processes }, (_, process) => read[process % read.length] as ProcessTrace);
}

function factsOf(traces: readonly DenseTrace[], processes: readonly ProcessTrace[], plan: TlbPlan, flags: TlbFlags): TlbFacts {
  const { quantum, processors, asids, unmapEvery, pageTable, walkCache, notes } = plan;
  return {
    traces: traces.map(({ name }) => name),
    processes: processes.length,
    references: processes.reduce((sum, { content }) => sum + content.references, 0),
    quantum,
    processors,
    asids,
    unmapEvery,
    ...(pageTable && { pageTable: pageTable.name }),
    walkCache,
    notes: [...notes, ...changesOf(flags)],
  };
}

function reportOf(results: readonly TlbResult[], facts: TlbFacts, { form }: TlbPlan, columns: number): string {
  if (form === 'json') return `${JSON.stringify({ ...facts, results }, null, 2)}\n`;
  if (form === 'csv') return tlbRows(results).map(csvLine).join('');
  return partsText(tlbParts(results, facts), columns);
}
