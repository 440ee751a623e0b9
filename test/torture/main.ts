// `npm run torture`: plays the scripts of many seeds, or one script from a file, and shrinks what fails.

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { Command, InvalidArgumentError, Option } from 'commander';
import { frameAllocatorNames, policyNames, systemNames } from '../../src/systems/index.ts';
import { callsOf } from './calls.ts';
import { hunt, huntScript, report } from './hunt.ts';
import type { Script } from './script.ts';
import type { Shrunk } from './shrink.ts';

interface Flags {
  readonly system: string;
  readonly seed: number;
  readonly seeds: number;
  readonly steps: number;
  readonly policy?: string;
  readonly script?: string;
}

new Command('npm run torture --')
  .description('Plays random scripts on a memory manager and compares every answer and every byte with a flat model of memory.')
  .addOption(new Option('--system <name>', 'the memory manager').choices(systemNames).default(systemNames[0]))
  .addOption(new Option('--policy <name>', 'the replacement policy (default: the seed chooses)').choices(policyNames))
  .option('--seed <number>', 'the first seed', wholeNumber, 0)
  .option('--seeds <number>', 'how many', wholeNumber, 1000)
  .option('--steps <number>', 'steps of each', wholeNumber, 10_000)
  .option('--script <file>', 'play this script instead, as a failure printed it')
  .action(run)
  .parse();

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is needed');
  return value;
}

function run({ script, system, policy, seed, seeds, steps }: Flags): void {
  if (script !== undefined) finish(huntScript(JSON.parse(readFileSync(script, 'utf8')) as Script), 'The script agrees with the model.');
  const calls = callsOf(system, policyNames[0] as string, frameAllocatorNames[0] as string);
  const start = performance.now();
  for (let next = seed; next < seed + seeds; next++) {
    tell(`seed ${next}, ${next - seed} of ${seeds} played`);
    const found = hunt({ seed: next, steps, system, calls, ...(policy !== undefined && { policy }) });
    if (found !== undefined) finish(found, '');
  }
  const seconds = (performance.now() - start) / 1000;
  const microseconds = ((seconds / seeds / steps) * 1e6).toFixed(1);
  finish(
    undefined,
    `${seeds} seeds of ${steps} steps on ${system} agree with the model (${seconds.toFixed(1)} s, ${microseconds} us a step).`,
  );
}

function finish(found: Shrunk | undefined, good: string): never {
  tell('');
  process.stdout.write(`${found === undefined ? good : report(found)}\n`);
  process.exit(found === undefined ? 0 : 1);
}

/** Shows on a terminal how far it is, on one line that the next replaces. */
function tell(state: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${state}`);
}
