import { describe, expect, it } from 'vitest';
import { SwapDrum } from './swap-drum.ts';

/** Takes `times` runs of `count`; each as [area, slot in it, length]. */
function take(drum: SwapDrum, times: number, count: number): number[][] {
  return Array.from({ length: times }, () => {
    const slot = drum.allocateUpTo(count);
    if (slot < 0) return [-1];
    const base = drum.baseOf(slot);
    return [base, slot - base, drum.runLength];
  });
}

describe('a drum of several areas', () => {
  it('fills the highest priority first, also in pieces', () => {
    const drum = new SwapDrum();
    const slow = drum.add(100, 0);
    const fast = drum.add(20, 5);
    expect(drum.bases()).toEqual([fast, slow]);
    expect(take(drum, 3, 16)).toEqual([
      [fast, 0, 16],
      [fast, 16, 4],
      [slow, 0, 16],
    ]);
    drum.free(fast + 3, 2);
    expect(take(drum, 1, 16)).toEqual([[fast, 3, 2]]);
    drum.check();
  });

  it('lets areas of one priority take turns, and prefers a whole run to a piece', () => {
    const drum = new SwapDrum();
    const [a, b, c] = [drum.add(32, 1), drum.add(10, 1), drum.add(32, 1)];
    expect(take(drum, 6, 8).map(([area]) => area)).toEqual([a, b, c, a, c, a]);
    expect(take(drum, 2, 16).map(([area, , length]) => [area, length])).toEqual([
      [c, 16],
      [b, 2],
    ]);
    drum.check();
  });

  it('gives a whole run or nothing where a piece will not do, from the first area that has it', () => {
    const drum = new SwapDrum();
    const [fast, slow] = [drum.add(10, 5), drum.add(20, 0)];
    expect([drum.allocateRun(8), drum.allocateRun(8), drum.allocateRun(8), drum.allocateRun(8)]).toEqual([fast, slow, slow + 8, -1]);
    expect([drum.allocateRun(2), drum.allocateRun(4), drum.used]).toEqual([fast + 8, slow + 16, 30]);
    drum.check();
  });

  it('keeps a run inside one area', () => {
    const drum = new SwapDrum();
    const [a, b] = [drum.add(10, 0), drum.add(10, 0)];
    expect(b).toBe(a + 10);
    expect(take(drum, 3, 16)).toEqual([[a, 0, 10], [b, 0, 10], [-1]]);
    expect([drum.used, drum.total, drum.available]).toEqual([20, 20, 0]);
  });

  it('gives no slots of a closed area and takes them back; numbers of a removed one are used again', () => {
    const drum = new SwapDrum();
    const [a, b] = [drum.add(10, 1), drum.add(10, 0)];
    take(drum, 1, 4);
    drum.close(a);
    expect([drum.total, drum.available, drum.used]).toEqual([10, 10, 4]);
    expect(take(drum, 1, 4)).toEqual([[b, 0, 4]]);
    expect([a, a + 9, b, b + 9].map((slot) => drum.endOf(slot))).toEqual([a + 10, a + 10, b + 10, b + 10]);
    expect(() => drum.remove(a)).toThrow(/^SD2/);
    drum.free(a, 4);
    drum.remove(a);
    expect(() => drum.baseOf(a)).toThrow(/^SD1/);
    expect(drum.add(30, 0)).toBe(20);
    expect(drum.add(10, 0)).toBe(a);
    drum.check();
  });

  it('leaves an area with three bad slots alone until it is forgiven', () => {
    const drum = new SwapDrum();
    const [a, b] = [drum.add(16, 1), drum.add(16, 0)];
    for (let i = 0; i < 3; i++) drum.markBad(drum.allocateUpTo(1));
    expect([drum.isAvoided(a), drum.bad]).toEqual([true, 3]);
    expect(take(drum, 1, 2)).toEqual([[b, 0, 2]]);
    drum.forgive();
    expect(take(drum, 1, 2)).toEqual([[a, 3, 2]]);
    expect(() => drum.markBad(0)).toThrow(/^SS3/);
    drum.check();
  });

  it('takes areas without slots, and refuses what its numbers cannot hold', () => {
    const drum = new SwapDrum();
    expect(drum.allocateUpTo(1)).toBe(-1);
    const [empty, more] = [drum.add(0, 0), drum.add(8, 0)];
    expect(empty).not.toBe(more);
    expect(take(drum, 1, 8)).toEqual([[more, 0, 8]]);
    expect(drum.add(2 ** 32, 0)).toBe(-1);
    drum.check();
  });
});
