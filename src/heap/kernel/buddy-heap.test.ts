import { expect, test } from 'vitest';
import { pfn } from '../../base/index.ts';
import type { PhysicalMemory } from '../../frames/index.ts';
import { buddyHeap } from './buddy-heap.ts';
import { boot } from './kernel-heap.conformance.ts';
import { HeapUse } from './kernel-heap.ts';

function heapOf(frames = 64) {
  const memory = boot(frames);
  return { memory, heap: buddyHeap.make(memory) };
}

test('blocks are powers of two, where their own size begins', () => {
  for (const [bytes, block] of [
    [1, 16],
    [16, 16],
    [17, 32],
    [33, 64],
    [1000, 1024],
    [2048, 2048],
    [2049, 4096],
  ] as const) {
    const { heap } = heapOf();
    for (let i = 0; i < 10; i++) expect(heap.allocate(bytes, HeapUse.map) % block).toBe(0);
    expect(heap.bytesInUse()).toBe(10 * block);
    heap.check();
  }
});

test('a frame holds 4,032 bytes of any orders, and halves that are free are one block again', () => {
  for (const bytes of [16, 32, 64]) {
    const { heap, memory } = heapOf();
    const blocks = Array.from({ length: 4032 / bytes }, () => heap.allocate(bytes, HeapUse.anon));
    expect([heap.frames, new Set(blocks).size]).toEqual([1, 4032 / bytes]);
    heap.allocate(bytes, HeapUse.anon);
    expect(heap.frames).toBe(2);
    // Every second one comes back, and no two are joined.
    for (const [i, at] of blocks.entries()) if (i % 2 === 0) heap.free(at, bytes, HeapUse.anon);
    heap.check();
    for (const [i, at] of blocks.entries()) if (i % 2 === 1) heap.free(at, bytes, HeapUse.anon);
    heap.check();
    const before = memory.freeCount;
    for (const order of [2048, 1024, 512, 256, 128]) expect(heap.allocate(order, HeapUse.map)).not.toBe(0);
    expect(memory.freeCount).toBe(before);
  }
});

test('a write into the frame that is kept is noticed', () => {
  const { heap, memory } = heapOf();
  const at = heap.allocate(2048, HeapUse.map);
  heap.free(at, 2048, HeapUse.map);
  memory.ram.words[at / 4 + 1] = 1;
  expect(() => heap.check()).toThrow(/^KH3/);
  expect(() => heap.allocate(16, HeapUse.map)).toThrow(/^KH3/);
});

test('check names the broken invariant', () => {
  // The first block of 64 bytes is at 64: grain 4. That of 16 bytes at 128: grain 8, its buddies at 9, 10 and 12.
  const damages: [string, (memory: PhysicalMemory, frame: number) => void][] = [
    [
      'BH1',
      ({ ram }, frame) => {
        ram.words[frame * 1024] = 0;
      },
    ],
    [
      'BH1',
      ({ ram }, frame) => {
        ram.words[frame * 1024] = (ram.words[frame * 1024] as number) | (1 << 5);
      },
    ],
    [
      'BH1',
      ({ ram }, frame) => {
        ram.words[frame * 1024 + 8] = (ram.words[frame * 1024 + 8] as number) | (1 << 8);
      },
    ],
    [
      'BH2',
      ({ ram }, frame) => {
        ram.words[(frame * 4096 + 9 * 16) / 4 + 2] = 64;
      },
    ],
    [
      'BH2',
      ({ ram }, frame) => {
        ram.words[(frame * 4096 + 9 * 16) / 4] = frame * 4096 + 10 * 16;
      },
    ],
    ['BH3', ({ table }, frame) => table.setIndex(pfn(frame), 3)],
    [
      'KH3',
      ({ ram }, frame) => {
        ram.words[(frame * 4096 + 9 * 16) / 4 + 1] = 1;
      },
    ],
  ];
  for (const [id, damage] of damages) {
    const { heap, memory } = heapOf();
    const first = heap.allocate(64, HeapUse.anon);
    expect(heap.allocate(16, HeapUse.anon) % 4096).toBe(128);
    heap.check();
    damage(memory, first >>> 12);
    expect(() => heap.check(), damage.toString()).toThrow(new RegExp(`^${id}`));
  }
});
