import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { amd64, sv39, type TlbShape } from '../../machine/index.ts';
import { type IdPieces, replayTlb, type TlbReplayOptions } from './tlb-replay.ts';
import { addressLimitOf, pageSizesOf, translationsOf, walkPlan } from './translations.ts';

const PAGE = 4096;
const BASE = { baseBytes: PAGE, pageBytes: PAGE, pagesPerEntry: 1, globals: [] } as const;
const lru = (entries: number): TlbShape => ({ entries, ways: entries, replacement: 'lru' });

/** A trace of page numbers as ids and pages. */
function traceOf(references: readonly number[]): { pages: Float64Array; pieces: IdPieces } {
  const pages = [...new Set(references)];
  const ids = Uint32Array.from(references, (page) => pages.indexOf(page));
  // Two pieces, so that the seam is replayed too.
  return { pages: Float64Array.from(pages), pieces: [{ ids: ids.subarray(0, 3) }, { ids: ids.subarray(3) }] };
}

const usual = { walkCache: 0, asids: 0, processors: 1, quantum: 1000, unmapEvery: 0, seed: 1 } as const;

function replay(
  traces: readonly (readonly number[])[],
  first: TlbShape,
  changes: Partial<Omit<TlbReplayOptions, 'design' | 'translations'>> & { second?: TlbShape; globals?: [number, number][] } = {},
) {
  const { second, globals = [], ...options } = changes;
  const read = traces.map(traceOf);
  const translations = translationsOf(read, { ...BASE, globals });
  const walks = walkPlan(translations, sv39, PAGE, () => PAGE);
  const design = { name: 'test', first, ...(second && { second }) };
  return replayTlb(
    { ...usual, walks, ...options, design, translations },
    read.map(({ pieces }) => pieces),
  );
}

