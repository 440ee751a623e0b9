// `quire heap test`: a correctness run of one allocator, Quire's or anyone's.

import { Argument, Command, Option } from 'commander';
import { UsageError } from '../src/base/index.ts';
import { type CheckFinding, type Emulated, firstOperations, heapChecks, profileHeap, type SubjectKind } from '../src/lab/index.ts';
import { formatHeapTest, type HeapTestReport, heapTestData, isCorrect, scriptLines } from '../src/report/index.ts';
import { type MallocTrace, mallocTraceText } from '../src/trace/index.ts';
import { parseByteSize } from './byte-size.ts';
import { ExitCode } from './exit-code.ts';
import { type GuestAnswer, type GuestSetting, type JudgeWork, runChecks } from './guest-job.ts';
import { onGuestThread } from './guest-thread.ts';
import { judgeGuest } from './heap-guests.ts';
import { type Contestant, contestants } from './heap-subjects.ts';
import { LiveLine } from './live-line.ts';
import { readMallocTrace } from './malloc-trace-source.ts';
import { OutputFile } from './output-file.ts';
import { parseSeed } from './run-options.ts';
import type { Terminal } from './terminal.ts';
import { parseCount } from './trace-options.ts';

interface HeapTestFlags {
  readonly seed: string;
  readonly scripts: string;
  readonly alignment: '8' | '16';
  readonly limit: string;
  readonly patience: string;
  readonly script?: string;
  readonly save?: string;
  readonly json?: true;
}

const MOST_SCRIPTS = 100_000;
const MOST_SECONDS = 600;

const help = `
Your own allocator is a WebAssembly module that exports malloc, free and its memory, or a JavaScript module; see docs/heap.md.

Examples:
  $ quire heap test ./mine.wasm
  $ quire heap test programs/allocator-wrong.wasm --save fails.rep
  $ quire heap test programs/allocator-wrong.wasm --script fails.rep
  $ quire heap test tlsf --seed 7 --scripts 2000`;

/** Makes the command. @param run takes the work, which ends with an exit code */
export function heapTestCommand(terminal: Terminal, run: (work: Promise<number>) => void): Command {
  return new Command('test')
    .summary('is this allocator right?')
    .description(
      'Runs every check on an allocator: edge cases, exhaustion, random scripts. A script that finds something is made small and shown.',
    )
    .addArgument(new Argument('<allocator>', "one of Quire's by name, or a path: ./mine.wasm, ./mine.js"))
    .option('--seed <number>', 'of the random scripts', '1')
    .option('--scripts <n>', 'random scripts of each kind', '200')
    .addOption(new Option('--alignment <bytes>', 'that every block must have').choices(['8', '16']).default('8'))
    .option('--limit <size>', 'what a heap may take, where that can be said', '4MiB')
    .option('--patience <seconds>', 'a call that takes longer is given up', '2')
    .option('--script <file>', 'run this script instead of everything: any malloc trace')
    .option('--save <file>', 'write the first script that finds something there')
    .option('--json', 'as one JSON object')
    .addHelpText('after', help)
    .action((name: string, flags: HeapTestFlags) => run(test(name, flags, terminal)));
}

/** What was asked for, checked. */
interface TestPlan {
  readonly seed: number;
  readonly scripts: number;
  readonly alignment: 8 | 16;
  readonly limitBytes: number;
  readonly patienceMilliseconds: number;
}

async function test(name: string, flags: HeapTestFlags, terminal: Terminal): Promise<number> {
  const plan = planOf(flags);
  const [contestant, second] = contestants(name, { limitBytes: plan.limitBytes, alignment: plan.alignment });
  if (contestant === undefined || second !== undefined) throw new UsageError(`${name}: one allocator at a time`);
  if (flags.script !== undefined) return testScript(contestant, flags.script, plan, flags, terminal);
  const saved = flags.save === undefined ? undefined : new OutputFile(flags.save, '--save');
  const line = new LiveLine(terminal.err, () => performance.now());
  try {
    const tell = (check: string): void => line.update((seconds) => `${seconds.toFixed(1)} s   ${check}`);
    const report = contestant.guest === undefined ? testOwn(contestant.kind, plan, tell) : await testGuest(contestant.guest, plan, tell);
    line.hide();
    terminal.out.write(flags.json ? `${JSON.stringify(heapTestData(report), null, 2)}\n` : formatHeapTest(report));
    if (saved !== undefined) save(report, saved, terminal);
    return isCorrect(report) ? ExitCode.fine : ExitCode.allocatorFailed;
  } finally {
    line.hide();
    saved?.discard();
  }
}

function planOf(flags: HeapTestFlags): TestPlan {
  const scripts = parseCount(flags.scripts, '--scripts', 0);
  if (scripts > MOST_SCRIPTS) throw new UsageError(`--scripts ${flags.scripts}: more than ${MOST_SCRIPTS}`);
  const seconds = /^\d*\.?\d+$/.test(flags.patience) ? Number(flags.patience) : Number.NaN;
  if (!(seconds > 0 && seconds <= MOST_SECONDS))
    throw new UsageError(`--patience ${flags.patience}: not a number of seconds up to ${MOST_SECONDS}`);
  const limitBytes = parseByteSize(flags.limit, '--limit');
  if (limitBytes < 65_536 || limitBytes > 2 ** 30) throw new UsageError(`--limit ${flags.limit}: not 64 KiB to 1 GiB`);
  return {
    seed: parseSeed(flags.seed),
    scripts,
    alignment: flags.alignment === '16' ? 16 : 8,
    limitBytes,
    patienceMilliseconds: 1000 * seconds,
  };
}

