// Moving pages without copying them: what a system may offer beside mapping. UVM's three ways, by how long they last and what they cost:
//
//   loanout             pages are lent read-only, to the kernel (I/O straight from them) or to another process; copy-on-write keeps both
//                       sides apart; the owner can go on using, changing and freeing its own
//   page transfer       pages of the kernel become a process's anonymous memory
//   map-entry passing   whole areas are shared with, copied to or moved to another space: cost by entries, not by pages
//
// Areas that these calls make are not locked by `lockAll('future')`: their pages belong to others as well.
// Source: Cranor and Parulkar 1999, section 7; uvm_loan.c, uvm_map_extract. Writable loans: FMI/OS.

import type { Errno, Pfn, VirtAddr } from '../base/index.ts';
import type { Place } from './requests.ts';
import type { Space } from './space.ts';

/** Pages lent to the kernel. They stay in their frames, and do not change, until the loan ends: an owner that writes gets a copy. */
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
  /**
   * Lends [start, start + size) to the kernel; any byte bounds. What is not in memory is brought in; a hole becomes a page of zeros. Then nothing is lent:
   * EINVAL for a size that is not positive, locked pages and device memory, EFAULT where nothing may be read, EAGAIN if a page is lent 255 times already, ENOMEM, EIO.
   */
  lendToKernel(space: S, start: number, size: number): KernelLoan | Errno;
  /** Ends a loan; the pages stay with their owners, or are freed if those are gone. Ending a loan twice is a panic. */
  endKernelLoan(loan: KernelLoan): void;
  /** Lends a page-aligned range to another space, where it appears as private anonymous memory, copied page by page only if one side writes. EINVAL also for locked pages, EFAULT, ENOMEM, EIO. */
  lendToSpace(from: S, start: number, size: number, to: S, place?: Place): VirtAddr | Errno;
  /**
   * Lends a page-aligned, private writable range to another space that may write into it; the lender finds the changes when the loan
   * ends and cannot touch the range before, nor give itself rights to it. Forks of either side get no part of it. If one side exits or
   * unmaps, the other keeps the pages: the borrower until the loan ends. EINVAL for bad bounds, the same space on both sides, or memory that
   * is shared, locked or lent already, EFAULT if it may not be read and written, ENOMEM.
   */
  lendWritable(from: S, start: number, size: number, to: S, place?: Place): WritableLoan<S> | Errno;
  /** Ends a writable loan: the borrower loses the range, the lender has it again, as far as each still has it. Always works, once; twice is a panic. */
  endWritableLoan(loan: WritableLoan<S>): void;
  /**
   * Page transfer: makes the frames of a kernel loan a space's anonymous memory and ends the loan. Frames whose owner has given them up
   * are taken as they are, the others are copy-on-write. Also for buffers that the kernel filled itself (`kernelPages`). The loan stays on
   * ENOMEM, and on EINVAL: a lender's pages that were lent in part hold what the receiver must not see.
   */
  transfer(loan: KernelLoan, to: S, place?: Place): VirtAddr | Errno;
  /** Takes frames for the kernel to fill, such as a packet that arrived: a loan without a lender, its bytes zeros. ENOMEM. */
  kernelPages(size: number): KernelLoan | Errno;
  /**
   * Map-entry passing. `share`: both places see each other's writes, in private memory too. `copy`: the receiver's is private, copied page by
   * page when either side writes. `move` takes the range from its owner, locks and all. EINVAL also for a target that overlaps the
   * source and for areas in a writable loan, EFAULT if part of it is not mapped, ENOMEM.
   */
  pass(from: S, start: number, size: number, to: S, mode: 'share' | 'copy' | 'move', place?: Place): VirtAddr | Errno;
}
