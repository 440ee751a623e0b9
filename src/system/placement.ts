// Where an area goes: the choice among holes that every memory manager with an ordered map makes the same way.

import { type Errno, PAGE_SIZE, pageAtOrAfter, pageOf, type Random } from '../base/index.ts';
import { type Range, type RangeMap, randomHole } from '../ranges/index.ts';
import type { Place, SpaceLayout } from './requests.ts';

/** A space that has a layout and finds holes by `findHole`. */
interface Placing {
  readonly layout: SpaceLayout;
  findHole(pages: number, hint: number | undefined): number;
}

/**
 * Returns the page where `pages` pages fit between the brk area and the end of the space, by the layout's placement; -1 if nowhere.
 * A hint (a page) is taken if it is free.
 */
export function findHole<T extends Range>(
  entries: RangeMap<T>,
  layout: SpaceLayout,
  random: Random,
  { pages, hint }: { readonly pages: number; readonly hint: number | undefined },
): number {
  const low = pageAtOrAfter(layout.breakLimit);
  const high = Math.floor(layout.high / PAGE_SIZE);
  if (!(pages <= high - low)) return -1;
  const { placement } = layout;
  if (placement === 'random' && hint === undefined) return randomHole(entries, pages, { low, high, random });
  const fit = placement === 'bestFit' ? 'best' : 'first';
  const direction = placement === 'firstFit' || placement === 'bestFit' ? 'bottom-up' : 'top-down';
  return entries.findHole(pages, { low, high, direction, fit, ...(hint !== undefined && { hint }) });
}

/** Returns the page where `pages` pages go. EINVAL for a fixed address off a page boundary, ENOMEM if they do not fit there or anywhere. */
export function choosePlace(space: Placing, pages: number, place: Place | undefined): number | Errno {
  if (place?.how === 'fixed') {
    const end = place.address + pages * PAGE_SIZE;
    if (place.address % PAGE_SIZE !== 0) return 'EINVAL';
    if (place.address < space.layout.low || end > space.layout.high) return 'ENOMEM';
    return pageOf(place.address);
  }
  const hole = space.findHole(pages, place === undefined ? undefined : pageOf(place.address));
  return hole < 0 ? 'ENOMEM' : hole;
}

/** Returns a page where `pages` pages fit without touching [first, first + pages), or -1: for what is to replace that range once it is whole. */
export function findHoleApart(space: Pick<Placing, 'findHole'>, pages: number, first: number): number {
  const isApart = (at: number) => at + pages <= first || first + pages <= at;
  const hole = space.findHole(pages, undefined);
  if (hole < 0 || isApart(hole)) return hole;
  // Of three places in a row, the range touches two at most.
  const row = space.findHole(3 * pages, undefined);
  return row < 0 ? -1 : ([row, row + pages, row + 2 * pages].findLast(isApart) ?? -1);
}
