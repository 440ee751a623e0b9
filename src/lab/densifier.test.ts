import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
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

test('takes at most 32 bytes for each page, whatever the length, just after it has grown too', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = async (): Promise<number> => {
    collect();
    // Freed memory is taken off the count a moment later.
    await new Promise((resolve) => setTimeout(resolve, 30));
    collect();
    return process.memoryUsage().arrayBuffers;
  };
  const ids = new Uint32Array(4096);
  for (const pages of [98_304, 98_305, 150_000]) {
    const trace = Uint32Array.from({ length: 4096 }, (_, i) => i * 7);
    const before = await held();
    const densifier = new Densifier();
    for (let round = 0; round < 3; round++) {
      for (let at = 0; at < pages; at += trace.length) {
        densifier.densify(
          trace.map((page) => page + 7 * at),
          ids,
          Math.min(trace.length, pages - at),
        );
      }
    }
    const bytes = ((await held()) - before) / pages;
    // Asked for afterwards, so that it is still there when memory is counted.
    expect(densifier.pages).toBe(pages);
    expect(bytes).toBeLessThan(32);
    // The number of each page alone takes 8.
    expect(bytes).toBeGreaterThan(8);
  }
});
