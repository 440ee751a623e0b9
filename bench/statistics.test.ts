import { describe, expect, it } from 'vitest';
import { geometricMean, leastOf, lesser } from './statistics.ts';

describe('geometricMean', () => {
  it('is the square root of the product of two, the cube root of three', () => {
    expect(geometricMean([2, 8])).toBeCloseTo(4, 12);
    expect(geometricMean([1, 3, 9])).toBeCloseTo(3, 12);
    expect(geometricMean([1.7])).toBeCloseTo(1.7, 12);
  });

  it('does not care which side is the unit: the mean of inverse ratios is the inverse', () => {
    expect(geometricMean([1 / 2, 1 / 5, 1 / 7])).toBeCloseTo(1 / geometricMean([2, 5, 7]), 12);
  });
});

describe('leastOf', () => {
  it('keeps the least of each number over all rounds', () => {
    const rounds = [
      { a: 5, b: 1 },
      { a: 3, b: 2 },
      { a: 4, b: 9 },
    ];
    let next = 0;
    expect(leastOf(3, () => rounds[next++] ?? { a: 0, b: 0 })).toEqual({ a: 3, b: 1 });
    expect(next).toBe(3);
  });
});

describe('lesser', () => {
  it('keeps a number that the other side lacks', () => {
    expect(lesser({ a: 1, b: 7 }, { a: 2 } as { a: number; b: number })).toEqual({ a: 1, b: 7 });
  });
});
