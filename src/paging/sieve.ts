// SIEVE: a queue in order of arrival and a hand that moves from old to new; what it finds visited stays where it is.
//
//   hit(p):    mark p visited
//   miss(p):   if full: from the hand, towards newer pages, from the newest on to the oldest again:
//                         visited pages lose their mark; the first page without one goes; the hand rests at the next newer page
//              append p, not visited
//
//   oldest [ a | b*| c | d*| e ] newest      hand at b: b loses its mark, c goes, the hand rests at d
//                ^hand
//
// Unlike clock, survivors are not moved to where new pages are. The hand at rest past the newest page begins at the oldest. No ties.
// Must see every reference. Source: Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024.

import { invariant } from '../base/index.ts';
import { expectWithinFrames } from './frames-invariant.ts';
import { PageLists } from './page-list.ts';
import type { PolicyQueue, ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const QUEUE = 0;

/** One queue, a mark per page, and a hand. */
class SievePolicy implements Replayed {
  readonly name = 'sieve';
  readonly #lists: PageLists;
  readonly #visited: Uint8Array;
  readonly #frames: number;
  /** Where the next search begins; -1 = at the oldest page. */
  #hand = -1;

  constructor({ pages, frames }: ReferencePolicyOptions) {
    this.#lists = new PageLists(pages, 1);
    this.#visited = new Uint8Array(pages);
    this.#frames = frames;
  }

  get size(): number {
    return this.#lists.length(QUEUE);
  }

  has(page: number): boolean {
    return this.#lists.has(page);
  }

  replay(ids: Uint32Array, from: number, to: number, { misses }: SimulatedMemory): number {
    const visited = this.#visited;
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      if (this.#lists.has(page)) visited[page] = 1;
      else {
        if (this.#lists.length(QUEUE) === this.#frames) this.#evict();
        this.#lists.append(page, QUEUE);
        misses[missed++] = at;
      }
    }
    return missed;
  }

  describe(): PolicyQueue[] {
    const pages = this.#lists.pagesOf(QUEUE);
    const values = pages.map((page) => this.#visited[page] as number);
    const hand = this.#hand === -1 ? {} : { hand: this.#hand };
    return [{ name: 'queue', holds: 'pages', order: 'oldest first', pages, marks: { name: 'visited', values }, ...hand }];
  }

  check(): void {
    this.#lists.check();
    const isPlaced = this.#hand === -1 || this.#lists.has(this.#hand);
    invariant(isPlaced, 'RP1', () => `the hand is at ${this.#hand}, which is not resident`);
    expectWithinFrames(this.size, this.#frames);
  }

  #evict(): void {
    let page = this.#hand === -1 ? this.#lists.head(QUEUE) : this.#hand;
    while (this.#visited[page] === 1) {
      this.#visited[page] = 0;
      page = this.#lists.nextAround(page);
    }
    this.#hand = this.#lists.next(page);
    this.#lists.remove(page);
  }
}

/** Makes the `sieve` policy. */
export const sieve: ReferencePolicyKind = { name: 'sieve', sees: 'references', make: (options) => new SievePolicy(options) };
