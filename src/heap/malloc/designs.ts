// Every allocator design by name. A heap's header holds a design's place in this list: new ones go to the end.

import type { AllocatorDesign } from './allocator.ts';

/** The designs by name. */
export const designs: Readonly<Record<string, AllocatorDesign>> = {};

/** The name of an allocator, as in `--allocator`. */
export type AllocatorName = string;

/** Names of the allocators, in the order of their numbers. */
export const allocatorNames: readonly AllocatorName[] = Object.keys(designs);
