// How fast is an arena, and what does it leave of its numbers? Each way of choosing a segment gets an arena of its own, and the same requests.
//
//   sizes    of 16 requests 10 are for one quantum, 5 for 2 to 16, one for 17 to 256
//   age      requests until three quarters are given; then, 16 times, a quarter of what is given goes, at random, and as much comes
//   pair     a quantum is given and taken back, in the aged arena
//   churn    one given at random goes, one of the sizes comes
//
// External fragmentation is the share of the free numbers that are not in the largest free segment.

import { PAGE_SIZE, Random, UsageError } from '../../base/index.ts';
import { bitmapAllocator, bootPhysicalMemory, FrameKind } from '../../frames/index.ts';
import { TagPool, Vmem, type VmemFit } from '../../heap/index.ts';
import { Ram } from '../../machine/index.ts';

/** One way of choosing segments. */
export interface VmemDesign {
  readonly name: string;
  readonly fit: VmemFit;
  readonly cachedQuanta: number;
}

/** The ways that are compared. */
export const vmemDesigns: readonly VmemDesign[] = [
  { name: 'instant+caches', fit: 'instant', cachedQuanta: 16 },
  { name: 'instant', fit: 'instant', cachedQuanta: 0 },
  { name: 'best', fit: 'best', cachedQuanta: 0 },
  { name: 'next', fit: 'next', cachedQuanta: 0 },
];

/** What was found of one. Sizes are in quanta. */
export interface VmemResult {
  readonly arena: string;
  readonly quanta: number;
  /** Undefined if nothing was timed. */
  readonly pairsPerSecond: number | undefined;
  readonly churnPerSecond: number | undefined;
  /** Segments looked at for one taken from the lists, while the arena aged. */
  readonly lookedAt: number;
  /** Requests that found no place while it aged. */
  readonly failures: number;
  /** What is free then: as segments, and in slabs of the caches. */
  readonly freeQuanta: number;
  readonly cachedQuanta: number;
  readonly freeSegments: number;
  readonly largestFreeQuanta: number;
  readonly externalFragmentation: number;
  /** Boundary tags and hash tables. */
  readonly recordBytes: number;
}

/** What to measure, and how long. */
export interface VmemOptions {
  /** Size of the arena in quanta. */
  readonly quanta: number;
  /** A clock in milliseconds, as fine as there is. */
  readonly now: () => number;
  /** Milliseconds for each rate; 0: only what is left is looked at. */
  readonly milliseconds: number;
  readonly seed: number;
}

const ROUNDS = 16;
const SAMPLE = 4096;
/** Requests in vain, before an arena counts as full. */
const MOST_MISSES = 64;

/** Measures one way. Throws a UsageError if the arena is too small to age or too large for this host. */
export function measureVmem(design: VmemDesign, { quanta, now, milliseconds, seed }: VmemOptions): VmemResult {
  if (quanta < 1024 || quanta > 2 ** 24) throw new UsageError(`an arena of ${quanta} quanta: give from 1024 to ${2 ** 24}`);
  const frames = 256 + Math.ceil(quanta / 50);
  const memory = bootPhysicalMemory({ ram: new Ram(new ArrayBuffer(frames * PAGE_SIZE), frames), allocator: bitmapAllocator });
  const tags = TagPool.create(memory);
  if (tags === 'ENOMEM') throw new UsageError('there is no frame for boundary tags');
  const arena = new Vmem({ name: design.name, quantum: 1, tags, cachedQuanta: design.cachedQuanta });
  arena.addSpan(0, quanta);
  const aged = new AgedArena(arena, design.fit, quanta, seed);
  aged.age();
  const { allocations, lookedAt, failures, freeSegments, largestFree, givenSize, cachedSize } = arena.statistics();
  const free = quanta - givenSize;
  const isTimed = milliseconds > 0;
  const pairs = fresh(pairLoop);
  return {
    arena: design.name,
    quanta,
    pairsPerSecond: isTimed ? bestRate(now, milliseconds, () => timed(now, () => pairs(arena, design.fit, SAMPLE))) : undefined,
    churnPerSecond: isTimed ? bestRate(now, milliseconds, () => aged.churn(SAMPLE, now)) : undefined,
    lookedAt: lookedAt / Math.max(1, allocations),
    failures,
    freeQuanta: free,
    cachedQuanta: cachedSize,
    freeSegments,
    largestFreeQuanta: largestFree,
    externalFragmentation: free === 0 ? 0 : 1 - largestFree / free,
    recordBytes: memory.countOf(FrameKind.vmem) * PAGE_SIZE,
  };
}

