// UVM's two queues: pages in use are active; those not used lately wait on the inactive queue for a second look.
//
//   loaded(p):   append p to active
//   victim():    repeat
//                  while inactive < 33 % of all and active is not empty: clear the bit of active's head, append it to inactive
//                  p = head of inactive
//                  if p is referenced: append p to active          (a reactivation)
//                  else: return p
//   demoted(p):  clear its bit, append it to inactive if it was active
//
//     loaded --> [ active: oldest ... newest ] --refill, bit cleared--> [ inactive ] --> victim
//                          ^------------------------ referenced -----------'
//
// Tie-breaks: none; both queues are in order of arrival. A page that is given another round counts as arrived anew.
// After `size` reactivations in one call the next head goes whatever its bit says, so a caller whose bits are always
// set still gets a victim; with bits that clear this never happens.
// Source: NetBSD sys/uvm/uvm_pdaemon.c and uvm_pdpolicy_clock.c, which refill after a scan rather than in it; 33 % is their inactive
// percentage. Their limits by kind of page (anon, file, executable) need kernel types and so belong to the page daemon.

import { expectKnown } from './known-pages.ts';
import { ListPolicy } from './list-policy.ts';
import type { PolicyKind, PolicyOptions } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const ACTIVE = 0;
const INACTIVE = 1;
const INACTIVE_PERCENT = 33;

/** The active and inactive queues. */
export class UvmPolicy extends ListPolicy {
  readonly name = 'uvm';

  constructor(options: PolicyOptions) {
    super(options, 2);
  }

  /** Pages on the active queue. */
  get active(): number {
    return this.lists.length(ACTIVE);
  }

  /** Pages on the inactive queue. */
  get inactive(): number {
    return this.lists.length(INACTIVE);
  }

  victim(): number {
    for (let rounds = this.size; ; rounds--) {
      this.#refill();
      const page = this.lists.head(INACTIVE);
      if (page === -1) return -1;
      if (rounds === 0 || !this.bits.testAndClearReferenced(page)) {
        this.lists.remove(page);
        return page;
      }
      this.reactivations++;
      this.lists.moveToTail(page, ACTIVE);
    }
  }

  replay(ids: Uint32Array, from: number, to: number, { frames, misses, referenced }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      if (this.lists.has(page)) referenced[page] = 1;
      else {
        if (this.size === frames) this.victim();
        this.loaded(page);
        referenced[page] = 0;
        misses[missed++] = at;
      }
    }
    return missed;
  }

  demoted(page: number): void {
    expectKnown(page, this.lists.has(page));
    if (this.lists.listOf(page) === ACTIVE) this.#deactivate(page);
  }

  #refill(): void {
    const wanted = Math.ceil((this.size * INACTIVE_PERCENT) / 100);
    while (this.inactive < wanted) this.#deactivate(this.lists.head(ACTIVE));
  }

  #deactivate(page: number): void {
    this.bits.testAndClearReferenced(page);
    this.lists.moveToTail(page, INACTIVE);
  }
}

/** Makes the `uvm` policy. */
export const uvm: PolicyKind = { name: 'uvm', sees: 'bits', make: (options) => new UvmPolicy(options) };
