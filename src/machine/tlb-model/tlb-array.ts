// One array of TLB entries, for replaying references: which translations it holds, never where they lead.
//
//   translation   0, 1, 2, ...: a page of a space, numbered by whoever replays
//   slotOf        translation -> slot + 1, or 0       so a lookup is one load, whatever the ways: no tags are compared
//   held          slot -> translation, or -1          slots of set s: [s * ways, (s + 1) * ways)
//   free          per set a stack of the ways that hold nothing; fills take those first, way 0 first at the start
//
//   lru, fifo     a ring of the set's ways, newest first; the victim is the last. lru moves a way to the front when it is hit as well
//   random        any way, by a seeded generator
//   tree-plru     ways - 1 bits, a binary tree whose leaves are the ways; each bit points away from what was used last. The victim is where
//                 the bits lead
//
//   TLBM1  held[slotOf[t] - 1] = t for all t that are held, and every other translation has slotOf 0
//   TLBM2  a set's free ways and its held ways are all its ways
//   TLBM3  a ring has each way of its set once
// Cost: a hit 1 to 3 ns, a fill 5 to 10 ns; 8 bytes for a translation, 20 for an entry. Nothing is allocated after construction.

import { invariant, Random } from '../../base/index.ts';
import { checkTlbShape, type TlbShape } from './tlb-shape.ts';

const NONE = -1;

/** The arrays of entries; a subclass for each replacement. */
export abstract class TlbArray {
  /** Ways of a set that translations can take: without the wired ones. */
  protected readonly ways: number;
  protected readonly sets: number;
  readonly #slotOf: Int32Array;
  readonly #setOf: Uint32Array;
  readonly #held: Int32Array;
  readonly #free: Int32Array;
  readonly #freeCount: Int32Array;

  /** @param pages the page number of each translation, in pages of its own size: it chooses the set */
  constructor(shape: TlbShape, pages: ArrayLike<number>) {
    checkTlbShape(shape);
    this.ways = shape.ways - (shape.wired ?? 0);
    this.sets = shape.entries / shape.ways;
    this.#slotOf = new Int32Array(pages.length);
    this.#setOf = Uint32Array.from(pages, (page) => page % this.sets);
    this.#held = new Int32Array(this.sets * this.ways).fill(NONE);
    this.#free = new Int32Array(this.sets * this.ways);
    this.#freeCount = new Int32Array(this.sets);
    for (let set = 0; set < this.sets; set++) this.#empty(set);
  }

  /** Tells whether `translation` is held, and marks it as used. */
  lookup(translation: number): boolean {
    const slot = (this.#slotOf[translation] as number) - 1;
    if (slot < 0) return false;
    this.used(slot);
    return true;
  }

  /** Tells whether `translation` is held. Changes nothing. */
  holds(translation: number): boolean {
    return this.#slotOf[translation] !== 0;
  }

  /** Takes in `translation`, which is not held, and returns the one given up for it, or -1. */
  fill(translation: number): number {
    const set = this.#setOf[translation] as number;
    const free = this.#freeCount[set] as number;
    let slot: number;
    let victim = NONE;
    if (free > 0) {
      this.#freeCount[set] = free - 1;
      slot = set * this.ways + (this.#free[set * this.ways + free - 1] as number);
    } else {
      slot = this.victim(set);
      victim = this.#held[slot] as number;
      this.#slotOf[victim] = 0;
    }
    this.#held[slot] = translation;
    this.#slotOf[translation] = slot + 1;
    this.filled(slot);
    return victim;
  }

  /** Gives `translation` up, if it is held, and tells whether it was. */
  drop(translation: number): boolean {
    const slot = (this.#slotOf[translation] as number) - 1;
    if (slot < 0) return false;
    const set = this.#setOf[translation] as number;
    const free = this.#freeCount[set] as number;
    this.#free[set * this.ways + free] = slot - set * this.ways;
    this.#freeCount[set] = free + 1;
    this.#held[slot] = NONE;
    this.#slotOf[translation] = 0;
    return true;
  }

  /** Gives up every translation whose mark in `spaces` is `space`, and returns how many those were. @param spaces one for each translation */
  dropSpace(spaces: ArrayLike<number>, space: number): number {
    let dropped = 0;
    for (const translation of this.#held) {
      if (translation === NONE || spaces[translation] !== space) continue;
      this.drop(translation);
      dropped++;
    }
    return dropped;
  }

  /** Marks a slot as used now. */
  protected abstract used(slot: number): void;

  /** Marks a slot as filled now. */
  protected abstract filled(slot: number): void;

  /** Returns the slot that a full set gives up. */
  protected abstract victim(set: number): number;

  /** Walks everything; panics at the first broken invariant. */
  check(): void {
    this.#slotOf.forEach((place, translation) => {
      invariant(
        place === 0 || this.#held[place - 1] === translation,
        'TLBM1',
        () => `translation ${translation} is not in slot ${place - 1}`,
      );
    });
    for (let set = 0; set < this.sets; set++) {
      const free = [...this.#free.subarray(set * this.ways, set * this.ways + (this.#freeCount[set] as number))];
      for (let way = 0; way < this.ways; way++) {
        const translation = this.#held[set * this.ways + way] as number;
        invariant((translation === NONE) === free.includes(way), 'TLBM2', () => `set ${set}, way ${way}: holds ${translation}`);
        const place = translation === NONE ? set * this.ways + way + 1 : this.#slotOf[translation];
        invariant(place === set * this.ways + way + 1, 'TLBM1', () => `set ${set}, way ${way}: ${translation} is in slot ${place}`);
      }
    }
  }

  #empty(set: number): void {
    for (let way = 0; way < this.ways; way++) this.#free[set * this.ways + way] = this.ways - 1 - way;
    this.#freeCount[set] = this.ways;
  }
}

/** Gives up what was filled first: a ring of ways for each set. */
class FifoArray extends TlbArray {
  /** Per set: the slot at the front. */
  readonly #front: Int32Array;
  readonly #older: Int32Array;
  readonly #newer: Int32Array;

