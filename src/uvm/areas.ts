// Making and removing areas: what map, unmap, brk, remap and commit have in common.
// What can fail comes first (place, limits, kernel memory); then the map changes and nothing fails any more.

import { type Errno, EventType, PAGE_SIZE, pageOf, pagesFor } from '../base/index.ts';
import { type MapRequest, PROT_ALL, PROT_EXECUTE, PROT_NONE, PROT_READ, PROT_WRITE } from '../system/index.ts';
import { Amap } from './amap.ts';
import type { UvmCore } from './core.ts';
import { DOES_NOT_GROW, type EntryAttributes, type VmMapEntry } from './map-entry.ts';
import type { UvmObject } from './object.ts';
import { removeRange } from './placement.ts';
import type { VmMap } from './vm-map.ts';

/** Tells whether `protection` is a combination of the `PROT_` bits. */
export function isProtection(protection: number): boolean {
  return (protection & PROT_ALL) === protection;
}

/** Returns the attributes of the area that a request asks for, or EINVAL, EACCES. */
export function requestedAttributes(request: MapRequest): EntryAttributes | Errno {
  const object = request.object as UvmObject | undefined;
  const offset = request.offset ?? 0;
  const isPrivate = request.sharing === 'private';
  const isReserved = request.commitment === 'reserved';
  if (offset % PAGE_SIZE !== 0 || offset < 0 || !isProtection(request.protection)) return 'EINVAL';
  if (object !== undefined && pageOf(offset) + pagesFor(request.size) > object.pageCount) return 'EINVAL';
  if (object?.pager.kind === 'device' && isPrivate) return 'EINVAL';
  if ((isReserved || request.growsDown !== undefined) && (object !== undefined || !isPrivate)) return 'EINVAL';
  if (isReserved && request.growsDown !== undefined) return 'EINVAL';
  const readOnly = object !== undefined && !isPrivate && !keepsWrites(object);
  const maxProtection = readOnly ? PROT_READ | PROT_EXECUTE : PROT_ALL;
  const protection = isReserved ? PROT_NONE : request.protection;
  if ((protection & ~maxProtection) !== 0) return 'EACCES';
  const isCharged = object === undefined || (isPrivate && (protection & PROT_WRITE) !== 0);
  return {
    object,
    objectOffset: pageOf(offset),
    protection,
    maxProtection,
    copyOnWrite: isPrivate,
    name: request.name ?? object?.name ?? '',
    advice: 'normal',
    inheritance: isPrivate ? 'copy' : 'share',
    commitment: isReserved ? 'reserved' : isCharged ? 'charged' : 'backed',
    wired: false,
    growsDownTo: request.growsDown === undefined ? DOES_NOT_GROW : pageOf(request.growsDown.limit),
  };
}

/** Tells whether an area at page `start` may be asked to grow down to `limit`; undefined: not at all. */
export function mayGrowTo({ layout }: VmMap, limit: number | undefined, start: number): boolean {
  return limit === undefined || (limit % PAGE_SIZE === 0 && limit >= layout.low && limit <= start * PAGE_SIZE);
}

/** Makes an entry of the pages [start, end), in place of what is there. Returns undefined, with nothing changed, when out of kernel memory. */
export function insertEntry(core: UvmCore, space: VmMap, start: number, end: number, attributes: EntryAttributes): VmMapEntry | undefined {
  // The new entry's memory is got before the old ones go, so that running out of it loses nothing.
  const amap = needsAmapNow(attributes) ? Amap.create(core.machine, core.anons, end - start) : undefined;
  if (amap === undefined && needsAmapNow(attributes)) return undefined;
  const reserved = space.reserveEntry();
  if (reserved === 0 || !space.clipRange(start, end)) {
    amap?.drop(0, end - start);
    if (reserved !== 0) space.releaseEntry(reserved);
    return undefined;
  }
  removeRange(core, space, start, end);
  const entry = space.insert(start, end, attributes, reserved);
  entry.amap = amap;
  if (entry.object !== undefined) entry.object.references++;
  core.machine.events.emit(EventType.map, space.pmap.id, start, end - start);
  return entry;
}

function needsAmapNow(attributes: EntryAttributes): boolean {
  return !attributes.copyOnWrite && attributes.object === undefined;
}

/** Moves the entries of [first, end), which none crosses, by `distance` pages to where the map is free, with their mappings. */
export function moveRange(core: UvmCore, space: VmMap, first: number, end: number, distance: number): void {
  const { pmaps, events } = core.machine;
  const entries: VmMapEntry[] = [];
  everyArea(space, first, end, (entry) => entries.push(entry) > 0);
  for (const entry of entries) {
    space.move(entry, distance);
    entry.growsDownTo = DOES_NOT_GROW;
  }
  pmaps.move(space.pmap, first, end, space.pmap, first + distance);
  events.emit(EventType.unmap, space.pmap.id, first, end - first);
  events.emit(EventType.map, space.pmap.id, first + distance, end - first);
}

/** Gives an entry other rights. */
export function protectEntry(core: UvmCore, space: VmMap, entry: VmMapEntry, protection: number): void {
  const { pmaps } = core.machine;
  entry.protection = protection;
  // i386 entries cannot say "write only" or "execute only": what may not be read is unmapped, and each access faults.
  if ((protection & PROT_READ) === 0) pmaps.remove(space.pmap, entry.start, entry.end);
  else if ((protection & PROT_WRITE) === 0) pmaps.writeProtect(space.pmap, entry.start, entry.end);
}

/** Calls `visit` for each entry that has pages in [first, end), with those pages. Returns false if a page is in none, or `visit` said so. */
export function everyArea(
  space: VmMap,
  first: number,
  end: number,
  visit: (entry: VmMapEntry, first: number, end: number) => boolean = () => true,
): boolean {
  for (let page = first; page < end; ) {
    const entry = space.find(page);
    if (entry === undefined || !visit(entry, page, Math.min(entry.end, end))) return false;
    page = entry.end;
  }
  return true;
}

/** Tells whether what is written to an object's pages stays: a file that can be written, shared memory, a device. */
function keepsWrites({ pager, slots }: UvmObject): boolean {
  return pager.write !== undefined || slots !== undefined || pager.kind === 'device';
}
