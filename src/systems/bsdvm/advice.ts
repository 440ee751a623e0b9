// Advice, and giving memory up: `advise`, `commit`, `decommit`. 4.4BSD maps one page per fault whatever the advice, so `normal`, `random`
// and `sequential` are accepted and change nothing.
//
// Content is given up by freeing pages where the object is the entry's alone, else by leaving the object to those who share it: the
// entry starts anew without one. Pages of the old object that nobody reaches any more stay until it ends, as after a partial unmap.

import type { Errno, Pfn } from '../../base/index.ts';
import { type Advice, type PageRange, PROT_ALL, PROT_NONE } from '../../system/index.ts';
import { forEachVisible } from './chain.ts';
import { exceeds, pagesWithin } from './commitment.ts';
import type { BsdCore } from './core.ts';
import type { BsdMapEntry } from './map-entry.ts';
import { setProtection } from './map-requests.ts';
import { GET_ABSENT } from './object-table.ts';
import type { BsdMap } from './vm-map.ts';
import { unwirePages } from './wired-pages.ts';

/**
 * Takes advice on a range. ENOMEM if part of it is not mapped (the rest is advised) or kernel memory is short; EINVAL, with nothing done,
 * if content cannot be given up: it is shared, a file's or locked.
 */
export function advise(core: BsdCore, space: BsdMap, { first, end }: PageRange, advice: Advice): 0 | Errno {
  if (advice === 'free') for (const entry of space.within(first, end)) if (!isDisposable(entry)) return 'EINVAL';
  for (const entry of space.within(first, end)) {
    const part = { first: Math.max(entry.start, first), end: Math.min(entry.end, end) };
    if (advice === 'willNeed') bringIn(core, entry, part);
    else if (advice === 'dontNeed') demote(core, entry, part);
    else if (advice === 'free' && !giveUp(core, space, entry, part)) return 'ENOMEM';
  }
  return space.isMapped(first, end) ? 0 : 'ENOMEM';
}

/** Brings in what files and swap have of the range, while memory is not low. */
function bringIn(core: BsdCore, entry: BsdMapEntry, { first, end }: PageRange): void {
  const { machine, queue, objects } = core;
  for (let page = first; page < end; page++) {
    if (machine.frames.freeCount <= queue.freeTarget) return;
    let index = entry.indexOf(page);
    for (let object = entry.object; object !== undefined; object = object.shadow) {
      if (objects.get(object, index) !== GET_ABSENT) break;
      index += object.shadowOffset;
    }
  }
}

function demote({ queue }: BsdCore, entry: BsdMapEntry, { first, end }: PageRange): void {
  forEachVisible(entry, first, end, (_page, frame) => {
    if (frame !== 0) queue.demote(frame as Pfn);
  });
}

function isDisposable({ sharing, backing, wiredCount }: BsdMapEntry): boolean {
  return sharing === 'private' && backing === 'anonymous' && wiredCount === 0;
}

/** Gives the content of private anonymous memory up, unless a child shares it. */
function giveUp(core: BsdCore, space: BsdMap, entry: BsdMapEntry, part: PageRange): boolean {
  const { object } = entry;
  if (entry.sharesObject || object === undefined) return true;
  if (object.references === 1 && object.shadow === undefined) {
    core.machine.pmaps.remove(space.pmap, part.first, part.end);
    core.objects.removePages(object, entry.indexOf(part.first), entry.indexOf(part.end));
    return true;
  }
  if (!space.clipRange(part.first, part.end)) return false;
  startAnew(core, space, space.find(part.first) as BsdMapEntry);
  return true;
}

/** Takes an entry's object away: its next pages are zeros. */
function startAnew(core: BsdCore, space: BsdMap, entry: BsdMapEntry): void {
  const { object } = entry;
  core.machine.pmaps.remove(space.pmap, entry.start, entry.end);
  entry.object = undefined;
  entry.objectOffset = 0;
  entry.needsCopy = false;
  entry.sharesObject = false;
  if (object !== undefined) core.objects.release(object);
}

/** Gives reserved or committed memory these rights, and charges what was reserved. ENOMEM if a part is neither reserved nor committed memory, or over a limit. */
export function commit(core: BsdCore, space: BsdMap, { first, end }: PageRange, protection: number): 0 | Errno {
  if ((protection & PROT_ALL) !== protection) return 'EINVAL';
  if (!isOwnMemory(space, first, end)) return 'ENOMEM';
  const added = pagesWithin(space, first, end, (entry) => entry.commitment === 'reserved');
  const refused = exceeds(space, 0, added);
  if (refused !== 0) return refused;
  if (!space.clipRange(first, end)) return 'ENOMEM';
  for (const entry of space.within(first, end)) {
    entry.commitment = 'charged';
    entry.maxProtection = PROT_ALL;
    setProtection(core, space, entry, protection);
  }
  return 0;
}

/** Makes a range of committed memory reserved again. ENOMEM if part of it is something else. */
export function decommit(core: BsdCore, space: BsdMap, { first, end }: PageRange): 0 | Errno {
  if (!isOwnMemory(space, first, end) || !space.clipRange(first, end)) return 'ENOMEM';
  for (const entry of space.within(first, end)) {
    if (entry.wiredCount > 0) unwirePages(core, entry, entry.start, entry.end);
    entry.wiredCount = 0;
    entry.isLocked = false;
    startAnew(core, space, entry);
    entry.commitment = 'reserved';
    entry.protection = PROT_NONE;
    entry.maxProtection = PROT_NONE;
  }
  return 0;
}

/** Tells whether all of [first, end) is private anonymous memory, reserved or committed. */
function isOwnMemory(space: BsdMap, first: number, end: number): boolean {
  if (!space.isMapped(first, end)) return false;
  for (const entry of space.within(first, end)) if (entry.sharing !== 'private' || entry.backing !== 'anonymous') return false;
  return true;
}
