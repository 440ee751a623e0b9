// `quire run`: a program on Quire's memory. The guest owns the standard streams and the exit code; Quire speaks on stderr or in files.

import { Argument, Command, Option } from 'commander';
import { formatRunReport, htmlPage, type PageFacts, type RunReport, runReportParts } from '../src/report/index.ts';
import {
  classLimitNames,
  findPolicy,
  frameAllocatorNames,
  kernelHeapNames,
  kernelMapChoices,
  largePageChoices,
  pageTableNames,
  policyNames,
  rangeMapNames,
  systemNames,
} from '../src/systems/index.ts';
import { DumpFile } from './dump-file.ts';
import { EventsFile } from './events-file.ts';
import { ExitCode } from './exit-code.ts';
import { interruptible } from './interruptible.ts';
import { OutputFile, reasonOf } from './output-file.ts';
import { ProgressLine } from './progress.ts';
import { formOfEnding, pageFactsOf } from './report-output.ts';
import { type RunFlags, runOptions } from './run-options.ts';
import type { RunOptions, RunProgram, RunProgress } from './run-program.ts';
import { FILE_COLUMNS, type Output, type Terminal } from './terminal.ts';

const silent: RunProgress = { update: () => undefined, hide: () => undefined };

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

const examples = `
Examples:
  $ quire run --ram 1MiB programs/qsort.wasm 500000
  $ quire run --ram 8MiB --policy fifo --report json --report-file run.json prog.wasm
  $ quire run --dir /data=./data --env LANG=C prog.wasm /data/input.txt`;

/** Makes the command; `finish` gets its exit code. */
export function runCommand(terminal: Terminal, runProgram: RunProgram, finish: (exitCode: number) => void): Command {
  const command = new Command('run')
    .summary('run a WebAssembly program in so much RAM')
    .description(
      'Runs a WebAssembly (WASI) program. Every load and store goes through an MMU, page tables, a page-fault handler and swap, ' +
        'inside the RAM you give it. Then a report says what happened. Sizes are written as 4096, 64KiB, 16MiB, 1GiB.',
    )
    .addArgument(new Argument('<program.wasm>', 'the program'))
    .addArgument(new Argument('[args...]', "the program's own arguments"))
    .option('--ram <size>', 'RAM, with the kernel in it; default: 16MiB, or what the memory map has')
    .option('--memory-map <file>', 'which RAM is usable: JSON, the text of /proc/iomem, or a boot log of Linux with e820 lines')
    .option('--swap <size>', 'swap space, or none', '256MiB')
    .option('--swap-file <path>', 'a swap file: PATH, or PATH,size=64MiB,priority=1 (repeatable; default: a temporary file)', collect)
    .addOption(
      // Not by `choices`: a policy that exists but cannot run live is refused with the reason.
      new Option('--policy <name>', `which page goes when RAM is full: ${policyNames.join(', ')}`)
        .argParser((name) => findPolicy(name).name)
        .default(policyNames[0]),
    )
    .addOption(new Option('--frames <name>', 'how free frames are kept').choices(frameAllocatorNames).default(frameAllocatorNames[0]))
    .addOption(new Option('--page-table <name>', "the page table's format").choices(pageTableNames).default(pageTableNames[0]))
    .addOption(
      new Option('--large-pages <when>', 'promote: full page tables of frames in a row become large pages')
        .choices(largePageChoices)
        .default(largePageChoices[0]),
    )
    .option('--tlb <list>', "TLBs to send the program's references through: ENTRIES:WAYS[:REPLACEMENT], or names of processors")
    .addOption(new Option('--ranges <name>', 'what keeps the areas of a space').choices(rangeMapNames).default(rangeMapNames[0]))
    .addOption(
      new Option('--kernel-heap <name>', 'where the kernel keeps its records').choices(kernelHeapNames).default(kernelHeapNames[0]),
    )
    .addOption(
      new Option('--kernel-map <name>', 'by which addresses the kernel reaches frames')
        .choices(kernelMapChoices)
        .default(kernelMapChoices[0]),
    )
    .addOption(new Option('--system <name>', 'the memory manager').choices(systemNames).default(systemNames[0]))
    .addOption(new Option('--class-limits <name>', 'limits by class of page').choices(classLimitNames).default(classLimitNames[0]))
    .option(
      '--swap-read-ahead <pages>',
      'pages that come from swap with a missing one: adaptive, off, or at most so many (default: by system)',
    )
    .addOption(new Option('--mmu <state>', 'off: plain WebAssembly memory, to compare with').choices(['on', 'off']).default('on'))
    .option('--dir <guest=host>', 'let the program use a directory (repeatable)', collect)
    .option('--env <name=value>', 'set a variable, or pass one on by its name (repeatable)', collect)
    .option('--argv0 <name>', "the program's name for itself")
    .option('--deterministic', 'clocks and random numbers repeat, by the seed')
    .option('--seed <number>', 'the seed of everything random', '1')
    .option('--code-cache <folder>', "where rewritten programs are kept for later runs, or off; default: the user's folder of caches")
    .option('--events <file>', 'write every event of the kernel, one JSON object per line')
    .option('--save-dump <file>', 'write all of RAM as it is at the end, for quire walk')
    .addOption(
      new Option('--report <form>', 'the report (default: as the ending of its file says, or text)').choices([
        'text',
        'json',
        'html',
        'none',
      ]),
    )
    .option('--report-file <file>', 'write the report there instead of to stderr')
    .option('--quiet', 'no progress line, and no report unless asked for')
    .addHelpText('after', examples)
    .passThroughOptions();
  return command.action((program: string, args: string[], flags: RunFlags) => {
    const options = runOptions(program, args, flags, terminal.environment);
    const page = (name: string): PageFacts => pageFactsOf(command, `A run of ${name}`);
    finish(new Run(options, flags, terminal, page).perform(runProgram));
  });
}