/** What has been heard of a run so far. */
class Hearing {
  readonly #plan: TestPlan;
  readonly #allocator: string;
  readonly #tell: (check: string) => void;
  readonly #findings: (CheckFinding | undefined)[] = [];
  #emulated: readonly Emulated[] = [];
  #capacityBytes = -1;
  /** Of the check that runs. */
  #script: MallocTrace | undefined;
  #found: CheckFinding | undefined;

  constructor(allocator: string, plan: TestPlan, tell: (check: string) => void) {
    this.#allocator = allocator;
    this.#plan = plan;
    this.#tell = tell;
  }

  /** The number of the check that runs, or is next. */
  get check(): number {
    return this.#findings.length;
  }

  /** Whether the allocator has started at all. */
  get hasStarted(): boolean {
    return this.#capacityBytes >= 0;
  }

  readonly take = (answer: GuestAnswer): void => {
    if (answer.kind === 'started') {
      this.#emulated = answer.emulated;
      this.#capacityBytes = answer.capacityBytes;
    } else if (answer.kind === 'news') {
      if (answer.news.kind === 'script') this.#script = answer.news.script;
      else this.#found = answer.news.finding;
    } else if (answer.kind === 'checked') this.#enter(answer.finding);
    this.#tell(heapChecks[this.check]?.name ?? '');
  };

  /** The check that runs did not end by itself. */
  fail(what: string, operation: number): void {
    const script = this.#script === undefined ? {} : { script: firstOperations(this.#script, Math.max(1, operation)) };
    this.#enter(this.#found ?? { what, call: 'lost', ...script });
  }

  report(failedStart?: string): HeapTestReport {
    const { seed, scripts } = this.#plan;
    return {
      allocator: this.#allocator,
      seed,
      scripts,
      emulated: this.#emulated,
      capacityBytes: this.#capacityBytes,
      failedStart,
      checks: failedStart === undefined ? heapChecks.map((check, at) => ({ check, finding: this.#findings[at] })) : [],
    };
  }

  #enter(finding: CheckFinding | undefined): void {
    this.#findings.push(finding);
    this.#script = undefined;
    this.#found = undefined;
  }
}

function testOwn(kind: SubjectKind, plan: TestPlan, tell: (check: string) => void): HeapTestReport {
  const hearing = new Hearing(kind.name, plan, tell);
  const make = () => kind.make({ alignment: plan.alignment, backing: 'array', limitBytes: plan.limitBytes });
  runChecks({ kind: 'checks', seed: plan.seed, scripts: plan.scripts, from: 0 }, make, hearing.take);
  return hearing.report();
}

/** A thread that has to be ended takes one check with it; the others go on, on a new one. */
async function testGuest(guest: GuestSetting, plan: TestPlan, tell: (check: string) => void): Promise<HeapTestReport> {
  const hearing = new Hearing(guest.path, plan, tell);
  while (hearing.check < heapChecks.length) {
    const work = { kind: 'checks', seed: plan.seed, scripts: plan.scripts, from: hearing.check } as const;
    const end = await onGuestThread(guest, work, plan.patienceMilliseconds, hearing.take);
    if (end.how === 'done') break;
    if (!hearing.hasStarted) return hearing.report(end.what);
    hearing.fail(end.what, end.operation);
  }
  return hearing.report();
}

function save({ checks }: HeapTestReport, file: OutputFile, terminal: Terminal): void {
  const found = checks.find(({ finding }) => finding?.script !== undefined);
  if (found?.finding?.script === undefined) {
    terminal.err.write(`${file.path} is not written: no script has found anything\n`);
    return;
  }
  for (const piece of mallocTraceText(found.finding.script, file.path.toLowerCase().endsWith('.rep') ? 'rep' : 'quire'))
    file.writeOrRefuse(piece);
  file.close();
  terminal.err.write(`the script of '${found.check.name}' is in ${file.path}\n`);
}

/** Runs one script and tells what is wrong first. */
async function testScript(contestant: Contestant, path: string, plan: TestPlan, flags: HeapTestFlags, terminal: Terminal): Promise<number> {
  if (flags.save !== undefined) throw new UsageError('--script and --save: the script is there already');
  const trace = await readMallocTrace(path, undefined);
  const { kind, guest, name } = contestant;
  const work = { trace, contents: 'whole', points: 2, milliseconds: 0, mostMilliseconds: plan.patienceMilliseconds } as const;
  const { profile } = guest === undefined ? judgeOwn(kind, work, plan) : await judgeGuest(guest, work);
  const [error] = profile.errors;
  if (flags.json) {
    terminal.out.write(`${JSON.stringify({ allocator: name, script: path, operations: trace.length, errors: profile.errors }, null, 2)}\n`);
  } else if (error === undefined) terminal.out.write(`${name}: ${path} finds nothing\n`);
  else {
    const upTo = firstOperations(trace, Math.min(trace.length, error.operation + 1));
    terminal.out.write(
      `${name}: operation ${error.operation + 1} of ${path}: ${error.what}\n${scriptLines(upTo)
        .map((each) => `  ${each}\n`)
        .join('')}`,
    );
  }
  return error === undefined ? ExitCode.fine : ExitCode.allocatorFailed;
}

function judgeOwn(kind: SubjectKind, { trace, contents, points, mostMilliseconds }: JudgeWork, { alignment, limitBytes }: TestPlan) {
  const subject = kind.make({ alignment, backing: 'array', limitBytes });
  return { profile: profileHeap(trace, subject, { contents, points, mostMilliseconds, now: () => performance.now() }) };
}
