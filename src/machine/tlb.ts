// The TLB of one address space: two complete tables of words, one word per page of the 32-bit space, that generated code reads
// without asking anybody. They are a cache of the page tables, filled by the trap and emptied here, and never trusted as the truth.
//
//   word[vpn]   0                                    not valid: the access traps
//               ((pfn - vpn) << 12) - 1 (mod 2^32)   valid: guest address ea is at physical address ea + word + 1
//
// All low 12 bits of a valid word are ones, so a valid word is never 0, even where pfn = vpn.
//
//   TLB1  writes(vpn) implies reads(vpn), and both words name the same frame
//   TLB2  a word that is not 0 lies in a chunk (1,024 words: one page of host memory) whose touched bit is set
//
// Untouched chunks are never stored to, so the host gives them no memory, and a flush of the whole space costs what was filled.
// Cost: fill and invalidate a few ns; a range costs its touched chunks, and 1 ns for each chunk it passes over.
// Elsewhere: how generated code uses the words (wasm/abi.ts), when they must go (pmap/).

import { invariant, type Pfn } from '../base/index.ts';

/** Words in one table: the pages of a 32-bit space. */
export const TLB_ENTRIES = 0x10_0000;

/**
 * Bytes between the starts of two tables in a program's memory: 4 MiB of words, and above them the void that misaligned accesses of
 * up to 8 bytes index, and those whose address passes 2^32 (9 * 2^22); the void is never written, so it costs addresses only.
 */
export const TLB_TABLE_SPAN = 0x240_0000;

/** log2 of the words in a chunk: 4 KiB of table, the unit in which a host gives memory. */
const CHUNK_SHIFT = 10;
const CHUNK_WORDS = 1 << CHUNK_SHIFT;

const READ_TOUCHED = 1;
const WRITE_TOUCHED = 2;

/** Returns the valid TLB word that takes page `vpn` to frame `pfn`, as a signed 32-bit number. */
export function tlbWord(pfn: Pfn, vpn: number): number {
  return (((pfn - vpn) << 12) - 1) | 0;
}

/** Returns the frame to which valid `word` takes page `vpn`: exact, since both are below 2^20. */
function frameOf(word: number, vpn: number): number {
  return (((word + 1) >>> 12) + vpn) & (TLB_ENTRIES - 1);
}

/** The read and write tables of one address space. Pages at or above `TLB_ENTRIES` are never cached. */
export class Tlb {
  readonly #read: Int32Array;
  readonly #write: Int32Array;
  readonly #entries: number;
  /** Per chunk: which of the two tables was stored to since the chunk was last cleared. */
  readonly #touched: Uint8Array;

  /**
   * Uses the tables at byte addresses `readTable` and `writeTable` (multiples of 4) of `buffer`.
   * Their words must be 0: fresh memory, or what the last owner's `flush` left.
   */
  constructor(buffer: ArrayBuffer, readTable: number, writeTable: number, entries: number = TLB_ENTRIES) {
    this.#read = new Int32Array(buffer, readTable, entries);
    this.#write = new Int32Array(buffer, writeTable, entries);
    this.#entries = entries;
    this.#touched = new Uint8Array(Math.ceil(entries / CHUNK_WORDS));
  }

  /** Makes a TLB that caches nothing, for a space without a live program: stores are ignored. */
  static none(): Tlb {
    return new Tlb(new ArrayBuffer(0), 0, 0, 0);
  }

  /** Tells the TLB which space it serves. Most need not know. */
  bind(_root: Pfn, _id: number): void {}

  /** Tells the TLB that one large entry maps the pages from `first` on, or no longer does. Its words are per page: they stay. */
  promoted(_first: number): void {}

  /** See `promoted`. */
  demoted(_first: number): void {}

