// Multi-generational LRU, after Linux's: pages in generations by when a walk last found them used; the oldest generation goes.
//
//   oldest                                youngest
//   [ gen n ] [ gen n+1 ] [ gen n+2 ] [ gen n+3 ]          four at most, each a queue
//
//   loaded(p):   to the youngest generation
//   victim():    while the oldest generation is empty: it is over, the next one is the oldest
//                if fewer than two generations are left: age
//                head of the oldest: referenced: clear its bit, to the youngest (a reactivation), and again; else: take it
//   age:         a new youngest generation; every page that is referenced loses its bit and moves there, oldest first
//   demoted(p):  to the oldest generation, its bit cleared
//
// An aging walk looks at all pages, as Linux's does at page tables, but only when all generations but one were used up. No ties: a
// generation is in order of arrival. In a replay the reference that loads a page sets its bit. After twice `size` reactivations in one
// call the next head goes whatever its bit says. Not here: tiers of file pages and the thrashing guard (min_ttl_ms).
// Source: Linux 6.1, mm/vmscan.c (Yu Zhao).

import { expectKnown } from './known-pages.ts';
import { ListPolicy } from './list-policy.ts';
import type { PolicyKind, PolicyOptions } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

/** Generations that can exist at once (MAX_NR_GENS). */
const MOST_GENERATIONS = 4;
/** Fewer than these call for an aging walk (MIN_NR_GENS). */
const LEAST_GENERATIONS = 2;

/** A ring of generations. */
class MglruPolicy extends ListPolicy {
  readonly name = 'mglru';
  /** Numbers of the oldest and youngest generation; modulo 4 they are lists. */
  #oldest = 0;
  #youngest = 1;

  constructor(options: PolicyOptions) {
    super(options, MOST_GENERATIONS);
  }

  victim(): number {
    if (this.size === 0) return -1;
    for (let rounds = 2 * this.size; ; rounds--) {
      this.#advance();
      const page = this.lists.head(this.#oldest % MOST_GENERATIONS);
      if (rounds === 0 || !this.bits.testAndClearReferenced(page)) {
        this.lists.remove(page);
        return page;
      }
      this.reactivations++;
      this.lists.moveToTail(page, this.#youngest % MOST_GENERATIONS);
    }
  }

  replay(ids: Uint32Array, from: number, to: number, { frames, misses, referenced }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      if (!this.lists.has(page)) {
        if (this.size === frames) this.victim();
        this.lists.append(page, this.#youngest % MOST_GENERATIONS);
        misses[missed++] = at;
      }
      referenced[page] = 1;
    }
    return missed;
  }

  demoted(page: number): void {
    expectKnown(page, this.lists.has(page));
    this.bits.testAndClearReferenced(page);
    this.lists.moveToTail(page, this.#oldest % MOST_GENERATIONS);
  }

  protected override admit(page: number): void {
    this.lists.append(page, this.#youngest % MOST_GENERATIONS);
  }

  /** Makes the oldest generation one that has pages; there are some. */
  #advance(): void {
    for (let hasAged = false; this.lists.length(this.#oldest % MOST_GENERATIONS) === 0; this.#oldest++) {
      if (this.#youngest - this.#oldest >= LEAST_GENERATIONS) continue;
      this.#youngest++;
      // One walk is enough: with bits that are always set, another would again leave no page behind.
      if (!hasAged) this.#age();
      hasAged = true;
    }
  }

  /** Moves what is referenced to the youngest generation, which is new. */
  #age(): void {
    for (let generation = this.#oldest; generation < this.#youngest; generation++) this.#ageGeneration(generation % MOST_GENERATIONS);
  }

  #ageGeneration(list: number): void {
    let page = this.lists.head(list);
    for (let left = this.lists.length(list); left > 0; left--) {
      const next = this.lists.next(page);
      if (this.bits.testAndClearReferenced(page)) {
        this.reactivations++;
        this.lists.moveToTail(page, this.#youngest % MOST_GENERATIONS);
      }
      page = next;
    }
  }
}

/** Makes the `mglru` policy. */
export const mglru: PolicyKind = { name: 'mglru', sees: 'bits', make: (options) => new MglruPolicy(options) };
