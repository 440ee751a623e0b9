// What a disk would have taken: a timetable of one arm over one platter, and a block device that keeps it. The data moves at once, on the
// device inside; only the clock is modelled, and whoever shows it must say so.
//
//   one operation = seek + rotation + transfer
//     seek       0 where the last operation ended; else trackSeekMs, growing with the square root of the way; averageSeekMs over a third
//     rotation   half a revolution; none for a read that continues the last operation, since the disk has read ahead by then
//     transfer   bytes / bytesPerMs
//
// A write that continues the last one still waits for the platter: it was issued when that one was over, and the place has just passed.
// Source of the form: Ruemmler and Wilkes 1994, "An introduction to disk drive modeling".

import { PAGE_SIZE } from '../base/index.ts';
import type { BlockDevice, DeviceCounters } from './block-device.ts';
import { bytesOf } from './transfer.ts';

/** A disk as its data sheet describes it. */
export interface DiskModel {
  readonly name: string;
  /** Capacity in pages: what a seek over the whole disk is measured by. */
  readonly pages: number;
  /** Milliseconds to a track near by, and to a place at a third of the capacity: the average of random seeks. */
  readonly trackSeekMs: number;
  readonly averageSeekMs: number;
  readonly revolutionMs: number;
  readonly bytesPerMs: number;
}

/** A good disk of 1998: 9.1 GB, 7,200 revolutions a minute, 12 MB/s. Typical figures of its class, not one product's data sheet. */
export const disk1998: DiskModel = {
  name: '7,200 rpm disk of 1998',
  pages: Math.floor(9.1e9 / PAGE_SIZE),
  trackSeekMs: 1,
  averageSeekMs: 8,
  revolutionMs: 60_000 / 7200,
  bytesPerMs: 12_000,
};

/** Random seeks go a third of the way over the disk on average. */
const AVERAGE_SEEK_SHARE = 1 / 3;

/** A device whose operations are timed as a disk's. */
export class CostModelDevice implements BlockDevice {
  readonly name: string;
  readonly pages: number;
  readonly counters: DeviceCounters;
  /** Milliseconds that the disk would have been busy, since the device was made. */
  modelledMs = 0;
  readonly #device: BlockDevice;
  readonly #model: DiskModel;
  /** Page after the last operation: where the arm is. */
  #position = 0;

  constructor(device: BlockDevice, model: DiskModel) {
    this.name = `${device.name} (${model.name})`;
    this.pages = device.pages;
    this.counters = device.counters;
    this.#device = device;
    this.#model = model;
  }

  read(page: number, into: Uint8Array): void {
    this.#device.read(page, into);
    this.#charge('read', page, into.length);
  }

  write(page: number, from: Uint8Array): void {
    this.#device.write(page, from);
    this.#charge('write', page, from.length);
  }

  readv(page: number, buffers: readonly Uint8Array[]): void {
    this.#device.readv(page, buffers);
    this.#charge('read', page, bytesOf(buffers));
  }

  writev(page: number, buffers: readonly Uint8Array[]): void {
    this.#device.writev(page, buffers);
    this.#charge('write', page, bytesOf(buffers));
  }

  sync(): void {
    this.#device.sync();
  }

  #charge(operation: 'read' | 'write', page: number, sizeBytes: number): void {
    const { trackSeekMs, averageSeekMs, revolutionMs, bytesPerMs, pages } = this.#model;
    const way = Math.abs(page - this.#position);
    const share = Math.sqrt(way / (pages * AVERAGE_SEEK_SHARE));
    const seek = way === 0 ? 0 : trackSeekMs + (averageSeekMs - trackSeekMs) * share;
    const rotation = way === 0 && operation === 'read' ? 0 : revolutionMs / 2;
    this.modelledMs += seek + rotation + sizeBytes / bytesPerMs;
    this.#position = page + sizeBytes / PAGE_SIZE;
  }
}
