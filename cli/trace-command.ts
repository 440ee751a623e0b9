// `quire trace`, and of its commands the small ones; trace-info-command.ts and trace-generate-command.ts have the others.
//
// `quire trace convert`: one trace format into another, whole or in part. `quire trace formats`: what can be read.

import { Argument, Command, Option } from 'commander';
import { UsageError } from '../src/base/index.ts';
import { formatCount } from '../src/report/index.ts';
import { PageStream, traceFormats } from '../src/trace/index.ts';
import { DenseTrace } from './dense-trace.ts';
import { ExitCode } from './exit-code.ts';
import { OutputFile, STANDARD_PATH } from './output-file.ts';
import type { Terminal } from './terminal.ts';
import { type FirstLevel, filterTrace, parseFirstLevel } from './trace-filter.ts';
import { traceGenerateCommand } from './trace-generate-command.ts';
import { traceInfoCommand } from './trace-info-command.ts';
import { addTraceOptions, type PageChoice, pageChoice, type TraceFlags, traceSource } from './trace-options.ts';
import { readTrace, type TraceSource } from './trace-source.ts';
import { type TraceWriter, traceWriter, type WrittenFormat, writtenFormats } from './trace-writer.ts';

interface ConvertFlags extends TraceFlags {
  readonly output: string;
  readonly to: WrittenFormat;
  readonly filter?: string;
}

/** Makes the command. @param run takes the work of a subcommand, which ends with an exit code. */
export function traceCommand(terminal: Terminal, run: (work: number | Promise<number>) => void): Command {
  return new Command('trace')
    .summary('look into traces of page references, convert and make them')
    .description(
      'Reads recorded references, in any of the formats that `quire trace formats` lists, compressed (gzip, zstd, zip, brotli) or not.',
    )
    .addCommand(traceInfoCommand(terminal, run))
    .addCommand(convertCommand(terminal, run))
    .addCommand(traceGenerateCommand(terminal, run))
    .addCommand(
      new Command('formats').description('Lists the formats that traces can be in.').action(() => terminal.out.write(formatsText())),
    );
}

function formatsText(): string {
  const width = Math.max(...traceFormats.map((format) => format.name.length));
  const line = ({ name, meaning, unit, detects }: (typeof traceFormats)[number]): string =>
    `  ${name.padEnd(width)}  ${unit.padEnd(5)}  ${detects === undefined ? 'by name   ' : 'recognised'}  ${meaning}\n`;
  return `${traceFormats.map(line).join('')}`;
}

function convertCommand(terminal: Terminal, run: (work: Promise<number>) => void): Command {
  return addTraceOptions(
    new Command('convert')
      .description("Writes a trace's page references as Quire's own compact format, or as plain numbers.")
      .addArgument(new Argument('<trace>', 'the file, or - for the standard input'))
      .option('-o, --output <file>', 'the file to write; - is the standard output', STANDARD_PATH)
      .addOption(new Option('--to <format>', 'what to write').choices(writtenFormats).default('quire'))
      .option('--filter <policy:frames>', 'only what misses in a first level of memory, as in lru:64'),
  ).action((trace: string, flags: ConvertFlags) => run(convert(trace, flags, terminal)));
}

async function convert(path: string, flags: ConvertFlags, terminal: Terminal): Promise<number> {
  const source = traceSource(path, flags);
  const choice = pageChoice(flags);
  const firstLevel = flags.filter === undefined ? undefined : parseFirstLevel(flags.filter, '--filter');
  const isPiped = flags.output === STANDARD_PATH;
  if (isPiped && flags.to === 'quire' && terminal.out.columns !== undefined) {
    throw new UsageError('a terminal cannot show the quire format: name a file with -o, or choose --to numbers');
  }
  const output = new OutputFile(flags.output, '--output');
  try {
    const writer = traceWriter(flags.to, choice.pageShift, output);
    const written = await (firstLevel === undefined ? copy(source, choice, writer) : writeMisses(source, choice, firstLevel, writer));
    writer.end();
    if (written === 0) throw new UsageError(`nothing of ${path} is left to write: look at --skip, --kinds and --sample`);
    output.close();
    terminal.err.write(`${formatCount(written)} page references in ${isPiped ? 'the standard output' : flags.output}\n`);
    return ExitCode.fine;
  } finally {
    output.abandon();
  }
}

/** Writes every page reference. Returns how many there are. */
async function copy(source: TraceSource, choice: PageChoice, writer: TraceWriter): Promise<number> {
  let written = 0;
  let end = (): void => undefined;
  await readTrace(source, ({ unit }) => {
    const stream = new PageStream({ ...choice, unit }, (batch) => {
      written += batch.count;
      writer.sink(batch);
    });
    end = () => stream.end();
    return { sink: (batch) => stream.add(batch), isComplete: () => stream.isComplete };
  });
  end();
  return written;
}

async function writeMisses(source: TraceSource, choice: PageChoice, firstLevel: FirstLevel, writer: TraceWriter): Promise<number> {
  const trace = await DenseTrace.readSound(source, choice, () => undefined);
  try {
    return filterTrace(trace, firstLevel, writer.sink);
  } finally {
    trace.close();
  }
}
