// proc_exit, proc_raise, sched_yield, random_get. Exit and fatal signals leave the guest as exceptions, which its runner catches.

import { requireWritable, type WasiCalls, type WasiContext } from './context.ts';
import { WasiError } from './errno.ts';

/** The guest called proc_exit. */
export class ProcessExit extends Error {
  /** The exit code, an unsigned 32-bit number. */
  readonly code: number;

  constructor(code: number) {
    super(`exit with code ${code}`);
    this.name = 'ProcessExit';
    this.code = code;
  }
}

/** The guest raised a signal that ends a process. */
export class ProcessSignal extends Error {
  /** The signal's POSIX name, such as `SIGABRT`. */
  readonly signal: string;

  constructor(signal: string) {
    super(`ended by ${signal}`);
    this.name = 'ProcessSignal';
    this.signal = signal;
  }
}

/** Signals in the order of `signal` in typenames.witx, with the default action it states. */
// biome-ignore format: a table.
const SIGNALS: readonly (readonly [name: string, action: 'end' | 'ignore' | 'stop'])[] = [
  ['NONE', 'ignore'], ['HUP', 'end'], ['INT', 'end'], ['QUIT', 'end'], ['ILL', 'end'], ['TRAP', 'end'], ['ABRT', 'end'], ['BUS', 'end'],
  ['FPE', 'end'], ['KILL', 'end'], ['USR1', 'end'], ['SEGV', 'end'], ['USR2', 'end'], ['PIPE', 'ignore'], ['ALRM', 'end'], ['TERM', 'end'],
  ['CHLD', 'ignore'], ['CONT', 'ignore'], ['STOP', 'stop'], ['TSTP', 'stop'], ['TTIN', 'stop'], ['TTOU', 'stop'], ['URG', 'ignore'],
  ['XCPU', 'end'], ['XFSZ', 'end'], ['VTALRM', 'end'], ['PROF', 'end'], ['WINCH', 'ignore'], ['POLL', 'end'], ['PWR', 'end'], ['SYS', 'end'],
];

/** The calls about the process. */
export function processCalls(context: WasiContext): WasiCalls {
  const { memory, random, staging } = context;
  return {
    proc_exit(code: number): never {
      throw new ProcessExit(code >>> 0);
    },

    proc_raise(number: number): number {
      const signal = SIGNALS[number >>> 0];
      if (signal === undefined) throw new WasiError('EINVAL');
      const [name, action] = signal;
      if (action === 'end') throw new ProcessSignal(`SIG${name}`);
      if (action === 'stop') throw new WasiError('ENOTSUP'); // nobody could continue it
      return 0;
    },

    sched_yield: () => 0,

    random_get(buffer: number, length: number): number {
      const address = buffer >>> 0;
      const end = address + (length >>> 0);
      requireWritable(memory, address, length >>> 0);
      for (let at = address; at < end; at += staging.length) {
        const part = staging.subarray(0, Math.min(staging.length, end - at));
        random.fill(part);
        memory.copyOut(at, part);
      }
      return 0;
    },
  };
}
