// Making an area larger, smaller, or moving it (mremap). 4.4BSD had no such call; this one is made of its parts: entries move with their
// objects, wirings and mappings, and what is added is an entry of its own, which continues the last page in all that can be asked for: in
// its lock too, unless it has no rights.

import { type Errno, PAGE_SIZE, pageOf, pagesFor } from '../../base/index.ts';
import { findHoleApart, type PageRange, type Place, PROT_NONE, pageRange } from '../../system/index.ts';
import { exceeds, isCharged } from './commitment.ts';
import type { BsdCore } from './core.ts';
import { attributesOf, type BsdMapEntry, DOES_NOT_GROW, type EntryAttributes } from './map-entry.ts';
import { mapAt, moveEntries, removeRange, unmapRange } from './map-requests.ts';
import type { BsdMap } from './vm-map.ts';
import type { VmObject } from './vm-object.ts';
import type { Wiring } from './wiring.ts';

/** What `MemorySystem.remap` was asked. */
export interface RemapRequest {
  readonly start: number;
  readonly oldSize: number;
  readonly newSize: number;
  readonly place: 'here' | 'anywhere' | Place;
}

/** What an area that becomes larger gets at its end. */
interface Tail {
  readonly attributes: EntryAttributes;
  readonly isLocked: boolean;
}

/** Resizes or moves an area. Returns where it is now, or an errno as `MemorySystem.remap`, with nothing changed but where entries are clipped. */
export function remap(core: BsdCore, wiring: Wiring, space: BsdMap, request: RemapRequest): PageRange | Errno {
  const { start, oldSize, newSize, place } = request;
  const from = pageRange(space.layout, start, oldSize);
  if (typeof from === 'string') return from;
  if (!(newSize > 0)) return 'EINVAL';
  if (!isOneArea(space, from)) return 'EFAULT';
  const pages = pagesFor(newSize);
  const tail = tailOf(space, from, pages);
  if (typeof tail === 'string') return tail;
  const target = chooseTarget(space, from, pages, place);
  if (typeof target === 'string') return target;
  const more = pages - (from.end - from.first);
  if (tail !== undefined && exceeds(space, more, isCharged(tail.attributes) ? more : 0) !== 0) return 'ENOMEM';
  if (target === from.first) return resizeInPlace(core, wiring, space, from, pages, tail);
  const to = { first: target, end: target + pages };
  if (tail?.isLocked === true) return moveWithLockedTail(core, wiring, space, from, to, tail.attributes);
  return move(core, space, from, to, tail?.attributes);
}

/** Tells whether a range is one area to its owner, in however many entries. */
function isOneArea(space: BsdMap, { first, end }: PageRange): boolean {
  if (!space.isMapped(first, end)) return false;
  const kind = (entry: BsdMapEntry) => {
    const { protection, sharing, backing, commitment, name } = entry;
    return [protection, sharing, backing, commitment, name, mappedAt(entry, first)].join();
  };
  let expected: string | undefined;
  for (const entry of space.within(first, end)) {
    expected ??= kind(entry);
    if (kind(entry) !== expected) return false;
  }
  return true;
}

/** Names what was mapped, and the page of it that would be at `page`, if it reached there. Anonymous memory continues any other. */
function mappedAt(entry: BsdMapEntry, page: number): string {
  if (entry.backing === 'anonymous') return '';
  const { object, index } = bottomOf(entry, page);
  return `${object.id} at ${index}`;
}

/** Returns what was mapped below the shadows of an entry with backing, and the index in it of `page`. */
function bottomOf(entry: BsdMapEntry, page: number): { readonly object: VmObject; readonly index: number } {
  let index = entry.indexOf(page);
  let object = entry.object as VmObject;
  while (object.shadow !== undefined) {
    index += object.shadowOffset;
    object = object.shadow;
  }
  return { object, index };
}

/** Returns what is added at the end; undefined if nothing is. EINVAL if the object ends before. */
function tailOf(space: BsdMap, { first, end }: PageRange, pages: number): Tail | undefined | Errno {
  const more = pages - (end - first);
  if (more <= 0) return undefined;
  const last = space.find(end - 1) as BsdMapEntry;
  const isLocked = last.isLocked && last.protection !== PROT_NONE;
  const attributes = { ...attributesOf(last), object: undefined, objectOffset: 0, needsCopy: false, growsDownTo: DOES_NOT_GROW };
  if (last.backing === 'anonymous') return { attributes, isLocked };
  const { object, index } = bottomOf(last, end);
  if (index + more > object.pageCount) return 'EINVAL';
  return { attributes: { ...attributes, object, objectOffset: index, needsCopy: last.sharing === 'private' }, isLocked };
}

