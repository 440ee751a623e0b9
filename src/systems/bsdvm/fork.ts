// fork: what the child gets of each entry, by its inheritance.
//
//   none    nothing
//   share   the same top object, made now if there is none; both sides write into it
//   copy    private memory: the same object, and both sides need a copy: whoever writes first gets a shadow. Every page of the
//           object is marked copy-on-write, at every fork: the cost is by pages, not by entries
//           wired memory, and anonymous memory that others write too: the pages of the top object are copied now
//           a shared file, or shared memory: a private mapping of it
//   zero    private memory without content
//
// Source: 4.4BSD's vmspace_fork, vm_map_copy_entry, vm_object_copy, vm_fault_copy_entry. Inheritance `zero` came later (OpenBSD).

import type { Errno, Pfn } from '../../base/index.ts';
import { FRAME_READ_ONLY, FrameKind } from '../../frames/index.ts';
import { PROT_ALL, PROT_WRITE } from '../../system/index.ts';
import type { BsdCore } from './core.ts';
import { ensureTop } from './fault.ts';
import { attributesOf, type BsdMapEntry, type EntryAttributes } from './map-entry.ts';
import type { BsdMap } from './vm-map.ts';
import type { VmObject } from './vm-object.ts';

/** Copies the parent's entries into the empty child. On ENOMEM or EIO the child is half made. */
export function forkInto(core: BsdCore, parent: BsdMap, child: BsdMap): 0 | Errno {
  for (const entry of parent) {
    if (entry.inheritance === 'none') continue;
    const block = child.reserveEntry();
    if (block === 0) return 'ENOMEM';
    const attributes = inherited(core, parent, entry);
    if (typeof attributes === 'string') {
      child.releaseEntry(block);
      return attributes;
    }
    child.insert(entry.start, entry.end, attributes, block).sharesObject = entry.inheritance === 'share' && entry.sharesObject;
  }
  return 0;
}

/** Makes what the child's entry is of, with its reference to the object. */
function inherited(core: BsdCore, parent: BsdMap, entry: BsdMapEntry): EntryAttributes | Errno {
  if (entry.commitment === 'reserved') return attributesOf(entry);
  if (entry.inheritance === 'share') return shared(core, entry);
  if (entry.inheritance === 'zero') return fresh(entry);
  const { object } = entry;
  if (object === undefined) return { ...attributesOf(entry), sharing: 'private' };
  const isOwn = object.kind === 'anonymous' && !entry.sharesObject;
  if (entry.wiredCount > 0 && object.kind !== 'device') return copiedNow(core, entry, object);
  if (entry.sharing === 'private' && (isOwn || entry.needsCopy)) return copiedOnWrite(core, parent, entry, object);
  if (object.kind !== 'device') return copiedNow(core, entry, object);
  object.references++;
  return attributesOf(entry);
}

function fresh(entry: BsdMapEntry): EntryAttributes {
  const anew = {
    object: undefined,
    objectOffset: 0,
    needsCopy: false,
    maxProtection: PROT_ALL,
    backing: 'anonymous',
    sharing: 'private',
    commitment: 'charged',
  } as const;
  return { ...attributesOf(entry), ...anew };
}

function shared(core: BsdCore, entry: BsdMapEntry): EntryAttributes | Errno {
  const top = ensureTop(core, entry, 'write');
  if (top === undefined) return 'ENOMEM';
  if (top.kind === 'anonymous') entry.sharesObject = true;
  top.references++;
  return attributesOf(entry);
}

function copiedOnWrite(core: BsdCore, parent: BsdMap, entry: BsdMapEntry, object: VmObject): EntryAttributes {
  const { machine, objects } = core;
  if (!entry.needsCopy) machine.pmaps.writeProtect(parent.pmap, entry.start, entry.end);
  entry.needsCopy = true;
  objects.collapse(object);
  if (object.kind === 'anonymous') {
    const { table } = machine.frames;
    const first = entry.objectOffset;
    object.pages.forEach(first, first + entry.pages, (_index, frame) => table.setFlag(frame as Pfn, FRAME_READ_ONLY));
  }
  object.references++;
  return attributesOf(entry);
}

/** A copy of a shared area is private: it is charged if it can be written. */
function committedCopy({ commitment, protection }: BsdMapEntry): EntryAttributes['commitment'] {
  return (protection & PROT_WRITE) !== 0 ? 'charged' : commitment;
}

/**
 * Copies the pages of the top object that the entry sees; what lies below it is shadowed by the copy too. Of a file or of shared memory
 * that was mapped as such, nothing: the child shows it until it writes.
 */
function copiedNow(core: BsdCore, entry: BsdMapEntry, object: VmObject): EntryAttributes | Errno {
  const { objects } = core;
  if (object.kind === 'vnode' || (object.kind === 'shared' && entry.backing === 'object')) {
    object.references++;
    return { ...attributesOf(entry), sharing: 'private', needsCopy: true, commitment: committedCopy(entry) };
  }
  const copy = objects.createAnonymous('anonymous', entry.pages, object.name);
  if (copy === undefined) return 'ENOMEM';
  const result = copyPages(core, entry, object, copy);
  if (result !== 0) {
    objects.release(copy);
    return result;
  }
  copy.shadow = object.shadow;
  copy.shadowOffset = object.shadowOffset + entry.objectOffset;
  if (copy.shadow !== undefined) copy.shadow.references++;
  return { ...attributesOf(entry), object: copy, objectOffset: 0, sharing: 'private', needsCopy: false };
}

function copyPages(core: BsdCore, entry: BsdMapEntry, from: VmObject, to: VmObject): 0 | Errno {
  let result: 0 | Errno = 0;
  const first = entry.objectOffset;
  from.pages.forEach(first, first + entry.pages, (index, frame) => {
    if (result === 0) result = copyPage(core, to, index - first, frame as Pfn);
  });
  const { swap, pagingOffset } = from;
  const base = first + pagingOffset;
  swap?.forEachHeld(base, base + entry.pages, (place) => {
    if (result === 0 && from.pages.get(place - pagingOffset) === 0) result = copyPage(core, to, place - base, swap.slotOf(place), 'slot');
  });
  return result;
}

/** Copies one page from a frame, or straight from its slot on swap. */
function copyPage(
  { machine, queue, swap, statistics }: BsdCore,
  to: VmObject,
  index: number,
  source: number,
  of: 'frame' | 'slot' = 'frame',
): 0 | Errno {
  if (!to.pages.reserve(index)) return 'ENOMEM';
  const copy = queue.allocate(FrameKind.anon, to.id, index);
  if (copy === -1) return 'ENOMEM';
  if (of === 'frame') machine.ram.copy(source as Pfn, copy);
  else if (!swap.read(source, copy)) {
    statistics.swapErrors++;
    queue.freeFrame(copy);
    return 'EIO';
  }
  to.pages.set(index, copy);
  queue.policy.loaded(copy);
  return 0;
}
