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
import { ListPolicy } from './list-policy.ts';
import type { PolicyKind } from './replacement-policy.ts';

const RING = 0;

/** A ring with one hand. */
class ClockPolicy extends ListPolicy {
  readonly name = 'clock';
  #hand = -1;

  victim(): number {
    if (this.#hand === -1) return -1;
    for (let rounds = this.size; rounds > 0 && this.bits.testAndClearReferenced(this.#hand); rounds--) {
      this.reactivations++;
      this.#hand = this.lists.nextAround(this.#hand);
    }
    const page = this.#hand;
    this.take(page);
    return page;
  }

  override check(): void {
    super.check();
    const isPlaced = this.size === 0 ? this.#hand === -1 : this.lists.has(this.#hand);
    invariant(isPlaced, 'RP1', () => `the hand is at ${this.#hand}, which is not on the ring`);
  }

  protected override admit(page: number): void {
    if (this.#hand === -1) {
      this.lists.append(page, RING);
      this.#hand = page;
    } else this.lists.insertBefore(page, this.#hand, RING);
  }

  protected override take(page: number): void {
    if (page === this.#hand) {
      const next = this.lists.nextAround(page);
      this.#hand = next === page ? -1 : next;
    }
    this.lists.remove(page);
  }
}

/** Makes the `clock` policy. */
export const clock: PolicyKind = { name: 'clock', sees: 'bits', make: (options) => new ClockPolicy(options) };
