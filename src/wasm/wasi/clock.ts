// Time and chance, as the guest sees them. Both are handed in, so src/ reads no clock of its own; the real ones are in `cli/`.
// The deterministic pair makes a run repeatable: the same program with the same seed sees the same times and the same bytes.

import { Random } from '../../base/index.ts';

/** A source of time, in nanoseconds. */
export interface WasiClock {
  /** The step between two different readings. */
  readonly resolution: bigint;
  /** Nanoseconds since 1970-01-01. */
  realtime(): bigint;
  /** Nanoseconds since some moment; never falls. */
  monotonic(): bigint;
  /** Returns when `nanoseconds` have passed. */
  sleep(nanoseconds: bigint): void;
}

/** A source of random bytes. */
export interface WasiRandom {
  fill(bytes: Uint8Array): void;
}

/** 2000-01-01T00:00:00Z: a date that every program accepts, and that nobody takes for now. */
const DETERMINISTIC_START = 946_684_800_000_000_000n;
/** One microsecond: programs that wait for a second of clock readings get there after a million of them. */
const DETERMINISTIC_STEP = 1_000n;

/** Returns a clock that advances by one microsecond at every reading, and by the time slept. It starts on 2000-01-01. */
export function deterministicClock(): WasiClock {
  let elapsed = 0n;
  const read = (): bigint => {
    elapsed += DETERMINISTIC_STEP;
    return elapsed;
  };
  return {
    resolution: DETERMINISTIC_STEP,
    realtime: () => DETERMINISTIC_START + read(),
    monotonic: read,
    sleep(nanoseconds) {
      elapsed += nanoseconds;
    },
  };
}

/** Returns random bytes that depend on `seed` only. */
export function deterministicRandom(seed: number): WasiRandom {
  return new Random(seed);
}
