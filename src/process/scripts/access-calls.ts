// Loads, stores and the memory functions of C, through the address space of the caller.
//
// A long access goes page run by page run and keeps how far it has come, so that a fault that is mended, or a page that is waited for,
// does not begin it anew.

import { PAGE_MASK } from '../../base/index.ts';
import { FaultOutcome } from '../../system/index.ts';
import { GuestFault } from '../guest-fault.ts';
import { compareRun, fillRun, findRun, moveRun, runLength } from '../memory-functions.ts';
import type { Process } from '../process.ts';
import { callerMemory, type ScriptCore } from './core.ts';
import { call } from './script.ts';
import type { AccessCalls } from './system-calls.ts';

const ADDRESS_END = 0x1_0000_0000;
const STRING_LIMIT = 4096;

/** Makes the calls that access memory. */
export function accessCalls(core: ScriptCore): AccessCalls {
  const memory = (): Process => callerMemory(core);
  return {
    load: (at, size = 4) => call('load', size === 4 ? [at] : [at, size], () => loadBytes(memory(), at, size)),
    store: (at, value, size = 4) =>
      call('store', size === 4 ? [at, value] : [at, value, size], () => storeBytes(memory(), at, value, size)),
    read: (at, size) => {
      const into = new Uint8Array(size);
      const copy = resumable(size, (done) => {
        const run = runLength(at + done, size - done);
        memory().copyIn(at + done, into.subarray(done, done + run));
        return run;
      });
      return call('read', [at, size], () => {
        requireAddresses(at, size, 'read');
        copy();
        return into;
      });
    },
    write: (at, bytes) => call('write', [at, bytes], writer(memory, at, bytes)),
    readString: (at, limit = STRING_LIMIT) => call('readString', [at, limit], () => readString(memory(), at, limit)),
    writeString: (at, text) => {
      const bytes = new TextEncoder().encode(`${text}\0`);
      const write = writer(memory, at, bytes);
      return call('writeString', [at, text], () => {
        write();
        return bytes.length;
      });
    },
    memset: (at, value, size) => {
      const fill = resumable(size, (done) => fillRun(memory(), at, value, size, done));
      return call('memset', [at, value, size], () => {
        requireAddresses(at, size, 'write');
        fill();
      });
    },
    memcpy: (to, from, size) => call('memcpy', [to, from, size], mover(memory, to, from, size)),
    memchr: (at, value, size) => call('memchr', [at, value, size], finder(memory, at, value, size)),
    strlen: (at) => {
      const find = finder(memory, at, 0, Number.POSITIVE_INFINITY);
      return call('strlen', [at], () => find() - at);
    },
    memcmp: (a, b, size) => call('memcmp', [a, b, size], comparer(memory, a, b, size)),
  };
}

/** Carries out `runs` from where the last call came to; each tells how many bytes it did. */
function resumable(size: number, run: (done: number) => number): () => void {
  let done = 0;
  return () => {
    while (done < size) done += run(done);
  };
}

/** Faults on what is no address at all. */
function requireAddresses(at: number, size: number, access: 'read' | 'write'): void {
  if (Number.isSafeInteger(at) && at >= 0 && at + size <= ADDRESS_END) return;
  throw new GuestFault(FaultOutcome.unmapped, at, size, access);
}

function loadBytes(memory: Process, at: number, size: number): number {
  requireAddresses(at, size, 'read');
  const { bytes } = memory.machine.ram;
  let value = 0;
  let physical = 0;
  for (let i = 0; i < size; i++, physical++) {
    if (i === 0 || ((at + i) & PAGE_MASK) === 0) physical = memory.translate(at + i, 0);
    value += (bytes[physical] as number) * 2 ** (8 * i);
  }
  return value;
}

function storeBytes(memory: Process, at: number, value: number, size: number): void {
  requireAddresses(at, size, 'write');
  const { bytes } = memory.machine.ram;
  let physical = 0;
  for (let i = 0; i < size; i++, physical++) {
    if (i === 0 || ((at + i) & PAGE_MASK) === 0) physical = memory.translate(at + i, 1);
    bytes[physical] = value >>> (8 * i);
  }
}

function writer(memory: () => Process, at: number, bytes: Uint8Array): () => void {
  const copy = resumable(bytes.length, (done) => {
    const run = runLength(at + done, bytes.length - done);
    memory().copyOut(at + done, bytes.subarray(done, done + run));
    return run;
  });
  return () => {
    requireAddresses(at, bytes.length, 'write');
    copy();
  };
}

function readString(memory: Process, at: number, limit: number): string {
  const bytes: number[] = [];
  const byte = new Uint8Array(1);
  while (bytes.length < limit) {
    requireAddresses(at + bytes.length, 1, 'read');
    memory.copyIn(at + bytes.length, byte);
    if (byte[0] === 0) break;
    bytes.push(byte[0] as number);
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

function mover(memory: () => Process, to: number, from: number, size: number): () => void {
  const copy = resumable(size, (done) => moveRun(memory(), to, from, size, done));
  return () => {
    requireAddresses(from, size, 'read');
    requireAddresses(to, size, 'write');
    copy();
  };
}

function comparer(memory: () => Process, a: number, b: number, size: number): () => number {
  let difference = 0;
  const compare = resumable(size, (done) => {
    const step = compareRun(memory(), a, b, size, done);
    difference = step.difference;
    return difference === 0 ? step.run : size - done;
  });
  return () => {
    requireAddresses(a, size, 'read');
    requireAddresses(b, size, 'read');
    compare();
    return difference;
  };
}

/** memchr; without a size it goes on until it finds the byte or faults. */
function finder(memory: () => Process, at: number, value: number, size: number): () => number {
  let found = -1;
  const find = resumable(size, (done) => {
    const step = findRun(memory(), at, value, size, done);
    found = step.found;
    return found < 0 ? step.run : size - done;
  });
  return () => {
    requireAddresses(at, Math.min(size, 1), 'read');
    find();
    return found;
  };
}
