import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MallocOperation, MallocTraceBuilder } from '../src/trace/index.ts';
import { heapTables, measureHeaps } from './heap.ts';
import { measureHeap } from './heap-measurement.ts';
import { makeSubject, missingPeers, subjectNames } from './heap-subjects.ts';
import { heapTraces, utilizationBound } from './heap-traces.ts';

const settings = { effort: { milliseconds: 1, mostMilliseconds: 400 }, turns: 1 };
const here = { heap: measureHeap };

it('measures allocators and the wasm dlmalloc on recordings and generated traces, alone and together', async () => {
  const steps: string[] = [];
  const choice = { only: ['segregated', 'best-fit'], traces: heapTraces().filter(({ name }) => name === 'strings' || name === 'larson') };
  const result = await measureHeaps(settings, here, (step) => steps.push(step), choice);
  expect(result.subjects).toEqual(['wasm-dlmalloc', 'segregated', 'best-fit']);
  expect(result.alone.length).toBe(3 * result.traces.length);
  expect(result.together.length).toBe(2 * result.traces.length);
  expect(steps).toContain('2 kinds in one process, turn 1 of 1');
  for (const { operationsPerSecond, utilization } of result.alone) {
    expect(operationsPerSecond).toBeGreaterThan(0);
    if (utilization !== null) expect(utilization).toBeLessThan(1);
  }
  const [summary, recorded, generated] = heapTables(result);
  expect(summary?.rows.find(([name]) => name === 'wasm-dlmalloc')?.[1]).toBe('1.00');
  expect(summary?.rows.find(([name]) => name === 'segregated')?.[6]).toMatch(/^\d+\.\d\d$/);
  expect(recorded?.headings).toEqual(['allocator', 'strings', '%']);
  expect(generated?.rows.length).toBe(3);
});

it("has every allocator of Quire's and both peers, which answer as allocators do", async () => {
  const missing = missingPeers();
  if (missing.length > 0) console.warn(`SKIPPED: ${missing.join()} is not installed`);
  expect(subjectNames.slice(0, 3)).toEqual(['wasm-dlmalloc', 'thi.ng', 'segregated']);
  for (const name of subjectNames.filter((each) => !missing.includes(each))) {
    const { malloc, free, realloc, bytes, base } = await makeSubject(name);
    const [one, two] = [malloc(100), malloc(100)];
    expect(Math.abs(one - two), name).toBeGreaterThanOrEqual(100);
    expect(Math.min(one, two)).toBeGreaterThanOrEqual(base);
    bytes().fill(5, one, one + 100);
    const moved = realloc(one, 1000);
    expect(bytes()[moved + 99]).toBe(5);
    free(moved);
    free(two);
  }
});

it('brings its own recordings, small enough to be carried', () => {
  const own = heapTraces().filter(({ path }) => path.includes(join('bench', 'traces')));
  expect(own.map(({ name }) => name)).toEqual(['cpython', 'strings']);
  expect(own.every(({ path }) => existsSync(path))).toBe(true);
});

it('knows how much of the memory boundary tags leave at most, at the peak of the payload', () => {
  const trace = new MallocTraceBuilder();
  const { malloc } = MallocOperation;
  trace.allocate(malloc, 0, 1); // 16 bytes
  trace.allocate(malloc, 1, 20); // 24
  trace.allocate(malloc, 2, 21); // 32
  trace.free(0);
  trace.reallocate(2, 2, 100); // 104: the peak
  trace.free(1);
  trace.allocate(malloc, 3, 12); // 16
  expect(utilizationBound(trace.build('few'))).toBeCloseTo((20 + 100) / (24 + 104), 12);
});
