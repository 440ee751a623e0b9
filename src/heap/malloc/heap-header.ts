// The first 64 bytes of every heap: what it is, so that it can be opened again from its bytes alone.
//
//   word  0  magic "QHP1"         4  end that it was last used to       8  lock (locked.ts)
//         1  design, by number    5  peak: highest end of use so far    9  waiters (locked.ts)
//         2  start                6  alignment                         10  key of encoded links (hardened.ts)
//         3  limit in bytes       7  features: bit 0 hardened          11 - 15  zero
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
  WAITERS: 9,
  KEY: 10,
} as const;

/** "QHP1" in little-endian bytes. */
export const HEAP_MAGIC = 0x3150_4851;
