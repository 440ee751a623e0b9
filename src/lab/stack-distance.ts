// LRU's whole miss-ratio curve in one pass. A reference hits in LRU with C frames exactly if fewer than C other pages were referenced
// since the last reference to its page: its stack distance. So a histogram of distances answers for every size at once.
//
//   time slots   | a | . | c | . | b | d | . | ...      one per reference; a bit = the last reference to some page so far
//                          ^last(c)       ^now           distance of c = bits after its slot = 2 (b, d)
//   groups       | count of bits in 256 slots | ... | Fenwick tree over the groups that are full
//
// Counting within a group is popcounts of a few words, and the tree over groups is small enough for the nearest cache. A page's old bit
// is taken out and its new one set at the end. When the slots run out they are renumbered without gaps, at most once in as many
// references as there are slots to spare.
//
// Cost: O(log(pages / 256)) for each reference. Memory: 4 bytes for each page, 8 for each distance that occurs at most; 2 to 4 bits per page
// for the slots. Sources: Mattson, Gecsei, Slutz, Traiger 1970 (the inclusion property); Bennett and Kruskal 1975 (counting by a tree over time);
// Fenwick 1994.
// The `as number` on array reads: slots are below their number, ids below the pages.

/** Slots in a group, 2^8: eight words. */
const GROUP_SHIFT = 8;
const GROUP_WORDS = 1 << (GROUP_SHIFT - 5);

/** How often LRU misses, as a function of the frames. */
export interface LruCurve {
  readonly references: number;
  /** Misses that no number of frames avoids: distinct pages. */
  readonly compulsory: number;
  /** hits[d]: references that hit from d frames on and not with fewer. hits[0] is 0. */
  readonly hits: Float64Array;
}

/** Stack distances of a dense trace, fed piece by piece. */
export class StackDistances {
  /** Slot of the last reference to each page plus one; 0 = none. */
  readonly #last: Int32Array;
  readonly #slots: number;
  readonly #words: Uint32Array;
  /** Fenwick tree over the groups before that of `#now`; entry 0 is unused. */
  readonly #tree: Int32Array;
  readonly #hits: Float64Array;
  #now = 0;
  #live = 0;
  #references = 0;
  /** Pages that had been referred to when counting began. */
  #liveBefore = 0;

  /** @param pages ids are integers in [0, pages). */
  constructor(pages: number) {
    const groups = Math.max(2, Math.ceil((2 * pages) / (1 << GROUP_SHIFT)) + 1);
    this.#slots = groups << GROUP_SHIFT;
    this.#last = new Int32Array(pages);
    this.#words = new Uint32Array(groups * GROUP_WORDS);
    this.#tree = new Int32Array(groups + 1);
    this.#hits = new Float64Array(pages + 1);
  }

  /** Refers to the pages `ids` in order. */
  feed(ids: Uint32Array): void {
    for (let from = 0; from < ids.length; ) {
      if (this.#now === this.#slots) this.#renumber();
      const to = Math.min(ids.length, from + this.#slots - this.#now);
      this.#feedStretch(ids, from, to);
      from = to;
    }
    this.#references += ids.length;
  }

  /** What was fed so far has filled memory and is counted in nothing. */
  restart(): void {
    this.#references = 0;
    this.#liveBefore = this.#live;
    this.#hits.fill(0);
  }

  /** Returns the curve up to here. */
  curve(): LruCurve {
    return { references: this.#references, compulsory: this.#live - this.#liveBefore, hits: this.#hits.slice(0, this.#live + 1) };
  }

  #feedStretch(ids: Uint32Array, from: number, to: number): void {
    const last = this.#last;
    const words = this.#words;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      const slot = (last[page] as number) - 1;
      if (slot < 0) this.#live++;
      else {
        const distance = this.#live - this.#liveUpTo(slot) + 1;
        this.#hits[distance] = (this.#hits[distance] as number) + 1;
        this.#clear(slot);
      }
      const now = this.#now++;
      words[now >>> 5] = (words[now >>> 5] as number) | (1 << (now & 31));
      last[page] = now + 1;
      if (((now + 1) & ((1 << GROUP_SHIFT) - 1)) === 0) this.#closeGroup(now >>> GROUP_SHIFT);
    }
  }

  /** Returns how many bits are set in slots up to `slot`, its own included. */
  #liveUpTo(slot: number): number {
    const words = this.#words;
    const word = slot >>> 5;
    const group = slot >>> GROUP_SHIFT;
    let count = populationOf((words[word] as number) & (-1 >>> (31 - (slot & 31))));
    for (let at = group * GROUP_WORDS; at < word; at++) count += populationOf(words[at] as number);
    for (let at = group; at > 0; at &= at - 1) count += this.#tree[at] as number;
    return count;
  }

  #clear(slot: number): void {
    this.#words[slot >>> 5] = (this.#words[slot >>> 5] as number) & ~(1 << (slot & 31));
    const group = slot >>> GROUP_SHIFT;
    if (group < this.#now >>> GROUP_SHIFT) this.#add(group, -1);
  }

  /** Enters a group whose slots are all given into the tree. */
  #closeGroup(group: number): void {
    let count = 0;
    for (let at = group * GROUP_WORDS; at < (group + 1) * GROUP_WORDS; at++) count += populationOf(this.#words[at] as number);
    this.#add(group, count);
  }

  #add(group: number, count: number): void {
    for (let at = group + 1; at < this.#tree.length; at += at & -at) this.#tree[at] = (this.#tree[at] as number) + count;
  }

  /** Pushes the last references together, in their order. At least half of the slots are free then. */
  #renumber(): void {
    const before = new Int32Array(this.#words.length);
    let live = 0;
    for (let word = 0; word < this.#words.length; word++) {
      before[word] = live;
      live += populationOf(this.#words[word] as number);
    }
    for (let page = 0; page < this.#last.length; page++) {
      const slot = (this.#last[page] as number) - 1;
      if (slot < 0) continue;
      const below = (this.#words[slot >>> 5] as number) & ((1 << (slot & 31)) - 1);
      this.#last[page] = (before[slot >>> 5] as number) + populationOf(below) + 1;
    }
    this.#words.fill(0);
    this.#words.fill(0xffff_ffff, 0, live >>> 5);
    if ((live & 31) !== 0) this.#words[live >>> 5] = -1 >>> (32 - (live & 31));
    this.#tree.fill(0);
    this.#now = live;
    for (let group = 0; group < live >>> GROUP_SHIFT; group++) this.#closeGroup(group);
  }
}

/** Returns LRU's misses with `frames` frames. */
export function lruMisses(curve: LruCurve, frames: number): number {
  let hits = 0;
  for (let d = 1; d <= frames && d < curve.hits.length; d++) hits += curve.hits[d] as number;
  return curve.references - hits;
}

/** Returns LRU's misses with 0, 1, 2, ... frames, up to the number of pages: from there on only the first reference to a page misses. */
export function lruMissesBySize(curve: LruCurve): Float64Array {
  let misses = curve.references;
  return curve.hits.map((hits) => {
    misses -= hits;
    return misses;
  });
}

/** Returns how many bits of a 32-bit word are set (Warren, Hacker's Delight, 5-1). */
function populationOf(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const nibbles = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
