import { describe, expect, it } from 'vitest';
import { pfn } from '../base/index.ts';
import { flatBitmapAllocator } from './flat-bitmap-allocator.ts';
import { describeFrameAllocator } from './frame-allocator.conformance.ts';

describeFrameAllocator(flatBitmapAllocator);

describe('flatBitmapAllocator', () => {
  it('takes one bit per frame: 512 KiB for 16 GiB', () => {
    expect(flatBitmapAllocator.metadataBytes(2 ** 22)).toBe(512 * 1024);
  });

  it('gives the lowest free frame first, also below where the search was', () => {
    const allocator = flatBitmapAllocator.make(pfn(0), 5000, { words: new Uint32Array(157) });
    for (const frame of [4999, 4096, 33]) allocator.free(pfn(frame));
    expect(allocator.allocate()).toBe(33);
    for (const frame of [1023, 31]) allocator.free(pfn(frame));
    expect(Array.from({ length: 5 }, () => allocator.allocate())).toEqual([31, 1023, 4096, 4999, -1]);
    allocator.check();
  });
});
