// `quire paper`: the experiments of a publication, made again on both of the memory managers that it compares.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command } from 'commander';
import { UsageError } from '../src/base/index.ts';
import { type ComparisonTable, type Experiment, type Laboratory, uvm99Experiments } from '../src/lab/index.ts';
import { comparisonParts, comparisonRows, comparisonSvg, csvLine, formatComparison, htmlPage } from '../src/report/index.ts';
import { functionOptimizer, tuneEngine } from './engine-settings.ts';
import { ExitCode } from './exit-code.ts';
import { interruptible } from './interruptible.ts';
import { reasonOf } from './output-file.ts';
import { paperPrograms } from './paper-programs.ts';
import { addReportOptions, pageFactsOf, type ReportFlags, type ReportForm, ReportOutput, reportForm } from './report-output.ts';
import type { Terminal } from './terminal.ts';

/** The one publication so far. */
const UVM99 = 'uvm99';
const SOURCE = 'Cranor and Parulkar, "The UVM Virtual Memory System", USENIX Annual Technical Conference 1999';
/** ECMA-48: to the first column, erase the line. */
const ERASE = '\r\u001b[2K';

/** The options as commander leaves them. */
interface PaperFlags extends ReportFlags {
  readonly only?: string;
  readonly quick?: true;
  readonly svg?: string;
}

const forms: readonly ReportForm[] = ['text', 'json', 'csv', 'html'];

const examples = `
Experiments of uvm99: ${uvm99Experiments.map(({ id }) => id).join(', ')}

Examples:
  $ quire paper uvm99
  $ quire paper uvm99 -o uvm99.html
  $ quire paper uvm99 --only table3,figure5 --svg figures`;

/** Makes the command; `finish` gets its exit code. */
export function paperCommand(terminal: Terminal, finish: (exitCode: number) => void): Command {
  const command = new Command('paper')
    .summary("repeat a publication's experiments")
    .description(
      "Repeats the experiments of a publication and shows its numbers beside Quire's. uvm99 is the paper on UVM, which compares it with " +
        "the 4.4BSD VM: both are here. What can be compared is the ratio of the two; the paper's machine is 25 years old.",
    )
    .addArgument(new Argument('<paper>', 'which publication').choices([UVM99]))
    .option('--only <ids>', 'only these experiments, separated by commas')
    .option('--quick', 'fewer points and repeats: a few seconds, for a look')
    .option('--svg <directory>', 'write each figure there as an SVG file');
  return addReportOptions(command, forms)
    .addHelpText('after', examples)
    .action((_paper: string, flags: PaperFlags) => {
      finish(new Paper(terminal, flags, command).perform());
    });
}

/** One run of a publication's experiments. */
class Paper {
  readonly #terminal: Terminal;
  readonly #flags: PaperFlags;
  readonly #command: Command;
  readonly #form: ReportForm;
  readonly #output: ReportOutput;
  readonly #experiments: readonly Experiment[];
  readonly #results: ComparisonTable[] = [];

  constructor(terminal: Terminal, flags: PaperFlags, command: Command) {
    this.#terminal = terminal;
    this.#flags = flags;
    this.#command = command;
    this.#form = reportForm(flags, forms);
    this.#experiments = chosen(flags.only);
    if (flags.svg !== undefined) makeDirectory(flags.svg);
    this.#output = new ReportOutput(flags, terminal);
  }

  /** Runs the experiments, shows the results, and returns the exit code. Text is shown table by table; other forms only when all is done. */
  perform(): number {
    try {
      return this.#perform();
    } finally {
      this.#output.close();
    }
  }

  #perform(): number {
    const laboratory = this.#laboratory();
    for (const experiment of this.#experiments) {
      this.#progress(experiment.id);
      let table: ComparisonTable | undefined;
      const end = interruptible(() => {
        table = experiment.run(laboratory);
      });
      this.#progress(undefined);
      if (end === 'interrupted' || table === undefined) {
        this.#terminal.err.write(`quire: interrupted in ${experiment.id}\n`);
        return ExitCode.interrupted;
      }
      this.#show(table);
    }
    this.#showAll();
    return ExitCode.fine;
  }

  #laboratory(): Laboratory {
    const effort = this.#flags.quick ? 'quick' : 'full';
    const programs = this.#experiments.some(({ id }) => id === 'table2') ? paperPrograms(effort) : [];
    tuneEngine(Math.max(0, ...programs.map(({ module }) => module.length)));
    const optimize = functionOptimizer();
    return { now: () => performance.now(), effort, programs, ...(optimize && { optimize }) };
  }

  #show(table: ComparisonTable): void {
    const isFirst = this.#results.length === 0;
    this.#results.push(table);
    this.#drawFigure(table);
    if (this.#form !== 'text') return;
    const { columns, color } = this.#output;
    this.#output.write(`${isFirst ? '' : '\n'}${formatComparison(table, { width: columns, color })}`);
  }

  #showAll(): void {
    const results = this.#results;
    if (this.#form === 'json') this.#output.write(`${jsonText(results)}\n`);
    else if (this.#form === 'csv') this.#output.write(comparisonRows(results).map(csvLine).join(''));
    else if (this.#form === 'html') {
      const about = { kind: 'lines', lines: [`${SOURCE}, its experiments repeated. Ratios compare: UVM / BSD VM.`] } as const;
      this.#output.write(
        htmlPage(pageFactsOf(this.#command, 'The UVM Virtual Memory System, repeated'), [about, ...results.flatMap(comparisonParts)]),
      );
    }
  }

  #drawFigure(table: ComparisonTable): void {
    const { svg: directory } = this.#flags;
    const picture = comparisonSvg(table);
    if (directory === undefined || picture === undefined) return;
    const path = join(directory, `${UVM99}-${table.id}.svg`);
    try {
      writeFileSync(path, picture);
    } catch (error) {
      throw new UsageError(`--svg ${path}: cannot be written: ${reasonOf(error)}`);
    }
  }

  #progress(id: string | undefined): void {
    const { err } = this.#terminal;
    if (err.columns === undefined) return;
    err.write(id === undefined ? ERASE : `${ERASE}${id} ...`);
  }
}

function chosen(only: string | undefined): readonly Experiment[] {
  if (only === undefined) return uvm99Experiments;
  const ids = only.split(',').map((id) => id.trim());
  const known = uvm99Experiments.map(({ id }) => id);
  const unknown = ids.find((id) => !known.includes(id));
  if (unknown !== undefined) throw new UsageError(`--only: there is no experiment '${unknown}': choose from ${known.join(', ')}`);
  return uvm99Experiments.filter(({ id }) => ids.includes(id));
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new UsageError(`--svg ${path}: cannot be made a directory: ${reasonOf(error)}`);
  }
}

function jsonText(tables: readonly ComparisonTable[]): string {
  return JSON.stringify({ paper: UVM99, source: SOURCE, tables }, null, 2);
}
