// Reads the WebAssembly binary format's primitives (specification, chapter 5.2) from a slice of a module, with errors that say
// what was expected, in which section, and at which byte of the file.

import { UsageError } from '../../base/index.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Formats a file offset for a message. */
export const fileOffset = (offset: number): string => `byte 0x${offset.toString(16)}`;

/** A cursor over `bytes[position, end)`. Every read that would pass `end` throws `UsageError` and says that the module is cut short. */
export class ByteReader {
  readonly bytes: Uint8Array;
  /** Index in `bytes` of the next byte to read. */
  position: number;
  /** Index in `bytes` at which this slice ends. */
  readonly end: number;
  /** What is being read, for messages: "the import section". */
  readonly place: string;

  /** @param end index after the last readable byte; past the end of `bytes` when the file itself is cut short. */
  constructor(bytes: Uint8Array, start: number, end: number, place: string) {
    this.bytes = bytes;
    this.position = start;
    this.end = Math.min(end, bytes.length);
    this.place = place;
  }

  /** Throws the `UsageError` for a malformed module. */
  fail(what: string, at = this.position): never {
    throw new UsageError(`malformed WebAssembly module: ${what} in ${this.place}, at ${fileOffset(at)}`);
  }

  /** Throws the `UsageError` for a well-formed module that needs what Quire does not offer. */
  unsupported(what: string, at = this.position): never {
    throw new UsageError(`unsupported WebAssembly module: it uses ${what}, in ${this.place}, at ${fileOffset(at)}`);
  }

  /** Returns the next byte. */
  u8(): number {
    if (this.position >= this.end) this.#cutShort();
    return this.bytes[this.position++] as number;
  }

  /** Returns the next byte without consuming it. */
  peek(): number {
    if (this.position >= this.end) this.#cutShort();
    return this.bytes[this.position] as number;
  }

  /** Returns an unsigned LEB128 number below 2^32. */
  u32(): number {
    const start = this.position;
    // Nearly all are of one byte.
    const first = this.bytes[start] as number;
    if (first < 0x80 && start < this.end) {
      this.position = start + 1;
      return first;
    }
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      if (shift === 28 && byte > 0x0f) this.fail('an integer is too long or too large', start);
      result |= (byte & 0x7f) << shift;
      if (byte < 0x80) return result >>> 0;
    }
    return this.fail('an integer is too long', start);
  }

  /** Returns a signed LEB128 number of 32 bits. */
  s32(): number {
    const start = this.position;
    // Most are of one byte.
    const first = this.bytes[start] as number;
    if (first < 0x80 && start < this.end) {
      this.position = start + 1;
      return (first << 25) >> 25;
    }
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      result |= (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if (shift === 28) return this.#lastSignedByte(byte, result, start);
      return (result << (25 - shift)) >> (25 - shift);
    }
    return this.fail('an integer is too long', start);
  }

  // The fifth byte of a signed number holds 4 bits of it; the other three repeat the sign.
  #lastSignedByte(byte: number, result: number, start: number): number {
    const sign = byte & 0x78;
    if (sign !== 0 && sign !== 0x78) this.fail('an integer is too large', start);
    return result;
  }

  /** Skips a LEB128 number of at most `maxBytes` bytes. */
  skipLeb(maxBytes: number): void {
    const start = this.position;
    while (this.u8() >= 0x80) {
      if (this.position - start >= maxBytes) this.fail('an integer is too long', start);
    }
  }

  /** Skips `count` bytes. */
  skip(count: number): void {
    if (count > this.end - this.position) this.#cutShort();
    this.position += count;
  }

  /** Returns a length-prefixed UTF-8 name. */
  name(): string {
    const length = this.u32();
    const start = this.position;
    this.skip(length);
    try {
      return utf8.decode(this.bytes.subarray(start, this.position));
    } catch {
      return this.fail('a name is not UTF-8', start);
    }
  }

  /** Returns the count of a vector whose items take at least one byte each, so that a garbage count cannot ask for gigabytes. */
  count(): number {
    const start = this.position;
    const count = this.u32();
    if (count <= this.end - this.position) return count;
    if (this.end === this.bytes.length) this.#cutShort();
    return this.fail(`a count of ${count} items does not fit`, start);
  }

  #cutShort(): never {
    const whole = this.end === this.bytes.length;
    throw new UsageError(
      whole
        ? `malformed WebAssembly module: the file is cut short in ${this.place}, at ${fileOffset(this.end)}`
        : `malformed WebAssembly module: ${this.place} ends in the middle of an item, at ${fileOffset(this.end)}`,
    );
  }
}
