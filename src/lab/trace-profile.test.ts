// Profiles against the definitions, computed the slow way.

import { expect, test } from 'vitest';
import { mixTrace, phaseTrace, zipfTrace } from '../trace/index.ts';
import { Densifier } from './densifier.ts';
import { type TraceProfile, TraceProfiler } from './trace-profile.ts';

const profileOf = (raw: Uint32Array, kinds = new Uint8Array(raw.length), piece = raw.length): TraceProfile => {
  const ids = new Uint32Array(raw.length);
  const densifier = new Densifier();
  densifier.densify(raw, ids);
  const profiler = new TraceProfiler({ pages: densifier.pages, references: raw.length });
  for (let at = 0; at < ids.length; at += piece) profiler.feed(ids.subarray(at, at + piece), kinds.subarray(at, at + piece));
  return profiler.profile();
};

/** Pages in the last `window` references, after each of them: its mean. */
const workingSetBySets = (trace: Uint32Array, window: number): number => {
  let sum = 0;
  for (let at = 0; at < trace.length; at++) sum += new Set(trace.subarray(Math.max(0, at + 1 - window), at + 1)).size;
  return sum / trace.length;
};

const faultsBySets = (trace: Uint32Array, window: number): number => {
  let faults = 0;
  for (let at = 0; at < trace.length; at++) {
    if (!trace.subarray(Math.max(0, at - window), at).includes(trace[at] as number)) faults++;
  }
  return faults;
};

const traces: Record<string, Uint32Array> = {
  zipf: zipfTrace(50, 700),
  mix: mixTrace(40, 100, 700),
  phase: phaseTrace(40, 200, 700),
  one: Uint32Array.of(5),
  same: new Uint32Array(33),
};

test.each(Object.keys(traces))('the working set of %s is what its definition says', (name) => {
  const trace = traces[name] as Uint32Array;
  const { workingSet } = profileOf(trace);
  expect(workingSet.at(-1)?.window).toBeGreaterThanOrEqual(trace.length);
  for (const { window, pages, faults } of workingSet) {
    // Windows that reach beyond the start are cut there, forward gaps at the end: the means are the same (Denning and Schwartz).
    expect([window, pages]).toEqual([window, expect.closeTo(workingSetBySets(trace, window), 9)]);
    expect([window, faults]).toEqual([window, faultsBySets(trace, window)]);
  }
});

test.each(Object.keys(traces))('the counts of %s add up', (name) => {
  const trace = traces[name] as Uint32Array;
  const kinds = Uint8Array.from(trace, (page, i) => (page + i) % 3);
  const found = profileOf(trace, kinds);
  const pages = new Set(trace).size;
  expect([found.references, found.pages]).toEqual([trace.length, pages]);
  expect([found.reads, found.writes, found.fetches]).toEqual([0, 1, 2].map((kind) => kinds.filter((each) => each === kind).length));
  expect(found.writtenPages).toBe(new Set(trace.filter((_, i) => kinds[i] === 1)).size);
  expect(found.distances.reduce((sum, { references }) => sum + references, 0) + pages).toBe(trace.length);
  expect(found.footprint).toEqual(
    Array.from({ length: 10 }, (_, i) => new Set(trace.subarray(0, Math.max(1, Math.round(((i + 1) * trace.length) / 10)))).size),
  );
  expect(profileOf(trace, kinds, 7)).toEqual(found);
});

test('distances are in classes of powers of two', () => {
  // Distances 1, 2, 3, 4, 5: each page of five comes again after so many others.
  const trace = Uint32Array.of(1, 1, 2, 1, 2, 3, 1, 2, 3, 4, 1, 2, 3, 4, 5, 1);
  expect(profileOf(trace).distances).toEqual([
    { from: 1, to: 1, references: 1 },
    { from: 2, to: 2, references: 2 },
    { from: 3, to: 4, references: 7 },
    { from: 5, to: 8, references: 1 },
  ]);
});

test('hot pages come by their references, equals by their first appearance', () => {
  const trace = Uint32Array.from({ length: 12 * 20 }, (_, i) => i % 12).map((page) => (page === 11 ? 3 : page));
  const { hotPages } = profileOf(trace, new Uint8Array(trace.length).fill(1, 0, 12));
  expect(hotPages.map(({ id }) => id)).toEqual([3, 0, 1, 2, 4, 5, 6, 7, 8, 9]);
  expect(hotPages.slice(0, 2)).toEqual([
    { id: 3, references: 40, writes: 2 },
    { id: 0, references: 20, writes: 1 },
  ]);
});

test('a phase ends where the references go elsewhere, and phases fill the trace', () => {
  // Three working sets of 30 pages that share none. The second begins at a window's edge, the third in the middle of one.
  const lengths = [20_000, 30_600, 49_400];
  const trace = Uint32Array.from(lengths.flatMap((length, set) => Array.from({ length }, (_, i) => 100 * set + ((i * 7) % 30))));
  expect(profileOf(trace).phases).toEqual([
    { start: 0, references: 20_000, pages: 30 },
    { start: 20_000, references: 31_000, pages: 60 },
    { start: 51_000, references: 49_000, pages: 30 },
  ]);
  const [whole, ...rest] = profileOf(zipfTrace(20, 50_000)).phases;
  expect([whole, rest]).toEqual([{ start: 0, references: 50_000, pages: 20 }, []]);
});

test('a working set that moves is seen through random references, within a window', () => {
  // It moves every 20,000 references; the windows have 3,000.
  const { phases } = profileOf(phaseTrace(4000, 20_000, 300_000));
  expect(phases.length).toBe(15);
  phases.forEach(({ start, references, pages }, i) => {
    expect(Math.abs(start - 20_000 * i)).toBeLessThan(3000);
    expect(start + references).toBe(phases[i + 1]?.start ?? 300_000);
    expect(pages).toBeGreaterThan(1500);
    expect(pages).toBeLessThan(4000);
  });
});
