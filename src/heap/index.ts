// heap/: the kernel's own memory, in bytes of RAM.
export { HeapUse, heapUseNames, KernelHeap } from './kernel-heap.ts';
export { RadixIndex } from './radix-index.ts';
