// WSClock: a clock that asks whether a page is in the working set: was it used during the last T of time?
//
//   loaded(p):   put p just behind the hand, used now
//   victim():    up to 64 pages from the hand on:
//                  referenced: clear its bit, used now, pass                         (a reactivation)
//                  used during the last T: pass
//                  else: clean: take it; dirty: pass, but remember the first such
//                take the remembered dirty page; if there is none, the page that was passed with the longest time since its use
//
// Time is counted in loads, since a machine without a tick has no other; T is half of the known pages. The textbook writes a dirty page
// in passing and finds it clean the next time round; a policy here cannot write, so the dirty page goes when the hand has found no clean
// one, and whoever asked for a victim writes it. The 64 bound what a victim costs. In a replay the reference that loads a page sets its bit.
// Tie: the page the hand comes to first. Source: Carr and Hennessy, "WSClock: A Simple and Effective Algorithm for Virtual Memory
// Management", SOSP 1981.

import { invariant } from '../base/index.ts';
import { ListPolicy } from './list-policy.ts';
import type { PolicyKind, PolicyOptions } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const RING = 0;
/** Pages looked at for one victim. */
const LOOKS = 64;
/** T in known pages. Arbitrary. */
const WINDOW_SHARE = 0.5;

/** A ring with one hand and a time for each page. */
class WsClockPolicy extends ListPolicy {
  readonly name = 'wsclock';
  readonly #lastUse: Float64Array;
  #now = 0;
  #hand = -1;

  constructor(options: PolicyOptions) {
    super(options);
    this.#lastUse = new Float64Array(options.capacity);
  }

  victim(): number {
    if (this.#hand === -1) return -1;
    const window = WINDOW_SHARE * this.size;
    let dirty = -1;
    let oldest = -1;
    for (let looks = Math.min(LOOKS, this.size); looks > 0; looks--) {
      const page = this.#hand;
      if (this.bits.testAndClearReferenced(page)) {
        this.reactivations++;
        this.#lastUse[page] = this.#now;
      } else if (this.#now - (this.#lastUse[page] as number) > window) {
        if (!this.bits.isModified(page)) return this.#give(page);
        if (dirty === -1) dirty = page;
      }
      if (oldest === -1 || (this.#lastUse[page] as number) < (this.#lastUse[oldest] as number)) oldest = page;
      this.#hand = this.lists.nextAround(page);
    }
    return this.#give(dirty === -1 ? oldest : dirty);
  }

  replay(ids: Uint32Array, from: number, to: number, memory: SimulatedMemory): number {
    const { frames, misses, referenced, modified } = memory;
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      if (!this.lists.has(page)) {
        if (this.lists.length(RING) === frames) this.victim();
        this.loaded(page);
        modified[page] = 0;
        misses[missed++] = at;
      }
      referenced[page] = 1;
      modified[page] = (modified[page] as number) | memory.writeAt(at);
    }
    return missed;
  }

  override check(): void {
    super.check();
    const isPlaced = this.size === 0 ? this.#hand === -1 : this.lists.has(this.#hand);
    invariant(isPlaced, 'RP1', () => `the hand is at ${this.#hand}, which is not on the ring`);
  }

  protected override admit(page: number): void {
    this.#lastUse[page] = this.#now++;
    if (this.#hand === -1) {
      this.lists.append(page, RING);
      this.#hand = page;
    } else this.lists.insertBefore(page, this.#hand, RING);
  }

  protected override take(page: number): void {
    if (page === this.#hand) {
      const next = this.lists.nextAround(page);
      this.#hand = next === page ? -1 : next;
    }
    this.lists.remove(page);
  }

  #give(page: number): number {
    this.take(page);
    return page;
  }
}

/** Makes the `wsclock` policy. */
export const wsclock: PolicyKind = { name: 'wsclock', sees: 'bits', make: (options) => new WsClockPolicy(options) };
