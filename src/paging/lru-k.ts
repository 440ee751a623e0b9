// LRU-K with K = 2: the page whose last reference but one is longest ago goes.
//
//   hit or miss(p):   before(p) = last(p); last(p) = now, counted in references
//   miss(p):          if full: the resident page with the lowest before goes; pages referenced once have none, so they go first
//
// Tie: among pages referenced once, the least recently used. What is known of a page is kept for ever after it went (the paper lets it
// expire), and references close together count as two (correlated reference period 0). Must see every reference.
// Cost: O(log frames) for each reference, a heap (page-heap.ts); 28 bytes per page.
// Source: O'Neil, O'Neil and Weikum, "The LRU-K Page Replacement Algorithm for Database Disk Buffering", SIGMOD 1993.

import { expectWithinFrames } from './frames-invariant.ts';
import { PageHeap } from './page-heap.ts';
import type { ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

/** Added to a time, it makes it earlier than any other. */
const LONG_AGO = -(2 ** 52);

/** A heap by the last reference but one. */
class LruKPolicy implements Replayed {
  readonly name = 'lru-k';
  readonly #heap: PageHeap;
  /** Time of each page's last reference; 0 = none. */
  readonly #last: Float64Array;
  readonly #frames: number;
  #now = 0;

  constructor({ pages, frames }: ReferencePolicyOptions) {
    this.#heap = new PageHeap(pages, Math.min(pages, frames));
    this.#last = new Float64Array(pages);
    this.#frames = frames;
  }

  get size(): number {
    return this.#heap.length;
  }

  has(page: number): boolean {
    return this.#heap.has(page);
  }

  replay(ids: Uint32Array, from: number, to: number, { misses }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) if (!this.#refer(ids[at] as number)) misses[missed++] = at;
    return missed;
  }

  check(): void {
    this.#heap.check();
    expectWithinFrames(this.size, this.#frames);
  }

  /** Refers to `page`; tells whether it was resident. */
  #refer(page: number): boolean {
    const now = ++this.#now;
    const last = this.#last[page] as number;
    this.#last[page] = now;
    const key = last === 0 ? LONG_AGO + now : last;
    const isHit = this.#heap.has(page);
    if (isHit) this.#heap.move(page, key);
    else {
      if (this.size === this.#frames) this.#heap.remove(this.#heap.first());
      this.#heap.put(page, key);
    }
    return isHit;
  }
}

/** Makes the `lru-k` policy. */
export const lruK: ReferencePolicyKind = { name: 'lru-k', sees: 'references', make: (options) => new LruKPolicy(options) };
