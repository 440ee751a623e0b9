// What misses cost: a model, for results that a count of misses does not tell, such as what a dirty page costs when it goes.
//
//   time = misses x time to read a page + dirty evictions x time to write one
//
// It leaves out whatever overlaps, queues or batches; a kernel reads and writes several pages at a time.

import type { SimulationCounts } from './simulate.ts';

/** A device that pages are read from and written to, one at a time, in no order. */
export interface PagingDevice {
  readonly name: string;
  readonly readSeconds: number;
  readonly writeSeconds: number;
  /** What each byte beyond the first 4 KiB of a request takes, as a rate. */
  readonly bytesPerSecond: number;
}

/** Bytes that `readSeconds` and `writeSeconds` are for. */
const REQUEST_BYTES = 4096;

/** The devices by what they are. Latencies of one 4 KiB request at a time, as makers and reviews state them; they differ by 2 either way. */
export const pagingDevices: readonly PagingDevice[] = [
  // NAND flash over NVMe: a read waits for the flash, a write for the drive's buffer.
  { name: 'ssd', readSeconds: 80e-6, writeSeconds: 20e-6, bytesPerSecond: 3e9 },
  // 7200 revolutions a minute: an average seek of 8.5 ms and half a revolution of 4.2 ms.
  { name: 'disk', readSeconds: 12.7e-3, writeSeconds: 12.7e-3, bytesPerSecond: 150e6 },
];

/** Returns how long one request for neighbouring bytes takes. @param sizeBytes at least 4 KiB */
export function requestSeconds(device: PagingDevice, operation: 'read' | 'write', sizeBytes: number): number {
  const { readSeconds, writeSeconds, bytesPerSecond } = device;
  return (operation === 'read' ? readSeconds : writeSeconds) + (sizeBytes - REQUEST_BYTES) / bytesPerSecond;
}

/** Returns how long a replay waits for its device. */
export function pagingSeconds({ misses, evictions }: SimulationCounts, { readSeconds, writeSeconds }: PagingDevice): number {
  return misses * readSeconds + evictions.dirty * writeSeconds;
}
