import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { Densifier } from './index.ts';

/** Page numbers of 20, 32 and 52 bits, some alike in one half. */
const pageNumber = fc.oneof(
  fc.nat(40),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc.nat(20).map((high) => high * 2 ** 32 + 7),
  fc.maxSafeNat(),
);

test('ids are given in the order of first appearance, the same in one piece and in many', () => {
  fc.assert(
    fc.property(fc.array(pageNumber, { maxLength: 300, size: 'max' }), fc.integer({ min: 1, max: 50 }), (pages, piece) => {
      const seen: number[] = [];
      const expected = pages.map((page) => {
        if (!seen.includes(page)) seen.push(page);
        return seen.indexOf(page);
      });
      const densifier = new Densifier();
      const ids: number[] = [];
      for (let from = 0; from < pages.length; from += piece) {
        const raw = Float64Array.from(pages.slice(from, from + piece));
        const out = new Uint32Array(raw.length);
        densifier.densify(raw, out);
        ids.push(...out);
      }
      expect(ids).toEqual(expected);
      expect(densifier.pages).toBe(seen.length);
      expect(seen.map((_, id) => densifier.rawOf(id))).toEqual(seen);
      expect(densifier.rawOf(seen.length)).toBe(-1);
    }),
  );
});

test('grows past many doublings, with numbers that are multiples of a large power of two', () => {
  const count = 100_000;
  const raw = Float64Array.from({ length: 2 * count }, (_, i) => (i % count) * 2 ** 20);
  const ids = new Uint32Array(raw.length);
  const densifier = new Densifier();
  densifier.densify(raw, ids);
  expect(densifier.pages).toBe(count);
  expect(ids.every((id, i) => id === i % count)).toBe(true);
});

test('only the first `count` numbers of a batch are read', () => {
  const densifier = new Densifier();
  const ids = new Uint32Array(4).fill(99);
  densifier.densify(Uint32Array.of(5, 6, 5, 7), ids, 3);
  expect([...ids]).toEqual([0, 1, 0, 99]);
  expect(densifier.pages).toBe(2);
});

test('takes at most 32 bytes for each page, whatever the length, just after it has grown too', () => {
  // Each of its two arrays replaces the one before: the last of each kind is what it holds.
  const bytes = { slots: 0, raw: 0 };
  vi.stubGlobal(
    'Int32Array',
    class extends Int32Array {
      constructor(length: number) {
        super(length);
        bytes.slots = this.byteLength;
      }
    },
  );
  vi.stubGlobal(
    'Float64Array',
    class extends Float64Array {
      constructor(length: number) {
        super(length);
        bytes.raw = this.byteLength;
      }
    },
  );
  try {
    const densifier = new Densifier();
    const ids = new Uint32Array(1);
    let most = 0;
    for (let pages = 1; pages <= 200_000; pages++) {
      densifier.densify(Uint32Array.of(7 * pages), ids);
      if (pages >= 1000) most = Math.max(most, (bytes.slots + bytes.raw) / pages);
    }
    expect(most).toBeLessThanOrEqual(32);
    const before = { ...bytes };
    for (let at = 0; at < 400_000; at++) densifier.densify(Uint32Array.of(7 * ((at % 200_000) + 1)), ids);
    expect([densifier.pages, bytes]).toEqual([200_000, before]);
    // The number of each page alone takes 8, its slot 8 more.
    expect(bytes.slots + bytes.raw).toBeGreaterThanOrEqual(16 * 200_000);
  } finally {
    vi.unstubAllGlobals();
  }
});
