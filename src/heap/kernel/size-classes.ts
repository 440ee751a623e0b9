// The sizes of kernel-heap blocks: the powers of two from a grain to a frame, and up to 256 bytes the steps half-way as well, where
// kernel structures are dense. All are multiples of 16, and so is then every block's address.

/** Block sizes in bytes, ascending. */
export const classSizes: readonly number[] = [16, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096];

/** Smallest distance between two blocks; all sizes are multiples of it. */
export const GRAIN = 16;

/** Largest block: one frame. */
export const MAX_BLOCK = 4096;

/** Returns a table from a size in grains, rounded up, to the smallest class that holds it. Entry 0 is unused. */
export function classByGrains(): Uint8Array {
  const table = new Uint8Array(MAX_BLOCK / GRAIN + 1);
  let smallest = 0;
  for (let grains = 1; grains < table.length; grains++) {
    if (grains * GRAIN > (classSizes[smallest] as number)) smallest++;
    table[grains] = smallest;
  }
  return table;
}
