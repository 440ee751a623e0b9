// CLOCK-Pro for a kernel: LIRS on a clock. A page is hot or cold by how soon it was used again, not by when it was used last; for a while it is
// remembered after it went, so that a page that comes back soon is known to be worth a frame.
//
//   one ring:   hot | cold | cold in its test period | gone, remembered until its test period ends
//
//        hot hand        the ring's head: new pages enter just behind it. Turns hot pages that are not referenced cold,
//                        and ends the test periods that it passes
//        cold hand       finds the victim: a cold page that is not referenced. One that is referenced turns hot if it is in its
//                        test period, else begins one at the head
//        test hand       ends test periods when more pages are remembered than are resident
//
//   loaded(p):   remembered? p is hot, and a hot page turns cold for it; else p is cold, in its test period
//   removed(p):  p leaves and is not remembered: its content is gone
//
// The form of the authors' simulator, whose counts are published, is clock-pro-authors.ts: it has a fixed number of frames.
//
// Resident pages are hot up to a target; the rest, the cold target, is 10 % in `clock-pro` and moves in `clock-pro-adaptive`: up by one
// when a page is used again in its test period, down by one when a test period ends without. The paper adapts; NetBSD has 10 %.
//
// Where the loading access sets the reference bit (a kernel), the bit of a page is cleared when the eighth page after it is loaded:
// the uses in between count as one. No ties. In one call each page's bit is believed at most twice.
//
// Invariants (quoted by `check`):
//   CP1  hot, cold and remembered pages are counted right; the remembered are found by their identities
//   CP2  the hands stand on the ring; at most `capacity` pages are remembered
// Cost: amortized O(1 / share of cold pages); 26 bytes per page of capacity. Source: Jiang, Chen and Zhang, "CLOCK-Pro: An Effective
// Improvement of the CLOCK Replacement", USENIX 2005; NetBSD's uvm_pdpolicy_clockpro.c.
// The `as number` on array reads: nodes are below twice the capacity, buckets below their number.

import { invariant } from '../base/index.ts';
import { expectKnown, expectUnknown } from './known-pages.ts';
import type { PageBits } from './page-bits.ts';
import { PageLists } from './page-list.ts';
import type { PolicyKind, PolicyOptions, ReplacementPolicy } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const RING = 0;
/** Marks of a node; neither: cold, not in a test period. */
const HOT = 1;
const TEST = 2;
const COLD_PERCENT = 10;
/** Bounds of the adaptive cold target: at least one page, at most this share. */
const COLD_PERCENT_MOST = 95;
/** Loads during which the uses of a page count as one. */
const CORRELATED_LOADS = 8;

/** The ring, its three hands, and the pages remembered. Nodes below the capacity are pages, the others are remembered ones. */
class ClockProPolicy implements ReplacementPolicy {
  readonly name: string;
  readonly sees = 'bits';
  reactivations = 0;
  readonly #bits: PageBits;
  readonly #capacity: number;
  readonly #identityOf: (page: number) => number;
  readonly #bitAtLoad: 'clear' | 'set';
  readonly #ring: PageLists;
  readonly #marks: Uint8Array;
  readonly #identities: Uint32Array;
  /** Remembered nodes by identity: buckets of chains, and the nodes that are free. */
  readonly #buckets: Int32Array;
  readonly #chain: Int32Array;
  readonly #freeNodes: Int32Array;
  #freeCount = 0;
  #hotHand = -1;
  #coldHand = -1;
  #testHand = -1;
  #hot = 0;
  #cold = 0;
  /** The adaptive cold target in pages, or -1 where it is fixed. 0: not set yet. */
  #adaptedTarget: number;
  readonly #recent = new Int32Array(CORRELATED_LOADS).fill(-1);
  #nextRecent = 0;

