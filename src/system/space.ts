// An address space, as everything above the memory manager sees it.

import type { VirtAddr } from '../base/index.ts';
import type { Pmap } from '../pmap/index.ts';

/** One address space. Each manager has a class of its own behind this. */
export interface Space {
  /** The space's hardware side; traps refill from it. */
  readonly pmap: Pmap;
  /** First address of the brk area and its present end. */
  readonly breakStart: VirtAddr;
  readonly breakEnd: VirtAddr;
}
