// A buffer list: a message whose parts lie where they were written, in any number of spaces. Each layer of a system adds its header or its
// trailer to the list instead of copying the message; whoever ends the chain hands the list to a device, or walks it.
//
//   list:   [ loan A, offset, size ] [ loan B, ... ] [ loan A, ... ] ...       a stretch is a part of a loan to the kernel
//
// A stretch can be split and trimmed; parts of one loan share it, and it ends with the last of them. The bytes cannot change: they are lent.
//
//   BL1  size = sum of the stretches, each at least one byte
//   BL2  a loan is held once by every stretch that lies in it, and is ended when no stretch is left
//   BL3  a list that has ended, or was joined to another, is empty
//
// Cost: append as the loan; split, concatenate and trim O(stretches); no byte is copied. Source: FMI/OS's scatter-gather buffers; mbufs.

import { type Errno, invariant, PAGE_SIZE } from '../base/index.ts';
import type { DmaDescriptor } from '../machine/index.ts';
import type { KernelLoan, PageMover } from './page-mover.ts';
import type { Space } from './space.ts';

/** A loan, and how many stretches lie in it. */
interface HeldLoan {
  readonly loan: KernelLoan;
  holders: number;
}

/** Bytes [offset, offset + size) of a loan. */
interface Stretch {
  readonly held: HeldLoan;
  offset: number;
  size: number;
}

/** Bytes lent from several places, in order. */
export class BufferList<S extends Space = Space> {
  readonly #mover: PageMover<S>;
  #stretches: Stretch[] = [];
  #size = 0;

  /** Makes an empty list; what is appended is lent through `mover`. */
  constructor(mover: PageMover<S>) {
    this.#mover = mover;
  }

  /** Bytes in the list. */
  get size(): number {
    return this.#size;
  }

  /** Number of stretches. */
  get length(): number {
    return this.#stretches.length;
  }

  /** Lends [start, start + size) of a space and puts it at the end. Errors as `lendToKernel`; then the list is as it was. */
  append(space: S, start: number, size: number): 0 | Errno {
    return this.#add(this.#mover.lendToKernel(space, start, size), 'last');
  }

  /** Lends [start, start + size) of a space and puts it before all others: a header. Errors as `append`. */
  prepend(space: S, start: number, size: number): 0 | Errno {
    return this.#add(this.#mover.lendToKernel(space, start, size), 'first');
  }

  /** Puts a loan at the end. It is the list's from now on. */
  appendLoan(loan: KernelLoan): void {
    this.#add(loan, 'last');
  }

  #add(loan: KernelLoan | Errno, where: 'first' | 'last'): 0 | Errno {
    if (typeof loan === 'string') return loan;
    const stretch = { held: { loan, holders: 1 }, offset: 0, size: loan.size };
    if (where === 'first') this.#stretches.unshift(stretch);
    else this.#stretches.push(stretch);
    this.#size += loan.size;
    return 0;
  }

  /** Takes over all of `other`, behind what is here; `other` is empty then. */
  concatenate(other: BufferList<S>): void {
    if (other === this) return;
    this.#stretches.push(...other.#stretches);
    this.#size += other.#size;
    other.#stretches = [];
    other.#size = 0;
  }

  /** Keeps the first `at` bytes (0 to `size`) and returns a list of the others. */
  split(at: number): BufferList<S> {
    invariant(at >= 0 && at <= this.#size, 'BL1', () => `a list of ${this.#size} bytes cannot be split at ${at}`);
    const rest = new BufferList<S>(this.#mover);
    const kept: Stretch[] = [];
    let left = at;
    for (const stretch of this.#stretches) {
      const here = Math.min(left, stretch.size);
      left -= here;
      if (here === 0) rest.#stretches.push(stretch);
      else {
        kept.push(stretch);
        if (here < stretch.size) rest.#stretches.push(splitStretch(stretch, here));
      }
    }
    rest.#size = this.#size - at;
    this.#stretches = kept;
    this.#size = at;
    return rest;
  }

  /** Gives up the first `bytes` bytes (0 to `size`): a header that was read. */
  trimFront(bytes: number): void {
    const rest = this.split(bytes);
    this.end();
    this.concatenate(rest);
  }

  /** Gives up the last `bytes` bytes (0 to `size`). */
  trimBack(bytes: number): void {
    this.split(this.#size - bytes).end();
  }

  /** Ends every loan that no other list holds. */
  end(): void {
    for (const { held } of this.#stretches) if (--held.holders === 0) this.#mover.endKernelLoan(held.loan);
    this.#stretches = [];
    this.#size = 0;
  }

  /** Returns the list as physical memory, for a device: stretches that lie side by side become one. */
  descriptors(): DmaDescriptor[] {
    const result: { address: number; length: number }[] = [];
    for (const { held, offset, size } of this.#stretches) {
      for (let done = 0; done < size; ) {
        const at = held.loan.offset + offset + done;
        const length = Math.min(size - done, PAGE_SIZE - (at % PAGE_SIZE));
        const address = (held.loan.frames[Math.floor(at / PAGE_SIZE)] as number) * PAGE_SIZE + (at % PAGE_SIZE);
        const last = result.at(-1);
        if (last !== undefined && last.address + last.length === address) last.length += length;
        else result.push({ address, length });
        done += length;
      }
    }
    return result;
  }
}

/** Cuts a stretch after `at` bytes and returns the second part. */
function splitStretch(stretch: Stretch, at: number): Stretch {
  const rest = { held: stretch.held, offset: stretch.offset + at, size: stretch.size - at };
  stretch.size = at;
  stretch.held.holders++;
  return rest;
}
