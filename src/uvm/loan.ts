// Loanout: pages that the kernel borrows, to read them where they are instead of copying them.
//
//   lend     each frame of the range counts one more borrower, and no mapping anywhere may write to it
//   write    of the owner, meanwhile: the fault handler gives the owner a copy (1A, 2A: the page is on loan); the borrower keeps the frame
//   free     by the owner, meanwhile: the frame becomes its borrowers' alone (kind `lent`), and free when the last loan ends
//   end      each frame counts one fewer; rights come back by faults, when the owner writes
//
// Whose page it is does not matter: an anon's (A->K), an object's (O->K), shared or copy-on-write. A page that is not mapped is faulted
// in first, as if the process had read it: so a hole lends a page of zeros that is the process's own from then on. One page of zeros for
// all holes would save frames, but it could be lent 255 times at once (the count in its record) and a single large loan needs more.
//
// Invariants (quoted by `check`):
//   LN1  a frame's loan count = places in outstanding kernel loans that name it, + 1 if an anon borrows it from an object
//   LN2  a frame on loan has no writable mapping; a frame of kind `lent` has a borrower, and no mapping at all
//   LN3  a loan that has ended, or that another machine gave, is not ended or transferred: that panics
// Cost: O(pages), a few nanoseconds each when they are mapped, by runs of the page table: no look at map entries or amaps, no object per
// page. Source: uvm_loan.c; Cranor and Parulkar 1999, section 7. Elsewhere: loans to another space (lent-area.ts).

import { type Errno, invariant, KernelPanic, PAGE_SIZE, type Pfn, pageAtOrAfter, pageOf } from '../base/index.ts';
import { FrameKind, type FrameTable } from '../frames/index.ts';
import { HeapUse } from '../heap/index.ts';
import { FaultOutcome, type KernelLoan } from '../system/index.ts';
import type { UvmCore } from './core.ts';
import type { FaultHandler } from './fault.ts';
import type { PageDaemon } from './page-daemon.ts';
import type { VmMap } from './vm-map.ts';

/** A loan's head, in the kernel heap: two links, offset, size. */
const LOAN_BYTES = 16;
/** A frame number. */
const FRAME_BYTES = 4;
/** Largest block of the kernel heap. */
const BLOCK_BYTES = 4096;

const errnoOfFault: Readonly<Record<FaultOutcome, Errno>> = {
  [FaultOutcome.resolved]: 'EFAULT',
  [FaultOutcome.unmapped]: 'EFAULT',
  [FaultOutcome.protection]: 'EFAULT',
  [FaultOutcome.outOfMemory]: 'ENOMEM',
  [FaultOutcome.ioError]: 'EIO',
};

/** A kernel loan, and the kernel memory that lists its frames. Loans that are outstanding are linked, so that `check` finds them. */
export class Loan implements KernelLoan {
  readonly frames: Pfn[];
  readonly offset: number;
  readonly size: number;
  /** Nothing in the frames is outside the range but zeros: another process may have them whole. */
  readonly whole: boolean;
  /** Kernel memory: the first block, and more for the frames that it does not hold. */
  block = 0;
  more: number[] | undefined;
  state: 'outstanding' | 'ended' = 'ended';
  next: Loan | undefined;
  previous: Loan | undefined;

  constructor(pages: number, offset: number, size: number, lender: 'space' | 'kernel') {
    this.frames = new Array<Pfn>(pages);
    this.offset = offset;
    this.size = size;
    this.whole = lender === 'kernel' || size === pages * PAGE_SIZE;
  }

  /** Bytes of kernel memory for the list. */
  get listBytes(): number {
    return LOAN_BYTES + this.frames.length * FRAME_BYTES;
  }
}

/** The kernel's loans of one machine. */
export class KernelLoans {
  readonly #core: UvmCore;
  readonly #daemon: PageDaemon;
  readonly #faults: FaultHandler;
  readonly #table: FrameTable;
  /** The outstanding loan that was made last. */
  #last: Loan | undefined;

  constructor(core: UvmCore, daemon: PageDaemon, faults: FaultHandler) {
    this.#core = core;
    this.#daemon = daemon;
    this.#faults = faults;
    this.#table = core.machine.frames.table;
  }

  /** Lends [start, start + size) of a space, as `PageMover.lendToKernel` says. */
  lend(space: VmMap, start: number, size: number): Loan | Errno {
    const end = start + size;
    if (!(size > 0 && start >= 0) || !Number.isInteger(start) || !Number.isInteger(size)) return 'EINVAL';
    if (end > space.layout.high) return 'EFAULT';
    this.#daemon.wakeIfLow();
    const first = pageOf(start);
    const loan = this.#open(new Loan(pageAtOrAfter(end) - first, start - first * PAGE_SIZE, size, 'space'));
    if (loan === undefined) return 'ENOMEM';
    const failure = this.#collect(space, first, loan.frames);
    if (failure === undefined) return loan;
    this.#close(loan);
    return failure;
  }

  /** Takes frames for the kernel to fill, as `PageMover.kernelPages` says. */
  kernelPages(size: number): Loan | Errno {
    if (!(size > 0) || !Number.isInteger(size)) return 'EINVAL';
    this.#daemon.wakeIfLow();
    const loan = this.#open(new Loan(pageAtOrAfter(size), 0, size, 'kernel'));
    if (loan === undefined) return 'ENOMEM';
    const { frames } = loan;
    for (let i = 0; i < frames.length; i++) {
      const frame = this.#takeZeroed();
      if (frame === -1) {
        this.#giveBack(frames, i);
        this.#close(loan);
        return 'ENOMEM';
      }
      this.#table.addLoan(frame);
      frames[i] = frame;
    }
    return loan;
  }