type ChurnLoop = (arena: Vmem, fit: VmemFit, starts: Float64Array, sizes: Float64Array, picks: Float64Array, wanted: Float64Array) => void;

/** An arena and what is given of it, in no order. */
class AgedArena {
  readonly #arena: Vmem;
  readonly #fit: VmemFit;
  readonly #target: number;
  readonly #random: Random;
  /** Of what is given, in [0, count); a start of -1 found no place. */
  readonly #starts: Float64Array;
  readonly #sizes: Float64Array;
  readonly #churn = fresh<ChurnLoop>(churnLoop);
  #count = 0;
  #given = 0;

  constructor(arena: Vmem, fit: VmemFit, quanta: number, seed: number) {
    this.#arena = arena;
    this.#fit = fit;
    this.#target = Math.floor((3 * quanta) / 4);
    this.#random = new Random(seed);
    this.#starts = new Float64Array(quanta);
    this.#sizes = new Float64Array(quanta);
  }

  age(): void {
    this.#fill();
    for (let round = 0; round < ROUNDS; round++) {
      const least = (3 * this.#given) / 4;
      while (this.#given > least) this.#giveBack();
      this.#fill();
    }
  }

  /** Replaces so many ranges at random. Returns the milliseconds that took. */
  churn(times: number, now: () => number): number {
    const picks = Float64Array.from({ length: times }, () => this.#random.below(this.#count));
    const wanted = Float64Array.from({ length: times }, () => this.#size());
    const start = now();
    this.#churn(this.#arena, this.#fit, this.#starts, this.#sizes, picks, wanted);
    return now() - start;
  }

  #fill(): void {
    // A request that finds no place is not made again: others may fit.
    for (let misses = 0; this.#given < this.#target && misses < MOST_MISSES; ) {
      const size = this.#size();
      const start = this.#arena.allocate(size, this.#fit);
      if (start === -1) {
        misses++;
        continue;
      }
      this.#starts[this.#count] = start;
      this.#sizes[this.#count++] = size;
      this.#given += size;
    }
  }

  #giveBack(): void {
    const at = this.#random.below(this.#count--);
    const [start, size] = [this.#starts[at] as number, this.#sizes[at] as number];
    this.#starts[at] = this.#starts[this.#count] as number;
    this.#sizes[at] = this.#sizes[this.#count] as number;
    this.#arena.free(start, size);
    this.#given -= size;
  }

  #size(): number {
    const kind = this.#random.below(16);
    return kind < 10 ? 1 : kind < 15 ? 2 + this.#random.below(15) : 17 + this.#random.below(240);
  }
}

function timed(now: () => number, work: () => void): number {
  const start = now();
  work();
  return now() - start;
}

/** Returns operations per second in the best sample. @param sample does `SAMPLE` of them and returns the milliseconds that took */
function bestRate(now: () => number, milliseconds: number, sample: () => number): number {
  let best = Number.POSITIVE_INFINITY;
  const end = now() + milliseconds;
  do {
    const spent = sample();
    if (spent > 0) best = Math.min(best, spent);
  } while (now() < end || best === Number.POSITIVE_INFINITY);
  return (1000 * SAMPLE) / best;
}

// The loops. Nothing outside of them may be named in them: their texts are compiled again for each way of choosing.

function pairLoop(arena: Vmem, fit: VmemFit, times: number): void {
  for (let i = 0; i < times; i++) {
    const start = arena.allocate(1, fit);
    if (start !== -1) arena.free(start, 1);
  }
}

function churnLoop(arena: Vmem, fit: VmemFit, starts: Float64Array, sizes: Float64Array, picks: Float64Array, wanted: Float64Array): void {
  for (let i = 0; i < picks.length; i++) {
    const at = picks[i] as number;
    if (starts[at] !== -1) arena.free(starts[at] as number, sizes[at] as number);
    starts[at] = arena.allocate(wanted[i] as number, fit);
    sizes[at] = wanted[i] as number;
  }
}

/** Counts in the text alone: two loops must not be one to the compiler. */
let loops = 0;

/** Returns the loop, compiled as if it had never run. */
function fresh<L>(loop: L & { toString(): string }): L {
  return new Function(`/* vmem loop ${++loops} */ return ${loop.toString()}`)() as L;
}
