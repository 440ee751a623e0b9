// A block device: pages in, pages out, all of it synchronous and counted.
//
// What it costs: operations are what a disk charges for, so they are counted apart from bytes.
// Elsewhere: swap slots (paging/), the file-backed device (cli/), the failure injector (faulty-device.ts).

/** Counts since the device was made. */
export interface DeviceCounters {
  readOperations: number;
  writeOperations: number;
  bytesRead: number;
  bytesWritten: number;
}

/** An I/O that did not happen. Nothing was transferred; the caller's memory may hold part of a failed read. */
export class DeviceError extends Error {
  readonly operation: 'read' | 'write' | 'sync';
  readonly page: number;

  constructor(operation: 'read' | 'write' | 'sync', page: number, reason: string) {
    super(`${operation} of page ${page}: ${reason}`);
    this.name = 'DeviceError';
    this.operation = operation;
    this.page = page;
  }
}

/** Storage addressed in pages of `PAGE_SIZE` bytes. */
export interface BlockDevice {
  /** Shown in reports. */
  readonly name: string;
  /** Size in pages. */
  readonly pages: number;
  readonly counters: DeviceCounters;
  /** Reads the run of pages that fills `into` (a multiple of the page size). Throws `DeviceError`. */
  read(page: number, into: Uint8Array): void;
  /** Writes the run of pages in `from` (a multiple of the page size). Throws `DeviceError`. */
  write(page: number, from: Uint8Array): void;
  /** Reads the run of pages that fills `buffers`, one after the other (each a multiple of the page size), in one operation. Throws `DeviceError`. */
  readv(page: number, buffers: readonly Uint8Array[]): void;
  /** Writes the run of pages in `buffers`, one after the other (each a multiple of the page size), in one operation. Throws `DeviceError`. */
  writev(page: number, buffers: readonly Uint8Array[]): void;
  /** Returns when all writes are on the device. Throws `DeviceError`. */
  sync(): void;
}
