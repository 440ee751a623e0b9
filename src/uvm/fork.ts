// fork: what the child gets of each entry of the parent goes by the entry's inheritance. Its cost depends on map entries, not on pages:
// amaps are shared and copied only when one side writes (needs-copy).
//
//   none    nothing: a hole
//   zero    an area like it, of zeros, the child's own
//   share   the child holds the same amap and object, and both see each other's writes; so there must be an amap before the first one
//   copy    the child holds the same amap, both sides need a copy, the parent's mappings lose the right to write
//           (once: a parent that needs a copy already has no writable mapping of this amap)
//             amap shared on purpose: the child gets a copy of the amap now, since the others' writes must not show through
//             pages wired:            the child gets copies of them now, since the parent must never fault on them
//
// Locks are not inherited. Source: uvmspace_fork, uvm_mapent_forkcopy, uvm_mapent_share, amap_cow_now.

import type { Pfn } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import { PROT_ALL, PROT_WRITE } from '../system/index.ts';
import { Amap } from './amap.ts';
import { isWithinLimits } from './commitment.ts';
import type { UvmCore } from './core.ts';
import type { EntryAttributes, VmMapEntry } from './map-entry.ts';
import { clearNeedsCopy } from './needs-copy.ts';
import { attributesOf, type VmMap } from './vm-map.ts';

/** Copies the parent's entries into the empty child. Returns false when out of kernel memory or frames, with the child half made. */
export function forkInto(core: UvmCore, parent: VmMap, child: VmMap): boolean {
  for (const entry of parent) {
    if (entry.inheritance !== 'none' && !forkEntry(core, parent, child, entry)) return false;
  }
  return true;
}

/** Tells whether what a child would get is within the limits, which it inherits. */
export function mayFork(parent: VmMap): boolean {
  let [mapped, charged] = [0, 0];
  for (const entry of parent) {
    if (entry.inheritance === 'none') continue;
    const pages = entry.end - entry.start;
    mapped += pages;
    if (childAttributes(entry).commitment === 'charged') charged += pages;
  }
  const nothing = { limits: parent.limits, mappedPages: 0, chargedPages: 0, lockedPages: 0 };
  return isWithinLimits(nothing, { mapped, charged, locked: 0 });
}

function forkEntry(core: UvmCore, parent: VmMap, child: VmMap, entry: VmMapEntry): boolean {
  if (entry.inheritance === 'share' && entry.needsCopy && entry.commitment !== 'reserved' && !clearNeedsCopy(core, entry)) return false;
  const block = child.reserveEntry();
  if (block === 0) return false;
  const attributes = childAttributes(entry);
  const copy = child.insert(entry.start, entry.end, attributes, block);
  if (attributes.object !== undefined) attributes.object.references++;
  if (entry.inheritance === 'zero') return true;
  if (entry.inheritance === 'copy' && copiesNow(entry)) return copyAmap(core, entry, copy);
  holdAmap(entry, copy);
  if (entry.inheritance === 'share') copy.needsCopy = entry.needsCopy;
  else if (entry.amap !== undefined && !entry.needsCopy) {
    core.machine.pmaps.writeProtect(parent.pmap, entry.start, entry.end);
    entry.needsCopy = true;
  }
  return true;
}

function childAttributes(entry: VmMapEntry): EntryAttributes {
  const attributes: EntryAttributes = { ...attributesOf(entry), wired: false };
  const isReserved = entry.commitment === 'reserved';
  switch (entry.inheritance) {
    case 'zero':
      return {
        ...attributes,
        object: undefined,
        objectOffset: 0,
        maxProtection: PROT_ALL,
        copyOnWrite: true,
        commitment: isReserved ? 'reserved' : 'charged',
      };
    case 'copy':
      return { ...attributes, copyOnWrite: true, commitment: isReserved ? 'reserved' : committedCopy(entry) };
    default:
      return attributes;
  }
}

/** A copy of a shared area is private: it is charged if it can be written. */
function committedCopy(entry: VmMapEntry): 'charged' | 'backed' {
  return entry.commitment === 'charged' || (entry.protection & PROT_WRITE) !== 0 ? 'charged' : 'backed';
}

function holdAmap(entry: VmMapEntry, copy: VmMapEntry): void {
  copy.amap = entry.amap;
  copy.amapOffset = entry.amapOffset;
  entry.amap?.hold(entry.amapOffset, entry.amapEnd);
}

/** An amap that others write into, or whose pages are wired, cannot wait to be copied. One that needs a copy anyway can. */
function copiesNow(entry: VmMapEntry): boolean {
  const { amap, needsCopy, amapOffset, amapEnd } = entry;
  return amap !== undefined && !needsCopy && (entry.wired || !entry.copyOnWrite || amap.isShared(amapOffset, amapEnd));
}

/** Gives `copy` an amap that shares the anons of `entry`, and has copies of those whose pages are wired. */
function copyAmap(core: UvmCore, entry: VmMapEntry, copy: VmMapEntry): boolean {
  const { machine, anons } = core;
  const amap = Amap.create(machine, anons, entry.end - entry.start, copy.newAmapOffset);
  if (amap === undefined) return false;
  copy.amap = amap;
  copy.amapOffset = copy.newAmapOffset;
  copy.needsCopy = false;
  const toCopy = copy.amapOffset - entry.amapOffset;
  let complete = true;
  entry.amap?.forEach(entry.amapOffset, entry.amapEnd, (slot, anon) => {
    complete &&= copyAnon(core, amap, slot + toCopy, anon);
  });
  return complete;
}

function copyAnon(core: UvmCore, amap: Amap, slot: number, anon: number): boolean {
  const { machine, queue, anons } = core;
  if (!amap.reserve(slot)) return false;
  const frame = anons.frame(anon);
  if (frame === 0 || machine.frames.table.wireCount(frame) === 0) {
    if (frame !== 0) machine.pmaps.pageProtect(frame, 'read');
    anons.addReference(anon);
    amap.set(slot, anon);
    return true;
  }
  const copied = anons.create();
  if (copied === 0) return false;
  const copy: Pfn | -1 = queue.allocate(FrameKind.anon, copied, 0);
  if (copy === -1) {
    anons.dropReference(copied);
    return false;
  }
  machine.ram.copy(frame, copy);
  anons.setFrame(copied, copy);
  amap.set(slot, copied);
  queue.insert(copy);
  return true;
}
