// Needs-copy: the deferred half of a copy-on-write fork. An area so marked may read the amap it holds, but must have one of its own
// before the first write, or before its pages are shared on purpose.
//
//   no amap yet               make an empty one
//   others hold these slots   copy it: the anons are shared, each one's reference count says whether it may be written
//   nobody else does          take it over
//
// Source: amap_copy in uvm_amap.c. Cost: O(anons) for the copy, else O(1).

import { Amap } from './amap.ts';
import type { UvmCore } from './core.ts';
import type { VmMapEntry } from './map-entry.ts';

/** Gives `entry` an amap of its own and clears needs-copy. Returns false, with nothing changed, when out of kernel memory. */
export function clearNeedsCopy({ machine, anons }: UvmCore, entry: VmMapEntry): boolean {
  const { amap: old, amapOffset, amapEnd, newAmapOffset } = entry;
  if (old === undefined) {
    const made = Amap.create(machine, anons, entry.end - entry.start, newAmapOffset);
    if (made === undefined) return false;
    entry.amap = made;
    entry.amapOffset = newAmapOffset;
  } else if (old.isShared(amapOffset, amapEnd)) {
    const copy = old.copy(machine, amapOffset, amapEnd, newAmapOffset);
    if (copy === undefined) return false;
    old.drop(amapOffset, amapEnd);
    entry.amap = copy;
    entry.amapOffset = newAmapOffset;
  }
  entry.needsCopy = false;
  return true;
}
