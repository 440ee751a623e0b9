// `quire quiz`: exercises; here those in page replacement. `quire quiz paging` sets them, solves them step by step, and grades answers.

import { Command, Option } from 'commander';
import { UsageError } from '../src/base/index.ts';
import { canExplain, type Exercise, type ExercisePart, namedExercises, randomExercise, type SolvedPart, solve } from '../src/lab/index.ts';
import { replayPolicies } from '../src/paging/index.ts';
import { formatExercise, formatSolution } from '../src/report/index.ts';
import { ExitCode } from './exit-code.ts';
import { quizHeapCommand } from './quiz-heap-command.ts';
import { rangeOf } from './ranges.ts';
import { parseSeed } from './run-options.ts';
import { FILE_COLUMNS, type Terminal } from './terminal.ts';
import { parseCount } from './trace-options.ts';

interface QuizFlags {
  readonly seed: string;
  readonly exercise?: string;
  readonly policy?: string;
  readonly frames?: string;
  readonly length?: string;
  readonly pages?: string;
  /** `true`: without a value. */
  readonly answer?: string | true;
  readonly json?: true;
}

/** What can still be done by hand, and shown. */
const MOST_FRAMES = 32;
const MOST_REFERENCES = 200;
const MOST_PAGES = 1000;
/** Policies times sizes. */
const MOST_PARTS = 24;
const DEFAULT_LENGTH = '12';

const examples = `
Examples:
  $ quire quiz paging --seed 7                         an exercise
  $ quire quiz paging --seed 7 --answer 9              graded, and solved
  $ quire quiz paging --exercise belady-anomaly --answer
  $ quire quiz paging --policy arc,sieve --frames 4 --length 20`;

/** Makes the command. @param finish takes the exit code */
export function quizCommand(terminal: Terminal, finish: (exitCode: number) => void): Command {
  return new Command('quiz')
    .summary('exercises with solutions')
    .description('Sets exercises, solves them and grades answers.')
    .addCommand(
      new Command('paging')
        .summary('page replacement: how often does this string miss?')
        .description('Sets an exercise in page replacement. The same options give the same exercise; --answer solves it.')
        .option('--seed <number>', 'which of the random exercises', '1')
        .addOption(new Option('--exercise <name>', 'one of the literature instead').choices(Object.keys(namedExercises)))
        .option('--policy <names>', 'policies, with commas between (default: drawn)')
        .option('--frames <sizes>', 'frames, with commas between, or as in 3..5 (default: drawn)')
        .option('--length <n>', `references (default: ${DEFAULT_LENGTH})`)
        .option('--pages <n>', 'pages that they may be to (default: drawn)')
        .option('--answer [misses]', 'show the solution; with misses, commas between: grade them')
        .option('--json', 'as one JSON object')
        .addHelpText('after', examples)
        .action((flags: QuizFlags) => finish(quiz(flags, terminal))),
    )
    .addCommand(quizHeapCommand(terminal, finish));
}

function quiz(flags: QuizFlags, terminal: Terminal): number {
  const exercise = exerciseOf(flags);
  const answers = typeof flags.answer === 'string' ? parseAnswers(flags.answer, exercise.parts) : undefined;
  const solved = flags.answer === undefined ? undefined : exercise.parts.map((part) => solve(exercise.references, part));
  if (flags.json) terminal.out.write(`${JSON.stringify(asData(exercise, solved, answers), null, 2)}\n`);
  else terminal.out.write(asText(exercise, solved, answers, terminal.out.columns ?? FILE_COLUMNS));
  const isRight = answers === undefined || (solved ?? []).every(({ misses }, i) => misses === answers[i]);
  return isRight ? ExitCode.fine : ExitCode.wrongAnswer;
}

function exerciseOf(flags: QuizFlags): Exercise {
  const seed = parseSeed(flags.seed);
  const policies = flags.policy === undefined ? undefined : parsePolicies(flags.policy);
  const sizes = flags.frames === undefined ? undefined : parseFrames(flags.frames);
  const exercise =
    flags.exercise === undefined
      ? randomExercise({
          seed,
          length: parseUpTo(flags.length ?? DEFAULT_LENGTH, '--length', MOST_REFERENCES),
          ...(policies && { policies }),
          ...(sizes && { sizes }),
          ...(flags.pages !== undefined && { pages: parseUpTo(flags.pages, '--pages', MOST_PAGES) }),
        })
      : namedExercise(flags, flags.exercise, policies, sizes);
  if (exercise.parts.length > MOST_PARTS) throw new UsageError(`more than ${MOST_PARTS} memories: ask for fewer policies or sizes`);
  return exercise;
}

/** Returns an exercise of the literature, with other policies or sizes if they were given. */
function namedExercise(
  flags: QuizFlags,
  name: string,
  policies: readonly string[] | undefined,
  sizes: readonly number[] | undefined,
): Exercise {
  if (flags.length !== undefined || flags.pages !== undefined) {
    throw new UsageError(`--exercise ${name}: it has its own references; --length and --pages are for random ones`);
  }
  const exercise = namedExercises[name] as Exercise;
  const ownPolicies = [...new Set(exercise.parts.map(({ policy }) => policy))];
  const ownSizes = [...new Set(exercise.parts.map(({ frames }) => frames))];
  return { ...exercise, parts: (policies ?? ownPolicies).flatMap((policy) => (sizes ?? ownSizes).map((frames) => ({ policy, frames }))) };
}

function parsePolicies(text: string): string[] {
  const able = replayPolicies.map(({ name }) => name).filter(canExplain);
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) if (!able.includes(name)) throw new UsageError(`--policy ${text}: '${name}' is none of ${able.join(', ')}`);
  return [...new Set(names)];
}

function parseFrames(text: string): number[] {
  const parse = (each: string): number => parseUpTo(each, '--frames', MOST_FRAMES);
  return [...new Set(text.split(',').flatMap((part) => [...rangeOf(part.trim(), '--frames', parse)]))];
}

function parseUpTo(text: string, option: string, most: number): number {
  const count = parseCount(text, option, 1);
  if (count > most) throw new UsageError(`${option} ${text}: more than ${most}`);
  return count;
}

function parseAnswers(text: string, parts: readonly ExercisePart[]): number[] {
  const answers = text.split(',').map((each) => parseCount(each.trim(), '--answer', 0));
  if (answers.length !== parts.length) {
    throw new UsageError(`--answer ${text}: the exercise asks for ${parts.length === 1 ? 'one number' : `${parts.length} numbers`}`);
  }
  return answers;
}

function asText(
  exercise: Exercise,
  solved: readonly SolvedPart[] | undefined,
  answers: readonly number[] | undefined,
  width: number,
): string {
  const solutions = (solved ?? []).map((part, i) => {
    const answer = answers?.[i];
    const grade = answer === undefined ? '' : answer === part.misses ? `Your ${answer} is right.\n` : `Your ${answer} is wrong.\n`;
    return `${grade}${formatSolution(part, width)}`;
  });
  return [formatExercise(exercise), ...solutions].join('\n');
}

function asData(exercise: Exercise, solved: readonly SolvedPart[] | undefined, answers: readonly number[] | undefined): unknown {
  if (solved === undefined) return exercise;
  const parts = solved.map((part, i) =>
    answers === undefined ? part : { ...part, answer: answers[i], isRight: answers[i] === part.misses },
  );
  return { ...exercise, parts };
}
