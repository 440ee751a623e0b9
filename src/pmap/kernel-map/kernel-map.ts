// Kernel maps: by which virtual address does the kernel itself reach a frame? The programs' own pages are pmap's business.
//
//   linear    | all of RAM, one large page after the other ............... | window |     frame -> address: an addition
//   regions   | window | region | region ...                               |              frame -> unit of a large page -> region, or a new one
//   dynamic   | whatever is mapped now, at addresses from an arena .............. |       an address, an entry, and a TLB entry to drop, each time
//
// The kernel's part is the upper quarter of a 32-bit space (1 GiB, as Linux and Tilck have it), the upper half of a larger one. A window has
// slots of a page, for what the rest cannot do: frames beyond what is mapped, and scattered frames in a row.
//
//   KM1  what is mapped translates, by the page tables, to the frames that were asked for, in order; nothing else is mapped
//   KM2  only frames of memory are mapped, at least one
//   KM3  unmap takes back only what is mapped, as a whole; else it panics and changes nothing
//   KM4  address and physical address, as the kernel reckons them, agree with the page tables
//
// Page tables, and what a design remembers, are frames of RAM. Tables stay once they are made: what comes next at these addresses finds them.
// Sources: Tilck and Windows as their authors and readers tell; Linux 2.4's kmap and vmalloc; Bonwick's arenas. Costs: docs/kernel.md.

import type { PhysAddr, VirtAddr } from '../../base/index.ts';
import type { PhysicalMemory } from '../../frames/index.ts';
import type { Mmu } from '../../machine/index.ts';

/** What a kernel map is made from. */
export interface KernelMapParts {
  readonly mmu: Mmu;
  /** Gives frames for page tables and records. */
  readonly memory: PhysicalMemory;
  /** Frames [0, frames) can be mapped; there may be more than `memory` has, to see what a machine of that size would need. */
  readonly frames: number;
}

/** What a kernel map did and has. Counts are from its beginning on, boot included. */
export interface KernelMapStatistics {
  /** Frames of page tables now. */
  readonly tableFrames: number;
  /** Frames of what the design remembers: slots, regions, boundary tags. */
  readonly recordFrames: number;
  /** Pages that are mapped now. */
  readonly mappedPages: number;
  /** Entries of page tables written, at any level. */
  readonly entriesWritten: number;
  /** Translations that a TLB may have had and that had to be dropped. */
  readonly tlbDropped: number;
  /** Table levels gone down, slots and regions looked at. */
  readonly steps: number;
  readonly maps: number;
  readonly failures: number;
}

/** How a kernel reaches frames. */
export interface KernelMap {
  readonly name: string;

  /**
   * Maps `count` frames in a row. Returns the address of the first, -1 if no address or no frame for a table is left, with nothing mapped.
   * Panics (KM2) for frames that memory does not have.
   */
  map(frame: number, count?: number): VirtAddr | -1;

  /** The same for `frames[offset .. offset + count)`, wherever they lie, at addresses in a row. */
  mapFrames(frames: ArrayLike<number>, offset: number, count: number): VirtAddr | -1;

  /**
   * Ends what `map` or `mapFrames` began at `address` for so many frames. Where mappings are for ever (`isPermanent`) it does nothing; where
   * many share one it ends with the last. Panics (KM3), changing nothing, if there is no such mapping.
   */
  unmap(address: number, count?: number): void;

  /** Tells whether the mapping at `address` is there from boot on, for ever. */
  isPermanent(address: number): boolean;

  /** Returns the physical address of a mapped byte as the kernel reckons it; -1 if it is not mapped. */
  toPhysical(address: number): PhysAddr | -1;

  /** Returns an address at which a byte of RAM is mapped now, the lowest; -1 if there is none. */
  toVirtual(physical: number): VirtAddr | -1;

  /** Returns the physical address of a byte as the hardware finds it, by the page tables; -1 if it is not mapped. */
  translate(address: number): PhysAddr | -1;

  statistics(): KernelMapStatistics;

  /** Gives everything back. Panics (KM3) while anything is mapped that is not for ever. */
  destroy(): void;

  /** Walks everything; panics at the first broken invariant. */
  check(): void;
}

/** A design by name. */
export interface KernelMapKind {
  readonly name: string;
  /** What it is, in half a sentence. */
  readonly meaning: string;
  /** Boots. Returns ENOMEM, with nothing lost, if the frames for tables and records are not there. */
  make(parts: KernelMapParts): KernelMap | 'ENOMEM';
}
