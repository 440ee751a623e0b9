// `quire sim`: how often would these policies miss with so many frames? Every trace is read once and replayed on all cores.

import { Argument, Command, Option } from 'commander';
import { type Anomaly, findAnomalies, pagingDevices } from '../src/lab/index.ts';
import { formatCount, formatSimulation, type ReplayedTrace, type SimulationResult, type TraceResults } from '../src/report/index.ts';
import { DenseTrace } from './dense-trace.ts';
import { ExitCode } from './exit-code.ts';
import { LiveLine } from './live-line.ts';
import { OutputFile } from './output-file.ts';
import { defaultSizes, type SimFlags, type SimPlan, simPlan, warmupOf } from './sim-options.ts';
import type { SimulationJob } from './simulation-job.ts';
import { SimulationPool } from './simulation-pool.ts';
import { FILE_COLUMNS, type Terminal } from './terminal.ts';
import { addTraceOptions, changesOf, traceSource } from './trace-options.ts';

const examples = `
Frames are counted, or written as a size: 64, 256..4096 (doubling), 1000..9000/5 (five sizes, evenly), 16MiB.

Examples:
  $ quire sim trace.lackey.gz --policy fifo,lru,clock,belady --frames 64,256..4096
  $ quire sim a.csv b.csv --format csv --policy all --frames 1MiB..64MiB --csv -o misses.csv
  $ quire sim trace.txt --warmup 10% --json`;

/** Makes the command. @param run takes the work, which ends with an exit code */
export function simCommand(terminal: Terminal, run: (work: Promise<number>) => void): Command {
  const command = new Command('sim')
    .summary('replay traces with any replacement policy and any memory')
    .description('Replays traces of page references with replacement policies in memories of different sizes, and counts what misses.')
    .addArgument(new Argument('<traces...>', 'the files; - is the standard input'))
    .option('--policy <names>', 'policies, with commas between, or all', 'fifo,clock,lru')
    .option('--frames <sizes>', 'sizes of memory, with commas between (default: powers of two up to the pages of the trace)')
    .option('--warmup <n>', 'references at the start that are not counted, or a share such as 10%', '0')
    .addOption(
      new Option('--device <name>', 'the device whose time is modelled').choices(pagingDevices.map(({ name }) => name)).default('ssd'),
    )
    .option('--seed <number>', 'the seed of everything random', '1')
    .option('--jobs <n>', 'simulations at once (default: all cores)')
    .option('--json', 'as one JSON object')
    .option('--csv', 'as comma-separated values, one line for each result')
    .option('-o, --output <path>', 'write the results there');
  return addTraceOptions(command)
    .addHelpText('after', examples)
    .action((paths: string[], flags: SimFlags) => run(sim(paths, flags, terminal)));
}

async function sim(paths: readonly string[], flags: SimFlags, terminal: Terminal): Promise<number> {
  const plan = simPlan(flags);
  const sources = paths.map((path) => traceSource(path, flags));
  const output = flags.output === undefined ? undefined : new OutputFile(flags.output, '--output');
  const writer = writerFor(
    plan,
    (text) => (output ? output.writeOrRefuse(text) : terminal.out.write(text)),
    output ? FILE_COLUMNS : terminal.out.columns,
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
    await pool.close();
  }
}

/** Takes results as they come, in their order. */
interface ResultWriter {
  /** The next result of a trace. */
  readonly result: (result: SimulationResult) => void;
  /** A trace is done. */
  readonly trace: (all: TraceResults) => void;
  readonly end: () => void;
}

/** One trace with all its jobs. */
class TraceSimulation {
  readonly #trace: DenseTrace;
  readonly #plan: SimPlan;
  readonly #facts: ReplayedTrace;
  readonly #warmup: number;
  readonly #jobs: readonly SimulationJob[];

  constructor(trace: DenseTrace, plan: SimPlan, changes: readonly string[]) {
    const { references, writes, pages } = trace.content;
    this.#trace = trace;
    this.#plan = plan;
    this.#facts = { name: trace.name, references, writes, pages, pageBytes: 2 ** plan.choice.pageShift, changes };
    this.#warmup = warmupOf(plan.warmup, references, trace.name);
    this.#jobs = jobsOf(plan, plan.sizes ?? defaultSizes(pages), this.#warmup);
  }

