// heap/malloc/: heaps over any buffer, for programs that embed Quire and for the laboratory. `import { Heap } from 'quire/heap'`.
export {
  type AllocatorDesign,
  type AllocatorOptions,
  BlockUse,
  type BlockVisitor,
  type HeapAllocator,
  HeapDamage,
} from './allocator.ts';
export { type AllocatorName, allocatorNames, designs, isAllocatorName } from './designs.ts';
export { Heap, type HeapOptions } from './heap.ts';
export type { GrowingBytes, HeapBacking, HeapRange } from './heap-memory.ts';
export { HeapScope } from './heap-scope.ts';
export type { HeapStatistics } from './heap-statistics.ts';
export type { TypedArrayType } from './heap-values.ts';
