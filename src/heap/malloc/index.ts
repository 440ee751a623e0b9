// malloc over any buffer: what `quire/heap` gives.
export type { BlockVisitor } from './allocator.ts';
export { type AllocatorName, allocatorNames } from './designs.ts';
export { Heap } from './heap.ts';
