// `quire quiz heap`: sets exercises in placing blocks, solves them step by step, and grades answers.
//
// An answer has one list per fit, with / between: addresses in the order of the mallocs (`0,40,-`; - = no hole is large enough), or free
// lists in the order of all steps (`40+24 104+128; 40+192`). Each step is graded by itself.

import { Command, Option } from 'commander';
import { UsageError } from '../src/base/index.ts';
import {
  type Fit,
  fitRules,
  namedPlacements,
  type PlacementExercise,
  type PlacementStep,
  parseRequests,
  placeAll,
  randomPlacement,
  type SolvedPlacement,
} from '../src/lab/index.ts';
import { formatFreeList, formatPlace, formatPlacement, formatSolvedPlacement } from '../src/report/index.ts';
import { ExitCode } from './exit-code.ts';
import { parseSeed } from './run-options.ts';
import type { Terminal } from './terminal.ts';
import { parseCount } from './trace-options.ts';

interface QuizHeapFlags {
  readonly seed: string;
  readonly exercise?: string;
  readonly requests?: string;
  readonly fit?: string;
  readonly heap?: string;
  readonly length?: string;
  readonly header: string;
  readonly roundTo: string;
  readonly coalesce: 'immediate' | 'never';
  /** `true`: without a value. */
  readonly answer?: string | true;
  readonly lists?: string;
  readonly solve?: true;
  readonly json?: true;
}

const DEFAULT_FITS: readonly Fit[] = ['first', 'best', 'worst'];
const DEFAULT_LENGTH = '12';
const DEFAULT_HEAP = '256';
/** What can still be done by hand. */
const MOST_REQUESTS = 200;
const MOST_HEAP_BYTES = 1_000_000;
const MOST_HEADER_BYTES = 64;

const examples = `
Examples:
  $ quire quiz heap --seed 7                              an exercise
  $ quire quiz heap --seed 7 --solve                      and its solution
  $ quire quiz heap --exercise knuth --answer 0,1301,1000/1301,0,-
  $ quire quiz heap --exercise coalescing --lists "16+112; ..."
  $ quire quiz heap --requests "A=40 B=24 -A C=30" --fit best --heap 128 --solve`;

/** Makes the command. @param finish takes the exit code */
export function quizHeapCommand(terminal: Terminal, finish: (exitCode: number) => void): Command {
  return new Command('heap')
    .summary('first, best and worst fit: where does each block go?')
    .description('Sets an exercise in placing blocks and joining free ones. The same options give the same exercise; --solve solves it.')
    .option('--seed <number>', 'which of the random exercises', '1')
    .addOption(new Option('--exercise <name>', 'one of the literature instead').choices(Object.keys(namedPlacements)))
    .option('--requests <list>', 'your own instead, as in "A=40 B=24 -A"')
    .option('--fit <names>', `of ${Object.keys(fitRules).join(', ')}, with commas between (default: ${DEFAULT_FITS.join()})`)
    .option('--heap <bytes>', `bytes of the heap (default: ${DEFAULT_HEAP})`)
    .option('--length <n>', `requests (default: ${DEFAULT_LENGTH})`)
    .option('--header <bytes>', 'bytes before each block that its size does not count', '0')
    .option('--round-to <bytes>', 'what a block takes is a multiple of it', '1')
    .addOption(
      new Option('--coalesce <when>', 'whether a freed block joins the holes beside it')
        .choices(['immediate', 'never'])
        .default('immediate'),
    )
    .option('--answer [addresses]', 'grade the address of each malloc, commas between, - for none, / between fits')
    .option('--lists <free lists>', 'grade the free list after each step, as in "40+24 104+128; 40+192", / between fits')
    .option('--solve', 'show the solution')
    .option('--json', 'as one JSON object')
    .addHelpText('after', examples)
    .action((flags: QuizHeapFlags) => finish(quiz(flags, terminal)));
}

