// The frame table: one record of 32 bytes for every frame of RAM, itself in RAM. It says what a frame is for, whose it is, and who
// maps it first; it decides nothing.
//
//   word   bits 31..24     23..16        15..8      7..0
//     0    loan count    | wire count  | flags    | kind
//     1    owner                                             what owns it, by kind: anon id, object id, space id, ...
//     2    index                                             which page of the owner; of a page table: entries that are present
//     3    next                                              links of the list the frame is on
//     4    previous                                          (an object's page is on no list: the anon that borrows it, 0 = none)
//     5    . . . . . .   | map vpn 35..32 (bits 19..16) | map space (bits 15..0, 0 = not mapped)
//     6    map vpn 31..0                                     first mapping: the page number in that space
//     7    map more                                          kernel-heap address of further mappings, 0 = none
//
// Page numbers of 36 bits reach every 48-bit address. The test "decodes raw words" reads records without this class.
//
//   FT1  a record is clear (all zeros but its kind) while its frame is free
//   FT2  map space 0 means map vpn and map more are 0 too
//   FT3  wire and loan counts stay within 0..255: what would leave that range panics
//
// Cost: one load or store each, 0.8 % of RAM. Elsewhere: which frames are free (the allocators), counts by kind (physical-memory.ts).

import { invariant, KernelPanic, type Pfn } from '../base/index.ts';

/** What a frame is for. */
export const FrameKind = {
  /** Not RAM to use: firmware's, broken, device registers, frame 0. */
  reserved: 0,
  free: 1,
  /** Holds something for ever; may be mapped, never freed. */
  permanent: 2,
  pageTable: 3,
  kernelHeap: 4,
  /** The frame table and the allocator's metadata. */
  frameTable: 5,
  anon: 6,
  object: 7,
  /** Belongs to its borrowers alone: a lent page that its owner gave up, or one that the kernel filled to hand it on. */
  lent: 8,
  /** Free, and all zeros: the next zero-fill need not wait for them. */
  zeroed: 9,
  /** Cut into chunks that devices reach (dma-pool.ts). */
  dma: 10,
  /** Boundary tags of arenas, and their hash tables (heap/vmem/). */
  vmem: 11,
  /** Free, but promised to a page of a reservation: the last to be given to anybody else (reservations.ts). */
  promised: 12,
  /** Free, in the area that is given out last (physical-memory.ts). */
  spared: 13,
} as const;

export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** I/O is under way: nobody else touches the frame. */
export const FRAME_BUSY = 1;
/** Somebody waits for the frame to be no longer busy. */
export const FRAME_WANTED = 2;
/** The content is what the backing store has. */
export const FRAME_CLEAN = 4;
/** The content is made up: not yet read from the backing store. */
export const FRAME_FAKE = 8;
/** Never to be mapped writable. */
export const FRAME_READ_ONLY = 16;
/** Referenced through a mapping that is gone. */
export const FRAME_REFERENCED = 32;
/** Written through a mapping that is gone, or by the kernel. */
export const FRAME_MODIFIED = 64;
/** Read from swap before anybody asked for it, and not known to have been used since. */
export const FRAME_READ_AHEAD = 128;

/** Bytes of a record. */
export const FRAME_RECORD_BYTES = 32;

/** log2 of the words in a record. */
const RECORD_SHIFT = 3;
const RECORD_WORDS = 1 << RECORD_SHIFT;

/** Words of a record after the first, which is the state. */
const OWNER = 1;
const INDEX = 2;
const NEXT = 3;
const PREVIOUS = 4;
const MAP_SPACE = 5;
const MAP_VPN = 6;
const MAP_MORE = 7;

/** Fields of the state word. */
const KIND_MASK = 0xff;
const FLAGS_SHIFT = 8;
const WIRE_SHIFT = 16;
const LOAN_SHIFT = 24;
const FIELD_MASK = 0xff;

/** Fields of the map words. */
const SPACE_MASK = 0xffff;
const VPN_HIGH_SHIFT = 16;
const VPN_HIGH_MASK = 0xf;
const VPN_LOW_RANGE = 0x1_0000_0000;

/** The records of all frames. Methods take a frame below `count`; they do not check it. */
export class FrameTable {
  readonly count: number;
  readonly #words: Uint32Array;

  /** Lays records for frames [0, count) over `words`, whose content stays as it is. Panics (FT1) if they do not fit. */
  constructor(words: Uint32Array, count: number) {
    invariant(words.length >= count * RECORD_WORDS, 'FT1', () => `${count} records do not fit in ${words.length} words`);
    this.#words = words;
    this.count = count;
  }

