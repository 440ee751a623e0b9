// Dense ids: raw page numbers become 0, 1, 2, ... in the order in which they first appear. Done once for each trace, it lets every
// policy keep its pages in arrays.
//
//   slots  [ low 32 bits, id+1 | -, 0 | low 32 bits, id+1 | ... ]      open addressing, a power of two, at most 3/4 full; linear probing
//   raw    [ raw number of id 0 | of id 1 | ... ]
//
// Raw numbers are integers below 2^53: both their halves go into the hash. The low half in the slot tells at once that another page has
// it, so that `raw` is read only for the page itself, and not even then while all numbers are below 2^32.
// The table doubles when it is full by 3/4; `raw` grows by a quarter. Cost: O(1) amortized for each reference; 19 to 32 bytes for each
// distinct page (half as much again while a table is being doubled), whatever the length.
// The `as number` on array reads: slots are masked, ids are below the count.

/** Slots at the start, and ids. */
const FIRST_SLOTS = 1024;
const FIRST_IDS = 768;
/** Share of the slots that may be taken: a hit then takes 2.5 looks on average, and after doubling there are 21 bytes for a page. */
const MOST_TAKEN = 3 / 4;
const RAW_GROWTH = 5 / 4;
const TWO_32 = 2 ** 32;

/** A growing map from raw page numbers to dense ids. */
export class Densifier {
  #slots = new Int32Array(2 * FIRST_SLOTS);
  #raw = new Float64Array(FIRST_IDS);
  #count = 0;
  /** Whether numbers of 2^32 and more have come. */
  #isWide = false;

  /** Distinct pages so far: ids are below it. */
  get pages(): number {
    return this.#count;
  }

  /** Returns the raw page number of a dense id, or -1 if there is no such id. */
  rawOf(id: number): number {
    return id < this.#count ? (this.#raw[id] as number) : -1;
  }

  /** Writes the dense id of each of the first `count` raw numbers to `ids`. Raw numbers are integers in [0, 2^53). */
  densify(raw: Float64Array | Uint32Array, ids: Uint32Array, count = raw.length): void {
    for (let at = 0; at < count; ) {
      // Slots stay free during a stretch that cannot fill them, so that the loop need not look at the count.
      const mostIds = (this.#slots.length / 2) * MOST_TAKEN;
      const room = Math.min(mostIds, this.#raw.length) - this.#count;
      const to = Math.min(count, at + room);
      this.#densifyStretch(raw, ids, at, to);
      at = to;
      if (this.#count === mostIds) this.#growSlots();
      if (this.#count === this.#raw.length) this.#growRaw();
    }
  }

  #densifyStretch(raw: Float64Array | Uint32Array, ids: Uint32Array, from: number, to: number): void {
    const slots = this.#slots;
    const known = this.#raw;
    const mask = slots.length - 2;
    let count = this.#count;
    for (let at = from; at < to; at++) {
      const page = raw[at] as number;
      const low = page | 0;
      const isWide = page >= TWO_32;
      if (isWide) this.#isWide = true;
      let slot = (2 * hashOf(page)) & mask;
      let id = (slots[slot + 1] as number) - 1;
      while (id >= 0 && (slots[slot] !== low || (this.#isWide && known[id] !== page))) {
        slot = (slot + 2) & mask;
        id = (slots[slot + 1] as number) - 1;
      }
      if (id < 0) {
        id = count++;
        known[id] = page;
        slots[slot] = low;
        slots[slot + 1] = id + 1;
      }
      ids[at] = id;
    }
    this.#count = count;
  }

  #growRaw(): void {
    const raw = new Float64Array(Math.ceil(RAW_GROWTH * this.#raw.length));
    raw.set(this.#raw);
    this.#raw = raw;
  }

  #growSlots(): void {
    const raw = this.#raw;
    this.#slots = new Int32Array(2 * this.#slots.length);
    const mask = this.#slots.length - 2;
    for (let id = 0; id < this.#count; id++) {
      const page = raw[id] as number;
      let slot = (2 * hashOf(page)) & mask;
      while (this.#slots[slot + 1] !== 0) slot = (slot + 2) & mask;
      this.#slots[slot] = page | 0;
      this.#slots[slot + 1] = id + 1;
    }
  }
}

/** Multiplicative hashing (Knuth vol. 3, 6.4) of both halves, the high bits brought down. */
function hashOf(page: number): number {
  const mixed = Math.imul(page | 0, 0x9e3779b1) ^ Math.imul((page / TWO_32) | 0, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
