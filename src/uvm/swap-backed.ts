// Pages with swap behind them, whoever owns them: an anon, or an anonymous object (shared memory). The page daemon gathers them in one
// cluster and the swap devices hold them side by side; only the place where frame and slot are written down differs.
//
//   frame of kind anon    owner: the anon                       frame and slot in the anon's record       (anon.ts)
//   frame of kind object  owner: the object, index: its page    frame and slot in two radix indexes       (object.ts)
//
// Invariants (quoted by `checkSwap`):
//   SB1  swapInUse = slots given = slots named by anons and by anonymous objects; swapOnly = those whose page is not in memory
// Source: uvm_swap_setdirty, uao_set_swslot and an_swslot in NetBSD's pager code.

import { EventType, invariant, type Pfn } from '../base/index.ts';
import { FrameKind, type FrameTable } from '../frames/index.ts';
import type { Machine, MemoryStatistics, PageQueue, SwapSpace } from '../system/index.ts';
import type { AnonTable } from './anon.ts';
import { GET_IO_ERROR, GET_NO_MEMORY, type ObjectTable } from './object.ts';

/** What `SwapBacked` stands on. */
export interface SwapBackedParts {
  readonly machine: Machine;
  readonly statistics: MemoryStatistics;
  readonly queue: PageQueue;
  readonly swap: SwapSpace;
  readonly anons: AnonTable;
  readonly objects: ObjectTable;
}

/** Frames and slots of anonymous pages. */
export class SwapBacked {
  readonly #parts: SwapBackedParts;
  readonly #table: FrameTable;

  constructor(parts: SwapBackedParts) {
    this.#parts = parts;
    this.#table = parts.machine.frames.table;
  }

  /** Tells whether the page in `frame` goes to swap. */
  owns(frame: Pfn): boolean {
    const kind = this.#table.kind(frame);
    if (kind === FrameKind.anon) return this.#table.owner(frame) !== 0;
    return kind === FrameKind.object && this.#parts.objects.isAnonymous(this.#table.owner(frame));
  }

  /** Returns the slot with a copy of the page in `frame`, or -1. */
  slotOf(frame: Pfn): number {
    const owner = this.#table.owner(frame);
    if (this.#table.kind(frame) === FrameKind.anon) return this.#parts.anons.slot(owner);
    return this.#parts.objects.slot(owner, this.#table.index(frame));
  }

  /** Gives back the slot of the page in `frame`, if it has one: then only the frame holds the page. */
  dropSlot(frame: Pfn): void {
    const owner = this.#table.owner(frame);
    if (this.#table.kind(frame) === FrameKind.anon) this.#parts.anons.dropSlot(owner);
    else this.#parts.objects.dropSlot(this.#parts.objects.byId(owner), this.#table.index(frame));
  }

  /** Records that the page in `frame` is in `slot`, and had none. */
  setSlot(frame: Pfn, slot: number): void {
    const owner = this.#table.owner(frame);
    if (this.#table.kind(frame) === FrameKind.anon) this.#parts.anons.setSlot(owner, slot);
    else this.#parts.objects.setSlot(owner, this.#table.index(frame), slot);
  }

  /** Records that the page has left `frame`: only its slot has it now. */
  leave(frame: Pfn): void {
    const owner = this.#table.owner(frame);
    if (this.#table.kind(frame) === FrameKind.anon) this.#parts.anons.setFrame(owner, 0);
    else this.#parts.objects.byId(owner).pages.set(this.#table.index(frame), 0);
    this.#parts.statistics.swapOnly++;
  }

  /** Brings an anon's page in from its slot, and holds it. Returns its frame, or GET_NO_MEMORY, GET_IO_ERROR with nothing changed. */
  bringIn(anon: number, space: number): number {
    const { machine, statistics, queue, swap, anons } = this.#parts;
    const frame = queue.allocateForSwapIn(anon);
    if (frame === -1) return GET_NO_MEMORY;
    const slot = anons.slot(anon);
    if (!swap.read(slot, frame)) {
      queue.freeFrame(frame);
      statistics.swapErrors++;
      return GET_IO_ERROR;
    }
    anons.setFrame(anon, frame);
    queue.insert(frame);
    statistics.swapPagesIn++;
    statistics.swapOnly--;
    machine.events.emit(EventType.swapIn, space, slot, frame);
    return frame;
  }

  /** Panics (SB1) unless the slots that the owners name are the slots given. `anons` are those that exist. */
  check(anons: Iterable<number>): void {
    const { statistics, swap, objects } = this.#parts;
    let named = 0;
    let only = 0;
    const count = (hasFrame: boolean): void => {
      named++;
      if (!hasFrame) only++;
    };
    for (const anon of anons) if (this.#parts.anons.slot(anon) >= 0) count(this.#parts.anons.frame(anon) !== 0);
    for (const object of objects.anonymous()) object.slots?.forEach(0, object.pageCount, (index) => count(object.pages.get(index) !== 0));
    const { used } = swap.slots;
    invariant(
      named === used && statistics.swapInUse === used && statistics.swapOnly === only,
      'SB1',
      () => `${named} slots are named, ${only} without a page in memory; counted: ${used}, ${statistics.swapInUse}, ${statistics.swapOnly}`,
    );
  }
}
