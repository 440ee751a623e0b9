// A block device in the host's memory: chunks of 64 pages, made when first written. An empty device costs nothing, however big;
// what was never written reads as zeros.

import { PAGE_SIZE } from '../base/index.ts';
import type { BlockDevice, DeviceCounters } from './block-device.ts';
import { bytesOf, countTransfer, transferPages } from './transfer.ts';

/** 256 KiB: four times the largest cluster that the pager writes, small against any useful swap. */
const CHUNK_BYTES = 64 * PAGE_SIZE;

/** Storage that lives as long as the object. It never fails and `sync` has nothing to do. */
export class MemoryDevice implements BlockDevice {
  readonly name: string;
  readonly pages: number;
  readonly counters: DeviceCounters = { readOperations: 0, writeOperations: 0, bytesRead: 0, bytesWritten: 0 };
  readonly #chunks = new Map<number, Uint8Array>();

  constructor(pages: number, name = 'memory') {
    this.pages = pages;
    this.name = name;
  }

  read(page: number, into: Uint8Array): void {
    transferPages(this, 'read', page, into.length);
    this.#fetch(page, into);
    countTransfer(this.counters, 'read', into.length);
  }

  write(page: number, from: Uint8Array): void {
    transferPages(this, 'write', page, from.length);
    this.#store(page, from);
    countTransfer(this.counters, 'write', from.length);
  }

  readv(page: number, buffers: readonly Uint8Array[]): void {
    this.#transfer('read', page, buffers);
  }

  writev(page: number, buffers: readonly Uint8Array[]): void {
    this.#transfer('write', page, buffers);
  }

  sync(): void {}

  #transfer(operation: 'read' | 'write', page: number, buffers: readonly Uint8Array[]): void {
    const sizeBytes = bytesOf(buffers);
    transferPages(this, operation, page, sizeBytes);
    let at = page;
    for (const buffer of buffers) {
      if (operation === 'read') this.#fetch(at, buffer);
      else this.#store(at, buffer);
      at += buffer.length / PAGE_SIZE;
    }
    countTransfer(this.counters, operation, sizeBytes);
  }

  #fetch(page: number, into: Uint8Array): void {
    this.#eachPart(page, into.length, (chunk, start, end, at) => {
      const stored = this.#chunks.get(chunk);
      if (stored === undefined) into.fill(0, at, at + end - start);
      else into.set(stored.subarray(start, end), at);
    });
  }

  #store(page: number, from: Uint8Array): void {
    this.#eachPart(page, from.length, (chunk, start, end, at) => {
      this.#ensureChunk(chunk).set(from.subarray(at, at + end - start), start);
    });
  }

  #ensureChunk(chunk: number): Uint8Array {
    let stored = this.#chunks.get(chunk);
    if (stored === undefined) {
      stored = new Uint8Array(CHUNK_BYTES);
      this.#chunks.set(chunk, stored);
    }
    return stored;
  }

  /** Splits a transfer at chunk borders: bytes [start, end) of `chunk` are byte `at` of the transfer and on. */
  #eachPart(page: number, sizeBytes: number, move: (chunk: number, start: number, end: number, at: number) => void): void {
    const first = page * PAGE_SIZE;
    for (let at = 0; at < sizeBytes; ) {
      const chunk = Math.floor((first + at) / CHUNK_BYTES);
      const start = first + at - chunk * CHUNK_BYTES;
      const end = Math.min(CHUNK_BYTES, start + sizeBytes - at);
      move(chunk, start, end, at);
      at += end - start;
    }
  }
}
