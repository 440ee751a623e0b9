// W-TinyLFU: a page passes from a small window into the main part only if it was referenced more often than the page it would displace.
//
//   window      LRU: a hundredth of the frames, at least 1          count(p)   references to p lately, up to 15, resident or not
//   probation   LRU: pages that passed                              aging      every 10 C references all counts are halved
//   protected   LRU: pages of probation that were hit: four fifths of the main part
//
//   ref(p):    count(p) + 1
//   hit(p):    in the window or protected: to the young end;  in probation: to protected, whose oldest falls back to probation if it
//              has too many
//   miss(p):   p to the window; if the window has too many: candidate = its oldest
//              if all frames are taken: victim = oldest of probation, or of protected; count(candidate) > count(victim): victim goes and
//              the candidate to probation; else: the candidate goes.  If there is room: the candidate to probation
//
// Tie: the candidate goes. Counts are exact, one for each page there is, where a cache has a sketch; shares are fixed. Must see every
// reference. Source: Einziger, Friedman and Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM TOS 2017; shares of Caffeine.

import { expectWithinFrames } from './frames-invariant.ts';
import { PageLists } from './page-list.ts';
import type { ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const WINDOW = 0;
const PROBATION = 1;
const PROTECTED = 2;
const WINDOW_SHARE = 0.01;
const PROTECTED_SHARE = 0.8;
const MOST_COUNT = 15;
const PERIOD_FACTOR = 10;

/** A window, a segmented main part, and counts. */
class TinyLfuPolicy implements Replayed {
  readonly name = 'tinylfu';
  readonly #lists: PageLists;
  readonly #counts: Uint8Array;
  /** Period in which each count was last brought up to date. */
  readonly #periods: Int32Array;
  readonly #frames: number;
  readonly #windowFrames: number;
  readonly #protectedFrames: number;
  #period = 0;
  #left: number;

  constructor({ pages, frames }: ReferencePolicyOptions) {
    this.#lists = new PageLists(pages, 3);
    this.#counts = new Uint8Array(pages);
    this.#periods = new Int32Array(pages);
    this.#frames = frames;
    this.#windowFrames = Math.max(1, Math.trunc(WINDOW_SHARE * frames));
    this.#protectedFrames = Math.trunc(PROTECTED_SHARE * (frames - this.#windowFrames));
    this.#left = PERIOD_FACTOR * frames;
  }

  get size(): number {
    return this.#lists.length(WINDOW) + this.#lists.length(PROBATION) + this.#lists.length(PROTECTED);
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
    expectWithinFrames(this.#lists.length(WINDOW), this.#windowFrames);
    expectWithinFrames(this.#lists.length(PROTECTED), this.#protectedFrames);
  }

  /** Refers to `page`; tells whether it was resident. */
  #refer(page: number): boolean {
    this.#count(page);
    const lists = this.#lists;
    const list = lists.listOf(page);
    if (list === -1) {
      const wasFull = this.size === this.#frames;
      lists.append(page, WINDOW);
      if (lists.length(WINDOW) > this.#windowFrames) this.#pass(lists.head(WINDOW), wasFull);
      return false;
    }
    lists.moveToTail(page, list === WINDOW ? WINDOW : PROTECTED);
    if (lists.length(PROTECTED) > this.#protectedFrames) lists.moveToTail(lists.head(PROTECTED), PROBATION);
    return true;
  }

  /** Decides whether the page that falls out of the window stays. */
  #pass(candidate: number, isFull: boolean): void {
    const lists = this.#lists;
    if (isFull) {
      const victim = lists.head(lists.length(PROBATION) > 0 ? PROBATION : PROTECTED);
      const stays = victim !== -1 && this.#countOf(candidate) > this.#countOf(victim);
      lists.remove(stays ? victim : candidate);
      if (!stays) return;
    }
    lists.moveToTail(candidate, PROBATION);
  }

  #count(page: number): void {
    if (--this.#left < 0) {
      this.#period++;
      this.#left = PERIOD_FACTOR * this.#frames - 1;
    }
    const count = this.#countOf(page);
    if (count < MOST_COUNT) this.#counts[page] = count + 1;
  }

  /** Returns a page's count, halved for each period that has ended since it was last asked for. */
  #countOf(page: number): number {
    const count = (this.#counts[page] as number) >> Math.min(31, this.#period - (this.#periods[page] as number));
    this.#counts[page] = count;
    this.#periods[page] = this.#period;
    return count;
  }
}

/** Makes the `tinylfu` policy. */
export const tinylfu: ReferencePolicyKind = { name: 'tinylfu', sees: 'references', make: (options) => new TinyLfuPolicy(options) };
