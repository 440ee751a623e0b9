// The frames under wired entries: which they are, and keeping their wire counts right when an area goes or a page is replaced.
//
//   wired entry --page--> anon's frame, or the object's where there is no anon --> wire count of the frame
//
// Invariants (quoted by `check`):
//   WI1  a frame's wire count = pages of wired entries that it backs; every such page is backed (devices' frames never leave: not counted)
// Source: UVM keeps the wired state of mlock, and only that, in map entries. Elsewhere: locking areas (wiring.ts), the queue (system/).

import type { Pfn } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import type { Amap } from './amap.ts';
import type { UvmCore } from './core.ts';
import type { VmMapEntry } from './map-entry.ts';
import type { UvmObject } from './object.ts';

/** Returns the frame that holds `page` of the entry now, or 0: the anon's, or the object's where there is no anon. */
export function backingFrame({ anons }: UvmCore, entry: VmMapEntry, page: number): Pfn | 0 {
  const anon = entry.amap?.get(entry.slotOf(page)) ?? 0;
  if (anon !== 0) return anons.frame(anon);
  const { object } = entry;
  if (object === undefined) return 0;
  return object.pager.frameOf?.(entry.indexOf(page)) ?? (object.pages.get(entry.indexOf(page)) as Pfn | 0);
}

/** Wires the frame of one page, and gives its swap slot back: it will not be needed. */
export function wireFrame({ machine, queue, swapped }: UvmCore, frame: Pfn): void {
  const { table } = machine.frames;
  if (table.kind(frame) === FrameKind.permanent) return;
  queue.wire(frame);
  if (swapped.owns(frame)) swapped.dropSlot(frame);
}

/** Unwires the frames of [first, end), pages of one entry that are all wired. */
export function unwireFrames(core: UvmCore, entry: VmMapEntry, first: number, end: number): void {
  const { table } = core.machine.frames;
  for (let page = first; page < end; page++) {
    const frame = backingFrame(core, entry, page) as Pfn;
    if (table.kind(frame) !== FrameKind.permanent) core.queue.unwire(frame);
  }
}

/** The page in `slot` of `amap` moved from frame `from` to `to`: wires of entries that hold the slot move along. Rare, so it looks at all entries. */
export function moveWires(core: UvmCore, amap: Amap, slot: number, from: Pfn, to: Pfn): void {
  for (const map of core.maps) {
    for (const entry of map) {
      if (!entry.wired || entry.amap !== amap || slot < entry.amapOffset || slot >= entry.amapEnd) continue;
      core.queue.unwire(from);
      wireFrame(core, to);
    }
  }
}

/** Page `index` of `object` moved from frame `from` to `to`: as `moveWires`. */
export function moveObjectWires(core: UvmCore, object: UvmObject, index: number, from: Pfn, to: Pfn): void {
  for (const map of core.maps) {
    for (const entry of map) {
      const page = entry.start + (index - entry.objectOffset);
      if (!entry.wired || entry.object !== object || page < entry.start || page >= entry.end) continue;
      if (backingFrame(core, entry, page) !== from) continue;
      core.queue.unwire(from);
      wireFrame(core, to);
    }
  }
}
