// ARC, the adaptive replacement cache: recency against frequency, and a target that learns from what was evicted too early.
//
//   T1  resident, seen once lately      B1  evicted from T1 (ids only)
//   T2  resident, seen at least twice   B2  evicted from T2 (ids only)         p  the frames that T1 should have
//
//   hit(x):           to the young end of T2
//   miss, x in B1:    p grows by max(|B2| / |B1|, 1);    x leaves B1; replace; x to T2
//   miss, x in B2:    p shrinks by max(|B1| / |B2|, 1);  x leaves B2; replace; x to T2
//   miss, elsewhere:  if full: |T1| + |B1| = C: forget the oldest of B1 and replace, or, with B1 empty, drop the oldest of T1
//                              else: forget the oldest of B2 if the ids are 2C; replace
//                     x to T1
//   replace:          if T1 is above its target (or at it, x being in B2), or T2 is empty: oldest of T1 to B1; else oldest of T2 to B2
//
// p is a real number; the sizes in its steps are those before x leaves. No ties. Must see every reference.
// Source: Megiddo and Modha, "ARC: A Self-Tuning, Low Overhead Replacement Cache", FAST 2003, figure 4; counts as libCacheSim's.

import { expectWithinFrames } from './frames-invariant.ts';
import { PageLists } from './page-list.ts';
import type { PolicyQueue, ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const T1 = 0;
const T2 = 1;
const B1 = 2;
const B2 = 3;

/** Two lists of pages, two of ghosts, and a target. */
class ArcPolicy implements Replayed {
  readonly name = 'arc';
  readonly #lists: PageLists;
  readonly #frames: number;
  /** Frames that T1 should have, in [0, frames]. */
  #target = 0;

  constructor({ pages, frames }: ReferencePolicyOptions) {
    this.#lists = new PageLists(pages, 4);
    this.#frames = frames;
  }

  get size(): number {
    return this.#lists.length(T1) + this.#lists.length(T2);
  }

  has(page: number): boolean {
    const list = this.#lists.listOf(page);
    return list === T1 || list === T2;
  }

  replay(ids: Uint32Array, from: number, to: number, { misses }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) if (!this.#refer(ids[at] as number)) misses[missed++] = at;
    return missed;
  }

  describe(): PolicyQueue[] {
    const order = 'last used longest ago first';
    const pagesOf = (list: number): number[] => this.#lists.pagesOf(list);
    return [
      { name: 'T1', holds: 'pages', order, pages: pagesOf(T1), share: this.#target },
      { name: 'T2', holds: 'pages', order, pages: pagesOf(T2), share: this.#frames - this.#target },
      { name: 'B1', holds: 'ghosts', order, pages: pagesOf(B1) },
      { name: 'B2', holds: 'ghosts', order, pages: pagesOf(B2) },
    ];
  }

  check(): void {
    this.#lists.check();
    expectWithinFrames(this.size, this.#frames);
    expectWithinFrames(this.#lists.length(T1) + this.#lists.length(B1), this.#frames);
    expectWithinFrames(this.size + this.#lists.length(B1) + this.#lists.length(B2), 2 * this.#frames);
    expectWithinFrames(this.#target, this.#frames);
  }

  /** Refers to `page`; tells whether it was resident. */
  #refer(page: number): boolean {
    const list = this.#lists.listOf(page);
    if (list === T1 || list === T2) {
      this.#lists.moveToTail(page, T2);
      return true;
    }
    if (list === -1) this.#loadUnknown(page);
    else this.#loadGhost(page, list);
    return false;
  }

  #loadGhost(page: number, list: number): void {
    const b1 = this.#lists.length(B1);
    const b2 = this.#lists.length(B2);
    if (list === B1) this.#target = Math.min(this.#target + Math.max(b2 / b1, 1), this.#frames);
    else this.#target = Math.max(this.#target - Math.max(b1 / b2, 1), 0);
    this.#lists.remove(page);
    if (this.size === this.#frames) this.#replace(list);
    this.#lists.append(page, T2);
  }

  #loadUnknown(page: number): void {
    const lists = this.#lists;
    if (this.size === this.#frames) {
      if (lists.length(T1) + lists.length(B1) >= this.#frames) {
        if (lists.length(B1) === 0) lists.remove(lists.head(T1));
        else {
          lists.remove(lists.head(B1));
          this.#replace(B1);
        }
      } else {
        if (this.size + lists.length(B1) + lists.length(B2) >= 2 * this.#frames) lists.remove(lists.head(B2));
        this.#replace(B1);
      }
    }
    lists.append(page, T1);
  }

  /** Evicts a page to its ghost list; `from` is the ghost list that the page to load was on, B1 if it was on none. */
  #replace(from: number): void {
    const lists = this.#lists;
    const t1 = lists.length(T1);
    const isT1 = t1 > 0 && (t1 > this.#target || (t1 === this.#target && from === B2));
    if (isT1 || lists.length(T2) === 0) lists.moveToTail(lists.head(T1), B1);
    else lists.moveToTail(lists.head(T2), B2);
  }
}

/** Makes the `arc` policy. */
export const arc: ReferencePolicyKind = { name: 'arc', sees: 'references', make: (options) => new ArcPolicy(options) };
