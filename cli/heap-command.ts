// `quire heap`: malloc traces of real programs on any allocator: is it right, how fast is it, and what becomes of the memory?

import process from 'node:process';
import { Argument, Command, Option } from 'commander';
import { UsageError } from '../src/base/index.ts';
import { type AllocatorName, allocatorNames } from '../src/heap/malloc/index.ts';
import {
  compareHeaps,
  HEAP_PAGE_BYTES,
  HeapReplay,
  layoutOf,
  type MallocTraceFacts,
  mallocTraceFacts,
  measureSpeed,
  pinsOf,
  profileHeap,
  type SpaceCost,
  type SpaceSettings,
  type SubjectKind,
  spaceCost,
} from '../src/lab/index.ts';
import { formatCount, type HeapResult, MAP_CELLS } from '../src/report/index.ts';
import { systemNames } from '../src/systems/index.ts';
import { type MallocTrace, mallocGenerators, mallocTraceFormats, mallocTraceText } from '../src/trace/index.ts';
import { ExitCode } from './exit-code.ts';
import { guestMaker } from './guest-job.ts';
import { judgeGuest } from './heap-guests.ts';
import { expectServable, type HeapFlags, type HeapPlan, heapForms, heapPlan } from './heap-options.ts';
import { type Contestant, contestants } from './heap-subjects.ts';
import { heapTestCommand } from './heap-test-command.ts';
import { type HeapTraceReport, heapWriter } from './heap-writers.ts';
import { LiveLine } from './live-line.ts';
import { readMallocTrace } from './malloc-trace-source.ts';
import { OutputFile } from './output-file.ts';
import { addReportOptions, pageFactsOf, ReportOutput } from './report-output.ts';
import type { Terminal } from './terminal.ts';

/** Points of a heap's curve: as many as a picture can show, about. */
const CURVE_POINTS = 288;

const help = `
Traces: files, packed with gzip, zstd, zip or brotli or not, in these formats:
${mallocTraceFormats.map(({ name, meaning }) => `  ${name.padEnd(14)}${meaning}`).join('\n')}
or generated, with a seed, a length and more after a colon, as in random:seed=7,operations=100000:
${mallocGenerators.map(({ name, meaning, defaults }) => `  ${name.padEnd(14)}${meaning}\n${' '.repeat(16)}${settingsText(defaults)}`).join('\n')}

Examples:
  $ quire heap python.rep.gz gcc.rep.gz --allocator segregated,tlsf,buddy
  $ quire heap larson:threads=8 --curve --histograms
  $ quire heap sqlite3.rep.gz --compare first-fit,best-fit
  $ quire heap sqlite3.rep.gz --allocator segregated --map --at 20000
  $ quire heap sqlite3.rep.gz --allocator segregated --pins 0x2000
  $ quire heap python.rep.gz --space --memory 4MiB`;

