// Quantum caches: ranges of 1 to 16 quanta from slabs, so that what is given most costs no search, no tag and no joining of neighbours.
//
//   slab     a segment of the arena, aligned to its size: a power of two, at least three of the largest cached ranges
//            | range | range | range | ... rest |       all of one size
//   record   a tag of its own:  word 0   [ size in quanta : 16 | ranges given : 16 ]     2, 3   bit k: range k is free
//                               4, 5     slabs of that size with a free range            6      the segment's tag, whose word 7 is this record
//
//   VA5  a slab's free bits and its given ranges are all its ranges; it is listed exactly if a range is free; at most one of each size is empty
//
// A slab is found from an address in it by rounding down, and one probe of the arena's hash table.
// Source: Bonwick and Adams 2001, section 4.4.4; their slabs are those of the kernel's object caches, ours have a bit for each range.

import { invariant } from '../../base/index.ts';
import { BACK_LINK, LINK, NEXT, PREVIOUS, SIZE, START, START_HIGH, startOf, type TagPool } from './tag-pool.ts';

/** What a cache gets its slabs from. */
interface SlabSource {
  /** Returns the tag of a segment of `size` that is aligned to it, or 0; a tag for its record is reserved. */
  readonly take: (size: number) => number;
  readonly give: (tag: number) => void;
}

/** A slab has at least so many of the largest ranges: what is left over at its end is small. */
const LARGEST_OF_A_SLAB = 3;
const BITS = SIZE;
const GIVEN_SHIFT = 16;
const QUANTA_MASK = 0xffff;
/** Words of free bits. */
const BIT_WORDS = 2;

/** The caches of one arena, one for each number of quanta. */
export class QuantumCache {
  readonly #tags: TagPool;
  readonly #words: Uint32Array;
  readonly #quantum: number;
  readonly #slabQuanta: number;
  readonly #source: SlabSource;
  /** By number of quanta: the first slab with a free range, and the empty slab; 0 = none. */
  readonly #open: Uint32Array;
  readonly #empty: Uint32Array;
  #freeQuanta = 0;

  constructor(tags: TagPool, quantum: number, cachedQuanta: number, source: SlabSource) {
    this.#tags = tags;
    this.#words = tags.words;
    this.#quantum = quantum;
    this.#source = source;
    this.#slabQuanta = 2 ** Math.ceil(Math.log2(LARGEST_OF_A_SLAB * cachedQuanta));
    this.#open = new Uint32Array(cachedQuanta + 1);
    this.#empty = new Uint32Array(cachedQuanta + 1);
  }

  /** What could be given without asking the arena, in its numbers. */
  get freeSize(): number {
    return this.#freeQuanta * this.#quantum;
  }

  /** Returns where the slab would begin that has `address`. */
  slabStart(address: number): number {
    const size = this.#slabQuanta * this.#quantum;
    return address - (address % size);
  }