function quiz(flags: QuizHeapFlags, terminal: Terminal): number {
  const exercise = exerciseOf(flags);
  const solutions = exercise.fits.map((fit) => placeAll(exercise, fit));
  const grades = solutions.map((solution, at) => gradesOf(solution, at, solutions.length, flags));
  const shown = flags.solve || flags.answer !== undefined || flags.lists !== undefined;
  if (flags.json) terminal.out.write(`${JSON.stringify(asData(exercise, shown ? solutions : [], grades), null, 2)}\n`);
  else {
    const parts = shown
      ? solutions.map((solution, at) => `${gradeText(grades[at] ?? [])}${formatSolvedPlacement(solution, exercise)}`)
      : [];
    terminal.out.write([formatPlacement(exercise), ...parts].join('\n'));
  }
  return grades.flat().every(({ isRight }) => isRight) ? ExitCode.fine : ExitCode.wrongAnswer;
}

function exerciseOf(flags: QuizHeapFlags): PlacementExercise {
  const fits = flags.fit === undefined ? undefined : parseFits(flags.fit);
  if (flags.exercise !== undefined) return namedExercise(flags, flags.exercise, fits);
  const heapBytes = parseUpTo(flags.heap ?? DEFAULT_HEAP, '--heap', 16, MOST_HEAP_BYTES);
  const shape = {
    fits: fits ?? DEFAULT_FITS,
    coalescing: flags.coalesce,
    headerBytes: parseUpTo(flags.header, '--header', 0, MOST_HEADER_BYTES),
    roundTo: parseUpTo(flags.roundTo, '--round-to', 1, MOST_HEADER_BYTES),
  };
  if (flags.requests !== undefined) return ownExercise(flags.requests, { ...shape, holes: [{ start: 0, bytes: heapBytes }] }, flags.length);
  const length = parseUpTo(flags.length ?? DEFAULT_LENGTH, '--length', 1, MOST_REQUESTS);
  return randomPlacement({ ...shape, seed: parseSeed(flags.seed), heapBytes, length });
}

/** Returns an exercise of the literature, with other fits if they were given. */
function namedExercise(flags: QuizHeapFlags, name: string, fits: readonly Fit[] | undefined): PlacementExercise {
  if (flags.length !== undefined || flags.heap !== undefined || flags.requests !== undefined) {
    throw new UsageError(`--exercise ${name}: it has its own requests and heap; --requests, --length and --heap are for others`);
  }
  const exercise = namedPlacements[name] as PlacementExercise;
  return { ...exercise, coalescing: flags.coalesce, ...(fits && { fits }) };
}

function ownExercise(text: string, shape: Omit<PlacementExercise, 'title' | 'requests'>, length: string | undefined): PlacementExercise {
  if (length !== undefined) throw new UsageError('--requests: they are as many as they are; --length is for random ones');
  const requests = parseRequests(text);
  if (typeof requests === 'string') throw new UsageError(`--requests: '${requests}' is neither NAME=BYTES, of at least 1, nor -NAME`);
  if (requests.length === 0) throw new UsageError('--requests: there is none');
  if (requests.length > MOST_REQUESTS) throw new UsageError(`--requests: more than ${MOST_REQUESTS}`);
  const live = new Set<string>();
  for (const { kind, name } of requests) {
    if (kind === 'malloc' && live.has(name)) throw new UsageError(`--requests: ${name} is asked for while there is one: use another name`);
    if (kind === 'free' && !live.has(name)) throw new UsageError(`--requests: ${name} is given back and there is none`);
    if (kind === 'malloc') live.add(name);
    else live.delete(name);
  }
  return { ...shape, title: 'Your requests', requests };
}

function parseFits(text: string): Fit[] {
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    if (!Object.hasOwn(fitRules, name)) throw new UsageError(`--fit ${text}: '${name}' is none of ${Object.keys(fitRules).join(', ')}`);
  }
  return [...new Set(names)] as Fit[];
}

