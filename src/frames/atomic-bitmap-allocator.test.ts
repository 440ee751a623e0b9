// One worker here; four at once in test/atomic-bitmap-workers.test.ts.

import { describe, expect, it } from 'vitest';
import { pfn } from '../base/index.ts';
import { atomicBitmapAllocator, attachAtomicBitmap } from './atomic-bitmap-allocator.ts';
import { describeFrameAllocator } from './frame-allocator.conformance.ts';

describeFrameAllocator(atomicBitmapAllocator);

describe('atomicBitmapAllocator', () => {
  it('takes one bit per frame, and one word for 1,024 frames', () => {
    expect(atomicBitmapAllocator.metadataBytes(2 ** 18)).toBe(4 * (1 + 256 + 8192));
  });

  it('is one allocator for all objects over the same shared region', () => {
    const words = new Uint32Array(new SharedArrayBuffer(atomicBitmapAllocator.metadataBytes(3000)));
    const one = atomicBitmapAllocator.make(pfn(0), 3000, { words });
    const other = attachAtomicBitmap(pfn(0), 3000, { words });
    for (const frame of [5, 1030, 2999]) one.free(pfn(frame));
    expect([other.freeCount, other.allocate(), one.allocate(), other.allocate(), one.allocate()]).toEqual([3, 5, 1030, 2999, -1]);
    expect(() => other.free(pfn(3000))).toThrow(/^FA3/);
    other.free(pfn(1030));
    expect(() => one.free(pfn(1030))).toThrow(/^FA3/);
    one.check();
  });
});
