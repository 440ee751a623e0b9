// Writing to a descriptor of the host until everything is written, whatever pipes do.

import { writeSync } from 'node:fs';
import { sleepMilliseconds } from './host-clock.ts';
import { hostCode } from './host-errors.ts';

/** Milliseconds between tries on a pipe that is full and does not block: short to a person, long to a processor. */
const RETRY_MILLISECONDS = 1;

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
