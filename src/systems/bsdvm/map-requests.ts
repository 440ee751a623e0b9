// Mapping, unmapping, protecting and brk.
//
// Mapping goes in two steps, as in 4.4BSD: an entry is inserted with default rights, then the map is searched again and the entry gets
// what was asked for. New anonymous memory right above anonymous memory with the default attributes lengthens that entry instead, if
// nobody else refers to its object (vm_object_coalesce): so brk stays one entry. Nothing else ever joins entries.
//
// A request checks its arguments and limits, then gets the memory it needs, then changes the map: a failed one changes nothing.
// Source: 4.4BSD's vm_mmap.c, vm_map.c, vm_unix.c.

import { addressOf, type Errno, EventType, PAGE_SIZE, pageAtOrAfter, pageOf, pagesFor } from '../../base/index.ts';
import {
  choosePlace,
  type MapRequest,
  type PageRange,
  PROT_ALL,
  PROT_EXECUTE,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../../system/index.ts';
import { becomesCharged, exceeds, isCharged, pagesWithin } from './commitment.ts';
import type { BsdCore } from './core.ts';
import { type BsdMapEntry, DOES_NOT_GROW, type EntryAttributes } from './map-entry.ts';
import type { BsdMap } from './vm-map.ts';
import type { VmObject } from './vm-object.ts';
import { unwirePages } from './wired-pages.ts';

/** The rights that an entry has between the two steps of mapping: VM_PROT_DEFAULT. */
const DEFAULT_PROTECTION = PROT_ALL;

/** The attributes of memory that brk gives. */
const heapAttributes: EntryAttributes = {
  object: undefined,
  objectOffset: 0,
  protection: PROT_READ | PROT_WRITE,
  maxProtection: PROT_ALL,
  sharing: 'private',
  needsCopy: false,
  inheritance: 'copy',
  commitment: 'charged',
  backing: 'anonymous',
  name: '[heap]',
  growsDownTo: DOES_NOT_GROW,
};

/**
 * Maps what was asked for. Returns the pages, or an errno with nothing changed.
 * @param standIn where it is to be for the time being, instead of its place: as an entry of its own, and no stack yet
 */
export function mapRequest(core: BsdCore, space: BsdMap, request: MapRequest, standIn?: number): PageRange | Errno {
  const pages = pagesFor(request.size);
  const attributes = requestedAttributes(request);
  if (typeof attributes === 'string') return attributes;
  if (!(pages > 0)) return 'EINVAL';
  const first = choosePlace(space, pages, request.place);
  if (typeof first === 'string') return first;
  if (!mayGrowTo(space, request.growsDown?.limit, first)) return 'EINVAL';
  const at = standIn ?? first;
  // That it may grow down to where it begins lets it not grow, and makes it unlike the entry below, which it would lengthen otherwise.
  const result = mapAt(core, space, at, at + pages, standIn === undefined ? attributes : { ...attributes, growsDownTo: standIn });
  return result === 0 ? { first: at, end: at + pages } : result;
}

function requestedAttributes(request: MapRequest): EntryAttributes | Errno {
  const object = request.object as VmObject | undefined;
  const offset = request.offset ?? 0;
  if (offset % PAGE_SIZE !== 0 || offset < 0 || (request.protection & PROT_ALL) !== request.protection) return 'EINVAL';
  if (object !== undefined && pageOf(offset) + pagesFor(request.size) > object.pageCount) return 'EINVAL';
  const isPrivate = request.sharing === 'private';
  if (isPrivate && object?.kind === 'device') return 'EINVAL';
  const isReserved = request.commitment === 'reserved';
  if (request.growsDown !== undefined && (object !== undefined || !isPrivate || isReserved)) return 'EINVAL';
  if (isReserved) return object === undefined && isPrivate ? reservedAttributes(request) : 'EINVAL';
  const readOnly = object?.kind === 'vnode' && !isPrivate && object.vnode?.pager.write === undefined;
  const maxProtection = readOnly ? PROT_READ | PROT_EXECUTE : PROT_ALL;
  if ((request.protection & ~maxProtection) !== 0) return 'EACCES';
  return {
    object,
    objectOffset: pageOf(offset),
    protection: request.protection,
    maxProtection,
    sharing: request.sharing,
    needsCopy: isPrivate && object !== undefined,
    inheritance: isPrivate ? 'copy' : 'share',
    commitment: object === undefined || (isPrivate && (request.protection & PROT_WRITE) !== 0) ? 'charged' : 'backed',
    backing: object === undefined ? 'anonymous' : 'object',
    name: request.name ?? object?.name ?? '',
    growsDownTo: request.growsDown === undefined ? DOES_NOT_GROW : pageOf(request.growsDown.limit),
  };
}

/** Tells whether an area at page `start` may be asked to grow down to `limit`; undefined: not at all. */
function mayGrowTo({ layout }: BsdMap, limit: number | undefined, start: number): boolean {
  return limit === undefined || (limit % PAGE_SIZE === 0 && limit >= layout.low && limit <= start * PAGE_SIZE);
}

function reservedAttributes({ name }: MapRequest): EntryAttributes {
  return { ...heapAttributes, protection: PROT_NONE, maxProtection: PROT_NONE, commitment: 'reserved', name: name ?? '' };
}

/** Maps [first, end), which is inside the space, replacing what is there. The new entry holds its own reference to the object. */
export function mapAt(core: BsdCore, space: BsdMap, first: number, end: number, attributes: EntryAttributes): 0 | Errno {
  const pages = end - first;
  const refused = exceeds(
    space,
    pages - pagesWithin(space, first, end, () => true),
    isCharged(attributes) ? pages - pagesWithin(space, first, end, isCharged) : 0,
  );
  if (refused !== 0) return refused;
  if (!tryLengthen(core, space, first, end, attributes)) {
    const block = space.reserveEntry();
    if (block === 0) return 'ENOMEM';
    if (!space.clipRange(first, end)) {
      space.releaseEntry(block);
      return 'ENOMEM';
    }
    removeRange(core, space, first, end);
    insertInTwoSteps(space, first, end, attributes, block);
  }
  core.machine.events.emit(EventType.map, space.pmap.id, first, pages);
  return 0;
}

function insertInTwoSteps(space: BsdMap, first: number, end: number, attributes: EntryAttributes, block: number): void {
  const usual = { ...attributes, protection: DEFAULT_PROTECTION, maxProtection: PROT_ALL, inheritance: 'copy' } as const;
  space.insert(first, end, usual, block);
  const entry = space.find(first) as BsdMapEntry;
  entry.protection = attributes.protection;
  entry.maxProtection = attributes.maxProtection;
  entry.inheritance = attributes.inheritance;
  if (entry.object !== undefined) entry.object.references++;
}

/** Lengthens the entry below `first` over [first, end), if that is free and continues it. */
function tryLengthen(core: BsdCore, space: BsdMap, first: number, end: number, attributes: EntryAttributes): boolean {
  const below = first > 0 ? space.find(first - 1) : undefined;
  if (below === undefined || attributes.object !== undefined || !isLike(below, attributes) || !space.isFree(first, end)) return false;
  const { object } = below;
  if (object !== undefined) {
    core.objects.collapse(object);
    if (object.references > 1 || object.shadow !== undefined || object.swap !== undefined) return false;
    // Pages that are left of memory that was unmapped from here on.
    const from = below.indexOf(first);
    core.objects.removePages(object, from, object.pageCount);
    object.pageCount = from + (end - first);
  }
  space.resize(below, below.start, end);
  return true;
}

function isLike(entry: BsdMapEntry, attributes: EntryAttributes): boolean {
  return (
    entry.wiredCount === 0 &&
    !entry.needsCopy &&
    entry.growsDownTo === attributes.growsDownTo &&
    entry.protection === attributes.protection &&
    entry.maxProtection === attributes.maxProtection &&
    entry.sharing === 'private' &&
    attributes.sharing === 'private' &&
    entry.inheritance === attributes.inheritance &&
    entry.commitment === attributes.commitment &&
    entry.backing === attributes.backing &&
    entry.name === attributes.name
  );
}

/** Unmaps [first, end). ENOMEM, with nothing changed, if entries cannot be clipped. */
export function unmapRange(core: BsdCore, space: BsdMap, { first, end }: PageRange): 0 | Errno {
  if (!space.clipRange(first, end)) return 'ENOMEM';
  removeRange(core, space, first, end);
  core.machine.events.emit(EventType.unmap, space.pmap.id, first, end - first);
  return 0;
}

/** Moves the entries of a range, which none crosses, with their objects and mappings to `target`, where the map is free. */
export function moveEntries(core: BsdCore, space: BsdMap, { first, end }: PageRange, target: number): void {
  for (const entry of [...space.within(first, end)]) {
    space.move(entry, entry.start + target - first);
    entry.growsDownTo = DOES_NOT_GROW;
  }
  core.machine.pmaps.move(space.pmap, first, end, space.pmap, target);
}

/** Removes the entries inside [first, end); none lies across the bounds. */
export function removeRange(core: BsdCore, space: BsdMap, first: number, end: number): void {
  for (const entry of space.within(first, end)) removeEntry(core, space, entry);
}

/** Removes one entry, its mappings and its reference. Pages of a clipped object stay in it until its last entry goes. */
export function removeEntry(core: BsdCore, space: BsdMap, entry: BsdMapEntry): void {
  if (entry.wiredCount > 0) unwirePages(core, entry, entry.start, entry.end);
  core.machine.pmaps.remove(space.pmap, entry.start, entry.end);
  const { object } = entry;
  space.remove(entry);
  if (object !== undefined) core.objects.release(object);
}

/** Changes rights. Errors as `MemorySystem.protect`. */
export function protectRange(core: BsdCore, space: BsdMap, { first, end }: PageRange, protection: number): 0 | Errno {
  if ((protection & PROT_ALL) !== protection) return 'EINVAL';
  let page = first;
  for (const entry of space.within(first, end)) {
    if (entry.start > page) return 'ENOMEM';
    if ((protection & ~entry.maxProtection) !== 0) return 'EACCES';
    page = entry.end;
  }
  if (page < end) return 'ENOMEM';
  const newlyCharged = pagesWithin(space, first, end, (entry) => becomesCharged(entry, protection));
  const refused = exceeds(space, 0, newlyCharged);
  if (refused !== 0) return refused;
  if (!space.clipRange(first, end)) return 'ENOMEM';
  for (const entry of space.within(first, end)) setProtection(core, space, entry, protection);
  core.machine.events.emit(EventType.protect, space.pmap.id, first, end - first, protection);
  return 0;
}

/** Gives an entry other rights; its pages get more only by faults. */
export function setProtection({ machine: { pmaps } }: BsdCore, space: BsdMap, entry: BsdMapEntry, protection: number): void {
  if (becomesCharged(entry, protection)) entry.commitment = 'charged';
  entry.protection = protection;
  // i386 entries cannot say "write only" or "execute only": what may not be read is unmapped, and each access faults.
  if ((protection & PROT_READ) === 0) pmaps.remove(space.pmap, entry.start, entry.end);
  else if ((protection & PROT_WRITE) === 0) pmaps.writeProtect(space.pmap, entry.start, entry.end);
}

/** Moves the break. Returns the pages added, or an errno with nothing changed. */
export function growBreak(core: BsdCore, space: BsdMap, end: number): PageRange | Errno {
  if (!(end >= space.breakStart)) return 'EINVAL';
  const oldEnd = space.breakEndPage;
  const newEnd = pageAtOrAfter(end);
  if (addressOf(newEnd) > space.layout.breakLimit) return 'ENOMEM';
  let result: 0 | Errno = 0;
  if (newEnd > oldEnd) result = space.isFree(oldEnd, newEnd) ? mapAt(core, space, oldEnd, newEnd, heapAttributes) : 'ENOMEM';
  else if (newEnd < oldEnd) result = unmapRange(core, space, { first: newEnd, end: oldEnd });
  if (result !== 0) return result;
  space.breakEndPage = newEnd;
  if (newEnd > oldEnd) core.machine.events.emit(EventType.grow, space.pmap.id, oldEnd, newEnd - oldEnd);
  return { first: oldEnd, end: Math.max(oldEnd, newEnd) };
}
