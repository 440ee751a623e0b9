// A window of slots, a page each: for short mappings, and for scattered frames in a row. The lowest free slots are taken first, so that
// few page tables are ever needed, and those of the first slots are made at boot: a short mapping needs no memory.
//
//   given   | 1 1 1 1 0 0 1 ...      a bit for each slot
//   last    | 0 0 1 1 0 0 1 ...      the slot is the last one of its mapping: here a mapping of three, and two of one
//
//   KW1  a last slot is given; the slots behind a mapping's last are another's or free
// Cost: a word for 32 slots looked at; 8 KiB for 128 MiB.

import { invariant, KernelPanic } from '../../base/index.ts';
import type { KernelTables } from './kernel-tables.ts';

/** Slots whose tables are made at boot: more than any transfer maps at once. */
const PREPARED_SLOTS = 64;

/** A word whose slots are all given. */
const ALL = 0xffff_ffff;

/** The slots of one window. Made by `Window.create`. */
export class Window {
  readonly first: number;
  readonly slots: number;
  readonly #tables: KernelTables;
  readonly #given: Uint32Array;
  readonly #last: Uint32Array;
  /** No slot below it is free. */
  #lowest = 0;
  #used = 0;

  private constructor(tables: KernelTables, first: number, slots: number, words: Uint32Array) {
    this.#tables = tables;
    this.first = first;
    this.slots = slots;
    this.#given = words.subarray(0, words.length / 2);
    this.#last = words.subarray(words.length / 2);
  }

  /** Makes a window over `slots` pages from page `first` on. Returns ENOMEM if there are no frames for its records and first tables. */
  static create(tables: KernelTables, first: number, slots: number): Window | 'ENOMEM' {
    const words = tables.records(2 * Math.ceil(slots / 32));
    if (words === 'ENOMEM' || !tables.prepare(first, Math.min(slots, PREPARED_SLOTS))) return 'ENOMEM';
    return new Window(tables, first, slots, words);
  }

  /** Slots that are given. */
  get used(): number {
    return this.#used;
  }

  /** Tells whether a page is one of the window's. */
  has(page: number): boolean {
    return page >= this.first && page < this.first + this.slots;
  }

  /** Maps frames at slots in a row. Returns the first page, or -1 with nothing mapped. */
  map(frames: ArrayLike<number>, offset: number, count: number): number {
    const slot = this.#find(count);
    if (slot === -1 || !this.#tables.mapFrames(this.first + slot, frames, offset, count)) return -1;
    this.#take(slot, count);
    return this.first + slot;
  }

  /** The same for frames in a row. */
  mapRun(frame: number, count: number): number {
    const slot = this.#find(count);
    if (slot === -1 || !this.#tables.mapRun(this.first + slot, frame, count)) return -1;
    this.#take(slot, count);
    return this.first + slot;
  }

  /** Unmaps what was mapped at `page`. Panics (KM3) if that is not a mapping of so many slots. */
  unmap(page: number, count: number): void {
    const slot = page - this.first;
    const end = slot + count;
    const begins =
      end <= this.slots && isSet(this.#given, slot) && (slot === 0 || !isSet(this.#given, slot - 1) || isSet(this.#last, slot - 1));
    if (!begins || nextSet(this.#last, slot, end) !== end - 1)
      throw new KernelPanic('KM3', `${count} slots from slot ${slot} on are no mapping`);
    this.#tables.unmap(page, count);
    clearAll(this.#given, slot, end);
    clearAll(this.#last, end - 1, end);
    this.#used -= count;
    this.#lowest = Math.min(this.#lowest, slot);
  }

  /** Returns the lowest page that reaches `frame`, or -1. Looks at every slot. */
  pageOf(frame: number): number {
    for (let slot = 0; slot < this.slots && this.#used > 0; slot++) {
      if (isSet(this.#given, slot) && this.#tables.frameAt(this.first + slot) === frame) return this.first + slot;
    }
    return -1;
  }

  /** Panics at the first broken invariant. */
  check(): void {
    let used = 0;
    for (let slot = 0; slot < this.slots; slot++) {
      const given = isSet(this.#given, slot);
      if (given) used++;
      invariant(given || !isSet(this.#last, slot), 'KW1', () => `slot ${slot} ends a mapping and is free`);
      const mapped = this.#tables.frameAt(this.first + slot) !== -1;
      invariant(mapped === given, 'KM1', () => `slot ${slot} is ${given ? 'given' : 'free'} and ${mapped ? 'mapped' : 'not mapped'}`);
      const ends = !given || isSet(this.#last, slot) || (slot + 1 < this.slots && isSet(this.#given, slot + 1));
      invariant(ends, 'KW1', () => `the mapping with slot ${slot} has no end`);
    }
    invariant(used === this.#used, 'KW1', () => `${used} slots are given, counted ${this.#used}`);
  }

  /** Returns the lowest slot from which `count` are free, or -1. */
  #find(count: number): number {
    let run = 0;
    for (let slot = this.#lowest; slot < this.slots; ) {
      const word = this.#given[slot >>> 5] as number;
      this.#tables.steps++;
      const isWhole = (slot & 31) === 0 && (word === 0 || word === ALL);
      run = isWhole ? (word === 0 ? run + 32 : 0) : isSet(this.#given, slot) ? 0 : run + 1;
      slot += isWhole ? 32 : 1;
      // The last word may have bits beyond the last slot.
      if (run >= count && slot - run + count <= this.slots) return slot - run;
    }
    return -1;
  }

  #take(slot: number, count: number): void {
    setAll(this.#given, slot, slot + count);
    setAll(this.#last, slot + count - 1, slot + count);
    this.#used += count;
    if (slot === this.#lowest) this.#lowest = slot + count;
  }
}

const isSet = (words: Uint32Array, slot: number): boolean => (((words[slot >>> 5] as number) >>> (slot & 31)) & 1) === 1;
/** Returns the bits of word `at` that are in [from, to). */
function bitsOf(at: number, from: number, to: number): number {
  const low = Math.max(0, from - at * 32);
  const high = Math.min(32, to - at * 32);
  return (high === 32 ? -1 : (1 << high) - 1) & (-1 << low);
}

function setAll(words: Uint32Array, from: number, to: number): void {
  for (let at = from >>> 5; at * 32 < to; at++) words[at] = (words[at] as number) | bitsOf(at, from, to);
}

function clearAll(words: Uint32Array, from: number, to: number): void {
  for (let at = from >>> 5; at * 32 < to; at++) words[at] = (words[at] as number) & ~bitsOf(at, from, to);
}

/** Returns the first slot in [from, to) whose bit is set, or -1. */
function nextSet(words: Uint32Array, from: number, to: number): number {
  for (let at = from >>> 5; at * 32 < to; at++) {
    const bits = (words[at] as number) & bitsOf(at, from, to);
    if (bits !== 0) return at * 32 + 31 - Math.clz32(bits & -bits);
  }
  return -1;
}
