// How fast is a frame allocator, and what does it leave of memory?
//
//   pair     one frame taken and given back, all memory from 4 MiB on free: the buddy system's worst case, since it splits and joins all orders
//   churn    memory aged and half full: a frame at random is given back and another taken
//   batch    64 frames taken, then given back, on the same memory
//
// Rates are of pairs: one frame taken and one given back. The best of several samples counts, since whatever else the machine does
// only slows one. Each loop is made anew for each allocator from its own text: a call site that has seen several allocators is 2 to
// 4 times as slow. Compilers keep code by its text, so each text differs in a comment.

import { type Pfn, Random } from '../../base/index.ts';
import type { FrameAllocator, FrameAllocatorKind } from '../../frames/index.ts';
import { FrameArena, type FrameMemory } from './frame-arena.ts';

/** How long to measure. */
export interface FrameSpeedOptions {
  /** A clock in milliseconds, as fine as there is. */
  readonly now: () => number;
  /** Milliseconds for each of the three rates; 0: only what is left of memory is looked at. */
  readonly milliseconds: number;
  readonly seed: number;
}

/** One allocator on one memory. */
export interface FrameResult {
  readonly allocator: string;
  readonly memoryBytes: number;
  readonly metadataBytes: number;
  /** Frames that it could give. */
  readonly usableFrames: number;
  /** Undefined if nothing was timed. */
  readonly rates: FrameRates | undefined;
  /** Longest run of free frames in aged memory, half of which is given. */
  readonly largestFreeRunFrames: number;
  /** Share of frames given in each of `FRAME_CELLS` parts of that memory; NaN for a part without usable frames. */
  readonly usedShares: Float64Array;
}

/** Frames taken and given back per second. */
export interface FrameRates {
  readonly pairsPerSecond: number;
  readonly churnPerSecond: number;
  readonly batchPerSecond: number;
}

/** Parts of memory in a result's map. */
export const FRAME_CELLS = 512;

const SAMPLE_MILLISECONDS = 2;
const FEWEST_SAMPLES = 3;
const BATCH_FRAMES = 64;
/** Random places that churn goes through, again and again: so many that they are read in order from the cache's own prefetch. */
const PICKS = 2 ** 18;

/** Measures one design. Throws a UsageError for a bad memory map, or if the host has too little memory. */
export function measureFrames(kind: FrameAllocatorKind, memory: FrameMemory, options: FrameSpeedOptions): FrameResult {
  const arena = new FrameArena(kind, memory, options.seed);
  const { allocator } = arena;
  const isTimed = options.milliseconds > 0;
  if (allocator.freeCount === 0) arena.endBoot();
  const pairs = freshLoop(pairLoop);
  const pairsPerSecond = isTimed ? bestRate(options, (times) => pairs(allocator, times)) : 0;
  if (allocator.freeCount < arena.usable) arena.endBoot();
  arena.age();
  const largestFreeRunFrames = allocator.largestFree();
  const usedShares = arena.usedShares(FRAME_CELLS);
  return {
    allocator: kind.name,
    memoryBytes: memory.bytes,
    metadataBytes: allocator.metadataBytes,
    usableFrames: arena.usable,
    rates: isTimed ? { pairsPerSecond, ...agedRates(arena, options) } : undefined,
    largestFreeRunFrames,
    usedShares,
  };
}

function agedRates({ allocator, held, heldCount }: FrameArena, options: FrameSpeedOptions): Omit<FrameRates, 'pairsPerSecond'> {
  const random = new Random(options.seed);
  const picks = Int32Array.from({ length: PICKS }, () => random.below(Math.max(1, heldCount)));
  const churn = freshLoop(churnLoop);
  let from = 0;
  const churnPerSecond =
    heldCount === 0
      ? 0
      : bestRate(options, (times) => {
          churn(allocator, held, picks, from, times);
          from = (from + times) % PICKS;
        });
  const batch = freshLoop(batchLoop);
  const frames = new Int32Array(Math.min(BATCH_FRAMES, allocator.freeCount));
  const batchPerSecond = frames.length === 0 ? 0 : frames.length * bestRate(options, (times) => batch(allocator, frames, times));
  return { churnPerSecond, batchPerSecond };
}

/** Returns how often `work` could be repeated in a second, in the best of the samples. */
function bestRate({ now, milliseconds }: FrameSpeedOptions, work: (times: number) => void): number {
  let times = 1;
  let best = 0;
  let samples = 0;
  const end = now() + milliseconds;
  do {
    const start = now();
    work(times);
    const spent = now() - start;
    // Grows until a sample is long enough to be believed; the samples before that warmed the loop.
    if (spent < SAMPLE_MILLISECONDS && now() < end) {
      times *= 2;
      continue;
    }
    best = Math.max(best, (1000 * times) / Math.max(spent, Number.EPSILON));
    samples++;
  } while (now() < end || samples < FEWEST_SAMPLES);
  return best;
}

// The loops stand alone: their texts are compiled again, without this module around them.

function pairLoop(allocator: FrameAllocator, times: number): void {
  for (let i = 0; i < times; i++) allocator.free(allocator.allocate() as Pfn);
}

function churnLoop(allocator: FrameAllocator, held: Int32Array, picks: Int32Array, from: number, times: number): void {
  for (let i = from; i < from + times; i++) {
    const at = picks[i & (picks.length - 1)] as number;
    allocator.free(held[at] as Pfn);
    held[at] = allocator.allocate();
  }
}

function batchLoop(allocator: FrameAllocator, frames: Int32Array, times: number): void {
  for (let i = 0; i < times; i++) {
    for (let at = 0; at < frames.length; at++) frames[at] = allocator.allocate();
    for (let at = 0; at < frames.length; at++) allocator.free(frames[at] as Pfn);
  }
}

/** Counts in the text alone: two loops must not be one to the compiler. */
let loops = 0;

/** Returns a loop, compiled as if it had never run. */
function freshLoop<Loop extends (...parameters: never[]) => void>(loop: Loop): Loop {
  return new Function(`/* frame loop ${++loops} */ return ${loop.toString()}`)() as Loop;
}
