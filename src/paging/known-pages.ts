// The checks of RP1 that every policy makes at its door.

import { KernelPanic } from '../base/index.ts';

/** Panics (RP1) unless `page` is an id in [0, capacity) and not known yet. */
export function expectUnknown(page: number, known: boolean, capacity: number): void {
  if (known) throw new KernelPanic('RP1', `page ${page} is loaded twice`);
  if (page >>> 0 !== page || page >= capacity) throw new KernelPanic('RP1', `page ${page} is outside [0, ${capacity})`);
}

/** Panics (RP1) unless `page` is known. */
export function expectKnown(page: number, known: boolean): void {
  if (!known) throw new KernelPanic('RP1', `page ${page} is not known`);
}
