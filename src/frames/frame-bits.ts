// Words of 32 frames each, one bit per frame: what every bitmap of frames does with them.
//
//   word i    bit 0 = frame 32 i, the lowest ... bit 31 = frame 32 i + 31       1 = free

/** log2 of the bits in a word, and the mask of a bit's place in one. */
export const WORD_SHIFT = 5;
/** See `WORD_SHIFT`. */
export const WORD_MASK = 31;

/** Returns the position of the lowest bit that is 1; `word` is not 0. */
export function lowestBit(word: number): number {
  return WORD_MASK - Math.clz32(word & -word);
}

/** Returns how many bits are 1. */
export function bitCount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

/** Returns a word whose bits [from, to) are 1; 0 <= from < to <= 32. */
export function bitsBetween(from: number, to: number): number {
  return (-1 << from) & (-1 >>> (32 - to));
}

/** Tells whether bit `index` of `words` is 1. */
export function hasBit(words: Int32Array, index: number): boolean {
  return ((words[index >>> WORD_SHIFT]! >>> (index & WORD_MASK)) & 1) === 1;
}

/** Returns the lowest bit at or above `from` that is 1, or `end` if there is none below it. One look per word. */
export function nextSet(words: Int32Array, from: number, end: number): number {
  for (let index = from; index < end; index = (index | WORD_MASK) + 1) {
    const later = words[index >>> WORD_SHIFT]! & (-1 << (index & WORD_MASK));
    if (later !== 0) return Math.min((index & ~WORD_MASK) + lowestBit(later), end);
  }
  return end;
}

/** Returns the lowest bit in [from, to) that is 0, or -1. One look per word: 32 aligned frames are one comparison. */
export function nextClear(words: Int32Array, from: number, to: number): number {
  for (let index = from; index < to; index = (index | WORD_MASK) + 1) {
    const end = Math.min((index | WORD_MASK) + 1, to);
    const clear = bitsBetween(index & WORD_MASK, ((end - 1) & WORD_MASK) + 1) & ~words[index >>> WORD_SHIFT]!;
    if (clear !== 0) return (index & ~WORD_MASK) + lowestBit(clear);
  }
  return -1;
}
