// Programmed I/O: the processor itself moves every word between RAM and a device's data port. What DMA (dma-device.ts) is there to avoid.
//
//   RAM word -> register -> port          four bytes at a time where the address allows it, else one
//
// Cost: one load and one store per word, so tens of times what a DMA engine takes from the processor.

import { DeviceError } from './block-device.ts';
import { type DmaDescriptor, type TransferCounters, transferLength } from './dma-device.ts';
import type { Ram } from './ram.ts';

const WORD_BYTES = 4;
const WORD_MASK = WORD_BYTES - 1;

/** The data port of a device without DMA: what is written to it goes, one after the other, into the device's memory. */
export class ProgrammedPort {
  readonly counters: TransferCounters & { words: number } = { transfers: 0, descriptors: 0, bytes: 0, words: 0 };
  readonly #ram: Ram;

  constructor(ram: Ram) {
    this.#ram = ram;
  }

  /** Pumps the bytes of `descriptors` into `into`. Returns how many. Throws `DeviceError` before the first byte if one is not RAM or they do not fit. */
  gather(descriptors: readonly DmaDescriptor[], into: Uint8Array): number {
    const total = transferLength(this.#ram, descriptors, 'write');
    if (total > into.length) throw new DeviceError('write', 0, `${total} bytes do not fit in the device's ${into.length}`);
    let at = 0;
    for (const { address, length } of descriptors) at = this.#pump(address, length, into, at);
    this.counters.transfers++;
    this.counters.descriptors += descriptors.length;
    this.counters.bytes += total;
    return total;
  }

  #pump(address: number, length: number, into: Uint8Array, start: number): number {
    const { bytes, words } = this.#ram;
    const end = address + length;
    let at = start;
    let from = address;
    while (from < end) {
      if ((from & WORD_MASK) !== 0 || end - from < WORD_BYTES) {
        into[at++] = bytes[from++] as number;
        continue;
      }
      const word = words[from >>> 2] as number;
      into[at] = word;
      into[at + 1] = word >>> 8;
      into[at + 2] = word >>> 16;
      into[at + 3] = word >>> 24;
      this.counters.words++;
      at += WORD_BYTES;
      from += WORD_BYTES;
    }
    return at;
  }
}
