// Swap: where anonymous pages go. Slots are given at page-out, so that any dirty pages can be written side by side in one operation.
//
// A slot belongs to one anon. A write that fails leaves the pages where they were, in memory, dirty.
// Cost: one device operation per cluster out, one per page in. Source: UVM (Cranor and Parulkar 1999, section 6), uvm_swap.c.

import { PAGE_SIZE, type Pfn } from '../base/index.ts';
import { type BlockDevice, DeviceError, type Ram } from '../machine/index.ts';
import { SwapSlots } from '../paging/index.ts';

/** Pages in one write: 64 KiB, UVM's MAXPHYS. */
export const CLUSTER_PAGES = 16;

/** The swap slots of a machine and the device under them; without a device there are no slots. */
export class SwapSpace {
  readonly slots: SwapSlots;
  readonly #device: BlockDevice | undefined;
  readonly #ram: Ram;
  readonly #staging = new Uint8Array(CLUSTER_PAGES * PAGE_SIZE);

  constructor(ram: Ram, device: BlockDevice | undefined) {
    this.#ram = ram;
    this.#device = device;
    this.slots = new SwapSlots(device?.pages ?? 0);
  }

  /** Reads a slot into a frame. Returns false when the device failed; the frame's content is then undefined. */
  read(slot: number, frame: Pfn): boolean {
    return this.#attempt((device) => device.read(slot, this.#ram.frame(frame)));
  }

  /** Writes `count` frames to the slots from `slot` on, in one operation. Returns false when the device failed. */
  write(slot: number, frames: Int32Array, offset: number, count: number): boolean {
    for (let i = 0; i < count; i++) {
      this.#staging.set(this.#ram.frame(frames[offset + i] as Pfn), i * PAGE_SIZE);
    }
    return this.#attempt((device) => device.write(slot, this.#staging.subarray(0, count * PAGE_SIZE)));
  }

  #attempt(operation: (device: BlockDevice) => void): boolean {
    if (this.#device === undefined) return false;
    try {
      operation(this.#device);
      return true;
    } catch (error) {
      if (error instanceof DeviceError) return false;
      throw error;
    }
  }
}
