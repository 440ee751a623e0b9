// What a space takes, and what it may take. Addresses count as soon as they are mapped; memory counts when it is the space's own to
// fill: private areas that may be written, and anonymous ones. 4.4BSD kept sums (vm_tsize, vm_dsize); here they are added up when asked for.

import { type Errno, PAGE_SIZE } from '../../base/index.ts';
import { PROT_WRITE, type SpaceUsage } from '../../system/index.ts';
import type { BsdMapEntry } from './map-entry.ts';
import type { BsdMap } from './vm-map.ts';

/** Returns a bound in whole pages; none without a bound. */
function pageLimit(bytes: number | undefined): number {
  return bytes === undefined ? Number.POSITIVE_INFINITY : Math.floor(bytes / PAGE_SIZE);
}

/** Tells whether an area counts as committed memory. */
export function isCharged({ commitment }: Pick<BsdMapEntry, 'commitment'>): boolean {
  return commitment === 'charged';
}

/** Tells whether an area becomes charged when it gets these rights; it stays so when they go. */
export function becomesCharged({ commitment, sharing }: BsdMapEntry, protection: number): boolean {
  return commitment === 'backed' && sharing === 'private' && (protection & PROT_WRITE) !== 0;
}

/** Tells whether what a child would get is within the limits, which it inherits. */
export function mayFork(space: BsdMap): boolean {
  const { addressBytes, committedBytes } = space.limits;
  const isInherited = (entry: BsdMapEntry) => entry.inheritance !== 'none';
  const mapped = sumPages(space, isInherited);
  const charged = sumPages(space, (entry) => isInherited(entry) && isChargedInChild(entry));
  return mapped <= pageLimit(addressBytes) && charged <= pageLimit(committedBytes);
}

/** Tells whether what a child gets of an area is committed memory: fresh memory is, and a copy of a shared area that it may write. */
function isChargedInChild(entry: BsdMapEntry): boolean {
  const { inheritance, protection, object } = entry;
  if (isCharged(entry)) return true;
  if (entry.commitment === 'reserved' || inheritance === 'share') return false;
  return inheritance === 'zero' || ((protection & PROT_WRITE) !== 0 && object?.kind !== 'device');
}

/** Returns ENOMEM if so many more pages of addresses and of memory would pass the space's limits. */
export function exceeds(space: BsdMap, addresses: number, committed: number): 0 | Errno {
  const { addressBytes, committedBytes } = space.limits;
  if (addressBytes === undefined && committedBytes === undefined) return 0;
  const mapped = sumPages(space, () => true);
  const charged = sumPages(space, isCharged);
  const tooMany = addresses > 0 && mapped + addresses > pageLimit(addressBytes);
  const tooMuch = committed > 0 && charged + committed > pageLimit(committedBytes);
  return tooMany || tooMuch ? 'ENOMEM' : 0;
}

/** Tells whether so many more locked pages would pass the space's limit. */
export function exceedsLocked(space: BsdMap, pages: number): boolean {
  return pages > 0 && lockedPages(space) + pages > pageLimit(space.limits.lockedBytes);
}

function lockedPages(space: BsdMap): number {
  return sumPages(space, (entry) => entry.isLocked);
}

/** Counts the pages of [first, end) that lie in entries which `counts` accepts. */
export function pagesWithin(space: BsdMap, first: number, end: number, counts: (entry: BsdMapEntry) => boolean): number {
  let pages = 0;
  for (const entry of space.within(first, end)) {
    if (counts(entry)) pages += Math.min(entry.end, end) - Math.max(entry.start, first);
  }
  return pages;
}

function sumPages(space: BsdMap, counts: (entry: BsdMapEntry) => boolean): number {
  return pagesWithin(space, 0, Number.MAX_SAFE_INTEGER, counts);
}

/** What the space takes now. */
export function usageOf(space: BsdMap): SpaceUsage {
  return {
    addressBytes: sumPages(space, () => true) * PAGE_SIZE,
    committedBytes: sumPages(space, isCharged) * PAGE_SIZE,
    lockedBytes: lockedPages(space) * PAGE_SIZE,
    residentBytes: space.pmap.residentPages * PAGE_SIZE,
  };
}
