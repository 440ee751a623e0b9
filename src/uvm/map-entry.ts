// A map entry: one area of a space with the same backing and the same rights throughout. Bounds are page numbers.
//
//   [ start ........... end )
//      |  amapOffset  -> amap     upper layer: pages of the process's own (optional)
//      |  objectOffset -> object  lower layer: pages of the mapped object (optional)
//
// Invariants (checked by `VmMap.check`):
//   ME1  needsCopy implies copyOnWrite
//   ME2  an area that is not copy-on-write and has no object has an amap (shared anonymous memory)
// Source: UVM's vm_map_entry.

import type { Range } from '../ranges/index.ts';
import type { Amap } from './amap.ts';
import type { UvmObject } from './object.ts';

/** Size of UVM's struct vm_map_entry on a 32-bit machine (Cranor and Parulkar 1999, section 3.2). */
export const MAP_ENTRY_BYTES = 56;

/** What an entry is, apart from its bounds. */
export interface EntryAttributes {
  readonly object: UvmObject | undefined;
  /** Page of the object that `start` maps. */
  objectOffset: number;
  readonly protection: number;
  /** Most that `protect` may ask for. */
  readonly maxProtection: number;
  /** Writes are the process's own. */
  readonly copyOnWrite: boolean;
  readonly name: string;
}

/** One area of an address space. */
export class VmMapEntry implements Range {
  start: number;
  end: number;
  readonly object: UvmObject | undefined;
  objectOffset: number;
  amap: Amap | undefined;
  /** Slot of the amap that `start` maps. */
  amapOffset = 0;
  protection: number;
  readonly maxProtection: number;
  readonly copyOnWrite: boolean;
  /** The amap must be copied, or made, before the first write. */
  needsCopy: boolean;
  readonly name: string;
  /** The entry's block in the kernel heap. */
  readonly block: number;

  constructor(start: number, end: number, attributes: EntryAttributes, block: number) {
    this.start = start;
    this.end = end;
    this.object = attributes.object;
    this.objectOffset = attributes.objectOffset;
    this.protection = attributes.protection;
    this.maxProtection = attributes.maxProtection;
    this.copyOnWrite = attributes.copyOnWrite;
    this.needsCopy = attributes.copyOnWrite;
    this.name = attributes.name;
    this.block = block;
  }

  /** Slot of the amap that holds `page`. */
  slotOf(page: number): number {
    return page - this.start + this.amapOffset;
  }

  /** Index in the object of `page`. */
  indexOf(page: number): number {
    return page - this.start + this.objectOffset;
  }

  /** End of the amap slots that the entry holds. */
  get amapEnd(): number {
    return this.amapOffset + (this.end - this.start);
  }

  /** Tells whether `next` begins where this entry ends and continues it in every respect but the amap. */
  continuesInto(next: VmMapEntry): boolean {
    return (
      this.end === next.start &&
      this.object === next.object &&
      (this.object === undefined || this.indexOf(next.start) === next.objectOffset) &&
      this.protection === next.protection &&
      this.maxProtection === next.maxProtection &&
      this.copyOnWrite === next.copyOnWrite &&
      this.needsCopy === next.needsCopy &&
      this.name === next.name
    );
  }
}
