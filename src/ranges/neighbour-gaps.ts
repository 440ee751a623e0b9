// Steps from gap to gap for containers that know no gaps: from neighbour to neighbour.

import type { Range, RangeMap } from './range-map.ts';

/** Returns the first range above `item` that has a gap of at least `size` below it, or undefined. */
export function gapAbove<T extends Range>(map: RangeMap<T>, item: T, size: number): T | undefined {
  let below = item;
  for (let next = map.next(item); next !== undefined; next = map.next(next)) {
    if (next.start - below.end >= size) return next;
    below = next;
  }
  return undefined;
}

/** Returns the first range below `item` (undefined: below the end of everything) that has a gap of at least `size` below it, or undefined. */
export function gapBelow<T extends Range>(map: RangeMap<T>, item: T | undefined, size: number): T | undefined {
  let at = item === undefined ? map.last() : map.previous(item);
  while (at !== undefined) {
    const below = map.previous(at);
    if (at.start - (below?.end ?? 0) >= size) return at;
    at = below;
  }
  return undefined;
}
