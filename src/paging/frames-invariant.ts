// The check of RP4 that every policy in the simulator makes.

import { invariant } from '../base/index.ts';

/** Panics (RP4) if `size` resident pages are more than the frames. */
export function expectWithinFrames(size: number, frames: number): void {
  invariant(size <= frames, 'RP4', () => `${size} pages in ${frames} frames`);
}
