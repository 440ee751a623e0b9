// `quire record`: the page references of a real program, every one, for `quire sim` and others; or with --heap its calls of malloc and its
// family, for `quire heap`. The guest owns the standard streams and the exit code, as in `quire run`.

import { Argument, Command, Option } from 'commander';
import { UsageError } from '../src/base/index.ts';
import { formatCountOf, type RunReport } from '../src/report/index.ts';
import { mallocTraceText } from '../src/trace/index.ts';
import { type HeapCall, heapCallNames } from '../src/wasm/index.ts';
import { ExitCode } from './exit-code.ts';
import { HeapRecorder } from './heap-recorder.ts';
import { interruptible } from './interruptible.ts';
import { OutputFile } from './output-file.ts';
import { ProgressLine } from './progress.ts';
import { ReferenceRecorder } from './reference-recorder.ts';
import { type RunFlags, runOptions, usualMachine } from './run-options.ts';
import type { RunOptions, RunProgram } from './run-program.ts';
import type { Terminal } from './terminal.ts';
import { pageChoice } from './trace-options.ts';
import { traceWriter, type WrittenFormat, writtenFormats } from './trace-writer.ts';

type GuestFlags = Pick<RunFlags, 'ram' | 'swap' | 'dir' | 'env' | 'argv0' | 'deterministic' | 'seed'>;

interface RecordFlags extends GuestFlags {
  readonly output: string;
  readonly heap?: true;
  readonly functions?: string;
  readonly to: WrittenFormat | 'rep';
  readonly pageSize: string;
  readonly collapse: 'none' | 'pages' | 'kinds';
}

const examples = `
Examples:
  $ quire record -o qsort.quire programs/qsort.wasm 20000
  $ quire record -o pages.txt --to numbers --collapse pages prog.wasm
  $ quire record --heap -o heap.quire programs/bintrees.wasm 12
  $ quire sim qsort.quire --policy fifo,clock,belady`;

const DEFAULT_PAGE_SIZE = '4KiB';

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Makes the command; `finish` gets its exit code. */
export function recordCommand(terminal: Terminal, runProgram: RunProgram, finish: (exitCode: number) => void): Command {
  return new Command('record')
    .summary('run a WebAssembly program and write down its page references, or its heap calls')
    .description(
      'Runs a WebAssembly (WASI) program and writes every page that its loads and stores refer to, in order. The references do not depend ' +
        'on the memory it runs in. WebAssembly has no addresses of instructions, so there are no fetches among them. With --heap, its calls ' +
        'of malloc, calloc, realloc, aligned_alloc, memalign, posix_memalign and free instead, found by their names.',
    )
    .addArgument(new Argument('<program.wasm>', 'the program'))
    .addArgument(new Argument('[args...]', "the program's own arguments"))
    .requiredOption('-o, --output <path>', 'the trace to write')
    .option('--heap', 'a malloc trace')
    .option('--functions <names>', 'of a program without names: which functions they are, as in malloc=8,free=9')
    .addOption(
      new Option('--to <format>', 'what to write; rep: a malloc trace as malloclab has it')
        .choices([...writtenFormats, 'rep'])
        .default('quire'),
    )
    .option('--page-size <size>', 'bytes of a page, a power of two', DEFAULT_PAGE_SIZE)
    .addOption(
      new Option('--collapse <repeats>', 'drop repeats of a page, or of a page and kind; changes the counts of some policies')
        .choices(['none', 'pages', 'kinds'])
        .default('none'),
    )
    .option('--ram <size>', 'RAM to run in', '256MiB')
    .option('--swap <size>', 'swap space, or none', '256MiB')
    .option('--dir <guest=host>', 'let the program use a directory (repeatable)', collect)
    .option('--env <name=value>', 'set a variable, or pass one on by its name (repeatable)', collect)
    .option('--argv0 <name>', "the program's name for itself")
    .option('--deterministic', 'clocks and random numbers repeat, by the seed')
    .option('--seed <number>', 'the seed of everything random', '1')
    .addHelpText('after', examples)
    .passThroughOptions()
    .action((program: string, args: string[], flags: RecordFlags) => {
      const options = runOptions(program, args, { ...usualMachine(), ...guestFlags(flags) }, terminal.environment);
      finish(flags.heap ? recordHeap(options, flags, terminal, runProgram) : record(options, flags, terminal, runProgram));
    });
}

