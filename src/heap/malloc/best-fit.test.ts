import { expect, test } from 'vitest';
import { Heap } from './heap.ts';
import { describeHeapAllocator } from './heap-allocator.conformance.ts';

describeHeapAllocator('best-fit');

/** A heap with a hole of each of these sizes, in this order; the holes' addresses, and those of the used blocks behind them. */
function holed(sizes: readonly number[]): { readonly heap: Heap; readonly holes: readonly number[]; readonly between: readonly number[] } {
  const heap = Heap.create(2 ** 23, { allocator: 'best-fit' });
  const blocks = sizes.map((bytes) => [heap.malloc(bytes), heap.malloc(12)] as const);
  const holes = blocks.map(([hole]) => hole);
  heap.freeAll(holes);
  heap.check();
  return { heap, holes, between: blocks.map(([, used]) => used) };
}

test.each([
  ['rising', (i: number) => i],
  ['falling', (i: number) => 999 - i],
  ['mixed', (i: number) => (i * 387) % 1000],
] as const)('each of a thousand sizes that came in %s order is found', (_, sizeAt) => {
  const sizes = Array.from({ length: 1000 }, (_, i) => 260 + 8 * sizeAt(i));
  const { heap, holes } = holed(sizes);
  // One byte less than a whole hole, whose size no other has.
  for (let i = 0; i < 1000; i++) {
    const wanted = (i * 619) % 1000;
    expect(heap.malloc((sizes[wanted] as number) - 1)).toBe(holes[wanted]);
  }
  heap.check();
  expect(heap.statistics().freeBlocks).toBe(0);
});

test('holes of one size are taken one by one, and the larger ones after them', () => {
  const { heap, holes } = holed([700, 508, 700, 508, 508, 1020, 700]);
  const taken = (times: number) => Array.from({ length: times }, () => holes.indexOf(heap.malloc(508))).sort((a, b) => a - b);
  expect([taken(3), taken(3), taken(1)]).toEqual([[1, 3, 4], [0, 2, 6], [5]]);
  heap.check();
});

test.each([
  [0, 1, 2, 3, 4],
  [4, 3, 2, 1, 0],
  [2, 0, 4, 1, 3],
])('holes of one size leave their ring in any order when they join: %i %i %i %i %i', (...order) => {
  const { heap, between } = holed([508, 508, 508, 508, 508, 508]);
  for (const i of order) {
    heap.free(between[i] as number);
    heap.check();
  }
  expect(heap.statistics().freeBlocks).toBe(1);
});
