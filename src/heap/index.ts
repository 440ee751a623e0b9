// heap/: the kernel's own memory, in bytes of RAM; and the allocators of malloc/, for memories that are no buffers.
export { HeapUse, heapUseNames, type KernelHeap, type KernelHeapCosts, type KernelHeapKind } from './kernel/kernel-heap.ts';
export { kernelHeapKinds } from './kernel/kinds.ts';
export { type ObjectCache, ObjectCaches } from './kernel/object-cache.ts';
export { RadixIndex } from './kernel/radix-index.ts';
export { slabHeap } from './kernel/slab-heap.ts';
export type { BlockVisitor, HeapAllocator } from './malloc/allocator.ts';
export { type AllocatorSettings, formatAllocator, limitOfHeapIn, openAllocator } from './malloc/assemble.ts';
export type { HeapMemory } from './malloc/heap-memory.ts';
export * from './vmem/index.ts';
