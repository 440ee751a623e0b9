// Random: any page, each as likely as the others.
//
//   pages: an array in no order
//   loaded(p):   append p
//   victim():    take the page at a random place; the last page fills the place
//   removed(p):  take p the same way
//
// Reads no bits. The seed decides everything. Source: the baseline that no reference pattern can defeat.

import { invariant, Random } from '../base/index.ts';
import { expectKnown, expectUnknown } from './known-pages.ts';
import type { PolicyKind, PolicyOptions, ReplacementPolicy } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

/** Seeded random choice. */
class RandomPolicy implements ReplacementPolicy {
  readonly name = 'random';
  readonly sees = 'bits';
  readonly reactivations = 0;
  readonly #random: Random;
  /** Known pages are #pages[0 .. size); #places[page] is the place plus one, 0 = not known. */
  readonly #pages: Int32Array;
  readonly #places: Int32Array;
  #size = 0;

  constructor({ capacity, seed }: PolicyOptions) {
    this.#random = new Random(seed);
    this.#pages = new Int32Array(capacity);
    this.#places = new Int32Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  loaded(page: number): void {
    expectUnknown(page, this.has(page), this.#pages.length);
    this.#pages[this.#size++] = page;
    this.#places[page] = this.#size;
  }

  removed(page: number): void {
    expectKnown(page, this.has(page));
    this.#take(page);
  }

  victim(): number {
    if (this.#size === 0) return -1;
    const page = this.#pages[this.#random.below(this.#size)] as number;
    this.#take(page);
    return page;
  }

  replay(ids: Uint32Array, from: number, to: number, { frames, misses }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      if (this.has(page)) continue;
      if (this.size === frames) this.victim();
      this.loaded(page);
      misses[missed++] = at;
    }
    return missed;
  }

  has(page: number): boolean {
    return (this.#places[page] ?? 0) !== 0;
  }

  check(): void {
    let known = 0;
    for (const place of this.#places) if (place !== 0) known++;
    invariant(known === this.#size, 'RP1', () => `${known} pages have a place, ${this.#size} are known`);
    for (let i = 0; i < this.#size; i++) {
      const page = this.#pages[i] as number;
      invariant(this.#places[page] === i + 1, 'RP1', () => `page ${page} is at ${i} and says otherwise`);
    }
  }

  #take(page: number): void {
    const place = this.#places[page] as number;
    const last = this.#pages[--this.#size] as number;
    this.#pages[place - 1] = last;
    this.#places[last] = place;
    this.#places[page] = 0;
  }
}

/** Makes the `random` policy. */
export const random: PolicyKind = { name: 'random', sees: 'bits', make: (options) => new RandomPolicy(options) };
