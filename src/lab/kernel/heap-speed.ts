// What does a design of kernel heap cost? Each replays the same calls: once to be looked at, then against the clock.

import { PAGE_SIZE } from '../../base/index.ts';
import { bitmapAllocator, bootPhysicalMemory } from '../../frames/index.ts';
import { type KernelHeap, type KernelHeapKind, type ObjectCache, ObjectCaches } from '../../heap/index.ts';
import { Ram } from '../../machine/index.ts';
import type { HeapWorkload } from './heap-workload.ts';

/** One design under one workload. */
export interface KernelHeapResult {
  readonly workload: string;
  readonly heap: string;
  /** Blocks that the workload asks for. */
  readonly blocks: number;
  /** Blocks given and taken back per second; undefined if nothing was timed. */
  readonly pairsPerSecond: number | undefined;
  /** Most frames held, and the share of these that nobody had asked for when most bytes were asked for. */
  readonly peakFrames: number;
  readonly unaskedAtPeak: number;
  /** Share of the bytes given that were not asked for: rounding and headers, over the whole workload. */
  readonly internalWaste: number;
  /** Distinct lines of a page, of 64, at which blocks of one size and use begin: the mean of all blocks. */
  readonly lineOffsets: number;
  /** Frames still held when every block is back, and those that `reap` gave back. */
  readonly idleFrames: number;
  readonly reapedFrames: number;
  /** Share of the calls that magazines answered; undefined for a design without. */
  readonly magazineHitRate: number | undefined;
}

/** What constructed state that is kept saves. */
export interface ConstructionResult {
  readonly objectBytes: number;
  /** Objects given and taken back per second, when the cache keeps their state, and when each is constructed anew. */
  readonly keptPairsPerSecond: number;
  readonly constructedPairsPerSecond: number;
}

/** How long to measure. */
export interface KernelHeapOptions {
  /** A clock in milliseconds, as fine as there is. */
  readonly now: () => number;
  /** Milliseconds for each rate; 0: nothing is timed. */
  readonly milliseconds: number;
}

/** 32 MiB: more than any workload holds. */
const FRAMES = 8192;
const LINE_SHIFT = 6;
const LINES_PER_PAGE = 64;
const CONSTRUCTED_PAIRS = 4096;

function memoryOf(frames: number) {
  return bootPhysicalMemory({ ram: new Ram(new ArrayBuffer(frames * PAGE_SIZE), frames), allocator: bitmapAllocator });
}

/** Measures one design under one workload. */
export function measureKernelHeap(kind: KernelHeapKind, workload: HeapWorkload, options: KernelHeapOptions): KernelHeapResult {
  const heap = kind.make(memoryOf(FRAMES));
  const { peakAsked, lineOffsets } = watch(heap, workload);
  const { peakFrames, askedBytes, givenBytes, magazineHits, magazineMisses = 0 } = heap.costs();
  const idleFrames = heap.frames;
  const reapedFrames = heap.reap();
  heap.check();
  const replay = fresh<ReplayLoop>(replayLoop);
  const addresses = new Int32Array(workload.sizes.length);
  return {
    workload: workload.name,
    heap: kind.name,
    blocks: workload.sizes.length,
    pairsPerSecond: bestRate(options, workload.sizes.length, () => replay(heap, workload, addresses)),
    peakFrames,
    unaskedAtPeak: 1 - peakAsked / (peakFrames * PAGE_SIZE),
    internalWaste: 1 - askedBytes / givenBytes,
    lineOffsets,
    idleFrames,
    reapedFrames,
    magazineHitRate: magazineHits === undefined ? undefined : magazineHits / (magazineHits + magazineMisses),
  };
}