  /** Lets loads of page `vpn` reach frame `pfn`. */
  fillRead(vpn: number, pfn: Pfn): void {
    if (vpn >= this.#entries) return;
    const chunk = vpn >>> CHUNK_SHIFT;
    this.#touched[chunk] = this.#touched[chunk]! | READ_TOUCHED;
    this.#read[vpn] = tlbWord(pfn, vpn);
  }

  /** Lets loads and stores of page `vpn` reach frame `pfn`. The page must be writable and its dirty bit set. */
  fillWrite(vpn: number, pfn: Pfn): void {
    if (vpn >= this.#entries) return;
    this.#touched[vpn >>> CHUNK_SHIFT] = READ_TOUCHED | WRITE_TOUCHED;
    const word = tlbWord(pfn, vpn);
    this.#read[vpn] = word;
    this.#write[vpn] = word;
  }

  /** Makes the next access to page `vpn` trap. */
  invalidate(vpn: number): void {
    if (!this.reads(vpn)) return;
    this.#read[vpn] = 0;
    this.invalidateWrite(vpn);
  }

  /** Makes the next store to page `vpn` trap; loads go on. */
  invalidateWrite(vpn: number): void {
    if (this.writes(vpn)) this.#write[vpn] = 0;
  }

  /** Makes the next access to each of `count` pages from `first` trap. */
  invalidateRange(first: number, count: number): void {
    if (first >= this.#entries) return;
    const end = Math.min(first + count, this.#entries);
    const lastChunk = (end - 1) >> CHUNK_SHIFT;
    for (let chunk = first >>> CHUNK_SHIFT; chunk <= lastChunk; chunk++) {
      if (this.#touched[chunk] !== 0) this.#clearInChunk(chunk, first, end);
    }
  }

  /** Makes the next store to each of `count` pages from `first` trap; loads go on. */
  invalidateWriteRange(first: number, count: number): void {
    if (first >= this.#entries) return;
    const end = Math.min(first + count, this.#entries);
    const lastChunk = (end - 1) >> CHUNK_SHIFT;
    for (let chunk = first >>> CHUNK_SHIFT; chunk <= lastChunk; chunk++) {
      if ((this.#touched[chunk]! & WRITE_TOUCHED) !== 0) this.#clearWritesInChunk(chunk, first, end);
    }
  }

  /** Empties both tables, so that they can serve another space. */
  flush(): void {
    this.invalidateRange(0, this.#entries);
  }

  /** Tells whether loads of page `vpn` hit. */
  reads(vpn: number): boolean {
    return vpn < this.#entries && this.#read[vpn] !== 0;
  }

  /** Tells whether stores to page `vpn` hit. */
  writes(vpn: number): boolean {
    return vpn < this.#entries && this.#write[vpn] !== 0;
  }

  /** Returns the frame that loads of page `vpn` reach, or -1. */
  readFrame(vpn: number): number {
    return this.reads(vpn) ? frameOf(this.#read[vpn]!, vpn) : -1;
  }

  /** Returns the frame that stores to page `vpn` reach, or -1. */
  writeFrame(vpn: number): number {
    return this.writes(vpn) ? frameOf(this.#write[vpn]!, vpn) : -1;
  }

  /** Walks everything; panics at the first broken invariant. */
  check(): void {
    for (let page = 0; page < this.#entries; page++) {
      const read = this.#read[page]!;
      const write = this.#write[page]!;
      if (read === 0 && write === 0) continue;
      invariant(write === 0 || write === read, 'TLB1', () => `page ${page}: read word ${read}, write word ${write}`);
      const needed = write === 0 ? READ_TOUCHED : READ_TOUCHED | WRITE_TOUCHED;
      const touched = this.#touched[page >>> CHUNK_SHIFT]!;
      invariant((touched & needed) === needed, 'TLB2', () => `page ${page} is cached in an untouched chunk`);
    }
  }

  /** Zeroes the words of pages [first, end) that lie in `chunk`, in the tables that were stored to there. */
  #clearInChunk(chunk: number, first: number, end: number): void {
    const chunkStart = chunk << CHUNK_SHIFT;
    const chunkEnd = Math.min(chunkStart + CHUNK_WORDS, this.#entries);
    const start = Math.max(first, chunkStart);
    const stop = Math.min(end, chunkEnd);
    const touched = this.#touched[chunk]!;
    if ((touched & READ_TOUCHED) !== 0) this.#read.fill(0, start, stop);
    if ((touched & WRITE_TOUCHED) !== 0) this.#write.fill(0, start, stop);
    if (start === chunkStart && stop === chunkEnd) this.#touched[chunk] = 0;
  }

  /** Zeroes the write words of pages [first, end) that lie in `chunk`. */
  #clearWritesInChunk(chunk: number, first: number, end: number): void {
    const chunkStart = chunk << CHUNK_SHIFT;
    const chunkEnd = Math.min(chunkStart + CHUNK_WORDS, this.#entries);
    const start = Math.max(first, chunkStart);
    const stop = Math.min(end, chunkEnd);
    this.#write.fill(0, start, stop);
    if (start === chunkStart && stop === chunkEnd) this.#touched[chunk] = READ_TOUCHED;
  }
}
