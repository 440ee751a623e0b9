// Every allocator design by name. A heap's header holds a design's place in this list: new ones go to the end.

import { firstFit, nextFit, worstFit } from './address-fits.ts';
import type { AllocatorDesign } from './allocator.ts';
import { bestFit } from './best-fit.ts';
import { buddy } from './buddy.ts';
import { byteBitmap } from './byte-bitmap.ts';
import { dlmalloc } from './dlmalloc.ts';
import { freeList } from './free-list.ts';
import { segregated } from './segregated.ts';
import { sizeClasses } from './size-classes.ts';
import { slab } from './slab.ts';
import { tlsf } from './tlsf.ts';

/** The designs by name. */
export const designs = {
  segregated,
  'first-fit': firstFit,
  'next-fit': nextFit,
  'best-fit': bestFit,
  'worst-fit': worstFit,
  dlmalloc,
  'size-classes': sizeClasses,
  tlsf,
  slab,
  buddy,
  'free-list': freeList,
  'byte-bitmap': byteBitmap,
} as const satisfies Readonly<Record<string, AllocatorDesign>>;

/** The name of an allocator, as in `--allocator`. */
export type AllocatorName = keyof typeof designs;

/** Names of the allocators, in the order of their numbers. */
export const allocatorNames = Object.keys(designs) as readonly AllocatorName[];

/** Tells whether `name` is the name of an allocator. */
export function isAllocatorName(name: string): name is AllocatorName {
  return Object.hasOwn(designs, name);
}
