// The reserve against a direct measurement: how many frames of a plain function still fit where it refuses.
import { describe, expect, it } from 'vitest';
import { makeStackReserve } from './stack-reserve.ts';

/** Frames of the smallest function that still fit here; each takes at least 48 bytes on every 64-bit engine. */
function framesLeft(): number {
  let frames = 0;
  const deeper = (): void => {
    frames++;
    deeper();
  };
  try {
    deeper();
  } catch {
    // The stack is full: that is the answer.
  }
  return frames;
}

/** Recurses until the reserve refuses; returns the frames left there, or -1 if it never did. */
function framesLeftWhenRefused(reserve: () => void): number {
  let left = -1;
  const deeper = (): void => {
    try {
      reserve();
    } catch (error) {
      if (left < 0) left = framesLeft();
      throw error;
    }
    deeper();
  };
  expect(deeper).toThrow(RangeError);
  return left;
}

describe('the stack reserve', () => {
  it.each([0, 1_000, 300_000])('leaves tens of KiB where it refuses, after %i calls', (calls) => {
    const reserve = makeStackReserve();
    for (let i = 0; i < calls; i++) reserve();
    expect(framesLeftWhenRefused(reserve)).toBeGreaterThan(400);
  });
});
