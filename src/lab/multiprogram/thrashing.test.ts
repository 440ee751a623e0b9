import { describe, expect, it } from 'vitest';
import { type Interval, ThrashingDetector } from './thrashing.ts';

const thrashing: Interval = { fromNs: 0, toNs: 100, processorNs: 49, deviceNs: 91, faults: 10, refaults: 5, leastFree: 2 };
const isThrashing = (changes: Partial<Interval>): boolean => new ThrashingDetector(0.5, 16).add({ ...thrashing, ...changes });

describe('an interval', () => {
  it('thrashes if all four conditions hold, each up to its boundary', () => {
    expect(isThrashing({})).toBe(true);
    expect(isThrashing({ processorNs: 50 })).toBe(false);
    expect(isThrashing({ deviceNs: 90 })).toBe(false);
    expect(isThrashing({ refaults: 4 })).toBe(false);
    expect(isThrashing({ leastFree: 3 })).toBe(false);
  });

  it('without faults does not', () => {
    expect(isThrashing({ faults: 0, refaults: 0 })).toBe(false);
  });
});

describe('periods', () => {
  it('join neighbouring intervals', () => {
    const detector = new ThrashingDetector(0.5, 16);
    for (const from of [0, 100, 300]) detector.add({ ...thrashing, fromNs: from, toNs: from + 100 });
    expect(detector.periods()).toEqual([
      { fromSeconds: 0, toSeconds: 200e-9 },
      { fromSeconds: 300e-9, toSeconds: 400e-9 },
    ]);
  });
});
