// Aging and NFU: reference bits, gathered at every tick into a counter for each page; the page with the lowest counter goes.
//
//   loaded(p):   counter = as if p had been referenced in the tick before: 128 (`aging`), 1 (`nfu`)
//   tick:        when max(1, size / 4) victims have gone since the last one: for all pages: R = test and clear the bit
//                aging: counter = counter / 2 + 128 R     what is long ago counts for less, after eight ticks for nothing
//                nfu:   counter = counter + R             nothing is ever forgotten: the textbook's warning
//   victim():    the page with the lowest counter
//
// The tick stands for the textbook's clock interrupt: time is counted in victims, so that runs repeat. In a replay the reference that
// loads a page sets its bit. Tie: the lowest page id. Cost: O(log size) for each victim and load, and size log size for each tick, so
// O(log size) amortized; 16 bytes per page. Source: Tanenbaum, Modern Operating Systems, 3.4.

import { expectKnown, expectUnknown } from './known-pages.ts';
import type { PageBits } from './page-bits.ts';
import { PageHeap } from './page-heap.ts';
import type { PolicyKind, PolicyOptions, ReplacementPolicy } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

/** A tick comes after this share of the known pages has been taken. Arbitrary, as for nru. */
const TICK_DIVISOR = 4;
/** Eight bits, the highest for the last tick. */
const HIGHEST_BIT = 128;
/** A key is the counter times this plus the page's id. */
const COUNTER_UNIT = 2 ** 32;

/** A counter for each page, in a heap. */
class CountingPolicy implements ReplacementPolicy {
  readonly name: 'aging' | 'nfu';
  readonly sees = 'bits';
  reactivations = 0;
  readonly #capacity: number;
  readonly #bits: PageBits;
  readonly #heap: PageHeap;
  /** The known pages in the order in which a tick visits them. */
  readonly #visited: Int32Array;
  #victimsSinceTick = 0;

  constructor({ capacity, atOnce = capacity, bits }: PolicyOptions, name: 'aging' | 'nfu') {
    this.name = name;
    this.#capacity = capacity;
    this.#bits = bits;
    this.#heap = new PageHeap(capacity, atOnce);
    this.#visited = new Int32Array(atOnce);
  }

  get size(): number {
    return this.#heap.length;
  }

  has(page: number): boolean {
    return this.#heap.has(page);
  }

  loaded(page: number): void {
    expectUnknown(page, this.has(page), this.#capacity);
    this.#heap.put(page, (this.name === 'aging' ? HIGHEST_BIT : 1) * COUNTER_UNIT + page);
  }

  removed(page: number): void {
    expectKnown(page, this.has(page));
    this.#heap.remove(page);
  }

  victim(): number {
    if (this.size === 0) return -1;
    if (this.#victimsSinceTick >= Math.max(1, Math.floor(this.size / TICK_DIVISOR))) this.#tick();
    this.#victimsSinceTick++;
    const page = this.#heap.first();
    this.#heap.remove(page);
    return page;
  }

  replay(ids: Uint32Array, from: number, to: number, { frames, misses, referenced }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      if (!this.has(page)) {
        if (this.size === frames) this.victim();
        this.loaded(page);
        misses[missed++] = at;
      }
      referenced[page] = 1;
    }
    return missed;
  }

  check(): void {
    this.#heap.check();
  }

  #tick(): void {
    this.#victimsSinceTick = 0;
    const size = this.size;
    for (let place = 0; place < size; place++) this.#visited[place] = this.#heap.at(place);
    for (let i = 0; i < size; i++) {
      const page = this.#visited[i] as number;
      const isReferenced = this.#bits.testAndClearReferenced(page);
      if (isReferenced) this.reactivations++;
      const counter = Math.floor(this.#heap.key(page) / COUNTER_UNIT);
      const next = this.name === 'aging' ? (counter >> 1) + (isReferenced ? HIGHEST_BIT : 0) : counter + (isReferenced ? 1 : 0);
      if (next !== counter) this.#heap.move(page, next * COUNTER_UNIT + page);
    }
  }
}

/** Makes the `aging` policy. */
export const aging: PolicyKind = { name: 'aging', sees: 'bits', make: (options) => new CountingPolicy(options, 'aging') };

/** Makes the `nfu` policy: not frequently used. */
export const nfu: PolicyKind = { name: 'nfu', sees: 'bits', make: (options) => new CountingPolicy(options, 'nfu') };
