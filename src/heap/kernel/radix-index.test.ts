import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FailurePlan, KernelPanic, PAGE_SIZE } from '../../base/index.ts';
import { bitmapAllocator, bootPhysicalMemory } from '../../frames/index.ts';
import { Ram } from '../../machine/index.ts';
import { HeapUse } from './kernel-heap.ts';
import { RadixIndex } from './radix-index.ts';
import { slabHeap } from './slab-heap.ts';

/** Bytes of a node of 64 words. */
const NODE = 256;

function make(options: { frames?: number; failure?: FailurePlan } = {}) {
  const frameCount = options.frames ?? 64;
  const ram = new Ram(new ArrayBuffer(frameCount * PAGE_SIZE), frameCount);
  const frames = bootPhysicalMemory({ ram, allocator: bitmapAllocator });
  const heap = slabHeap.make(frames, options.failure);
  return { heap, frames, index: new RadixIndex(heap, ram.words, HeapUse.amap), bytes: () => heap.bytesInUse(HeapUse.amap) };
}

const entriesOf = (index: RadixIndex, first: number, end: number): [number, number][] => {
  const found: [number, number][] = [];
  index.forEach(first, end, (at, value) => found.push([at, value]));
  return found;
};

// Both sides of each change of height (64, 4096, 262144), and the last index there is.
const edges = [0, 1, 63, 64, 65, 4095, 4096, 262_143, 262_144, 0x100_0000, 0xffff_ffff];
const anIndex = fc.oneof(fc.constantFrom(...edges), fc.nat(300), fc.nat(0xffff_ffff));
const commands = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), at: anIndex, value: fc.nat(0xffff_ffff) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('get' as const), at: anIndex }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reserve' as const), at: anIndex }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('clear' as const), at: anIndex, size: fc.oneof(fc.nat(5000), fc.constant(2 ** 32)) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('walk' as const), at: anIndex, size: fc.nat(0xffff_ffff) }) },
  ),
  { maxLength: 60 },
);

