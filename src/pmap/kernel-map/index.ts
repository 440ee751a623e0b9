// kernel-map/: by which virtual address does the kernel reach a frame?
export type { KernelMap, KernelMapKind, KernelMapParts, KernelMapStatistics } from './kernel-map.ts';
export { kernelMapKinds } from './kinds.ts';
export { MappedRam } from './mapped-ram.ts';
