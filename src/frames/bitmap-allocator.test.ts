import { describe, expect, it } from 'vitest';
import { pfn } from '../base/index.ts';
import { bitmapAllocator } from './bitmap-allocator.ts';
import { describeFrameAllocator } from './frame-allocator.conformance.ts';

describeFrameAllocator(bitmapAllocator);

describe('bitmapAllocator', () => {
  it('takes one bit per frame and a 31st of that for the summaries, of which there are at least three', () => {
    expect(bitmapAllocator.metadataBytes(32)).toBe(4 * 4);
    expect(bitmapAllocator.metadataBytes(1024)).toBe(4 * (32 + 1 + 1 + 1));
    expect(bitmapAllocator.metadataBytes(262_144)).toBe(4 * (8192 + 256 + 8 + 1));
  });

  it('gives the lowest free frame first', () => {
    const allocator = bitmapAllocator.make(pfn(0), 5000, { words: new Uint32Array(bitmapAllocator.metadataBytes(5000) / 4) });
    for (const frame of [4999, 4096, 1024, 33, 1023, 31]) allocator.free(pfn(frame));
    expect(Array.from({ length: 7 }, () => allocator.allocate())).toEqual([31, 33, 1023, 1024, 4096, 4999, -1]);
  });

  it('gives the lowest run that fits, and passes over full stretches', () => {
    const allocator = bitmapAllocator.make(pfn(0), 100_000, { words: new Uint32Array(bitmapAllocator.metadataBytes(100_000) / 4) });
    for (let i = 0; i < 10; i++) allocator.free(pfn(70_000 + i));
    for (let i = 0; i < 70; i++) allocator.free(pfn(90_030 + i));
    expect(allocator.allocateRun(11)).toBe(90_030);
    expect(allocator.allocateRun(10)).toBe(70_000);
    expect(allocator.allocateRun(32, { alignment: 32 })).toBe(90_048);
  });

  it('has bits where the drawing says: the low bit of word 0 is the first frame', () => {
    const words = new Uint32Array(bitmapAllocator.metadataBytes(64) / 4);
    const allocator = bitmapAllocator.make(pfn(100), 64, { words });
    allocator.free(pfn(100));
    allocator.free(pfn(163));
    expect([...words]).toEqual([1, 0x8000_0000, 0b11, 1, 1]);
  });
});
