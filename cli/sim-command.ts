// `quire sim`: how often would these policies miss with so many frames? Every trace is read once and replayed on all cores.

import { Argument, Command, Option } from 'commander';
import { UsageError } from '../src/base/index.ts';
import { lruMissesBySize, pagingDevices } from '../src/lab/index.ts';
import { formatCount, type ReplayedTrace, type SimulationResult } from '../src/report/index.ts';
import { DenseTrace } from './dense-trace.ts';
import { ExitCode } from './exit-code.ts';
import { LiveLine } from './live-line.ts';
import { OutputFile } from './output-file.ts';
import { defaultSizes, type SimFlags, type SimPlan, simPlan, warmupOf } from './sim-options.ts';
import { addQuestionOptions, answersOf } from './sim-questions.ts';
import { pictureWriter, type ResultWriter, writerFor } from './sim-writers.ts';
import { lruCurveOf, type SimulationJob } from './simulation-job.ts';
import { SimulationPool } from './simulation-pool.ts';
import { FILE_COLUMNS, type Terminal } from './terminal.ts';
import { addTraceOptions, changesOf, traceSource } from './trace-options.ts';

const examples = `
Frames are counted, or written as a size: 64, 256..4096 (doubling), 1000..9000/5 (five sizes, evenly), 16MiB.

Examples:
  $ quire sim trace.lackey.gz --policy fifo,lru,clock,belady --frames 64,256..4096
  $ quire sim a.csv b.csv --format csv --policy all --frames 1MiB..64MiB --csv -o misses.csv
  $ quire sim trace.txt --warmup 10% --json
  $ quire sim trace.txt --mrc --policy arc,belady --svg curves.svg
  $ quire sim trace.txt --explain 1 --policy clock --frames 64`;

/** Makes the command. @param run takes the work, which ends with an exit code */
export function simCommand(terminal: Terminal, run: (work: Promise<number>) => void): Command {
  const command = new Command('sim')
    .summary('replay traces with any replacement policy and any memory')
    .description('Replays traces of page references with replacement policies in memories of different sizes, and counts what misses.')
    .addArgument(new Argument('<traces...>', 'the files; - is the standard input'))
    .option('--policy <names>', 'policies, with commas between, or all (default: fifo,clock,lru)')
    .option('--frames <sizes>', 'sizes of memory, with commas between (default: powers of two up to the pages of the trace)')
    .option('--warmup <n>', 'references at the start that are not counted, or a share such as 10%', '0')
    .addOption(
      new Option('--device <name>', 'the device whose time is modelled').choices(pagingDevices.map(({ name }) => name)).default('ssd'),
    )
    .option('--seed <number>', 'the seed of everything random', '1')
    .option('--tick <n>', 'references from one tick to the next, for nru, nfu and aging (default: the frames)')
    .option('--jobs <n>', 'simulations at once (default: all cores)')
    .option('--mrc', "misses as a function of frames: LRU's exact for every size, other policies' at --frames")
    .option('--svg <path>', 'with --mrc: also write the curves as a picture')
    .option('--json', 'as one JSON object')
    .option('--csv', 'as comma-separated values, one line for each result')
    .option('-o, --output <path>', 'write the results there');
  return addTraceOptions(addQuestionOptions(command))
    .addHelpText('after', examples)
    .action((paths: string[], flags: SimFlags) => run(sim(paths, flags, terminal)));
}

async function sim(paths: readonly string[], flags: SimFlags, terminal: Terminal): Promise<number> {
  const plan = simPlan(flags);
  if (flags.svg !== undefined && paths.length > 1) throw new UsageError('--svg: a picture shows one trace; give one');
  const sources = paths.map((path) => traceSource(path, flags));
  const output = flags.output === undefined ? undefined : new OutputFile(flags.output, '--output');
  const picture = flags.svg === undefined ? undefined : new OutputFile(flags.svg, '--svg');
  const writer = pictureWriter(
    picture,
    writerFor(
      plan,
      (text) => (output ? output.writeOrRefuse(text) : terminal.out.write(text)),
      output ? FILE_COLUMNS : terminal.out.columns,
    ),
  );
  const pool = new SimulationPool(plan.threads);
  const line = new LiveLine(terminal.err, () => performance.now());
  try {
    for (const source of sources) {
      const name = source.path;
      const trace = await DenseTrace.read(source, plan.choice, (count) =>
        line.update((seconds) => `${seconds.toFixed(1)} s   reading ${name}: ${formatCount(count)} references`),
      );
      try {
        await new TraceSimulation(trace, plan, changesOf(flags)).run(pool, writer, line);
      } finally {
        trace.close();
      }
    }
    return ExitCode.fine;
  } finally {
    // After a failure this ends what the traces before it have given: their results are as good as ever.
    line.hide();
    writer.end();
    output?.discard();
    picture?.discard();
    await pool.close();
  }
}

