// Options that the questions about the kernel's own memory share.

import { UsageError } from '../src/base/index.ts';

const MOST_SECONDS = 60;

/** Returns the names in a list with commas, each once; all of `known` for `all`. Throws a UsageError for one that is not among them. */
export function namesIn(text: string, known: readonly string[]): readonly string[] {
  if (text === 'all') return known;
  const names = [...new Set(text.split(',').map((name) => name.trim()))];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  throw new UsageError(`there is no '${unknown}': choose from ${known.join(', ')}, with commas between, or all`);
}

/** Returns a time for measuring. Throws a UsageError for what is none. */
export function parseSeconds(text: string): number {
  const seconds = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= MOST_SECONDS) return seconds;
  throw new UsageError(`--time ${text}: not a number of seconds up to ${MOST_SECONDS}`);
}
