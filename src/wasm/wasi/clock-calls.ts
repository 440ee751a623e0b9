// clock_res_get, clock_time_get. CPU time is the monotonic time since the process began: the machine runs nothing but the guest.

import type { WasiClock } from './clock.ts';
import { requireWritable, type WasiCalls, type WasiContext } from './context.ts';
import { WasiError } from './errno.ts';
import { ClockId } from './layout.ts';

/** Reads clocks by their numbers. */
export class ClockReader {
  readonly #clock: WasiClock;
  readonly #start: bigint;

  constructor(clock: WasiClock) {
    this.#clock = clock;
    this.#start = clock.monotonic();
  }

  /** Returns nanoseconds; EINVAL if there is no such clock. */
  now(id: number): bigint {
    switch (id) {
      case ClockId.realtime:
        return this.#clock.realtime();
      case ClockId.monotonic:
        return this.#clock.monotonic();
      case ClockId.processTime:
      case ClockId.threadTime:
        return this.#clock.monotonic() - this.#start;
      default:
        throw new WasiError('EINVAL');
    }
  }
}

/** The calls that read clocks. */
export function clockCalls(context: WasiContext, reader: ClockReader): WasiCalls {
  const { memory, clock } = context;
  return {
    clock_res_get(id: number, result: number): number {
      if (id >>> 0 > ClockId.threadTime) throw new WasiError('EINVAL');
      memory.writeU64(result >>> 0, clock.resolution);
      return 0;
    },
    // The precision asked for needs no effort: every reading is as exact as the clock.
    clock_time_get(id: number, _precision: bigint, result: number): number {
      requireWritable(memory, result >>> 0, 8);
      memory.writeU64(result >>> 0, reader.now(id >>> 0));
      return 0;
    },
  };
}
