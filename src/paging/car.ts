// CAR: ARC with clocks, so that a hit only sets a bit.
//
//   T1  resident, clock of pages seen once lately      B1  evicted from T1 (ids only)
//   T2  resident, clock of pages seen often            B2  evicted from T2 (ids only)         p  the frames that T1 should have
//
//   hit(x):    bit(x) = 1
//   miss(x):   if full: replace; then, if x is no ghost: forget the oldest of B1 if |T1| + |B1| = C, else of B2 if there are 2C ids
//              x in B1: p grows by max(1, |B2| / |B1|); x to T2.  x in B2: p shrinks by max(1, |B1| / |B2|); x to T2.  else: x to T1
//   replace:   if |T1| >= max(1, p): head of T1: bit 0: to B1, done; else bit 0, to T2's tail
//              else:                 head of T2: bit 0: to B2, done; else bit 0, to T2's tail
//
// p is a real number. Bits are 0 after a load. No ties. The ghosts need ids, so the simulator alone runs it.
// Source: Bansal and Modha, "CAR: Clock with Adaptive Replacement", FAST 2004, figure 2.

import { expectWithinFrames } from './frames-invariant.ts';
import { PageLists } from './page-list.ts';
import type { ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const T1 = 0;
const T2 = 1;
const B1 = 2;
const B2 = 3;

/** Two clocks, two lists of ghosts, and a target. */
class CarPolicy implements Replayed {
  readonly name = 'car';
  readonly #lists: PageLists;
  readonly #bits: Uint8Array;
  readonly #frames: number;
  /** Frames that T1 should have, in [0, frames]. */
  #target = 0;

  constructor({ pages, frames }: ReferencePolicyOptions) {
    this.#lists = new PageLists(pages, 4);
    this.#bits = new Uint8Array(pages);
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
      this.#bits[page] = 1;
      return true;
    }
    if (this.size === this.#frames) {
      this.#replace();
      if (list === -1) this.#forget();
    }
    this.#bits[page] = 0;
    if (list === -1) this.#lists.append(page, T1);
    else {
      this.#learn(list);
      this.#lists.moveToTail(page, T2);
    }
    return false;
  }

  #learn(list: number): void {
    const b1 = this.#lists.length(B1);
    const b2 = this.#lists.length(B2);
    if (list === B1) this.#target = Math.min(this.#target + Math.max(1, b2 / b1), this.#frames);
    else this.#target = Math.max(this.#target - Math.max(1, b1 / b2), 0);
  }

  #forget(): void {
    const lists = this.#lists;
    if (lists.length(T1) + lists.length(B1) === this.#frames) lists.remove(lists.head(B1));
    else if (this.size + lists.length(B1) + lists.length(B2) === 2 * this.#frames) lists.remove(lists.head(B2));
  }

  #replace(): void {
    const lists = this.#lists;
    for (;;) {
      const isT1 = lists.length(T1) >= Math.max(1, this.#target) || lists.length(T2) === 0;
      const page = lists.head(isT1 ? T1 : T2);
      if (this.#bits[page] === 0) {
        lists.moveToTail(page, isT1 ? B1 : B2);
        return;
      }
      this.#bits[page] = 0;
      lists.moveToTail(page, T2);
    }
  }
}

/** Makes the `car` policy. */
export const car: ReferencePolicyKind = { name: 'car', sees: 'references', make: (options) => new CarPolicy(options) };