function parseUpTo(text: string, option: string, least: number, most: number): number {
  const count = parseCount(text, option, least);
  if (count > most) throw new UsageError(`${option} ${text}: more than ${most}`);
  return count;
}

/** One answer to one step. */
interface Grade {
  readonly step: number;
  readonly about: 'address' | 'free list';
  readonly answer: string;
  readonly solution: string;
  readonly isRight: boolean;
}

function gradesOf({ steps, fit }: SolvedPlacement, at: number, fits: number, { answer, lists }: QuizHeapFlags): Grade[] {
  const numbered = steps.map((step, index) => ({ step: index + 1, ...step }));
  const mallocs = numbered.filter(({ request }) => request.kind === 'malloc');
  return [
    ...(typeof answer === 'string'
      ? grade('address', mallocs, wordsOf(answer, { option: '--answer', at, fits, fit, separator: ',', count: mallocs.length }), addressOf)
      : []),
    ...(lists !== undefined
      ? grade('free list', numbered, wordsOf(lists, { option: '--lists', at, fits, fit, separator: ';', count: steps.length }), listOf)
      : []),
  ];
}

type NumberedStep = PlacementStep & { readonly step: number };

const addressOf = ({ address }: PlacementStep): string => formatPlace(address);
const listOf = ({ freeList }: PlacementStep): string => formatFreeList(freeList);

function grade(
  about: Grade['about'],
  steps: readonly NumberedStep[],
  answers: readonly string[],
  solutionOf: (step: PlacementStep) => string,
): Grade[] {
  return steps.map((step, index) => {
    const [answer, solution] = [answers[index] as string, solutionOf(step)];
    return { step: step.step, about, answer, solution, isRight: answer === solution };
  });
}

/** How the answers of one option are cut. */
interface AnswerShape {
  readonly option: string;
  readonly at: number;
  readonly fits: number;
  readonly fit: Fit;
  readonly separator: ',' | ';';
  readonly count: number;
}

function wordsOf(text: string, { option, at, fits, fit, separator, count }: AnswerShape): string[] {
  const lists = text.split('/');
  if (lists.length !== fits)
    throw new UsageError(`${option}: ${fits} fits are asked for, so it needs ${fits} lists with / between, not ${lists.length}`);
  const words = (lists[at] as string).split(separator).map((word) => word.trim().replace(/\s+/g, ' '));
  if (words.length !== count)
    throw new UsageError(`${option}: ${fit} fit has ${count} of them to give, with ${separator} between, not ${words.length}`);
  const shape = separator === ',' ? /^(\d+|-)$/ : /^(-|\d+\+\d+( \d+\+\d+)*)$/;
  const strange = words.find((word) => !shape.test(word));
  if (strange !== undefined) {
    throw new UsageError(
      `${option}: '${strange}' is ${separator === ',' ? 'neither an address nor -' : 'no free list, as in 40+24 104+128, nor -'}`,
    );
  }
  return words;
}

function gradeText(grades: readonly Grade[]): string {
  if (grades.length === 0) return '';
  const wrong = grades.filter(({ isRight }) => !isRight);
  if (wrong.length === 0) return `Your ${grades.length === 1 ? 'answer is' : `${grades.length} answers are all`} right.\n`;
  const lines = wrong.map(({ step, about, answer, solution }) => `  step ${step}: the ${about} is ${solution}, not ${answer}`);
  return `${grades.length - wrong.length} of your ${grades.length} answers are right.\n${lines.join('\n')}\n`;
}

function asData(exercise: PlacementExercise, solutions: readonly SolvedPlacement[], grades: readonly (readonly Grade[])[]): unknown {
  if (solutions.length === 0) return exercise;
  const parts = solutions.map((solution, at) => ({ ...solution, ...((grades[at]?.length ?? 0) > 0 && { grades: grades[at] }) }));
  return { ...exercise, parts };
}
