// Where an area goes, and what has to go from there: shared by every call that puts entries into a map.

import { type Errno, PAGE_SIZE, pageOf } from '../base/index.ts';
import type { Place } from '../system/index.ts';
import type { UvmCore } from './core.ts';
import type { VmMapEntry } from './map-entry.ts';
import type { VmMap } from './vm-map.ts';
import { unwireFrames } from './wired-pages.ts';

/** Returns the page where `pages` pages go. EINVAL for a fixed address off a page boundary, ENOMEM if they do not fit there or anywhere. */
export function choosePlace(space: VmMap, pages: number, place: Place | undefined): number | Errno {
  if (place?.how === 'fixed') {
    const end = place.address + pages * PAGE_SIZE;
    if (place.address % PAGE_SIZE !== 0) return 'EINVAL';
    if (place.address < space.layout.low || end > space.layout.high) return 'ENOMEM';
    return pageOf(place.address);
  }
  const hole = space.findHole(pages, place === undefined ? undefined : pageOf(place.address));
  return hole < 0 ? 'ENOMEM' : hole;
}

/** Removes the entries inside [first, end); none lies across the bounds. */
export function removeRange(core: UvmCore, space: VmMap, first: number, end: number): void {
  let entry = space.findNext(first);
  while (entry !== undefined && entry.start < end) {
    const next = space.next(entry);
    removeEntry(core, space, entry);
    entry = next;
  }
}

/** Unmaps one entry and lets its layers go. */
export function removeEntry(core: UvmCore, space: VmMap, entry: VmMapEntry): void {
  core.machine.pmaps.remove(space.pmap, entry.start, entry.end);
  if (entry.wired) unwireFrames(core, entry, entry.start, entry.end);
  entry.amap?.drop(entry.amapOffset, entry.amapEnd);
  space.remove(entry);
  if (entry.object !== undefined) core.objects.release(entry.object);
}
