// segmentation/: segments with bounds and rights, x86 descriptors, and memory for segments without pages.
export * from './segment.ts';
export * from './segment-store.ts';
export * from './x86-descriptor.ts';
