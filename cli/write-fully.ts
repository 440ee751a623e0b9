// Writing to a descriptor of the host until everything is written, whatever pipes do.

import { writeSync } from 'node:fs';
import { UsageError } from '../src/base/index.ts';
import { sleepMilliseconds } from './host-clock.ts';
import { hostCode } from './host-errors.ts';

/** Milliseconds between tries on a pipe that is full and does not block: short to a person, long to a processor. */
const RETRY_MILLISECONDS = 1;

/** The descriptor of the standard output. */
export const STANDARD_OUTPUT = 1;

/** Writes all bytes. Throws the host's error, such as EPIPE where the reader has left, or ENOSPC. */
export function writeFully(descriptor: number, all: Uint8Array): void {
  for (let bytes = all; bytes.length > 0; ) {
    try {
      bytes = bytes.subarray(writeSync(descriptor, bytes));
    } catch (error) {
      if (hostCode(error) !== 'EAGAIN') throw error;
      sleepMilliseconds(RETRY_MILLISECONDS);
    }
  }
}

/** Writes all bytes to the standard output. Throws a UsageError if its reader has left, as `| head` does: there was more, and the exit code must tell. */
export function writeStandardOutput(bytes: Uint8Array): void {
  try {
    writeFully(STANDARD_OUTPUT, bytes);
  } catch (error) {
    throw hostCode(error) === 'EPIPE' ? new UsageError('the standard output was closed before all of it was read') : error;
  }
}
