// Keeping chains short: what 4.4BSD does against the pages and objects that copy-on-write leaves behind.
//
//   collapse   the object below has no other reference: its pages move up, those already covered are freed, it ends
//
//                top [ . b . ]                             top [ . b C ]
//                below [ . B C ]   (references 1)    =>
//                next [ a b c ]                            next [ a b c ]          B could be reached by nobody
//
//   bypass     others refer to the object below, but the top covers all its pages: the top looks past it from now on
//
// The object right above a file is left alone: 4.4BSD's rule for copy objects, which their file must find. It is what makes the leak of
// figure 3 last.
//
// Both are tried when a fault has copied a page, when a reference is dropped, before a fork copies an object and before its first
// page-out. In between, covered pages of an object with one reference lie in memory or on swap and nobody can reach them; once the top
// has pages on swap of its own, neither can be done any more. Source: vm_object_collapse; Cranor and Parulkar 1999, section 5.1.
// Cost: a collapse O(pages below); a bypass that cannot be done O(1), that can be O(pages below).

import type { Pfn } from '../../base/index.ts';
import type { FrameTable } from '../../frames/index.ts';
import type { Machine, PageQueue } from '../../system/index.ts';
import type { ShadowCounters } from './counters.ts';
import type { SwapPager } from './swap-pager.ts';
import type { VmObject } from './vm-object.ts';

/** Collapses and bypasses the objects of one machine. */
export class Collapser {
  readonly #table: FrameTable;
  readonly #queue: PageQueue;
  readonly #counters: ShadowCounters;
  readonly #end: (object: VmObject) => void;

  /** @param end frees an object that has neither pages nor swap nor references left. */
  constructor(machine: Machine, queue: PageQueue, counters: ShadowCounters, end: (object: VmObject) => void) {
    this.#table = machine.frames.table;
    this.#queue = queue;
    this.#counters = counters;
    this.#end = end;
  }

  /** Takes everything out of the chain below `object` that can be. What lacks kernel memory is left for the next try. */
  collapse(object: VmObject): void {
    if (object.shadow === undefined) return;
    this.#counters.collapseTries++;
    while (this.#tryStep(object)) {
      // One object fewer in the chain; the next may go too.
    }
  }

  #tryStep(object: VmObject): boolean {
    const below = object.shadow;
    if (below === undefined || below.kind !== 'anonymous' || below.shadow?.kind === 'vnode') return false;
    // With pages of its own on swap it is not known cheaply what the object covers.
    if (object.swap !== undefined) return false;
    return below.references === 1 ? this.#merge(object, below) : this.#bypass(object, below);
  }

  /** Moves everything of `below` that the object does not cover into it. Returns false, with nothing changed, when out of kernel memory. */
  #merge(object: VmObject, below: VmObject): boolean {
    const { shadowOffset } = object;
    if (!reserveMoved(object, below)) return false;
    if (below.swap !== undefined) this.#takePager(object, below, below.swap);
    below.pages.forEach(0, below.pageCount, (at, frame) => {
      const index = at - shadowOffset;
      if (isUncovered(object, index)) this.#move(frame as Pfn, object, index);
      else this.#queue.release(frame as Pfn);
    });
    below.pages.destroy();
    object.shadow = below.shadow;
    object.shadowOffset += below.shadowOffset;
    object.uncovered = 0;
    this.#counters.collapses++;
    this.#end(below);
    return true;
  }

  /** Takes over the lower object's pager; what it holds of pages that the object covers or does not reach is nobody's any more. */
  #takePager(object: VmObject, below: VmObject, pager: SwapPager): void {
    const offset = object.shadowOffset + below.pagingOffset;
    pager.forEachHeld(0, Number.MAX_SAFE_INTEGER, (place) => {
      if (!isUncovered(object, place - offset)) pager.forget(place);
    });
    object.swap = pager;
    object.pagingOffset = offset;
    below.swap = undefined;
  }

  #move(frame: Pfn, object: VmObject, index: number): void {
    this.#table.setOwner(frame, object.id);
    this.#table.setIndex(frame, index);
    object.pages.set(index, frame);
  }

  /** Lets the object look past `below` if it covers all pages there. */
  #bypass(object: VmObject, below: VmObject): boolean {
    if (below.swap !== undefined || !this.#coversAll(object, below)) return false;
    if (below.shadow !== undefined) below.shadow.references++;
    below.references--;
    object.shadow = below.shadow;
    object.shadowOffset += below.shadowOffset;
    object.uncovered = 0;
    this.#counters.bypasses++;
    return true;
  }

  /** Looks first where it found an uncovered page last time: memory is mostly written upwards, and then a fault costs no walk from the start. */
  #coversAll(object: VmObject, below: VmObject): boolean {
    const { shadowOffset } = object;
    const end = shadowOffset + object.pageCount;
    const last = Math.max(shadowOffset, object.uncovered);
    let uncovered = firstUncovered(object, below, last, end);
    if (uncovered < 0) uncovered = firstUncovered(object, below, shadowOffset, last);
    if (uncovered >= 0) object.uncovered = uncovered;
    return uncovered < 0;
  }
}

/** Returns the first page of `below` in [first, end) that the object above it has not, or -1. */
function firstUncovered(object: VmObject, below: VmObject, first: number, end: number): number {
  let at = below.pages.next(first, end);
  while (at >= 0 && !isUncovered(object, at - object.shadowOffset)) at = below.pages.next(at + 1, end);
  return at;
}

/** Tells whether page `index` lies in the object's window and the object has none of its own. */
function isUncovered(object: VmObject, index: number): boolean {
  return index >= 0 && index < object.pageCount && object.pages.get(index) === 0;
}

/** Makes room in the object's index for every page that would move up. */
function reserveMoved(object: VmObject, below: VmObject): boolean {
  let enough = true;
  below.pages.forEach(object.shadowOffset, object.shadowOffset + object.pageCount, (at) => {
    enough &&= object.pages.reserve(at - object.shadowOffset);
  });
  return enough;
}
