import { describe, expect, it } from 'vitest';
import { pfn } from '../base/index.ts';
import { buddyAllocator } from './buddy-allocator.ts';
import { cachedBuddyAllocator } from './cached-buddy-allocator.ts';
import { describeFrameAllocator } from './frame-allocator.conformance.ts';

describeFrameAllocator(cachedBuddyAllocator);

function make(count: number) {
  const words = new Uint32Array(cachedBuddyAllocator.metadataBytes(count) / 4);
  const allocator = cachedBuddyAllocator.make(pfn(0), count, { words });
  for (let frame = 0; frame < count; frame++) allocator.free(pfn(frame));
  return { allocator, heads: words.subarray(186, 186 + 11) };
}

describe('cachedBuddyAllocator', () => {
  it('takes 186 words more than the buddy system', () => {
    expect(cachedBuddyAllocator.metadataBytes(1024)).toBe(buddyAllocator.metadataBytes(1024) + 744);
  });

  it('does not touch the buddy system for a frame that comes and goes', () => {
    const { allocator, heads } = make(2048);
    allocator.free(allocator.allocate() as ReturnType<typeof pfn>);
    const before = [...heads];
    for (let i = 0; i < 1000; i++) {
      const frame = allocator.allocate();
      expect(frame).not.toBe(-1);
      allocator.free(pfn(frame));
    }
    expect([...heads]).toEqual(before);
    allocator.check();
  });

  it('gives the frame freed last first', () => {
    const { allocator } = make(2048);
    while (allocator.allocate() !== -1);
    for (const frame of [7, 1000, 3]) allocator.free(pfn(frame));
    expect([allocator.allocate(), allocator.allocate(), allocator.allocate()]).toEqual([3, 1000, 7]);
  });

  it('gives its cached frames back before a run fails for want of them', () => {
    const { allocator } = make(1024);
    expect(allocator.allocateRun(1024)).toBe(0);
    expect(allocator.freeCount).toBe(0);
    allocator.check();
  });
});
