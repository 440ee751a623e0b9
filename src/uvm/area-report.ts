// One map entry as `/proc/PID/smaps` would show it. Walks the entry's layers: for reports, not for hot paths.

import { addressOf, PAGE_SIZE, type Pfn } from '../base/index.ts';
import type { AreaReport } from '../system/index.ts';
import type { UvmCore } from './core.ts';
import type { VmMapEntry } from './map-entry.ts';

/** Counts the pages of one entry by where they are. */
export function reportArea(core: UvmCore, entry: VmMapEntry): AreaReport {
  const { machine, anons } = core;
  let residentPages = 0;
  let dirtyPages = 0;
  let swappedPages = 0;
  entry.amap?.forEach(entry.amapOffset, entry.amapEnd, (_slot, anon) => {
    const frame = anons.frame(anon);
    if (frame === 0) swappedPages++;
    else {
      residentPages++;
      if (anons.slot(anon) < 0 || machine.pmaps.isModified(frame)) dirtyPages++;
    }
  });
  if (entry.object?.pager.kind === 'device') residentPages = entry.end - entry.start;
  const firstIndex = entry.indexOf(entry.start);
  entry.object?.pages.forEach(firstIndex, firstIndex + entry.end - entry.start, (index, frame) => {
    if (entry.amap !== undefined && entry.amap.get(entry.slotOf(entry.start + index - firstIndex)) !== 0) return;
    residentPages++;
    const isOnlyHere = entry.object?.slots !== undefined && entry.object.slots.get(index) === 0;
    if (isOnlyHere || machine.pmaps.isModified(frame as Pfn)) dirtyPages++;
  });
  entry.object?.slots?.forEach(firstIndex, firstIndex + entry.end - entry.start, (index) => {
    const isCovered = entry.amap !== undefined && entry.amap.get(entry.slotOf(entry.start + index - firstIndex)) !== 0;
    if (!isCovered && entry.object?.pages.get(index) === 0) swappedPages++;
  });
  return {
    start: addressOf(entry.start),
    end: addressOf(entry.end),
    protection: entry.protection,
    sharing: entry.copyOnWrite ? 'private' : 'shared',
    name: entry.name,
    offset: entry.objectOffset * PAGE_SIZE,
    residentPages,
    dirtyPages,
    swappedPages,
    inheritance: entry.inheritance,
    lockedPages: entry.wired ? entry.end - entry.start : 0,
  };
}
