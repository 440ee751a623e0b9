// GuestMemory over a plain WebAssembly.Memory: addresses are offsets, everything below the size is accessible. The memory of `--mmu off`.
//
//   FM1  `#bytes` and `#view` are over the memory's present buffer: `memory.grow` detaches the old one, so each access looks

import { BadAddress, type GuestMemory } from './guest-memory.ts';

/** Copyin and copyout over a flat memory. Until `attach`, nothing is accessible. */
export class FlatMemory implements GuestMemory {
  #memory: WebAssembly.Memory | undefined;
  #buffer: ArrayBuffer;
  #bytes: Uint8Array;
  #view: DataView;

  constructor(memory?: WebAssembly.Memory) {
    this.#memory = memory;
    this.#buffer = memory?.buffer ?? new ArrayBuffer(0);
    this.#bytes = new Uint8Array(this.#buffer);
    this.#view = new DataView(this.#buffer);
  }

  /** Uses `memory` from now on: an instance's exported memory exists only after its imports do. */
  attach(memory: WebAssembly.Memory): void {
    this.#memory = memory;
  }

  /** The size now, in bytes. */
  get sizeBytes(): number {
    this.#refresh();
    return this.#bytes.length;
  }

  accessible(address: number, length: number): boolean {
    this.#refresh();
    return length === 0 || address + length <= this.#bytes.length;
  }

  copyIn(address: number, into: Uint8Array): void {
    if (into.length === 0) return;
    this.#require(address, into.length);
    into.set(this.#bytes.subarray(address, address + into.length));
  }

  copyOut(address: number, from: Uint8Array): void {
    if (from.length === 0) return;
    this.#require(address, from.length);
    this.#bytes.set(from, address);
  }

  readU8(address: number): number {
    this.#require(address, 1);
    return this.#view.getUint8(address);
  }

  readU16(address: number): number {
    this.#require(address, 2);
    return this.#view.getUint16(address, true);
  }

  readU32(address: number): number {
    this.#require(address, 4);
    return this.#view.getUint32(address, true);
  }

  readU64(address: number): bigint {
    this.#require(address, 8);
    return this.#view.getBigUint64(address, true);
  }

  writeU8(address: number, value: number): void {
    this.#require(address, 1);
    this.#view.setUint8(address, value);
  }

  writeU16(address: number, value: number): void {
    this.#require(address, 2);
    this.#view.setUint16(address, value, true);
  }

  writeU32(address: number, value: number): void {
    this.#require(address, 4);
    this.#view.setUint32(address, value, true);
  }

  writeU64(address: number, value: bigint): void {
    this.#require(address, 8);
    this.#view.setBigUint64(address, value, true);
  }

  #require(address: number, length: number): void {
    this.#refresh();
    if (address + length > this.#bytes.length) throw new BadAddress(address, length);
  }

  /** Keeps FM1. */
  #refresh(): void {
    const buffer = this.#memory?.buffer;
    if (buffer === undefined || buffer === this.#buffer) return;
    this.#buffer = buffer;
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }
}
