// One heap, several workers at once: no block is given twice, contents stay, and the heap is whole afterwards. The workers run compiled sources.
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it } from 'vitest';
import { BlockUse } from '../src/heap/malloc/allocator.ts';
import { allocatorNames, Heap } from '../src/heap/malloc/index.ts';

const PAGE = 65_536;
const LARGEST = 6000;

beforeAll(() => {
  execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/prepare.mjs', import.meta.url))]);
}, 120_000);

interface WorkerReport {
  readonly problems: readonly string[];
  readonly kept: readonly number[];
}

function runWorker(workerData: unknown): Promise<WorkerReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./support/heap-worker.mjs', import.meta.url), { workerData });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

type Shared = SharedArrayBuffer | WebAssembly.Memory;

/** Lets workers use the heap in `backing`; returns the blocks that they left, all problems gone through. */
async function hammer(backing: Shared, workers: number, steps: number): Promise<number[]> {
  const [claims, mail] = [64 * (PAGE / 8), 16].map((words) => new Int32Array(new SharedArrayBuffer(4 * words)));
  const reports = await Promise.all(
    Array.from({ length: workers }, (_, i) => runWorker({ backing, claims, mail, steps, seed: 77 + i, largest: LARGEST })),
  );
  expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
  return [...reports.flatMap(({ kept }) => kept), ...(mail as Int32Array).filter((address) => address !== 0)];
}

const used = (heap: Heap): number[] => {
  const addresses: number[] = [];
  heap.walk((address, _bytes, use) => void (use === BlockUse.used && addresses.push(address)));
  return addresses;
};

const ascending = (addresses: readonly number[]): number[] => [...addresses].sort((a, b) => a - b);

describe.each(allocatorNames)('a %s heap', (allocator) => {
  it('is used by four workers at once, and each sees what another made it grow by', async () => {
    const backing = new WebAssembly.Memory({ initial: 1, maximum: 64, shared: true });
    const heap = Heap.create(backing, { allocator, threads: 'many' });
    const left = await hammer(backing, 4, 4000);
    expect(backing.buffer.byteLength).toBeGreaterThan(2 * PAGE);
    heap.check();
    expect(used(heap)).toEqual(ascending(left));
    for (const address of left) expect(heap.free(address)).toBe(true);
    heap.check();
    expect(used(heap)).toEqual([]);
  });

  it('is used by two workers at once, hardened', async () => {
    const backing = new SharedArrayBuffer(64 * PAGE);
    const heap = Heap.create(backing, { allocator, threads: 'many', checks: 'hardened' });
    const left = await hammer(backing, 2, 4000);
    heap.check();
    expect(used(heap)).toEqual(ascending(left));
  });
});

it('a worker that sleeps on the lock is woken', async () => {
  const backing = new SharedArrayBuffer(PAGE);
  const heap = Heap.create(backing, { threads: 'many' });
  let done: Promise<WorkerReport> | undefined;
  let ended = false;
  // The lock is held as long as the visitor runs.
  heap.walk(() => {
    if (done !== undefined) return;
    done = runWorker({
      backing,
      claims: new Int32Array(new SharedArrayBuffer(PAGE)),
      mail: new Int32Array(1),
      steps: 50,
      seed: 1,
      largest: LARGEST,
    });
    void done.then(() => {
      ended = true;
    });
    // Long enough for a worker to start and go to sleep; nothing depends on it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 800);
    expect(ended).toBe(false);
  });
  expect((await done)?.problems).toEqual([]);
  heap.check();
});

it('gives the lock back when a hardened heap throws', () => {
  const heap = Heap.create(new SharedArrayBuffer(PAGE), { threads: 'many', checks: 'hardened' });
  const block = heap.malloc(10);
  for (let i = 0; i < 3; i++) expect(() => heap.free(block + 8)).toThrow(/HD3/);
  expect(heap.free(block)).toBe(true);
  heap.check();
});

it('needs memory that can be shared', () => {
  expect(() => Heap.create(new ArrayBuffer(PAGE), { threads: 'many' })).toThrow(RangeError);
  expect(() => Heap.create(new WebAssembly.Memory({ initial: 1 }), { threads: 'many' })).toThrow(RangeError);
});

it('a block that another has made the memory grow for can be written and freed at once', () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 64, shared: true });
  const one = Heap.create(memory, { threads: 'many' });
  const two = Heap.open(memory);
  const [first, second] = [one.malloc(10), two.malloc(10)];
  const block = one.malloc(200_000);
  two.bytes.fill(7, block, block + 200_000);
  expect(one.bytes.subarray(block, block + 200_000).every((byte) => byte === 7)).toBe(true);
  expect(two.free(block)).toBe(true);
  const other = two.malloc(500_000);
  expect(one.usableSize(other)).toBeGreaterThanOrEqual(500_000);
  for (const address of [first, second, other]) expect(one.free(address)).toBe(true);
  one.check();
  two.check();
});
