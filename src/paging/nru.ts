// Not recently used: a page of the lowest class, by what the hardware's two bits say since the last sweep.
//
//   class = 2 * referenced since the last sweep + modified
//   loaded(p):   p is in class 0
//   victim():    when max(1, size / 4) victims have gone since the last sweep, sweep: forget all references, sort all pages anew
//                p = lowest page id of the lowest class that has pages
//                if p's bits have raised its class: move it up (a reactivation if it was referenced) and look again
//                else: return p
//
//        class   0             1             2             3
//              not ref.      not ref.      referenced    referenced
//              clean         modified      clean         modified
//
// The sweep stands for the textbook's clock interrupt: time is counted in victims, so that runs repeat. Between sweeps
// references are sticky, since reading the hardware's bit clears it. Between sweeps a page's class only rises, except
// when a page is cleaned; that is seen at the next sweep. So it is enough to look at the page about to be taken.
// In a replay the reference that loads a page sets its bit, as the retried access does in a live run.
// Tie-break: the lowest page id. Cost: O(1) amortized (a page rises at most three times per sweep), 4 bits of set and a byte
// per page of capacity; a sweep walks the capacity. Source: Tanenbaum, Modern Operating Systems, 3.4.

import { invariant } from '../base/index.ts';
import { expectKnown, expectUnknown } from './known-pages.ts';
import type { PageBits } from './page-bits.ts';
import { PageSet } from './page-set.ts';
import type { PolicyKind, PolicyOptions, ReplacementPolicy } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const CLASSES = 4;
const REFERENCED = 2;
const MODIFIED = 1;
/** A sweep comes after this share of the known pages has been taken. Arbitrary. */
const SWEEP_DIVISOR = 4;

/** Four classes of pages and a sweep. */
class NruPolicy implements ReplacementPolicy {
  readonly name = 'nru';
  readonly sees = 'bits';
  readonly #capacity: number;
  readonly #bits: PageBits;
  /** Class of each page plus one; 0 = not known. */
  readonly #classes: Uint8Array;
  readonly #sets: readonly PageSet[];
  #size = 0;
  #victimsSinceSweep = 0;
  #reactivations = 0;

  constructor({ capacity, bits }: PolicyOptions) {
    this.#capacity = capacity;
    this.#bits = bits;
    this.#classes = new Uint8Array(capacity);
    this.#sets = Array.from({ length: CLASSES }, () => new PageSet(capacity));
  }

  get size(): number {
    return this.#size;
  }

  get reactivations(): number {
    return this.#reactivations;
  }

  loaded(page: number): void {
    expectUnknown(page, this.has(page), this.#capacity);
    this.#put(page, 0);
    this.#size++;
  }

  removed(page: number): void {
    expectKnown(page, this.has(page));
    this.#forget(page);
  }

  victim(): number {
    if (this.#size === 0) return -1;
    if (this.#victimsSinceSweep >= Math.max(1, Math.floor(this.#size / SWEEP_DIVISOR))) this.#sweep();
    this.#victimsSinceSweep++;
    for (let rank = 0; ; ) {
      const page = this.#set(rank).lowest();
      if (page === -1) rank++;
      else if (!this.#rises(page, rank)) {
        this.#forget(page);
        return page;
      }
    }
  }

  replay(ids: Uint32Array, from: number, to: number, memory: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      const isWrite = memory.writeAt(at);
      if (this.has(page)) {
        memory.referenced[page] = 1;
        memory.modified[page] = (memory.modified[page] as number) | isWrite;
      } else {
        if (this.#size === memory.frames) this.victim();
        this.loaded(page);
        memory.referenced[page] = 1;
        memory.modified[page] = isWrite;
        memory.misses[missed++] = at;
      }
    }
    return missed;
  }

  has(page: number): boolean {
    return (this.#classes[page] ?? 0) !== 0;
  }

  check(): void {
    let known = 0;
    for (let page = 0; page < this.#capacity; page++) {
      const classed = this.#classes[page] as number;
      if (classed !== 0) known++;
      for (let rank = 0; rank < CLASSES; rank++) {
        invariant(
          this.#set(rank).has(page) === (classed === rank + 1),
          'RP1',
          () => `page ${page} of class ${classed - 1} and set ${rank} disagree`,
        );
      }
    }
    invariant(known === this.#size, 'RP1', () => `size ${this.#size}, found ${known}`);
    for (const set of this.#sets) set.check();
  }

  /** Moves `page` up from class `rank` if its bits say so; returns whether they did. */
  #rises(page: number, rank: number): boolean {
    const referenced = rank >= REFERENCED || this.#bits.testAndClearReferenced(page);
    const now = (referenced ? REFERENCED : 0) + (this.#bits.isModified(page) ? MODIFIED : 0);
    if (now <= rank) return false;
    if (rank < REFERENCED && referenced) this.#reactivations++;
    this.#move(page, now);
    return true;
  }

  /** Ends a period: bits are read and cleared, and only the modified bit counts for the class. */
  #sweep(): void {
    this.#victimsSinceSweep = 0;
    for (let page = 0; page < this.#capacity; page++) {
      if (this.#classes[page] === 0) continue;
      this.#bits.testAndClearReferenced(page);
      const now = this.#bits.isModified(page) ? MODIFIED : 0;
      if (this.#classes[page] !== now + 1) this.#move(page, now);
    }
  }

  #move(page: number, rank: number): void {
    this.#set((this.#classes[page] as number) - 1).remove(page);
    this.#put(page, rank);
  }

  #put(page: number, rank: number): void {
    this.#classes[page] = rank + 1;
    this.#set(rank).add(page);
  }

  #forget(page: number): void {
    this.#set((this.#classes[page] as number) - 1).remove(page);
    this.#classes[page] = 0;
    this.#size--;
  }

  #set(rank: number): PageSet {
    return this.#sets[rank] as PageSet;
  }
}

/** Makes the `nru` policy. */
export const nru: PolicyKind = { name: 'nru', sees: 'bits', make: (options) => new NruPolicy(options) };
