// Areas made of pages that exist already: loans from space to space, and page transfer.
//
//   A->A   an anon is held once more                        its mappings lose the right to write
//   O->A   a new anon borrows the object's page             the frame's record names the anon; a second borrower holds that anon too
//   K->A   frames of a kernel loan become anons:            the owner still has the page: as A->A or O->A
//                                                           nobody has it but the kernel: the anon adopts the frame
//
// From then on nothing tells these pages from other anonymous memory: whoever writes first gets a copy, of one page. When the object
// gives a borrowed page up (truncation, page-out, its own write), the page is the anon's.
// Holes stay holes: both sides see zeros, and each fills in its own.
// Wired pages and pages of devices are not lent: EINVAL. A wired page must stay writable where it is.
// Cost: O(pages). Source: Cranor and Parulkar 1999, section 7; uvm_loan.c (uvm_loananon).

import { addressOf, type Errno, EventType, type Pfn, type VirtAddr } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import { choosePlace, type Place, PROT_ALL, PROT_READ, PROT_WRITE, pageRange } from '../system/index.ts';
import { Amap } from './amap.ts';
import { growthOf, isWithinLimits } from './commitment.ts';
import type { UvmCore } from './core.ts';
import type { Loan } from './loan.ts';
import { DOES_NOT_GROW, type EntryAttributes, type VmMapEntry } from './map-entry.ts';
import { GET_IO_ERROR, GET_NO_MEMORY } from './object.ts';
import { removeRange } from './placement.ts';
import type { VmMap } from './vm-map.ts';

const attributes: EntryAttributes = {
  object: undefined,
  objectOffset: 0,
  protection: PROT_READ | PROT_WRITE,
  maxProtection: PROT_ALL,
  copyOnWrite: true,
  name: '',
  advice: 'normal',
  inheritance: 'copy',
  commitment: 'charged',
  wired: false,
  growsDownTo: DOES_NOT_GROW,
};

/** Puts a page into slot `slot` of the new area. Returns an errno if that cannot be done. */
type Fill = (amap: Amap) => Errno | undefined;

/** Lends pages to another space, as `PageMover.lendToSpace` says. ENOMEM: more memory may help. */
export function lendToSpace(core: UvmCore, from: VmMap, start: number, size: number, to: VmMap, place?: Place): VirtAddr | Errno {
  const range = pageRange(from.layout, start, size);
  if (typeof range === 'string') return range;
  const { first, end } = range;
  const result = makeArea(core, to, end - first, place, (amap) => lendRange(core, from, first, end, amap));
  if (typeof result !== 'string') core.statistics.pagesLent += end - first;
  return result;
}

/** Makes the frames of a loan an area; the loan goes on. EINVAL if the frames hold what was not lent. ENOMEM: more memory may help. */
export function transferFrames(core: UvmCore, loan: Loan, to: VmMap, place?: Place): VirtAddr | Errno {
  if (!loan.whole) return 'EINVAL';
  return makeArea(core, to, loan.frames.length, place, (amap) => {
    for (const [slot, frame] of loan.frames.entries()) {
      if (!amap.reserve(slot)) return 'ENOMEM';
      const anon = anonOf(core, frame);
      if (typeof anon === 'string') return anon;
      amap.set(slot, anon);
    }
    return undefined;
  });
}

/** Makes a private anonymous area whose amap `fill` fills. A failure changes nothing. */
function makeArea(core: UvmCore, to: VmMap, pages: number, place: Place | undefined, fill: Fill): VirtAddr | Errno {
  const start = choosePlace(to, pages, place);
  if (typeof start === 'string') return start;
  if (!isWithinLimits(to, growthOf(to, start, pages, attributes))) return 'ENOMEM';
  const amap = Amap.create(core.machine, core.anons, pages);
  if (amap === undefined) return 'ENOMEM';
  const failure = fill(amap) ?? insertArea(core, to, start, start + pages, amap);
  if (failure === undefined) return addressOf(start);
  amap.drop(0, pages);
  return failure;
}