  #takeZeroed(): Pfn | -1 {
    const { queue, machine } = this.#core;
    for (;;) {
      const frame = queue.allocateZeroed(FrameKind.lent, 0, 0);
      if (frame !== -1 || !this.#daemon.makeRoom(Math.max(queue.freeTarget, machine.frames.freeCount + 1))) return frame;
    }
  }

  /** Returns the loan as this file made it. Panics (LN3) if it is not outstanding. */
  expect(loan: KernelLoan): Loan {
    if (loan instanceof Loan && loan.state === 'outstanding') return loan;
    throw new KernelPanic('LN3', `a loan of ${loan.frames.length} pages is not outstanding`);
  }

  /** Ends a loan. Panics (LN3) if it is not outstanding. */
  end(loan: KernelLoan): void {
    const ours = this.expect(loan);
    this.#giveBack(ours.frames, ours.frames.length);
    this.#close(ours);
  }

  /** Lends the pages from `first` on, as many as `frames` has places. A failure lends none. */
  #collect(space: VmMap, first: number, frames: Pfn[]): Errno | undefined {
    const { pmaps } = this.#core.machine;
    const count = frames.length;
    for (let done = 0; done < count; ) {
      const mapped = done + pmaps.freeze(space.pmap, first + done, first + count, frames, done);
      const failure = this.#lendFrames(frames, done, mapped);
      if (failure !== undefined) return failure;
      done = mapped;
      if (done === count) break;
      const outcome = this.#faults.handle(space, first + done, 0);
      if (outcome === FaultOutcome.resolved) continue;
      this.#giveBack(frames, done);
      return errnoOfFault[outcome];
    }
    this.#core.statistics.pagesLent += count;
    return undefined;
  }

  /** Counts the loan of frames [from, to) of the list. If one cannot be lent, those before it are given back too, down to the first. */
  #lendFrames(frames: readonly Pfn[], from: number, to: number): Errno | undefined {
    const table = this.#table;
    for (let i = from; i < to; i++) {
      const frame = frames[i] as Pfn;
      const lendable = table.isLendable(frame);
      if (lendable && table.addLoan(frame)) continue;
      this.#giveBack(frames, i);
      return lendable ? 'EAGAIN' : 'EINVAL';
    }
    return undefined;
  }

  #giveBack(frames: readonly Pfn[], count: number): void {
    const table = this.#table;
    for (let i = 0; i < count; i++) {
      const frame = frames[i] as Pfn;
      if (table.dropLoan(frame) === 0 && table.kind(frame) === FrameKind.lent) this.#core.queue.freeFrame(frame);
    }
  }

  /** Takes the kernel memory of a loan. Returns undefined, with nothing taken, when there is not enough. */
  #open(loan: Loan): Loan | undefined {
    const { heap } = this.#core.machine;
    const { listBytes } = loan;
    loan.block = heap.allocate(Math.min(listBytes, BLOCK_BYTES), HeapUse.loan);
    if (loan.block === 0 || (listBytes > BLOCK_BYTES && !this.#takeMore(loan))) {
      this.#freeBlocks(loan);
      return undefined;
    }
    loan.state = 'outstanding';
    loan.next = this.#last;
    if (this.#last !== undefined) this.#last.previous = loan;
    this.#last = loan;
    return loan;
  }

  #takeMore(loan: Loan): boolean {
    const { heap } = this.#core.machine;
    loan.more = [];
    for (let left = loan.listBytes - BLOCK_BYTES; left > 0; left -= BLOCK_BYTES) {
      const block = heap.allocate(Math.min(left, BLOCK_BYTES), HeapUse.loan);
      if (block === 0) return false;
      loan.more.push(block);
    }
    return true;
  }

  #close(loan: Loan): void {
    this.#freeBlocks(loan);
    loan.state = 'ended';
    if (loan.previous === undefined) this.#last = loan.next;
    else loan.previous.next = loan.next;
    if (loan.next !== undefined) loan.next.previous = loan.previous;
  }

  #freeBlocks({ block, more, listBytes }: Loan): void {
    const { heap } = this.#core.machine;
    if (block !== 0) heap.free(block, Math.min(listBytes, BLOCK_BYTES), HeapUse.loan);
    if (more === undefined) return;
    for (const [i, each] of more.entries()) heap.free(each, Math.min(listBytes - (i + 1) * BLOCK_BYTES, BLOCK_BYTES), HeapUse.loan);
  }

  /** Compares every frame's record with the loans there are. Panics at the first broken invariant. */
  check(): void {
    const places = new Map<number, number>();
    for (let loan = this.#last; loan !== undefined; loan = loan.next) {
      for (const frame of loan.frames) places.set(frame, (places.get(frame) ?? 0) + 1);
    }
    for (let frame = 0 as Pfn; frame < this.#table.count; frame++) this.#checkFrame(frame, places.get(frame) ?? 0);
  }

  #checkFrame(frame: Pfn, places: number): void {
    const table = this.#table;
    const kind = table.kind(frame);
    const borrowed = kind === FrameKind.object && table.borrower(frame) !== 0 ? 1 : 0;
    const count = table.loanCount(frame);
    invariant(count === places + borrowed, 'LN1', () => `frame ${frame} counts ${count} loans, there are ${places} + ${borrowed}`);
    const orphanIsBorrowed = kind !== FrameKind.lent || (count > 0 && table.mapSpace(frame) === 0);
    invariant(orphanIsBorrowed, 'LN2', () => `frame ${frame} of kind lent has ${count} borrowers and mapping ${table.mapSpace(frame)}`);
  }
}
