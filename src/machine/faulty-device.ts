// A device that fails on request: the k-th read, the k-th write, or every transfer that touches a bad page. It wraps a good device
// and passes on what it does not fail; a failed operation never reaches the device, so nothing is transferred or counted.

import type { FailurePlan } from '../base/index.ts';
import { type BlockDevice, type DeviceCounters, DeviceError } from './block-device.ts';
import { bytesOf, transferPages } from './transfer.ts';

/** What fails. Every transfer asks its plan, also one that fails on a bad page. */
export interface DeviceFaults {
  readonly reads?: FailurePlan;
  readonly writes?: FailurePlan;
  readonly syncs?: FailurePlan;
  /** Pages that can be neither read nor written. */
  readonly badPages?: Iterable<number>;
}

/** A block device with injected failures. */
export class FaultyDevice implements BlockDevice {
  readonly name: string;
  readonly pages: number;
  readonly counters: DeviceCounters;
  readonly #device: BlockDevice;
  readonly #faults: DeviceFaults;
  readonly #badPages: ReadonlySet<number>;

  constructor(device: BlockDevice, faults: DeviceFaults) {
    this.name = `${device.name} (faulty)`;
    this.pages = device.pages;
    this.counters = device.counters;
    this.#device = device;
    this.#faults = faults;
    this.#badPages = new Set(faults.badPages);
  }

  read(page: number, into: Uint8Array): void {
    this.#failIfAsked('read', page, transferPages(this, 'read', page, into.length));
    this.#device.read(page, into);
  }

  write(page: number, from: Uint8Array): void {
    this.#failIfAsked('write', page, transferPages(this, 'write', page, from.length));
    this.#device.write(page, from);
  }

  readv(page: number, buffers: readonly Uint8Array[]): void {
    this.#failIfAsked('read', page, transferPages(this, 'read', page, bytesOf(buffers)));
    this.#device.readv(page, buffers);
  }

  writev(page: number, buffers: readonly Uint8Array[]): void {
    this.#failIfAsked('write', page, transferPages(this, 'write', page, bytesOf(buffers)));
    this.#device.writev(page, buffers);
  }

  sync(): void {
    if (this.#faults.syncs?.next() === true) throw new DeviceError('sync', 0, 'injected failure');
    this.#device.sync();
  }

  #failIfAsked(operation: 'read' | 'write', page: number, count: number): void {
    const plan = operation === 'read' ? this.#faults.reads : this.#faults.writes;
    if (plan?.next() === true) throw new DeviceError(operation, page, 'injected failure');
    for (let i = page; i < page + count; i++) {
      if (this.#badPages.has(i)) throw new DeviceError(operation, i, 'bad page');
    }
  }
}