function settingsText(defaults: Readonly<Record<string, number>>): string {
  return Object.entries(defaults)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

/** Makes the command. @param run takes the work, which ends with an exit code */
export function heapCommand(terminal: Terminal, run: (work: Promise<number>) => void): Command {
  const command = new Command('heap')
    .summary('run malloc traces on allocators and judge them')
    .description(
      'Replays traces of malloc and free on allocators: checks every answer, measures speed, and shows what becomes of the memory.',
    )
    .addArgument(new Argument('<traces...>', 'files, or names of generated traces; - is the standard input'))
    .option('--allocator <names>', 'allocators, with commas between, or all; or your own: ./mine.wasm, ./mine.js', 'all')
    .addOption(
      new Option('--format <name>', 'the format of the files; recognised if not given').choices(mallocTraceFormats.map(({ name }) => name)),
    )
    .addOption(new Option('--alignment <bytes>', 'of every block').choices(['8', '16']).default('8'))
    .addOption(
      new Option('--backing <what>', 'a buffer, a shared buffer, or a wasm memory that grows')
        .choices(['array', 'shared', 'wasm'])
        .default('wasm'),
    )
    .option('--limit <size>', 'what a heap may take', '1GiB')
    .addOption(
      new Option('--contents <how>', "blocks' contents are checked at both ends or whole").choices(['tags', 'whole']).default('tags'),
    )
    .option('--time <seconds>', 'how long to time each allocator on each trace; 0: not at all', '0.25')
    .option('--patience <seconds>', 'a replay that takes longer is given up', '10')
    .option('--histograms', 'also: sizes, lives, and what rounding costs by size')
    .option('--curve', 'also: payload and heaps over the trace')
    .option('--compare <two>', 'two allocators side by side: where do they part, and why?')
    .option('--map', "also: each heap's map, at the payload's peak")
    .option('--pins <page>', 'also: which blocks keep a page of 4 KiB, by its number or an address on it such as 0x5000')
    .option('--at <operation>', '--map, --pins: after this operation instead')
    .option('--space', 'instead of timing: each heap as that of a process, in faults and pages')
    .addOption(new Option('--system <name>', '--space: the memory manager; uvm if not given').choices(systemNames))
    .option('--memory <size>', '--space: the machine has so much; 64MiB if not given')
    .option('--swap <size>', '--space: and so much swap, or none; 256MiB if not given')
    .option('--save <file>', "write the trace there: .rep, or else in Quire's own format");
  // Else this command would take options that are test's.
  command.enablePositionalOptions();
  return addReportOptions(command, heapForms)
    .addCommand(heapTestCommand(terminal, run))
    .addHelpText('after', help)
    .action((paths: string[], flags: HeapFlags) => run(heap(paths, flags, terminal, command)));
}

async function heap(paths: readonly string[], flags: HeapFlags, terminal: Terminal, command: Command): Promise<number> {
  const plan = heapPlan(flags, paths.length);
  const kinds = contestants(plan.allocators, plan.subject);
  if (plan.space !== undefined) for (const { name } of kinds) ownAllocator(name);
  const output = new ReportOutput(flags, terminal);
  const saved = flags.save === undefined ? undefined : new OutputFile(flags.save, '--save');
  const line = new LiveLine(terminal.err, () => performance.now());
  try {
    // All of them before any work: whatever is wrong with one is said at once.
    const traces: { readonly trace: MallocTrace; readonly facts: MallocTraceFacts }[] = [];
    for (const path of paths) {
      line.update((seconds) => `${seconds.toFixed(1)} s   reading ${path}`);
      const trace = await readMallocTrace(path, flags.format);
      const facts = mallocTraceFacts(trace);
      expectServable(trace, facts.peakPayloadBytes, plan.subject.limitBytes);
      if (plan.at !== undefined && plan.at > trace.length) {
        throw new UsageError(`--at ${plan.at}: ${trace.name} has no more than ${formatCount(trace.length)} operations`);
      }
      traces.push({ trace, facts });
    }
    const [first] = traces;
    if (saved !== undefined && first !== undefined) save(first.trace, saved);
    const writer = heapWriter(plan, output, () => pageFactsOf(command, paths.join(', ')));
    let errors = 0;
    for (const { trace, facts } of traces) {
      const report = await reportOn(trace, facts, { kinds, plan, line });
      line.hide();
      writer.trace(report);
      errors += report.results.reduce((sum, { profile }) => sum + profile.errors.length, 0);
    }
    writer.end();
    return errors === 0 ? ExitCode.fine : ExitCode.allocatorFailed;
  } finally {
    line.hide();
    output.close();
    saved?.discard();
  }
}

/** What a trace is replayed with. */
interface Setting {
  readonly kinds: readonly Contestant[];
  readonly plan: HeapPlan;
  readonly line: LiveLine;
}

async function reportOn(
  trace: MallocTrace,
  facts: MallocTraceFacts,
  { kinds: contestants, plan, line }: Setting,
): Promise<HeapTraceReport> {
  const results: HeapResult[] = [];
  /** Those that can be called here: of guests, those that came through. */
  const kinds: SubjectKind[] = [];
  for (const { name, kind, guest } of contestants) {
    // Lets Ctrl-C through between two allocators.
    await new Promise((resolve) => setImmediate(resolve));
    if (kind !== undefined) {
      results.push(resultOf(trace, kind, plan, line));
      kinds.push(kind);
      continue;
    }
    line.update((seconds) => `${seconds.toFixed(1)} s   ${trace.name}: ${name}`);
    const result = await judgeGuest(guest, { trace, points: CURVE_POINTS, ...plan });
    results.push(result);
    if (result.profile.end === 'whole') kinds.push({ name, make: await guestMaker(guest) });
  }
  const look = plan.at ?? facts.peakOperations;
  const looks =
    plan.map === 'shown' || plan.page !== undefined ? kinds.map((kind) => ({ kind, replay: replayTo(trace, kind, plan, look) })) : [];
  const maps = plan.map === 'shown' ? looks.map(({ kind, replay }) => ({ allocator: kind.name, layout: layoutOf(replay, MAP_CELLS) })) : [];
  const { page } = plan;
  const pins = page === undefined ? [] : looks.map(({ kind, replay }) => pagePins(kind.name, replay, page));
  const [one, two] = kinds;
  const comparison =
    plan.compare === undefined || one === undefined || two === undefined || kinds.length < contestants.length
      ? undefined
      : compareHeaps(trace, [() => one.make(plan.subject), () => two.make(plan.subject)]);
  const spaces =
    plan.space === undefined ? [] : kinds.map(({ name }) => spaceCostOf(trace, name, facts, plan.space as SpaceSettings, line));
  return { facts, results, maps, pins, comparison, spaces };
}

function resultOf(trace: MallocTrace, kind: SubjectKind, plan: HeapPlan, line: LiveLine): HeapResult {
  const { contents, mostMilliseconds, milliseconds } = plan;
  const tell = (what: string) => line.update((seconds) => `${seconds.toFixed(1)} s   ${trace.name}: ${kind.name} ${what}`);
  const profile = profileHeap(trace, kind.make(plan.subject), {
    contents,
    points: CURVE_POINTS,
    now: processorMilliseconds,
    mostMilliseconds,
    progress: (operations) => tell(`checked for ${formatCount(operations)} operations`),
  });
  // What gives wrong answers may never come back from the next call.
  if (milliseconds === 0 || profile.errors.length > 0) return { allocator: kind.name, profile, speed: undefined };
  tell('timed');
  const speed = measureSpeed(kind.make(plan.subject), trace, { now: processorMilliseconds, milliseconds, mostMilliseconds });
  return { allocator: kind.name, profile, speed };
}

/** What this process has taken of the processor: other work on the machine adds far less to it than to the time of day. */
function processorMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function spaceCostOf(trace: MallocTrace, name: string, facts: MallocTraceFacts, settings: SpaceSettings, line: LiveLine): SpaceCost {
  const progress = (operations: number) =>
    line.update((seconds) => `${seconds.toFixed(1)} s   ${trace.name}: ${name} in a process, ${formatCount(operations)} operations`);
  return spaceCost(trace, ownAllocator(name), facts.peakPayloadBytes, { ...settings, progress });
}

/** Throws a UsageError for an allocator that is not Quire's. */
function ownAllocator(name: string): AllocatorName {
  const allocator = allocatorNames.find((own) => own === name);
  if (allocator === undefined) throw new UsageError(`--space: only Quire's own allocators can serve a process, and ${name} is none`);
  return allocator;
}

function replayTo(trace: MallocTrace, kind: SubjectKind, plan: HeapPlan, operations: number): HeapReplay {
  const replay = new HeapReplay(trace, kind.make(plan.subject));
  replay.runTo(operations);
  return replay;
}

function pagePins(allocator: string, replay: HeapReplay, page: number) {
  return { allocator, page, pageBytes: HEAP_PAGE_BYTES, operations: replay.position, blocks: pinsOf(replay, page) };
}

function save(trace: MallocTrace, file: OutputFile): void {
  const format = file.path.toLowerCase().endsWith('.rep') ? 'rep' : 'quire';
  for (const piece of mallocTraceText(trace, format)) file.writeOrRefuse(piece);
  file.close();
}
