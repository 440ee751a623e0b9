// S3-FIFO: three queues in order of arrival. Most pages come once, so a small queue lets them go before they cost anything.
//
//   S      resident, a tenth of the frames      G   ids that left S, as many as nine tenths of the frames
//   M      resident, the rest                   freq   hits since a page entered its queue
//
//   hit(x):    freq(x) + 1
//   miss(x):   if x is in G: x leaves it, and goes to M; else to S; freq = 0
//              before that, while full:
//                if M is above its share or S is empty: oldest x of M: freq > 0: to M's young end with freq = min(freq, 3) - 1; else: out
//                else: oldest x of S: freq > 1: to M with freq 0; else: out, id to G
//
// No ties. Must see every reference. Source: Yang et al., "FIFO Queues Are All You Need for Cache Eviction", SOSP 2023; counts are
// libCacheSim's (by the paper's authors) from 20 frames on. Below, libCacheSim keeps no page at all, since S has no room for its size
// check; here S has at least one frame.

import { expectWithinFrames } from './frames-invariant.ts';
import { PageLists } from './page-list.ts';
import type { PolicyQueue, ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const SMALL = 0;
const MAIN = 1;
const GHOST = 2;
const SMALL_SHARE = 0.1;
const GHOST_SHARE = 0.9;
/** Hits that take a page from S to M. */
const PROMOTION = 2;
/** Hits that are counted when a page of M is given another round. */
const MOST_HITS = 3;
/** Hits are counted up to here: more than both thresholds, and it fits a byte. */
const COUNTER_LIMIT = 255;

/** A small queue, a main queue, and ghosts. */
class S3FifoPolicy implements Replayed {
  readonly name = 's3fifo';
  readonly #lists: PageLists;
  readonly #hits: Uint8Array;
  readonly #frames: number;
  readonly #smallFrames: number;
  readonly #ghostIds: number;

  constructor({ pages, frames }: ReferencePolicyOptions) {
    this.#lists = new PageLists(pages, 3);
    this.#hits = new Uint8Array(pages);
    this.#frames = frames;
    this.#smallFrames = Math.max(1, Math.trunc(SMALL_SHARE * frames));
    this.#ghostIds = Math.trunc(GHOST_SHARE * frames);
  }

  get size(): number {
    return this.#lists.length(SMALL) + this.#lists.length(MAIN);
  }

  has(page: number): boolean {
    const list = this.#lists.listOf(page);
    return list === SMALL || list === MAIN;
  }

  replay(ids: Uint32Array, from: number, to: number, { misses }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) if (!this.#refer(ids[at] as number)) misses[missed++] = at;
    return missed;
  }

  describe(): PolicyQueue[] {
    const queue = (name: string, list: number, share: number): PolicyQueue => {
      const pages = this.#lists.pagesOf(list);
      const values = pages.map((page) => this.#hits[page] as number);
      return { name, holds: 'pages', order: 'oldest first', pages, marks: { name: 'hits', values }, share };
    };
    return [
      queue('S', SMALL, this.#smallFrames),
      queue('M', MAIN, this.#frames - this.#smallFrames),
      { name: 'G', holds: 'ghosts', order: 'oldest first', pages: this.#lists.pagesOf(GHOST), share: this.#ghostIds },
    ];
  }

  check(): void {
    this.#lists.check();
    expectWithinFrames(this.size, this.#frames);
    expectWithinFrames(this.#lists.length(GHOST), this.#ghostIds);
  }

  /** Refers to `page`; tells whether it was resident. */
  #refer(page: number): boolean {
    const list = this.#lists.listOf(page);
    if (list === SMALL || list === MAIN) {
      const hits = this.#hits[page] as number;
      if (hits < COUNTER_LIMIT) this.#hits[page] = hits + 1;
      return true;
    }
    if (list === GHOST) this.#lists.remove(page);
    while (this.size === this.#frames) this.#evict();
    this.#hits[page] = 0;
    this.#lists.append(page, list === GHOST ? MAIN : SMALL);
    return false;
  }

  #evict(): void {
    if (this.#lists.length(MAIN) > this.#frames - this.#smallFrames || this.#lists.length(SMALL) === 0) this.#evictMain();
    else this.#evictSmall();
  }

  #evictMain(): void {
    for (;;) {
      const page = this.#lists.head(MAIN);
      const hits = this.#hits[page] as number;
      if (hits === 0) {
        this.#lists.remove(page);
        return;
      }
      this.#hits[page] = Math.min(hits, MOST_HITS) - 1;
      this.#lists.moveToTail(page, MAIN);
    }
  }

  /** Evicts a page of S, unless all of them have earned a place in M. */
  #evictSmall(): void {
    while (this.#lists.length(SMALL) > 0) {
      const page = this.#lists.head(SMALL);
      if ((this.#hits[page] as number) < PROMOTION) {
        this.#lists.moveToTail(page, GHOST);
        if (this.#lists.length(GHOST) > this.#ghostIds) this.#lists.remove(this.#lists.head(GHOST));
        return;
      }
      this.#hits[page] = 0;
      this.#lists.moveToTail(page, MAIN);
    }
  }
}

/** Makes the `s3fifo` policy. */
export const s3fifo: ReferencePolicyKind = { name: 's3fifo', sees: 'references', make: (options) => new S3FifoPolicy(options) };
