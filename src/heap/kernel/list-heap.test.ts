import { expect, test } from 'vitest';
import { boot } from './kernel-heap.conformance.ts';
import { HeapUse } from './kernel-heap.ts';
import { listHeap } from './list-heap.ts';

function heapOf(frames = 64) {
  const memory = boot(frames);
  return { memory, heap: listHeap.make(memory), words: memory.ram.words };
}

test('blocks take their size in units of 16 and a header of 16', () => {
  const { heap } = heapOf();
  for (const bytes of [1, 16, 17, 100, 4080]) heap.allocate(bytes, HeapUse.map);
  expect(heap.bytesInUse()).toBe(16 + 16 + 32 + 112 + 4080);
  expect(heap.costs()).toMatchObject({ askedBytes: 4214, givenBytes: 16 + 16 + 32 + 112 + 4080 + 5 * 16 });
  expect(heap.frames).toBe(2);
  heap.check();
});

test('neighbours that are free are one block again, in whatever order they come', () => {
  for (const order of [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [2, 1, 0],
  ]) {
    const { heap, memory } = heapOf(8);
    const blocks = [1000, 1500, 1500].map((bytes) => heap.allocate(bytes, HeapUse.map));
    for (const i of order) {
      heap.free(blocks[i] as number, [1000, 1500, 1500][i] as number, HeapUse.map);
      heap.check();
    }
    const before = memory.freeCount;
    expect(heap.allocate(4080, HeapUse.map)).not.toBe(0);
    expect(memory.freeCount).toBe(before);
  }
});

test('the first free block that is large enough is taken, and a rest without room for links waits for its neighbour', () => {
  const { heap, words } = heapOf();
  const [a = 0, b = 0, c = 0] = [64, 64, 64].map((bytes) => heap.allocate(bytes, HeapUse.map));
  heap.free(b, 64, HeapUse.map);
  // Five units free, four needed: the header alone is left.
  const d = heap.allocate(48, HeapUse.map);
  expect([d, words[(b - 16) / 4]]).toEqual([b + 16, 1 << 1]);
  heap.check();
  heap.free(d, 48, HeapUse.map);
  heap.check();
  expect(heap.allocate(64, HeapUse.map)).toBe(b);
  for (const at of [a, b, c]) heap.free(at, 64, HeapUse.map);
  heap.check();
});

test('a use is known for each block', () => {
  const { heap } = heapOf();
  const [a] = [heap.allocate(16, HeapUse.anon), heap.allocate(16, HeapUse.map)];
  expect(() => heap.free(a as number, 16, HeapUse.map)).toThrow(/^KH4/);
});

test('check names the broken invariant', () => {
  const damages: [string, (words: Uint32Array, header: number) => void][] = [
    [
      'LH1',
      (words, at) => {
        words[at] = (words[at] as number) + 2;
      },
    ],
    [
      'LH1',
      (words, at) => {
        words[at + 1] = 9;
      },
    ],
    [
      'LH1',
      (words, at) => {
        words[at] = 1;
      },
    ],
    [
      'LH3',
      (words, at) => {
        words[at + 3] = 1;
      },
    ],
    [
      'LH2',
      (words, at) => {
        words[(at & ~1023) + 3] = 64;
      },
    ],
    [
      'LH2',
      (words, at) => {
        words[(at & ~1023) + 2] = at * 4;
      },
    ],
    [
      'KH3',
      (words, at) => {
        words[(at & ~1023) + 5] = 1;
      },
    ],
  ];
  for (const [id, damage] of damages) {
    const { heap, words } = heapOf();
    const [at = 0] = [heap.allocate(64, HeapUse.anon), heap.allocate(64, HeapUse.anon)];
    heap.check();
    damage(words, (at - 16) / 4);
    expect(() => heap.check(), damage.toString()).toThrow(new RegExp(`^${id}`));
  }
});
