// Read-ahead in swap, which 4.4BSD has not: off unless it is asked for. An object's pages have their places in blocks of neighbouring slots
// (swap-pager.ts), so those of the missing page's block that are in swap only can come in with it, in one operation.
//
//   block      | . | a | b | P | c | . | d | .      P is missing, a, b, c and d are in swap only: at most a to c are read
//
// They are in memory then, and each is mapped by a fault of its own, as every page is here. What cannot be had beside the missing page is left
// out: memory that is spare (`PageQueue.spareFrames`), a frame, an index node, a read that works.
// Elsewhere: how many are wanted (system/swap-read-ahead.ts).

import { EventType, type Pfn } from '../../base/index.ts';
import { FrameKind } from '../../frames/index.ts';
import { CLUSTER_PAGES } from '../../system/index.ts';
import type { BsdCore } from './core.ts';
import type { BsdMapEntry } from './map-entry.ts';
import type { BsdMap } from './vm-map.ts';
import type { VmObject } from './vm-object.ts';

/** Brings runs of pages in from swap. */
export class SwapIn {
  readonly #core: BsdCore;
  readonly #frames = new Int32Array(CLUSTER_PAGES);

  constructor(core: BsdCore) {
    this.#core = core;
  }

  /**
   * Brings in `page` of the entry, which is page `index` of `object` and in swap only, with neighbours of it. Its frame is held.
   * Returns false, with nothing changed, if none come along: then the page is to be brought in alone.
   */
  bringIn(map: BsdMap, entry: BsdMapEntry, page: number, object: VmObject, index: number): boolean {
    const { machine, queue, swapReadAhead } = this.#core;
    const streams = map.swapStreams;
    streams.plan(swapReadAhead, machine.pmaps, map.pmap, page, 'normal');
    let first = index;
    let end = index + 1;
    let spare = Math.min(CLUSTER_PAGES, queue.spareFrames) - 1;
    const lastEnd = index + Math.min(entry.end - page, streams.ahead + 1);
    while (spare > 0 && end < lastEnd && isBeside(object, index, end)) {
      end++;
      spare--;
    }
    const lowest = index - Math.min(page - entry.start, streams.behind);
    while (spare > 0 && first > lowest && isBeside(object, index, first - 1)) {
      first--;
      spare--;
    }
    const isRun = end - first > 1 && this.#read(map, object, { first, end }, index);
    if (!isRun) first = index;
    streams.read(page + first - index, isRun ? page + end - index : page + 1);
    return isRun;
  }

  #read({ pmap }: BsdMap, object: VmObject, { first, end }: { readonly first: number; readonly end: number }, missing: number): boolean {
    const { swap, statistics, queue, machine } = this.#core;
    const slot = object.swap?.slotOf(first + object.pagingOffset) ?? -1;
    for (let index = first; index < end; index++) {
      const frame = object.pages.reserve(index) ? queue.allocate(FrameKind.anon, object.id, index) : -1;
      if (frame === -1) return this.#giveBack(index - first);
      this.#frames[index - first] = frame;
    }
    if (!swap.readRun(slot, this.#frames, end - first)) {
      statistics.swapErrors++;
      return this.#giveBack(end - first);
    }
    for (let index = first; index < end; index++) {
      const frame = this.#frames[index - first] as Pfn;
      object.pages.set(index, frame);
      if (index === missing) queue.insert(frame);
      else queue.insertAhead(frame);
      machine.events.emit(EventType.swapIn, pmap.id, slot + index - first, frame);
    }
    statistics.swapPagesIn += end - first;
    return true;
  }

  #giveBack(count: number): false {
    for (let i = 0; i < count; i++) this.#core.queue.freeFrame(this.#frames[i] as Pfn);
    return false;
  }
}

/** Tells whether page `index` of the object is in swap only, in the block of page `missing`. */
function isBeside(object: VmObject, missing: number, index: number): boolean {
  const { swap, pagingOffset, pages, pageCount } = object;
  if (swap === undefined || index < 0 || index >= pageCount || pages.get(index) !== 0) return false;
  const isOneBlock = Math.floor((index + pagingOffset) / swap.blockPages) === Math.floor((missing + pagingOffset) / swap.blockPages);
  return isOneBlock && swap.holds(index + pagingOffset);
}
