// What every block device checks before it moves a byte.
//
//   BD1  a transfer is a whole number of pages, at least one
//   BD2  a transfer lies within the device, or it fails with `DeviceError` before anything moved

import { invariant, PAGE_SIZE } from '../base/index.ts';
import { type BlockDevice, type DeviceCounters, DeviceError } from './block-device.ts';

/** Returns the length in pages of a transfer of `sizeBytes` from `page`. Panics (BD1) or throws `DeviceError` (BD2). */
export function transferPages(device: BlockDevice, operation: 'read' | 'write', page: number, sizeBytes: number): number {
  invariant(sizeBytes > 0 && sizeBytes % PAGE_SIZE === 0, 'BD1', () => `${operation} of ${sizeBytes} bytes is no whole number of pages`);
  const count = sizeBytes / PAGE_SIZE;
  if (!Number.isInteger(page) || page < 0 || page + count > device.pages) {
    throw new DeviceError(operation, page, `${count} pages from there are not within the ${device.pages} pages of ${device.name}`);
  }
  return count;
}

/** Returns the bytes in all of `buffers`. Panics (BD1) if one of them is no whole number of pages. */
export function bytesOf(buffers: readonly Uint8Array[]): number {
  let sizeBytes = 0;
  for (const { length } of buffers) {
    invariant(length % PAGE_SIZE === 0, 'BD1', () => `a buffer of ${length} bytes is no whole number of pages`);
    sizeBytes += length;
  }
  return sizeBytes;
}

/** Counts one operation that moved so many bytes. */
export function countTransfer(counters: DeviceCounters, operation: 'read' | 'write', sizeBytes: number): void {
  if (operation === 'read') {
    counters.readOperations++;
    counters.bytesRead += sizeBytes;
  } else {
    counters.writeOperations++;
    counters.bytesWritten += sizeBytes;
  }
}
