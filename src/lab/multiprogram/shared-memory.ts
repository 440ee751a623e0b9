// The frames that several processes share: which pages are in them, what hardware and kernel know of each page, and what leaving costs.
//
//   page ids   [ pages of process 0 | pages of process 1 | ... ]     one number for each page of each process: first(process) + its own id
//   flags      [ one byte each, PageFlag ]
//
// A page that leaves dirty is written first, together with dirty pages that follow it in the address space, up to the cluster: they stay and
// are clean. The reader that gets its frame is behind that write in the device's queue.
//
// A page is held from the moment its read is issued until its process runs again: it may not leave.
//
// Invariants (quoted by `check`):
//   MP1  frames held by all processes + free frames = frames; no count is negative
//   MP2  a process holds as many frames as it has resident pages
//
// Cost: 2 bytes for each page of each process.
// The `as number` on array reads: pages and processes are below the lengths.

import { invariant } from '../../base/index.ts';
import type { PageBits } from '../../paging/index.ts';
import type { PagingQueue } from './paging-queue.ts';
import { BLOCK_BYTES, type Program } from './program.ts';

/** What is known of a page. */
export const PageFlag = {
  resident: 1,
  /** Used since someone last looked. */
  referenced: 2,
  dirty: 4,
  held: 8,
  /** Read before it was asked for, by fault-ahead or prepaging. */
  ahead: 16,
  /** Used since it was read. */
  used: 32,
  /** Was in memory before. */
  left: 64,
} as const;

/** What a SharedMemory is made for. */
export interface SharedMemoryOptions {
  readonly programs: readonly Program[];
  readonly frames: number;
  readonly queue: PagingQueue;
  /** Pages at most in one write. */
  readonly cluster: number;
}

/** Frames, flags, and the counts of pages that left. */
export class SharedMemory implements PageBits {
  readonly frames: number;
  readonly programs: readonly Program[];
  /** `PageFlag`s of each page. */
  readonly flags: Uint8Array;
  /** For each process the number of its first page. */
  readonly first: Uint32Array;
  /** For each process the frames that it holds. */
  readonly held: Int32Array;
  /** For each process its references so far: its virtual time. */
  readonly virtualTime: Float64Array;
  /** The modelled time in nanoseconds. */
  now = 0;
  free: number;
  /** Bytes of resident pages that no reference is ever to. */
  unusedBytes = 0;
  readonly counts = { clean: 0, dirty: 0, ahead: 0, aheadUseful: 0, aheadUseless: 0 };
  readonly #owner: Uint8Array;
  readonly #queue: PagingQueue;
  readonly #cluster: number;

  constructor({ programs, frames, queue, cluster }: SharedMemoryOptions) {
    this.programs = programs;
    this.frames = this.free = frames;
    this.#queue = queue;
    this.#cluster = cluster;
    this.first = new Uint32Array(programs.length);
    this.held = new Int32Array(programs.length);
    this.virtualTime = new Float64Array(programs.length);
    let pages = 0;
    programs.forEach((program, process) => {
      this.first[process] = pages;
      pages += program.pages;
    });
    this.flags = new Uint8Array(pages);
    this.#owner = new Uint8Array(pages);
    programs.forEach((program, process) => {
      const from = this.first[process] as number;
      this.#owner.fill(process, from, from + program.pages);
    });
  }

  /** Pages of all processes: numbers are below it. */
  get pages(): number {
    return this.flags.length;
  }

  /** Returns the process that a page belongs to. */
  ownerOf(page: number): number {
    return this.#owner[page] as number;
  }

  has(page: number): boolean {
    return ((this.flags[page] as number) & PageFlag.resident) !== 0;
  }

  isHeld(page: number): boolean {
    return ((this.flags[page] as number) & PageFlag.held) !== 0;
  }

  isModified(page: number): boolean {
    return ((this.flags[page] as number) & PageFlag.dirty) !== 0;
  }

  testAndClearReferenced(page: number): boolean {
    const flags = this.flags[page] as number;
    this.flags[page] = flags & ~PageFlag.referenced;
    return (flags & PageFlag.referenced) !== 0;
  }

  /** Gives `page` a free frame and holds it. Returns whether it was in memory before. @param how `ahead` if nobody has asked for it yet */
  enter(page: number, how: 'asked' | 'ahead'): boolean {
    const process = this.ownerOf(page);
    const before = this.flags[page] as number;
    this.flags[page] = (before & PageFlag.left) | PageFlag.resident | PageFlag.held | (how === 'ahead' ? PageFlag.ahead : 0);
    if (how === 'ahead') this.counts.ahead++;
    this.free--;
    this.held[process] = (this.held[process] as number) + 1;
    this.unusedBytes += this.#unusedBytesOf(page, process);
    return (before & PageFlag.left) !== 0;
  }

  /** Lets a held page leave again. */
  release(page: number): void {
    this.flags[page] = (this.flags[page] as number) & ~PageFlag.held;
  }

  /** Takes the frame of a resident page; one that is dirty is written. */
  leave(page: number): void {
    const isDirty = this.isModified(page);
    if (isDirty) this.clean(page);
    if (isDirty) this.counts.dirty++;
    else this.counts.clean++;
    this.drop(page);
  }

  /** Takes the frame of a resident page whose content has been written elsewhere or is of no use any more. */
  drop(page: number): void {
    const process = this.ownerOf(page);
    const flags = this.flags[page] as number;
    if ((flags & PageFlag.ahead) !== 0) {
      if ((flags & PageFlag.used) !== 0) this.counts.aheadUseful++;
      else this.counts.aheadUseless++;
    }
    this.flags[page] = PageFlag.left;
    this.free++;
    this.held[process] = (this.held[process] as number) - 1;
    this.unusedBytes -= this.#unusedBytesOf(page, process);
  }

  /** Writes a dirty page, and dirty pages that follow it: all of them are clean then. */
  clean(page: number): void {
    const process = this.ownerOf(page);
    const first = this.first[process] as number;
    const { following } = this.programs[process] as Program;
    let written = 0;
    let at = page;
    do {
      this.flags[at] = (this.flags[at] as number) & ~PageFlag.dirty;
      written++;
      const next = following[at - first] as number;
      at = next < 0 ? -1 : first + next;
    } while (at !== -1 && written < this.#cluster && this.isModified(at));
    this.#queue.write(written, this.now);
  }

  /** Yields the resident pages of a process. */
  *residentPages(process: number): Generator<number> {
    const first = this.first[process] as number;
    const end = first + (this.programs[process] as Program).pages;
    for (let page = first; page < end; page++) if (this.has(page)) yield page;
  }

  /** Counts everything; panics at the first broken invariant. */
  check(): void {
    let held = 0;
    this.programs.forEach((_, process) => {
      const frames = this.held[process] as number;
      const resident = [...this.residentPages(process)].length;
      invariant(frames === resident, 'MP2', () => `process ${process} holds ${frames} frames for ${resident} pages`);
      held += frames;
    });
    invariant(this.free >= 0 && held + this.free === this.frames, 'MP1', () => `${held} held, ${this.free} free of ${this.frames}`);
  }

  #unusedBytesOf(page: number, process: number): number {
    const own = page - (this.first[process] as number);
    return ((this.programs[process] as Program).unusedBlocks[own] as number) * BLOCK_BYTES;
  }
}
