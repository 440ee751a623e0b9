// Real time and real randomness for guest programs.

import { randomFillSync } from 'node:crypto';
import type { WasiClock, WasiRandom } from '../src/wasm/wasi/index.ts';

const NANOSECONDS_PER_MILLISECOND = 1_000_000;

/** Returns the host's clocks. Real time is the wall clock at the start plus the monotonic time since: finer than Date.now, and it never falls. */
export function hostClock(): WasiClock {
  const wallOffset = BigInt(Date.now()) * BigInt(NANOSECONDS_PER_MILLISECOND) - process.hrtime.bigint();
  return {
    resolution: 1n,
    realtime: () => wallOffset + process.hrtime.bigint(),
    monotonic: () => process.hrtime.bigint(),
    sleep: (nanoseconds) => sleepMilliseconds(Number(nanoseconds) / NANOSECONDS_PER_MILLISECOND),
  };
}

/** Returns the host's random numbers, fit for keys. */
export function hostRandom(): WasiRandom {
  return { fill: (bytes) => void randomFillSync(bytes) };
}

/** Sleeps without giving up the thread: a wait on a word that nobody wakes. */
export function sleepMilliseconds(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
