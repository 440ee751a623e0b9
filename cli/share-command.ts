// `quire share`: several processes in one memory. Who gets how many frames, how long does each wait, and when does memory thrash?

import { Argument, Command, Option } from 'commander';
import { UsageError } from '../src/base/index.ts';
import {
  BLOCK_BYTES,
  Multiprogram,
  meanWorkingSet,
  type Program,
  pagingDevices,
  programOf,
  type SharingOutcome,
  swapChoices,
} from '../src/lab/index.ts';
import {
  csvLine,
  formatCount,
  htmlPage,
  partsText,
  type ReportPart,
  type SharingFacts,
  type SweepPoint,
  sharingParts,
  sharingRows,
  sweepParts,
  sweepSvg,
  timelineSvg,
} from '../src/report/index.ts';
import { DenseTrace, piecesOf } from './dense-trace.ts';
import { ExitCode } from './exit-code.ts';
import { LiveLine } from './live-line.ts';
import { addReportOptions, pageFactsOf, ReportOutput } from './report-output.ts';
import { type ShareFlags, type SharePlan, shareForms, sharePlan } from './share-options.ts';
import type { Terminal } from './terminal.ts';
import { addTraceOptions, changesOf, traceSource } from './trace-options.ts';

const examples = `
Designs: global:POLICY and local:POLICY with lru or any policy that a kernel can run, ws (working sets), wsclock,
pff (page-fault frequency), balance (working sets with minimum and maximum, trimmed).

Examples:
  $ quire share a.lackey.gz b.lackey.gz --design local:lru,ws --frames 4MiB
  $ quire share a.txt --processes 12 --sweep processes --design global:lru --load-control
  $ quire share a.lackey.gz b.lackey.gz --page-size 64KiB --fault-ahead 3 -o share.html`;

/** Makes the command. @param run takes the work, which ends with an exit code */
export function shareCommand(terminal: Terminal, run: (work: Promise<number>) => void): Command {
  const command = new Command('share')
    .summary('run several traces as processes that share one memory')
    .description('Simulates processes on one processor, in one memory, with one paging device: each runs a trace. All times are modelled.')
    .addArgument(new Argument('<traces...>', 'the files; - is the standard input'))
    .option('--design <names>', 'how frames are given to processes, with commas between', 'global:clock')
    .option('--processes <n>', 'processes, which take the traces in turn (default: one for each trace)')
    .addOption(new Option('--sweep <what>', 'simulate every number of processes from one up').choices(['processes']))
    .option('--frames <n>', 'frames in all, or a size such as 16MiB (default: half of the pages of all processes)')
    .option('--window <n>', 'ws, wsclock: references that a working set looks back', '10000')
    .option('--fault-interval <n>', 'pff: references between faults below which a process grows, or SHORT..LONG', '1000')
    .addOption(new Option('--partitions <how>', 'local: shares of memory').choices(['equal', 'proportional']).default('equal'))
    .option('--quantum <n>', 'references until the next process has its turn', '10000')
    .option('--reference-ns <n>', 'nanoseconds of a reference', '10');
  return addTraceOptions(addReportOptions(addPagingOptions(command), shareForms))
    .addHelpText('after', examples)
    .action((paths: string[], flags: ShareFlags) => run(share(paths, flags, terminal, command)));
}

function addPagingOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--device <name>', 'the device whose time is modelled').choices(pagingDevices.map(({ name }) => name)).default('ssd'),
    )
    .option('--fault-ahead <n>', 'pages that are read with one that was asked for: those that follow it', '0')
    .option('--cluster <n>', 'dirty pages written at once', '16')
    .option('--load-control', 'swap processes out whole while memory thrashes or is overcommitted')
    .addOption(new Option('--swap-out <which>', 'load control: the process that goes').choices([...swapChoices]).default('lowest'))
    .addOption(new Option('--come-back <how>', 'load control: its pages').choices(['prepaged', 'on-demand']).default('prepaged'))
    .option('--thrashing-below <share>', 'use of the processor below which memory may be thrashing', '50%')
    .option('--seed <number>', 'the seed of everything random', '1');
}