  /** Simulates, and passes every result on as soon as those before it are there. */
  async run(pool: SimulationPool, writer: ResultWriter, line: LiveLine): Promise<void> {
    const found: (SimulationResult | undefined)[][] = this.#jobs.map(({ sizes }) => sizes.map(() => undefined));
    const total = found.reduce((sum, each) => sum + each.length, 0);
    const results: SimulationResult[] = [];
    let done = 0;
    let passed = 0;
    const order = found.flatMap((each, job) => each.map((_, size) => [job, size] as const));
    await pool.run(this.#jobs, this.#trace.content, (job, size, counts) => {
      const { policy, sizes } = this.#jobs[job] as SimulationJob;
      (found[job] as (SimulationResult | undefined)[])[size] = {
        trace: this.#trace.name,
        policy,
        frames: sizes[size] as number,
        ...counts,
      };
      done++;
      line.update((seconds) => `${seconds.toFixed(1)} s   ${this.#trace.name}: ${done} of ${total} simulations`);
      for (; passed < total; passed++) {
        const [nextJob, nextSize] = order[passed] as readonly [number, number];
        const next = found[nextJob]?.[nextSize];
        if (next === undefined) break;
        line.hide();
        writer.result(next);
        results.push(next);
      }
    });
    line.hide();
    writer.trace({ trace: this.#facts, results, warmup: this.#warmup, device: this.#plan.device });
  }
}

/** A job for each policy and size; the optimum's sizes share what it knows of the future, so they are one. */
function jobsOf({ policies, seed }: SimPlan, sizes: readonly number[], warmup: number): SimulationJob[] {
  return policies.flatMap((policy) =>
    policy === 'belady' ? [{ policy, sizes, warmup, seed }] : sizes.map((frames) => ({ policy, sizes: [frames], warmup, seed })),
  );
}

function writerFor({ form }: SimPlan, write: (text: string) => void, columns = FILE_COLUMNS): ResultWriter {
  if (form === 'csv') return csvWriter(write);
  if (form === 'json') return jsonWriter(write);
  let isFirst = true;
  return {
    result: () => undefined,
    trace: (all) => {
      write(`${isFirst ? '' : '\n'}${formatSimulation(all, columns)}`);
      isFirst = false;
    },
    end: () => undefined,
  };
}

function csvWriter(write: (text: string) => void): ResultWriter {
  let head = 'trace,policy,frames,references,misses,compulsory,clean_evictions,dirty_evictions\n';
  return {
    result: ({ trace, policy, frames, references, misses, compulsory, evictions: { clean, dirty } }) => {
      write(`${head}${csvText(trace)},${policy},${frames},${references},${misses},${compulsory},${clean},${dirty}\n`);
      head = '';
    },
    trace: () => undefined,
    end: () => undefined,
  };
}

/** Returns a cell as RFC 4180 has it. */
function csvText(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function jsonWriter(write: (text: string) => void): ResultWriter {
  const traces: (Omit<ReplayedTrace, 'name'> & { trace: string; warmup: number })[] = [];
  const results: SimulationResult[] = [];
  const anomalies: (Anomaly & { trace: string; policy: string })[] = [];
  return {
    result: () => undefined,
    trace: (all) => {
      const { name, ...facts } = all.trace;
      traces.push({ trace: name, ...facts, warmup: all.warmup });
      results.push(...all.results);
      anomalies.push(...anomaliesOf(all));
    },
    end: () => {
      if (traces.length > 0) write(`${JSON.stringify({ results, traces, anomalies }, null, 2)}\n`);
    },
  };
}

function anomaliesOf({ trace, results }: TraceResults): (Anomaly & { trace: string; policy: string })[] {
  const sizeOf = ({ frames, misses }: SimulationResult) => ({ frames, misses });
  return [...new Set(results.map(({ policy }) => policy))].flatMap((policy) =>
    findAnomalies(results.filter((result) => result.policy === policy).map(sizeOf)).map((found) => ({
      trace: trace.name,
      policy,
      ...found,
    })),
  );
}
