import type { Pfn } from '../base/index.ts';
import type { Tlb } from '../machine/index.ts';

/** One address space as the hardware sees it. */
export class Pmap {
  /** 1 to 65535; names the space in reverse mappings and events. */
  readonly id: number;
  /** Frame of the top-level table; where spaces have no tables of their own, what names the space to the MMU. */
  readonly root: Pfn;
  readonly tlb: Tlb;
  /** Pages with a present entry. */
  residentPages = 0;
  /** Frames of its page tables, the root included; 0 where all spaces share one. */
  tableFrames: number;
  /** Large entries, each in the place of a leaf table. */
  largePages = 0;

  constructor(id: number, root: Pfn, tlb: Tlb, tableFrames: number) {
    this.id = id;
    this.root = root;
    this.tlb = tlb;
    this.tableFrames = tableFrames;
  }
}