/** A list in order of use, the newest first. */
class RecentList {
  names: string[] = [];
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  use(name: string): 'hit' | 'miss' {
    const found = this.names.includes(name);
    this.names = [name, ...this.names.filter((each) => each !== name)].slice(0, this.#most);
    return found ? 'hit' : 'miss';
  }

  lose(which: (name: string) => boolean): number {
    const before = this.names.length;
    this.names = this.names.filter((name) => !which(name));
    return before - this.names.length;
  }
}

/** The same by lists of names: a reference at a time, every processor an object. */
function naiveReplay(
  traces: readonly (readonly number[])[],
  settings: { entries: number; second: number; asids: number; processors: number; quantum: number; unmapEvery: number },
) {
  const counts = { firstHits: 0, secondHits: 0, misses: 0, walkLoads: 0, flushed: 0, unmappings: 0, interrupts: 0 };
  const processors = Array.from({ length: settings.processors }, () => ({
    first: new RecentList(settings.entries),
    second: new RecentList(settings.second),
    ran: [] as number[],
  }));
  const at = traces.map(() => 0);
  let slice = 0;
  let done = 0;
  while (traces.some((trace, process) => (at[process] ?? 0) < trace.length)) {
    traces.forEach((trace, process) => {
      const from = at[process] ?? 0;
      if (from === trace.length) return;
      const cpu = processors[slice++ % settings.processors] as (typeof processors)[number];
      cpu.ran = [process, ...cpu.ran.filter((each) => each !== process)];
      while (cpu.ran.length > Math.max(1, settings.asids)) {
        const gone = `${cpu.ran.pop()}:`;
        for (const list of [cpu.first, cpu.second]) counts.flushed += list.lose((name) => name.startsWith(gone));
      }
      for (const page of trace.slice(from, from + settings.quantum)) {
        const name = `${process}:${page}`;
        if (cpu.first.use(name) === 'hit') counts.firstHits++;
        else if (cpu.second.use(name) === 'hit') counts.secondHits++;
        else {
          counts.misses++;
          counts.walkLoads += 3;
        }
        if (++done % settings.unmapEvery !== 0) continue;
        counts.unmappings++;
        for (const other of processors) {
          if (other !== cpu && other.ran.includes(process)) counts.interrupts++;
          for (const list of [other.first, other.second]) list.lose((each) => each === name);
        }
      }
      at[process] = Math.min(trace.length, from + settings.quantum);
    });
  }
  return counts;
}

describe('processes on processors with TLBs (B10)', () => {
  it('counts what lists of names count: levels, ASIDs, processors, unmappings', () => {
    const traces = fc.array(fc.array(fc.nat(11), { minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 4 });
    const settings = fc.record({
      entries: fc.integer({ min: 1, max: 6 }),
      second: fc.integer({ min: 1, max: 12 }),
      asids: fc.nat(3),
      processors: fc.integer({ min: 1, max: 3 }),
      quantum: fc.integer({ min: 1, max: 20 }),
      unmapEvery: fc.integer({ min: 1, max: 30 }),
    });
    fc.assert(
      fc.property(traces, settings, (references, chosen) => {
        const { entries, second, ...others } = chosen;
        const counts = replay(references, lru(entries), { second: lru(second), ...others });
        expect(counts).toMatchObject(naiveReplay(references, chosen));
      }),
      { numRuns: 200 },
    );
  });

  it('loses everything at a switch without ASIDs, and nothing with one for each space', () => {
    const two = [Array.from({ length: 8 }, () => 1), Array.from({ length: 8 }, () => 1)];
    expect(replay(two, lru(4), { quantum: 2 })).toMatchObject({ misses: 8, switches: 7, flushes: 7, flushed: 7 });
    expect(replay(two, lru(4), { quantum: 2, asids: 2 })).toMatchObject({ misses: 2, switches: 7, flushes: 0 });
  });

  it('keeps global pages over switches: the spaces share one translation', () => {
    const two = [
      [1, 2, 1, 2],
      [1, 2, 1, 2],
    ];
    expect(replay(two, lru(4), { quantum: 2, globals: [[PAGE, 2 * PAGE]] })).toMatchObject({ misses: 5, flushed: 3 });
  });

  it('tells every processor that ran the space of an unmapped page, and no other', () => {
    const one = Array.from({ length: 12 }, () => 1);
    const counts = replay([one], lru(4), { quantum: 2, processors: 3, unmapEvery: 12 });
    expect(counts).toMatchObject({ misses: 3, unmappings: 1, shootdowns: 1, interrupts: 2 });
    expect(replay([one], lru(4), { unmapEvery: 4 })).toMatchObject({ misses: 3, unmappings: 3, shootdowns: 0, interrupts: 0 });
  });

  it('saves a walk the loads of upper entries that are cached', () => {
    const trace = [0, 1, 512, 512 * 512, 2];
    const first = lru(1);
    expect(replay([trace], first).walkLoads).toBe(5 * 3);
    // Cold 3; same leaf table 1; same middle table 2; another root entry 3; the leaf table of page 0 again 1.
    expect(replay([trace], first, { walkCache: 4 }).walkLoads).toBe(3 + 1 + 2 + 3 + 1);
    // One entry a level: page 2's upper entries are gone.
    expect(replay([trace], first, { walkCache: 1 }).walkLoads).toBe(3 + 1 + 2 + 3 + 3);
  });
});

describe('the numbers of translations', () => {
  it('makes a stretch a large page if enough of it is referenced', () => {
    const half = Float64Array.from({ length: 256 }, (_, page) => page);
    const few = Float64Array.from({ length: 255 }, (_, page) => 512 + page);
    const pages = Float64Array.from([...half, ...few]);
    const { isLarge, basePages } = translationsOf([{ pages }], { ...BASE, large: { bytes: 512 * PAGE, share: 0.5 } });
    expect([isLarge.length, isLarge[0], basePages[1], isLarge[1]]).toEqual([256, 1, 512, 0]);
  });

  it('joins neighbouring pages where an entry has several, beyond 32 bits as well', () => {
    const far = 2 ** 41;
    const { ofProcess, pages } = translationsOf([{ pages: Float64Array.from([6, 7, far, far + 1, far + 2]) }], {
      ...BASE,
      pagesPerEntry: 2,
    });
    expect([...(ofProcess[0] ?? [])]).toEqual([0, 0, 1, 1, 2]);
    expect([...pages]).toEqual([3, far / 2, far / 2 + 1]);
  });

  it('loads one entry less for each level that a large page leaves out', () => {
    const translations = translationsOf([{ pages: Float64Array.of(1, 600) }], { ...BASE, large: { bytes: 512 * PAGE, share: 1 / 512 } });
    const plan = walkPlan(translations, amd64, PAGE, () => 512 * PAGE);
    expect([...plan.loads]).toEqual([3, 3]);
    expect(pageSizesOf(amd64)).toEqual([PAGE, 512 * PAGE, 512 * 512 * PAGE]);
    expect(addressLimitOf(sv39)).toBe(2 ** 39);
    expect(() => walkPlan(translations, amd64, PAGE, () => 2 * PAGE)).toThrow(/TLBR1/);
  });
});
