import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SwapSlots } from './swap-slots.ts';

/** The slow, obvious device: one letter per slot (f free, u used, b bad). */
class LetterModel {
  readonly slots: string[];

  constructor(total: number) {
    this.slots = Array<string>(total).fill('f');
  }

  isRun(first: number, count: number, letter: string): boolean {
    return first >= 0 && first + count <= this.slots.length && this.slots.slice(first, first + count).every((at) => at === letter);
  }

  set(first: number, count: number, letter: string): void {
    this.slots.fill(letter, first, first + count);
  }

  count(letter: string): number {
    return this.slots.filter((at) => at === letter).length;
  }

  longestFree(): number {
    return Math.max(
      0,
      ...this.slots
        .join('')
        .split(/[^f]+/)
        .map((run) => run.length),
    );
  }
}

const call = fc.record({
  kind: fc.constantFrom('run', 'run', 'upTo', 'upTo', 'free', 'free', 'free', 'bad'),
  count: fc.integer({ min: 1, max: 40 }),
  slot: fc.nat(200),
});

test('agrees with a letter per slot on random sequences', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 140 }), fc.array(call, { maxLength: 150, size: 'max' }), (total, calls) => {
      const slots = new SwapSlots(total);
      const model = new LetterModel(total);
      for (const { kind, count, slot } of calls) {
        if (kind === 'run' || kind === 'upTo') {
          const expected = kind === 'run' ? count : Math.min(count, model.longestFree());
          const first = kind === 'run' ? slots.allocateRun(count) : slots.allocateUpTo(count);
          if (expected === 0 || expected > model.longestFree()) expect(first).toBe(-1);
          else {
            expect(slots.runLength).toBe(expected);
            expect(model.isRun(first, expected, 'f')).toBe(true);
            model.set(first, expected, 'u');
          }
        } else if (kind === 'free') {
          const length = 1 + (count % 4);
          if (model.isRun(slot, length, 'u')) {
            slots.free(slot, length);
            model.set(slot, length, 'f');
          } else expect(() => slots.free(slot, length)).toThrow(/^SS3/);
        } else if (slot < total && model.slots[slot] !== 'b') {
          slots.markBad(slot);
          model.set(slot, 1, 'b');
        } else expect(() => slots.markBad(slot)).toThrow(/^SS3/);
        slots.check();
        expect([slots.available, slots.used, slots.bad]).toEqual(['f', 'u', 'b'].map((letter) => model.count(letter)));
      }
      for (let slot = 0; slot < total; slot++) expect(slots.isFree(slot)).toBe(model.slots[slot] === 'f');
    }),
    { numRuns: 150 },
  );
});

describe('worked out by hand', () => {
  test('runs follow each other along the device, then go round', () => {
    const slots = new SwapSlots(50);
    expect([slots.allocateRun(16), slots.allocateRun(16), slots.allocateRun(16)]).toEqual([0, 16, 32]);
    slots.free(0, 8);
    slots.free(9, 7);
    slots.markBad(9);
    expect(slots.allocateRun(2)).toBe(48);
    expect(slots.allocateRun(8)).toBe(0);
    expect(slots.allocateRun(6)).toBe(10);
    expect(slots.allocateRun(1)).toBe(-1);
  });

  test('what was freed last, slot after slot, is given again first, and the search then goes on where it was', () => {
    const slots = new SwapSlots(64);
    expect([slots.allocateRun(16), slots.allocateRun(16)]).toEqual([0, 16]);
    for (let slot = 4; slot < 16; slot++) slots.free(slot, 1);
    expect([slots.allocateUpTo(8), slots.runLength]).toEqual([4, 8]);
    // Four are left of it, and they are too few.
    expect(slots.allocateUpTo(8)).toBe(32);
    expect(slots.allocateUpTo(4)).toBe(12);
    slots.free(20, 1);
    slots.free(19, 1);
    expect([slots.allocateRun(1), slots.allocateRun(1)]).toEqual([19, 40]);
    slots.check();
  });

  test('a run may begin before the rover and end after it', () => {
    const slots = new SwapSlots(64);
    expect(slots.allocateRun(64)).toBe(0);
    slots.free(10, 10);
    expect(slots.allocateRun(4)).toBe(10);
    slots.free(10, 4);
    expect(slots.allocateRun(10)).toBe(10);
  });

  test('up to: the whole count if there is a run for it, else the longest', () => {
    const slots = new SwapSlots(40);
    slots.allocateRun(40);
    slots.free(3, 2);
    slots.free(10, 5);
    slots.free(20, 3);
    expect([slots.allocateUpTo(4), slots.runLength]).toEqual([10, 4]);
    expect([slots.allocateUpTo(16), slots.runLength]).toEqual([20, 3]);
    expect([slots.allocateUpTo(16), slots.runLength]).toEqual([3, 2]);
    expect([slots.allocateUpTo(16), slots.runLength]).toEqual([14, 1]);
    expect(slots.allocateUpTo(16)).toBe(-1);
    expect(slots.used).toBe(40);
  });

  test('a device without slots gives none; the last slot of each size is given once', () => {
    expect(new SwapSlots(0).allocateUpTo(1)).toBe(-1);
    for (const total of [1, 31, 32, 33, 64, 65]) {
      const slots = new SwapSlots(total);
      expect(slots.allocateRun(total + 1)).toBe(-1);
      expect(slots.allocateRun(total)).toBe(0);
      expect(slots.allocateRun(1)).toBe(-1);
      slots.free(total - 1, 1);
      expect(slots.allocateRun(1)).toBe(total - 1);
      slots.check();
    }
  });

  test('bad slots are never given, and break runs', () => {
    const slots = new SwapSlots(10);
    slots.allocateRun(4);
    slots.markBad(2);
    slots.markBad(7);
    expect([slots.used, slots.bad, slots.available]).toEqual([3, 2, 5]);
    expect(slots.allocateRun(4)).toBe(-1);
    expect(slots.allocateUpTo(4)).toBe(4);
    expect(() => slots.free(0, 3)).toThrow(/^SS3/);
    slots.free(0, 2);
    slots.check();
  });

  test('bad calls panic and change nothing', () => {
    const slots = new SwapSlots(10);
    slots.allocateRun(3);
    for (const [first, count] of [
      [0, 4],
      [3, 1],
      [-1, 2],
      [9, 2],
      [40, 1],
      [0, 0],
      [2, -2],
    ] as const) {
      expect(() => slots.free(first, count)).toThrow(/^SS3/);
    }
    for (const slot of [-1, 10, 64]) expect(() => slots.markBad(slot)).toThrow(/^SS3/);
    expect(() => slots.allocateRun(0)).toThrow(/^SS3/);
    expect(() => slots.allocateUpTo(-1)).toThrow(/^SS3/);
    expect([slots.used, slots.isFree(-1), slots.isFree(10), slots.isFree(3)]).toEqual([3, false, false, true]);
    slots.check();
  });
});
