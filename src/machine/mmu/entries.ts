// Page table entries as bytes in RAM: a format's bit layout, worked out once into masks over the two 32-bit words of an entry.
//
//   entry word ^ inverted = a word in which every flag's bit is one when the flag is set
//
// After that XOR a set of flags is a mask, whichever way round the processor keeps it (no-execute is inverted). A four-byte entry
// has no high word. An entry is named by its physical byte address throughout.
//
// What is not present is the kernel's: all bits on the wider side of the present bit hold a value of its own (a swap slot, a state), and
// 0 there is no value at all.
// Cost: 2 to 5 ns each. Elsewhere: which bits there are (format.ts).

import { type Pfn, powerOfTwo } from '../../base/index.ts';
import {
  type PageTableFormat,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_EXECUTE,
  PTE_FLAG_SETS,
  PTE_PRESENT,
  PTE_USER,
  PTE_WIRED,
  PTE_WRITE,
  tableFlags,
} from './format.ts';

/** Flags that are rights: where a format has no bit for one, it is always granted. */
const RIGHTS = PTE_WRITE | PTE_USER | PTE_EXECUTE;

/** Returns the bit position of every flag, by the flag's own position in a set of flags. */
function bitsByFlag(format: PageTableFormat): number[] {
  const { bits } = format;
  const positions: number[] = [];
  const place = (flag: number, bit: number): void => {
    positions[Math.log2(flag)] = bit;
  };
  place(PTE_PRESENT, bits.present);
  place(PTE_WRITE, bits.write);
  place(PTE_USER, bits.user);
  place(PTE_ACCESSED, bits.accessed);
  place(PTE_DIRTY, bits.dirty);
  place(PTE_EXECUTE, bits.execute);
  place(PTE_WIRED, bits.wired);
  return positions;
}

/** Returns, for every byte of an entry and every value of it, the flags that it shows as set. */
function flagsOfBytes(bits: readonly number[], format: PageTableFormat): Uint8Array {
  const table = new Uint8Array(format.entryBytes * 256);
  for (let at = 0; at < table.length; at++) {
    bits.forEach((bit, flag) => {
      if (bit === -1 || bit >>> 3 !== at >>> 8) return;
      const shown = ((at >>> (bit & 7)) & 1) === 1;
      if (shown !== ((format.inverted & (1 << flag)) !== 0)) table[at] = table[at]! | (1 << flag);
    });
  }
  return table;
}

/** Largest width of a value in an entry that is not present: every number of so many bits is exact. */
const MAX_ABSENT_BITS = 52;

/** Returns the masks of some bit positions: low word and high word. */
function masksOf(positions: readonly number[]): readonly [low: number, high: number] {
  let [low, high] = [0, 0];
  for (const bit of positions) {
    if (bit < 32) low |= 1 << bit;
    else high |= 1 << (bit & 31);
  }
  return [low, high];
}

/** Reads and writes the entries of one format. */
export class Entries {
  /** Masks by set of flags, after the XOR: low word and high word. */
  readonly low = new Int32Array(PTE_FLAG_SETS);
  readonly high = new Int32Array(PTE_FLAG_SETS);
  readonly invertedLow: number;
  readonly invertedHigh: number;
  readonly frameShift: number;
  /** Mask of a frame number. Frames of RAM are below 2^31, so 31 bits are enough of any field. */
  readonly frameMask: number;
  /** An entry names a table if its low word has exactly `tableLow` under this mask, and its high word `tableHigh`. */
  readonly tableMaskLow: number;
  readonly tableLow: number;
  /** Width of a value in an entry that is not present. */
  readonly absentBits: number;
  readonly #tableMaskHigh: number;
  readonly #tableHigh: number;
  readonly #leafLow: number;
  readonly #leafHigh: number;
  readonly #largeOnes: readonly [low: number, high: number];
  readonly #tableOnes: readonly [low: number, high: number];
  readonly #absentShift: number;
  readonly #format: PageTableFormat;
  readonly #words: Uint32Array;
  readonly #wide: boolean;
  /** The flags that each byte of an entry stands for: flags of byte b with value v at 256 * b + v. */
  readonly #flagsOfByte: Uint8Array;
  /** Rights that the format cannot deny. */
  readonly #always: number;

