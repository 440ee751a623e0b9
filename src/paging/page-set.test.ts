import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PageSet } from './page-set.ts';

test.each([1, 31, 32, 33, 1024, 1025, 40_000])('agrees with a Set at capacity %i', (capacity) => {
  const call = fc.record({ kind: fc.constantFrom('add', 'add', 'remove'), page: fc.nat(capacity - 1) });
  fc.assert(
    fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
      const set = new PageSet(capacity);
      const model = new Set<number>();
      for (const { kind, page } of calls) {
        if (kind === 'add') {
          set.add(page);
          model.add(page);
        } else {
          set.remove(page);
          model.delete(page);
        }
        expect(set.lowest()).toBe(model.size === 0 ? -1 : Math.min(...model));
        expect(set.has(page)).toBe(model.has(page));
      }
      set.check();
    }),
    { numRuns: 40 },
  );
});

test('the last page of the capacity can be the lowest', () => {
  const set = new PageSet(1025);
  expect(set.lowest()).toBe(-1);
  set.add(1024);
  expect(set.lowest()).toBe(1024);
  set.add(1023);
  set.remove(1024);
  expect(set.lowest()).toBe(1023);
});
