import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Densifier, lruMisses, lruMissesBySize, StackDistances } from './index.ts';

/** LRU's misses by definition: a list in order of use for each size. */
function plainMisses(ids: readonly number[], frames: number): number {
  const queue: number[] = [];
  let misses = 0;
  for (const page of ids) {
    const at = queue.indexOf(page);
    if (at >= 0) queue.splice(at, 1);
    else {
      misses++;
      if (queue.length === frames) queue.shift();
    }
    if (frames > 0) queue.push(page);
  }
  return misses;
}

test('one pass gives what LRU misses with each number of frames', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.nat(1000), { maxLength: 200, size: 'max' }),
      fc.integer({ min: 1, max: 40 }),
      (pages, drawn, piece) => {
        const ids = drawn.map((number) => number % pages);
        const distances = new StackDistances(pages);
        for (let from = 0; from < ids.length; from += piece) distances.feed(Uint32Array.from(ids.slice(from, from + piece)));
        const curve = distances.curve();
        const bySize = lruMissesBySize(curve);
        expect(bySize.length).toBe(new Set(ids).size + 1);
        expect(curve.compulsory).toBe(new Set(ids).size);
        for (let frames = 0; frames <= pages; frames++) {
          const expected = plainMisses(ids, frames);
          expect(lruMisses(curve, frames)).toBe(expected);
          if (frames < bySize.length) expect(bySize[frames]).toBe(expected);
        }
      },
    ),
  );
});

test('slots are renumbered many times, with group and word borders in all places', () => {
  // 700 pages have 1536 slots: the references below use them up forty times. A loop's distance is its length, whatever came before.
  for (const width of [1, 31, 32, 33, 255, 256, 257, 512, 700]) {
    const distances = new StackDistances(700);
    distances.feed(Uint32Array.from({ length: 700 }, (_, i) => i));
    distances.feed(Uint32Array.from({ length: 60_000 }, (_, i) => i % width));
    const curve = distances.curve();
    expect(curve.references).toBe(60_700);
    // The first round finds its pages behind those that came after them, all the others find the loop.
    expect(curve.hits[width]).toBe(60_000 - width + (width === 700 ? 700 : 0));
    expect(lruMisses(curve, 700)).toBe(700);
  }
});

const folder = join(import.meta.dirname, '../../../shared/oracle/policy');
const present = existsSync(folder);
if (!present) console.warn(`SKIPPED: the exact LRU curves of recorded traces are not at ${folder}`);

describe.skipIf(!present)('the whole curve is that of another program', () => {
  test.each(['cloudphysics', 'mix300k', 'phase300k', 'zipf300k'])('%s', (name) => {
    const text = gunzipSync(readFileSync(join(folder, 'traces', `${name}.txt.gz`))).toString();
    const raw = Uint32Array.from(text.trim().split('\n'), Number);
    const ids = new Uint32Array(raw.length);
    const densifier = new Densifier();
    densifier.densify(raw, ids);
    const distances = new StackDistances(densifier.pages);
    distances.feed(ids);
    const misses = lruMissesBySize(distances.curve());
    // A row for each size at which the curve changes, and one for the number of pages.
    const changes = [...misses.keys()].filter((size) => size > 0 && (misses[size] !== misses[size - 1] || size === densifier.pages));
    const published = readFileSync(join(folder, `${name}.lru-mrc.tsv`), 'utf8')
      .trim()
      .split('\n');
    expect(changes.map((size) => `${size}\t${misses[size]}`)).toEqual(published);
  });
});
