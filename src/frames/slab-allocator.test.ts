import { describe, expect, it } from 'vitest';
import { pfn } from '../base/index.ts';
import { describeFrameAllocator } from './frame-allocator.conformance.ts';
import { slabAllocator } from './slab-allocator.ts';

describeFrameAllocator(slabAllocator);

function make(first: number, count: number) {
  const allocator = slabAllocator.make(pfn(first), count, { words: new Uint32Array(slabAllocator.metadataBytes(count) / 4) });
  for (let frame = first; frame < first + count; frame++) allocator.free(pfn(frame));
  return allocator;
}

describe('slabAllocator', () => {
  it('takes three words for 32 frames', () => {
    expect(slabAllocator.metadataBytes(1024)).toBe(4 * (2 + 3 * 33));
  });

  it('uses a begun slab up before it begins another, wherever frames are freed', () => {
    const allocator = make(0, 320);
    const begun = Array.from({ length: 40 }, () => allocator.allocate());
    expect(new Set(begun.map((frame) => frame >> 5)).size).toBe(2);
    for (const frame of begun.slice(0, 20)) allocator.free(pfn(frame));
    for (let i = 0; i < 20 + 24; i++) expect(new Set(begun.map((frame) => frame >> 5)).has(allocator.allocate() >> 5)).toBe(true);
    allocator.check();
  });

  it('gives whole slabs as runs of 128 KiB while single frames come and go elsewhere', () => {
    const allocator = make(0, 320);
    const single = allocator.allocate();
    const runs = Array.from({ length: 9 }, () => allocator.allocateRun(32, { alignment: 32 }));
    expect(runs.every((run) => run % 32 === 0 && run >> 5 !== single >> 5)).toBe(true);
    expect(allocator.allocateRun(32, { alignment: 32 })).toBe(-1);
    expect(allocator.freeCount).toBe(31);
    allocator.check();
  });
});
