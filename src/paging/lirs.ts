// LIRS, low inter-reference recency set: pages are ranked by the distance between their last two references, not by the last alone.
//
//   S   pages by recency, down to the LIR page that waited longest: LIR, resident HIR, and HIR that are gone (ghosts)
//   Q   resident HIR pages, in the order in which they will go: a hundredth of the frames, at least 2
//
//   ref(x):   nothing if the reference before it was to x as well
//             miss: if full: oldest of Q goes (and stays in S as a ghost if it is there); else if more than Q's share is free: x is LIR
//             x to the top of S
//             if x is HIR and was in S: x becomes LIR, and the LIR page at the bottom of S becomes HIR, at the young end of Q
//             else if x is HIR: x to the young end of Q
//             prune: while the bottom of S is not LIR, it leaves S
//
//   top  S [ x L | h | L | g | L | g | h | L ] bottom        L = LIR, h = resident HIR, g = ghost
//
// S is not bounded except by the pages there are. No ties. Must see every reference.
// Source: Jiang and Zhang, "LIRS: An Efficient Low Inter-reference Recency Set Replacement Policy", SIGMETRICS 2002; counts are those
// of the authors' own program. libCacheSim's differ: lirs-lcs.ts.

import { invariant } from '../base/index.ts';
import { expectWithinFrames } from './frames-invariant.ts';
import { PageLists } from './page-list.ts';
import type { ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const STACK = 0;
const QUEUE = 0;
const QUEUE_SHARE = 0.01;
const QUEUE_LEAST = 2;

/** A stack of recency and a queue of those that may go. */
class LirsPolicy implements Replayed {
  readonly name = 'lirs';
  /** Bottom of the stack is the list's head. */
  readonly #stack: PageLists;
  readonly #queue: PageLists;
  readonly #isLir: Uint8Array;
  readonly #frames: number;
  readonly #queueFrames: number;
  #lirCount = 0;
  #last = -1;

  constructor({ pages, frames }: ReferencePolicyOptions) {
    this.#stack = new PageLists(pages, 1);
    this.#queue = new PageLists(pages, 1);
    this.#isLir = new Uint8Array(pages);
    this.#frames = frames;
    this.#queueFrames = Math.max(QUEUE_LEAST, Math.trunc(QUEUE_SHARE * frames));
  }

  get size(): number {
    return this.#lirCount + this.#queue.length(QUEUE);
  }

  has(page: number): boolean {
    return this.#isLir[page] === 1 || this.#queue.has(page);
  }

  replay(ids: Uint32Array, from: number, to: number, { misses }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) if (!this.#refer(ids[at] as number)) misses[missed++] = at;
    return missed;
  }

  check(): void {
    this.#stack.check();
    this.#queue.check();
    expectWithinFrames(this.size, this.#frames);
    let lirs = 0;
    this.#isLir.forEach((bit, page) => {
      lirs += bit;
      invariant(bit === 0 || (this.#stack.has(page) && !this.#queue.has(page)), 'RP1', () => `LIR page ${page} is not in S alone`);
    });
    invariant(lirs === this.#lirCount, 'RP1', () => `${lirs} LIR pages, ${this.#lirCount} counted`);
    const bottom = this.#stack.head(STACK);
    invariant(bottom === -1 || this.#isLir[bottom] === 1, 'RP1', () => `page ${bottom} at the bottom of S is not LIR`);
  }

  /** Refers to `page`; tells whether it was resident. */
  #refer(page: number): boolean {
    if (page === this.#last) return true;
    this.#last = page;
    const isHit = this.has(page);
    if (!isHit) this.#makeRoom(page);
    const isLir = this.#isLir[page] === 1;
    const wasInStack = this.#stack.has(page);
    if (wasInStack) this.#stack.moveToTail(page, STACK);
    else this.#stack.append(page, STACK);
    if (!isLir && wasInStack) this.#promote(page);
    else if (!isLir) this.#toQueue(page);
    this.#prune();
    return isHit;
  }

  #makeRoom(page: number): void {
    const free = this.#frames - this.size;
    if (free === 0) this.#queue.remove(this.#queue.head(QUEUE));
    else if (free > this.#queueFrames) {
      this.#isLir[page] = 1;
      this.#lirCount++;
    }
  }

  /** Makes an HIR page of the stack LIR, in the place of the LIR page that waited longest. */
  #promote(page: number): void {
    if (this.#queue.has(page)) this.#queue.remove(page);
    this.#isLir[page] = 1;
    const bottom = this.#stack.head(STACK);
    this.#isLir[bottom] = 0;
    this.#stack.remove(bottom);
    this.#queue.append(bottom, QUEUE);
  }

  #toQueue(page: number): void {
    if (this.#queue.has(page)) this.#queue.moveToTail(page, QUEUE);
    else this.#queue.append(page, QUEUE);
  }

  #prune(): void {
    for (let bottom = this.#stack.head(STACK); bottom !== -1 && this.#isLir[bottom] === 0; bottom = this.#stack.head(STACK)) {
      this.#stack.remove(bottom);
    }
  }
}

/** Makes the `lirs` policy. */
export const lirs: ReferencePolicyKind = { name: 'lirs', sees: 'references', make: (options) => new LirsPolicy(options) };
