// Belady's optimum: the page whose next use is farthest away goes. Nothing can miss less; it is a bound, not a policy for a machine.
//
//   wanted: the set of positions of the trace at which a resident page is used next
//   at t:   hit  (t is in wanted): t leaves wanted
//           miss:                  if full: a page never used again goes if there is one, else the page of the last position in wanted
//           the next use of the page goes into wanted
//
// A page is resident exactly if its next use is in the set, so the set alone decides. Ties: only pages never used again tie; the one that
// was referenced last of them goes, and the number of misses is the same for any. Needs the whole trace (`Future`).
// Cost: the set is a bitmap over positions with summaries (page-set.ts): O(log32 length) for each reference.
// Source: Belady 1966, "A Study of Replacement Algorithms for a Virtual-Storage Computer" (MIN); proof: Mattson et al. 1970 (OPT).

import { invariant } from '../base/index.ts';
import { expectWithinFrames } from './frames-invariant.ts';
import { PageSet } from './page-set.ts';
import type { Future, PolicyQueue, ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

/** The farthest next use. */
class BeladyPolicy implements Replayed {
  readonly name = 'belady';
  readonly #frames: number;
  readonly #future: Future;
  readonly #wanted: PageSet;
  readonly #resident: Uint8Array;
  /** Resident pages that are never used again, the one referenced last at the end. */
  readonly #done: Int32Array;
  #doneCount = 0;
  #size = 0;
  #now = 0;

  constructor({ pages, frames, future }: ReferencePolicyOptions) {
    if (future === undefined) throw new Error('belady needs the future of the trace');
    this.#frames = frames;
    this.#future = future;
    this.#wanted = new PageSet(future.ids.length);
    this.#resident = new Uint8Array(pages);
    this.#done = new Int32Array(Math.min(frames, pages));
  }

  get size(): number {
    return this.#size;
  }

  has(page: number): boolean {
    return this.#resident[page] === 1;
  }

  /** The references must be those of the future that the policy was made for, from where the last replay ended. */
  replay(ids: Uint32Array, from: number, to: number, { misses }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) if (!this.#refer(ids[at] as number)) misses[missed++] = at;
    return missed;
  }

  describe(): PolicyQueue[] {
    const done = [...this.#done.subarray(0, this.#doneCount)];
    const awaited: number[] = [];
    for (let at = this.#wanted.lowest(); at !== -1; at = this.#wanted.after(at)) awaited.push(this.#future.ids[at] as number);
    return [
      { name: 'done', holds: 'pages', order: 'never used again, the one used last first', pages: done.reverse() },
      { name: 'awaited', holds: 'pages', order: 'the farthest next use first', pages: awaited.reverse() },
    ];
  }

  check(): void {
    this.#wanted.check();
    expectWithinFrames(this.#size, this.#frames);
    const { ids, nextUse } = this.#future;
    let resident = 0;
    for (const bit of this.#resident) resident += bit;
    invariant(resident === this.#size, 'RP1', () => `${resident} resident pages, size ${this.#size}`);
    let wanted = 0;
    for (let at = this.#now; at < ids.length; at++) if (this.#wanted.has(at)) wanted++;
    const known = wanted + this.#doneCount;
    invariant(known === this.#size, 'RP1', () => `${wanted} uses are awaited and ${this.#doneCount} pages done, size ${this.#size}`);
    for (let at = 0; at < this.#now; at++) {
      const next = nextUse[at] as number;
      const isWanted = next < ids.length && next >= this.#now && this.#wanted.has(next);
      invariant(!isWanted || this.has(ids[at] as number), 'RP1', () => `position ${next} is awaited and its page is not resident`);
    }
  }

  /** Refers to `page`; tells whether it was resident. */
  #refer(page: number): boolean {
    const now = this.#now++;
    const isHit = this.#resident[page] === 1;
    if (isHit) this.#wanted.remove(now);
    else {
      if (this.#size === this.#frames) this.#evict();
      this.#resident[page] = 1;
      this.#size++;
    }
    const next = this.#future.nextUse[now] as number;
    if (next < this.#future.ids.length) this.#wanted.add(next);
    else this.#done[this.#doneCount++] = page;
    return isHit;
  }

  #evict(): void {
    this.#size--;
    if (this.#doneCount > 0) {
      this.#resident[this.#done[--this.#doneCount] as number] = 0;
      return;
    }
    const farthest = this.#wanted.highest();
    this.#wanted.remove(farthest);
    this.#resident[this.#future.ids[farthest] as number] = 0;
  }
}

/** Makes the `belady` policy. */
export const belady: ReferencePolicyKind = { name: 'belady', sees: 'future', make: (options) => new BeladyPolicy(options) };
