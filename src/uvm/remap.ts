// remap: an area becomes larger or smaller, and moves if it must. Pages move with their addresses: entries are renumbered, page-table
// entries rewritten, and no byte is copied.
//
//   smaller          the tail goes
//   larger, in place the new pages are mapped behind; the amap reaches over them (as for brk)
//   larger, moved    entries and mappings to a hole, then as in place
//
// What looks like one area is one: entries that continue each other, and differ only in their amaps, move together.
// Source: mremap of NetBSD (uvm_mremap.c) and Linux. An area that grows down stays as large as it is once it has moved.

import { addressOf, type Errno, PAGE_SIZE, pageOf, type VirtAddr } from '../base/index.ts';
import type { Place } from '../system/index.ts';
import { moveRange } from './areas.ts';
import { type Growth, growthOf, isWithinLimits } from './commitment.ts';
import type { UvmCore } from './core.ts';
import { DOES_NOT_GROW, type EntryAttributes, type VmMapEntry } from './map-entry.ts';
import { removeRange } from './placement.ts';
import { attributesOf, type VmMap } from './vm-map.ts';
import type { Wiring } from './wiring.ts';

/** What `MemorySystem.remap` is asked for, its bounds checked: pages. */
export interface RemapRequest {
  readonly start: number;
  readonly oldPages: number;
  readonly newPages: number;
  readonly place: 'here' | 'anywhere' | Place;
}

/** Carries a remap out. Errors as `MemorySystem.remap`; then nothing has changed. */
export function remapArea(core: UvmCore, wiring: Wiring, space: VmMap, request: RemapRequest): VirtAddr | Errno {
  const { start, oldPages, newPages } = request;
  const area = oneArea(space, start, start + oldPages);
  if (area === undefined) return 'EFAULT';
  // It is two spaces' as it is, until the loan ends.
  if (area.loanPart !== undefined) return 'EINVAL';
  if (newPages > oldPages && area.object !== undefined && area.indexOf(start + newPages) > area.object.pageCount) return 'EINVAL';
  const target = chooseTarget(space, request);
  if (typeof target === 'string') return target;
  if (!isWithinLimits(space, growthBy(space, area, request, target))) return 'ENOMEM';
  return target === start ? resize(core, wiring, space, area, request) : moveTo(core, wiring, space, area, { ...request, target });
}

/** Returns the entry at `start` if [start, end) is one area: entries in a row that differ at most in their amaps. */
function oneArea(space: VmMap, start: number, end: number): VmMapEntry | undefined {
  const first = space.find(start);
  for (let entry = first; entry !== undefined; ) {
    if (entry.end >= end) return first;
    const next = space.next(entry);
    if (next === undefined || !entry.continuesInto(next)) return undefined;
    entry = next;
  }
  return undefined;
}

/** Returns the page where the area is to begin. */
function chooseTarget(space: VmMap, { start, oldPages, newPages, place }: RemapRequest): number | Errno {
  if (typeof place !== 'string' && place.how === 'fixed') {
    const target = place.address / PAGE_SIZE;
    const end = place.address + newPages * PAGE_SIZE;
    const isInside = Number.isInteger(target) && place.address >= space.layout.low && end <= space.layout.high;
    const overlaps = target < start + oldPages && start < target + newPages;
    return isInside && !overlaps ? target : 'EINVAL';
  }
  const fitsHere = addressOf(start + newPages) <= space.layout.high && space.isFree(start + oldPages, start + newPages);
  if (newPages <= oldPages || fitsHere) return start;
  if (place === 'here') return 'ENOMEM';
  const hole = space.findHole(newPages, typeof place === 'string' ? undefined : pageOf(place.address));
  return hole < 0 ? 'ENOMEM' : hole;
}

function growthBy(space: VmMap, area: VmMapEntry, { start, oldPages, newPages }: RemapRequest, target: number): Growth {
  const { mapped, charged, locked } = growthOf(space, target, target === start ? 0 : newPages, area);
  const moved = target === start ? oldPages - newPages : oldPages;
  return {
    mapped: mapped - moved,
    charged: charged - (area.commitment === 'charged' ? moved : 0),
    locked: locked - (area.wired ? moved : 0),
  };
}

/** Attributes of the pages that come behind the old ones. */
function tailAttributes(area: VmMapEntry, { start, oldPages }: RemapRequest): EntryAttributes {
  return { ...attributesOf(area), objectOffset: area.object === undefined ? 0 : area.indexOf(start + oldPages) };
}

function resize(core: UvmCore, wiring: Wiring, space: VmMap, area: VmMapEntry, request: RemapRequest): VirtAddr | Errno {
  const [oldEnd, newEnd] = [request.start + request.oldPages, request.start + request.newPages];
  if (newEnd < oldEnd) {
    if (!space.clipRange(newEnd, oldEnd)) return 'ENOMEM';
    removeRange(core, space, newEnd, oldEnd);
  } else if (newEnd > oldEnd) {
    const last = space.find(oldEnd - 1);
    const extended = last !== undefined && !last.wired && space.extend(last, newEnd);
    if (extended) space.mergeRange(oldEnd, newEnd);
    else {
      const result = wiring.mapArea(space, oldEnd, newEnd, tailAttributes(area, request));
      if (typeof result === 'string') return result;
    }
  }
  return addressOf(request.start);
}

function moveTo(
  core: UvmCore,
  wiring: Wiring,
  space: VmMap,
  area: VmMapEntry,
  request: RemapRequest & { readonly target: number },
): VirtAddr | Errno {
  const { start, oldPages, newPages, target } = request;
  const kept = Math.min(oldPages, newPages);
  const tail = { ...tailAttributes(area, request), growsDownTo: DOES_NOT_GROW };
  // All that can fail: bounds for what moves and for what is replaced, then the new pages. Nothing may merge before all is in place.
  let error: Errno | 0 = clipFor(space, request) ? 0 : 'ENOMEM';
  if (error === 0 && newPages > oldPages) {
    error = wiring.mapEntry(space, target + oldPages, target + newPages, tail);
  }
  if (error === 0) {
    removeRange(core, space, start + kept, start + oldPages);
    removeRange(core, space, target, target + kept);
    moveRange(core, space, start, start + kept, target - start);
  }
  space.mergeRange(start, start + oldPages);
  space.mergeRange(target, target + newPages);
  return error === 0 ? addressOf(target) : error;
}

/** Makes entry bounds around what moves, what is cut off and what is replaced. */
function clipFor(space: VmMap, { start, oldPages, newPages, target }: RemapRequest & { readonly target: number }): boolean {
  const isClipped = space.clipRange(start, start + oldPages) && space.clipRange(target, target + newPages);
  return isClipped && (newPages >= oldPages || space.clipRange(start + newPages, start + oldPages));
}
