// Swap-in: a page comes back from its slot, and with it, in one operation of the device, those of its neighbours that lie beside it there.
//
//   addresses     | . | a | b | P | c | d | e | .       P is missing; a, b, c, d, e are in swap only
//   slots         ... | 6 | 7 | 8 | 9 | 3 | 4 | ...     read: slots 6 to 9, so a, b, P and c
//
// How many are wanted is the stream's affair (system/swap-read-ahead.ts). They take only frames that are free to be wasted
// (`PageQueue.spareFrames`), never the reserve, and if the read fails, or a frame or an index node lacks, P is read alone: a guess never
// makes a fault fail.
//
// Invariants that running code relies on:
//   SI1  a page read ahead is like any page that came from swap: in a frame, its slot holding the same bytes
//   SI2  only the page that was asked for is held
// Elsewhere: which pages are near in swap (page-daemon.ts sorts them), mapping what was read ahead (fault.ts).

import { EventType, type Pfn } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import { CLUSTER_PAGES } from '../system/index.ts';
import type { UvmCore } from './core.ts';
import type { VmMapEntry } from './map-entry.ts';
import type { UvmObject } from './object.ts';
import type { VmMap } from './vm-map.ts';

/** Brings pages in from swap. The fields are the run at hand, so that no object is made per fault. */
export class SwapIn {
  readonly #core: UvmCore;
  #entry!: VmMapEntry;
  #first = 0;
  #end = 0;
  /** Slot of the first page of the run. */
  #slot = 0;
  /** By page modulo the length of a cluster, which no run exceeds: the anon, or 0 for a page of the object. */
  readonly #anons = new Uint32Array(CLUSTER_PAGES);
  /** From the first page of the run on. */
  readonly #frames = new Int32Array(CLUSTER_PAGES);

  constructor(core: UvmCore) {
    this.#core = core;
  }

  /** First page of the run that the last call brought in. */
  get first(): number {
    return this.#first;
  }

  /** The page after it. */
  get end(): number {
    return this.#end;
  }

  /** Returns the anon of a page of the run, or 0: it is the object's. */
  anonOf(page: number): number {
    return this.#anons[page % CLUSTER_PAGES] as number;
  }

  /** Returns the frame of a page of the run. */
  frameOf(page: number): Pfn {
    return this.#frames[page - this.#first] as Pfn;
  }

  /** Tells whether the content of a page of an entry is in swap, and nowhere else. */
  isSwapped(entry: VmMapEntry, page: number): boolean {
    return this.#slotAt(entry, page) >= 0;
  }

  /**
   * Brings in `page` of the entry, which is in swap only, and what is to be read with it.
   * @param anon the page's, 0 if it is the object's
   * @returns its frame, held; or GET_NO_MEMORY, GET_IO_ERROR with nothing changed.
   */
  bringIn(map: VmMap, entry: VmMapEntry, page: number, anon: number): number {
    const { machine, tuning } = this.#core;
    const streams = map.swapStreams;
    streams.plan(tuning.swapReadAhead, machine.pmaps, map.pmap, page, entry.advice);
    this.#entry = entry;
    this.#first = page;
    this.#end = page + 1;
    if (streams.ahead + streams.behind > 0) this.#extend(page, streams.ahead, streams.behind);
    const got = this.#end - this.#first > 1 ? this.#bringRunIn(map, page, anon) : this.#bringOneIn(map, page, anon);
    if (got >= 0) streams.read(this.#first, this.#end);
    return got;
  }

  #bringOneIn(map: VmMap, page: number, anon: number): number {
    const { swapped, objects } = this.#core;
    if (anon !== 0) return swapped.bringIn(anon, map.pmap.id);
    return objects.get(this.#entry.object as UvmObject, this.#entry.indexOf(page));
  }

  /** If that fails, the page is brought in alone. */
  #bringRunIn(map: VmMap, page: number, anon: number): number {
    if (this.#read(page)) {
      this.#finish(map, page);
      return this.frameOf(page);
    }
    map.swapStreams.failed();
    this.#first = page;
    this.#end = page + 1;
    return this.#bringOneIn(map, page, anon);
  }

