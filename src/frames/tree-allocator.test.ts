import { describe, expect, it } from 'vitest';
import { pfn } from '../base/index.ts';
import { describeFrameAllocator } from './frame-allocator.conformance.ts';
import { treeAllocator } from './tree-allocator.ts';

describeFrameAllocator(treeAllocator);

function make(first: number, count: number) {
  const words = new Uint32Array(treeAllocator.metadataBytes(count) / 4);
  const allocator = treeAllocator.make(pfn(first), count, { words });
  return { allocator, nodes: new Uint8Array(words.buffer) };
}

describe('treeAllocator', () => {
  it('takes two bytes per frame', () => {
    expect(treeAllocator.metadataBytes(2 ** 18)).toBe(2 ** 19);
  });

  it('has nodes as drawn: a free one is 0 with all below it, a full one says so', () => {
    const { allocator, nodes } = make(0, 4);
    for (const frame of [2, 3]) allocator.free(pfn(frame));
    expect([...nodes]).toEqual([0, 1, 3, 0, 6, 6, 0, 0]);
    expect(allocator.allocate()).toBe(2);
    expect([...nodes]).toEqual([0, 1, 3, 1, 6, 6, 6, 0]);
    expect(allocator.allocate()).toBe(3);
    expect([...nodes]).toEqual([0, 3, 3, 3, 6, 6, 6, 6]);
  });

  it('takes from the smallest heap first, and keeps the large ones whole', () => {
    const { allocator } = make(96, 96);
    for (let frame = 96; frame < 192; frame++) allocator.free(pfn(frame));
    // Naturally aligned: 32 frames at 96, 64 at 128.
    expect([allocator.allocate(), allocator.allocateRun(64)]).toEqual([96, 128]);
    expect(allocator.allocateRun(16)).toBe(112);
    allocator.check();
  });

  it('finds a block depth first, left to right', () => {
    const { allocator } = make(0, 256);
    for (let frame = 0; frame < 256; frame++) if (frame % 32 >= 8) allocator.free(pfn(frame));
    expect(allocator.allocateRun(16)).toBe(16);
    expect(allocator.allocateRun(8)).toBe(8);
    expect(allocator.allocateRun(24)).toBe(40);
    allocator.check();
  });

  it('spans several heaps of 512 MiB', () => {
    const count = 3 * 2 ** 17 + 5;
    const { allocator } = make(2 ** 17 - 5, count);
    for (const frame of [2 ** 17 - 5, 2 ** 17, 2 ** 18 + 7, 2 ** 18 + 2 ** 17 - 1]) allocator.free(pfn(frame));
    expect(Array.from({ length: 5 }, () => allocator.allocate())).toEqual([2 ** 17 - 5, 2 ** 17, 2 ** 18 + 7, 2 ** 18 + 2 ** 17 - 1, -1]);
  });
});
