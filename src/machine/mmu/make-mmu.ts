// The MMU of a format: a tree of tables, or one hashed table that is there from the start.

import { PAGE_SIZE, type Pfn } from '../../base/index.ts';
import type { PageTableFormat } from './format.ts';
import { HashedMmu, hashedShape } from './hashed-mmu.ts';
import type { Mmu, TableMemory } from './mmu.ts';
import { RadixMmu } from './radix-mmu.ts';

/**
 * Makes the MMU of `format` over `ram`. `takeRun` gives so many frames in a row, or -1, for a table that all spaces share.
 * Returns undefined if there were not enough in a row. Panics (MMU1) if the format contradicts itself or cannot name all frames.
 */
export function makeMmu(ram: TableMemory, format: PageTableFormat, takeRun: (frames: number) => Pfn | -1): Mmu | undefined {
  if (format.architecture !== 'hashed') return new RadixMmu(ram, format);
  const table = takeRun(Math.ceil(hashedShape(ram.frameCount).bytes / PAGE_SIZE));
  return table === -1 ? undefined : new HashedMmu(ram, format, table);
}
