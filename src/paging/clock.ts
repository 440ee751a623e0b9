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
// `clock` and `clock-r1` differ in a page's bit at load. 0 for `clock`: the reference that loads a page is no second one (simulators:
// libCacheSim, where this is FIFO-Reinsertion). 1 for `clock-r1`: the access that faulted is made again and sets the bit (the textbooks).
// In a live run the hardware decides, and it retries: there both are `clock-r1`.
//
// A replay keeps the bit that hardware would set as a mark in the ring, in the byte that tells whether a page is resident: one place to look
// at for each reference instead of two. A kernel's bits are elsewhere, so `victim` asks for them.
//
// The hand is the head of a queue whose tail is just behind it: a page that the hand passes goes from head to tail. No ties.
// After `size` passes in one call the page at the hand goes whatever its bit says.
// Source: Corbato 1968, "A Paging Experiment with the Multics System".

import { MARKED, QUEUED } from './page-ring.ts';
import type { PolicyKind, PolicyOptions, PolicyQueue } from './replacement-policy.ts';
import { RingPolicy } from './ring-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

/** A ring with one hand. */
class ClockPolicy extends RingPolicy {
  readonly name: string;
  readonly #bitAtLoad: 0 | 1;

  constructor(options: PolicyOptions, name: string, bitAtLoad: 0 | 1) {
    super(options);
    this.name = name;
    this.#bitAtLoad = bitAtLoad;
  }

  victim(): number {
    for (let rounds = this.size; ; rounds--) {
      const page = this.ring.head();
      if (page === -1 || rounds === 0 || !this.bits.testAndClearReferenced(page)) return this.ring.shift();
      this.reactivations++;
      this.ring.rotate();
    }
  }

  replay(ids: Uint32Array, from: number, to: number, { frames, misses }: SimulatedMemory): number {
    const { ring } = this;
    const { states } = ring;
    const atLoad = this.#bitAtLoad === 1 ? MARKED : QUEUED;
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      if (states[page] !== 0) states[page] = MARKED;
      else {
        if (ring.length === frames) ring.shiftUnmarked();
        ring.push(page);
        states[page] = atLoad;
        misses[missed++] = at;
      }
    }
    return missed;
  }

  describe(): PolicyQueue[] {
    const pages = this.ring.pages();
    const values = pages.map((page) => (this.ring.states[page] === MARKED ? 1 : 0));
    return [{ name: 'ring', holds: 'pages', order: 'from the hand on', pages, marks: { name: 'bit', values } }];
  }
}

/** Makes the `clock` policy: a page's bit is clear at load. */
export const clock: PolicyKind = { name: 'clock', sees: 'bits', make: (options) => new ClockPolicy(options, 'clock', 0) };

/** Makes the `clock-r1` policy: a page's bit is set at load. */
export const clockR1: PolicyKind = { name: 'clock-r1', sees: 'bits', make: (options) => new ClockPolicy(options, 'clock-r1', 1) };
