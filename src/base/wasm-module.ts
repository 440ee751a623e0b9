// Bytes of small WebAssembly modules that the kernel makes for itself: counts, sections, names. What reads modules and rewrites them is wasm/.

/** What every module begins with: magic number and version 1. */
export const MODULE_START: readonly number[] = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** Returns a section: its number, its length, its contents. */
export function moduleSection(id: number, contents: readonly number[]): number[] {
  return [id, ...unsignedLeb(contents.length), ...contents];
}

/** Returns a name of one ASCII letter. */
export function letterName(letter: string): number[] {
  return [1, letter.charCodeAt(0)];
}

/** Returns a count below 2^31 in LEB128. */
export function unsignedLeb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsignedLeb(value >>> 7)];
}
