// What a guest gets from the host: its arguments, streams, directories, clocks and random numbers.

import { type ByteSink, deterministicClock, deterministicRandom, type WasiOptions } from '../src/wasm/index.ts';
import { hostClock, hostRandom } from './host-clock.ts';
import { hostDirectory } from './host-directory.ts';
import type { RunHost, RunOptions } from './run-program.ts';
import { hostSink, hostSource } from './stdio.ts';

/** Makes the system interface's options of one run. The live line is hidden before the guest writes to a terminal. */
export function guestWorld(options: RunOptions, host: RunHost): Omit<WasiOptions, 'memory'> {
  const seeded = options.clocksAndRandom === 'seeded';
  return {
    args: [options.argv0, ...options.args],
    environ: options.env,
    stdin: hostSource(0),
    stdout: afterProgress(hostSink(host.guestOutput === 'standard error' ? 2 : 1), host),
    stderr: afterProgress(hostSink(2), host),
    preopens: options.directories.map(({ guest, host: path }) => ({ guestPath: guest, directory: hostDirectory(path) })),
    clock: seeded ? deterministicClock() : hostClock(),
    random: seeded ? deterministicRandom(options.seed) : hostRandom(),
  };
}

function afterProgress(sink: ByteSink, host: RunHost): ByteSink {
  if (!sink.isTerminal) return sink;
  return {
    isTerminal: true,
    write(from, length) {
      host.progress.hide();
      return sink.write(from, length);
    },
  };
}
