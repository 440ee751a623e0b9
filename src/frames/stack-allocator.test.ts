import { describe, expect, it } from 'vitest';
import { pfn } from '../base/index.ts';
import { describeFrameAllocator } from './frame-allocator.conformance.ts';
import { stackAllocator } from './stack-allocator.ts';

describeFrameAllocator(stackAllocator);

describe('stackAllocator', () => {
  it('takes one word per frame and one for the top', () => {
    expect(stackAllocator.metadataBytes(1)).toBe(8);
    expect(stackAllocator.metadataBytes(4096)).toBe(4 * 4097);
  });

  it('gives the frame freed last first', () => {
    const allocator = stackAllocator.make(pfn(10), 50, { words: new Uint32Array(51) });
    for (const frame of [20, 12, 59, 10]) allocator.free(pfn(frame));
    expect(Array.from({ length: 5 }, () => allocator.allocate())).toEqual([10, 59, 12, 20, -1]);
  });

  it('keeps the order of the others when a run is taken out', () => {
    const allocator = stackAllocator.make(pfn(0), 20, { words: new Uint32Array(21) });
    for (const frame of [9, 4, 15, 5, 1, 6]) allocator.free(pfn(frame));
    expect(allocator.allocateRun(3)).toBe(4);
    expect(Array.from({ length: 4 }, () => allocator.allocate())).toEqual([1, 15, 9, -1]);
  });
});
