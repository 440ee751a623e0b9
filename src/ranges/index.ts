// ranges/: containers of disjoint address ranges behind one interface.
export { randomHole } from './hole-search.ts';
export { rangeMapKinds, redBlackMap } from './kinds.ts';
export type { HoleRequest, Range, RangeMap, RangeMapKind } from './range-map.ts';
