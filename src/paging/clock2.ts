// Clock with two bits: the hand wants to pass a page more than once before it goes, the more often it was used.
//
//   queue: pages from the hand round to just behind it
//   hit(p):    count(p) + 1, up to 3
//   miss(p):   if full: while the head has a count: take 1 from it, move the page to the tail;  take the head
//              append p with count 0
//
// Hardware keeps one bit, so a kernel would need a scan to count: this policy must see every reference. No ties.
// Source: as clock (clock.ts); two bits as in libCacheSim's clock with n-bit-counter=2.

import { expectWithinFrames } from './frames-invariant.ts';
import { PageRing } from './page-ring.ts';
import type { ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

/** The highest count: two bits. */
const MOST = 3;

/** A ring with one hand and counters. */
class TwoBitClockPolicy implements Replayed {
  readonly name = 'clock2';
  readonly #ring: PageRing;
  readonly #counts: Uint8Array;
  readonly #frames: number;

  constructor({ pages, frames }: ReferencePolicyOptions) {
    this.#ring = new PageRing(pages, Math.min(frames, pages));
    this.#counts = new Uint8Array(pages);
    this.#frames = frames;
  }

  get size(): number {
    return this.#ring.length;
  }

  has(page: number): boolean {
    return this.#ring.has(page);
  }

  replay(ids: Uint32Array, from: number, to: number, { misses }: SimulatedMemory): number {
    const { states } = this.#ring;
    const counts = this.#counts;
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      const count = counts[page] as number;
      if (states[page] === 0) {
        if (this.#ring.length === this.#frames) this.#evict();
        this.#ring.push(page);
        misses[missed++] = at;
      } else if (count < MOST) counts[page] = count + 1;
    }
    return missed;
  }

  check(): void {
    this.#ring.check();
    expectWithinFrames(this.size, this.#frames);
  }

  /** Evicts a page; its count is 0 then, as a page's is when it is loaded. */
  #evict(): void {
    for (;;) {
      const page = this.#ring.head();
      const count = this.#counts[page] as number;
      if (count === 0) break;
      this.#counts[page] = count - 1;
      this.#ring.rotate();
    }
    this.#ring.shift();
  }
}

/** Makes the `clock2` policy. */
export const clock2: ReferencePolicyKind = { name: 'clock2', sees: 'references', make: (options) => new TwoBitClockPolicy(options) };