  /** Returns the slot of a page that is in swap only, or -1; notes whose it is. */
  #slotAt(entry: VmMapEntry, page: number): number {
    const { anons } = this.#core;
    const anon = entry.amap === undefined ? 0 : entry.amap.get(entry.slotOf(page));
    this.#anons[page % CLUSTER_PAGES] = anon;
    if (anon !== 0) return anons.frame(anon) === 0 ? anons.slot(anon) : -1;
    const { object } = entry;
    if (object?.slots === undefined || object.pages.get(entry.indexOf(page)) !== 0) return -1;
    return object.slots.get(entry.indexOf(page)) - 1;
  }

  /** Lengthens the run by neighbours whose slots continue it on the same device, as far as memory is spare. */
  #extend(page: number, ahead: number, behind: number): void {
    const { queue, swap } = this.#core;
    const entry = this.#entry;
    const slot = this.#slotAt(entry, page);
    this.#slot = slot;
    let spare = Math.min(CLUSTER_PAGES, queue.spareFrames) - 1;
    const endPage = Math.min(entry.end, page + 1 + ahead, page + swap.slots.endOf(slot) - slot);
    while (spare > 0 && this.#end < endPage && this.#slotAt(entry, this.#end) === slot + (this.#end - page)) {
      this.#end++;
      spare--;
    }
    const firstPage = Math.max(entry.start, page - behind, page - (slot - swap.slots.baseOf(slot)));
    while (spare > 0 && this.#first > firstPage && this.#slotAt(entry, this.#first - 1) === this.#slot - 1) {
      this.#first--;
      this.#slot--;
      spare--;
    }
  }

  /** Reads the run into new frames. Returns false, with nothing changed, when a frame lacks or the device failed. */
  #read(page: number): boolean {
    const { swap, statistics } = this.#core;
    const count = this.#end - this.#first;
    for (let i = 0; i < count; i++) {
      const frame = this.#allocate(this.#first + i, page);
      if (frame === -1) {
        this.#giveBack(i);
        return false;
      }
      this.#frames[i] = frame;
    }
    if (swap.readRun(this.#slot, this.#frames, count)) return true;
    this.#giveBack(count);
    statistics.swapErrors++;
    return false;
  }

  #giveBack(count: number): void {
    for (let i = 0; i < count; i++) this.#core.queue.freeFrame(this.#frames[i] as Pfn);
  }

  /** The missing page may have a frame of the reserve, its neighbours may not. */
  #allocate(page: number, missing: number): Pfn | -1 {
    const { queue } = this.#core;
    const anon = this.anonOf(page);
    if (anon !== 0) return page === missing ? queue.allocateForSwapIn(anon) : queue.allocate(FrameKind.anon, anon, 0);
    const object = this.#entry.object as UvmObject;
    const index = this.#entry.indexOf(page);
    if (!object.pages.reserve(index)) return -1;
    if (page === missing) return queue.allocateForSwapIn(object.id, FrameKind.object, index);
    return queue.allocate(FrameKind.object, object.id, index);
  }

  /** Hands the frames to their pages. */
  #finish(map: VmMap, missing: number): void {
    const { machine, anons, queue, statistics } = this.#core;
    for (let page = this.#first; page < this.#end; page++) {
      const frame = this.frameOf(page);
      const anon = this.anonOf(page);
      if (anon !== 0) anons.setFrame(anon, frame);
      else this.#entry.object?.pages.set(this.#entry.indexOf(page), frame);
      if (page === missing) queue.insert(frame);
      else queue.insertAhead(frame);
      machine.events.emit(EventType.swapIn, map.pmap.id, this.#slot + (page - this.#first), frame);
    }
    const count = this.#end - this.#first;
    statistics.swapPagesIn += count;
    statistics.swapOnly -= count;
  }
}
