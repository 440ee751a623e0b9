// What can lie behind an area: a memory object, and the pager that knows its bytes.

import type { Errno, Pfn } from '../base/index.ts';

/** Where the bytes of an object-backed area come from. Pages are `PAGE_SIZE` bytes; the last may be partly beyond the end. */
export interface Pager {
  /**
   * `image`: a program's data, never written back. `file`: written back when shared and dirty. `user`: a process that answers requests,
   * otherwise like a file. `device`: physical memory of a device, by `frameOf`; never copied, never evicted. `anonymous`: the manager's
   * own, for shared memory: zeros at first, then swap; its `read` is never called.
   */
  readonly kind: 'image' | 'file' | 'user' | 'device' | 'anonymous';
  readonly name: string;
  /** Size in pages. */
  readonly pages: number;
  /** Fills `into` (one page) with page `index`, zeros beyond the end. Returns an errno when the bytes cannot be read. */
  read(index: number, into: Uint8Array): Errno | undefined;
  /** Writes page `index` back. Pagers of images have no write. */
  write?(index: number, from: Uint8Array): Errno | undefined;
  /** Devices only: the permanent frame that is page `index`. */
  frameOf?(index: number): Pfn;
}

/** A memory object that areas can map: made by `createObject` or `createSharedMemory`, shared by all who map it. */
export interface MemoryObject {
  readonly id: number;
  readonly name: string;
  readonly pageCount: number;
}
