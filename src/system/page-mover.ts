// Moving pages without copying them: what a system may offer beside mapping. UVM's three ways, by how long they last and what they cost:
//
//   loanout             pages are lent read-only, to the kernel (I/O straight from them) or to another process; copy-on-write keeps both
//                       sides apart; the owner can go on using, changing and freeing its own
//   page transfer       pages of the kernel become a process's anonymous memory
//   map-entry passing   whole areas are shared with, copied to or moved to another space: cost by entries, not by pages
//
// Source: Cranor and Parulkar 1999, section 7; uvm_loan.c, uvm_map_extract. Writable loans: FMI/OS.

import type { Errno, Pfn, VirtAddr } from '../base/index.ts';
import type { Place } from './requests.ts';
import type { Space } from './space.ts';

/** Pages lent to the kernel. They cannot be evicted, and do not change, until the loan ends. */
export interface KernelLoan {
  /** The frames, in the order of the range. */
  readonly frames: readonly Pfn[];
  /** Where the range begins in the first frame, and its length in bytes. */
  readonly offset: number;
  readonly size: number;
}

/** Pages lent to another space with the right to change them. */
export interface WritableLoan<S extends Space = Space> {
  readonly lender: S;
  readonly lenderStart: VirtAddr;
  readonly borrower: S;
  readonly borrowerStart: VirtAddr;
  readonly size: number;
}

/** The moving calls of a memory manager. */
export interface PageMover<S extends Space = Space> {
  /** Lends [start, start + size) to the kernel; any byte bounds. EINVAL, EFAULT if it may not be read, ENOMEM, EIO; then nothing is lent. */
  lendToKernel(space: S, start: number, size: number): KernelLoan | Errno;
  /** Ends a loan; the pages stay with their owners, or are freed if those are gone. */
  endKernelLoan(loan: KernelLoan): void;
  /** Lends a page-aligned range to another space, where it appears as private anonymous memory, copied page by page only if one side writes. EINVAL, EFAULT, ENOMEM. */
  lendToSpace(from: S, start: number, size: number, to: S, place?: Place): VirtAddr | Errno;
  /**
   * Lends a page-aligned, private writable range to another space that may write into it; the lender finds the changes when the loan
   * ends and cannot touch the range before. EINVAL, EFAULT, ENOMEM.
   */
  lendWritable(from: S, start: number, size: number, to: S, place?: Place): WritableLoan<S> | Errno;
  /** Ends a writable loan: the borrower loses the range, the lender has it again. */
  endWritableLoan(loan: WritableLoan<S>): void;
  /**
   * Page transfer: makes the frames of a kernel loan a space's anonymous memory and ends the loan. Frames whose owner has given them up
   * are taken as they are, the others are copy-on-write. Also for buffers that the kernel filled itself (`kernelPages`). ENOMEM: the loan stays.
   */
  transfer(loan: KernelLoan, to: S, place?: Place): VirtAddr | Errno;
  /** Takes frames for the kernel to fill, such as a packet that arrived: a loan without a lender, its bytes zeros. ENOMEM. */
  kernelPages(size: number): KernelLoan | Errno;
  /** Map-entry passing. `move` takes the range from its owner. EINVAL, EFAULT if part of it is not mapped, ENOMEM. */
  pass(from: S, start: number, size: number, to: S, mode: 'share' | 'copy' | 'move', place?: Place): VirtAddr | Errno;
}
