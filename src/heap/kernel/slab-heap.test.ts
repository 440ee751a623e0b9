import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FailurePlan, type Pfn, pageOf } from '../../base/index.ts';
import { bitmapAllocator, bootPhysicalMemory, FrameKind, type PhysicalMemory } from '../../frames/index.ts';
import { Ram } from '../../machine/index.ts';
import { HeapUse, heapUseNames, type KernelHeap } from './kernel-heap.ts';
import { slabHeap } from './slab-heap.ts';

function boot(frames: number, failure?: FailurePlan): PhysicalMemory {
  const ram = new Ram(new ArrayBuffer(frames * 4096), frames);
  return bootPhysicalMemory({ ram, allocator: bitmapAllocator, ...(failure === undefined ? {} : { failure }) });
}

function heapOf(frames = 64): { heap: KernelHeap; memory: PhysicalMemory; words: Uint32Array } {
  const memory = boot(frames);
  return { heap: slabHeap.make(memory), memory, words: memory.ram.words };
}

function bytesAt(memory: PhysicalMemory, address: number, size: number): Uint8Array {
  return memory.ram.bytes.subarray(address, address + size);
}

interface Block {
  readonly address: number;
  readonly size: number;
  readonly use: HeapUse;
  readonly mark: number;
}

const uses = Object.values(HeapUse);
const size = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 4096 }));
const call = fc.record({
  kind: fc.constantFrom('allocate', 'allocate', 'allocate', 'free', 'free', 'reap'),
  size,
  use: fc.constantFrom(...uses),
  which: fc.nat(),
});

test('blocks are zeroed, aligned, apart from each other and accounted for, on random sequences', () => {
  fc.assert(
    fc.property(fc.array(call, { maxLength: 200, size: 'max' }), (calls) => {
      const { heap, memory } = heapOf(40);
      const blocks: Block[] = [];
      const release = (block: Block): void => {
        // Nobody else wrote to the block while it was given: each is filled with a mark of its own.
        expect(bytesAt(memory, block.address, block.size).every((byte) => byte === block.mark)).toBe(true);
        heap.free(block.address, block.size, block.use);
      };
      for (const [i, { kind, size, use, which }] of calls.entries()) {
        if (kind === 'reap') heap.reap();
        else if (kind === 'free') {
          const [block] = blocks.splice(which % Math.max(1, blocks.length), 1);
          if (block !== undefined) release(block);
        } else {
          const address = heap.allocate(size, use);
          if (address === 0) {
            expect(memory.freeCount).toBe(0);
            continue;
          }
          expect([address % 16, pageOf(address), memory.table.kind(pageOf(address) as number as Pfn)]).toEqual([
            0,
            pageOf(address + size - 1),
            FrameKind.kernelHeap,
          ]);
          expect(bytesAt(memory, address, size).every((byte) => byte === 0)).toBe(true);
          const block = { address, size, use, mark: (i % 255) + 1 };
          bytesAt(memory, address, size).fill(block.mark);
          blocks.push(block);
        }
      }
      heap.check();
      for (const use of uses) {
        const asked = blocks.filter((block) => block.use === use).reduce((sum, block) => sum + block.size, 0);
        expect(heap.bytesInUse(use)).toBeGreaterThanOrEqual(asked);
      }
      for (const block of blocks) release(block);
      expect(heap.bytesInUse()).toBe(0);
      heap.reap();
      heap.check();
      memory.check();
      expect([heap.frames, memory.freeCount]).toEqual([0, memory.managed]);
    }),
    { numRuns: 60 },
  );
});

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

  test.each([0, -1, 4097, Number.NaN])('panics (KH4) on %d bytes', (asked) => {
    const { heap } = heapOf(8);
    expect(() => heap.allocate(asked, HeapUse.map)).toThrow(/^KH4/);
    expect(() => heap.free(8192, asked, HeapUse.map)).toThrow(/^KH4/);
  });

  test('uses have names', () => {
    expect(heapUseNames[HeapUse.reverseMap]).toBe('reverseMap');
    expect(heapUseNames).toHaveLength(uses.length);
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

  test("a fresh block holds nothing of its frame's last owner", () => {
    const { heap, memory } = heapOf(4);
    const frame = memory.allocate(FrameKind.anon) as Pfn;
    memory.ram.frame(frame).fill(0xaa);
    memory.free(frame);
    for (let i = 0; i < 16; i++) expect(bytesAt(memory, heap.allocate(256, HeapUse.map), 256).every((byte) => byte === 0)).toBe(true);
    expect(heap.frames).toBe(1);
  });
});

