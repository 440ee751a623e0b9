import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { makeTlbArray } from './tlb-array.ts';
import { type TlbReplacement, type TlbShape, tlbDesigns, tlbReplacements, whyNoTlb } from './tlb-shape.ts';

/** The same by lists of pages and times, searched from end to end. */
class NaiveTlb {
  readonly #shape: TlbShape;
  readonly #random: Random;
  readonly #sets: { page: number; filled: number; used: number }[][];
  /** Way numbers without a page, the next to be taken last. */
  readonly #free: number[][];
  /** Per set and inner node, as the path to it: which half was used last. */
  readonly #lastHalf = new Map<string, number>();
  #now = 0;

  constructor(shape: TlbShape, seed: number) {
    this.#shape = shape;
    this.#random = new Random(seed);
    const sets = shape.entries / shape.ways;
    this.#sets = Array.from({ length: sets }, () => []);
    this.#free = Array.from({ length: sets }, () => Array.from({ length: shape.ways }, (_, way) => shape.ways - 1 - way));
  }

  lookup(page: number): boolean {
    const set = page % this.#sets.length;
    const way = this.#wayOf(set, page);
    const entry = this.#sets[set]?.[way];
    if (entry === undefined) return false;
    entry.used = ++this.#now;
    this.#mark(set, way);
    return true;
  }

  fill(page: number): number {
    const set = page % this.#sets.length;
    const entries = this.#sets[set] ?? [];
    const way = this.#free[set]?.pop() ?? this.#victim(set);
    const before = entries[way]?.page ?? -1;
    entries[way] = { page, filled: ++this.#now, used: this.#now };
    this.#mark(set, way);
    return before;
  }

  drop(page: number): boolean {
    const set = page % this.#sets.length;
    const way = this.#wayOf(set, page);
    if (way === -1) return false;
    delete this.#sets[set]?.[way];
    this.#free[set]?.push(way);
    return true;
  }

  #wayOf(set: number, page: number): number {
    return (this.#sets[set] ?? []).findIndex((entry) => entry?.page === page);
  }

  #victim(set: number): number {
    const entries = this.#sets[set] ?? [];
    const first = (key: 'filled' | 'used') =>
      entries.reduce((best, entry, way) => (entry[key] < (entries[best]?.[key] ?? 0) ? way : best), 0);
    switch (this.#shape.replacement) {
      case 'lru':
        return first('used');
      case 'fifo':
        return first('filled');
      case 'random':
        return this.#random.below(this.#shape.ways);
      case 'tree-plru': {
        let path = '';
        for (let size = this.#shape.ways; size > 1; size /= 2) path += (this.#lastHalf.get(`${set}:${path}`) ?? 1) ^ 1;
        return path === '' ? 0 : Number.parseInt(path, 2);
      }
    }
  }

  #mark(set: number, way: number): void {
    const depth = Math.log2(this.#shape.ways);
    if (!Number.isInteger(depth) || depth === 0) return;
    const path = way.toString(2).padStart(depth, '0');
    for (let at = 0; at < depth; at++) this.#lastHalf.set(`${set}:${path.slice(0, at)}`, Number(path[at]));
  }
}

const shapes = fc
  .record({
    sets: fc.constantFrom(1, 2, 3, 4),
    ways: fc.constantFrom(1, 2, 3, 4, 8),
    replacement: fc.constantFrom<TlbReplacement>(...tlbReplacements),
  })
  .map(({ sets, ways, replacement }) => ({ entries: sets * ways, ways, replacement }))
  .filter((shape) => whyNoTlb(shape) === undefined);

const PAGES = 40;
const pages = Array.from({ length: PAGES }, (_, page) => page);

/** Looks a page up and fills it when it misses; returns what happened as text. */
function reference(tlb: Pick<NaiveTlb, 'lookup' | 'fill'>, page: number): string {
  return tlb.lookup(page) ? 'hit' : `gave up ${tlb.fill(page)}`;
}

describe('an array of TLB entries (B10)', () => {
  it('gives up the same pages as lists that are searched, for every replacement', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('use', 'use', 'use', 'use', 'drop'), fc.nat(PAGES - 1)), { maxLength: 300 });
    fc.assert(
      fc.property(shapes, steps, fc.integer(), (shape, script, seed) => {
        const [tlb, naive] = [makeTlbArray(shape, pages, seed), new NaiveTlb(shape, seed)];
        for (const [what, page] of script) {
          if (what === 'use') expect(reference(tlb, page)).toBe(reference(naive, page));
          else expect(tlb.drop(page)).toBe(naive.drop(page));
        }
        tlb.check();
      }),
      { numRuns: 200 },
    );
  });

  it('misses by direct mapping where full associativity hits: two pages a set apart', () => {
    const misses = (ways: number): number => {
      const tlb = makeTlbArray({ entries: 4, ways, replacement: 'lru' }, pages);
      return [0, 4, 0, 4, 0, 4].filter((page) => reference(tlb, page) !== 'hit').length;
    };
    expect([misses(1), misses(2), misses(4)]).toEqual([6, 2, 2]);
  });

  it('keeps a loop of one page too many out of lru and fifo, never out of random', () => {
    const hits = (replacement: TlbReplacement): number => {
      const tlb = makeTlbArray({ entries: 16, ways: 16, replacement }, pages);
      let count = 0;
      for (let i = 0; i < 1700; i++) if (reference(tlb, i % 17) === 'hit') count++;
      return count;
    };
    expect([hits('lru'), hits('fifo')]).toEqual([0, 0]);
    expect(hits('random')).toBeGreaterThan(800);
  });

  it('leaves wired entries alone: programs have that many fewer', () => {
    const tlb = makeTlbArray({ entries: 4, ways: 4, replacement: 'random', wired: 3 }, pages);
    expect([0, 1, 0].map((page) => reference(tlb, page))).toEqual(['gave up -1', 'gave up 0', 'gave up 1']);
    tlb.check();
  });

  it('drops the translations of one space only', () => {
    const tlb = makeTlbArray({ entries: 8, ways: 2, replacement: 'lru' }, [0, 1, 2, 0, 1, 2]);
    const spaces = [7, 7, 7, 8, 8, 8];
    for (let translation = 0; translation < 6; translation++) reference(tlb, translation);
    expect(tlb.dropSpace(spaces, 7)).toBe(3);
    expect([0, 1, 2, 3, 4, 5].map((translation) => tlb.holds(translation))).toEqual([false, false, false, true, true, true]);
    tlb.check();
  });

  it('refuses what cannot be built, and every processor in the list can be', () => {
    const lru = { replacement: 'lru' } as const;
    expect(whyNoTlb({ entries: 10, ways: 4, ...lru })).toMatch(/do not divide/);
    expect(whyNoTlb({ entries: 8, ways: 4, wired: 1, ...lru })).toMatch(/wired/);
    expect(whyNoTlb({ entries: 8, ways: 8, wired: 8, ...lru })).toMatch(/all 8/);
    expect(whyNoTlb({ entries: 12, ways: 12, replacement: 'tree-plru' })).toMatch(/power of two/);
    expect(() => makeTlbArray({ entries: 10, ways: 4, ...lru }, pages)).toThrow(/TLBM0/);
    const arrays = tlbDesigns.flatMap(({ first, large, second }) => [first, large, second]).filter((shape) => shape !== undefined);
    expect(arrays.map(whyNoTlb).filter((why) => why !== undefined)).toEqual([]);
  });
});
