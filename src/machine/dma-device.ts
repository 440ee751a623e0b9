// A DMA device: it moves bytes between RAM and itself without the processor, by a list of descriptors.
//
//   descriptors   [ physical address | length ] [ ... ] ...       gather: RAM, stretch by stretch --> one stream to the device
//                                                                 scatter: one stream from the device --> RAM, stretch by stretch
//
// Its counterpart is programmed I/O (programmed-io.ts): the same bytes, but the processor loads and stores each word of them.
// A real device checks nothing but that its addresses exist (DM1): whoever gives it descriptors answers for what they reach.
//
//   DM1  a descriptor lies within RAM; else the device stops with `DeviceError`, and nothing was transferred
//
// Cost: one block transfer per descriptor. Source: FMI/OS's scatter-gather buffers; the DMA engines of disk and network controllers.

import { PAGE_SIZE } from '../base/index.ts';
import { type BlockDevice, DeviceError } from './block-device.ts';
import type { Ram } from './ram.ts';

/** A stretch of RAM, in bytes. */
export interface DmaDescriptor {
  readonly address: number;
  readonly length: number;
}

/** What a transfer engine counts. */
export interface TransferCounters {
  transfers: number;
  descriptors: number;
  bytes: number;
}

/** Returns the bytes of a list. Throws `DeviceError` (DM1) if one of them is not RAM. */
export function transferLength(ram: Ram, descriptors: readonly DmaDescriptor[], operation: 'read' | 'write'): number {
  let total = 0;
  for (const { address, length } of descriptors) {
    const inRam = address >= 0 && length >= 0 && address + length <= ram.bytes.length;
    if (!inRam) throw new DeviceError(operation, Math.floor(address / PAGE_SIZE), `${length} bytes at ${address} are not in RAM`);
    total += length;
  }
  return total;
}

/** A DMA engine over one machine's RAM. */
export class DmaDevice {
  readonly counters: TransferCounters = { transfers: 0, descriptors: 0, bytes: 0 };
  readonly #ram: Ram;

  constructor(ram: Ram) {
    this.#ram = ram;
  }

  /** Gathers the bytes of `descriptors` into `into`, a memory of the device's own that is large enough. Returns how many. Throws `DeviceError`. */
  gather(descriptors: readonly DmaDescriptor[], into: Uint8Array): number {
    const total = this.#begin(descriptors, into, 'write');
    let at = 0;
    for (const { address, length } of descriptors) {
      into.set(this.#ram.bytes.subarray(address, address + length), at);
      at += length;
    }
    return total;
  }

  /** Scatters the bytes of `from` over `descriptors`, which take that many. Returns how many. Throws `DeviceError`. */
  scatter(descriptors: readonly DmaDescriptor[], from: Uint8Array): number {
    const total = this.#begin(descriptors, from, 'read');
    let at = 0;
    for (const { address, length } of descriptors) {
      this.#ram.bytes.set(from.subarray(at, at + length), address);
      at += length;
    }
    return total;
  }

  /** Writes the gathered bytes, a whole number of pages, to `device` from `page` on, in one operation. Throws `DeviceError`. */
  writeTo(device: BlockDevice, page: number, descriptors: readonly DmaDescriptor[]): void {
    const buffer = new Uint8Array(transferLength(this.#ram, descriptors, 'write'));
    this.gather(descriptors, buffer);
    device.write(page, buffer);
  }

  /** Reads the bytes that `descriptors` take, a whole number of pages, from `device`, in one operation. Throws `DeviceError`. */
  readFrom(device: BlockDevice, page: number, descriptors: readonly DmaDescriptor[]): void {
    const buffer = new Uint8Array(transferLength(this.#ram, descriptors, 'read'));
    device.read(page, buffer);
    this.scatter(descriptors, buffer);
  }

  #begin(descriptors: readonly DmaDescriptor[], side: Uint8Array, operation: 'read' | 'write'): number {
    const total = transferLength(this.#ram, descriptors, operation);
    if (total > side.length) throw new DeviceError(operation, 0, `${total} bytes do not fit in the device's ${side.length}`);
    this.counters.transfers++;
    this.counters.descriptors += descriptors.length;
    this.counters.bytes += total;
    return total;
  }
}
