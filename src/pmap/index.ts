// pmap/: which frame does this address reach, and with which rights?
export { type Access, Pmap, PhysicalMap, type PhysicalMapParts } from './physical-map.ts';