/** One trace with all its jobs. */
class TraceSimulation {
  readonly #trace: DenseTrace;
  readonly #plan: SimPlan;
  readonly #facts: ReplayedTrace;
  readonly #warmup: number;
  readonly #sizes: readonly number[];
  readonly #jobs: readonly SimulationJob[];

  constructor(trace: DenseTrace, plan: SimPlan, changes: readonly string[]) {
    const { references, writes, pages } = trace.content;
    this.#trace = trace;
    this.#plan = plan;
    this.#facts = { name: trace.name, references, writes, pages, pageBytes: 2 ** plan.choice.pageShift, changes };
    this.#warmup = warmupOf(plan.warmup, references, trace.name);
    this.#sizes = plan.sizes ?? defaultSizes(pages, plan.question);
    this.#jobs = jobsOf(plan, this.#sizes, this.#warmup);
  }

  /** Simulates, and passes every result on as soon as those before it are there; for curves, LRU's beside them. Questions are answered instead. */
  async run(pool: SimulationPool, writer: ResultWriter, line: LiveLine): Promise<void> {
    const { questions, policies, seed } = this.#plan;
    if (questions !== undefined) {
      const answers = answersOf(questions, this.#trace, { policies, sizes: this.#sizes, seed });
      line.hide();
      writer.findings(this.#facts, answers);
      return;
    }
    const passed: SimulationResult[] = [];
    const simulated = this.#simulate(pool, line, (result) => {
      line.hide();
      writer.result(result);
      passed.push(result);
    });
    const [curve] = await Promise.all([
      this.#plan.question === 'curves' ? lruCurveOf(this.#trace.content, this.#warmup) : undefined,
      simulated,
    ]);
    line.hide();
    const common = { trace: this.#facts, results: passed, warmup: this.#warmup };
    if (curve === undefined) writer.counts({ ...common, device: this.#plan.device });
    else writer.curves({ ...common, ...curve, lru: lruMissesBySize(curve), sizes: this.#sizes });
  }

  async #simulate(pool: SimulationPool, line: LiveLine, pass: (result: SimulationResult) => void): Promise<void> {
    const found = this.#jobs.map(({ sizes }): (SimulationResult | undefined)[] => sizes.map(() => undefined));
    const order = found.flatMap((each, job) => each.map((_, size) => [job, size] as const));
    let done = 0;
    let next = 0;
    await pool.run(this.#jobs, this.#trace.content, (job, size, counts) => {
      const { policy, sizes } = this.#jobs[job] as SimulationJob;
      (found[job] as (SimulationResult | undefined)[])[size] = {
        trace: this.#trace.name,
        policy,
        frames: sizes[size] as number,
        ...counts,
      };
      done++;
      line.update((seconds) => `${seconds.toFixed(1)} s   ${this.#trace.name}: ${done} of ${order.length} simulations`);
      for (; next < order.length; next++) {
        const [nextJob, nextSize] = order[next] as readonly [number, number];
        const result = found[nextJob]?.[nextSize];
        if (result === undefined) break;
        pass(result);
      }
    });
  }
}

/** A job for each policy and size; the optimum's sizes share what it knows of the future, so they are one. */
function jobsOf({ policies, seed, tick, question }: SimPlan, sizes: readonly number[], warmup: number): SimulationJob[] {
  // LRU's curve needs no simulations.
  const simulated = question === 'curves' ? policies.filter((policy) => policy !== 'lru') : policies;
  return simulated.flatMap((policy) => {
    const parts = policy === 'belady' ? [sizes] : sizes.map((frames) => [frames]);
    return parts.map((part) => ({ policy, sizes: part, warmup, seed, tick }));
  });
}
