// Linux before its generations: an active and an inactive list, and memory of when a page went, to tell the working set from a scan.
//
//   active     pages that were used again          age       evictions and activations so far
//   inactive   new pages, and active ones on       shadow    age at which a page that is gone was evicted
//              their way out
//
//   hit(p):    bit(p) = 1
//   miss(p):   if full: evict
//              p has a shadow, and age - shadow <= |active| (its refault distance): to active, age + 1 (an activation)
//              else: to inactive; its bit is 0
//   evict:     while |inactive| < |active|: head of active to inactive, its bit 0
//              head of inactive: bit 1: to active, age + 1, and again; bit 0: it goes; shadow = age; age + 1
//
// The inactive list is kept as long as the active one, as on a machine below 1 GiB; with more, Linux lets it be shorter.
// Ties: none, both lists are in order of arrival. Shadows need ids, so the simulator alone runs it. Shadows are kept for ever.
// Source: Linux 5.x mm/vmscan.c and mm/workingset.c (Weiner), for one kind of page, in one group.

import { expectWithinFrames } from './frames-invariant.ts';
import { PageLists } from './page-list.ts';
import type { ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const INACTIVE = 0;
const ACTIVE = 1;
/** No shadow: the page never went. */
const NONE = -1;

/** Two lists and shadows. */
class LinuxPolicy implements Replayed {
  readonly name = 'linux';
  readonly #lists: PageLists;
  readonly #bits: Uint8Array;
  readonly #shadows: Float64Array;
  readonly #frames: number;
  #age = 0;

  constructor({ pages, frames }: ReferencePolicyOptions) {
    this.#lists = new PageLists(pages, 2);
    this.#bits = new Uint8Array(pages);
    this.#shadows = new Float64Array(pages).fill(NONE);
    this.#frames = frames;
  }

  get size(): number {
    return this.#lists.length(INACTIVE) + this.#lists.length(ACTIVE);
  }

  has(page: number): boolean {
    return this.#lists.has(page);
  }

  replay(ids: Uint32Array, from: number, to: number, { misses }: SimulatedMemory): number {
    const bits = this.#bits;
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      if (this.#lists.has(page)) bits[page] = 1;
      else {
        this.#load(page);
        misses[missed++] = at;
      }
    }
    return missed;
  }

  check(): void {
    this.#lists.check();
    expectWithinFrames(this.size, this.#frames);
  }

  #load(page: number): void {
    if (this.size === this.#frames) this.#evict();
    const shadow = this.#shadows[page] as number;
    this.#bits[page] = 0;
    if (shadow !== NONE && this.#age - shadow <= this.#lists.length(ACTIVE)) {
      this.#lists.append(page, ACTIVE);
      this.#age++;
    } else this.#lists.append(page, INACTIVE);
  }

  #evict(): void {
    const lists = this.#lists;
    for (;;) {
      while (lists.length(INACTIVE) < lists.length(ACTIVE)) {
        const oldest = lists.head(ACTIVE);
        this.#bits[oldest] = 0;
        lists.moveToTail(oldest, INACTIVE);
      }
      const page = lists.head(INACTIVE);
      this.#age++;
      if (this.#bits[page] === 0) {
        this.#shadows[page] = this.#age - 1;
        lists.remove(page);
        return;
      }
      this.#bits[page] = 0;
      lists.moveToTail(page, ACTIVE);
    }
  }
}

/** Makes the `linux` policy. */
export const linux: ReferencePolicyKind = { name: 'linux', sees: 'references', make: (options) => new LinuxPolicy(options) };