function record(options: RunOptions, flags: RecordFlags, terminal: Terminal, runProgram: RunProgram): number {
  if (flags.to === 'rep') throw new UsageError('--to rep: that is a malloc trace; give --heap');
  if (flags.functions !== undefined) throw new UsageError('--functions: they are of the heap; give --heap');
  const choice = pageChoice({ pageSize: flags.pageSize, kinds: 'all', crossing: 'split', collapse: flags.collapse });
  const output = new OutputFile(flags.output, '--output');
  const progress = new ProgressLine(terminal.err, () => performance.now());
  try {
    const recorder = new ReferenceRecorder(choice, traceWriter(flags.to, choice.pageShift, output));
    const report = runProgram(options, { interruptible, progress, record: recorder.record });
    progress.hide();
    recorder.end();
    output.close();
    terminal.err.write(sentence(report, recorder, flags.output));
    return report.exitCode;
  } finally {
    progress.hide();
    output.abandon();
  }
}

function recordHeap(options: RunOptions, flags: RecordFlags, terminal: Terminal, runProgram: RunProgram): number {
  if (flags.to === 'numbers') throw new UsageError('--to numbers: those are pages; a malloc trace is written as quire or rep');
  if (flags.collapse !== 'none' || flags.pageSize !== DEFAULT_PAGE_SIZE) {
    throw new UsageError('--heap: a malloc trace has no pages; --page-size and --collapse are for page references');
  }
  const heapCalls = flags.functions === undefined ? undefined : parseFunctions(flags.functions);
  const output = new OutputFile(flags.output, '--output');
  const progress = new ProgressLine(terminal.err, () => performance.now());
  try {
    const recorder = new HeapRecorder();
    const report = runProgram(options, { interruptible, progress, recordHeap: recorder.observer, ...(heapCalls && { heapCalls }) });
    progress.hide();
    for (const piece of mallocTraceText(recorder.trace(options.program), flags.to === 'rep' ? 'rep' : 'quire')) output.writeOrRefuse(piece);
    output.close();
    terminal.err.write(heapSentence(report, recorder, flags.output));
    return report.exitCode;
  } finally {
    progress.hide();
    output.abandon();
  }
}

function parseFunctions(text: string): HeapCall[] {
  const calls = text.split(',').map((each): HeapCall => {
    const [, word, index] = /^(\w+)=(\d{1,9})$/.exec(each.trim()) ?? [];
    const name = heapCallNames.find((known) => known === word);
    if (name === undefined) throw new UsageError(`--functions: '${each}' is not one of ${heapCallNames.join(', ')} with = and an index`);
    return { name, functionIndex: Number(index) };
  });
  const twice = calls.find((call, at) =>
    calls.some((other, i) => i < at && (other.name === call.name || other.functionIndex === call.functionIndex)),
  );
  if (twice !== undefined) throw new UsageError(`--functions: ${twice.name}=${twice.functionIndex} is there twice`);
  return calls;
}

function heapSentence(report: RunReport, { operations, failed, unseen }: HeapRecorder, path: string): string {
  const counts = `${formatCountOf(operations, 'heap operation')} in ${path}`;
  const left = [
    ...(failed > 0 ? [`${formatCountOf(failed, 'call')} that gave nothing left out`] : []),
    ...(unseen > 0 ? [`${formatCountOf(unseen, 'call')} of functions without a name guessed or left out`] : []),
  ];
  return ending(report, [counts, ...left].join('; '));
}

/** What happened, in a line. A program that did not end by itself left a trace as good as any, up to there. */
function sentence(report: RunReport, { references, written }: ReferenceRecorder, path: string): string {
  const counts = `${formatCountOf(references, 'load or store', 'loads and stores')}, ${formatCountOf(written, 'page reference')} in ${path}`;
  return ending(report, counts);
}

function ending({ ended, exitCode }: RunReport, counts: string): string {
  if (exitCode === ExitCode.interrupted && ended?.how === 'interrupt') return `interrupted: ${counts}\n`;
  return ended === undefined || ended.how === 'exit' ? `${counts}\n` : `${counts}; the program was stopped: ${ended.reason ?? ended.how}\n`;
}

function guestFlags({ ram, swap, dir, env, argv0, deterministic, seed }: RecordFlags): GuestFlags {
  return {
    ...(ram !== undefined && { ram }),
    swap,
    seed,
    ...(dir && { dir }),
    ...(env && { env }),
    ...(argv0 !== undefined && { argv0 }),
    ...(deterministic && { deterministic }),
  };
}