  /** What the frame is for. */
  kind(frame: Pfn): FrameKind {
    return (this.#words[frame << RECORD_SHIFT]! & KIND_MASK) as FrameKind;
  }

  /** Sets the kind alone. Only physical-memory.ts calls it, which counts frames by kind. */
  setKind(frame: Pfn, kind: FrameKind): void {
    const at = frame << RECORD_SHIFT;
    this.#words[at] = (this.#words[at]! & ~KIND_MASK) | kind;
  }

  /** Fills in the record of a frame that was just given: its record is clear (FT1). */
  assign(frame: Pfn, kind: FrameKind, owner: number, index: number): void {
    const at = frame << RECORD_SHIFT;
    this.#words[at] = kind;
    this.#words[at + OWNER] = owner;
    this.#words[at + INDEX] = index;
  }

  /** Makes the record all zeros but for `kind`. */
  clear(frame: Pfn, kind: FrameKind): void {
    const at = frame << RECORD_SHIFT;
    this.#words[at] = kind;
    // Unrolled: this runs at every free, and a loop or a built-in fill of 7 words takes several times as long.
    this.#words[at + OWNER] = 0;
    this.#words[at + INDEX] = 0;
    this.#words[at + NEXT] = 0;
    this.#words[at + PREVIOUS] = 0;
    this.#words[at + MAP_SPACE] = 0;
    this.#words[at + MAP_VPN] = 0;
    this.#words[at + MAP_MORE] = 0;
  }

  /** Tells whether the frame is mapped, wired or on loan. */
  isHeld(frame: Pfn): boolean {
    const at = frame << RECORD_SHIFT;
    return this.#words[at]! >>> WIRE_SHIFT !== 0 || (this.#words[at + MAP_SPACE]! & SPACE_MASK) !== 0;
  }

  /** Tells whether the record is all zeros but for its kind. */
  isClear(frame: Pfn): boolean {
    const at = frame << RECORD_SHIFT;
    let bits = this.#words[at]! & ~KIND_MASK;
    for (let word = OWNER; word < RECORD_WORDS; word++) bits |= this.#words[at + word]!;
    return bits === 0;
  }

  /** What owns the frame: 32 bits, meaning by kind. */
  owner(frame: Pfn): number {
    return this.#words[(frame << RECORD_SHIFT) + OWNER]!;
  }

  /** Sets the owner. */
  setOwner(frame: Pfn, owner: number): void {
    this.#words[(frame << RECORD_SHIFT) + OWNER] = owner;
  }

  /** Which page of its owner the frame holds: 32 bits. */
  index(frame: Pfn): number {
    return this.#words[(frame << RECORD_SHIFT) + INDEX]!;
  }

  /** Sets the page index in the owner. */
  setIndex(frame: Pfn, index: number): void {
    this.#words[(frame << RECORD_SHIFT) + INDEX] = index;
  }

  /** All `FRAME_` flags. */
  flags(frame: Pfn): number {
    return (this.#words[frame << RECORD_SHIFT]! >>> FLAGS_SHIFT) & FIELD_MASK;
  }

  /** Tells whether any of `flags` is set. */
  hasFlag(frame: Pfn, flags: number): boolean {
    return (this.#words[frame << RECORD_SHIFT]! & (flags << FLAGS_SHIFT)) !== 0;
  }

  /** Sets `flags`; the others stay. */
  setFlag(frame: Pfn, flags: number): void {
    const at = frame << RECORD_SHIFT;
    this.#words[at] = this.#words[at]! | (flags << FLAGS_SHIFT);
  }

  /** Clears `flags`; the others stay. */
  clearFlag(frame: Pfn, flags: number): void {
    const at = frame << RECORD_SHIFT;
    this.#words[at] = this.#words[at]! & ~(flags << FLAGS_SHIFT);
  }

  /** How many hold the frame in RAM: 0 to 255. */
  wireCount(frame: Pfn): number {
    return (this.#words[frame << RECORD_SHIFT]! >>> WIRE_SHIFT) & FIELD_MASK;
  }

  /** Sets the wire count. Panics (FT3) outside 0..255. */
  setWireCount(frame: Pfn, count: number): void {
    this.#setCount(frame, WIRE_SHIFT, count);
  }

  /** How many borrowed the frame: 0 to 255. */
  loanCount(frame: Pfn): number {
    return (this.#words[frame << RECORD_SHIFT]! >>> LOAN_SHIFT) & FIELD_MASK;
  }

  /** Sets the loan count. Panics (FT3) outside 0..255. */
  setLoanCount(frame: Pfn, count: number): void {
    this.#setCount(frame, LOAN_SHIFT, count);
  }

  /** Counts one more borrower. Returns false, with nothing changed, when the count is at its end. */
  addLoan(frame: Pfn): boolean {
    const at = frame << RECORD_SHIFT;
    const state = this.#words[at]!;
    if (state >>> LOAN_SHIFT === FIELD_MASK) return false;
    this.#words[at] = state + (1 << LOAN_SHIFT);
    return true;
  }

  /** Counts one borrower fewer and returns how many are left. Panics (FT3) if there was none. */
  dropLoan(frame: Pfn): number {
    const at = frame << RECORD_SHIFT;
    const state = this.#words[at]!;
    const left = (state >>> LOAN_SHIFT) - 1;
    if (left < 0) throw new KernelPanic('FT3', `frame ${frame} has no borrower to lose`);
    this.#words[at] = state - (1 << LOAN_SHIFT);
    return left;
  }

  /** Tells whether the frame may be lent: memory that the system gives and takes, and that nobody wired. */
  isLendable(frame: Pfn): boolean {
    const state = this.#words[frame << RECORD_SHIFT]!;
    return (state & KIND_MASK) !== FrameKind.permanent && ((state >>> WIRE_SHIFT) & FIELD_MASK) === 0;
  }

  /** The anon that borrows an object's page, 0 for none. Only for frames of kind object. */
  borrower(frame: Pfn): number {
    return this.previous(frame);
  }

  /** Sets the anon that borrows an object's page. */
  setBorrower(frame: Pfn, anon: number): void {
    this.setPrevious(frame, anon);
  }

  #setCount(frame: Pfn, shift: number, count: number): void {
    if (!(count >= 0 && count <= FIELD_MASK)) throw new KernelPanic('FT3', `a count of frame ${frame} would become ${count}`);
    const at = frame << RECORD_SHIFT;
    this.#words[at] = (this.#words[at]! & ~(FIELD_MASK << shift)) | (count << shift);
  }

  /** The frame after this one on its list; 0 by convention for none, since frame 0 is on no list. */
  next(frame: Pfn): number {
    return this.#words[(frame << RECORD_SHIFT) + NEXT]!;
  }

  /** Sets the link to the next frame. */
  setNext(frame: Pfn, next: number): void {
    this.#words[(frame << RECORD_SHIFT) + NEXT] = next;
  }

  /** The frame before this one on its list, 0 for none. */
  previous(frame: Pfn): number {
    return this.#words[(frame << RECORD_SHIFT) + PREVIOUS]!;
  }

  /** Sets the link to the previous frame. */
  setPrevious(frame: Pfn, previous: number): void {
    this.#words[(frame << RECORD_SHIFT) + PREVIOUS] = previous;
  }

  /** The space of the first mapping, 1 to 65535; 0 when the frame is not mapped. */
  mapSpace(frame: Pfn): number {
    return this.#words[(frame << RECORD_SHIFT) + MAP_SPACE]! & SPACE_MASK;
  }

  /** The page number of the first mapping, below 2^36. */
  mapVpn(frame: Pfn): number {
    const at = frame << RECORD_SHIFT;
    const high = (this.#words[at + MAP_SPACE]! >>> VPN_HIGH_SHIFT) & VPN_HIGH_MASK;
    return high * VPN_LOW_RANGE + this.#words[at + MAP_VPN]!;
  }

  /** Sets the first mapping: page `vpn` (below 2^36) of `space` (1 to 65535), or 0, 0 for none. */
  setMapping(frame: Pfn, space: number, vpn: number): void {
    const at = frame << RECORD_SHIFT;
    this.#words[at + MAP_SPACE] = space | (Math.floor(vpn / VPN_LOW_RANGE) << VPN_HIGH_SHIFT);
    this.#words[at + MAP_VPN] = vpn;
  }

  /** Kernel-heap address of further mappings, 0 for none. */
  mapMore(frame: Pfn): number {
    return this.#words[(frame << RECORD_SHIFT) + MAP_MORE]!;
  }

  /** Sets the address of further mappings. */
  setMapMore(frame: Pfn, address: number): void {
    this.#words[(frame << RECORD_SHIFT) + MAP_MORE] = address;
  }
}
