// Second chance: first in, first out, but a referenced page goes to the back of the queue once.
//
//   queue: pages in order of arrival
//   loaded(p):   append p
//   victim():    while the head is referenced: clear its bit, move it to the tail      (a reactivation)
//                take the head
//
// A page's bit is clear at load in a replay. No ties. After `size` moves in one call the head goes whatever its bit says. Clock
// (clock.ts) picks the same victims and moves a hand instead of pages; here the pages do move, on a linked list, so that two forms
// of one policy can be held against each other. Source: Corbato 1968, "A Paging Experiment with the Multics System", for
// the idea; the queue form is the textbooks' (Tanenbaum, Modern Operating Systems, 3.4).

import { ListPolicy } from './list-policy.ts';
import type { PolicyKind, PolicyQueue } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

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

  replay(ids: Uint32Array, from: number, to: number, { frames, misses, referenced }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      if (this.lists.has(page)) referenced[page] = 1;
      else {
        if (this.lists.length(QUEUE) === frames) this.victim();
        this.lists.append(page, QUEUE);
        referenced[page] = 0;
        misses[missed++] = at;
      }
    }
    return missed;
  }

  describe({ referenced }: SimulatedMemory): PolicyQueue[] {
    const pages = this.lists.pagesOf(QUEUE);
    const values = pages.map((page) => referenced[page] as number);
    return [{ name: 'queue', holds: 'pages', order: 'oldest first', pages, marks: { name: 'bit', values } }];
  }
}

/** Makes the `second-chance` policy. */
export const secondChance: PolicyKind = { name: 'second-chance', sees: 'bits', make: (options) => new SecondChancePolicy(options) };
