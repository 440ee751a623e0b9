// GuestMemory over a paged address space: the WASI host's copyin and copyout. Rights are checked for the whole range first
// (EFAULT, nothing copied); the pages are then brought in run by run. Running out of memory is not EFAULT: it ends the process.

import { PAGE_MASK, PAGE_SIZE } from '../base/index.ts';
import type { Process } from '../process/index.ts';
import { BadAddress, type GuestMemory } from './guest-memory.ts';

const SPACE_END = 0x1_0000_0000;

/** The memory of one process as the WASI host reaches it. */
export class PagedMemory implements GuestMemory {
  readonly #process: Process;
  readonly #view: DataView;
  readonly #small = new Uint8Array(8);
  readonly #smallView = new DataView(this.#small.buffer);

  constructor(process: Process) {
    this.#process = process;
    this.#view = new DataView(process.machine.ram.buffer);
  }

  accessible(address: number, length: number, access: 'read' | 'write'): boolean {
    return address + length <= SPACE_END && this.#process.accessible(address, length, access);
  }

  copyIn(address: number, into: Uint8Array): void {
    this.#require(address, into.length, 'read');
    this.#process.copyIn(address, into);
  }

  copyOut(address: number, from: Uint8Array): void {
    this.#require(address, from.length, 'write');
    this.#process.copyOut(address, from);
  }

  #require(address: number, length: number, access: 'read' | 'write'): void {
    if (!this.accessible(address, length, access)) throw new BadAddress(address, length);
  }

  /** Returns the physical address of a small value, or -1 if it straddles two pages. */
  #locate(address: number, size: number, access: 'read' | 'write'): number {
    this.#require(address, size, access);
    if ((address & PAGE_MASK) > PAGE_SIZE - size) return -1;
    return this.#process.translate(address, access === 'write' ? 1 : 0);
  }

  /** Brings a straddling value into the small buffer. */
  #gather(address: number, size: number): DataView {
    this.#process.copyIn(address, this.#small.subarray(0, size));
    return this.#smallView;
  }

  readU8(address: number): number {
    return this.#view.getUint8(this.#locate(address, 1, 'read'));
  }

  readU16(address: number): number {
    const at = this.#locate(address, 2, 'read');
    return at >= 0 ? this.#view.getUint16(at, true) : this.#gather(address, 2).getUint16(0, true);
  }

  readU32(address: number): number {
    const at = this.#locate(address, 4, 'read');
    return at >= 0 ? this.#view.getUint32(at, true) : this.#gather(address, 4).getUint32(0, true);
  }

  readU64(address: number): bigint {
    const at = this.#locate(address, 8, 'read');
    return at >= 0 ? this.#view.getBigUint64(at, true) : this.#gather(address, 8).getBigUint64(0, true);
  }

  writeU8(address: number, value: number): void {
    this.#view.setUint8(this.#locate(address, 1, 'write'), value);
  }

  writeU16(address: number, value: number): void {
    const at = this.#locate(address, 2, 'write');
    if (at >= 0) {
      this.#view.setUint16(at, value, true);
      return;
    }
    this.#smallView.setUint16(0, value, true);
    this.#process.copyOut(address, this.#small.subarray(0, 2));
  }

  writeU32(address: number, value: number): void {
    const at = this.#locate(address, 4, 'write');
    if (at >= 0) {
      this.#view.setUint32(at, value, true);
      return;
    }
    this.#smallView.setUint32(0, value, true);
    this.#process.copyOut(address, this.#small.subarray(0, 4));
  }

  writeU64(address: number, value: bigint): void {
    const at = this.#locate(address, 8, 'write');
    if (at >= 0) {
      this.#view.setBigUint64(at, value, true);
      return;
    }
    this.#smallView.setBigUint64(0, value, true);
    this.#process.copyOut(address, this.#small.subarray(0, 8));
  }
}
