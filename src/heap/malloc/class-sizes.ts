// The block sizes of the designs with classes: multiples of 8 up to 128 bytes, then eight for each power of two up to 8 KiB.
//
//   8 16 24 32 ... 120 128 | 144 160 176 ... 256 | 288 320 ... 512 | 576 ... 1024 | ... | 7168 7680 8192
//
// A block is less than an eighth larger than what was asked for, or less than 8 bytes. Source: the classes of mimalloc and jemalloc.

/** The largest block that is in a class; larger ones are runs of pages. */
export const MAX_CLASS_BYTES = 8192;

/** Bytes of a block by class. */
export const classBytes: Int32Array = Int32Array.from(sizes());

/** Class by size in units of 8 bytes, rounded up: of the sizes that the class serves, the largest is its own. */
export const classByEighth: Uint8Array = classesOf(8);

/** The same with classes of multiples of 16 bytes only: their blocks are aligned to 16. */
export const alignedClassByEighth: Uint8Array = classesOf(16);

function classesOf(alignment: number): Uint8Array {
  return Uint8Array.from({ length: MAX_CLASS_BYTES / 8 + 1 }, (_, eighths) =>
    classBytes.findIndex((bytes) => bytes >= eighths * 8 && bytes % alignment === 0),
  );
}

function sizes(): number[] {
  const all = Array.from({ length: 16 }, (_, i) => (i + 1) * 8);
  for (let power = 128; power < MAX_CLASS_BYTES; power *= 2) {
    for (let step = 1; step <= 8; step++) all.push(power + (power / 8) * step);
  }
  return all;
}
