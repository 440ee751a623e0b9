// Results as files: bench/results/NAME.json holds what one benchmark measured, and on what machine.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeHost, type HostDescription, rootFolder } from './host.ts';

/** A benchmark's result as it is stored. */
export interface StoredResult {
  readonly benchmark: string;
  readonly host: HostDescription;
  readonly result: unknown;
}

/** Returns the result together with a description of this machine. */
export function onThisHost(benchmark: string, result: unknown): StoredResult {
  return { benchmark, host: describeHost(), result };
}

/** Writes a result and returns its path from the package's root. */
export function writeResult(stored: StoredResult): string {
  const path = pathOf(stored.benchmark);
  const file = join(rootFolder(), path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(stored, null, 2)}\n`);
  return path;
}

/** Returns the stored result of a benchmark, if it has one. */
export function readResult(benchmark: string): StoredResult | undefined {
  const file = join(rootFolder(), pathOf(benchmark));
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as StoredResult) : undefined;
}

/** Returns the machine in one sentence. */
export function hostSentence({ cpu, cpus, node, system, date }: HostDescription): string {
  return `${cpu}, ${cpus} CPUs, ${system}, Node ${node}, ${date}.`;
}

function pathOf(benchmark: string): string {
  return join('bench', 'results', `${benchmark}.json`);
}
