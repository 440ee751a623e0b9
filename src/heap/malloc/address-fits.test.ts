import { expect, test } from 'vitest';
import { Heap } from './heap.ts';
import { describeHeapAllocator } from './heap-allocator.conformance.ts';

for (const name of ['first-fit', 'next-fit', 'worst-fit'] as const) describeHeapAllocator(name);

/** A heap with holes of 96, 40, 200 and 40 bytes, in this order, and the addresses of the holes. */
function holed(allocator: 'first-fit' | 'next-fit' | 'best-fit' | 'worst-fit'): { readonly heap: Heap; readonly holes: readonly number[] } {
  const heap = Heap.create(8192, { allocator });
  const holes = [92, 36, 196, 36].map((bytes) => {
    const hole = heap.malloc(bytes);
    heap.malloc(12);
    return hole;
  });
  heap.freeAll(holes);
  return { heap, holes };
}

test.each([
  // Which hole 30 bytes take, and then another 30: worked out by hand, as a textbook does.
  ['first-fit', [0, 0]],
  ['best-fit', [3, 1]],
  ['worst-fit', [2, 2]],
] as const)('%s takes the hole that its name says', (allocator, expected) => {
  const { heap, holes } = holed(allocator);
  const hole = (address: number) => holes.findLastIndex((start) => start <= address);
  expect([hole(heap.malloc(30)), hole(heap.malloc(30))]).toEqual(expected);
  heap.check();
});

test('next-fit goes on where the last search ended, and round', () => {
  const { heap, holes } = holed('next-fit');
  const [a, b, c, d] = holes as [number, number, number, number];
  expect([heap.malloc(92), heap.malloc(30), heap.malloc(190)]).toEqual([a, b, c]);
  heap.free(a);
  expect([heap.malloc(30), heap.malloc(30)]).toEqual([d, a]);
  heap.check();
});

test('ten thousand free blocks of one size do not make a list of the tree', () => {
  const heap = Heap.create(2 ** 20, { allocator: 'first-fit' });
  const addresses = Array.from({ length: 20_000 }, () => heap.malloc(20));
  // In rising order, every second one: without the hash, each would be the right child of the one before, and the check too deep.
  heap.freeAll(addresses.filter((_, i) => i % 2 === 0));
  heap.check();
  expect(heap.malloc(20)).toBe(addresses[0]);
  expect(heap.statistics()).toMatchObject({ freeBlocks: 9_999, liveBlocks: 10_001 });
});
