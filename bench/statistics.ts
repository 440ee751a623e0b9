// The arithmetic of benchmarks.

import process from 'node:process';

/** Returns the geometric mean of positive numbers: the mean that fits ratios. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Named numbers, such as nanoseconds per page by operation. */
export type Numbers = Readonly<Record<string, number>>;

/**
 * Returns the seconds of processor that `work`, which is done by this process alone, takes: other work on the machine adds far less to them
 * than to the time by the clock. The engine's own threads are in them.
 */
export function processorSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** Does a round `repeats` times and returns the least of each number: what noise has added least to. */
export function leastOf<N extends Numbers>(repeats: number, round: () => N): N {
  let least = round();
  for (let repeat = 1; repeat < repeats; repeat++) least = lesser(least, round());
  return least;
}

/** Returns the smaller of each pair of numbers. */
export function lesser<N extends Numbers>(one: N, other: N): N {
  return Object.fromEntries(Object.entries(one).map(([name, value]) => [name, Math.min(value, other[name] ?? value)])) as N;
}
