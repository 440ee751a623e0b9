// fork: what the child gets of each entry of the parent goes by the entry's inheritance. Its cost depends on map entries, not on pages:
// amaps are shared and copied only when one side writes (needs-copy).
//
//   none    nothing: a hole; so with areas in a writable loan, which are between two spaces
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
import { type Inheritance, PROT_ALL, PROT_WRITE } from '../system/index.ts';
import { Amap } from './amap.ts';
import { isWithinLimits } from './commitment.ts';
import type { UvmCore } from './core.ts';
import { DOES_NOT_GROW, type EntryAttributes, newAmapOffset, type VmMapEntry } from './map-entry.ts';
import { clearNeedsCopy } from './needs-copy.ts';
import { attributesOf, type VmMap } from './vm-map.ts';

/** Copies the parent's entries into the empty child. Returns ENOMEM when out of kernel memory or frames, with the child half made. */
export function forkInto(core: UvmCore, parent: VmMap, child: VmMap): 0 | 'ENOMEM' {
  for (const entry of parent) {
    if (isInherited(entry) && !forkEntry(core, parent, child, entry)) return 'ENOMEM';
  }
  return 0;
}

/** Tells whether what a child would get is within the limits, which it inherits. */
export function mayFork(parent: VmMap): boolean {
  let [mapped, charged] = [0, 0];
  for (const entry of parent) {
    if (!isInherited(entry)) continue;
    const pages = entry.end - entry.start;
    mapped += pages;
    if (twinAttributes(entry, entry.inheritance).commitment === 'charged') charged += pages;
  }
  const nothing = { limits: parent.limits, mappedPages: 0, chargedPages: 0, lockedPages: 0 };
  return isWithinLimits(nothing, { mapped, charged, locked: 0 });
}

function isInherited({ inheritance, loanPart }: VmMapEntry): boolean {
  return inheritance !== 'none' && loanPart === undefined;
}

function forkEntry(core: UvmCore, parent: VmMap, child: VmMap, entry: VmMapEntry): boolean {
  const twin = prepareTwin(core, { from: parent, entry, to: child, start: entry.start }, entry.inheritance);
  if (twin !== undefined) insertTwin(core, twin);
  return twin !== undefined;
}

/** An entry, and where another place gets a part in it. */
export interface TwinRequest {
  readonly from: VmMap;
  readonly entry: VmMapEntry;
  readonly to: VmMap;
  /** First page of the twin. */
  readonly start: number;
}

/** All that a twin takes: so that to insert it cannot fail. */
export interface Twin extends TwinRequest {
  readonly inheritance: Inheritance;
  readonly attributes: EntryAttributes;
  readonly block: number;
  /** The twin's amap, where that cannot be copied later. */
  readonly amap: Amap | undefined;
}

/** Gets what a twin of an entry takes. Returns undefined, with nothing taken, when out of kernel memory or frames. */
export function prepareTwin(core: UvmCore, request: TwinRequest, inheritance: Inheritance): Twin | undefined {
  const { from, entry, to, start } = request;
  if (inheritance === 'share' && entry.needsCopy && entry.commitment !== 'reserved' && !clearNeedsCopy(core, entry)) return undefined;
  const block = to.reserveEntry();
  if (block === 0) return undefined;
  const attributes = twinAttributes(entry, inheritance);
  const isFork = start === entry.start && to !== from;
  const moved = isFork || entry.growsDownTo === DOES_NOT_GROW ? attributes : { ...attributes, growsDownTo: DOES_NOT_GROW };
  const copiesAmap = inheritance === 'copy' && copiesNow(entry);
  const amap = copiesAmap ? copyAmap(core, entry, newAmapOffset(start, moved)) : undefined;
  if (amap !== undefined || !copiesAmap) return { from, entry, to, start, inheritance, attributes: moved, block, amap };
  to.releaseEntry(block);
  return undefined;
}

/** Gives back what `prepareTwin` got. */
export function abandonTwin({ entry, to, start, attributes, block, amap }: Twin): void {
  const offset = newAmapOffset(start, attributes);
  amap?.drop(offset, offset + (entry.end - entry.start));
  to.releaseEntry(block);
}

/** Inserts a twin where the map is free. */
export function insertTwin(core: UvmCore, { from, entry, to, start, inheritance, attributes, block, amap }: Twin): void {
  const twin = to.insert(start, start + (entry.end - entry.start), attributes, block);
  if (attributes.object !== undefined) attributes.object.references++;
  if (inheritance === 'zero') return;
  if (amap !== undefined) {
    twin.amap = amap;
    twin.amapOffset = twin.newAmapOffset;
    twin.needsCopy = false;
    return;
  }
  holdAmap(entry, twin);
  if (inheritance === 'share') twin.needsCopy = entry.needsCopy;
  else if (entry.amap !== undefined && !entry.needsCopy) {
    core.machine.pmaps.writeProtect(from.pmap, entry.start, entry.end);
    entry.needsCopy = true;
  }
}

/** Attributes of what `inheritance` gives another place of an entry: never its locks. */
export function twinAttributes(entry: VmMapEntry, inheritance: Inheritance): EntryAttributes {
  const attributes: EntryAttributes = { ...attributesOf(entry), wired: false };
  const isReserved = entry.commitment === 'reserved';
  switch (inheritance) {
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
      // A device's pages are never copied.
      if (entry.object?.pager.kind === 'device') return { ...attributes, inheritance: 'copy' };
      return { ...attributes, inheritance: 'copy', copyOnWrite: true, commitment: isReserved ? 'reserved' : committedCopy(entry) };
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

/** Returns an amap, held from `offset` on, that shares the anons of `entry` and has copies of those whose pages are wired; undefined when out of memory. */
function copyAmap(core: UvmCore, entry: VmMapEntry, offset: number): Amap | undefined {
  const { machine, anons } = core;
  const pages = entry.end - entry.start;
  const amap = Amap.create(machine, anons, pages, offset);
  if (amap === undefined) return undefined;
  const toCopy = offset - entry.amapOffset;
  let complete = true;
  entry.amap?.forEach(entry.amapOffset, entry.amapEnd, (slot, anon) => {
    complete &&= copyAnon(core, amap, slot + toCopy, anon);
  });
  if (complete) return amap;
  amap.drop(offset, offset + pages);
  return undefined;
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
