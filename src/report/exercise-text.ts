// Exercises and their solutions, for people.

import { type Exercise, ruleOf, type SolvedPart } from '../lab/index.ts';
import { tableLines } from './columns.ts';
import { formatCountOf, formatShare } from './quantities.ts';

/** Returns the text of an exercise, with a line break at its end. */
export function formatExercise({ title, references, parts }: Exercise): string {
  const policies = [...new Set(parts.map(({ policy }) => policy))];
  const width = Math.max(...policies.map((policy) => policy.length));
  const questions = parts.map(({ policy, frames }) => `  ${policy} with ${formatCountOf(frames, 'frame')}`);
  return `${[
    title,
    '',
    `  ${references.join(' ')}`,
    '',
    'A program refers to these pages in this order. Memory is empty at first; a page that is not there is loaded when it is referred to.',
    parts.length === 1 ? 'How many of the references miss?' : 'How many of the references miss in each of these memories?',
    '',
    ...questions,
    '',
    ...policies.map((policy) => `${policy.padEnd(width)}  ${ruleOf(policy)}`),
  ].join('\n')}\n`;
}

/** Returns the solution of one part, with a line break at its end. @param width characters in a line, where the table can be broken to fit */
export function formatSolution({ policy, frames, misses, steps }: SolvedPart, width: number): string {
  const rows = Array.from({ length: frames }, (_, frame) => [`frame ${frame}`, ...steps.map(({ memory }) => `${memory[frame] ?? '.'}`)]);
  const table = {
    head: ['reference', ...steps.map(({ page }) => `${page}`)],
    rows: [
      ...rows,
      ['', ...steps.map(({ outcome }) => (outcome === 'hit' ? 'hit' : 'miss'))],
      ['goes', ...steps.map(({ victim }) => `${victim ?? ''}`)],
    ],
    keys: 1,
    keysAre: 'words' as const,
  };
  const reasons = steps.flatMap(({ page, victim, reason }, at) =>
    victim === undefined ? [] : [`  reference ${at + 1} loads ${page}: ${victim} goes since ${reason}`],
  );
  return `${[
    `${policy} with ${formatCountOf(frames, 'frame')}: ${misses} of ${steps.length} references miss, ${formatShare(misses, steps.length)}`,
    '',
    ...tableLines(table, width).map((line) => line.trimEnd()),
    ...(reasons.length === 0 ? [] : ['', ...reasons]),
  ].join('\n')}\n`;
}