  constructor(name: string, target: 'fixed' | 'adaptive', options: PolicyOptions) {
    const { capacity } = options;
    this.name = name;
    this.#bits = options.bits;
    this.#capacity = capacity;
    this.#identityOf = options.identityOf ?? ((page) => page);
    this.#bitAtLoad = options.bitAtLoad ?? 'clear';
    this.#adaptedTarget = target === 'fixed' ? -1 : 0;
    this.#ring = new PageLists(2 * capacity, 1);
    this.#marks = new Uint8Array(2 * capacity);
    this.#identities = new Uint32Array(2 * capacity);
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(capacity + 1))).fill(-1);
    this.#chain = new Int32Array(capacity);
    this.#freeNodes = new Int32Array(capacity);
    for (let node = 2 * capacity - 1; node >= capacity; node--) this.#freeNodes[this.#freeCount++] = node;
  }

  get size(): number {
    return this.#hot + this.#cold;
  }

  get #remembered(): number {
    return this.#capacity - this.#freeCount;
  }

  has(page: number): boolean {
    return page < this.#capacity && this.#ring.has(page);
  }

  loaded(page: number): void {
    expectUnknown(page, this.has(page), this.#capacity);
    const identity = this.#identityOf(page) >>> 0;
    const node = this.#find(identity);
    this.#identities[page] = identity;
    this.#marks[page] = node === -1 ? TEST : HOT;
    if (node !== -1) {
      this.#forget(node);
      this.#adapt(1);
      this.#hot++;
    } else this.#cold++;
    this.#enter(page);
    this.#balance();
    if (this.#bitAtLoad === 'set') this.#endCorrelation(page);
  }

  removed(page: number): void {
    expectKnown(page, this.has(page));
    this.#count(page, -1);
    this.#leave(page);
  }

  victim(): number {
    if (this.size === 0) return -1;
    for (let rounds = 2 * this.size; ; rounds--) {
      if (this.#cold === 0) this.#turnCold();
      const page = this.#nextCold();
      if (rounds <= 0 || !this.#bits.testAndClearReferenced(page)) return this.#evict(page);
      this.reactivations++;
      this.#leave(page);
      if (((this.#marks[page] as number) & TEST) !== 0) {
        this.#marks[page] = HOT;
        this.#hot++;
        this.#cold--;
        this.#adapt(1);
      } else this.#marks[page] = TEST;
      this.#enter(page);
      this.#balance();
    }
  }

  replay(ids: Uint32Array, from: number, to: number, { frames, misses, referenced }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      if (this.has(page)) referenced[page] = 1;
      else {
        if (this.size === frames) this.victim();
        this.loaded(page);
        referenced[page] = this.#bitAtLoad === 'set' ? 1 : 0;
        misses[missed++] = at;
      }
    }
    return missed;
  }

  check(): void {
    this.#ring.check();
    const counts = [0, 0, 0, 0];
    for (let node = 0; node < 2 * this.#capacity; node++) {
      if (!this.#ring.has(node)) continue;
      const kind = node >= this.#capacity ? 3 : (this.#marks[node] as number) & HOT;
      counts[kind] = (counts[kind] as number) + 1;
      if (kind === 3) invariant(this.#isChained(node), 'CP1', () => `node ${node} is not in the chain of its identity`);
    }
    const [cold, hot, , remembered] = counts;
    const isCounted = cold === this.#cold && hot === this.#hot && remembered === this.#remembered;
    invariant(
      isCounted,
      'CP1',
      () => `${counts} on the ring, counted ${this.#cold} cold, ${this.#hot} hot, ${this.#remembered} remembered`,
    );
    for (const hand of [this.#hotHand, this.#coldHand, this.#testHand]) {
      const isPlaced = this.#ring.length(RING) === 0 ? hand === -1 : this.#ring.has(hand);
      invariant(isPlaced, 'CP2', () => `a hand is at ${hand}, which is not on the ring`);
    }
  }

  /** Puts a node at the ring's head: just behind the hot hand. */
  #enter(node: number): void {
    if (this.#hotHand !== -1) this.#ring.insertBefore(node, this.#hotHand, RING);
    else {
      this.#ring.append(node, RING);
      this.#hotHand = this.#coldHand = this.#testHand = node;
    }
  }

  /** Takes a node off the ring; hands that stand on it move on. */
  #leave(node: number): void {
    const next = this.#ring.nextAround(node);
    const hand = next === node ? -1 : next;
    if (this.#hotHand === node) this.#hotHand = hand;
    if (this.#coldHand === node) this.#coldHand = hand;
    if (this.#testHand === node) this.#testHand = hand;
    this.#ring.remove(node);
  }

  #count(page: number, by: 1 | -1): void {
    if (((this.#marks[page] as number) & HOT) !== 0) this.#hot += by;
    else this.#cold += by;
  }

  /** Moves the cold hand to the next resident cold page, of which there is one. */
  #nextCold(): number {
    let node = this.#coldHand;
    while (node >= this.#capacity || ((this.#marks[node] as number) & HOT) !== 0) node = this.#ring.nextAround(node);
    this.#coldHand = node;
    return node;
  }

  #evict(page: number): number {
    if (((this.#marks[page] as number) & TEST) !== 0) {
      while (this.#remembered >= this.size) this.#endTests();
      this.#remember(page);
    }
    this.#cold--;
    this.#leave(page);
    return page;
  }

  /** Turns hot pages cold until no more are hot than may be. */
  #balance(): void {
    while (this.#hot > 0 && this.#hot > this.size - this.#coldTarget) this.#turnCold();
  }

  /** The hot hand: turns one hot page cold, of which there is one. */
  #turnCold(): void {
    for (let believed = this.#hot; ; ) {
      const node = this.#hotHand;
      this.#hotHand = this.#ring.nextAround(node);
      if (node >= this.#capacity || ((this.#marks[node] as number) & HOT) === 0) this.#endTest(node);
      else if (believed-- <= 0 || !this.#bits.testAndClearReferenced(node)) {
        this.#marks[node] = 0;
        this.#hot--;
        this.#cold++;
        return;
      }
    }
  }

  /** The test hand: ends test periods up to that of a remembered page, of which there is one. */
  #endTests(): void {
    for (const before = this.#remembered; this.#remembered === before; ) {
      const node = this.#testHand;
      this.#testHand = this.#ring.nextAround(node);
      if (node >= this.#capacity || ((this.#marks[node] as number) & HOT) === 0) this.#endTest(node);
    }
  }

  #endTest(node: number): void {
    if (((this.#marks[node] as number) & TEST) === 0) return;
    this.#adapt(-1);
    if (node >= this.#capacity) this.#forget(node);
    else this.#marks[node] = 0;
  }

  get #coldTarget(): number {
    const fixed = Math.max(1, Math.floor((this.size * COLD_PERCENT) / 100));
    if (this.#adaptedTarget <= 0) return fixed;
    return Math.min(this.#adaptedTarget, Math.max(1, Math.floor((this.size * COLD_PERCENT_MOST) / 100)));
  }

  #adapt(by: 1 | -1): void {
    if (this.#adaptedTarget >= 0) this.#adaptedTarget = Math.max(1, this.#coldTarget + by);
  }

  /** Leaves a remembered node in the place of a page that is about to leave the ring. */
  #remember(page: number): void {
    const node = this.#freeNodes[--this.#freeCount] as number;
    const identity = this.#identities[page] as number;
    const bucket = this.#bucketOf(identity);
    this.#identities[node] = identity;
    this.#marks[node] = TEST;
    this.#chain[node - this.#capacity] = this.#buckets[bucket] as number;
    this.#buckets[bucket] = node;
    this.#ring.insertBefore(node, page, RING);
  }

  #forget(node: number): void {
    const bucket = this.#bucketOf(this.#identities[node] as number);
    const next = this.#chain[node - this.#capacity] as number;
    if (this.#buckets[bucket] === node) this.#buckets[bucket] = next;
    else {
      let before = this.#buckets[bucket] as number;
      while (this.#chain[before - this.#capacity] !== node) before = this.#chain[before - this.#capacity] as number;
      this.#chain[before - this.#capacity] = next;
    }
    this.#leave(node);
    this.#marks[node] = 0;
    this.#freeNodes[this.#freeCount++] = node;
  }

  #find(identity: number): number {
    let node = this.#buckets[this.#bucketOf(identity)] as number;
    while (node !== -1 && this.#identities[node] !== identity) node = this.#chain[node - this.#capacity] as number;
    return node;
  }

  #isChained(wanted: number): boolean {
    let node = this.#buckets[this.#bucketOf(this.#identities[wanted] as number)] as number;
    while (node !== -1 && node !== wanted) node = this.#chain[node - this.#capacity] as number;
    return node === wanted;
  }

  /** Multiplicative hashing: identities are addresses or page numbers, alike in their low bits. */
  #bucketOf(identity: number): number {
    return (Math.imul(identity, 0x9e3779b1) >>> 8) & (this.#buckets.length - 1);
  }

  #endCorrelation(page: number): void {
    const earlier = this.#recent[this.#nextRecent] as number;
    if (earlier >= 0 && this.has(earlier)) this.#bits.testAndClearReferenced(earlier);
    this.#recent[this.#nextRecent] = page;
    this.#nextRecent = (this.#nextRecent + 1) % CORRELATED_LOADS;
  }
}

/** Makes the `clock-pro` policy, with the fixed cold target of NetBSD. */
export const clockPro: PolicyKind = {
  name: 'clock-pro',
  sees: 'bits',
  make: (options) => new ClockProPolicy('clock-pro', 'fixed', options),
};

/** Makes the `clock-pro-adaptive` policy, with the cold target of the paper. */
export const clockProAdaptive: PolicyKind = {
  name: 'clock-pro-adaptive',
  sees: 'bits',
  make: (options) => new ClockProPolicy('clock-pro-adaptive', 'adaptive', options),
};
