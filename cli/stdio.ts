// Standard input and output of the host as byte streams, synchronous: the guest waits in its call, as it would on Unix.
//
// A host descriptor may be in non-blocking mode (a terminal or pipe shared with a program that made it so). Then EAGAIN means
// "not now"; the stream sleeps a little and tries again, since the guest asked for a blocking call.

import { readSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { ByteSink, ByteSource } from '../src/wasm/wasi/index.ts';
import { sleepMilliseconds } from './host-clock.ts';
import { hostCode, wasiErrorOf } from './host-errors.ts';

/** Milliseconds between tries on a descriptor that is not ready: short to a person, long to a processor. */
const RETRY_MILLISECONDS = 5;

/** The host calls, replaceable by tests. */
export interface StreamCalls {
  read(fd: number, into: Uint8Array, offset: number, length: number, position: null): number;
  write(fd: number, from: Uint8Array, offset: number, length: number): number;
}

const nodeCalls: StreamCalls = { read: readSync, write: writeSync };

/** Returns host descriptor `fd` as a source. */
export function hostSource(fd: number, calls: StreamCalls = nodeCalls): ByteSource {
  return {
    isTerminal: isatty(fd),
    read: (into, length) => untilReady(() => readOrEnd(calls, fd, into, length)),
  };
}

/** Returns host descriptor `fd` as a sink. */
export function hostSink(fd: number, calls: StreamCalls = nodeCalls): ByteSink {
  return {
    isTerminal: isatty(fd),
    write: (from, length) => untilReady(() => calls.write(fd, from, 0, length)),
  };
}

/** Windows reports the end of a closed pipe as an error. */
function readOrEnd(calls: StreamCalls, fd: number, into: Uint8Array, length: number): number {
  try {
    return calls.read(fd, into, 0, length, null);
  } catch (error) {
    if (hostCode(error) === 'EOF') return 0;
    throw error;
  }
}

function untilReady(call: () => number): number {
  for (;;) {
    try {
      return call();
    } catch (error) {
      if (hostCode(error) !== 'EAGAIN') throw wasiErrorOf(error);
      sleepMilliseconds(RETRY_MILLISECONDS);
    }
  }
}
