// Where a report goes, and in which form. One rule for every command that reports:
//
//   -o FILE          the ending of FILE says the form: .txt .json .csv .svg .html
//   --json, --csv    the form on the standard output, or in a FILE whose ending says nothing
//
// A FILE is opened before the work begins, so that a place where nothing can be written is refused at once, and is made or changed only
// when there is something to write. What is written whole, all forms but text and CSV, is in the file whole or not at all.

import { type Command, Option } from 'commander';
import { UsageError } from '../src/base/index.ts';
import type { PageFacts } from '../src/report/index.ts';
import { OutputFile } from './output-file.ts';
import { packageVersion } from './package-version.ts';
import { FILE_COLUMNS, type Terminal } from './terminal.ts';

/** How a report can look. */
export type ReportForm = 'text' | 'json' | 'csv' | 'svg' | 'html';

/** The options as commander leaves them. */
export interface ReportFlags {
  readonly json?: true;
  readonly csv?: true;
  readonly output?: string;
}

const endings: Readonly<Record<ReportForm, string>> = { text: '.txt', json: '.json', csv: '.csv', svg: '.svg', html: '.html' };
const forms = Object.keys(endings) as ReportForm[];
/** Options that say where and how, and nothing about what. */
const placeOptions = ['json', 'csv', 'svg', 'output', 'reportFile', 'report'];

/** Adds the options to a command that can report in the forms `able`. */
export function addReportOptions(command: Command, able: readonly ReportForm[]): Command {
  command.option('--json', 'as one JSON object');
  if (able.includes('csv')) command.option('--csv', 'as comma-separated values');
  return command.addOption(new Option('-o, --output <file>', `write the report there; its ending says how: ${endingsOf(able)}`));
}

/** Returns the form that was asked for. Throws a UsageError if the command has no such form, or two were asked for. */
export function reportForm({ json, csv, output }: ReportFlags, able: readonly ReportForm[]): ReportForm {
  if (json && csv) throw new UsageError('--json and --csv: choose one of them');
  const flag = json ? 'json' : csv ? 'csv' : undefined;
  const ending = output === undefined ? undefined : formOfEnding(output);
  if (flag !== undefined && ending !== undefined && flag !== ending) {
    throw new UsageError(`--${flag} and --output ${output}: the ending asks for something else; leave one of them out`);
  }
  const form = ending ?? flag ?? 'text';
  if (!able.includes(form)) throw new UsageError(`--output ${output}: there is no such form of this; choose from ${endingsOf(able)}`);
  return form;
}

/** Returns the form that a file's ending says, or undefined if it says none. */
export function formOfEnding(path: string): ReportForm | undefined {
  return forms.find((form) => path.toLowerCase().endsWith(endings[form]));
}

function endingsOf(able: readonly ReportForm[]): string {
  return able.map((form) => endings[form]).join(', ');
}

/** The file that was named, or the standard output. */
export class ReportOutput {
  /** Of the terminal; those of a file if it goes to one. */
  readonly columns: number;
  readonly color: 'ansi' | 'none';
  readonly #terminal: Terminal;
  readonly #file: OutputFile | undefined;

  /** Throws a UsageError if the file cannot be written. */
  constructor({ output }: ReportFlags, terminal: Terminal) {
    this.#terminal = terminal;
    this.#file = output === undefined ? undefined : new OutputFile(output, '--output');
    this.color = this.#file ? 'none' : terminal.out.color;
    this.columns = (this.#file ? undefined : terminal.out.columns) ?? FILE_COLUMNS;
  }

  /** Adds text. Throws a UsageError if nobody takes it: a disk that is full, a pipe whose reader left. */
  write(text: string): void {
    if (this.#file) this.#file.writeOrRefuse(text);
    else this.#terminal.out.write(text);
  }

  /** Ends the file. One that nothing was written to is as it was. */
  close(): void {
    this.#file?.discard();
  }
}

/** Returns what a page says of the command that made it. */
export function pageFactsOf(command: Command, title: string): PageFacts {
  const values = command.opts<Record<string, unknown>>();
  const settings = command.options
    .map((option) => [option.long?.slice(2) ?? '', values[option.attributeName()], option.attributeName()] as const)
    .filter(([, value, name]) => value !== undefined && !placeOptions.includes(name))
    .map(([name, value]) => [name, value === true ? 'yes' : String(value)] as const);
  return { title, command: typedAs(command), program: `quire ${packageVersion()}`, settings };
}

/** Returns the whole command line, with quotes where a shell needs them. */
function typedAs(command: Command): string {
  let top = command;
  while (top.parent !== null) top = top.parent;
  return [top.name(), ...top.args].map((word) => (/^[\w./:=,%@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}
