// LIRS as libCacheSim has it, so that its published counts can be repeated. For LIRS itself see lirs.ts, which explains S and Q.
//
//   shares:   Q has trunc(C / 100) frames, at least 1; LIR pages the rest; S holds 2C pages at most, by dropping the oldest ghost
//   hit(x):   LIR: x to the top of S, prune
//             HIR in S: x leaves Q, room is made for a LIR page, x is LIR, at the top of S
//             HIR in Q only: x to the young end of Q, room is made for a LIR page (*), x to the top of S, still HIR
//   miss(x):  ghost: x to the top of S, room is made for a LIR page, x is LIR
//             else while there are too few LIR pages: x is LIR, at the top of S
//             else: while Q is full its oldest goes, a ghost if it is in S; x to the top of S and to the young end of Q
//   room for a LIR page, if there is none: the bottom of S leaves S; while Q is full its oldest goes; to the young end of Q; prune
//   prune:    while the bottom of S is not LIR, and is not its top, it leaves S
//
// (*) costs a LIR page its place for nothing. And with a Q of one frame, below 200 frames, what goes from Q there is x itself: it is
// then resident in S alone, counted nowhere, and the pages may be more than the frames. Kept, for the counts depend on it.
// With one frame nothing is ever kept. No ties. Must see every reference. Source: libCacheSim, LIRS.c (commit aa0fc40).

import { invariant } from '../base/index.ts';
import { PageLists } from './page-list.ts';
import type { ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const STACK = 0;
/** Lists of the second set. A page of QUEUE is resident, one of GHOSTS is not. */
const QUEUE = 0;
const GHOSTS = 1;
const QUEUE_SHARE = 0.01;
const STACK_FACTOR = 2;

/** What a page of the stack is; 0 for pages outside it. */
const GHOST = 1;
const HIR = 2;
const LIR = 3;

/** The stack, the queue, and the ghosts in the order in which they became ghosts. */
class LirsLcsPolicy implements Replayed {
  readonly name = 'lirs-lcs';
  readonly #stack: PageLists;
  readonly #rest: PageLists;
  readonly #state: Uint8Array;
  readonly #frames: number;
  readonly #queueFrames: number;
  #lirCount = 0;
  /** Resident pages of S that are HIR and yet not in Q. */
  #strays = 0;

  constructor({ pages, frames }: ReferencePolicyOptions) {
    this.#stack = new PageLists(pages, 1);
    this.#rest = new PageLists(pages, 2);
    this.#state = new Uint8Array(pages);
    this.#frames = frames;
    this.#queueFrames = Math.max(1, Math.trunc(QUEUE_SHARE * frames));
  }

  get size(): number {
    return this.#lirCount + this.#rest.length(QUEUE) + this.#strays;
  }

  has(page: number): boolean {
    return (this.#state[page] ?? 0) >= HIR || this.#rest.listOf(page) === QUEUE;
  }

  replay(ids: Uint32Array, from: number, to: number, { misses }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) if (!this.#refer(ids[at] as number)) misses[missed++] = at;
    return missed;
  }

  check(): void {
    this.#stack.check();
    this.#rest.check();
    const counts = [0, 0, 0, 0];
    let strays = 0;
    this.#state.forEach((state, page) => {
      counts[state] = (counts[state] as number) + 1;
      invariant((state !== 0) === this.#stack.has(page), 'RP1', () => `page ${page} in state ${state}: in S is ${state === 0}`);
      if (state === HIR && !this.#rest.has(page)) strays++;
    });
    invariant(counts[LIR] === this.#lirCount, 'RP1', () => `${counts[LIR]} LIR pages, ${this.#lirCount} counted`);
    invariant(counts[GHOST] === this.#rest.length(GHOSTS), 'RP1', () => `${counts[GHOST]} ghosts, ${this.#rest.length(GHOSTS)} listed`);
    invariant(strays === this.#strays, 'RP1', () => `${strays} strays, ${this.#strays} counted`);
    const counted = this.#lirCount + this.#rest.length(QUEUE);
    invariant(counted <= this.#frames, 'RP4', () => `${counted} pages in ${this.#frames} frames`);
  }

  /** Refers to `page`; tells whether it was resident. */
  #refer(page: number): boolean {
    if (this.#frames === this.#queueFrames) return false;
    const isHit = this.has(page);
    if (isHit) this.#hit(page);
    else this.#load(page);
    this.#limitStack();
    return isHit;
  }

  #hit(page: number): void {
    const state = this.#state[page];
    if (this.#rest.listOf(page) === QUEUE) this.#rest.moveToTail(page, QUEUE);
    if (state === 0) {
      this.#makeRoomForLir();
      // It may have been the oldest of Q itself.
      if (!this.#rest.has(page)) this.#strays++;
      this.#push(page, HIR);
      return;
    }
    this.#stack.moveToTail(page, STACK);
    if (state === LIR) this.#prune();
    else this.#promote(page);
  }

  /** Makes a resident HIR page, at the top of the stack, LIR. */
  #promote(page: number): void {
    if (this.#rest.has(page)) this.#rest.remove(page);
    else this.#strays--;
    this.#makeRoomForLir();
    this.#state[page] = LIR;
    this.#lirCount++;
  }

  #load(page: number): void {
    if (this.#state[page] === GHOST) {
      this.#stack.moveToTail(page, STACK);
      this.#makeRoomForLir();
      this.#rest.remove(page);
      this.#state[page] = LIR;
      this.#lirCount++;
    } else if (this.#lirCount < this.#frames - this.#queueFrames) {
      this.#push(page, LIR);
      this.#lirCount++;
    } else {
      this.#makeRoomInQueue();
      this.#push(page, HIR);
      this.#rest.append(page, QUEUE);
    }
  }

  #push(page: number, state: number): void {
    this.#stack.append(page, STACK);
    this.#state[page] = state;
  }

  #makeRoomForLir(): void {
    if (this.#lirCount < this.#frames - this.#queueFrames) return;
    // Only with two frames can the bottom be anything but LIR here.
    this.#prune();
    const bottom = this.#stack.head(STACK);
    this.#stack.remove(bottom);
    this.#state[bottom] = 0;
    this.#lirCount--;
    this.#makeRoomInQueue();
    this.#rest.append(bottom, QUEUE);
    this.#prune();
  }

  #makeRoomInQueue(): void {
    while (this.#rest.length(QUEUE) >= this.#queueFrames) {
      const oldest = this.#rest.head(QUEUE);
      if (this.#state[oldest] === HIR) {
        this.#state[oldest] = GHOST;
        this.#rest.moveToTail(oldest, GHOSTS);
      } else this.#rest.remove(oldest);
    }
  }

  #prune(): void {
    for (let bottom = this.#stack.head(STACK); bottom !== this.#stack.tail(STACK); bottom = this.#stack.head(STACK)) {
      const state = this.#state[bottom];
      if (state === LIR) return;
      if (state === GHOST) this.#rest.remove(bottom);
      else if (!this.#rest.has(bottom)) this.#strays--;
      this.#stack.remove(bottom);
      this.#state[bottom] = 0;
    }
  }

  #limitStack(): void {
    while (this.#stack.length(STACK) > STACK_FACTOR * this.#frames && this.#rest.length(GHOSTS) > 0) {
      const ghost = this.#rest.head(GHOSTS);
      this.#rest.remove(ghost);
      this.#stack.remove(ghost);
      this.#state[ghost] = 0;
    }
  }
}

/** Makes the `lirs-lcs` policy. */
export const lirsLcs: ReferencePolicyKind = { name: 'lirs-lcs', sees: 'references', make: (options) => new LirsLcsPolicy(options) };
