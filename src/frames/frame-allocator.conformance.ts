// What every frame allocator must do, checked against a Set of free frames on random sequences.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KernelPanic, type Pfn, pfn } from '../base/index.ts';
import type { FrameAllocator, FrameAllocatorKind, RunConstraints } from './frame-allocator.ts';

/** Sizes on both sides of what one word, one level of summary and one frame of bits hold. */
const COUNTS = [1, 2, 31, 32, 33, 63, 64, 65, 1000, 1023, 1024, 1025, 4096];

/** log2 of the words that stand for each frame's 4 KiB. */
const STORE_SHIFT = 2;

/** The obvious allocator: a set of free frames, and every question answered by looking at all of them. */
class Model {
  readonly free = new Set<number>();

  hasRun(first: number, count: number): boolean {
    for (let i = 0; i < count; i++) if (!this.free.has(first + i)) return false;
    return true;
  }

  anyRun(first: number, frames: number, count: number, constraints: RunConstraints): boolean {
    for (let i = first; i + count <= first + frames; i++) if (meets(i, count, constraints) && this.hasRun(i, count)) return true;
    return false;
  }

  largest(first: number, frames: number): number {
    let longest = 0;
    while (longest < frames && this.anyRun(first, frames, longest + 1, {})) longest++;
    return longest;
  }
}

function meets(start: number, count: number, { alignment = 1, below = Infinity, boundary = Infinity }: RunConstraints): boolean {
  return start % alignment === 0 && start + count <= below && Math.floor(start / boundary) === Math.floor((start + count - 1) / boundary);
}

