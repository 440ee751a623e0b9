// Swap: where anonymous pages go. Slots are given at page-out, so that any dirty pages can be written side by side in one operation.
//
//   slot of the drum (paging/swap-drum.ts) -> area -> device, page of the device = slot - base of the area
//
// A slot belongs to one page. A write that fails leaves the pages where they were, in memory, dirty.
// Invariant SW1: each device in use has one area of the drum, as long as the device.
// Cost: one device operation per cluster out, one per page in. Source: UVM (Cranor and Parulkar 1999, section 6), uvm_swap.c.

import { type Errno, invariant, type Pfn } from '../base/index.ts';
import { type BlockDevice, DeviceError, type Ram } from '../machine/index.ts';
import { SwapDrum } from '../paging/index.ts';
import type { SwapDeviceReport } from './memory-system.ts';

/** Pages in one write: 64 KiB, UVM's MAXPHYS. */
export const CLUSTER_PAGES = 16;

/** A device in use, and the area of the drum that it has. */
interface SwapDevice {
  readonly device: BlockDevice;
  readonly base: number;
  readonly priority: number;
}

/** The swap slots of a machine and the devices under them; without a device there are no slots. */
export class SwapSpace {
  readonly slots = new SwapDrum();
  readonly #devices: SwapDevice[] = [];
  readonly #ram: Ram;
  /** The frames of the transfer at hand. */
  readonly #buffers: Uint8Array[] = [];
  readonly #readv = (device: BlockDevice, page: number): void => device.readv(page, this.#buffers);
  readonly #writev = (device: BlockDevice, page: number): void => device.writev(page, this.#buffers);

  /** @param device the first device, of priority 0. */
  constructor(ram: Ram, device: BlockDevice | undefined) {
    this.#ram = ram;
    if (device !== undefined) this.add(device, 0);
  }

  /** Puts a device into use. EEXIST if it is; ENOMEM if the drum has no numbers left. */
  add(device: BlockDevice, priority: number): 0 | Errno {
    if (this.areaOf(device) >= 0) return 'EEXIST';
    const base = this.slots.add(device.pages, priority);
    if (base < 0) return 'ENOMEM';
    this.#devices.push({ device, base, priority });
    return 0;
  }

  /** Returns the area of a device by its first slot, or -1 when it is not in use. */
  areaOf(device: BlockDevice): number {
    return this.#devices.find((each) => each.device === device)?.base ?? -1;
  }

  /** Takes a device out of use. Panics (SD2) while it holds a page. */
  remove(device: BlockDevice): void {
    this.slots.remove(this.areaOf(device));
    this.#devices.splice(
      this.#devices.findIndex((each) => each.device === device),
      1,
    );
  }

  /** The devices, in the order in which they are filled. */
  devices(): SwapDeviceReport[] {
    return this.slots.bases().map((base) => {
      const { device, priority } = this.#deviceAt(base);
      const { total, used, bad } = this.slots.slotsAt(base);
      return { device, priority, slots: total, used, bad };
    });
  }

  /** Reads a slot into a frame. Returns false when the device failed; the frame's content is then undefined. */
  read(slot: number, frame: Pfn): boolean {
    return this.#attempt(slot, (device, page) => device.read(page, this.#ram.frame(frame)));
  }

  /** Reads the `count` slots from `slot` on, which are one run, into frames, in one operation. Returns false when the device failed; their content is then undefined. */
  readRun(slot: number, frames: Int32Array, count: number): boolean {
    this.#ram.buffers(frames, 0, count, this.#buffers);
    return this.#attempt(slot, this.#readv);
  }

  /** Writes `count` frames to the slots from `slot` on, which are one run, in one operation. Returns false when the device failed. */
  write(slot: number, frames: Int32Array, offset: number, count: number): boolean {
    this.#ram.buffers(frames, offset, count, this.#buffers);
    return this.#attempt(slot, this.#writev);
  }

  /** Panics at the first broken invariant of the slots and of SW1. */
  check(): void {
    this.slots.check();
    for (const base of this.slots.bases()) {
      const { pages } = this.#deviceAt(base).device;
      invariant(pages === this.slots.slotsAt(base).total, 'SW1', () => `the area at ${base} is not as long as its device`);
    }
  }

  #deviceAt(base: number): SwapDevice {
    const found = this.#devices.find((each) => each.base === base);
    invariant(found !== undefined, 'SW1', () => `the area at ${base} has no device`);
    return found;
  }

  #attempt(slot: number, operation: (device: BlockDevice, page: number) => void): boolean {
    const { device, base } = this.#deviceAt(this.slots.baseOf(slot));
    try {
      operation(device, slot - base);
      return true;
    } catch (error) {
      if (error instanceof DeviceError) return false;
      throw error;
    }
  }
}
