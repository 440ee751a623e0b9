// frames/: physical memory. Which frames are free, and what the others are for.
export * from './bitmap-allocator.ts';
export * from './boot.ts';
export * from './frame-allocator.ts';
export * from './frame-table.ts';
export * from './physical-memory.ts';
export * from './stack-allocator.ts';
