// `quire record`: the page references of a real program, every one, for `quire sim` and others. The guest owns the standard streams
// and the exit code, as in `quire run`.

import { Argument, Command, Option } from 'commander';
import { formatCountOf, type RunReport } from '../src/report/index.ts';
import { classLimitNames, frameAllocatorNames, pageTableNames, policyNames, systemNames } from '../src/systems/index.ts';
import { ExitCode } from './exit-code.ts';
import { interruptible } from './interruptible.ts';
import { OutputFile } from './output-file.ts';
import { ProgressLine } from './progress.ts';
import { ReferenceRecorder } from './reference-recorder.ts';
import { type RunFlags, runOptions } from './run-options.ts';
import type { RunOptions, RunProgram } from './run-program.ts';
import type { Terminal } from './terminal.ts';
import { pageChoice } from './trace-options.ts';
import { traceWriter, type WrittenFormat, writtenFormats } from './trace-writer.ts';

type GuestFlags = Pick<RunFlags, 'ram' | 'swap' | 'dir' | 'env' | 'argv0' | 'deterministic' | 'seed'>;

interface RecordFlags extends GuestFlags {
  readonly output: string;
  readonly to: WrittenFormat;
  readonly pageSize: string;
  readonly collapse: 'none' | 'pages' | 'kinds';
}

const examples = `
Examples:
  $ quire record -o qsort.quire programs/qsort.wasm 20000
  $ quire record -o pages.txt --to numbers --collapse pages prog.wasm
  $ quire sim qsort.quire --policy fifo,clock,belady`;

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Makes the command; `finish` gets its exit code. */
export function recordCommand(terminal: Terminal, runProgram: RunProgram, finish: (exitCode: number) => void): Command {
  return new Command('record')
    .summary('run a WebAssembly program and write down its page references')
    .description(
      'Runs a WebAssembly (WASI) program and writes every page that its loads and stores refer to, in order. The references do not depend ' +
        'on the memory it runs in. WebAssembly has no addresses of instructions, so there are no fetches among them.',
    )
    .addArgument(new Argument('<program.wasm>', 'the program'))
    .addArgument(new Argument('[args...]', "the program's own arguments"))
    .requiredOption('-o, --output <path>', 'the trace to write')
    .addOption(new Option('--to <format>', 'what to write').choices(writtenFormats).default('quire'))
    .option('--page-size <size>', 'bytes of a page, a power of two', '4KiB')
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
      const options = runOptions(program, args, { ...defaults(), ...guestFlags(flags) }, terminal.environment);
      finish(record(options, flags, terminal, runProgram));
    });
}

function record(options: RunOptions, flags: RecordFlags, terminal: Terminal, runProgram: RunProgram): number {
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

/** What happened, in a line. A program that did not end by itself left a trace as good as any, up to there. */
function sentence({ ended, exitCode }: RunReport, { references, written }: ReferenceRecorder, path: string): string {
  const counts = `${formatCountOf(references, 'load or store', 'loads and stores')}, ${formatCountOf(written, 'page reference')} in ${path}`;
  if (exitCode === ExitCode.interrupted && ended?.how === 'interrupt') return `interrupted: ${counts}\n`;
  return ended === undefined || ended.how === 'exit' ? `${counts}\n` : `${counts}; the program was stopped: ${ended.reason ?? ended.how}\n`;
}

/** The settings of a run that do not matter to references. */
function defaults(): Omit<RunFlags, keyof GuestFlags> {
  const [policy, frames, pageTable, system, classLimits] = [
    policyNames[0],
    frameAllocatorNames[0],
    pageTableNames[0],
    systemNames[0],
    classLimitNames[0],
  ] as [string, string, string, string, string];
  return { policy, frames, pageTable, system, classLimits, mmu: 'on' };
}

function guestFlags({ ram, swap, dir, env, argv0, deterministic, seed }: RecordFlags): GuestFlags {
  return {
    ram,
    swap,
    seed,
    ...(dir && { dir }),
    ...(env && { env }),
    ...(argv0 !== undefined && { argv0 }),
    ...(deterministic && { deterministic }),
  };
}
