// Needs-copy: the promise of a copy that fork makes. Whoever writes first keeps it.

import { Amap } from './amap.ts';
import type { UvmCore } from './core.ts';
import type { VmMapEntry } from './map-entry.ts';

/**
 * Clears needs-copy: makes the entry's amap, copies it, or takes it over if nobody else holds these slots.
 * Returns false, with nothing changed, when out of kernel memory.
 */
export function clearNeedsCopy({ machine, anons }: UvmCore, entry: VmMapEntry): boolean {
  const old = entry.amap;
  if (old === undefined) {
    const made = Amap.create(machine, anons, entry.end - entry.start);
    if (made === undefined) return false;
    entry.amap = made;
    entry.amapOffset = 0;
  } else if (old.isShared(entry.amapOffset, entry.amapEnd)) {
    const copy = old.copy(machine, entry.amapOffset, entry.amapEnd);
    if (copy === undefined) return false;
    old.drop(entry.amapOffset, entry.amapEnd);
    entry.amap = copy;
    entry.amapOffset = 0;
  }
  entry.needsCopy = false;
  return true;
}
