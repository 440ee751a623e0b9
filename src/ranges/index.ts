// ranges/: containers of disjoint address ranges behind one interface.
export type { HoleRequest, Range, RangeMap } from './range-map.ts';
export { RedBlackMap } from './red-black.ts';
