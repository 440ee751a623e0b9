import { describe, expect, it } from 'vitest';
import { KernelPanic, pfn } from '../base/index.ts';
import { describeFrameAllocator } from './frame-allocator.conformance.ts';
import { listAllocator } from './list-allocator.ts';

describeFrameAllocator(listAllocator);

function make(count: number) {
  const frames = new Uint32Array(count * 1024);
  const allocator = listAllocator.make(pfn(0), count, { words: new Uint32Array(1), frames: { words: frames, shift: 10 } });
  for (let frame = count - 1; frame > 0; frame--) allocator.free(pfn(frame));
  return { allocator, frames };
}

describe('listAllocator', () => {
  it('takes one word, whatever the memory', () => {
    expect(listAllocator.metadataBytes(2 ** 22)).toBe(4);
  });

  it('gives the frame freed last first, also after a run was taken out of the middle', () => {
    const { allocator } = make(20);
    while (allocator.allocate() !== -1);
    for (const frame of [9, 4, 15, 5, 1, 6]) allocator.free(pfn(frame));
    expect(allocator.allocateRun(3)).toBe(4);
    expect(Array.from({ length: 4 }, () => allocator.allocate())).toEqual([1, 15, 9, -1]);
  });

  it('keeps its list in the first three words of free frames, and leaves the rest of them and all given frames alone', () => {
    const { allocator, frames } = make(8);
    const given = [allocator.allocate(), allocator.allocate()];
    for (const frame of given) frames.fill(0x1234_5678, frame * 1024, (frame + 1) * 1024);
    const untouched = (frame: number, from: number): boolean =>
      frames.subarray(frame * 1024 + from, (frame + 1) * 1024).every((word) => word === 0x1234_5678);
    allocator.free(pfn(given[0] as number));
    expect(given.map((frame) => [untouched(frame, 0), untouched(frame, 3)])).toEqual([
      [false, true],
      [true, true],
    ]);
  });

  it('takes a frame back whose owner left the very bytes of a free frame there (FL3)', () => {
    const { allocator, frames } = make(8);
    const bytesWhenFree = frames.slice(1024, 2048);
    expect(allocator.allocate()).toBe(1);
    frames.set(bytesWhenFree, 1024);
    allocator.free(pfn(1));
    expect(allocator.freeCount).toBe(7);
    expect(() => allocator.free(pfn(1))).toThrow(/^FA3/);
    allocator.check();
  });

  it('panics when a free frame was written to, at the next allocation and in check (FL2)', () => {
    const { allocator, frames } = make(8);
    frames[1024] = 0;
    expect(() => allocator.check()).toThrow(/^FL2/);
    expect(() => allocator.allocate()).toThrow(/^FL2/);
    frames[1024] = 7;
    for (const word of [1, 2]) {
      const { allocator: other, frames: bytes } = make(8);
      bytes[4 * 1024 + word] = 99;
      expect(() => other.check(), `word ${word}`).toThrow(KernelPanic);
    }
  });
});
