import { expect, test } from 'vitest';
import { Heap } from './heap.ts';
import { describeHeapAllocator } from './heap-allocator.conformance.ts';

describeHeapAllocator('segregated');

/** A heap with one hole of 2,000 bytes between used blocks, and the hole's address. */
function holed(): { readonly heap: Heap; readonly hole: number } {
  const heap = Heap.create(2 ** 16);
  const hole = heap.malloc(2000 - 4);
  heap.malloc(12);
  heap.free(hole);
  return { heap, hole };
}

test('small requests are cut one behind the other from one block', () => {
  const { heap, hole } = holed();
  expect([20, 20, 44, 12, 20].map((bytes) => heap.malloc(bytes) - hole)).toEqual([0, 24, 48, 96, 112]);
  heap.check();
});

test('what is left of the block that small requests are cut from serves a large one, to its last word', () => {
  const { heap, hole } = holed();
  expect(heap.malloc(20)).toBe(hole);
  expect(heap.malloc(2000 - 24 - 4)).toBe(hole + 24);
  heap.check();
  expect(heap.statistics().freeBlocks).toBe(0);
});

test('a block grows where it is into what small requests are cut from', () => {
  const { heap, hole } = holed();
  expect(heap.malloc(20)).toBe(hole);
  expect(heap.realloc(hole, 500)).toBe(hole);
  heap.check();
});

test('the block that small requests are cut from is used up to its last word', () => {
  const { heap, hole } = holed();
  // 2,000 bytes in blocks of 40: fifty of them, then nothing is left of the hole.
  const inHole = Array.from({ length: 50 }, () => heap.malloc(36));
  expect(inHole).toEqual(Array.from({ length: 50 }, (_, i) => hole + 40 * i));
  expect(heap.malloc(36)).toBeGreaterThan(hole + 2000);
  heap.check();
  heap.freeAll(inHole);
  heap.check();
});
