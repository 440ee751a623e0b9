// The bytes that carry a heap: a range of an ArrayBuffer, a SharedArrayBuffer or a WebAssembly.Memory, whole or in part.
//
//   byte 0 of the buffer      start                         end              limit
//   | others' bytes           | the heap                    | not yet there  |
//
// `end` is what the buffer has now; `grow` moves it up to `limit`. Only a WebAssembly.Memory and a host's own source can grow.
// A grown ArrayBuffer is another object and the old one is detached: `words` is then a new view, and whoever kept the old one reads
// `undefined` from it, which the allocators take for "look again" on their slow paths. Length-tracking views of resizable buffers would
// save the exchange, but cost 25 to 42 % on every access (measured, docs/decisions.md), so each view has a fixed length.

import { HeapHeader } from './heap-header.ts';

/** Where a heap may lie: a buffer, a wasm memory, or a host's own source of growing bytes. */
export type HeapBacking = ArrayBufferLike | WebAssembly.Memory | GrowingBytes;

/** A host's own bytes: `buffer` is read anew after each `grow`, which returns false if there is no more. */
export interface GrowingBytes {
  readonly buffer: ArrayBufferLike;
  grow(bytes: number): boolean;
}

/** Which bytes of the backing belong to the heap: all of it unless told otherwise. Both are rounded inwards to 16. */
export interface HeapRange {
  /** First byte; default 0. */
  readonly start?: number;
  /** Bytes that the heap may ever take, growing included; default: all that the backing can have. */
  readonly limitBytes?: number;
}

const ALIGNMENT = 16;
const WASM_PAGE = 65_536;
/** Addresses are 32-bit; the last 64 KiB stay out so that sums of an address and a small size do not wrap. */
const MAX_END = 2 ** 32 - WASM_PAGE;

/** The bytes of one heap, as allocators see them: here those of a buffer, in process/ those of an address space. */
export interface HeapMemory {
  /** First byte of the heap, a multiple of 16. */
  readonly start: number;
  /** No byte at or above it is ever taken. */
  readonly limit: number;
  /** The whole buffer as words, from its byte 0. Another object after each growth. */
  readonly words: Int32Array;
  /** The whole buffer as bytes. Another object after each growth. */
  readonly bytes: Uint8Array;
  /** The address behind the heap's last byte that is there now, a multiple of 16. */
  readonly end: number;
  /** Whether `words` will always be the same object, because nobody can make the buffer grow. */
  readonly isFixed: boolean;
  /** Adds at least `bytes` bytes at the end. Returns false, with nothing changed, if they pass the limit or the backing has no more. */
  grow(bytes: number): boolean;
  /** Looks at the backing again: it may have grown by another's hand. */
  refresh(): void;
}

/** The bytes of a heap in a buffer. */
export class BufferMemory implements HeapMemory {
  readonly start: number;
  readonly limit: number;
  readonly #backing: GrowingBytes;
  #words: Int32Array;
  #bytes: Uint8Array;
  #end: number;

  /** Throws a RangeError if the range is not inside the backing or is too small for a header. */
  constructor(backing: HeapBacking, range: HeapRange = {}) {
    this.#backing = growing(backing);
    const { byteLength } = this.#backing.buffer;
    const start = range.start ?? 0;
    if (!(Number.isInteger(start) && start >= 0 && start <= byteLength))
      throw new RangeError(`start ${start} is not inside the buffer's ${byteLength} bytes`);
    this.start = Math.ceil(start / ALIGNMENT) * ALIGNMENT;
    const limit = range.limitBytes === undefined ? MAX_END : start + range.limitBytes;
    if (!(limit >= this.start + HeapHeader.BYTES))
      throw new RangeError(`a heap needs at least ${HeapHeader.BYTES} bytes, not ${limit - this.start}`);
    this.limit = Math.floor(Math.min(limit, MAX_END) / ALIGNMENT) * ALIGNMENT;
    this.#words = new Int32Array(this.#backing.buffer, 0, byteLength >>> 2);
    this.#bytes = new Uint8Array(this.#backing.buffer);
    this.#end = this.#available();
    if (this.#end < this.start + HeapHeader.BYTES)
      throw new RangeError(`a heap needs at least ${HeapHeader.BYTES} bytes, not ${this.#end - this.start}`);
  }

  get isFixed(): boolean {
    return this.#backing instanceof FixedBytes;
  }

  get words(): Int32Array {
    return this.#words;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get end(): number {
    return this.#end;
  }

  grow(bytes: number): boolean {
    const wanted = this.#end + bytes;
    if (!(wanted <= this.limit)) return false;
    const missing = wanted - this.#backing.buffer.byteLength;
    if (missing > 0 && !this.#backing.grow(missing)) return false;
    this.refresh();
    return this.#end >= wanted;
  }

  refresh(): void {
    const { buffer } = this.#backing;
    if (this.#words.buffer !== buffer || this.#words.byteLength !== buffer.byteLength - (buffer.byteLength & 3)) {
      this.#words = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
      this.#bytes = new Uint8Array(buffer);
    }
    this.#end = this.#available();
  }

  #available(): number {
    const end = Math.min(this.limit, this.#backing.buffer.byteLength);
    return end - (end % ALIGNMENT);
  }
}

function growing(backing: HeapBacking): GrowingBytes {
  if (backing instanceof ArrayBuffer || (typeof SharedArrayBuffer !== 'undefined' && backing instanceof SharedArrayBuffer)) {
    return isResizable(backing) ? { buffer: backing, grow: () => false } : new FixedBytes(backing);
  }
  if (backing instanceof WebAssembly.Memory) return new WasmBytes(backing);
  return backing as GrowingBytes;
}

/** Tells whether its owner may make the buffer longer or shorter; engines older than such buffers do not know the properties. */
function isResizable(buffer: ArrayBufferLike): boolean {
  const { resizable, growable } = buffer as { readonly resizable?: boolean; readonly growable?: boolean };
  return resizable === true || growable === true;
}

class FixedBytes implements GrowingBytes {
  readonly buffer: ArrayBufferLike;

  constructor(buffer: ArrayBufferLike) {
    this.buffer = buffer;
  }

  grow(): boolean {
    return false;
  }
}

class WasmBytes implements GrowingBytes {
  readonly #memory: WebAssembly.Memory;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  get buffer(): ArrayBufferLike {
    return this.#memory.buffer;
  }

  grow(bytes: number): boolean {
    try {
      return this.#memory.grow(Math.ceil(bytes / WASM_PAGE)) >= 0;
    } catch {
      // A RangeError: the maximum is reached, or the engine has no room.
      return false;
    }
  }
}
