// pmap/: which frame does this address reach, and with which rights?

export * from './kernel-map/index.ts';
export type { LargePageCounts, LargePages } from './large-mappings.ts';
export { type Access, PhysicalMap, type PhysicalMapParts } from './physical-map.ts';
export type { Pmap } from './pmap.ts';
