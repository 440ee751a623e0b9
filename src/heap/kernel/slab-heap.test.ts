import { describe, expect, test } from 'vitest';
import { type Pfn, pageOf } from '../../base/index.ts';
import { FrameKind, type PhysicalMemory } from '../../frames/index.ts';
import { boot } from './kernel-heap.conformance.ts';
import { HeapUse, heapUseNames, type KernelHeap } from './kernel-heap.ts';
import { slabHeap } from './slab-heap.ts';

function heapOf(frames = 64): { heap: KernelHeap; memory: PhysicalMemory; words: Uint32Array } {
  const memory = boot(frames);
  return { heap: slabHeap.make(memory), memory, words: memory.ram.words };
}

describe('sizes', () => {
  test('a block is the next class up: 16 to 256 in half steps, then powers of two', () => {
    const blockBytes = (asked: number): number => {
      const { heap } = heapOf(8);
      heap.allocate(asked, HeapUse.map);
      return heap.bytesInUse(HeapUse.map);
    };
    const sizes = [1, 16, 17, 32, 33, 48, 49, 64, 65, 96, 97, 128, 129, 192, 193, 256, 257, 512, 513, 1024, 1025, 2048, 2049, 4096];
    expect(sizes.map(blockBytes)).toEqual([
      16, 16, 32, 32, 48, 48, 64, 64, 96, 96, 128, 128, 192, 192, 256, 256, 512, 512, 1024, 1024, 2048, 2048, 4096, 4096,
    ]);
  });

  test('uses have names', () => {
    expect(heapUseNames[HeapUse.reverseMap]).toBe('reverseMap');
    expect(heapUseNames).toHaveLength(Object.values(HeapUse).length);
  });
});

describe('frames', () => {
  test.each([
    [16, 256],
    [48, 85],
    [192, 21],
    [4096, 1],
  ])('blocks of %i bytes: %i to a frame, until no frame is left', (blockBytes, perFrame) => {
    const { heap, memory } = heapOf(10);
    const frames = memory.freeCount;
    const blocks: number[] = [];
    for (let at = heap.allocate(blockBytes, HeapUse.anon); at !== 0; at = heap.allocate(blockBytes, HeapUse.anon)) blocks.push(at);
    expect([blocks.length, new Set(blocks).size]).toEqual([frames * perFrame, frames * perFrame]);
    heap.check();
    for (const at of blocks) heap.free(at, blockBytes, HeapUse.anon);
    heap.check();
    expect([heap.frames, memory.freeCount]).toEqual([1, frames - 1]);
    expect([heap.reap(), heap.reap(), memory.freeCount]).toEqual([1, 0, frames]);
    memory.check();
  });

  test('a class keeps one spare, so that a block that comes and goes costs no frame traffic', () => {
    const { heap, memory } = heapOf();
    const before = memory.freeCount;
    for (let i = 0; i < 5; i++) {
      const at = heap.allocate(4096, HeapUse.process);
      expect([memory.freeCount, heap.frames]).toEqual([before - 1, 1]);
      heap.free(at, 4096, HeapUse.process);
      expect([memory.freeCount, heap.frames]).toEqual([before - 1, 1]);
    }
    heap.allocate(16, HeapUse.process);
    expect(heap.reap()).toBe(1);
    expect(heap.frames).toBe(1);
    heap.check();
  });
});

test('check names the broken invariant', () => {
  const slabOf = (address: number): Pfn => pageOf(address) as number as Pfn;
  const damages: [string, (memory: PhysicalMemory, slab: Pfn) => void][] = [
    ['KH1', ({ table }, slab) => table.setIndex(slab, table.index(slab) + 1)],
    ['KH1', ({ table }, slab) => table.setIndex(slab, 12 << 16)],
    ['KH1', ({ table }, slab) => table.setOwner(slab, table.owner(slab) + 16)],
    [
      'KH1',
      ({ table, ram }, slab) => {
        ram.words[table.owner(slab) / 4] = table.owner(slab);
      },
    ],
    ['KH2', ({ table }, slab) => table.setPrevious(slab, 1)],
    ['KH2', ({ table }, slab) => table.setNext(slab, slab)],
    [
      'KH3',
      ({ table, ram }, slab) => {
        ram.words[table.owner(slab) / 4 + 1] = 0;
      },
    ],
    [
      'KH5',
      (memory) => {
        memory.allocate(FrameKind.kernelHeap);
      },
    ],
  ];
  for (const [id, damage] of damages) {
    const { heap, memory } = heapOf();
    const at = heap.allocate(64, HeapUse.anon);
    heap.check();
    damage(memory, slabOf(at));
    expect(() => heap.check(), damage.toString()).toThrow(id === 'KH5' ? /^KH/ : new RegExp(`^${id}`));
  }
});
