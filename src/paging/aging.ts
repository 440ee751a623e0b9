// Aging and NFU: reference bits, gathered at every tick into a counter for each page; the page with the lowest counter goes.
//
//   loaded(p):   counter = as if p had been referenced in the tick before: 128 (`aging`), 1 (`nfu`)
//   tick:        for all pages: R = test and clear the bit            (how often: ticks.ts)
//                aging: counter = counter / 2 + 128 R     what is long ago counts for less, after eight ticks for nothing
//                nfu:   counter = counter + R             nothing is ever forgotten: the textbook's warning
//   victim():    the page with the lowest counter
//
// In a replay the reference that loads a page sets its bit. Tie-break: the lowest page id. Cost: O(log size) for each victim and load, and
// size log size for each tick, so O(log size) amortized; 16 bytes per page. Source: Tanenbaum, Modern Operating Systems, 3.4.

import { expectKnown, expectUnknown } from './known-pages.ts';
import type { PageBits } from './page-bits.ts';
import { PageHeap } from './page-heap.ts';
import type { PolicyKind, PolicyOptions, ReplacementPolicy } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';
import { Ticks } from './ticks.ts';

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
  readonly #ticks: Ticks;

  constructor({ capacity, atOnce = capacity, bits, tickReferences }: PolicyOptions, name: 'aging' | 'nfu') {
    this.name = name;
    this.#capacity = capacity;
    this.#bits = bits;
    this.#heap = new PageHeap(capacity, atOnce);
    this.#visited = new Int32Array(atOnce);
    this.#ticks = new Ticks(tickReferences);
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
    if (this.#ticks.isDueAtVictim(this.size)) this.#tick();
    return this.#takeLowest();
  }

  replay(ids: Uint32Array, from: number, to: number, { frames, misses, referenced }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      if (this.#ticks.isDueAtReference(frames)) this.#tick();
      if (!this.has(page)) {
        if (this.size === frames) this.#takeLowest();
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

  #takeLowest(): number {
    const page = this.#heap.first();
    this.#heap.remove(page);
    return page;
  }

  #tick(): void {
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