async function share(paths: readonly string[], flags: ShareFlags, terminal: Terminal, command: Command): Promise<number> {
  const plan = sharePlan(flags, paths.length);
  const output = new ReportOutput(flags, terminal);
  const line = new LiveLine(terminal.err, () => performance.now());
  try {
    const programs: Program[] = [];
    for (const path of paths) programs.push(await readProgram(path, flags, plan, line));
    const most = processesOf(programs, Math.max(...plan.degrees));
    const frames = plan.frames ?? Math.max(1, Math.ceil(most.reduce((sum, { pages }) => sum + pages, 0) / 2));
    const points = plan.designs.flatMap((design) =>
      plan.degrees.map((processes) => {
        const simulation = new Multiprogram({ ...plan.settings, programs: most.slice(0, processes), frames, design });
        const label = `${design.name}, ${processes} ${processes === 1 ? 'process' : 'processes'}`;
        const outcome = simulation.run((done) => line.update((s) => `${s.toFixed(1)} s   ${label}: ${formatCount(done)} references`));
        return { processes, outcome };
      }),
    );
    line.hide();
    output.write(reportOf(points, factsOf(most, frames, plan, flags), plan, { command, columns: output.columns, paths }));
    return ExitCode.fine;
  } finally {
    line.hide();
    output.close();
  }
}

/** Where a report appears. */
interface Place {
  readonly command: Command;
  readonly columns: number;
  readonly paths: readonly string[];
}

function reportOf(points: readonly SweepPoint[], facts: SharingFacts, { form, sweep }: SharePlan, place: Place): string {
  const outcomes = points.map(({ outcome }) => outcome);
  const parts = (): ReportPart[] => (sweep === 'no' ? sharingParts(outcomes, facts) : sweepParts(points, facts));
  switch (form) {
    case 'json':
      return jsonOf(outcomes, facts);
    case 'csv':
      return sharingRows(outcomes, facts).map(csvLine).join('');
    case 'svg':
      return sweep === 'no' ? timelineSvg(outcomes[0] as SharingOutcome) : sweepSvg(points);
    case 'html':
      return htmlPage(pageFactsOf(place.command, `Processes that share memory: ${place.paths.join(', ')}`), parts());
    case 'text':
      return partsText(parts(), place.columns);
  }
}

/** Process k runs trace k, and those beyond the last begin again with the first. */
function processesOf(programs: readonly Program[], processes: number): Program[] {
  return Array.from({ length: processes }, (_, process) => programs[process % programs.length] as Program);
}

async function readProgram(path: string, flags: ShareFlags, { choice, blocksPerPage }: SharePlan, line: LiveLine): Promise<Program> {
  const trace = await DenseTrace.readSound(traceSource(path, flags), choice, (count) =>
    line.update((seconds) => `${seconds.toFixed(1)} s   reading ${path}: ${formatCount(count)} references`),
  );
  try {
    const { references, pages } = trace.content;
    const [blocks, writes] = columnsFor(references, path);
    let at = 0;
    for (const { ids, kinds } of piecesOf(trace.content)) {
      blocks.set(ids, at);
      writes.set(kinds, at);
      at += ids.length;
    }
    const blockNumbers = Float64Array.from({ length: pages }, (_, id) => trace.pageNumber(id));
    return programOf({ name: trace.name, blocks, writes, blockNumbers, blocksPerPage });
  } finally {
    trace.close();
  }
}

/** Returns room for a trace. Throws a UsageError if it is longer than memory allows. */
function columnsFor(references: number, path: string): [blocks: Uint32Array, writes: Uint8Array] {
  try {
    return [new Uint32Array(references), new Uint8Array(references)];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`${path}: ${formatCount(references)} references need 5 bytes of memory each; take a part with --skip and --limit`);
  }
}

function factsOf(programs: readonly Program[], frames: number, { settings, blocksPerPage }: SharePlan, flags: ShareFlags): SharingFacts {
  const { device, referenceNs, window } = settings;
  const sizes = new Map(programs.map((program) => [program, meanWorkingSet(program, window)]));
  return {
    frames,
    pageBytes: blocksPerPage * BLOCK_BYTES,
    device: device.name,
    referenceNs,
    window,
    workingSets: programs.map((program) => sizes.get(program) as number),
    changes: changesOf(flags),
  };
}

function jsonOf(outcomes: readonly SharingOutcome[], facts: SharingFacts): string {
  return `${JSON.stringify({ ...facts, outcomes }, null, 2)}\n`;
}