/** Describes an allocator kind: the contract FA1 to FA3, its metadata, its checker. */
export function describeFrameAllocator(kind: FrameAllocatorKind): void {
  const make = (first: number, count: number, words = new Uint32Array(kind.metadataBytes(count) / 4).fill(0xdead_beef)): FrameAllocator =>
    kind.make(pfn(first), count, {
      words,
      frames: { words: new Uint32Array((first + count) << STORE_SHIFT).fill(0x5a5a_5a5a), shift: STORE_SHIFT },
    });
  const makeFree = (first: number, count: number): FrameAllocator => {
    const allocator = make(first, count);
    for (let i = 0; i < count; i++) allocator.free(pfn(first + i));
    return allocator;
  };

  describe(`frame allocator: ${kind.name}`, () => {
    it.each(COUNTS)('begins with all %i frames given, whatever its metadata held before', (count) => {
      const allocator = make(7, count);
      expect([allocator.freeCount, allocator.allocate(), allocator.allocateRun(1), allocator.largestFree()]).toEqual([0, -1, -1, 0]);
      allocator.check();
    });

    it.each(COUNTS)('gives each of %i frames once, then -1, and takes them all back', (count) => {
      const allocator = makeFree(3, count);
      expect([allocator.freeCount, allocator.largestFree()]).toEqual([count, count]);
      const given = new Set<number>();
      for (let i = 0; i < count; i++) given.add(allocator.allocate());
      expect(given.size).toBe(count);
      expect([Math.min(...given), Math.max(...given)]).toEqual([3, 3 + count - 1]);
      expect([allocator.freeCount, allocator.allocate(), allocator.allocate()]).toEqual([0, -1, -1]);
      allocator.check();
      for (const frame of [...given].reverse()) allocator.free(pfn(frame));
      expect([allocator.freeCount, allocator.largestFree()]).toEqual([count, count]);
      allocator.check();
    });

    it('panics at a double free, a frame never given and a frame out of range, and changes nothing (FA3)', () => {
      const allocator = makeFree(10, 40);
      const given = allocator.allocate() as Pfn;
      allocator.free(given);
      for (const frame of [given, 10, 49, 9, 50, 0, -1, 2 ** 31, NaN]) {
        expect(() => allocator.free(pfn(frame)), `free ${frame}`).toThrow(KernelPanic);
        expect(() => allocator.free(pfn(frame)), `free ${frame}`).toThrow(/^FA3/);
      }
      expect(allocator.freeCount).toBe(40);
      allocator.check();
      for (const frame of [9, 50, -1, 2 ** 31]) expect(allocator.isFree(pfn(frame))).toBe(false);
    });

    it('gives runs whose first frame is a multiple of the alignment, not counted from its own first frame', () => {
      for (const alignment of [1, 2, 4, 8, 16, 32, 64]) {
        for (const count of [1, 2, 3, 31, 32, 33, 64]) {
          const allocator = makeFree(5, 200);
          const first = allocator.allocateRun(count, { alignment });
          expect(first % alignment).toBe(0);
          expect(first).toBeGreaterThanOrEqual(5);
          for (let i = 0; i < count; i++) expect(allocator.isFree(pfn(first + i))).toBe(false);
          expect(allocator.freeCount).toBe(200 - count);
          allocator.check();
        }
      }
    });

    it('finds the one run that is left, wherever it is, and no longer one', () => {
      const count = 300;
      for (const start of [0, 1, 30, 31, 32, 33, 95, 128, 250]) {
        const allocator = make(0, count);
        for (let i = 0; i < 50; i++) allocator.free(pfn(start + i));
        expect([allocator.largestFree(), allocator.allocateRun(51), allocator.freeCount]).toEqual([50, -1, 50]);
        expect(allocator.allocateRun(50)).toBe(start);
        expect([allocator.freeCount, allocator.allocate()]).toEqual([0, -1]);
        allocator.check();
      }
    });

    it('gives a run of everything, and none of more than everything', () => {
      const allocator = makeFree(64, 128);
      expect(allocator.allocateRun(129)).toBe(-1);
      expect(allocator.allocateRun(128, { alignment: 64 })).toBe(64);
      expect(allocator.freeCount).toBe(0);
    });

    it('panics at a run of nothing and at an alignment that is no power of two', () => {
      const allocator = makeFree(0, 8);
      for (const [count, alignment] of [
        [0, 1],
        [-1, 1],
        [1, 0],
        [1, 3],
        [1, -2],
        [1.5, 1],
      ] as const) {
        expect(() => allocator.allocateRun(count, { alignment })).toThrow(KernelPanic);
      }
      expect(allocator.freeCount).toBe(8);
    });

    it('gives a run below a limit, and within a boundary, or none', () => {
      const allocator = makeFree(3, 300);
      expect(allocator.allocateRun(16, { below: 18 })).toBe(-1);
      expect(allocator.allocateRun(15, { below: 18 })).toBe(3);
      expect(allocator.allocateRun(20, { boundary: 16 })).toBe(-1);
      const within = allocator.allocateRun(16, { boundary: 16 });
      expect([within % 16, within >= 18]).toEqual([0, true]);
      expect(allocator.allocateRun(10, { alignment: 4, boundary: 64, below: 100 }) % 4).toBe(0);
      expect(allocator.freeCount).toBe(300 - 15 - 16 - 10);
      allocator.check();
    });

    it('loses nothing when a run of any size and place fails', () => {
      const allocator = make(0, 128);
      for (let frame = 0; frame < 128; frame += 2) allocator.free(pfn(frame));
      for (const run of [2, 3, 64, 128]) {
        for (const constraints of [{}, { alignment: 8 }, { below: 64 }, { boundary: 2 }, { alignment: 64, below: 100, boundary: 128 }]) {
          expect(allocator.allocateRun(run, constraints)).toBe(-1);
          expect(allocator.freeCount).toBe(64);
        }
      }
      allocator.check();
    });

    it('stays within the metadata it asked for', () => {
      for (const count of COUNTS) {
        const bytes = kind.metadataBytes(count);
        expect(bytes % 4).toBe(0);
        const words = new Uint32Array(bytes / 4 + 2).fill(0xabcd_ef01);
        const allocator = make(0, count, words.subarray(1, words.length - 1));
        for (let i = 0; i < count; i++) allocator.free(pfn(i));
        while (allocator.allocate() !== -1);
        expect(allocator.metadataBytes).toBeLessThanOrEqual(bytes);
        expect([words[0], words.at(-1)]).toEqual([0xabcd_ef01, 0xabcd_ef01]);
        expect(() => make(0, count, new Uint32Array(bytes / 4 - 1))).toThrow(KernelPanic);
      }
    });

    it('agrees with a set of free frames on random sequences', () => {
      const size = fc.integer({ min: 1, max: 40 });
      const constraints = fc.record(
        { alignment: fc.constantFrom(1, 2, 8, 32), below: fc.nat(320), boundary: fc.constantFrom(1, 4, 16, 64) },
        { requiredKeys: [] },
      );
      const step = fc.oneof(
        { weight: 4, arbitrary: fc.record({ do: fc.constant('allocate' as const) }) },
        { weight: 4, arbitrary: fc.record({ do: fc.constant('free' as const), count: size, pick: fc.nat(10_000) }) },
        { weight: 2, arbitrary: fc.record({ do: fc.constant('run' as const), count: size, constraints }) },
      );
      const setup = fc.record({
        first: fc.constantFrom(0, 1, 31, 100),
        count: fc.constantFrom(1, 33, 64, 200),
        steps: fc.array(step, { maxLength: 60 }),
      });
      fc.assert(
        fc.property(setup, ({ first, count, steps }) => {
          const allocator = make(first, count);
          const model = new Model();
          for (const step of steps) {
            if (step.do === 'free') {
              // A stretch of frames from a random place: those that are given go back, the others must panic.
              for (let i = 0; i < step.count; i++) {
                const frame = first + ((step.pick + i) % count);
                if (model.free.has(frame)) expect(() => allocator.free(pfn(frame))).toThrow(/^FA3/);
                else allocator.free(pfn(frame));
                model.free.add(frame);
              }
            } else if (step.do === 'allocate') {
              const frame = allocator.allocate();
              expect(frame === -1 ? model.free.size === 0 : model.free.delete(frame)).toBe(true);
            } else {
              const frame = allocator.allocateRun(step.count, step.constraints);
              if (frame === -1) expect(model.anyRun(first, count, step.count, step.constraints)).toBe(false);
              else {
                expect([meets(frame, step.count, step.constraints), model.hasRun(frame, step.count)]).toEqual([true, true]);
                for (let i = 0; i < step.count; i++) model.free.delete(frame + i);
              }
            }
            expect(allocator.freeCount).toBe(model.free.size);
          }
          for (let i = 0; i < count; i++) expect(allocator.isFree(pfn(first + i))).toBe(model.free.has(first + i));
          expect(allocator.largestFree()).toBe(model.largest(first, count));
          allocator.check();
        }),
        { numRuns: 150 },
      );
    });

    it('notices in check that a word of its metadata was overwritten', () => {
      const count = 100;
      const words = new Uint32Array(kind.metadataBytes(count) / 4);
      const allocator = make(0, count, words);
      for (let i = 0; i < count; i += 3) allocator.free(pfn(i));
      allocator.check();
      for (let at = 0; at < words.length; at++) {
        const before = words[at]!;
        words[at] = before ^ 0x7;
        expect(() => allocator.check(), `word ${at}`).toThrow(KernelPanic);
        words[at] = before;
      }
      allocator.check();
    });
  });
}