function insertArea(core: UvmCore, to: VmMap, start: number, end: number, amap: Amap): Errno | undefined {
  const block = to.reserveEntry();
  if (block === 0) return 'ENOMEM';
  if (!to.clipRange(start, end)) {
    to.releaseEntry(block);
    return 'ENOMEM';
  }
  removeRange(core, to, start, end);
  const entry = to.insert(start, end, attributes, block);
  entry.amap = amap;
  entry.needsCopy = false;
  core.machine.events.emit(EventType.map, to.pmap.id, start, end - start);
  return undefined;
}

/** Lends pages [first, end) of a space into the slots of `amap`. EFAULT where there is nothing to read. */
function lendRange(core: UvmCore, from: VmMap, first: number, end: number, amap: Amap): Errno | undefined {
  for (let page = first; page < end; ) {
    const entry = from.find(page);
    if (entry === undefined || (entry.protection & PROT_READ) === 0) return 'EFAULT';
    if (entry.object?.pager.kind === 'device') return 'EINVAL';
    const stop = Math.min(entry.end, end);
    const failure = lendAnons(core, entry, page, stop, first, amap) ?? lendObjectPages(core, entry, page, stop, first, amap);
    if (failure !== undefined) return failure;
    page = stop;
  }
  return undefined;
}

/** A->A for the anons of an entry in [page, stop); page `base` goes to slot 0. */
function lendAnons(core: UvmCore, entry: VmMapEntry, page: number, stop: number, base: number, amap: Amap): Errno | undefined {
  const { anons, machine } = core;
  const { table } = machine.frames;
  const shift = entry.start - entry.amapOffset - base;
  let failure: Errno | undefined;
  entry.amap?.forEach(entry.slotOf(page), entry.slotOf(stop), (slot, anon) => {
    if (failure !== undefined) return;
    const frame = anons.frame(anon);
    if (frame !== 0 && !table.isLendable(frame)) failure = 'EINVAL';
    else if (!amap.set(slot + shift, anon)) failure = 'ENOMEM';
    else {
      // An anon held by several has no writable mapping as it is.
      if (frame !== 0 && anons.references(anon) === 1) machine.pmaps.pageProtect(frame, 'read');
      anons.addReference(anon);
    }
  });
  return failure;
}

/** O->A for the pages of an entry in [page, stop) that have no anon; they are brought in. */
function lendObjectPages(core: UvmCore, entry: VmMapEntry, page: number, stop: number, base: number, amap: Amap): Errno | undefined {
  const { object } = entry;
  if (object === undefined) return undefined;
  for (let at = page; at < stop; at++) {
    if (amap.get(at - base) !== 0) continue;
    if (!amap.reserve(at - base)) return 'ENOMEM';
    const frame = core.objects.get(object, entry.indexOf(at));
    if (frame === GET_NO_MEMORY) return 'ENOMEM';
    if (frame === GET_IO_ERROR) return 'EIO';
    const anon = borrowFromObject(core, frame as Pfn);
    if (typeof anon === 'string') return anon;
    amap.set(at - base, anon);
  }
  return undefined;
}

/** Returns a new reference to an anon that has the bytes of a frame on loan to the kernel. */
function anonOf(core: UvmCore, frame: Pfn): number | Errno {
  const { anons, machine } = core;
  const kind = machine.frames.table.kind(frame);
  if (kind === FrameKind.object) return borrowFromObject(core, frame);
  if (kind === FrameKind.anon) {
    const owner = machine.frames.table.owner(frame);
    anons.addReference(owner);
    return owner;
  }
  const anon = anons.create();
  if (anon === 0) return 'ENOMEM';
  anons.adoptOrphan(anon, frame);
  return anon;
}

/** Returns a new reference to the anon that borrows an object's page. */
function borrowFromObject({ anons, machine }: UvmCore, frame: Pfn): number | Errno {
  const { table } = machine.frames;
  const borrower = table.borrower(frame);
  if (borrower !== 0) {
    anons.addReference(borrower);
    return borrower;
  }
  if (!table.isLendable(frame)) return 'EINVAL';
  const anon = anons.create();
  if (anon === 0) return 'ENOMEM';
  machine.pmaps.pageProtect(frame, 'read');
  if (anons.borrow(anon, frame)) return anon;
  anons.dropReference(anon);
  return 'EAGAIN';
}
