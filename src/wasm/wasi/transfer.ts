// Scatter-gather between the guest's buffers and files or streams, through one bounded staging buffer.
//
//   iovec list  [ address length ] [ address length ] ...        loaded and checked first: nothing moves if any buffer is bad
//        |  gather / scatter, from the cursor
//   staging     64 KiB, reused for every call
//        |  write / read
//   file, stream
//
// A transfer of up to 64 KiB, that is nearly every one, is one host call. No objects but the views that copyIn and copyOut need.
// As in POSIX, a failure after something was moved is not an error: the count so far is returned, and the next call meets the failure.

import { BadAddress, type GuestMemory } from '../guest-memory.ts';
import { WasiError } from './errno.ts';
import type { OpenFile } from './file-system.ts';
import { IOVEC } from './layout.ts';

/** The most buffers in one call: Linux's UIO_MAXIOV. */
const MAX_BUFFERS = 1024;
/** The most bytes in one call: what fits the signed size of the C functions above. */
const MAX_TRANSFER = 0x7fff_ffff;

interface Readable {
  read(into: Uint8Array, length: number): number;
}

interface Writable {
  write(from: Uint8Array, length: number): number;
}

/** The buffers of one call at a time. Usage: `load`, then `drain...` or `fill...`. */
export class Transfer {
  readonly #memory: GuestMemory;
  readonly #staging: Uint8Array;
  readonly #addresses = new Uint32Array(MAX_BUFFERS);
  readonly #lengths = new Uint32Array(MAX_BUFFERS);
  readonly #end = new FileEnd();
  #total = 0;
  // The cursor: the buffer and the offset in it where the next byte comes from or goes to.
  #buffer = 0;
  #offset = 0;

  constructor(memory: GuestMemory, staging: Uint8Array) {
    this.#memory = memory;
    this.#staging = staging;
  }

  /** Bytes of all loaded buffers. */
  get total(): number {
    return this.#total;
  }

  /**
   * Loads `count` iovecs from `list` and checks that the guest may read or write every buffer.
   * EFAULT, and EINVAL for more than 1024 buffers or more than 2^31 - 1 bytes.
   */
  load(list: number, count: number, access: 'read' | 'write'): void {
    if (count > MAX_BUFFERS) throw new WasiError('EINVAL');
    const memory = this.#memory;
    if (!memory.accessible(list, count * IOVEC.size, 'read')) throw new BadAddress(list, count * IOVEC.size);
    let total = 0;
    for (let i = 0; i < count; i++) {
      const entry = list + i * IOVEC.size;
      const address = memory.readU32(entry + IOVEC.address);
      const length = memory.readU32(entry + IOVEC.length);
      if (!memory.accessible(address, length, access)) throw new BadAddress(address, length);
      this.#addresses[i] = address;
      this.#lengths[i] = length;
      total += length;
    }
    if (total > MAX_TRANSFER) throw new WasiError('EINVAL');
    this.#total = total;
    this.#buffer = 0;
    this.#offset = 0;
  }

  /** Writes the buffers to a file; returns the bytes written. EFBIG beyond 2^53 - 1. */
  drainToFile(file: OpenFile, position: number): number {
    if (position + this.#total > Number.MAX_SAFE_INTEGER) throw new WasiError('EFBIG');
    return this.drain(this.#end.at(file, position));
  }

  /** Fills the buffers from a file until they are full or the file ends; returns the bytes read. */
  fillFromFile(file: OpenFile, position: number): number {
    return this.#fill(this.#end.at(file, position), 'until-short');
  }

  /** Fills the buffers with one read of a stream, so that it does not wait for more than there is; returns the bytes read. */
  fillFromStream(source: Readable): number {
    return this.#fill(source, 'once');
  }

  /** Writes the buffers to a stream; returns the bytes written. */
  drain(sink: Writable): number {
    let done = 0;
    while (done < this.#total) {
      const length = this.#gather(this.#total - done);
      let written: number;
      try {
        written = sink.write(this.#staging, length);
      } catch (error) {
        if (done > 0 && error instanceof WasiError) break;
        throw error;
      }
      done += written;
      if (written < length) break;
    }
    return done;
  }

  #fill(source: Readable, reads: 'once' | 'until-short'): number {
    let done = 0;
    while (done < this.#total) {
      const length = Math.min(this.#total - done, this.#staging.length);
      let count: number;
      try {
        count = source.read(this.#staging, length);
      } catch (error) {
        if (done > 0 && error instanceof WasiError) break;
        throw error;
      }
      this.#scatter(count);
      done += count;
      if (count < length || reads === 'once') break;
    }
    return done;
  }

  /** Moves guest bytes at the cursor into staging: up to `wanted`, up to what staging holds. Returns how many. */
  #gather(wanted: number): number {
    const length = Math.min(wanted, this.#staging.length);
    let done = 0;
    while (done < length) {
      const part = this.#nextPart(length - done);
      if (part > 0) this.#memory.copyIn(this.#partAddress(part), this.#staging.subarray(done, done + part));
      done += part;
    }
    return length;
  }

  /** Moves the first `count` bytes of staging to the guest at the cursor. */
  #scatter(count: number): void {
    let done = 0;
    while (done < count) {
      const part = this.#nextPart(count - done);
      if (part > 0) this.#memory.copyOut(this.#partAddress(part), this.#staging.subarray(done, done + part));
      done += part;
    }
  }

  /** Advances the cursor within its buffer by up to `wanted` bytes, or to the next buffer if it is at its end (0). */
  #nextPart(wanted: number): number {
    const left = (this.#lengths[this.#buffer] as number) - this.#offset;
    if (left === 0) {
      this.#buffer++;
      this.#offset = 0;
      return 0;
    }
    const part = Math.min(left, wanted);
    this.#offset += part;
    return part;
  }

  /** The guest address of the part of `length` bytes that the cursor has just passed. */
  #partAddress(length: number): number {
    return (this.#addresses[this.#buffer] as number) + this.#offset - length;
  }
}

/** A file at a position, as a stream. One instance serves all calls. */
class FileEnd implements Readable, Writable {
  #file: OpenFile | undefined;
  #position = 0;

  at(file: OpenFile, position: number): this {
    this.#file = file;
    this.#position = position;
    return this;
  }

  read(into: Uint8Array, length: number): number {
    const count = this.#open().read(this.#position, into, length);
    this.#position += count;
    return count;
  }

  write(from: Uint8Array, length: number): number {
    const count = this.#open().write(this.#position, from, length);
    this.#position += count;
    return count;
  }

  #open(): OpenFile {
    if (this.#file === undefined) throw new WasiError('EBADF');
    return this.#file;
  }
}
