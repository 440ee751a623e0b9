// The paging device as processes meet it: one request at a time, in the order of their arrival, each as long as the model says.
//
//   issued at    a   b c                  the processor goes on while requests wait
//   served      [a ] [b  ][c    ]
//
// Since the order is kept, a page that is read into the frame of one being written comes after it: nobody need wait for a frame to be clean.
// Times are whole nanoseconds.

import { type PagingDevice, requestSeconds } from '../paging-device.ts';

const NS = 1e9;

/** A device with a queue. */
export class PagingQueue {
  readonly #device: PagingDevice;
  readonly #pageBytes: number;
  #busyUntil = 0;
  #issued = 0;
  readonly counts = { reads: 0, pagesRead: 0, writes: 0, pagesWritten: 0 };

  constructor(device: PagingDevice, pageBytes: number) {
    this.#device = device;
    this.#pageBytes = pageBytes;
  }

  /** Issues a read of `pages` neighbours at the time `now`, not before the last request. Returns when it will be done. */
  read(pages: number, now: number): number {
    this.counts.reads++;
    this.counts.pagesRead += pages;
    return this.#issue('read', pages, now);
  }

  /** Issues a write of `pages` neighbours at the time `now`, not before the last request. Returns when it will be done. */
  write(pages: number, now: number): number {
    this.counts.writes++;
    this.counts.pagesWritten += pages;
    return this.#issue('write', pages, now);
  }

  /** Returns the nanoseconds until `now` during which the device was at work. `now` is not before the last request. */
  busyNs(now: number): number {
    return this.#issued - Math.max(0, this.#busyUntil - now);
  }

  #issue(operation: 'read' | 'write', pages: number, now: number): number {
    const cost = Math.round(requestSeconds(this.#device, operation, pages * this.#pageBytes) * NS);
    this.#issued += cost;
    this.#busyUntil = Math.max(this.#busyUntil, now) + cost;
    return this.#busyUntil;
  }
}