  /** @param words RAM as 32-bit words. */
  constructor(words: Uint32Array, format: PageTableFormat) {
    const bits = bitsByFlag(format);
    for (let flags = 0; flags < PTE_FLAG_SETS; flags++) {
      bits.forEach((bit, flag) => {
        if (bit === -1 || (flags & (1 << flag)) === 0) return;
        const masks = bit < 32 ? this.low : this.high;
        masks[flags] = masks[flags]! | (1 << (bit & 31));
      });
    }
    this.invertedLow = this.low[format.inverted]!;
    this.invertedHigh = this.high[format.inverted]!;
    this.frameShift = format.frameShift;
    this.frameMask = format.frameBits < 31 ? powerOfTwo(format.frameBits) - 1 : 0x7fff_ffff;
    this.#format = format;
    this.#words = words;
    this.#wide = format.entryBytes === 8;
    [this.#leafLow, this.#leafHigh] = masksOf(format.leafOnes);
    this.#largeOnes = masksOf(format.largeOnes);
    this.#tableOnes = masksOf(format.tableOnes);
    const { present } = format.bits;
    [this.tableLow, this.#tableHigh] = masksOf([present, ...format.tableOnes]);
    [this.tableMaskLow, this.#tableMaskHigh] = masksOf([present, ...format.tableOnes, ...format.tableZeros]);
    const above = format.entryBytes * 8 - 1 - present;
    this.#absentShift = above >= present ? present + 1 : 0;
    this.absentBits = Math.min(Math.max(above, present), MAX_ABSENT_BITS);
    this.#always = bits.reduce((flags, bit, flag) => (bit === -1 ? flags | (1 << flag) : flags), 0) & RIGHTS;
    this.#flagsOfByte = flagsOfBytes(bits, format);
  }

  /** Returns the frame number in the entry. */
  frame(entry: number): Pfn {
    const at = entry >>> 2;
    const fromHigh = this.#wide ? this.#words[at + 1]! << (32 - this.frameShift) : 0;
    return (((this.#words[at]! >>> this.frameShift) | fromHigh) & this.frameMask) as Pfn;
  }

  /** Returns the flags of the entry; rights that the format cannot deny count as set. */
  flags(entry: number): number {
    const at = entry >>> 2;
    const flagsOf = this.#flagsOfByte;
    const low = this.#words[at]! | 0;
    const flags =
      this.#always |
      flagsOf[low & 255]! |
      flagsOf[256 + ((low >>> 8) & 255)]! |
      flagsOf[512 + ((low >>> 16) & 255)]! |
      flagsOf[768 + (low >>> 24)]!;
    if (!this.#wide) return flags;
    const high = this.#words[at + 1]! | 0;
    return (
      flags |
      flagsOf[1024 + (high & 255)]! |
      flagsOf[1280 + ((high >>> 8) & 255)]! |
      flagsOf[1536 + ((high >>> 16) & 255)]! |
      flagsOf[1792 + (high >>> 24)]!
    );
  }

  /** Tells whether the entry has all of `flags`, as far as the format has bits for them. */
  has(entry: number, flags: number): boolean {
    const at = entry >>> 2;
    const low = this.low[flags]!;
    if (((this.#words[at]! ^ this.invertedLow) & low) !== low) return false;
    if (!this.#wide) return true;
    const high = this.high[flags]!;
    return ((this.#words[at + 1]! ^ this.invertedHigh) & high) === high;
  }

  /** Tells whether the entry, one above the leaf, names a table: present, and not a large page. */
  isTable(entry: number): boolean {
    const at = entry >>> 2;
    if ((this.#words[at]! & this.tableMaskLow) !== this.tableLow) return false;
    return !this.#wide || (this.#words[at + 1]! & this.#tableMaskHigh) === this.#tableHigh;
  }

  /** Tells which of `count` entries in a row, at most 31, have all of `flags`: bit k stands for the k-th. */
  which(entry: number, count: number, flags: number): number {
    const words = this.#words;
    const { invertedLow, invertedHigh } = this;
    const low = this.low[flags]!;
    const high = this.#wide ? this.high[flags]! : 0;
    const step = this.#wide ? 2 : 1;
    let found = 0;
    for (let k = 0, at = entry >>> 2; k < count; k++, at += step) {
      const has = ((words[at]! ^ invertedLow) & low) === low && (high === 0 || ((words[at + 1]! ^ invertedHigh) & high) === high);
      if (has) found |= 1 << k;
    }
    return found;
  }

  /** Sets `flags`; the others stay. */
  add(entry: number, flags: number): void {
    const at = entry >>> 2;
    this.#words[at] = ((this.#words[at]! ^ this.invertedLow) | this.low[flags]!) ^ this.invertedLow;
    if (this.#wide) this.#words[at + 1] = ((this.#words[at + 1]! ^ this.invertedHigh) | this.high[flags]!) ^ this.invertedHigh;
  }

  /** Clears `flags`; the others stay. */
  remove(entry: number, flags: number): void {
    const at = entry >>> 2;
    this.#words[at] = ((this.#words[at]! ^ this.invertedLow) & ~this.low[flags]!) ^ this.invertedLow;
    if (this.#wide) this.#words[at + 1] = ((this.#words[at + 1]! ^ this.invertedHigh) & ~this.high[flags]!) ^ this.invertedHigh;
  }

  /**
   * Takes the right to write and the dirty mark from `count` entries that lie side by side, where both present and write are set. Puts
   * the frames of those that were dirty into `dirty`, which has room for `count`, and returns how many they are.
   */
  writeProtect(entry: number, count: number, dirty: Int32Array): number {
    return this.#wide ? this.#writeProtectWide(entry, count, dirty) : this.#writeProtectNarrow(entry, count, dirty);
  }

  #writeProtectWide(entry: number, count: number, dirty: Int32Array): number {
    let found = 0;
    for (let at = entry; at < entry + count * 8; at += 8) {
      if (!this.has(at, PTE_PRESENT | PTE_WRITE)) continue;
      if (this.has(at, PTE_DIRTY)) dirty[found++] = this.frame(at);
      this.remove(at, PTE_WRITE | PTE_DIRTY);
    }
    return found;
  }

  /** The same on entries of one word, with the masks at hand: fork runs this over every page of a space. */
  #writeProtectNarrow(entry: number, count: number, dirty: Int32Array): number {
    const words = this.#words;
    const { low, invertedLow, frameShift, frameMask } = this;
    const writable = low[PTE_PRESENT | PTE_WRITE]!;
    const modified = low[PTE_DIRTY]!;
    const kept = ~low[PTE_WRITE | PTE_DIRTY]!;
    let found = 0;
    for (let at = entry >>> 2; at < (entry >>> 2) + count; at++) {
      const word = words[at]! ^ invertedLow;
      if ((word & writable) !== writable) continue;
      if ((word & modified) === modified) dirty[found++] = (words[at]! >>> frameShift) & frameMask;
      words[at] = (word & kept) ^ invertedLow;
    }
    return found;
  }

  /** Writes the whole entry. */
  write(entry: number, frame: Pfn, flags: number): void {
    const at = entry >>> 2;
    if (this.#wide) this.#words[at + 1] = (frame >>> (32 - this.frameShift)) | (this.high[flags]! ^ this.invertedHigh) | this.#leafHigh;
    this.#words[at] = (frame << this.frameShift) | (this.low[flags]! ^ this.invertedLow) | this.#leafLow;
  }

  /** Writes an entry above the leaf that maps a large page from `frame` on. */
  writeLarge(entry: number, frame: Pfn, flags: number): void {
    this.#write(entry, frame, flags, this.invertedLow, this.invertedHigh, this.#largeOnes);
  }

  /** Writes an entry of `level` that names `table`: it has all flags of its level but the mark. */
  link(entry: number, table: Pfn, level: number): void {
    const flags = tableFlags(this.#format, level);
    const inverted = flags & this.#format.inverted;
    this.#write(entry, table, (flags | PTE_PRESENT) & ~PTE_ACCESSED, this.low[inverted]!, this.high[inverted]!, this.#tableOnes);
  }

  #write(entry: number, frame: Pfn, flags: number, invertedLow: number, invertedHigh: number, ones: readonly [number, number]): void {
    const at = entry >>> 2;
    if (this.#wide) this.#words[at + 1] = (frame >>> (32 - this.frameShift)) | (this.high[flags]! ^ invertedHigh) | ones[1];
    this.#words[at] = (frame << this.frameShift) | (this.low[flags]! ^ invertedLow) | ones[0];
  }

  /** Makes the entry one that is not present and holds `value`, which is below 2^absentBits. 0 is no value. */
  writeAbsent(entry: number, value: number): void {
    const at = entry >>> 2;
    const inLow = 2 ** (32 - this.#absentShift);
    if (this.#wide) this.#words[at + 1] = Math.floor(value / inLow);
    this.#words[at] = (value % inLow) << this.#absentShift;
  }

  /** Returns the value of an entry that is not present; 0 if it has none, or is present. */
  absentValue(entry: number): number {
    if (this.has(entry, PTE_PRESENT)) return 0;
    const at = entry >>> 2;
    const low = this.#words[at]! >>> this.#absentShift;
    return this.#wide ? low + this.#words[at + 1]! * 2 ** (32 - this.#absentShift) : low;
  }

  /** Makes the entry all zeros. */
  erase(entry: number): void {
    const at = entry >>> 2;
    this.#words[at] = 0;
    if (this.#wide) this.#words[at + 1] = 0;
  }
}
