// heap/: the kernel's own memory, in bytes of RAM.
export { HeapUse, KernelHeap, heapUseNames } from './kernel-heap.ts';
export { RadixIndex } from './radix-index.ts';
