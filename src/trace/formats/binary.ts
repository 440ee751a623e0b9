// Numbers of binary traces.

const HIGH = 0x1_0000_0000;
/** Addresses are kept below 2^53: the upper 11 bits of canonical 64-bit addresses say nothing. */
const HIGH_MASK = 0x1f_ffff;

/** Returns the little-endian 64-bit number at `at`, without its upper 11 bits. */
export function unsigned64(view: DataView, at: number): number {
  return (view.getUint32(at + 4, true) & HIGH_MASK) * HIGH + view.getUint32(at, true);
}
