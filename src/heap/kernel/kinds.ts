// The designs of kernel heap by name.

import type { KernelHeapKind } from './kernel-heap.ts';
import { slabHeap } from './slab-heap.ts';

/** All designs, the default first. */
export const kernelHeapKinds: readonly KernelHeapKind[] = [slabHeap];
