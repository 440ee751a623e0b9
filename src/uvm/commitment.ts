// What was promised: reserved and committed memory, the charge for it, and the limits of a space.
//
//   reserved  --commit-->  charged    each page will get memory or swap when it is touched; counts against `committedBytes`
//            <--decommit--            content given up, addresses kept, no rights
//
// The charge of an area goes by its kind (ME4), not by its pages: a promise is for what may still come. A fork's child is charged like its
// parent. Limits bind requests: what is there already stays.
// Source: NT's reserve and commit; RLIMIT_AS and RLIMIT_MEMLOCK of POSIX; the accounting of Linux, without its overcommit.

import { addressOf, type Errno, PAGE_SIZE } from '../base/index.ts';
import { type PageRange, PROT_NONE, PROT_WRITE, type SpaceUsage } from '../system/index.ts';
import { everyArea, protectEntry } from './areas.ts';
import type { UvmCore } from './core.ts';
import type { EntryAttributes, VmMapEntry } from './map-entry.ts';
import type { VmMap } from './vm-map.ts';
import { unwireFrames } from './wired-pages.ts';

/** By how many pages a request changes what a space takes. */
export interface Growth {
  readonly mapped: number;
  readonly charged: number;
  readonly locked: number;
}

/** What a space takes now, and its limits. */
type Taker = Pick<VmMap, 'limits' | 'mappedPages' | 'chargedPages' | 'lockedPages'>;

/** Tells whether a space stays within its limits if it takes so much more. A bound that the request does not move does not matter. */
export function isWithinLimits(space: Taker, { mapped, charged, locked }: Growth): boolean {
  const { limits } = space;
  const fits = (now: number, more: number, limit: number | undefined) =>
    more <= 0 || limit === undefined || (now + more) * PAGE_SIZE <= limit;
  return (
    fits(space.mappedPages, mapped, limits.addressBytes) &&
    fits(space.chargedPages, charged, limits.committedBytes) &&
    fits(space.lockedPages, locked, limits.lockedBytes)
  );
}

/** Returns what an area of `pages` pages takes, in place of what is at [start, start + pages). */
export function growthOf(space: VmMap, start: number, pages: number, attributes: Pick<EntryAttributes, 'commitment' | 'wired'>): Growth {
  let [mapped, charged, locked] = [pages, attributes.commitment === 'charged' ? pages : 0, attributes.wired ? pages : 0];
  let entry = space.findNext(start);
  for (; entry !== undefined && entry.start < start + pages; entry = space.next(entry)) {
    const replaced = Math.min(entry.end, start + pages) - Math.max(entry.start, start);
    mapped -= replaced;
    if (entry.commitment === 'charged') charged -= replaced;
    if (entry.wired) locked -= replaced;
  }
  return { mapped, charged, locked };
}

/** Returns what a space takes. */
export function usageOf(space: VmMap): SpaceUsage {
  return {
    addressBytes: addressOf(space.mappedPages),
    committedBytes: addressOf(space.chargedPages),
    lockedBytes: addressOf(space.lockedPages),
    residentBytes: addressOf(space.pmap.residentPages),
  };
}

/** Areas in a writable loan are not: they belong to two spaces. */
function isPrivateAnonymous(entry: VmMapEntry): boolean {
  return entry.object === undefined && entry.copyOnWrite && entry.loanPart === undefined;
}

/**
 * Gives a range of reserved or committed private anonymous memory a charge and rights. Content that is there stays.
 * ENOMEM over the limit, if part of it is something else, or when out of kernel memory.
 */
export function commitRange(core: UvmCore, space: VmMap, { first, end }: PageRange, protection: number): 0 | Errno {
  let charged = 0;
  const isAllowed = everyArea(space, first, end, (entry, from, to) => {
    if (entry.commitment === 'reserved') charged += to - from;
    return isPrivateAnonymous(entry);
  });
  if (!isAllowed || !isWithinLimits(space, { mapped: 0, charged, locked: 0 })) return 'ENOMEM';
  if (!space.clipRange(first, end)) return 'ENOMEM';
  everyArea(space, first, end, (entry) => {
    space.recommit(entry, 'charged');
    protectEntry(core, space, entry, protection);
    return true;
  });
  space.mergeRange(first, end);
  return 0;
}

/** Gives the content of a range up and makes it reserved. ENOMEM if part of it is not private anonymous memory, or cannot be split off. */
export function decommitRange(core: UvmCore, space: VmMap, { first, end }: PageRange): 0 | Errno {
  if (!everyArea(space, first, end, isPrivateAnonymous)) return 'ENOMEM';
  if (!space.clipRange(first, end)) return 'ENOMEM';
  core.machine.pmaps.remove(space.pmap, first, end);
  everyArea(space, first, end, (entry) => {
    if (entry.wired) {
      unwireFrames(core, entry, entry.start, entry.end);
      space.setWired(entry, 'unwired');
    }
    entry.amap?.drop(entry.amapOffset, entry.amapEnd);
    entry.amap = undefined;
    entry.amapOffset = 0;
    entry.needsCopy = true;
    entry.protection = PROT_NONE;
    space.recommit(entry, 'reserved');
    return true;
  });
  space.mergeRange(first, end);
  return 0;
}

/**
 * Gives a range other rights, and a charge where private pages of an object may be written for the first time. ENOMEM if part of it is not
 * mapped or over the limit, EACCES for reserved memory or beyond what the object allows.
 */
export function protectRange(core: UvmCore, space: VmMap, { first, end }: PageRange, protection: number): 0 | Errno {
  let charged = 0;
  let error: Errno | 0 = 0;
  const isMapped = everyArea(space, first, end, (entry, from, to) => {
    if (becomesCharged(entry, protection)) charged += to - from;
    if ((protection & ~entry.maxProtection) !== 0 || (entry.commitment === 'reserved' && protection !== PROT_NONE)) error = 'EACCES';
    return error === 0;
  });
  if (error !== 0) return error;
  if (!isMapped || !isWithinLimits(space, { mapped: 0, charged, locked: 0 }) || !space.clipRange(first, end)) return 'ENOMEM';
  everyArea(space, first, end, (entry) => {
    if (becomesCharged(entry, protection)) space.recommit(entry, 'charged');
    protectEntry(core, space, entry, protection);
    return true;
  });
  space.mergeRange(first, end);
  return 0;
}

function becomesCharged(entry: VmMapEntry, protection: number): boolean {
  return entry.commitment === 'backed' && entry.copyOnWrite && (protection & PROT_WRITE) !== 0;
}