  /** Gives a range of so many quanta. Returns its start, or -1 if the arena has no place for a slab. */
  allocate(quanta: number): number {
    let record = this.#open[quanta] as number;
    if (record === 0) {
      record = this.#openSlab(quanta);
      if (record === 0) return -1;
    }
    const words = this.#words;
    const at = record + (words[record + BITS] === 0 ? BITS + 1 : BITS);
    const bits = words[at] as number;
    const bit = 31 - Math.clz32(bits & -bits);
    words[at] = bits & (bits - 1);
    if (this.#empty[quanta] === record) this.#empty[quanta] = 0;
    words[record + START] = (words[record + START] as number) + (1 << GIVEN_SHIFT);
    if (words[record + BITS] === 0 && words[record + BITS + 1] === 0) this.#unlist(record, quanta);
    this.#freeQuanta -= quanta;
    const range = (at - record - BITS) * 32 + bit;
    return startOf(words, words[record + LINK] as number) + range * quanta * this.#quantum;
  }

  /** Takes a range back into the slab whose tag is `slab`. Returns false, with nothing changed, if exactly that was not given. */
  free(slab: number, start: number, quanta: number): boolean {
    const words = this.#words;
    const record = words[slab + BACK_LINK] as number;
    const header = words[record + START] as number;
    const range = (start - startOf(words, slab)) / (quanta * this.#quantum);
    if ((header & QUANTA_MASK) !== quanta || !Number.isInteger(range) || range >= this.#ranges(quanta)) return false;
    const at = record + BITS + (range >>> 5);
    const bit = 1 << (range & 31);
    if (((words[at] as number) & bit) !== 0) return false;
    if (words[record + BITS] === 0 && words[record + BITS + 1] === 0) this.#list(record, quanta);
    words[at] = (words[at] as number) | bit;
    words[record + START] = header - (1 << GIVEN_SHIFT);
    this.#freeQuanta += quanta;
    if (header >>> GIVEN_SHIFT === 1) this.#emptied(record, quanta);
    return true;
  }

  /** Gives all empty slabs back to the arena. Returns how many. */
  reap(): number {
    let reaped = 0;
    for (let quanta = 1; quanta < this.#empty.length; quanta++) {
      const record = this.#empty[quanta] as number;
      if (record === 0) continue;
      this.#empty[quanta] = 0;
      this.#close(record, quanta);
      reaped++;
    }
    return reaped;
  }

  /** Walks the listed slabs; panics (VA5) at the first that is wrong. */
  check(): void {
    let freeQuanta = 0;
    for (let quanta = 1; quanta < this.#open.length; quanta++) {
      let [previous, empty] = [0, 0];
      for (let record = this.#open[quanta] as number; record !== 0; record = this.#words[record + NEXT] as number) {
        const free = this.#freeRanges(record);
        const header = this.#words[record + START] as number;
        const given = header >>> GIVEN_SHIFT;
        const slab = this.#words[record + LINK] as number;
        const isRight =
          free > 0 &&
          free + given === this.#ranges(quanta) &&
          (header & QUANTA_MASK) === quanta &&
          this.#words[record + PREVIOUS] === previous &&
          this.#words[slab + BACK_LINK] === record;
        invariant(isRight, 'VA5', () => `a slab of ranges of ${quanta} quanta has ${free} free and ${given} given`);
        if (given === 0) empty = record;
        freeQuanta += free * quanta;
        previous = record;
      }
      invariant(this.#empty[quanta] === empty, 'VA5', () => `the empty slab of ranges of ${quanta} quanta is not the one that is kept`);
    }
    invariant(freeQuanta === this.#freeQuanta, 'VA5', () => `${freeQuanta} quanta are free in slabs, counted ${this.#freeQuanta}`);
  }

  #freeRanges(record: number): number {
    let free = 0;
    for (let word = record + BITS; word < record + BITS + BIT_WORDS; word++)
      for (let bits = this.#words[word] as number; bits !== 0; bits &= bits - 1) free++;
    return free;
  }

  /** Ranges of a slab. */
  #ranges(quanta: number): number {
    return Math.floor(this.#slabQuanta / quanta);
  }

  #openSlab(quanta: number): number {
    const slab = this.#source.take(this.#slabQuanta * this.#quantum);
    if (slab === 0) return 0;
    const words = this.#words;
    const record = this.#tags.take();
    const ranges = this.#ranges(quanta);
    words[record + START] = quanta;
    words[record + START_HIGH] = 0;
    words[record + BITS] = ranges >= 32 ? 0xffff_ffff : 2 ** ranges - 1;
    words[record + BITS + 1] = ranges > 32 ? 2 ** (ranges - 32) - 1 : 0;
    words[record + LINK] = slab;
    words[record + BACK_LINK] = 0;
    words[slab + BACK_LINK] = record;
    this.#list(record, quanta);
    this.#freeQuanta += ranges * quanta;
    return record;
  }

  /** One empty slab of a size stays, so that the next range of that size does not make one anew. */
  #emptied(record: number, quanta: number): void {
    if (this.#empty[quanta] === 0) this.#empty[quanta] = record;
    else this.#close(record, quanta);
  }

  #close(record: number, quanta: number): void {
    const slab = this.#words[record + LINK] as number;
    this.#unlist(record, quanta);
    this.#freeQuanta -= this.#ranges(quanta) * quanta;
    this.#tags.give(record);
    this.#source.give(slab);
  }

  #list(record: number, quanta: number): void {
    const words = this.#words;
    const head = this.#open[quanta] as number;
    words[record + NEXT] = head;
    words[record + PREVIOUS] = 0;
    if (head !== 0) words[head + PREVIOUS] = record;
    this.#open[quanta] = record;
  }

  #unlist(record: number, quanta: number): void {
    const words = this.#words;
    const [next, previous] = [words[record + NEXT] as number, words[record + PREVIOUS] as number];
    if (previous === 0) this.#open[quanta] = next;
    else words[previous + NEXT] = next;
    if (next !== 0) words[next + PREVIOUS] = previous;
  }
}
