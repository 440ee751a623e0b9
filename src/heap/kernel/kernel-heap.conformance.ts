// What every design of kernel heap must do: a model that knows which blocks are given, on random sequences; exhaustion, failures, bugs of
// callers, and frames that come back when they are asked for.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FailurePlan, PAGE_SIZE, type Pfn, pfn } from '../../base/index.ts';
import { bitmapAllocator, bootPhysicalMemory, FrameKind, type PhysicalMemory } from '../../frames/index.ts';
import { Ram } from '../../machine/index.ts';
import { HeapUse, type KernelHeap, type KernelHeapKind } from './kernel-heap.ts';

/** Memory of `frames` frames, the first and the frame table among them. */
export function boot(frames: number, failure?: FailurePlan): PhysicalMemory {
  const ram = new Ram(new ArrayBuffer(frames * PAGE_SIZE), frames);
  return bootPhysicalMemory({ ram, allocator: bitmapAllocator, ...(failure !== undefined && { failure }) });
}

interface Block {
  readonly address: number;
  readonly size: number;
  readonly use: HeapUse;
  readonly mark: number;
}

const uses = Object.values(HeapUse);
const size = fc.oneof(fc.constantFrom(16, 64, 256), fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 4096 }));
const call = fc.record({
  kind: fc.constantFrom('allocate', 'allocate', 'allocate', 'allocate', 'free', 'free', 'free', 'reap', 'check'),
  size,
  use: fc.constantFrom(...uses),
  which: fc.nat(),
});

/** Plays calls on a heap and on a list of what is given. */
class Model {
  readonly heap: KernelHeap;
  readonly memory: PhysicalMemory;
  readonly blocks: Block[] = [];
  asked = 0;

  constructor(kind: KernelHeapKind, frames: number) {
    this.memory = boot(frames);
    this.heap = kind.make(this.memory);
  }

  allocate(bytes: number, use: HeapUse, mark: number): void {
    const address = this.heap.allocate(bytes, use);
    // Nothing is refused while a frame is free.
    if (address === 0) {
      expect(this.memory.freeCount).toBe(0);
      return;
    }
    expect(address % 16).toBe(0);
    for (const at of [address, address + bytes - 1]) expect(this.memory.table.kind(pfn(at >>> 12))).toBe(FrameKind.kernelHeap);
    const content = this.memory.ram.bytes.subarray(address, address + bytes);
    expect(content.every((byte) => byte === 0)).toBe(true);
    content.fill(mark);
    this.blocks.push({ address, size: bytes, use, mark });
    this.asked += bytes;
  }

  release({ address, size: bytes, use, mark }: Block): void {
    // Nobody else wrote to the block while it was given: each is filled with a mark of its own.
    expect(this.memory.ram.bytes.subarray(address, address + bytes).every((byte) => byte === mark)).toBe(true);
    this.heap.free(address, bytes, use);
  }

  expectAccounts(): void {
    for (const use of uses) {
      const asked = this.blocks.filter((block) => block.use === use).reduce((sum, block) => sum + block.size, 0);
      expect(this.heap.bytesInUse(use)).toBeGreaterThanOrEqual(asked);
    }
    const { askedBytes, givenBytes, peakFrames } = this.heap.costs();
    expect(askedBytes).toBe(this.asked);
    expect(givenBytes).toBeGreaterThanOrEqual(askedBytes);
    expect(peakFrames).toBeGreaterThanOrEqual(this.heap.frames);
  }

  /** Everything comes back. */
  finish(): void {
    for (const block of this.blocks.splice(0)) this.release(block);
    expect(this.heap.bytesInUse()).toBe(0);
    const held = this.heap.frames;
    expect(this.heap.reap()).toBe(held);
    this.heap.check();
    this.memory.check();
    expect([this.heap.frames, this.memory.freeCount]).toEqual([0, this.memory.managed]);
    expect(this.heap.reap()).toBe(0);
  }
}

