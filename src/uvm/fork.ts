// fork: the child gets every entry of the parent, sharing pages copy-on-write. Its cost depends on map entries, not on pages:
// amaps are shared and copied only when one side writes (needs-copy).
//
//   shared area    child holds the same amap and object
//   private area   child holds the same amap, both sides need a copy, the parent's mappings lose the right to write
//                  (once: a parent that needs a copy already has no writable mapping of this amap)
//
// Source: uvmspace_fork, uvm_mapent_forkcopy.

import type { UvmCore } from './core.ts';
import type { VmMapEntry } from './map-entry.ts';
import { attributesOf, type VmMap } from './vm-map.ts';

/** Copies the parent's entries into the empty child. Returns false when out of kernel memory, with the child half made. */
export function forkInto(core: UvmCore, parent: VmMap, child: VmMap): boolean {
  for (const entry of parent) if (!forkEntry(core, parent, child, entry)) return false;
  return true;
}

function forkEntry(core: UvmCore, parent: VmMap, child: VmMap, entry: VmMapEntry): boolean {
  const block = child.reserveEntry();
  if (block === 0) return false;
  const copy = child.insert(entry.start, entry.end, attributesOf(entry), block);
  copy.amap = entry.amap;
  copy.amapOffset = entry.amapOffset;
  copy.needsCopy = entry.copyOnWrite;
  if (entry.object !== undefined) entry.object.references++;
  entry.amap?.hold(entry.amapOffset, entry.amapEnd);
  if (entry.copyOnWrite && entry.amap !== undefined && !entry.needsCopy) {
    core.machine.pmaps.writeProtect(parent.pmap, entry.start, entry.end);
    entry.needsCopy = true;
  }
  return true;
}