  constructor(shape: TlbShape, pages: ArrayLike<number>) {
    super(shape, pages);
    const slots = this.sets * this.ways;
    this.#front = Int32Array.from({ length: this.sets }, (_, set) => set * this.ways);
    this.#older = Int32Array.from({ length: slots }, (_, slot) => this.#around(slot, 1));
    this.#newer = Int32Array.from({ length: slots }, (_, slot) => this.#around(slot, this.ways - 1));
  }

  protected used(_slot: number): void {}

  protected filled(slot: number): void {
    this.toFront(slot);
  }

  protected victim(set: number): number {
    return this.#newer[this.#front[set] as number] as number;
  }

  protected toFront(slot: number): void {
    const set = (slot / this.ways) | 0;
    const front = this.#front[set] as number;
    if (front === slot) return;
    this.#front[set] = slot;
    const last = this.#newer[front] as number;
    // The last of a ring becomes its first by a turn.
    if (last === slot) return;
    const older = this.#older[slot] as number;
    const newer = this.#newer[slot] as number;
    this.#older[newer] = older;
    this.#newer[older] = newer;
    this.#older[slot] = front;
    this.#newer[front] = slot;
    this.#newer[slot] = last;
    this.#older[last] = slot;
  }

  override check(): void {
    super.check();
    this.#front.forEach((front, set) => {
      const seen = new Set<number>();
      for (let slot = front; !seen.has(slot); slot = this.#older[slot] as number) seen.add(slot);
      const own = [...seen].filter((slot) => Math.floor(slot / this.ways) === set);
      invariant(seen.size === this.ways && own.length === this.ways, 'TLBM3', () => `the ring of set ${set} has slots ${[...seen]}`);
    });
  }

  #around(slot: number, steps: number): number {
    const set = Math.floor(slot / this.ways);
    return set * this.ways + ((slot - set * this.ways + steps) % this.ways);
  }
}

/** Gives up what was unused longest. */
class LruArray extends FifoArray {
  protected override used(slot: number): void {
    this.toFront(slot);
  }
}

/** Gives up any. */
class RandomArray extends TlbArray {
  readonly #random: Random;

  constructor(shape: TlbShape, pages: ArrayLike<number>, seed: number) {
    super(shape, pages);
    this.#random = new Random(seed);
  }

  protected used(_slot: number): void {}

  protected filled(_slot: number): void {}

  protected victim(set: number): number {
    return set * this.ways + this.#random.below(this.ways);
  }
}

/** Gives up what a tree of bits points at. Node 1 is the root, node n has the children 2n and 2n + 1, way w is the leaf ways + w. */
class TreePlruArray extends TlbArray {
  /** Per set `ways` bits; the first is nobody's. 0 points at the lower child. */
  readonly #bits: Uint8Array;

  constructor(shape: TlbShape, pages: ArrayLike<number>) {
    super(shape, pages);
    this.#bits = new Uint8Array(this.sets * this.ways);
  }

  protected used(slot: number): void {
    const set = (slot / this.ways) | 0;
    const first = set * this.ways;
    for (let node = slot - first + this.ways; node > 1; node >>= 1) this.#bits[first + (node >> 1)] = (node & 1) ^ 1;
  }

  protected filled(slot: number): void {
    this.used(slot);
  }

  protected victim(set: number): number {
    const first = set * this.ways;
    let node = 1;
    while (node < this.ways) node = 2 * node + (this.#bits[first + node] as number);
    return first + node - this.ways;
  }
}

/**
 * Makes an array of entries.
 * @param pages the page number of each translation, in pages of its own size
 * @param seed of random replacement
 */
export function makeTlbArray(shape: TlbShape, pages: ArrayLike<number>, seed = 1): TlbArray {
  switch (shape.replacement) {
    case 'lru':
      return new LruArray(shape, pages);
    case 'fifo':
      return new FifoArray(shape, pages);
    case 'random':
      return new RandomArray(shape, pages, seed);
    case 'tree-plru':
      return new TreePlruArray(shape, pages);
  }
}
