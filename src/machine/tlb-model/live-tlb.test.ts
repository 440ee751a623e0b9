import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, type Pfn, Random } from '../../base/index.ts';
import { LiveTlbs, WatchedTlb } from './live-tlb.ts';
import { type TlbDesign, tlbDesigns } from './tlb-shape.ts';

const design = (entries: number, ways: number, more: Partial<TlbDesign> = {}): TlbDesign => ({
  name: `${entries}:${ways}`,
  first: { entries, ways, replacement: 'lru' },
  ...more,
});

/** A TLB as sets of lists, the one used last in front. */
class SlowTlb {
  misses = 0;
  readonly #sets: number[][];
  readonly #ways: number;

  constructor(entries: number, ways: number) {
    this.#ways = ways;
    this.#sets = Array.from({ length: entries / ways }, () => []);
  }

  /** `set` chooses the set; `key` is what is held. */
  refer(key: number, set: number): void {
    const held = this.#sets[set % this.#sets.length] as number[];
    const at = held.indexOf(key);
    if (at >= 0) held.splice(at, 1);
    else this.misses++;
    held.unshift(key);
    held.splice(this.#ways);
  }

  drop(key: number, set: number): void {
    const held = this.#sets[set % this.#sets.length] as number[];
    const at = held.indexOf(key);
    if (at >= 0) held.splice(at, 1);
  }
}

describe('live TLBs', () => {
  it.each([
    [8, 8],
    [16, 4],
    [16, 1],
  ])('of %i entries and %i ways miss as sets of lists do, whatever is flushed, promoted and demoted', (entries, ways) => {
    const random = new Random(entries + ways);
    const live = new LiveTlbs([design(entries, ways)], 8, 1);
    const slow = new SlowTlb(entries, ways);
    const large = new Set<number>();
    let references = 0;
    for (let step = 0; step < 20_000; step++) {
      const page = random.below(64);
      const window = page >> 3;
      const roll = random.below(100);
      if (roll < 90) {
        references++;
        live.refer(page * PAGE_SIZE + random.below(PAGE_SIZE - 8), 8);
        if (large.has(window)) slow.refer(1000 + window, window);
        else slow.refer(page, page);
      } else if (roll < 95) {
        live.drop(page, 3);
        for (let i = 0; i < 3; i++) slow.drop(page + i, page + i);
        for (const each of new Set([window, (page + 2) >> 3])) if (large.has(each)) slow.drop(1000 + each, each);
      } else if (large.has(window)) {
        live.demoted(window * 8);
        large.delete(window);
        slow.drop(1000 + window, window);
      } else {
        live.promoted(window * 8);
        large.add(window);
      }
    }
    const [counts] = live.counts();
    expect([counts?.references, counts?.misses]).toEqual([references, slow.misses]);
    expect(counts?.largeMisses).toBeGreaterThan(0);
    live.check();
  });

  it('count an access over two pages twice, a bulk one once for each page, and an empty one not at all', () => {
    const live = new LiveTlbs([design(64, 64)], 0, 1);
    live.refer(2 * PAGE_SIZE - 1, 2);
    live.refer(0, 5 * PAGE_SIZE);
    live.refer(100 * PAGE_SIZE, 0);
    live.refer(0xffff_fffc, 8);
    expect(live.counts()[0]).toMatchObject({ references: 8, misses: 6, firstHits: 2, secondHits: 0 });
  });

  it('have pairs of pages in an entry, a second level, and an array of its own for large pages', () => {
    const r4000 = tlbDesigns.find(({ name }) => name === 'r4000') as TlbDesign;
    const pairs = new LiveTlbs([r4000], 0, 1);
    for (const page of [6, 7, 8, 6]) pairs.refer(page * PAGE_SIZE, 4);
    expect(pairs.counts()[0]).toMatchObject({ references: 4, misses: 2 });
    const levels = new LiveTlbs([design(1, 1, { second: { entries: 8, ways: 8, replacement: 'lru' } })], 0, 1);
    for (const page of [1, 2, 1, 2]) levels.refer(page * PAGE_SIZE, 4);
    expect(levels.counts()[0]).toMatchObject({ firstHits: 0, secondHits: 2, misses: 2 });
    const split = new LiveTlbs([design(1, 1, { large: { entries: 1, ways: 1, replacement: 'lru' } })], 8, 1);
    split.promoted(8);
    for (const page of [1, 9, 1, 15, 1]) split.refer(page * PAGE_SIZE, 4);
    expect(split.counts()[0]).toMatchObject({ firstHits: 3, misses: 2, largeMisses: 1 });
  });
});

describe('a watched TLB', () => {
  it('does to its words what a TLB does, and flushes what the kernel changes', () => {
    const live = new LiveTlbs([design(8, 8)], 0, 1);
    const entries = 0x10_0000;
    const tlb = new WatchedTlb(live, new ArrayBuffer(8 * entries), 0, 4 * entries);
    const misses = (page: number): number => {
      const before = live.counts()[0]?.misses as number;
      live.refer(page * PAGE_SIZE, 4);
      return (live.counts()[0]?.misses as number) - before;
    };
    for (const page of [5, 6, 7, 8]) {
      tlb.fillWrite(page, 100 as Pfn);
      expect(misses(page)).toBe(1);
    }
    tlb.invalidate(5);
    tlb.invalidateWrite(6);
    tlb.invalidateRange(7, 1);
    tlb.invalidateWriteRange(8, 1);
    expect([5, 6, 7, 8].map((page) => [tlb.reads(page), tlb.writes(page), misses(page)])).toEqual([
      [false, false, 1],
      [true, false, 1],
      [false, false, 1],
      [true, false, 1],
    ]);
    expect(live.counts()[0]?.dropped).toBe(4);
    tlb.flush();
    expect(misses(6)).toBe(1);
    tlb.check();
    live.check();
  });
});
