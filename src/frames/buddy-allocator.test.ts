import { describe, expect, it } from 'vitest';
import { pfn } from '../base/index.ts';
import { buddyAllocator } from './buddy-allocator.ts';
import { describeFrameAllocator } from './frame-allocator.conformance.ts';

describeFrameAllocator(buddyAllocator);

function make(first: number, count: number) {
  const words = new Uint32Array(buddyAllocator.metadataBytes(count) / 4);
  const allocator = buddyAllocator.make(pfn(first), count, { words });
  for (let frame = first; frame < first + count; frame++) allocator.free(pfn(frame));
  return { allocator, heads: () => [...words.subarray(0, 11)].map((head) => head !== 0) };
}

/** Which of the orders 0 to 10 have free blocks. */
const onlyOrders = (...orders: number[]): boolean[] => Array.from({ length: 11 }, (_, order) => orders.includes(order));

describe('buddyAllocator', () => {
  it('takes nine bytes per frame and a word for each order', () => {
    expect(buddyAllocator.metadataBytes(1024)).toBe(9 * 1024 + 44);
  });

  it('joins all of an aligned 4 MiB to one block, and no more', () => {
    expect(make(1024, 1024).heads()).toEqual(onlyOrders(10));
    expect(make(0, 4096).heads()).toEqual(onlyOrders(10));
  });

  it('splits down to a frame, leaving one block of each smaller order, and joins them all again', () => {
    const { allocator, heads } = make(0, 1024);
    expect(allocator.allocate()).toBe(0);
    expect(heads()).toEqual(onlyOrders(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
    allocator.free(pfn(0));
    expect(heads()).toEqual(onlyOrders(10));
    allocator.check();
  });

  it('counts buddies by frame number: a range that begins at frame 1 has one block of each order to 1,024', () => {
    expect(make(1, 1023).heads()).toEqual(onlyOrders(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  });

  it('gives a run of 5 out of a block of 8, and keeps the other 3', () => {
    const { allocator, heads } = make(0, 1024);
    expect(allocator.allocateRun(5)).toBe(0);
    expect([allocator.freeCount, allocator.isFree(pfn(5)), allocator.isFree(pfn(4))]).toEqual([1019, true, false]);
    expect(heads()).toEqual(onlyOrders(0, 1, 3, 4, 5, 6, 7, 8, 9));
    allocator.check();
  });

  it('finds runs that no block holds', () => {
    const { allocator } = make(0, 4096);
    expect(allocator.allocateRun(3000)).toBe(0);
    expect(allocator.allocateRun(1097)).toBe(-1);
    expect(allocator.allocateRun(1096)).toBe(3000);
    allocator.check();
  });
});
