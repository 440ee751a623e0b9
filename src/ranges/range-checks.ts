// What every container refuses, in the same words.

import { invariant, KernelPanic } from '../base/index.ts';
import type { Range } from './range-map.ts';

/** Panics unless `item` may come into a map: not empty (RM1), in none yet (RM3). */
export function expectNew({ start, end, slot }: Range): void {
  invariant(start >= 0 && start < end, 'RM1', () => `[${start}, ${end}) is empty or below 0`);
  invariant(slot === undefined, 'RM3', () => `[${start}, ${end}) is in a map already`);
}

/** Panics (RM1) unless `item` may become [start, end) between what ends at `floor` and what starts at `ceiling`. */
export function expectRoom(item: Range, start: number, end: number, { floor, ceiling }: { floor: number; ceiling: number }): void {
  invariant(start < end, 'RM1', () => `[${start}, ${end}) is empty`);
  const fits = start >= floor && end <= ceiling;
  invariant(fits, 'RM1', () => `[${item.start}, ${item.end}) cannot become [${start}, ${end}): a neighbour is in the way`);
}

/** Returns the panic for a range that overlaps another. */
export function overlap({ start, end }: Range): KernelPanic {
  return new KernelPanic('RM1', `[${start}, ${end}) overlaps a range of the map`);
}

/** Returns the panic for a range that is not in the map that was asked. */
export function notInMap({ start, end }: Range): KernelPanic {
  return new KernelPanic('RM3', `[${start}, ${end}) is not in this map`);
}