/** Declares the suite for one design. */
export function describeKernelHeap(kind: KernelHeapKind): void {
  const heapOf = (frames = 64) => {
    const memory = boot(frames);
    return { memory, heap: kind.make(memory), words: memory.ram.words };
  };

  describe(`the kernel heap ${kind.name}`, () => {
    test('gives blocks that are zeroed, aligned, apart from each other and accounted for, on random sequences', () => {
      fc.assert(
        fc.property(fc.array(call, { maxLength: 250, size: 'max' }), (calls) => {
          const model = new Model(kind, 40);
          for (const [i, { kind: what, size: bytes, use, which }] of calls.entries()) {
            if (what === 'reap') model.heap.reap();
            else if (what === 'check') model.heap.check();
            else if (what === 'allocate') model.allocate(bytes, use, (i % 255) + 1);
            else for (const block of model.blocks.splice(which % Math.max(1, model.blocks.length), 1)) model.release(block);
          }
          model.heap.check();
          model.expectAccounts();
          model.finish();
        }),
        { numRuns: 60 },
      );
    });

    test('churns one kind of record for long, and ends with all memory free', () => {
      const model = new Model(kind, 40);
      for (let round = 0; round < 30; round++) {
        for (let i = 0; i < 150; i++) model.allocate(16 + 32 * (round % 3), HeapUse.anon, (i % 255) + 1);
        const order = round % 2 === 0 ? 'first' : 'last';
        while (model.blocks.length > 40) model.release((order === 'first' ? model.blocks.shift() : model.blocks.pop()) as Block);
        model.heap.check();
      }
      model.expectAccounts();
      model.finish();
    });

    test.each([16, 48, 192, 2048, 4096])('gives blocks of %i bytes until no frame is left, and all again after reaping', (bytes) => {
      const { heap, memory } = heapOf(10);
      const fill = (): number[] => {
        const blocks: number[] = [];
        for (let at = heap.allocate(bytes, HeapUse.anon); at !== 0; at = heap.allocate(bytes, HeapUse.anon)) blocks.push(at);
        return blocks;
      };
      const blocks = fill();
      expect([memory.freeCount, new Set(blocks).size]).toEqual([0, blocks.length]);
      // At least half of memory is given: headers are not larger than the smallest block.
      expect(blocks.length * bytes).toBeGreaterThanOrEqual(memory.managed * 2048 - bytes);
      heap.check();
      for (const at of blocks) heap.free(at, bytes, HeapUse.anon);
      heap.check();
      heap.reap();
      expect(memory.freeCount).toBe(memory.managed);
      expect(fill()).toHaveLength(blocks.length);
    });

    test('takes no frame for a block that comes and goes', () => {
      for (const bytes of [16, 100, 1024, 2000]) {
        const { heap, memory } = heapOf();
        heap.free(heap.allocate(bytes, HeapUse.process), bytes, HeapUse.process);
        const before = memory.freeCount;
        for (let i = 0; i < 5; i++) {
          heap.free(heap.allocate(bytes, HeapUse.process), bytes, HeapUse.process);
          expect(memory.freeCount).toBe(before);
        }
        expect(before).toBeLessThan(memory.managed);
      }
    });

    test("shows nothing of a frame's last owner", () => {
      const { heap, memory } = heapOf(6);
      for (const _ of [1, 2, 3, 4]) {
        const frames: Pfn[] = [];
        for (let frame = memory.allocate(FrameKind.anon); frame !== -1; frame = memory.allocate(FrameKind.anon)) frames.push(frame);
        for (const frame of frames) memory.ram.frame(frame).fill(0xaa);
        for (const frame of frames) memory.free(frame);
        for (const bytes of [16, 256, 1000, 4096]) {
          const at = heap.allocate(bytes, HeapUse.map);
          expect(memory.ram.bytes.subarray(at, at + bytes).every((byte) => byte === 0)).toBe(true);
          heap.free(at, bytes, HeapUse.map);
        }
        heap.reap();
      }
    });

    /** Asks for 300 blocks of 100 bytes. Gives back what came, and returns how many did not. */
    function work(heap: KernelHeap): number {
      const blocks = Array.from({ length: 300 }, () => heap.allocate(100, HeapUse.amap));
      heap.check();
      const given = blocks.filter((at) => at !== 0);
      for (const at of given) heap.free(at, 100, HeapUse.amap);
      heap.reap();
      heap.check();
      return blocks.length - given.length;
    }

    test('loses one block and nothing else when the k-th request fails', () => {
      for (const k of [0, 1, 31, 32, 299, 300]) {
        const memory = boot(64);
        const plan = new FailurePlan(k);
        expect(work(kind.make(memory, plan))).toBe(k < 300 ? 1 : 0);
        expect([plan.requests, plan.failures, memory.freeCount]).toEqual([300, k < 300 ? 1 : 0, memory.managed]);
      }
    });

    test('loses a block at most, and nothing else, when the k-th request for frames fails', () => {
      for (let k = 0, failures = 1; failures > 0; k++) {
        const plan = new FailurePlan(k);
        const memory = boot(64, plan);
        expect(work(kind.make(memory))).toBeLessThanOrEqual(plan.failures);
        memory.check();
        expect(memory.freeCount).toBe(memory.managed);
        failures = plan.failures;
        expect(k).toBeLessThanOrEqual(40);
      }
    });

    test.each([0, -1, 4097, Number.NaN])('panics (KH4) on %d bytes', (bytes) => {
      const { heap } = heapOf(8);
      expect(() => heap.allocate(bytes, HeapUse.map)).toThrow(/^KH4/);
      expect(() => heap.free(8192, bytes, HeapUse.map)).toThrow(/^KH4/);
      heap.check();
    });

    test('panics (KH4) on what is freed and no given block, and changes nothing', () => {
      const { heap, memory } = heapOf();
      const [at = 0, other = 0, kept = 0] = [96, 96, 96].map((bytes) => heap.allocate(bytes, HeapUse.object));
      const whole = heap.allocate(4096, HeapUse.loan);
      const page = memory.allocate(FrameKind.anon) as number;
      heap.free(other, 96, HeapUse.object);
      const bad: [string, number, number, HeapUse][] = [
        ['twice', other, 96, HeapUse.object],
        ['as far more', at, 1500, HeapUse.object],
        ['as a frame', at, 4096, HeapUse.object],
        ['as far less', at, 16, HeapUse.object],
        ['inside a block', at + 16, 96, HeapUse.object],
        ['inside a block, askew', at + 8, 96, HeapUse.object],
        ['for another use', at, 96, HeapUse.anon],
        ['a frame inside', whole + 2048, 4096, HeapUse.loan],
        ['a frame as little', whole, 96, HeapUse.loan],
        ['a frame for another use', whole, 4096, HeapUse.anon],
        ['where its frame begins', at & ~4095, 4096, HeapUse.object],
        ['where its frame ends', (at | 4095) - 15, 16, HeapUse.object],
        ['in a frame of another kind', page * 4096, 96, HeapUse.object],
        ['in a frame of another kind', page * 4096, 4096, HeapUse.object],
        ['at address 0', 0, 96, HeapUse.object],
        ['beyond RAM', 64 * 4096, 96, HeapUse.object],
        ['beyond RAM', 64 * 4096, 4096, HeapUse.object],
      ];
      const before = heap.bytesInUse();
      for (const [what, address, bytes, use] of bad) expect(() => heap.free(address, bytes, use), what).toThrow(/^KH4/);
      heap.check();
      expect(heap.bytesInUse()).toBe(before);
      heap.free(at, 96, HeapUse.object);
      expect(() => heap.free(at, 96, HeapUse.object)).toThrow(/^KH4/);
      heap.free(kept, 96, HeapUse.object);
      heap.free(whole, 4096, HeapUse.loan);
      expect(() => heap.free(whole, 4096, HeapUse.loan)).toThrow(/^KH4/);
      heap.reap();
      expect(heap.frames).toBe(0);
    });

    test('lets a given block hold anything, even what marks a free one', () => {
      const { heap, words } = heapOf();
      const at = heap.allocate(32, HeapUse.anon);
      heap.free(at, 32, HeapUse.anon);
      const free = words.slice(at / 4, at / 4 + 8);
      let again = heap.allocate(32, HeapUse.anon);
      for (let i = 0; i < 200 && again !== at; i++) again = heap.allocate(32, HeapUse.anon);
      expect(again).toBe(at);
      words.set(free, at / 4);
      heap.check();
      heap.free(at, 32, HeapUse.anon);
      heap.check();
    });

    test('panics (KH3) at check and when it gives a block that was written after it was freed', () => {
      const { heap, words } = heapOf();
      // With given neighbours, so that it stays a block of its own, whatever a design joins.
      const [, at = 0] = [1, 2, 3].map(() => heap.allocate(64, HeapUse.map));
      heap.free(at, 64, HeapUse.map);
      words.fill(5, at / 4, at / 4 + 16);
      expect(() => heap.check()).toThrow(/^KH3/);
      expect(() => {
        for (let i = 0; i < 64; i++) heap.allocate(64, HeapUse.map);
      }).toThrow(/^KH3/);
    });

    test('panics (KH5) at check when a frame of its kind is not its own', () => {
      const { heap, memory } = heapOf();
      heap.allocate(64, HeapUse.map);
      heap.check();
      memory.allocate(FrameKind.kernelHeap);
      expect(() => heap.check()).toThrow(/^(KH|OC|LH|BH)/);
    });
  });
}
