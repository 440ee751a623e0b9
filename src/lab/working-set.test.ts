import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PageFaultFrequency, type ResidentSetPoint, WorkingSets } from './working-set.ts';

const traces = fc.array(fc.nat(12), { minLength: 1, maxLength: 150, size: 'max' });
const windows = fc.uniqueArray(fc.integer({ min: 1, max: 170 }), { minLength: 1, maxLength: 6 }).map((all) => all.sort((a, b) => a - b));

/** The working set by definition: the distinct pages of the last `window` references, looked up before and after each reference. */
function plainWorkingSet(ids: readonly number[], window: number): ResidentSetPoint {
  let faults = 0;
  let pages = 0;
  ids.forEach((page, at) => {
    if (!ids.slice(Math.max(0, at - window), at).includes(page)) faults++;
    pages += new Set(ids.slice(Math.max(0, at + 1 - window), at + 1)).size;
  });
  return { window, references: ids.length, faults, meanPages: pages / ids.length };
}

/** Page fault frequency by definition, with use bits that every fault clears. */
function plainFaultFrequency(ids: readonly number[], threshold: number): ResidentSetPoint {
  let resident = new Map<number, boolean>();
  let lastFault = 0;
  let faults = 0;
  let pages = 0;
  ids.forEach((page, i) => {
    if (!resident.has(page)) {
      const isLate = i + 1 - lastFault >= threshold;
      resident = new Map([...resident].filter(([, isUsed]) => isUsed || !isLate).map(([kept]) => [kept, false]));
      lastFault = i + 1;
      faults++;
    }
    resident.set(page, true);
    pages += resident.size;
  });
  return { window: threshold, references: ids.length, faults, meanPages: pages / ids.length };
}

test('working sets of all windows at once are those of the definition', () => {
  fc.assert(
    fc.property(traces, windows, fc.integer({ min: 1, max: 40 }), (ids, chosen, piece) => {
      const sets = new WorkingSets(13, chosen);
      for (let from = 0; from < ids.length; from += piece) sets.feed(Uint32Array.from(ids.slice(from, from + piece)));
      sets.points().forEach((point, i) => {
        const expected = plainWorkingSet(ids, chosen[i] as number);
        expect({ ...point, meanPages: 0 }).toEqual({ ...expected, meanPages: 0 });
        expect(point.meanPages).toBeCloseTo(expected.meanPages, 9);
      });
    }),
  );
});

test('page fault frequency is that of the definition', () => {
  fc.assert(
    fc.property(traces, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), (ids, threshold, piece) => {
      const process = new PageFaultFrequency(13, threshold);
      for (let from = 0; from < ids.length; from += piece) process.feed(Uint32Array.from(ids.slice(from, from + piece)));
      expect(process.point()).toEqual(plainFaultFrequency(ids, threshold));
    }),
  );
});

test('gaps beyond the table are counted as exactly as short ones', () => {
  // A loop of 5,000 pages, three times round: with a window of 4,999 everything faults, with 5,000 only the first round does.
  const sets = new WorkingSets(5000, [4999, 5000]);
  for (let round = 0; round < 3; round++) sets.feed(Uint32Array.from({ length: 5000 }, (_, i) => i));
  expect(sets.points().map(({ faults }) => faults)).toEqual([15_000, 5000]);
});
