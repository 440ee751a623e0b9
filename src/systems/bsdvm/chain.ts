// Looking through a chain of shadow objects: which page does an entry see?

import type { BsdMapEntry } from './map-entry.ts';
import type { VmObject } from './vm-object.ts';

/** Returns the frame of the page that the entry sees at `page`, or 0 when it is on swap, in a file, or nowhere. */
export function visibleFrame(entry: BsdMapEntry, page: number): number {
  let index = entry.indexOf(page);
  for (let object = entry.object; object !== undefined; object = object.shadow) {
    const frame = object.pages.get(index);
    if (frame !== 0 || object.isOnSwap(index)) return frame;
    index += object.shadowOffset;
  }
  return 0;
}

/** Calls `visit` for each page of [first, end) of the entry that an object of its chain has: its frame, or 0 when it is on swap. In no order. */
export function forEachVisible(
  entry: BsdMapEntry,
  first: number,
  end: number,
  visit: (page: number, frame: number, object: VmObject, index: number) => void,
): void {
  let index = entry.indexOf(first);
  for (let object = entry.object; object !== undefined; object = object.shadow) {
    visitObject(entry, { object, first, index, pages: end - first }, visit);
    index += object.shadowOffset;
  }
}

interface Window {
  readonly object: VmObject;
  readonly first: number;
  readonly index: number;
  readonly pages: number;
}

function visitObject(
  entry: BsdMapEntry,
  { object, first, index, pages }: Window,
  visit: (page: number, frame: number, object: VmObject, index: number) => void,
): void {
  const pageAt = (at: number) => first + at - index;
  object.pages.forEach(index, index + pages, (at, frame) => {
    if (isFirstWith(entry, object, pageAt(at))) visit(pageAt(at), frame, object, at);
  });
  const { swap, pagingOffset } = object;
  swap?.forEachHeld(index + pagingOffset, index + pages + pagingOffset, (place) => {
    const at = place - pagingOffset;
    if (object.pages.get(at) === 0 && isFirstWith(entry, object, pageAt(at))) visit(pageAt(at), 0, object, at);
  });
}

/** Tells whether no object above `object` in the entry's chain has the page. */
function isFirstWith(entry: BsdMapEntry, object: VmObject, page: number): boolean {
  let index = entry.indexOf(page);
  for (let above = entry.object; above !== undefined && above !== object; above = above.shadow) {
    if (above.has(index)) return false;
    index += above.shadowOffset;
  }
  return true;
}