describe('failure injection', () => {
  /** Asks for 300 blocks of 100 bytes: 8 frames. Gives back what came, and returns how many did not. */
  function work(heap: KernelHeap): number {
    const blocks = Array.from({ length: 300 }, () => heap.allocate(100, HeapUse.amap));
    heap.check();
    const given = blocks.filter((at) => at !== 0);
    for (const at of given) heap.free(at, 100, HeapUse.amap);
    heap.reap();
    heap.check();
    return blocks.length - given.length;
  }

  test('the k-th block request fails: one block is missing, nothing is lost', () => {
    for (const k of [0, 1, 31, 32, 299, 300]) {
      const memory = boot(64);
      const plan = new FailurePlan(k);
      expect(work(slabHeap.make(memory, plan))).toBe(k < 300 ? 1 : 0);
      expect([plan.requests, plan.failures, memory.freeCount]).toEqual([300, k < 300 ? 1 : 0, memory.managed]);
    }
  });

  test('the k-th frame request fails: the next request takes another frame', () => {
    for (let k = 0, failures = 1; failures > 0; k++) {
      const plan = new FailurePlan(k);
      const memory = boot(64, plan);
      expect(work(slabHeap.make(memory))).toBe(plan.failures);
      memory.check();
      expect(memory.freeCount).toBe(memory.managed);
      failures = plan.failures;
      expect(k).toBeLessThanOrEqual(10);
    }
  });
});

describe("callers' bugs", () => {
  test('free panics (KH4) on what is no given block, and changes nothing', () => {
    const { heap, memory } = heapOf();
    const at = heap.allocate(96, HeapUse.object);
    const other = heap.allocate(96, HeapUse.object);
    const page = memory.allocate(FrameKind.anon) as number;
    heap.free(other, 96, HeapUse.object);
    const bad: [string, number, number, HeapUse][] = [
      ['twice', other, 96, HeapUse.object],
      ['another class', at, 97, HeapUse.object],
      ['inside a block', at + 16, 96, HeapUse.object],
      ['the rest behind the last block', (at & ~4095) + 42 * 96, 96, HeapUse.object],
      ['another use', at, 96, HeapUse.anon],
      ['a frame of another kind', page * 4096, 96, HeapUse.object],
      ['address 0', 0, 96, HeapUse.object],
      ['beyond RAM', 64 * 4096, 96, HeapUse.object],
    ];
    for (const [what, address, bytes, use] of bad) expect(() => heap.free(address, bytes, use), what).toThrow(/^KH4/);
    heap.check();
    expect(heap.bytesInUse()).toBe(96);
    heap.free(at, 96, HeapUse.object);
    expect(() => heap.free(at, 96, HeapUse.object)).toThrow(/^KH4/);
  });

  test('a given block may hold anything, even what marks a free one', () => {
    const { heap, words } = heapOf();
    const at = heap.allocate(32, HeapUse.anon);
    heap.free(at, 32, HeapUse.anon);
    const free = words.slice(at / 4, at / 4 + 8);
    expect(heap.allocate(32, HeapUse.anon)).toBe(at);
    words.set(free, at / 4);
    heap.free(at, 32, HeapUse.anon);
    heap.check();
    expect(heap.bytesInUse()).toBe(0);
  });

  test('a write after free panics (KH3) at check and at the next allocate', () => {
    const { heap, words } = heapOf();
    const at = heap.allocate(64, HeapUse.map);
    heap.free(at, 64, HeapUse.map);
    words.fill(5, at / 4, at / 4 + 16);
    expect(() => heap.check()).toThrow(/^KH/);
    expect(() => heap.allocate(64, HeapUse.map)).toThrow(/^KH3/);
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
