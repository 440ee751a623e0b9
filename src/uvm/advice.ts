// Advice: how a range will be used. The pattern stays with the entry and decides what a fault looks at around its page (fault.ts); the
// rest is done at once.
//
//   normal, random, sequential   kept in the entry: 3 pages behind and 4 ahead, none, 7 ahead with 8 behind demoted
//   willNeed                     reads object pages and swapped anons in while free memory is above the daemon's target; maps nothing
//   dontNeed                     makes the pages the first to be evicted; content stays
//   free                         gives private anonymous content up
//
// Source: uvm_map_advice, uvm_map_willneed and uvm_map_clean; MADV_FREE. Wired pages are neither demoted nor given up.

import type { Errno, Pfn } from '../base/index.ts';
import type { Advice, PageRange } from '../system/index.ts';
import { everyArea } from './areas.ts';
import type { UvmCore } from './core.ts';
import type { AccessPattern, VmMapEntry } from './map-entry.ts';
import { clearNeedsCopy } from './needs-copy.ts';
import type { UvmObject } from './object.ts';
import type { VmMap } from './vm-map.ts';
import { backingFrame } from './wired-pages.ts';

/** Applies `advice` to what is mapped of a range. Errors as `MemorySystem.advise`. */
export function adviseRange(core: UvmCore, space: VmMap, { first, end }: PageRange, advice: Advice): 0 | Errno {
  const areas: Area[] = [];
  let isWhole = true;
  for (let page = first; page < end; ) {
    const entry = space.findNext(page);
    if (entry === undefined || entry.start > page) isWhole = false;
    if (entry === undefined || entry.start >= end) break;
    areas.push({ entry, first: Math.max(page, entry.start), end: Math.min(end, entry.end) });
    page = entry.end;
  }
  const error = advise(core, space, { first, end }, areas, advice);
  return error !== 0 || isWhole ? error : 'ENOMEM';
}

/** A part of an entry. */
interface Area {
  readonly entry: VmMapEntry;
  readonly first: number;
  readonly end: number;
}

function advise(core: UvmCore, space: VmMap, range: PageRange, areas: readonly Area[], advice: Advice): 0 | Errno {
  switch (advice) {
    case 'normal':
    case 'random':
    case 'sequential':
      return setPattern(space, range, advice);
    case 'willNeed':
      for (const area of areas) if (!bringIn(core, space, area)) break;
      return 0;
    case 'dontNeed':
      for (const area of areas) demote(core, area);
      return 0;
    case 'free':
      return freeContent(core, space, areas);
    default:
      return 'EINVAL';
  }
}

function setPattern(space: VmMap, { first, end }: PageRange, pattern: AccessPattern): 0 | Errno {
  if (!space.clipRange(first, end)) return 'ENOMEM';
  for (let entry = space.findNext(first); entry !== undefined && entry.start < end; entry = space.next(entry)) entry.advice = pattern;
  space.mergeRange(first, end);
  return 0;
}

/** Brings one area in. Returns false when free memory is used up or a page cannot be read: advice is no request. */
function bringIn(core: UvmCore, space: VmMap, { entry, first, end }: Area): boolean {
  const { machine, queue, objects, swapped } = core;
  for (let page = first; page < end; page++) {
    const anon = entry.amap?.get(entry.slotOf(page)) ?? 0;
    if (backingFrame(core, entry, page) !== 0 || (anon === 0 && entry.object === undefined)) continue;
    if (machine.frames.freeCount <= queue.freeTarget) return false;
    const frame = anon !== 0 ? swapped.bringIn(anon, space.pmap.id) : objects.get(entry.object as UvmObject, entry.indexOf(page));
    if (frame < 0) return false;
  }
  return true;
}

function demote(core: UvmCore, { entry, first, end }: Area): void {
  for (let page = first; page < end; page++) {
    const frame = backingFrame(core, entry, page);
    if (frame !== 0) core.queue.demote(frame as Pfn);
  }
}

/** EINVAL, with nothing changed, if part of it is not private anonymous memory, or is locked. */
function freeContent(core: UvmCore, space: VmMap, areas: readonly Area[]): 0 | Errno {
  if (areas.some(({ entry }) => entry.object !== undefined || !entry.copyOnWrite || entry.wired)) return 'EINVAL';
  for (const { entry } of areas) if (entry.needsCopy && entry.amap !== undefined && !clearNeedsCopy(core, entry)) return 'ENOMEM';
  for (const { entry, first, end } of areas) freeArea(core, space, { entry, first, end });
  return 0;
}

function freeArea(core: UvmCore, space: VmMap, area: Area): void {
  const { entry, first, end } = area;
  const { amap } = entry;
  if (amap === undefined) return;
  if (amap.isShared(entry.slotOf(first), entry.slotOf(end))) {
    demote(core, area);
    return;
  }
  core.machine.pmaps.remove(space.pmap, first, end);
  amap.empty(entry.slotOf(first), entry.slotOf(end));
}

/** Writes 1 or 0 per page of [first, end) into `into`: in memory or not. EINVAL if it is too short, ENOMEM if part of it is not mapped. */
export function residencyOf(core: UvmCore, space: VmMap, { first, end }: PageRange, into: Uint8Array): 0 | Errno {
  if (into.length < end - first) return 'EINVAL';
  if (!everyArea(space, first, end)) return 'ENOMEM';
  everyArea(space, first, end, (entry, from, to) => {
    for (let page = from; page < to; page++) into[page - first] = backingFrame(core, entry, page) === 0 ? 0 : 1;
    return true;
  });
  return 0;
}
