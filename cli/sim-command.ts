// `quire sim`: how often would these policies miss with so many frames? Every trace is read once and replayed on all cores.

import { Argument, Command, Option } from 'commander';
import { pagingDevices, type SimulationCounts } from '../src/lab/index.ts';
import { formatCount, formatCountOf, formatShare, type ReplayedTrace, type SimulationResult } from '../src/report/index.ts';
import { DenseTrace } from './dense-trace.ts';
import { ExitCode } from './exit-code.ts';
import { barOf, LiveLine } from './live-line.ts';
import { OutputFile } from './output-file.ts';
import { addReportOptions, pageFactsOf, ReportOutput } from './report-output.ts';
import { defaultSizes, type SimFlags, type SimPlan, simForms, simPlan, warmupOf } from './sim-options.ts';
import { addQuestionOptions, answersOf } from './sim-questions.ts';
import { pictureWriter, type ResultWriter, writerFor } from './sim-writers.ts';
import { lruCurveOf, type SimulationJob } from './simulation-job.ts';
import { SimulationPool } from './simulation-pool.ts';
import type { Terminal } from './terminal.ts';
import { addTraceOptions, changesOf, traceSource } from './trace-options.ts';

const examples = `
Frames are counted, or written as a size: 64, 256..4096 (doubling), 1000..9000/5 (five sizes, evenly), 16MiB.

Examples:
  $ quire sim trace.lackey.gz --policy fifo,lru,clock,belady --frames 64,256..4096
  $ quire sim a.csv b.csv --format csv --policy all --frames 1MiB..64MiB -o misses.csv
  $ quire sim trace.txt --warmup 10% --json
  $ quire sim trace.txt --mrc --policy arc,belady -o curves.html
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
    .option('--mrc', "misses as a function of frames: LRU's for every size, other policies' at --frames")
    .option('--exact', "with --mrc: LRU's misses are counted, not estimated, however many pages there are")
    .option('--svg <path>', 'with --mrc: also write the curves as a picture');
  return addTraceOptions(addQuestionOptions(addReportOptions(command, simForms)))
    .addHelpText('after', examples)
    .action((paths: string[], flags: SimFlags) => run(sim(paths, flags, terminal, command)));
}

async function sim(paths: readonly string[], flags: SimFlags, terminal: Terminal, command: Command): Promise<number> {
  const plan = simPlan(flags, paths.length);
  const sources = paths.map((path) => traceSource(path, flags));
  const output = new ReportOutput(flags, terminal);
  const picture = flags.svg === undefined ? undefined : new OutputFile(flags.svg, '--svg');
  const title = `${plan.question === 'curves' ? 'Misses by size of memory' : 'Page replacement'}: ${paths.join(', ')}`;
  const writer = pictureWriter(
    picture,
    writerFor(plan, output, () => pageFactsOf(command, title)),
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
        await simulate(trace, plan, changesOf(flags)).run(pool, writer, line);
        trace.refuseDefect();
      } finally {
        trace.close();
      }
    }
    return ExitCode.fine;
  } finally {
    line.hide();
    try {
      // After a failure this ends what came before it: those results are as good as ever.
      writer.end();
    } finally {
      output.close();
      picture?.discard();
      await pool.close();
    }
  }
}

/** Prepares the simulation of a trace. Where only a part of it could be read, that is the reason for what that part is too short for. */
function simulate(trace: DenseTrace, plan: SimPlan, changes: readonly string[]): TraceSimulation {
  try {
    return new TraceSimulation(trace, plan, changes);
  } catch (error) {
    trace.refuseDefect();
    throw error;
  }
}

/** Shows how far the simulations of a trace are. */
interface SimulationProgress {
  readonly done: () => void;
  readonly replayed: (references: number) => void;
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
    const pageBytes = 2 ** plan.choice.pageShift;
    this.#facts = { name: trace.name, references, writes, pages, pageBytes, changes, ...(trace.partial && { partial: trace.partial }) };
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
    const { question, curveShare, device } = this.#plan;
    const passed: SimulationResult[] = [];
    const progress = this.#progress(line, question);
    const simulated = this.#simulate(pool, progress, (result) => {
      line.hide();
      writer.result(result);
      passed.push(result);
    });
    const curved = question === 'curves' ? lruCurveOf(this.#trace.content, this.#warmup, curveShare, progress.replayed) : undefined;
    const [curve] = await Promise.all([curved, simulated]);
    line.hide();
    const common = { trace: this.#facts, results: passed, warmup: this.#warmup };
    if (curve === undefined) writer.counts({ ...common, device });
    else writer.curves({ ...common, ...curve, sizes: this.#sizes });
  }

  async #simulate(pool: SimulationPool, progress: SimulationProgress, pass: (result: SimulationResult) => void): Promise<void> {
    const found = this.#jobs.map(({ sizes }): (SimulationResult | undefined)[] => sizes.map(() => undefined));
    const order = found.flatMap((each, job) => each.map((_, size) => [job, size] as const));
    let next = 0;
    const result = (job: number, size: number, counts: SimulationCounts): void => {
      const { policy, sizes } = this.#jobs[job] as SimulationJob;
      (found[job] as (SimulationResult | undefined)[])[size] = {
        trace: this.#trace.name,
        policy,
        frames: sizes[size] as number,
        ...counts,
      };
      progress.done();
      for (; next < order.length; next++) {
        const [nextJob, nextSize] = order[next] as readonly [number, number];
        const known = found[nextJob]?.[nextSize];
        if (known === undefined) break;
        pass(known);
      }
    };
    await pool.run(this.#jobs, this.#trace.content, { result, replayed: progress.replayed });
  }

  /** A bar of what has been replayed of all that is to be. */
  #progress(line: LiveLine, question: SimPlan['question']): SimulationProgress {
    const simulations = this.#jobs.reduce((sum, { sizes }) => sum + sizes.length, 0);
    const all = (simulations + (question === 'curves' ? 1 : 0)) * this.#trace.content.references;
    let done = 0;
    let replayed = 0;
    const show = (): void =>
      line.update((seconds) => {
        // What threads did not tell of a simulation is known when it is done.
        const share = Math.min(1, Math.max(replayed, done * this.#trace.content.references) / all);
        const count = `${formatCount(done)} of ${formatCountOf(simulations, 'simulation')}`;
        return `${seconds.toFixed(1)} s   ${this.#trace.name} ${barOf(share)} ${formatShare(share, 1)}   ${count}`;
      });
    return {
      done: () => {
        done++;
        show();
      },
      replayed: (references) => {
        replayed += references;
        show();
      },
    };
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