describe('RadixIndex', () => {
  it('finds the next word from any place on, within bounds, over nodes and gaps', () => {
    const { index } = make({ frames: 256 });
    expect(index.next(0, 2 ** 32)).toBe(-1);
    const used = [3, 63, 64, 4095, 4200, 262_144];
    for (const at of used) index.set(at, 1);
    index.set(70, 1);
    index.set(70, 0);
    for (const from of [0, 3, 4, 63, 64, 65, 70, 71, 4095, 4096, 4200, 4201, 262_143, 262_144]) {
      expect(index.next(from, 2 ** 32)).toBe(used.find((at) => at >= from));
    }
    expect([index.next(262_145, 2 ** 32), index.next(4, 63), index.next(4, 64), index.next(65, 4095)]).toEqual([-1, -1, 63, -1]);
  });

  it('tells which words of a window are there, over nodes and gaps, and makes none', () => {
    const { index, bytes } = make({ frames: 256 });
    expect(index.which(0, 8)).toBe(0);
    const used = [3, 63, 64, 66, 4095, 4096, 262_144];
    for (const at of used) index.set(at, 7);
    const before = bytes();
    for (const first of [0, 3, 4, 60, 62, 64, 65, 127, 200, 4090, 4095, 262_130, 262_144, 300_000]) {
      for (const length of [0, 1, 2, 8, 31]) {
        const expected = used.filter((at) => at >= first && at < first + length).reduce((bits, at) => bits | (1 << (at - first)), 0);
        expect([first, length, index.which(first, first + length)]).toEqual([first, length, expected]);
      }
    }
    expect(bytes()).toBe(before);
    index.check();
  });

  it('holds what a Map holds', () => {
    fc.assert(
      fc.property(commands, (script) => {
        const { index, heap, bytes } = make({ frames: 256 });
        const model = new Map<number, number>();
        for (const command of script) {
          if (command.do === 'set') {
            expect(index.set(command.at, command.value)).toBe(true);
            if (command.value === 0) model.delete(command.at);
            else model.set(command.at, command.value);
          } else if (command.do === 'get') expect(index.get(command.at)).toBe(model.get(command.at) ?? 0);
          else if (command.do === 'reserve') expect(index.reserve(command.at)).toBe(true);
          else {
            const end = command.at + command.size;
            const inside = [...model].filter(([at]) => at >= command.at && at < end).sort(([a], [b]) => a - b);
            expect(entriesOf(index, command.at, end)).toEqual(inside);
            if (command.do === 'walk') continue;
            index.clearRange(command.at, end);
            for (const [at] of inside) model.delete(at);
          }
          expect(index.count).toBe(model.size);
        }
        index.check();
        for (const [at, value] of model) expect(index.get(at)).toBe(value);
        index.destroy();
        expect(index.count).toBe(0);
        expect(bytes()).toBe(0);
        heap.check();
      }),
      { numRuns: 200 },
    );
  });

  it('takes one node up to 64 pages and one more level for each factor of 64', () => {
    for (const [at, nodes] of [
      [63, 1],
      [64, 2],
      [4095, 2],
      [4096, 3],
      [262_143, 3],
      [262_144, 4],
    ] as const) {
      const { index, bytes } = make();
      index.set(at, 1);
      expect(bytes()).toBe(nodes * NODE);
    }
  });

  it('grows upwards over what it holds', () => {
    const { index } = make();
    index.set(5, 50);
    index.set(5000, 51);
    expect([index.get(5), index.get(5000), index.get(64), index.get(2 ** 31)]).toEqual([50, 51, 0, 0]);
  });

  it('frees the nodes that lie wholly in a cleared range, and only those', () => {
    const { index, bytes } = make();
    for (let at = 0; at < 256; at++) index.set(at, at + 1);
    expect(bytes()).toBe(5 * NODE);
    index.clearRange(32, 192);
    expect(bytes()).toBe(3 * NODE);
    expect(index.count).toBe(96);
    expect(entriesOf(index, 0, 256).map(([at]) => at)).toEqual([...Array(32).keys(), ...Array.from({ length: 64 }, (_, i) => 192 + i)]);
    index.check();
  });

  it('forgets the node found last when that node is freed', () => {
    const { index } = make();
    index.set(70, 7);
    index.set(0, 1);
    expect(index.get(70)).toBe(7);
    index.clearRange(64, 128);
    expect(index.get(70)).toBe(0);
    index.set(70, 8);
    expect(index.get(70)).toBe(8);
    index.check();
  });

  it('stores nothing when the kernel heap fails, at the k-th node for every k', () => {
    for (let k = 0; ; k++) {
      const failure = new FailurePlan(k);
      const { index, bytes } = make({ failure });
      const stored = index.set(262_144, 9);
      expect(stored).toBe(failure.failures === 0);
      expect(index.get(262_144)).toBe(stored ? 9 : 0);
      expect(index.count).toBe(stored ? 1 : 0);
      index.check();
      expect(index.set(262_144, 9)).toBe(true);
      expect(index.get(262_144)).toBe(9);
      index.destroy();
      expect(bytes()).toBe(0);
      if (stored) return expect(k).toBe(4);
    }
  });

  it('keeps what it has when there is no frame left for a node', () => {
    const { index, bytes, frames } = make({ frames: 4 });
    let stored = 0;
    while (index.set(stored * 64, stored + 1)) stored++;
    expect(frames.freeCount).toBe(0);
    for (let i = 0; i < stored; i++) expect(index.get(i * 64)).toBe(i + 1);
    expect(index.get(stored * 64)).toBe(0);
    expect(index.reserve(stored * 64)).toBe(false);
    index.check();
    index.destroy();
    expect(bytes()).toBe(0);
  });

  it('cannot fail after a reservation', () => {
    const failure = new FailurePlan(2);
    const { index } = make({ failure });
    // Two levels: the allocations 0 and 1.
    expect(index.reserve(100)).toBe(true);
    expect(index.set(100, 1)).toBe(true);
    expect(failure.failures).toBe(0);
    expect(index.set(0, 0)).toBe(true);
  });

  it('panics on an index of 2^32', () => {
    const { index } = make();
    expect(index.get(2 ** 32)).toBe(0);
    expect(() => index.set(2 ** 32, 1)).toThrow(KernelPanic);
  });
});
