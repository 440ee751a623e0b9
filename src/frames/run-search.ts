// Runs: how any allocator finds frames in a row that meet what a device asks for.
//
//   from a free frame    first place at or after it that is aligned and crosses no boundary
//   is one of the run's frames given?    go on at the next free frame behind it          no? that is the run
//
// Cost: one step per stretch of free frames, and what the view's two questions cost. Elsewhere: the contract (frame-allocator.ts).

import { invariant } from '../base/index.ts';
import type { RunConstraints } from './frame-allocator.ts';

/** Which frames are free, asked in indexes from the allocator's first frame. */
export interface FreeView {
  readonly first: number;
  readonly count: number;
  /** Returns the lowest free index at or above `from`, or `count`. */
  nextFree(from: number): number;
  /** Returns the lowest index in [from, to) that is not free, or -1; `to` is at most `count`. */
  nextGiven(from: number, to: number): number;
}

/** Returns a view that asks frame by frame. */
export function frameByFrame(first: number, count: number, isFree: (index: number) => boolean): FreeView {
  return {
    first,
    count,
    nextFree: (from) => {
      let index = from;
      while (index < count && !isFree(index)) index++;
      return Math.min(index, count);
    },
    nextGiven: (from, to) => {
      for (let index = from; index < to; index++) if (!isFree(index)) return index;
      return -1;
    },
  };
}

const isPowerOfTwo = (value: number): boolean => value >= 1 && Number.isInteger(Math.log2(value));

/** Panics (FA2) if no run could be meant. */
export function expectRun(count: number, { alignment = 1, boundary = 1 }: RunConstraints): void {
  const makesSense = Number.isInteger(count) && count >= 1 && isPowerOfTwo(alignment) && isPowerOfTwo(boundary);
  invariant(makesSense, 'FA2', () => `a run of ${count} frames aligned to ${alignment}, within ${boundary}, makes no sense`);
}

/** Returns the lowest index at which `count` free frames in a row meet the constraints, or -1. Panics (FA2) if they make no sense. */
export function findRun(view: FreeView, count: number, constraints: RunConstraints): number {
  expectRun(count, constraints);
  const { first } = view;
  const { alignment = 1, below = Number.POSITIVE_INFINITY, boundary = Number.POSITIVE_INFINITY } = constraints;
  if (count > boundary) return -1;
  // Alignment and boundary are those of the frame's number, the search is in indexes.
  const place = (index: number): number => {
    const aligned = Math.ceil((index + first) / alignment) * alignment;
    if (boundary === Number.POSITIVE_INFINITY || Math.floor(aligned / boundary) === Math.floor((aligned + count - 1) / boundary)) {
      return aligned - first;
    }
    // The next multiple of both: they are powers of two, so of the larger one.
    const step = Math.max(alignment, boundary);
    return Math.ceil((aligned + 1) / step) * step - first;
  };
  const end = Math.min(view.count, below - first);
  let start = place(view.nextFree(0));
  while (start + count <= end) {
    const obstacle = view.nextGiven(start, start + count);
    if (obstacle === -1) return start;
    start = place(view.nextFree(obstacle + 1));
  }
  return -1;
}

/** Returns the length of the longest run of free frames. */
export function longestRun(view: FreeView): number {
  let longest = 0;
  for (let index = view.nextFree(0); index < view.count; ) {
    const given = view.nextGiven(index, view.count);
    const end = given === -1 ? view.count : given;
    longest = Math.max(longest, end - index);
    index = view.nextFree(end);
  }
  return longest;
}
