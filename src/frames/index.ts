// frames/: physical memory. Which frames are free, and what the others are for.
export * from './atomic-bitmap-allocator.ts';
export * from './bitmap-allocator.ts';
export * from './boot.ts';
export { buddyAllocator } from './buddy-allocator.ts';
export * from './cached-buddy-allocator.ts';
export * from './dma-pool.ts';
export * from './flat-bitmap-allocator.ts';
export * from './frame-allocator.ts';
export * from './frame-table.ts';
export * from './list-allocator.ts';
export * from './physical-memory.ts';
export type { PagePlace, ReservationCounts } from './reservations.ts';
export * from './slab-allocator.ts';
export * from './stack-allocator.ts';
export * from './tree-allocator.ts';
export type { WatchedZone } from './zone-watch.ts';
export * from './zoned-allocator.ts';
