// A growing byte buffer with the binary format's primitives and the few instructions that generated code is made of.

import { Op } from '../binary/index.ts';

// A single instruction with its immediates is never longer than this (opcode, memarg of 1 + 5 bytes, or a 10-byte constant).
const LONGEST_ITEM = 24;

/** Appends bytes, integers and instructions; doubles its buffer when full. */
export class ByteWriter {
  bytes: Uint8Array<ArrayBuffer>;
  /** Bytes written so far. */
  length = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(Math.max(capacity, LONGEST_ITEM));
  }

  /** Returns the bytes written, as a view. */
  written(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.length);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
    larger.set(this.bytes);
    this.bytes = larger;
  }

  u8(byte: number): void {
    if (this.length === this.bytes.length) this.reserve(LONGEST_ITEM);
    this.bytes[this.length++] = byte;
  }

  /** Appends an unsigned LEB128 number below 2^32. */
  u32(value: number): void {
    this.reserve(LONGEST_ITEM);
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  /** Appends a signed LEB128 number: any integer within 2^53. */
  s64(value: number): void {
    this.reserve(LONGEST_ITEM);
    let rest = value;
    while (rest < -64 || rest > 63) {
      const low = ((rest % 128) + 128) % 128;
      this.bytes[this.length++] = low | 0x80;
      rest = (rest - low) / 128;
    }
    this.bytes[this.length++] = rest & 0x7f;
  }

  /** Appends a length-prefixed UTF-8 name. */
  name(text: string): void {
    const encoded = new TextEncoder().encode(text);
    this.u32(encoded.length);
    this.copy(encoded, 0, encoded.length);
  }

  /** Appends `from[start, end)`. */
  copy(from: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (count <= 0) return;
    this.reserve(count);
    const to = this.bytes;
    let length = this.length;
    // A call of `set` costs about as much as copying 32 bytes one by one.
    if (count < 32) for (let i = start; i < end; i++) to[length++] = from[i] as number;
    else to.set(from.subarray(start, end), length);
    this.length += count;
  }

  /** Appends instructions without immediates, or ready-made bytes. */
  ops(...opcodes: readonly number[]): void {
    this.sequence(opcodes);
  }

  /** Appends bytes that were put together before: no array is made, as `ops` does. */
  sequence(bytes: readonly number[]): void {
    this.reserve(bytes.length);
    const to = this.bytes;
    let length = this.length;
    for (let i = 0; i < bytes.length; i++) to[length++] = bytes[i] as number;
    this.length = length;
  }

  /** Appends an instruction with one index. */
  indexed(opcode: number, index: number): void {
    if (index >= 0x80) {
      this.u8(opcode);
      this.u32(index);
      return;
    }
    this.reserve(LONGEST_ITEM);
    this.bytes[this.length++] = opcode;
    this.bytes[this.length++] = index;
  }

  get(local: number): void {
    this.indexed(Op.localGet, local);
  }
  set(local: number): void {
    this.indexed(Op.localSet, local);
  }
  tee(local: number): void {
    this.indexed(Op.localTee, local);
  }
  call(functionIndex: number): void {
    this.indexed(Op.call, functionIndex);
  }

  /** Appends `i32.const`; `value` is any 32-bit pattern. */
  i32(value: number): void {
    this.u8(Op.i32Const);
    this.reserve(LONGEST_ITEM);
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>= 7;
    }
    this.bytes[this.length++] = rest & 0x7f;
  }

  /** Appends `i64.const`; `value` is an integer within 2^53. */
  i64(value: number): void {
    this.u8(Op.i64Const);
    this.s64(value);
  }

  /** Appends a load or store without an alignment hint. */
  access(opcode: number, offset: number): void {
    this.u8(opcode);
    this.u8(0);
    this.u32(offset);
  }

  /** Puts another writer's bytes in front of these. */
  prepend(other: ByteWriter): void {
    this.reserve(other.length);
    this.bytes.copyWithin(other.length, 0, this.length);
    this.bytes.set(other.written(), 0);
    this.length += other.length;
  }

  /** Appends another writer's bytes. */
  append(other: ByteWriter): void {
    this.copy(other.bytes, 0, other.length);
  }
}
