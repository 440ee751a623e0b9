// One map entry as `/proc/PID/smaps` would show it. Walks the entry's chain: for reports, not for hot paths.

import { addressOf, PAGE_SIZE, type Pfn } from '../../base/index.ts';
import type { AreaReport } from '../../system/index.ts';
import { forEachVisible } from './chain.ts';
import type { BsdCore } from './core.ts';
import type { BsdMapEntry } from './map-entry.ts';
import type { VmObject } from './vm-object.ts';

/** Counts the pages of one entry by where they are. */
export function reportArea({ machine }: BsdCore, entry: BsdMapEntry): AreaReport {
  let residentPages = entry.object?.kind === 'device' ? entry.pages : 0;
  let dirtyPages = 0;
  let swappedPages = 0;
  forEachVisible(entry, entry.start, entry.end, (_page, frame, object, index) => {
    if (frame === 0) swappedPages++;
    else {
      residentPages++;
      const neverOut = object.vnode === undefined && !object.isOnSwap(index);
      if (neverOut || machine.pmaps.isModified(frame as Pfn)) dirtyPages++;
    }
  });
  return {
    start: addressOf(entry.start),
    end: addressOf(entry.end),
    protection: entry.protection,
    sharing: entry.sharing,
    name: entry.name,
    inheritance: entry.inheritance,
    offset: offsetInFile(entry) * PAGE_SIZE,
    residentPages,
    dirtyPages,
    swappedPages,
    lockedPages: entry.isLocked ? entry.pages : 0,
  };
}

/** Returns the page of the mapped object that the entry begins with; 0 for anonymous memory, whose objects come and go. */
function offsetInFile(entry: BsdMapEntry): number {
  if (entry.backing === 'anonymous') return 0;
  let index = entry.objectOffset;
  let object: VmObject | undefined = entry.object;
  for (; object?.shadow !== undefined; object = object.shadow) index += object.shadowOffset;
  return index;
}