/** One run with the files it writes. */
class Run {
  readonly #options: RunOptions;
  readonly #flags: RunFlags;
  readonly #terminal: Terminal;
  readonly #page: (program: string) => PageFacts;
  readonly #reportFile: OutputFile | undefined;
  readonly #events: EventsFile | undefined;
  readonly #dump: DumpFile | undefined;

  constructor(options: RunOptions, flags: RunFlags, terminal: Terminal, page: (program: string) => PageFacts) {
    this.#page = page;
    this.#options = options;
    this.#flags = flags;
    this.#terminal = terminal;
    this.#reportFile = flags.reportFile === undefined ? undefined : new OutputFile(flags.reportFile, '--report-file');
    try {
      this.#events = flags.events === undefined ? undefined : new EventsFile(new OutputFile(flags.events, '--events'));
      this.#dump = flags.saveDump === undefined ? undefined : new DumpFile(flags.saveDump);
    } catch (error) {
      this.#events?.discard();
      this.#reportFile?.discard();
      throw error;
    }
  }

  /** Runs, reports, and returns the exit code. */
  perform(runProgram: RunProgram): number {
    const report = this.#report(runProgram);
    const complaints = [this.#dump?.complaint, this.#events?.close(), this.#writeReport(this.#dump?.noted(report) ?? report)].filter(
      (sentence) => sentence !== undefined,
    );
    for (const sentence of complaints) this.#terminal.err.write(`quire: ${sentence}\n`);
    return report.exitCode === 0 && complaints.length > 0 ? ExitCode.usage : report.exitCode;
  }

  #report(runProgram: RunProgram): RunReport {
    const { err } = this.#terminal;
    const progress = this.#flags.quiet ? silent : new ProgressLine(err, () => performance.now());
    try {
      return runProgram(this.#options, {
        interruptible,
        progress,
        ...(this.#events && { events: this.#events.reader }),
        ...(this.#dump && { inspect: this.#dump.save }),
      });
    } catch (error) {
      this.#events?.discard();
      this.#dump?.discard();
      this.#reportFile?.discard();
      throw error;
    } finally {
      progress.hide();
    }
  }

  #form(): 'text' | 'json' | 'html' | 'none' {
    const { report, quiet, reportFile } = this.#flags;
    if (report !== undefined) return report;
    const ending = reportFile === undefined ? undefined : formOfEnding(reportFile);
    if (ending === 'json' || ending === 'html') return ending;
    return quiet && reportFile === undefined ? 'none' : 'text';
  }

  // Returns a sentence if the report could not be written.
  #writeReport(report: RunReport): string | undefined {
    const form = this.#form();
    try {
      const file = this.#reportFile;
      if (form === 'html') (file ?? this.#terminal.err).write(htmlPage(this.#page(report.program), runReportParts(report)));
      else if (form !== 'none') (file ?? this.#terminal.err).write(reportText(report, form, file ? undefined : this.#terminal.err));
      file?.close();
    } catch (error) {
      return `--report-file ${this.#reportFile?.path}: cannot be written: ${reasonOf(error)}`;
    }
    return undefined;
  }
}

function reportText(report: RunReport, form: 'text' | 'json', output: Output | undefined): string {
  if (form === 'json') return `${JSON.stringify(report, null, 2)}\n`;
  return formatRunReport(report, { width: output?.columns ?? FILE_COLUMNS, color: output?.color ?? 'none' });
}
