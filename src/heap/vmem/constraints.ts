// Where a segment may lie, and the first place in a free one that is such a place.

import { invariant } from '../../base/index.ts';

/** Where a segment may lie: what `vmem_xalloc` takes. */
export interface VmemConstraints {
  /** The start is `phase` more than a multiple of this, a power of two and a multiple of the arena's quantum; default: the quantum. */
  readonly alignment?: number;
  /** A multiple of the quantum below the alignment; default 0. */
  readonly phase?: number;
  /** The segment crosses no multiple of this, a power of two; default: none. */
  readonly boundary?: number;
  /** No address of the segment is below this; default 0. */
  readonly from?: number;
  /** All are below this. */
  readonly below?: number;
}

/** The same with nothing left out. */
export type Placement = Required<VmemConstraints>;

const isPowerOfTwo = (value: number): boolean => value >= 1 && Number.isInteger(Math.log2(value));

/** Fills the defaults in. Panics (VA2) if no segment could be meant. */
export function placementOf(constraints: VmemConstraints, quantum: number, size: number): Placement {
  const { alignment = quantum, phase = 0, boundary = Number.POSITIVE_INFINITY, from = 0, below = Number.POSITIVE_INFINITY } = constraints;
  const makesSense =
    isPowerOfTwo(alignment) &&
    alignment >= quantum &&
    phase >= 0 &&
    phase < alignment &&
    phase % quantum === 0 &&
    (boundary === Number.POSITIVE_INFINITY || (isPowerOfTwo(boundary) && boundary >= quantum)) &&
    from >= 0 &&
    below >= 0;
  invariant(
    makesSense,
    'VA2',
    () => `a segment of ${size} at ${phase} beyond a multiple of ${alignment}, within ${boundary}, in [${from}, ${below}) makes no sense`,
  );
  return { alignment, phase, boundary, from, below };
}

/** Returns the first start in the free segment [start, start + free) of `size` that meets the constraints, or -1. */
export function placeIn(start: number, free: number, size: number, placement: Placement): number {
  const { alignment, phase, boundary, from, below } = placement;
  const end = Math.min(start + free, below);
  const next = (address: number): number => Math.ceil((address - phase) / alignment) * alignment + phase;
  let at = next(Math.max(start, from));
  if (crosses(at, size, boundary)) {
    // Behind the boundary, a start is as early in its stretch as one can be. If that crosses too, all do.
    at = next((Math.floor(at / boundary) + 1) * boundary);
    if (crosses(at, size, boundary)) return -1;
  }
  return at + size <= end ? at : -1;
}

function crosses(at: number, size: number, boundary: number): boolean {
  return boundary !== Number.POSITIVE_INFINITY && Math.floor(at / boundary) !== Math.floor((at + size - 1) / boundary);
}
