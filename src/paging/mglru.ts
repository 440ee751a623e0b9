// Multi-generational LRU, after Linux's: pages in generations by when a walk last found them used; the oldest generation goes.
//
//   oldest                youngest
//   [ gen n ] [ gen n+1 ] [ gen n+2 ]          three, each a queue
//
//   loaded(p):   to the youngest generation
//   victim():    while the oldest generation is empty: it is over, the next one is the oldest; two are left: age
//                head of the oldest: referenced: clear its bit, to the youngest (a reactivation), and again; else: take it
//   age:         a new youngest generation; every page that is referenced loses its bit and moves there, oldest first
//   demoted(p):  to the oldest generation, its bit cleared
//
// An aging walk looks at all pages, as Linux's does at page tables, but only when a generation was used up. Linux stalls with two generations
// (MIN_NR_GENS), calls three ideal and can have four; here there are always three. No ties: a generation is in order of arrival. In a replay the reference that loads a page sets its bit. After twice `size` reactivations in one
// call the next head goes whatever its bit says. Not here: tiers of file pages and the thrashing guard (min_ttl_ms).
// Source: Linux 6.1, mm/vmscan.c (Yu Zhao).

import { expectKnown } from './known-pages.ts';
import { ListPolicy } from './list-policy.ts';
import type { PolicyKind, PolicyOptions } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

/** As many generations as Linux calls ideal: one more than MIN_NR_GENS. */
const GENERATIONS = 3;

/** A ring of generations. */
class MglruPolicy extends ListPolicy {
  readonly name = 'mglru';
  /** Number of the oldest generation; numbers modulo 3 are lists. */
  #oldest = 0;

  constructor(options: PolicyOptions) {
    super(options, GENERATIONS);
  }

  get #youngest(): number {
    return this.#oldest + GENERATIONS - 1;
  }

  victim(): number {
    if (this.size === 0) return -1;
    for (let rounds = 2 * this.size; ; rounds--) {
      this.#advance();
      const page = this.lists.head(this.#oldest % GENERATIONS);
      if (rounds === 0 || !this.bits.testAndClearReferenced(page)) {
        this.lists.remove(page);
        return page;
      }
      this.reactivations++;
      this.lists.moveToTail(page, this.#youngest % GENERATIONS);
    }
  }

  replay(ids: Uint32Array, from: number, to: number, { frames, misses, referenced }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      if (!this.lists.has(page)) {
        if (this.size === frames) this.victim();
        this.lists.append(page, this.#youngest % GENERATIONS);
        misses[missed++] = at;
      }
      referenced[page] = 1;
    }
    return missed;
  }

  demoted(page: number): void {
    expectKnown(page, this.lists.has(page));
    this.bits.testAndClearReferenced(page);
    this.lists.moveToTail(page, this.#oldest % GENERATIONS);
  }

  protected override admit(page: number): void {
    this.lists.append(page, this.#youngest % GENERATIONS);
  }

  /** Makes the oldest generation one that has pages; there are some. */
  #advance(): void {
    for (let hasAged = false; this.lists.length(this.#oldest % GENERATIONS) === 0; hasAged = true) {
      // The list that is empty becomes that of a new youngest generation.
      this.#oldest++;
      // One walk is enough: with bits that are always set, another would again leave no page behind.
      if (!hasAged) this.#age();
    }
  }

  /** Moves what is referenced to the youngest generation, which is new. */
  #age(): void {
    for (let generation = this.#oldest; generation < this.#youngest; generation++) this.#ageGeneration(generation % GENERATIONS);
  }

  #ageGeneration(list: number): void {
    let page = this.lists.head(list);
    for (let left = this.lists.length(list); left > 0; left--) {
      const next = this.lists.next(page);
      if (this.bits.testAndClearReferenced(page)) {
        this.reactivations++;
        this.lists.moveToTail(page, this.#youngest % GENERATIONS);
      }
      page = next;
    }
  }
}

/** Makes the `mglru` policy. */
export const mglru: PolicyKind = { name: 'mglru', sees: 'bits', make: (options) => new MglruPolicy(options) };
