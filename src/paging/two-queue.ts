// 2Q: a page must come twice, with a pause between, to be kept as one that matters.
//
//   A1in   resident, in order of arrival: a quarter of the frames      A1out  ids that left A1in, as many as half of the frames
//   Am     resident, in order of use: the rest
//
//   hit(x):    in Am: to its young end; in A1in: nothing, for references close together are one
//   miss(x):   if x is in A1out: x leaves it
//              if full: if A1in is above its quarter: its oldest to A1out, whose oldest is forgotten if it has too many;  else: oldest of Am
//              x to Am if it was in A1out, else to A1in
//
// No ties. Must see every reference. Source: Johnson and Shasha, "2Q: A Low Overhead High Performance Buffer Management Replacement
// Algorithm", VLDB 1994, the full version; shares and order of steps as in libCacheSim, so that the counts can be compared. Below 4 frames,
// where a quarter is none, libCacheSim keeps no page at all; here A1in is then merely always above its share.

import { expectWithinFrames } from './frames-invariant.ts';
import { PageLists } from './page-list.ts';
import type { PolicyQueue, ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const A1_IN = 0;
const AM = 1;
const A1_OUT = 2;
/** Shares of the frames: the paper's "reasonable" ones. */
const IN_DIVISOR = 4;
const OUT_DIVISOR = 2;

/** Two queues of pages and one of ghosts. */
class TwoQueuePolicy implements Replayed {
  readonly name = '2q';
  readonly #lists: PageLists;
  readonly #frames: number;
  readonly #inFrames: number;
  readonly #outIds: number;

  constructor({ pages, frames }: ReferencePolicyOptions) {
    this.#lists = new PageLists(pages, 3);
    this.#frames = frames;
    this.#inFrames = Math.floor(frames / IN_DIVISOR);
    this.#outIds = Math.floor(frames / OUT_DIVISOR);
  }

  get size(): number {
    return this.#lists.length(A1_IN) + this.#lists.length(AM);
  }

  has(page: number): boolean {
    const list = this.#lists.listOf(page);
    return list === A1_IN || list === AM;
  }

  replay(ids: Uint32Array, from: number, to: number, { misses }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) if (!this.#refer(ids[at] as number)) misses[missed++] = at;
    return missed;
  }

  describe(): PolicyQueue[] {
    const pagesOf = (list: number): number[] => this.#lists.pagesOf(list);
    return [
      { name: 'A1in', holds: 'pages', order: 'oldest first', pages: pagesOf(A1_IN), share: this.#inFrames },
      { name: 'Am', holds: 'pages', order: 'last used longest ago first', pages: pagesOf(AM) },
      { name: 'A1out', holds: 'ghosts', order: 'oldest first', pages: pagesOf(A1_OUT), share: this.#outIds },
    ];
  }

  check(): void {
    this.#lists.check();
    expectWithinFrames(this.size, this.#frames);
    expectWithinFrames(this.#lists.length(A1_OUT), this.#outIds);
  }

  /** Refers to `page`; tells whether it was resident. */
  #refer(page: number): boolean {
    const list = this.#lists.listOf(page);
    if (list === AM) this.#lists.moveToTail(page, AM);
    if (list === AM || list === A1_IN) return true;
    if (list === A1_OUT) this.#lists.remove(page);
    if (this.size === this.#frames) this.#reclaim();
    this.#lists.append(page, list === A1_OUT ? AM : A1_IN);
    return false;
  }

  #reclaim(): void {
    const lists = this.#lists;
    if (lists.length(A1_IN) <= this.#inFrames && lists.length(AM) > 0) lists.remove(lists.head(AM));
    else {
      lists.moveToTail(lists.head(A1_IN), A1_OUT);
      if (lists.length(A1_OUT) > this.#outIds) lists.remove(lists.head(A1_OUT));
    }
  }
}

/** Makes the `2q` policy. */
export const twoQueue: ReferencePolicyKind = { name: '2q', sees: 'references', make: (options) => new TwoQueuePolicy(options) };
