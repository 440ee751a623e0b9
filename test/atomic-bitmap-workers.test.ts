// One lock-free bitmap, four workers at once: no frame is given twice, none is lost. The workers run compiled sources.
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Pfn, pfn } from '../src/base/index.ts';
import { atomicBitmapAllocator } from '../src/frames/index.ts';

const WORKERS = 4;
const STEPS = 60_000;
const FIRST = 5;

beforeAll(() => {
  execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/prepare.mjs', import.meta.url))]);
}, 120_000);

interface WorkerReport {
  readonly problems: readonly string[];
  readonly held: readonly number[];
  readonly refused: number;
  readonly runs: number;
  readonly traded: number;
}

function runWorker(workerData: unknown): Promise<WorkerReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./support/frames-worker.mjs', import.meta.url), { workerData });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

const shared = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(bytes);

describe('one atomic bitmap in four workers', () => {
  it.each([
    // So few frames that somebody always finds none, and so many that they spread over several groups of 1,024.
    { count: 90, mostHeld: 60, short: true },
    { count: 5000, mostHeld: 900, short: false },
  ])('gives none of $count frames twice and loses none', async ({ count, mostHeld, short }) => {
    const words = new Uint32Array(shared(atomicBitmapAllocator.metadataBytes(count)));
    const claims = new Int32Array(shared(4 * count));
    const mail = new Int32Array(shared(4 * 8));
    const allocator = atomicBitmapAllocator.make(pfn(FIRST), count, { words });
    for (let i = 0; i < count; i++) allocator.free(pfn(FIRST + i));
    const reports = await Promise.all(
      Array.from({ length: WORKERS }, (_, i) =>
        runWorker({ words, claims, mail, first: FIRST, count, steps: STEPS, seed: 31 + i, name: i + 1, mostHeld }),
      ),
    );
    expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
    for (const { refused, runs, traded } of reports) expect([refused > 0 || !short, runs > 0, traded > 0]).toEqual([true, true, true]);

    allocator.check();
    const held = [...reports.flatMap((report) => report.held), ...[...mail].filter((letter) => letter !== 0).map((letter) => letter - 1)];
    expect(new Set(held).size).toBe(held.length);
    expect(allocator.freeCount).toBe(count - held.length);
    for (const frame of held) expect(allocator.isFree(pfn(frame))).toBe(false);
    for (const frame of held) allocator.free(pfn(frame));
    const all = new Set<number>();
    for (let frame = allocator.allocate(); frame !== -1; frame = allocator.allocate()) all.add(frame as Pfn);
    expect([all.size, Math.min(...all), Math.max(...all)]).toEqual([count, FIRST, FIRST + count - 1]);
    allocator.check();
  });
});
