// An anon: one page of anonymous memory, wherever it is. It is 16 bytes in the kernel heap, named by their physical address.
//
//   word 0   references: amap slots that hold the anon
//   word 1   frame, 0 when the page is not in memory
//   word 2   swap slot + 1, 0 when it has none
//   word 3   unused
//
//   its frame is its own, or an object's page that it borrows (loan.ts): then the frame's record names it as the borrower
//
//   states   frame only (never paged out, or changed since)   frame and slot (clean copy on swap)   slot only (paged out)
//
// Invariants (quoted by `check`):
//   AN1  references = number of amap slots that hold the anon; an anon without references does not exist
//   AN2  the frame's record names the anon, as its owner or as its borrower
// Slots are counted with those of shared memory: SB1 (swap-backed.ts).
// Source: UVM's vm_anon. Two layers of anons replace the shadow-object chains of 4.4BSD.

import { invariant, type Pfn } from '../base/index.ts';
import { FrameKind, type FrameTable, type PhysicalMemory } from '../frames/index.ts';
import { HeapUse, type KernelHeap } from '../heap/index.ts';
import type { PhysicalMap } from '../pmap/index.ts';
import type { Machine, MemoryStatistics, PageQueue, SwapSpace } from '../system/index.ts';

const ANON_BYTES = 16;
const REFERENCES = 0;
const FRAME = 1;
const SLOT = 2;

/** The anons of one machine. An anon is a nonzero number. */
export class AnonTable {
  readonly #heap: KernelHeap;
  readonly #words: Uint32Array;
  readonly #table: FrameTable;
  readonly #frames: PhysicalMemory;
  readonly #pmaps: PhysicalMap;
  readonly #queue: PageQueue;
  readonly #swap: SwapSpace;
  readonly #statistics: MemoryStatistics;

  constructor(machine: Machine, queue: PageQueue, swap: SwapSpace, statistics: MemoryStatistics) {
    this.#heap = machine.heap;
    this.#words = machine.ram.words;
    this.#table = machine.frames.table;
    this.#frames = machine.frames;
    this.#pmaps = machine.pmaps;
    this.#queue = queue;
    this.#swap = swap;
    this.#statistics = statistics;
  }

  /** Makes an anon with one reference, no page and no slot. Returns 0 when the kernel heap is out of memory. */
  create(): number {
    const anon = this.#heap.allocate(ANON_BYTES, HeapUse.anon);
    if (anon !== 0) this.#words[(anon >>> 2) + REFERENCES] = 1;
    return anon;
  }

  references(anon: number): number {
    return this.#words[(anon >>> 2) + REFERENCES] as number;
  }

  /** Counts one more amap slot that holds the anon. */
  addReference(anon: number): void {
    this.#words[(anon >>> 2) + REFERENCES] = this.references(anon) + 1;
  }

  /** Counts one fewer; the last one frees page, slot and anon. */
  dropReference(anon: number): void {
    const left = this.references(anon) - 1;
    this.#words[(anon >>> 2) + REFERENCES] = left;
    if (left > 0) return;
    if (this.frame(anon) !== 0) this.#giveUpFrame(anon);
    else if (this.slot(anon) >= 0) this.#statistics.swapOnly--;
    this.dropSlot(anon);
    this.#heap.free(anon, ANON_BYTES, HeapUse.anon);
  }

  /** Returns the frame that holds the page, or 0. */
  frame(anon: number): Pfn {
    return this.#words[(anon >>> 2) + FRAME] as Pfn;
  }

  /** Records where the page is; 0 when it has left memory. */
  setFrame(anon: number, frame: Pfn | 0): void {
    this.#words[(anon >>> 2) + FRAME] = frame;
  }

  /** Puts the anon's page, with equal bytes, into a frame of its own: what it had is left to those who share or borrow it. */
  moveTo(anon: number, frame: Pfn): void {
    this.#giveUpFrame(anon);
    this.dropSlot(anon);
    this.setFrame(anon, frame);
  }

  #giveUpFrame(anon: number): void {
    const frame = this.frame(anon);
    if (frame === 0) return;
    if (this.#table.kind(frame) === FrameKind.object) this.#endBorrowing(frame);
    else this.#queue.release(frame);
  }

  #endBorrowing(frame: Pfn): void {
    this.#pmaps.pageProtect(frame, 'none');
    this.#table.setBorrower(frame, 0);
    this.#table.dropLoan(frame);
  }

  /**
   * Gives the anon an object's page that is frozen (no mapping can write), as a loan. The anon has no frame, the page no borrower.
   * Returns false, with nothing changed, if the page is lent too often.
   */
  borrow(anon: number, frame: Pfn): boolean {
    if (!this.#table.addLoan(frame)) return false;
    this.#table.setBorrower(frame, anon);
    this.setFrame(anon, frame);
    return true;
  }

  /** The object gives up a page that an anon borrows, unmapped: it becomes the anon's own. What the policy knows stays as it is. */
  adoptBorrowed(frame: Pfn): void {
    const anon = this.#table.borrower(frame);
    this.#table.setBorrower(frame, 0);
    this.#table.dropLoan(frame);
    this.#frames.reassign(frame, FrameKind.anon, anon, 0);
  }

  /** Gives the anon, which has no frame, a frame that belongs to nobody but its borrowers. */
  adoptOrphan(anon: number, frame: Pfn): void {
    this.#frames.reassign(frame, FrameKind.anon, anon, 0);
    this.setFrame(anon, frame);
    this.#queue.policy.loaded(frame);
  }

  /** Tells whether a write may go to the page as it is: nobody else holds the anon, and its frame is not on loan. */
  isExclusive(anon: number): boolean {
    if (this.references(anon) > 1) return false;
    const frame = this.frame(anon);
    return frame === 0 || this.#table.loanCount(frame) === 0;
  }

  /** Returns the page's swap slot, or -1. */
  slot(anon: number): number {
    return (this.#words[(anon >>> 2) + SLOT] as number) - 1;
  }

  /** Records the slot that now holds a copy of the page. The anon had none. */
  setSlot(anon: number, slot: number): void {
    this.#words[(anon >>> 2) + SLOT] = slot + 1;
    this.#statistics.swapInUse++;
  }

  /** Gives the page's slot back, if it has one. */
  dropSlot(anon: number): void {
    const slot = this.slot(anon);
    if (slot < 0) return;
    this.#swap.slots.free(slot, 1);
    this.#words[(anon >>> 2) + SLOT] = 0;
    this.#statistics.swapInUse--;
  }

  /** Checks the anons that `held` counts: anon -> amap slots that hold it. Panics at the first broken invariant. */
  check(held: ReadonlyMap<number, number>): void {
    for (const [anon, count] of held) {
      invariant(
        this.references(anon) === count,
        'AN1',
        () => `anon ${anon} counts ${this.references(anon)} references, ${count} slots hold it`,
      );
      const frame = this.frame(anon);
      const kind = this.#table.kind(frame);
      const owned = kind === FrameKind.anon && this.#table.owner(frame) === anon;
      const borrowed = kind === FrameKind.object && this.#table.borrower(frame) === anon;
      invariant(frame === 0 || owned || borrowed, 'AN2', () => `anon ${anon} is in frame ${frame}, which does not name it`);
      invariant(frame !== 0 || this.slot(anon) >= 0, 'AN2', () => `anon ${anon} has neither frame nor slot`);
    }
    invariant(this.#heap.bytesInUse(HeapUse.anon) === held.size * ANON_BYTES, 'AN1', () => 'an anon that no amap holds was not freed');
  }
}
