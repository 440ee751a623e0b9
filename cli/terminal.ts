// Where the command line writes, and what it knows about the terminal. Commands get it passed, so that tests can read what they say.

import process from 'node:process';
import { hostCode } from './host-errors.ts';
import { writeFully, writeStandardOutput } from './write-fully.ts';

/** One output of the command: the standard output or the standard error. */
export interface Output {
  /** Throws a UsageError if it is the standard output and its reader has left. */
  readonly write: (text: string) => void;
  /** Columns if it is a terminal. */
  readonly columns: number | undefined;
  readonly color: 'ansi' | 'none';
}

/** Both outputs and the environment. */
export interface Terminal {
  readonly out: Output;
  readonly err: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Columns of text that goes to a file or a pipe. */
export const FILE_COLUMNS = 100;

/** Returns the terminal of this process. Writes are synchronous: a guest that runs holds the event loop. */
export function processTerminal(): Terminal {
  return {
    out: outputOf((text) => writeStandardOutput(Buffer.from(text)), process.stdout, process.env),
    err: outputOf(writeError, process.stderr, process.env),
    environment: process.env,
  };
}

function outputOf(write: Output['write'], stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv): Output {
  const columns = stream.isTTY ? stream.columns : undefined;
  return { write, columns, color: colorFor(columns, environment) };
}

// https://no-color.org: any value that is not empty counts.
function colorFor(columns: number | undefined, environment: NodeJS.ProcessEnv): 'ansi' | 'none' {
  return columns === undefined || environment.NO_COLOR || environment.TERM === 'dumb' ? 'none' : 'ansi';
}

function writeError(text: string): void {
  try {
    writeFully(2, Buffer.from(text));
  } catch (error) {
    // Nobody is left to be told.
    if (hostCode(error) !== 'EPIPE') throw error;
  }
}
