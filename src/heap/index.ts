// heap/: the kernel's own memory, in bytes of RAM.
export { HeapUse, heapUseNames, KernelHeap } from './kernel/kernel-heap.ts';
export { RadixIndex } from './kernel/radix-index.ts';
