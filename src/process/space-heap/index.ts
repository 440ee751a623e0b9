// space-heap/: the allocators of heap/ over the address space of a process.
export type { GuardPlacement } from './mapped-blocks.ts';
export { type GuardSettings, SpaceHeap, type SpaceHeapSettings, type SpaceHeapUsage } from './space-heap.ts';
