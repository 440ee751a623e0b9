// What policies that keep their pages in one queue have in common: the ring, the door checks of RP1, the count of reactivations.
// A policy adds its choice of victim and its replay loop.

import { expectKnown, expectUnknown } from './known-pages.ts';
import type { PageBits } from './page-bits.ts';
import { PageRing } from './page-ring.ts';
import type { PolicyOptions, ReplacementPolicy } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

/** A policy over one queue; new pages go to its tail. */
export abstract class RingPolicy implements ReplacementPolicy {
  abstract readonly name: string;
  readonly sees = 'bits';
  reactivations = 0;
  protected readonly bits: PageBits;
  protected readonly ring: PageRing;
  readonly #capacity: number;

  constructor({ capacity, atOnce = capacity, bits }: PolicyOptions) {
    this.#capacity = capacity;
    this.bits = bits;
    this.ring = new PageRing(capacity, atOnce);
  }

  get size(): number {
    return this.ring.length;
  }

  loaded(page: number): void {
    expectUnknown(page, this.ring.has(page), this.#capacity);
    this.ring.push(page);
  }

  removed(page: number): void {
    expectKnown(page, this.ring.has(page));
    this.ring.remove(page);
  }

  abstract victim(): number;

  abstract replay(ids: Uint32Array, from: number, to: number, memory: SimulatedMemory): number;

  has(page: number): boolean {
    return this.ring.has(page);
  }

  check(): void {
    this.ring.check();
  }
}
