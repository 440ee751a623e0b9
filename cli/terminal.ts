// Where the command line writes, and what it knows about the terminal. Commands get it passed, so that tests can read what they say.

import { writeSync } from 'node:fs';
import process from 'node:process';

/** One output of the command: the standard output or the standard error. */
export interface Output {
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
    out: outputOf(1, process.stdout, process.env),
    err: outputOf(2, process.stderr, process.env),
    environment: process.env,
  };
}

function outputOf(descriptor: number, stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv): Output {
  const columns = stream.isTTY ? stream.columns : undefined;
  return { write: (text) => writeAll(descriptor, text), columns, color: colorFor(columns, environment) };
}

// https://no-color.org: any value that is not empty counts.
function colorFor(columns: number | undefined, environment: NodeJS.ProcessEnv): 'ansi' | 'none' {
  return columns === undefined || environment.NO_COLOR || environment.TERM === 'dumb' ? 'none' : 'ansi';
}

function writeAll(descriptor: number, text: string): void {
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(descriptor, bytes));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A reader that left, as `| head` does, is not our failure; a full pipe that does not block needs another try.
      if (code === 'EPIPE') return;
      if (code !== 'EAGAIN') throw error;
    }
  }
}
