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

import { ListPolicy } from './list-policy.ts';
import type { PolicyKind } from './replacement-policy.ts';

const QUEUE = 0;

/** One queue whose referenced head goes to the tail. */
class SecondChancePolicy extends ListPolicy {
  readonly name = 'second-chance';

  victim(): number {
    let page = this.lists.head(QUEUE);
    if (page === -1) return -1;
    for (let rounds = this.size; rounds > 0 && this.bits.testAndClearReferenced(page); rounds--) {
      this.reactivations++;
      this.lists.moveToTail(page, QUEUE);
      page = this.lists.head(QUEUE);
    }
    this.lists.remove(page);
    return page;
  }
}

/** Makes the `second-chance` policy. */
export const secondChance: PolicyKind = { name: 'second-chance', sees: 'bits', make: (options) => new SecondChancePolicy(options) };
