// Segmented LRU: a page climbs one segment with each hit, and falls one each time a segment is too long.
//
//   segments 0 (lowest) to n-1, each a queue in order of entry with a share of the frames
//   hit(x):    x to the young end of the segment above its own, or of its own if it is the highest
//              while a segment is above its share: its oldest to the young end of the segment below; from segment 0 it is evicted
//   miss(x):   x to the lowest segment with room; if there is none: the oldest page of the lowest segment that has any goes, x to segment 0
//
// `slru` has four segments of trunc(C / 4) frames. The frames that the shares leave over belong to segment 0 until a page falls into it.
// No ties. Must see every reference. Source: Karedy, Love and Wherry, "Caching Strategies to Improve Disk System Performance",
// 1994, with two segments; four: Huang et al., SOSP 2013 (S4LRU). Filling from below and the shares as in libCacheSim.

import { expectWithinFrames } from './frames-invariant.ts';
import { PageLists } from './page-list.ts';
import type { ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const LOWEST = 0;

/** A stack of queues. */
class SegmentedLruPolicy implements Replayed {
  readonly name: string;
  readonly #lists: PageLists;
  readonly #frames: number;
  /** Frames of each segment, lowest first. */
  readonly #shares: Int32Array;

  /** @param shares what part of the frames each segment has, lowest first. */
  constructor({ pages, frames }: ReferencePolicyOptions, name: string, shares: readonly number[]) {
    this.name = name;
    this.#lists = new PageLists(pages, shares.length);
    this.#frames = frames;
    this.#shares = Int32Array.from(shares, (share) => Math.trunc(share * frames));
  }

  get size(): number {
    let size = 0;
    for (let segment = 0; segment < this.#shares.length; segment++) size += this.#lists.length(segment);
    return size;
  }

  has(page: number): boolean {
    return this.#lists.has(page);
  }

  replay(ids: Uint32Array, from: number, to: number, { misses }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) if (!this.#refer(ids[at] as number)) misses[missed++] = at;
    return missed;
  }

  check(): void {
    this.#lists.check();
    expectWithinFrames(this.size, this.#frames);
    for (let segment = LOWEST + 1; segment < this.#shares.length; segment++) {
      expectWithinFrames(this.#lists.length(segment), this.#share(segment));
    }
  }

  /** Refers to `page`; tells whether it was resident. */
  #refer(page: number): boolean {
    const segment = this.#lists.listOf(page);
    if (segment === -1) {
      this.#load(page);
      return false;
    }
    if (segment === this.#shares.length - 1) this.#lists.moveToTail(page, segment);
    else {
      this.#lists.moveToTail(page, segment + 1);
      this.#settle(segment + 1);
    }
    return true;
  }

  #load(page: number): void {
    const segment = this.#lowestWithRoom();
    if (segment === -1 && this.size === this.#frames) this.#evict();
    this.#lists.append(page, Math.max(segment, LOWEST));
  }

  #lowestWithRoom(): number {
    for (let segment = LOWEST; segment < this.#shares.length; segment++) {
      if (this.#lists.length(segment) < this.#share(segment)) return segment;
    }
    return -1;
  }

  #evict(): void {
    let segment = LOWEST;
    while (this.#lists.length(segment) === 0) segment++;
    this.#lists.remove(this.#lists.head(segment));
  }

  /** Brings `segment`, which a page has entered, and those below it back to their shares. */
  #settle(segment: number): void {
    let at = segment;
    for (; at > LOWEST; at--) {
      if (this.#lists.length(at) <= this.#share(at)) return;
      this.#lists.moveToTail(this.#lists.head(at), at - 1);
    }
    while (this.#lists.length(LOWEST) > this.#share(LOWEST)) this.#lists.remove(this.#lists.head(LOWEST));
  }

  #share(segment: number): number {
    return this.#shares[segment] as number;
  }
}

/** Makes the `slru` policy: four equal segments. */
export const slru: ReferencePolicyKind = {
  name: 'slru',
  sees: 'references',
  make: (options) => new SegmentedLruPolicy(options, 'slru', [0.25, 0.25, 0.25, 0.25]),
};

/** Makes `slru2`: a probationary segment of a fifth, and a protected one. */
export const slru2: ReferencePolicyKind = {
  name: 'slru2',
  sees: 'references',
  make: (options) => new SegmentedLruPolicy(options, 'slru2', [0.2, 0.8]),
};
