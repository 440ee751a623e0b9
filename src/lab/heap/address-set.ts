// A set of addresses below 2^32 that finds neighbours: which is the next one at or above this one, and the last at or below it?
//
//   top     which 64 KiB chunks hold one   a small set of the numbers 0 to 65,535
//   chunk   which of its bytes             a small set each, made when it is needed
//
//   small set: bitmaps, each a summary of the one below   65,536 bits | 2,048 | 64
//
// Adding, removing and finding take a few steps whatever the set holds; 8.5 KiB for each chunk ever used.
// Source of the idea: van Emde Boas, "Preserving order in a forest in less than logarithmic time" (1975).

const CHUNK_SIZE = 1 << 16;
const CHUNK_MASK = CHUNK_SIZE - 1;

/** A set of numbers from 0 to 65,535. */
class SmallSet {
  readonly #bits = new Int32Array(CHUNK_SIZE >>> 5);
  readonly #words = new Int32Array(CHUNK_SIZE >>> 10);
  readonly #groups = new Int32Array(CHUNK_SIZE >>> 15);

  get isEmpty(): boolean {
    return this.#groups[0] === 0 && this.#groups[1] === 0;
  }

  add(value: number): void {
    setBit(this.#bits, value);
    setBit(this.#words, value >>> 5);
    setBit(this.#groups, value >>> 10);
  }

  remove(value: number): void {
    if (clearBit(this.#bits, value) !== 0) return;
    if (clearBit(this.#words, value >>> 5) !== 0) return;
    clearBit(this.#groups, value >>> 10);
  }

  /** Returns the least member from `value` on, or -1. */
  atOrAbove(value: number): number {
    const found = nextInWord(this.#bits, value);
    if (found >= 0) return found;
    let word = nextInWord(this.#words, (value >>> 5) + 1);
    if (word < 0) {
      const group = next(this.#groups, (value >>> 10) + 1);
      if (group < 0) return -1;
      word = nextInWord(this.#words, group << 5);
    }
    return nextInWord(this.#bits, word << 5);
  }

  /** Returns the greatest member up to `value`, or -1. */
  atOrBelow(value: number): number {
    const found = lastInWord(this.#bits, value);
    if (found >= 0) return found;
    let word = lastInWord(this.#words, (value >>> 5) - 1);
    if (word < 0) {
      const group = last(this.#groups, (value >>> 10) - 1);
      if (group < 0) return -1;
      word = lastInWord(this.#words, (group << 5) | 31);
    }
    return lastInWord(this.#bits, (word << 5) | 31);
  }
}

function setBit(bits: Int32Array, index: number): void {
  bits[index >>> 5] = (bits[index >>> 5] as number) | (1 << (index & 31));
}

/** Returns what is left of the word. */
function clearBit(bits: Int32Array, index: number): number {
  const left = (bits[index >>> 5] as number) & ~(1 << (index & 31));
  bits[index >>> 5] = left;
  return left;
}

/** Returns the least set bit from `index` on in the word that `index` is in, or -1. */
function nextInWord(bits: Int32Array, index: number): number {
  const word = (bits[index >>> 5] ?? 0) & (-1 << (index & 31));
  return word === 0 ? -1 : (index & ~31) + 31 - Math.clz32(word & -word);
}

/** Returns the greatest set bit up to `index` in the word that `index` is in, or -1. */
function lastInWord(bits: Int32Array, index: number): number {
  if (index < 0) return -1;
  const word = (bits[index >>> 5] as number) & (-1 >>> (31 - (index & 31)));
  return word === 0 ? -1 : (index & ~31) + 31 - Math.clz32(word);
}

function next(bits: Int32Array, index: number): number {
  for (let at = index; at < bits.length << 5; at = (at | 31) + 1) {
    const found = nextInWord(bits, at);
    if (found >= 0) return found;
  }
  return -1;
}

function last(bits: Int32Array, index: number): number {
  for (let at = index; at >= 0; at = (at & ~31) - 1) {
    const found = lastInWord(bits, at);
    if (found >= 0) return found;
  }
  return -1;
}

/** A set of integers from 0 to 2^32 - 1. */
export class AddressSet {
  readonly #top = new SmallSet();
  readonly #chunks: (SmallSet | undefined)[] = [];

  /** Adds an address. */
  add(address: number): void {
    const at = chunkOf(address);
    let chunk = this.#chunks[at];
    if (chunk === undefined) {
      chunk = new SmallSet();
      this.#chunks[at] = chunk;
    }
    chunk.add(address & CHUNK_MASK);
    this.#top.add(at);
  }

  /** Removes an address that is there. */
  remove(address: number): void {
    const at = chunkOf(address);
    const chunk = this.#chunks[at] as SmallSet;
    chunk.remove(address & CHUNK_MASK);
    if (chunk.isEmpty) this.#top.remove(at);
  }

  /** Returns the least address from `address` on, or -1. */
  atOrAbove(address: number): number {
    const at = chunkOf(address);
    const near = this.#chunks[at]?.atOrAbove(address & CHUNK_MASK) ?? -1;
    if (near >= 0) return at * CHUNK_SIZE + near;
    const found = at === CHUNK_MASK ? -1 : this.#top.atOrAbove(at + 1);
    return found < 0 ? -1 : found * CHUNK_SIZE + (this.#chunks[found] as SmallSet).atOrAbove(0);
  }

  /** Returns the greatest address up to `address`, or -1. */
  atOrBelow(address: number): number {
    const at = chunkOf(address);
    const near = this.#chunks[at]?.atOrBelow(address & CHUNK_MASK) ?? -1;
    if (near >= 0) return at * CHUNK_SIZE + near;
    const found = at === 0 ? -1 : this.#top.atOrBelow(at - 1);
    return found < 0 ? -1 : found * CHUNK_SIZE + (this.#chunks[found] as SmallSet).atOrBelow(CHUNK_MASK);
  }
}

function chunkOf(address: number): number {
  return Math.floor(address / CHUNK_SIZE);
}