/** Returns the page where the area is to begin, or why there is none. */
function chooseTarget(space: BsdMap, { first, end }: PageRange, pages: number, place: RemapRequest['place']): number | Errno {
  if (typeof place !== 'string' && place.how === 'fixed') {
    const target = pageRange(space.layout, place.address, pages * PAGE_SIZE);
    if (typeof target === 'string' || place.address < space.layout.low) return 'EINVAL';
    return target.first < end && target.end > first ? 'EINVAL' : target.first;
  }
  const newEnd = first + pages;
  const fits = newEnd <= end || (newEnd * PAGE_SIZE <= space.layout.high && space.isFree(end, newEnd));
  if (fits) return first;
  if (place === 'here') return 'ENOMEM';
  const hole = space.findHole(pages, place === 'anywhere' ? undefined : pageOf(place.address));
  return hole < 0 ? 'ENOMEM' : hole;
}

function resizeInPlace(
  core: BsdCore,
  wiring: Wiring,
  space: BsdMap,
  from: PageRange,
  pages: number,
  tail: Tail | undefined,
): PageRange | Errno {
  const end = from.first + pages;
  let result: 0 | Errno = 0;
  if (tail?.isLocked === true) result = mapLocked(core, wiring, space, { first: from.end, end }, tail.attributes);
  else if (tail !== undefined) result = mapAt(core, space, from.end, end, tail.attributes);
  else if (end < from.end) result = unmapRange(core, space, { first: end, end: from.end });
  return result === 0 ? { first: from.first, end } : result;
}

/** Maps a free range as an entry of its own (a locked entry below is never lengthened) and locks it, or does neither. */
function mapLocked(core: BsdCore, wiring: Wiring, space: BsdMap, range: PageRange, attributes: EntryAttributes): 0 | Errno {
  const mapped = mapAt(core, space, range.first, range.end, attributes);
  if (mapped !== 0) return mapped;
  const locked = wiring.lock(space, range);
  if (locked !== 0) removeRange(core, space, range.first, range.end);
  return locked;
}

/** As `move`, but what is added is locked at a hole before anything goes: so a lock that cannot be had loses nothing. */
function moveWithLockedTail(
  core: BsdCore,
  wiring: Wiring,
  space: BsdMap,
  from: PageRange,
  to: PageRange,
  added: EntryAttributes,
): PageRange | Errno {
  const place = { first: to.first + from.end - from.first, end: to.end };
  const hole = findHoleApart(space, to.end - to.first, to.first);
  if (hole < 0) return 'ENOMEM';
  const standIn = { first: hole, end: hole + place.end - place.first };
  // That it may grow down to where it begins makes it unlike the entry below, which it would lengthen otherwise.
  const made = mapLocked(core, wiring, space, standIn, { ...added, growsDownTo: hole });
  if (made !== 0) return made;
  const moved = space.clipRange(place.first, place.end)
    ? move(core, space, from, { first: to.first, end: place.first }, undefined)
    : 'ENOMEM';
  if (typeof moved === 'string') {
    removeRange(core, space, standIn.first, standIn.end);
    return moved;
  }
  removeRange(core, space, place.first, place.end);
  moveEntries(core, space, standIn, place.first);
  return to;
}

/** Moves the entries of a range, with their objects, and adds or cuts what the new size says. */
function move(core: BsdCore, space: BsdMap, from: PageRange, to: PageRange, added: EntryAttributes | undefined): PageRange | Errno {
  const kept = Math.min(from.end - from.first, to.end - to.first);
  const block = added === undefined ? undefined : space.reserveEntry();
  if (block === 0) return 'ENOMEM';
  const clipped =
    space.clipRange(from.first, from.end) && space.clipRange(from.first + kept, from.end) && space.clipRange(to.first, to.end);
  if (!clipped) {
    if (block !== undefined) space.releaseEntry(block);
    return 'ENOMEM';
  }
  removeRange(core, space, to.first, to.end);
  removeRange(core, space, from.first + kept, from.end);
  moveEntries(core, space, { first: from.first, end: from.first + kept }, to.first);
  if (added !== undefined && block !== undefined) {
    if (added.object !== undefined) added.object.references++;
    space.insert(to.first + kept, to.end, added, block);
  }
  return to;
}
