// The first 64 bytes of every heap: what it is, so that it can be opened again from its bytes alone.
//
//   word  0  magic "QHP1"         4  end of memory (locked.ts)         8  lock (locked.ts)
//         1  design, by number    5  peak: highest end of use so far    9  key of guards, canaries, links; 0 if plain
//         2  start                6  alignment                         10  state (hardened.ts)
//         3  limit in bytes       7  features                          11 - 15  zero
//
// Behind it lie the allocator's own words, at `own(start)`.

/** Where the header's words are, counted from the heap's start. */
export const HeapHeader = {
  BYTES: 64,
  MAGIC: 0,
  DESIGN: 1,
  START: 2,
  LIMIT: 3,
  END: 4,
  PEAK: 5,
  ALIGNMENT: 6,
  FEATURES: 7,
  LOCK: 8,
  KEY: 9,
  HARDENED: 10,
} as const;

/** Bits of the features word. */
export const HeapFeature = { hardened: 1, locked: 2 } as const;

/** "QHP1" in little-endian bytes. */
export const HEAP_MAGIC = 0x3150_4851;
