// The break area of a process as the memory of a heap: every word that an allocator reads or writes goes through the address space.
//
//   allocator   words[i]   ->  translate(4 * i): TLB, page table, fault, pager ...  ->  a word of RAM
//   grow                   ->  brk                                              pages that nobody has touched take no frame
//
// `words` is an array whose elements are not there (a Proxy), so the allocators of heap/ run unchanged, and what they touch is faulted in, made
// dirty, evicted and read back as any program's memory. It is for counting, not for speed: an access takes about 0.3 us. Functions of
// a design that have seen it are compiled for any array from then on, and plain heaps of that design in the same thread are then three to
// four times slower (measured: docs/processes.md): measure speed elsewhere.
//
// An operation is a transaction: a fault that cannot be resolved (memory and swap are full) leaves the allocator's function in its
// middle, and then all words are put back as they were.
//
// Invariants:
//   SM1  reads outside [start, end) are undefined, as those beyond an Int32Array; nothing is written there
//   SM2  after an operation that faulted, the heap's words are as before; the break may have moved

import { invariant, PAGE_SIZE, pageAtOrAfter } from '../../base/index.ts';
import type { HeapMemory } from '../../heap/index.ts';
import { memcpy, memmove, memset, runLength } from '../memory-functions.ts';
import type { Process } from '../process.ts';

/** What the allocators use of a typed array. */
interface ArrayFace<Elements> {
  /** Bytes of an element, as a power of two. */
  readonly shift: 0 | 2;
  readonly load: (index: number) => number;
  readonly store: (index: number, value: number) => void;
  readonly fill: (value: number, from: number, to: number) => void;
  readonly make: (length: number) => Elements;
}

/** The break area of a process. */
export class SpaceMemory implements HeapMemory {
  readonly isFixed = false;
  readonly start: number;
  readonly limit: number;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** Whether `grow` could not. */
  hasRefused = false;
  readonly #process: Process;
  /** Ranges that were written since `begin`, oldest first: address and the bytes that were there. */
  readonly #undo: { readonly address: number; readonly bytes: Uint8Array }[] = [];
  /** All in order: index and old value of a single word, which most are; -1 and 0 stand for the range that is last in `#undo`. */
  readonly #undoWords: number[] = [];

