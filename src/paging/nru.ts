// Not recently used: a page of the lowest class, by what the hardware's two bits say since the last tick.
//
//   class = 2 * referenced since the last tick + modified
//   loaded(p):   p is in class 0
//   tick:        forget all references, sort all pages anew                       (how often: ticks.ts)
//   victim():    p = lowest page id of the lowest class that has pages
//                if p's bits have raised its class: move it up (a reactivation if it was referenced) and look again
//                else: return p
//
//        class   0             1             2             3
//              not ref.      not ref.      referenced    referenced
//              clean         modified      clean         modified
//
// Between ticks references are sticky, since reading the hardware's bit clears it, and a page's class only rises, except when a page is
// cleaned; that is seen at the next tick. So it is enough to look at the page about to be taken.
// In a replay the reference that loads a page sets its bit, as the retried access does in a live run.
// Tie-break: the lowest page id. Cost: O(1) amortized (a page rises at most three times between ticks, and a tick visits what is known);
// 4 bits of set and a byte per page of capacity. Source: Tanenbaum, Modern Operating Systems, 3.4.

import { invariant } from '../base/index.ts';
import { expectKnown, expectUnknown } from './known-pages.ts';
import type { PageBits } from './page-bits.ts';
import { PageSet } from './page-set.ts';
import type { PolicyKind, PolicyOptions, ReplacementPolicy } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';
import { Ticks } from './ticks.ts';

const CLASSES = 4;
const REFERENCED = 2;
const MODIFIED = 1;

/** Four classes of pages. */
class NruPolicy implements ReplacementPolicy {
  readonly name = 'nru';
  readonly sees = 'bits';
  readonly #capacity: number;
  readonly #bits: PageBits;
  /** Class of each page plus one; 0 = not known. */
  readonly #classes: Uint8Array;
  readonly #sets: readonly PageSet[];
  #size = 0;
  readonly #ticks: Ticks;
  #reactivations = 0;

  constructor({ capacity, bits, tickReferences }: PolicyOptions) {
    this.#capacity = capacity;
    this.#bits = bits;
    this.#classes = new Uint8Array(capacity);
    this.#sets = Array.from({ length: CLASSES }, () => new PageSet(capacity));
    this.#ticks = new Ticks(tickReferences);
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
    if (this.#ticks.isDueAtVictim(this.#size)) this.#tick();
    return this.#takeLowest();
  }

  replay(ids: Uint32Array, from: number, to: number, memory: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      const isWrite = memory.writeAt(at);
      if (this.#ticks.isDueAtReference(memory.frames)) this.#tick();
      if (this.has(page)) {
        memory.referenced[page] = 1;
        memory.modified[page] = (memory.modified[page] as number) | isWrite;
      } else {
        if (this.#size === memory.frames) this.#takeLowest();
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

  /** Takes the lowest page of the lowest class; there are pages. */
  #takeLowest(): number {
    for (let rank = 0; ; ) {
      const page = this.#set(rank).lowest();
      if (page === -1) rank++;
      else if (!this.#rises(page, rank)) {
        this.#forget(page);
        return page;
      }
    }
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

  /** Reads and clears the bits: then only the modified bit counts for the class. */
  #tick(): void {
    for (let rank = 0; rank < CLASSES; rank++) {
      const set = this.#set(rank);
      for (let page = set.lowest(); page !== -1; page = set.after(page)) {
        this.#bits.testAndClearReferenced(page);
        const now = this.#bits.isModified(page) ? MODIFIED : 0;
        if (now !== rank) this.#move(page, now);
      }
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
