// What has to go from where an area goes: shared by every call that puts entries into a map.

import type { UvmCore } from './core.ts';
import type { VmMapEntry } from './map-entry.ts';
import type { VmMap } from './vm-map.ts';
import { unwireFrames } from './wired-pages.ts';

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
