// Least recently used.
//
//   queue: pages in order of their last reference
//   hit(p):    move p to the tail
//   miss(p):   if full: take the head
//              append p
//
// No ties. Must see every reference. Source: the yardstick of locality; Mattson et al. 1970 give its whole miss-ratio curve in one
// pass (lab/stack-distance.ts).

import { expectWithinFrames } from './frames-invariant.ts';
import { PageLists } from './page-list.ts';
import type { PolicyQueue, ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const QUEUE = 0;

/** One queue in order of use. */
class LruPolicy implements Replayed {
  readonly name = 'lru';
  readonly #lists: PageLists;
  readonly #frames: number;

  constructor({ pages, frames }: ReferencePolicyOptions) {
    this.#lists = new PageLists(pages, 1);
    this.#frames = frames;
  }

  get size(): number {
    return this.#lists.length(QUEUE);
  }

  has(page: number): boolean {
    return this.#lists.has(page);
  }

  replay(ids: Uint32Array, from: number, to: number, { misses }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) if (!this.#refer(ids[at] as number)) misses[missed++] = at;
    return missed;
  }

  describe(): PolicyQueue[] {
    return [{ name: 'queue', holds: 'pages', order: 'last used longest ago first', pages: this.#lists.pagesOf(QUEUE) }];
  }

  check(): void {
    this.#lists.check();
    expectWithinFrames(this.size, this.#frames);
  }

  /** Refers to `page`; tells whether it was resident. */
  #refer(page: number): boolean {
    if (this.#lists.has(page)) {
      this.#lists.moveToTail(page, QUEUE);
      return true;
    }
    if (this.size === this.#frames) this.#lists.remove(this.#lists.head(QUEUE));
    this.#lists.append(page, QUEUE);
    return false;
  }
}

/** Makes the `lru` policy. */
export const lru: ReferencePolicyKind = { name: 'lru', sees: 'references', make: (options) => new LruPolicy(options) };
