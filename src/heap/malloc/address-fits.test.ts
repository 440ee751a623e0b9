import { expect, test } from 'vitest';
import { Random } from '../../base/index.ts';
import { BlockUse } from './allocator.ts';
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

/** A hole: its address and the bytes that its owner could use. */
type Hole = readonly [address: number, bytes: number];

function holesOf(heap: Heap): Hole[] {
  const holes: Hole[] = [];
  heap.walk((address, bytes, use) => {
    if (use === BlockUse.free) holes.push([address, bytes]);
  });
  return holes;
}

/** What the fits mean, in a line each: all holes, lowest address first, that are large enough, and where the last search ended. */
const fits: Readonly<
  Record<'first-fit' | 'next-fit' | 'best-fit' | 'worst-fit', (holes: readonly Hole[], rover: number) => readonly Hole[]>
> = {
  'first-fit': (holes) => holes.slice(0, 1),
  'next-fit': (holes, rover) => [...holes.filter(([address]) => address >= rover), ...holes].slice(0, 1),
  'best-fit': (holes) => holes.filter(([, bytes]) => bytes === Math.min(...holes.map(([, each]) => each))),
  'worst-fit': (holes) => holes.filter(([, bytes]) => bytes === Math.max(...holes.map(([, each]) => each))),
};

test.each(['first-fit', 'next-fit', 'best-fit', 'worst-fit'] as const)(
  '%s takes what a look at all holes finds, however they came to be',
  (allocator) => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = new Random(seed);
      const heap = Heap.create(2 ** 18, { allocator });
      const live: number[] = [];
      let rover = 0;
      let taken = 0;
      for (let i = 0; i < 1200; i++) {
        // Waves: now more is asked for, now more is given back.
        if (random.below(100) < ((i >>> 7) & 1 ? 35 : 65) || live.length === 0) {
          const bytes = random.below(4) === 0 ? random.below(900) : random.below(seed * 12);
          const usable = Math.max(12, Math.ceil((bytes + 4) / 8) * 8 - 4);
          const large = holesOf(heap).filter(([, each]) => each >= usable);
          const top = heap.top();
          const address = heap.malloc(bytes);
          live.push(address);
          if (large.length === 0) expect(address).toBe(top + 4);
          else {
            expect(fits[allocator](large, rover).map(([hole]) => hole)).toContain(address);
            rover = address + heap.usableSize(address) + 4;
            taken++;
          }
        } else {
          expect(heap.free(live.splice(random.below(live.length), 1)[0] as number)).toBe(true);
          // Where the search ended is now in the midst of a hole: the next begins with this hole.
          for (const [hole, bytes] of holesOf(heap)) if (hole < rover && rover < hole + bytes) rover = hole;
        }
        if (i % 50 === 0) heap.check();
      }
      expect(taken).toBeGreaterThan(100);
    }
  },
);

test('ten thousand free blocks of one size do not make a list of the tree', () => {
  const heap = Heap.create(2 ** 20, { allocator: 'first-fit' });
  const addresses = Array.from({ length: 20_000 }, () => heap.malloc(20));
  // In rising order, every second one: without the hash, each would be the right child of the one before, and the check too deep.
  heap.freeAll(addresses.filter((_, i) => i % 2 === 0));
  heap.check();
  expect(heap.malloc(20)).toBe(addresses[0]);
  expect(heap.statistics()).toMatchObject({ freeBlocks: 9_999, liveBlocks: 10_001 });
});
