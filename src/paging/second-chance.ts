// Second chance: first in, first out, but a referenced page goes to the back of the queue once.
//
//   queue: pages in order of arrival
//   loaded(p):   append p
//   victim():    while the head is referenced: clear its bit, move it to the tail      (a reactivation)
//                take the head
//
// No ties. After `size` moves in one call the head goes whatever its bit says. Clock (clock.ts) picks the same
// victims and moves a hand instead of pages. Source: Corbato 1968, "A Paging Experiment with the Multics System", for
// the idea; the queue form is the textbooks' (Tanenbaum, Modern Operating Systems, 3.4).

import { expectKnown, expectUnknown } from './known-pages.ts';
import { PageLists } from './page-list.ts';
import type { PageBits, PolicyKind, PolicyOptions, ReplacementPolicy } from './replacement-policy.ts';

const QUEUE = 0;

/** One queue whose referenced head goes to the tail. */
class SecondChancePolicy implements ReplacementPolicy {
  readonly name = 'second-chance';
  readonly sees = 'bits';
  readonly #capacity: number;
  readonly #bits: PageBits;
  readonly #lists: PageLists;
  #reactivations = 0;

  constructor({ capacity, bits }: PolicyOptions) {
    this.#capacity = capacity;
    this.#bits = bits;
    this.#lists = new PageLists(capacity, 1);
  }

  get size(): number {
    return this.#lists.length(QUEUE);
  }

  get reactivations(): number {
    return this.#reactivations;
  }

  loaded(page: number): void {
    expectUnknown(page, this.#lists.has(page), this.#capacity);
    this.#lists.append(page, QUEUE);
  }

  removed(page: number): void {
    expectKnown(page, this.#lists.has(page));
    this.#lists.remove(page);
  }

  victim(): number {
    let page = this.#lists.head(QUEUE);
    if (page === -1) return -1;
    for (let rounds = this.size; rounds > 0 && this.#bits.testAndClearReferenced(page); rounds--) {
      this.#reactivations++;
      this.#lists.moveToTail(page, QUEUE);
      page = this.#lists.head(QUEUE);
    }
    this.#lists.remove(page);
    return page;
  }

  has(page: number): boolean {
    return this.#lists.has(page);
  }

  check(): void {
    this.#lists.check();
  }
}

/** Makes the `second-chance` policy. */
export const secondChance: PolicyKind = {
  name: 'second-chance',
  sees: 'bits',
  make: (options) => new SecondChancePolicy(options),
};