/** Replays the calls once and looks at where the blocks lie. */
function watch(heap: KernelHeap, { steps, sizes, uses }: HeapWorkload): { readonly peakAsked: number; readonly lineOffsets: number } {
  const addresses = new Int32Array(sizes.length);
  const lines = new Map<number, { readonly seen: Set<number>; blocks: number }>();
  let [asked, peakAsked] = [0, 0];
  for (const step of steps) {
    const block = step < 0 ? ~step : step;
    const [size, use] = [sizes[block] as number, uses[block] as Parameters<KernelHeap['free']>[2]];
    if (step < 0) {
      heap.free(addresses[block] as number, size, use);
      asked -= size;
      continue;
    }
    const address = heap.allocate(size, use);
    addresses[block] = address;
    asked += size;
    peakAsked = Math.max(peakAsked, asked);
    const key = use * (PAGE_SIZE + 1) + size;
    const line = lines.get(key) ?? { seen: new Set<number>(), blocks: 0 };
    lines.set(key, line);
    line.seen.add((address >>> LINE_SHIFT) % LINES_PER_PAGE);
    line.blocks++;
  }
  const lineOffsets = [...lines.values()].reduce((sum, { seen, blocks }) => sum + seen.size * blocks, 0) / sizes.length;
  return { peakAsked, lineOffsets };
}

/** Measures objects of some sizes whose first state is not all zeros: kept while they are free, or made at each allocation. */
export function measureConstruction(options: KernelHeapOptions): ConstructionResult[] {
  return [64, 256, 1024].map((objectBytes) => {
    const memory = memoryOf(64);
    const { words } = memory.ram;
    const caches = new ObjectCaches(memory);
    const construct = (address: number): void => {
      for (let at = address >>> 2; at < (address + objectBytes) >>> 2; at++) words[at] = address + at;
    };
    const kept = caches.create({ name: 'kept', size: objectBytes, construct });
    const anew = caches.create({ name: 'anew', size: objectBytes });
    const [keptLoop, anewLoop] = [fresh<PairLoop>(pairLoop), fresh<PairLoop>(constructingLoop)];
    const rate = (loop: PairLoop, cache: ObjectCache): number =>
      bestRate(options, CONSTRUCTED_PAIRS, () => loop(cache, construct, CONSTRUCTED_PAIRS)) ?? 0;
    return { objectBytes, keptPairsPerSecond: rate(keptLoop, kept), constructedPairsPerSecond: rate(anewLoop, anew) };
  });
}

/** Returns how many pairs a second the best run of `work` does, `pairs` at a time; undefined if nothing is to be timed. */
function bestRate({ now, milliseconds }: KernelHeapOptions, pairs: number, work: () => void): number | undefined {
  if (milliseconds === 0) return undefined;
  let best = Number.POSITIVE_INFINITY;
  const end = now() + milliseconds;
  do {
    const start = now();
    work();
    const spent = now() - start;
    if (spent > 0) best = Math.min(best, spent);
  } while (now() < end || best === Number.POSITIVE_INFINITY);
  return (1000 * pairs) / best;
}

type ReplayLoop = (heap: KernelHeap, workload: HeapWorkload, addresses: Int32Array) => void;
type PairLoop = (cache: ObjectCache, construct: (address: number) => void, pairs: number) => void;

// The loops. Nothing outside of them may be named in them: their texts are compiled again for each design.

function replayLoop(heap: KernelHeap, { steps, sizes, uses }: HeapWorkload, addresses: Int32Array): void {
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i] as number;
    const block = step < 0 ? ~step : step;
    const use = uses[block] as Parameters<KernelHeap['free']>[2];
    if (step < 0) heap.free(addresses[block] as number, sizes[block] as number, use);
    else addresses[block] = heap.allocate(sizes[block] as number, use);
  }
}

function pairLoop(cache: ObjectCache, _construct: (address: number) => void, pairs: number): void {
  for (let i = 0; i < pairs; i++) cache.free(cache.allocate());
}

function constructingLoop(cache: ObjectCache, construct: (address: number) => void, pairs: number): void {
  for (let i = 0; i < pairs; i++) {
    const object = cache.allocate();
    construct(object);
    cache.free(object);
  }
}

/** Counts in the text alone: two loops must not be one to the compiler. */
let loops = 0;

/** Returns the loop, compiled as if it had never run. */
function fresh<L>(loop: L & { toString(): string }): L {
  return new Function(`/* heap loop ${++loops} */ return ${loop.toString()}`)() as L;
}
