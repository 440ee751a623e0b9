// The designs of kernel heap by name.

import { buddyHeap } from './buddy-heap.ts';
import { cachesHeap, magazinesHeap } from './cache-heap.ts';
import type { KernelHeapKind } from './kernel-heap.ts';
import { listHeap } from './list-heap.ts';
import { slabHeap } from './slab-heap.ts';

/** All designs, the default first. */
export const kernelHeapKinds: readonly KernelHeapKind[] = [slabHeap, cachesHeap, magazinesHeap, listHeap, buddyHeap];
