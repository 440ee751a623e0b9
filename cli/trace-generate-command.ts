// `quire trace generate`: traces whose answers are known, for trying policies and for comparing with other programs.

import { Argument, Command, Option } from 'commander';
import { UsageError } from '../src/base/index.ts';
import { formatCount, formatCountOf } from '../src/report/index.ts';
import { loopTrace, mixTrace, phaseTrace, ReferenceBatch, scanTrace, textbookTrace, zipfTrace } from '../src/trace/index.ts';
import { ExitCode } from './exit-code.ts';
import { OutputFile } from './output-file.ts';
import type { Terminal } from './terminal.ts';
import { parseCount } from './trace-options.ts';
import { traceWriter, type WrittenFormat, writtenFormats } from './trace-writer.ts';

/** What traces can be made with, by the names of the options. */
type Parameter = 'pages' | 'references' | 'loop' | 'rest' | 'width' | 'period';

type Parameters = Readonly<Record<Parameter, number>>;

interface GenerateFlags extends Partial<Readonly<Record<Parameter, string>>> {
  readonly output: string;
  readonly to: WrittenFormat;
}

/** A kind of trace that can be made. */
interface Generator {
  readonly meaning: string;
  /** Its parameters with their defaults. */
  readonly defaults: Partial<Parameters>;
  make(parameters: Parameters): Uint32Array;
}

/** References and pages at most: a trace is made in memory, 4 bytes a reference. */
const MOST = 2 ** 28;
const PAGE_SHIFT = 12;

const meanings: Readonly<Record<Parameter, string>> = {
  pages: 'zipf, loop: pages to choose from',
  references: 'length of the trace; not of textbook',
  loop: 'mix: pages that are gone round',
  rest: 'mix: pages that are referenced at random',
  width: 'phase: pages of the working set, a multiple of 10',
  period: 'phase: references until it moves',
};

const generators: Readonly<Record<string, Generator>> = {
  zipf: {
    meaning: 'page k is referenced in proportion to 1 / k',
    defaults: { pages: 20_000, references: 300_000 },
    make: ({ pages, references }) => zipfTrace(pages, references),
  },
  mix: {
    meaning: 'six of ten references go round a loop, the others anywhere',
    defaults: { loop: 2000, rest: 8000, references: 300_000 },
    make: ({ loop, rest, references }) => mixTrace(loop, rest, references),
  },
  phase: {
    meaning: 'a working set that moves by half its width',
    defaults: { width: 4000, period: 20_000, references: 300_000 },
    make: ({ width, period, references }) => {
      if (width % 10 !== 0) throw new UsageError(`--width ${width}: not a multiple of 10; a tenth of the pages is hot`);
      return phaseTrace(width, period, references);
    },
  },
  loop: {
    meaning: 'the same pages round and round',
    defaults: { pages: 1000, references: 100_000 },
    make: ({ pages, references }) => loopTrace(pages, references),
  },
  scan: { meaning: 'every page once', defaults: { references: 100_000 }, make: ({ references }) => scanTrace(references) },
  textbook: { meaning: "twelve references with Belady's anomaly", defaults: {}, make: textbookTrace },
};

const kindsText = `
Kinds, and what they are made with if nothing else is said:
${Object.entries(generators)
  .map(([name, { meaning, defaults }]) => `  ${name.padEnd(10)}${meaning}\n${defaultsText(defaults)}`)
  .join('')}`;

function defaultsText(defaults: Partial<Parameters>): string {
  const values = Object.entries(defaults).map(([name, value]) => `--${name} ${value}`);
  return values.length === 0 ? '' : `${' '.repeat(12)}${values.join(' ')}\n`;
}

/** Makes the command; `finish` gets its exit code. */
export function traceGenerateCommand(terminal: Terminal, finish: (exitCode: number) => void): Command {
  const command = new Command('generate')
    .description('Makes a trace whose definition is known: the same everywhere, page numbers from 1 on.')
    .addArgument(new Argument('<kind>', 'what to make').choices(Object.keys(generators)))
    .requiredOption('-o, --output <path>', 'the file to write')
    .addOption(new Option('--to <format>', 'what to write').choices(writtenFormats).default('quire'));
  for (const [name, meaning] of Object.entries(meanings)) command.option(`--${name} <n>`, meaning);
  return command.addHelpText('after', kindsText).action((kind: string, flags: GenerateFlags) => {
    generate(kind, flags, terminal);
    finish(ExitCode.fine);
  });
}

function generate(kind: string, flags: GenerateFlags, terminal: Terminal): void {
  const generator = generators[kind] as Generator;
  const parameters = parametersOf(kind, generator, flags);
  const output = new OutputFile(flags.output, '--output');
  try {
    const trace = generator.make(parameters);
    write(trace, flags.to, output);
    output.close();
    terminal.err.write(`${formatCountOf(trace.length, 'page reference')} in ${flags.output}\n`);
  } finally {
    output.abandon();
  }
}

function parametersOf(kind: string, { defaults }: Generator, flags: GenerateFlags): Parameters {
  const parameters: Record<Parameter, number> = { pages: 0, references: 0, loop: 0, rest: 0, width: 0, period: 0, ...defaults };
  for (const name of Object.keys(meanings) as Parameter[]) {
    const given = flags[name];
    if (given === undefined) continue;
    if (defaults[name] === undefined) throw new UsageError(`--${name}: ${kind} has no such thing${hasText(defaults)}`);
    parameters[name] = parseCount(given, `--${name}`, 1);
    if (parameters[name] > MOST) throw new UsageError(`--${name} ${given}: more than ${formatCount(MOST)}`);
  }
  return parameters;
}

function hasText(defaults: Partial<Parameters>): string {
  const names = Object.keys(defaults).map((name) => `--${name}`);
  return names.length === 0 ? '' : `; it has ${names.join(', ')}`;
}

function write(trace: Uint32Array, format: WrittenFormat, output: OutputFile): void {
  const writer = traceWriter(format, PAGE_SHIFT, output);
  const batch = new ReferenceBatch();
  for (let from = 0; from < trace.length; from += batch.capacity) {
    const pages = trace.subarray(from, from + batch.capacity);
    batch.addresses.set(pages);
    batch.count = pages.length;
    writer.sink(batch);
  }
  writer.end();
}
