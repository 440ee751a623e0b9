import { expect, test } from 'vitest';
import { Heap } from './heap.ts';
import { describeHeapAllocator } from './heap-allocator.conformance.ts';

describeHeapAllocator('dlmalloc');

test('takes the least of the large blocks that fits, as a sorted list would', () => {
  const heap = Heap.create(2 ** 20, { allocator: 'dlmalloc' });
  const sizes = [300, 700, 1500, 516, 1028, 508, 2044, 4092, 260, 1020, 604, 612, 804, 700, 1500, 700];
  const holes = sizes.map((bytes) => {
    const hole = heap.malloc(bytes);
    heap.malloc(12);
    return { hole, usable: heap.usableSize(hole) };
  });
  for (const { hole } of holes) heap.free(hole);
  heap.check();
  // Whole holes are asked for, so no rest changes the list.
  for (const bytes of [700, 260, 604, 1400, 700, 508, 2040, 700, 1028, 512]) {
    const fitting = holes.filter(({ usable }) => usable >= bytes).sort((a, b) => a.usable - b.usable);
    const address = heap.malloc((fitting[0] as { usable: number }).usable);
    expect(fitting.filter(({ usable }) => usable === fitting[0]?.usable).map(({ hole }) => hole)).toContain(address);
    holes.splice(
      holes.findIndex(({ hole }) => hole === address),
      1,
    );
    heap.check();
  }
});

test('cuts small requests in a row from what the last cut left', () => {
  const heap = Heap.create(2 ** 16, { allocator: 'dlmalloc' });
  const hole = heap.malloc(2000);
  heap.malloc(12);
  heap.free(hole);
  expect([heap.malloc(20), heap.malloc(20), heap.malloc(44), heap.malloc(20)]).toEqual([hole, hole + 24, hole + 48, hole + 96]);
  heap.check();
});
