import { describe, expect, it } from 'vitest';
import { Timeline } from './timeline.ts';

/** A timeline of intervals of 1000 ns; in the k-th a process holds k frames. */
const timelineOf = (intervals: number): Timeline => {
  const timeline = new Timeline();
  for (let k = 0; k < intervals; k++) timeline.add(1000, 500, 250, Float64Array.of(1000 * k));
  return timeline;
};

describe('a timeline', () => {
  it('keeps what it was given while that is little', () => {
    expect(timelineOf(2).pieces()).toEqual([
      { seconds: 1e-6, processorUse: 0.5, deviceUse: 0.25, frames: [0] },
      { seconds: 1e-6, processorUse: 0.5, deviceUse: 0.25, frames: [1] },
    ]);
  });

  it.each([512, 513, 514, 1024, 1025, 1027, 5000])('keeps at most 512 pieces of %i intervals, and loses nothing', (intervals) => {
    const pieces = timelineOf(intervals).pieces();
    expect(pieces.length).toBeLessThanOrEqual(512);
    const frameSeconds = pieces.reduce((sum, { seconds, frames }) => sum + seconds * (frames[0] as number), 0);
    expect(pieces.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(intervals * 1e-6, 12);
    expect(frameSeconds * 1e6).toBeCloseTo((intervals * (intervals - 1)) / 2, 3);
    // All but the last are equally long.
    expect(new Set(pieces.slice(0, -1).map(({ seconds }) => Math.round(seconds * 1e6))).size).toBe(1);
  });
});
