// Places for new ranges: which gap, and where in it. The same for every container that can step from gap to gap; how fast it steps is
// the container's affair (RangeMap's header).
//
//   [low                                                                     high)
//       | area |  gap  | area |     gap      | area |  gap   | area |
//               ^               ^                     ^    ^
//               first, up       |                     |    first, down: the end of the gap
//                               the largest           best fit: the smallest that is large enough
//
// A gap is named by the range above it; the gap above the highest range has none. Sources: Knuth 1997, section 2.5 (first and best fit); the top-down
// search and the hint are Linux's and UVM's; a place at random is PaX's ASLR.

import { invariant, type Random } from '../base/index.ts';
import type { HoleRequest, Range, RangeMap } from './range-map.ts';

/** Steps from gap to gap. */
export interface Gaps<T extends Range> {
  /** Returns the first range with `end > position`. */
  findNext(position: number): T | undefined;
  last(): T | undefined;
  previous(item: T): T | undefined;
  /** Returns the first range above `item` that has a gap of at least `size` below it, or undefined. */
  nextGap(item: T, size: number): T | undefined;
  /** Returns the first range below `item` (undefined: below the end of everything) that has a gap of at least `size` below it, or undefined. */
  previousGap(item: T | undefined, size: number): T | undefined;
}

/** Returns the start of a hole as `RangeMap.findHole` says. */
export function searchHole<T extends Range>(gaps: Gaps<T>, size: number, request: HoleRequest): number {
  expectSize(size);
  const { hint } = request;
  if (hint !== undefined && canTakeHint(hint, size, request)) {
    const next = gaps.findNext(hint);
    if (next === undefined || hint + size <= next.start) return hint;
  }
  return request.direction === 'bottom-up' ? searchUp(gaps, size, request) : searchDown(gaps, size, request);
}

/** Panics (RM1) if `size` is below 1. */
export function expectSize(size: number): void {
  invariant(size >= 1, 'RM1', () => `a hole of ${size} units`);
}

/** Returns whether the hint lies inside the bounds and is aligned, so that only ranges can be in its way. */
export function canTakeHint(hint: number, size: number, { low, high, alignment = 1 }: HoleRequest): boolean {
  return hint >= low && hint + size <= high && hint % alignment === 0;
}

function searchUp<T extends Range>(gaps: Gaps<T>, size: number, { low, high, fit = 'first', alignment = 1 }: HoleRequest): number {
  let found = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let item = gaps.findNext(low); ; item = gaps.nextGap(item, size)) {
    const below = item === undefined ? gaps.last() : gaps.previous(item);
    const floor = Math.max(low, below?.end ?? 0);
    const ceiling = Math.min(high, item?.start ?? high);
    const place = alignUp(floor, alignment);
    if (place + size <= ceiling && ceiling - floor < least) {
      if (fit === 'first' || ceiling - floor === size) return place;
      found = place;
      least = ceiling - floor;
    }
    if (item === undefined || item.start >= high) return found;
  }
}

function searchDown<T extends Range>(gaps: Gaps<T>, size: number, { low, high, fit = 'first', alignment = 1 }: HoleRequest): number {
  let found = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let item = gaps.findNext(high - 1), isFirst = true; item !== undefined || isFirst; item = gaps.previousGap(item, size)) {
    isFirst = false;
    const below = item === undefined ? gaps.last() : gaps.previous(item);
    const floor = Math.max(low, below?.end ?? 0);
    const ceiling = Math.min(high, item?.start ?? high);
    const place = alignDown(ceiling - size, alignment);
    if (place >= floor && ceiling - floor < least) {
      if (fit === 'first' || ceiling - floor === size) return place;
      found = place;
      least = ceiling - floor;
    }
    if (floor === low) break;
  }
  return found;
}

/**
 * Returns a hole at random inside [low, high), or -1: a place drawn evenly if it is free, else the next hole below it, else the highest of all.
 * So a space that is mostly empty gives every place about as often, and one that is nearly full still gives what it has.
 */
export function randomHole<T extends Range>(
  map: RangeMap<T>,
  size: number,
  { low, high, random }: { readonly low: number; readonly high: number; readonly random: Random },
): number {
  if (!(size <= high - low)) return -1;
  const place = low + random.below(high - low - size + 1);
  const below = map.findHole(size, { low, high: place + size, direction: 'top-down', hint: place });
  return below >= 0 ? below : map.findHole(size, { low, high, direction: 'top-down' });
}

// Remainders, not masks: positions reach 2^53 and an alignment need not be a power of two.

/** Returns the highest multiple of `alignment` up to `position`, or -1 below 0. */
export function alignDown(position: number, alignment: number): number {
  return position < 0 ? -1 : position - (position % alignment);
}

/** Returns the lowest multiple of `alignment` from `position` on. */
export function alignUp(position: number, alignment: number): number {
  const over = position % alignment;
  return over === 0 ? position : position + alignment - over;
}
