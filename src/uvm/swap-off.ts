// Taking a swap device out of use: what is on it comes back to memory, from where the page daemon may write it to other devices.
//
//   close the device: it gives no slots   ->   pages in memory drop their slots on it   ->   the others are read in, and drop theirs
//
// If memory does not suffice, or a read fails, the device is opened again. Every page still has its content, in memory or on a slot;
// nothing else has changed. Cost: O(frames + anonymous pages of all spaces), one read for each page that is only on the device.
// Source: uvm_swap_off, amap_swap_off and uao_swap_off of NetBSD.

import type { Errno, Pfn } from '../base/index.ts';
import type { BlockDevice } from '../machine/index.ts';
import type { UvmCore } from './core.ts';
import { GET_IO_ERROR, GET_NO_MEMORY, type UvmObject } from './object.ts';
import type { PageDaemon } from './page-daemon.ts';
import type { VmMap } from './vm-map.ts';

/** Empties a device and stops using it. ENOENT, ENOMEM, EIO: it stays in use. */
export function swapOff(core: UvmCore, daemon: PageDaemon, maps: Iterable<VmMap>, device: BlockDevice): 0 | Errno {
  const area = core.swap.areaOf(device);
  if (area < 0) return 'ENOENT';
  core.swap.slots.close(area);
  const failure = new Evacuation(core, daemon, area).run(maps);
  if (failure === undefined) {
    core.swap.remove(device);
    return 0;
  }
  core.swap.slots.open(area);
  daemon.wakeIfLow();
  return failure;
}

/** One device being emptied. */
class Evacuation {
  readonly #core: UvmCore;
  readonly #daemon: PageDaemon;
  readonly #area: number;
  #failure: Errno | undefined;

  constructor(core: UvmCore, daemon: PageDaemon, area: number) {
    this.#core = core;
    this.#daemon = daemon;
    this.#area = area;
  }

  /** Returns why it could not be emptied. */
  run(maps: Iterable<VmMap>): Errno | undefined {
    this.#dropSlotsOfResidentPages();
    for (const object of this.#core.objects.anonymous()) this.#bringObjectIn(object);
    for (const map of maps) {
      for (const entry of map) entry.amap?.forEach(entry.amapOffset, entry.amapEnd, (_slot, anon) => this.#bringAnonIn(anon));
    }
    return this.#failure;
  }

  #dropSlotsOfResidentPages(): void {
    const { machine, swapped } = this.#core;
    for (let frame = 0 as Pfn; frame < machine.frames.table.count; frame++) {
      if (swapped.owns(frame) && this.#isHere(swapped.slotOf(frame))) swapped.dropSlot(frame);
    }
  }

  #isHere(slot: number): boolean {
    return slot >= 0 && this.#core.swap.slots.baseOf(slot) === this.#area;
  }

  #bringAnonIn(anon: number): void {
    const { anons, swapped } = this.#core;
    if (this.#failure !== undefined || !this.#isHere(anons.slot(anon))) return;
    if (anons.frame(anon) === 0) this.#failure = this.#retrying(() => swapped.bringIn(anon, 0));
    if (this.#failure === undefined) anons.dropSlot(anon);
  }

  #bringObjectIn(object: UvmObject): void {
    const { objects } = this.#core;
    object.slots?.forEach(0, object.pageCount, (index, word) => {
      if (this.#failure !== undefined || !this.#isHere(word - 1)) return;
      if (object.pages.get(index) === 0) this.#failure = this.#retrying(() => objects.get(object, index));
      if (this.#failure === undefined) objects.dropSlot(object, index);
    });
  }

  /** Leaves the kernel its minimum: a machine that has just lost its swap must be able to go on. */
  #retrying(bringIn: () => number): Errno | undefined {
    const { machine, queue } = this.#core;
    for (;;) {
      const isShort = machine.frames.freeCount <= queue.freeMinimum;
      const got = isShort ? GET_NO_MEMORY : bringIn();
      if (got === GET_IO_ERROR) return 'EIO';
      if (got !== GET_NO_MEMORY) return undefined;
      if (!this.#daemon.makeRoom(Math.max(queue.freeTarget, machine.frames.freeCount + 1))) return 'ENOMEM';
    }
  }
}
