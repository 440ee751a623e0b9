// The contract of an address-range container: disjoint half-open ranges [start, end) in order, each an object of the caller's.
//
// Invariants (quoted by `check`):
//   RM1  ranges are sorted, disjoint and not empty
//   RM2  size = number of ranges; every range is reachable by `find` at its start and its last unit
//   RM3  a range is in at most one map at a time
// Units are the caller's (the kernel uses page numbers). Positions are integers from 0 to 2^53.

/** What is kept. `start` and `end` belong to the map while the item is in it: change them through `resize`. */
export interface Range {
  start: number;
  end: number;
  /** The container's own link to its record; nobody else touches it. Construct items with `slot = undefined` so that their shape never changes. */
  slot?: unknown;
}

/** How to look for a hole of `size` units inside [low, high). */
export interface HoleRequest {
  readonly low: number;
  readonly high: number;
  /** bottom-up: the lowest hole that fits; top-down: the highest place. */
  readonly direction: 'bottom-up' | 'top-down';
  /** first (default): the first gap in that direction with a place; best: the smallest such gap of those inside [low, high), the first of equals. */
  readonly fit?: 'first' | 'best';
  /** Take this place if it is free, inside [low, high) and aligned; else look as if there were no hint. */
  readonly hint?: number;
  /** The hole's start is a multiple of this (default 1). */
  readonly alignment?: number;
}

/** A container of disjoint ranges. */
export interface RangeMap<T extends Range> extends Iterable<T> {
  readonly size: number;
  /** Returns the range that holds `position`. */
  find(position: number): T | undefined;
  /** Returns the first range with `end > position`. */
  findNext(position: number): T | undefined;
  first(): T | undefined;
  last(): T | undefined;
  /** Returns the neighbour above `item`. */
  next(item: T): T | undefined;
  /** Returns the neighbour below `item`. */
  previous(item: T): T | undefined;
  /** Adds a range. Panics (RM1) if it overlaps another or is empty. */
  insert(item: T): void;
  /** Removes a range. Panics if it is not in the map. */
  remove(item: T): void;
  /** Moves a range's bounds. Panics (RM1) if it would pass or overlap a neighbour. */
  resize(item: T, start: number, end: number): void;
  /** Returns the start of a hole, or -1. Panics (RM1) if `size` is below 1. */
  findHole(size: number, request: HoleRequest): number;
  /** Walks everything; panics at the first broken invariant. */
  check(): void;
}

/** A design of container, by name. */
export interface RangeMapKind {
  readonly name: string;
  /** What it is, in some words. */
  readonly meaning: string;
  /**
   * Bytes of kernel memory that each range takes beside its own record, when the structure is as empty as it may get; 0 for links, which the
   * record has room for.
   */
  readonly indexBytes: number;
  make<T extends Range>(): RangeMap<T>;
}