  /** @param limitBytes bytes that the heap may take; the break's own limit counts too */
  constructor(process: Process, limitBytes: number) {
    this.#process = process;
    this.start = process.space.breakStart;
    this.limit = this.start + limitBytes - (limitBytes % 16);
    this.words = arrayOver<Int32Array>(
      {
        shift: 2,
        load: (index) => this.#load(index),
        store: (index, value) => this.#store(index, value),
        fill: (value, from, to) => this.#fillWords(value, from, to),
        make: (length) => new Int32Array(length),
      },
      this,
    );
    this.bytes = arrayOver<Uint8Array>(
      {
        shift: 0,
        load: (index) => (this.#load(index >>> 2) >>> (8 * (index & 3))) & 0xff,
        store: (index, value) => this.#fillBytes(value, index, index + 1),
        fill: (value, from, to) => this.#fillBytes(value, from, to),
        make: (length) => new Uint8Array(length),
      },
      this,
    );
  }

  get end(): number {
    return this.#process.space.breakEnd;
  }

  grow(bytes: number): boolean {
    const end = PAGE_SIZE * pageAtOrAfter(this.end + bytes);
    const { system, space } = this.#process;
    const hasGrown = end <= this.limit && typeof system.grow(space, end) !== 'string';
    if (!hasGrown) this.hasRefused = true;
    return hasGrown;
  }

  /** Moves the break down to the first page boundary at or above `top`. */
  trim(top: number): void {
    const { system, space } = this.#process;
    system.grow(space, PAGE_SIZE * pageAtOrAfter(top));
  }

  refresh(): void {}

  /** Begins an operation. Finishes a rollback that itself met a fault; throws `GuestFault` if it does so again. */
  begin(): void {
    if (this.#undoWords.length > 0 || this.#undo.length > 0) this.rollBack();
  }

  /** The operation is done. */
  commit(): void {
    this.#undoWords.length = 0;
    this.#undo.length = 0;
  }

  /** Puts back what was written since `begin`. Throws `GuestFault` if a page cannot be had; the next `begin` goes on. */
  rollBack(): void {
    while (this.#undoWords.length > 0) {
      const value = this.#undoWords.at(-1) as number;
      const index = this.#undoWords.at(-2) as number;
      const range = this.#undo.at(-1);
      if (index >= 0) this.#put(index, value);
      else if (range !== undefined) {
        this.#process.copyOut(range.address, range.bytes);
        this.#undo.pop();
      }
      this.#undoWords.length -= 2;
    }
  }

  /** Copies [from, to) to `target`, all bytes of this memory, overlapping or not. */
  copyWithin(target: number, from: number, to: number): void {
    this.#expectInside(target, target + to - from);
    this.#expectInside(from, to);
    this.#save(target, target + to - from);
    const copy = target + to - from <= from || to <= target ? memcpy : memmove;
    copy(this.#process, target, from, to - from);
  }

  /** Returns a copy of [from, to). */
  read(from: number, to: number): Uint8Array {
    this.#expectInside(from, to);
    const into = new Uint8Array(to - from);
    this.#process.copyIn(from, into);
    return into;
  }

  /** Writes bytes. */
  write(address: number, bytes: Uint8Array): void {
    this.#save(address, address + bytes.length);
    this.#process.copyOut(address, bytes);
  }

  #load(index: number): number {
    const physical = this.#process.translate(4 * index, 0);
    return (this.#process.machine.ram.words[physical >>> 2] as number) | 0;
  }

  #store(index: number, value: number): void {
    const physical = this.#process.translate(4 * index, 1);
    const { words } = this.#process.machine.ram;
    this.#undoWords.push(index, words[physical >>> 2] as number);
    words[physical >>> 2] = value;
  }

  #put(index: number, value: number): void {
    const physical = this.#process.translate(4 * index, 1);
    this.#process.machine.ram.words[physical >>> 2] = value;
  }

  #fillWords(value: number, from: number, to: number): void {
    this.#save(4 * from, 4 * to);
    const { words } = this.#process.machine.ram;
    for (let at = 4 * from; at < 4 * to; ) {
      const run = runLength(at, 4 * to - at);
      const first = this.#process.translate(at, 1) >>> 2;
      words.fill(value, first, first + run / 4);
      at += run;
    }
  }

  #fillBytes(value: number, from: number, to: number): void {
    this.#save(from, to);
    memset(this.#process, from, value, to - from);
  }

  /** Keeps the bytes of [from, to), which are about to be written. */
  #save(from: number, to: number): void {
    if (from >= to) return;
    this.#expectInside(from, to);
    const bytes = new Uint8Array(to - from);
    this.#process.copyIn(from, bytes);
    this.#undo.push({ address: from, bytes });
    this.#undoWords.push(-1, 0);
  }

  #expectInside(from: number, to: number): void {
    invariant(from >= this.start && to <= this.end, 'SM1', () => `an allocator uses [${from}, ${to}) outside of its heap`);
  }
}

/** Makes an array whose elements are loaded and stored by `face`. */
function arrayOver<Elements extends Int32Array | Uint8Array>(face: ArrayFace<Elements>, memory: SpaceMemory): Elements {
  const { shift } = face;
  const unit = 2 ** shift;
  const methods: Readonly<Record<string, unknown>> = {
    fill(value: number, from: number, to: number): void {
      if (from < to) face.fill(value, from, to);
    },
    copyWithin(target: number, from: number, to: number): void {
      if (from < to) memory.copyWithin(unit * target, unit * from, unit * to);
    },
    slice(from: number, to: number): Elements {
      const bytes = memory.read(unit * from, unit * to);
      const copy = face.make(to - from);
      new Uint8Array(copy.buffer).set(bytes);
      return copy;
    },
    set(bytes: Uint8Array, at: number): void {
      memory.write(at, bytes);
    },
  };
  return new Proxy({} as Elements, {
    get(_target, key) {
      const index = typeof key === 'string' ? Number(key) : -1;
      if (index >= 0) return unit * index >= memory.start && unit * (index + 1) <= memory.end ? face.load(index) : undefined;
      return key === 'length' ? memory.end >>> shift : methods[key as string];
    },
    set(_target, key, value) {
      const index = Number(key);
      invariant(
        unit * index >= memory.start && unit * (index + 1) <= memory.end,
        'SM1',
        () => `an allocator writes element ${String(key)}`,
      );
      face.store(index, value);
      return true;
    },
  });
}
