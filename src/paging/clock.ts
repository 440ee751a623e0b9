// Clock: the pages on a ring, and a hand that clears reference bits as it passes.
//
//   loaded(p):   put p just behind the hand, the last place the hand will come to
//   victim():    while the page at the hand is referenced: clear its bit, move the hand on      (a reactivation)
//                take the page at the hand; the hand moves on
//   removed(p):  if the hand is at p it moves on
//
//             hand
//              v
//      [new] [oldest] [ ... ]        the hand moves right, round the ring
//
// A page's bit at load is the hardware's: 0 when the caller counts the loading reference as a load (simulators, libCacheSim),
// 1 when the access is retried after the load (a kernel, and the textbooks): the counts differ.
// No ties. After `size` passes in one call the page at the hand goes whatever its bit says.
// Source: Corbato 1968, "A Paging Experiment with the Multics System".

import { invariant } from '../base/index.ts';
import { expectKnown, expectUnknown } from './known-pages.ts';
import { PageLists } from './page-list.ts';
import type { PageBits, PolicyKind, PolicyOptions, ReplacementPolicy } from './replacement-policy.ts';

const RING = 0;

/** A ring with one hand. */
class ClockPolicy implements ReplacementPolicy {
  readonly name = 'clock';
  readonly sees = 'bits';
  readonly #capacity: number;
  readonly #bits: PageBits;
  readonly #lists: PageLists;
  #hand = -1;
  #reactivations = 0;

  constructor({ capacity, bits }: PolicyOptions) {
    this.#capacity = capacity;
    this.#bits = bits;
    this.#lists = new PageLists(capacity, 1);
  }

  get size(): number {
    return this.#lists.length(RING);
  }

  get reactivations(): number {
    return this.#reactivations;
  }

  loaded(page: number): void {
    expectUnknown(page, this.#lists.has(page), this.#capacity);
    if (this.#hand === -1) {
      this.#lists.append(page, RING);
      this.#hand = page;
    } else this.#lists.insertBefore(page, this.#hand, RING);
  }

  removed(page: number): void {
    expectKnown(page, this.#lists.has(page));
    this.#take(page);
  }

  victim(): number {
    if (this.#hand === -1) return -1;
    for (let rounds = this.size; rounds > 0 && this.#bits.testAndClearReferenced(this.#hand); rounds--) {
      this.#reactivations++;
      this.#hand = this.#lists.nextAround(this.#hand);
    }
    const page = this.#hand;
    this.#take(page);
    return page;
  }

  has(page: number): boolean {
    return this.#lists.has(page);
  }

  check(): void {
    this.#lists.check();
    const isPlaced = this.size === 0 ? this.#hand === -1 : this.#lists.has(this.#hand);
    invariant(isPlaced, 'RP1', () => `the hand is at ${this.#hand}, which is not on the ring`);
  }

  #take(page: number): void {
    if (page === this.#hand) {
      const next = this.#lists.nextAround(page);
      this.#hand = next === page ? -1 : next;
    }
    this.#lists.remove(page);
  }
}

/** Makes the `clock` policy. */
export const clock: PolicyKind = { name: 'clock', sees: 'bits', make: (options) => new ClockPolicy(options) };
