// Wired pages: frames that may not be evicted. Every entry that is wired counts once at each page it sees.
//
// Invariants (quoted by `checkBsdVm`):
//   BW1  a frame's wire count = pairs of a wired entry and a page of it that see the frame
//   BW2  a wired entry sees a page everywhere, in memory
// The replacement policy knows no wired frame (PQ1 in system/page-queue.ts).

import type { Pfn } from '../../base/index.ts';
import { visibleFrame } from './chain.ts';
import type { BsdCore } from './core.ts';
import type { BsdMapEntry } from './map-entry.ts';
import type { VmObject } from './vm-object.ts';

/** Most a frame's record can count. */
const MOST_WIRES = 255;

/** Wires the page that an entry sees, which is in memory. Returns false if its count is at its highest already. */
export function wirePage({ machine, queue }: BsdCore, frame: Pfn): boolean {
  if (machine.frames.table.wireCount(frame) === MOST_WIRES) return false;
  queue.wire(frame);
  return true;
}

/** Unwires what an entry, which is wired, sees in [first, end). Device pages were never wired. */
export function unwirePages(core: BsdCore, entry: BsdMapEntry, first: number, end: number): void {
  for (let page = first; page < end; page++) {
    const frame = visibleFrame(entry, page);
    if (frame !== 0) core.queue.unwire(frame as Pfn);
  }
}

/** A page of `top` was copied there from below: wired entries that look through `top` now see the copy. Rare, so all spaces are searched. */
export function moveWires(core: BsdCore, top: VmObject, index: number, source: Pfn, copy: Pfn): void {
  for (const map of core.maps) {
    for (const entry of map) {
      const page = entry.start + index - entry.objectOffset;
      if (entry.object !== top || entry.wiredCount === 0 || page < entry.start || page >= entry.end) continue;
      core.queue.unwire(source);
      core.queue.wire(copy);
    }
  }
}
