// vmem/: ranges of integers, given out and taken back: kernel addresses, identifiers.
export type { VmemConstraints } from './constraints.ts';
export { TagPool } from './tag-pool.ts';
export { Vmem, type VmemFit, type VmemOptions, type VmemSource, type VmemStatistics } from './vmem.ts';
