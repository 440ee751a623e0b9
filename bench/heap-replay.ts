// One replay of a malloc trace, against the clock or for the space it takes.

import type { TimedHeap } from './heap-subjects.ts';

/** A trace, decoded. */
export interface HeapTrace {
  readonly operations: number;
  readonly ids: number;
  /** `HeapOperation` of each operation, its block, its bytes, its alignment (0 = the usual). */
  readonly kinds: Uint8Array;
  readonly blocks: Uint32Array;
  readonly sizes: Uint32Array;
  readonly alignments: Uint32Array;
  readonly peakPayloadBytes: number;
}

/** What an operation does. */
export const HeapOperation = { malloc: 0, realloc: 1, free: 2, memalign: 3 } as const;

/** Replays the operations [from, to). `addresses` holds each block's address. */
export type Replay = (trace: HeapTrace, from: number, to: number, heap: TimedHeap, addresses: Uint32Array) => void;

function replay({ kinds, blocks, sizes, alignments }: HeapTrace, from: number, to: number, heap: TimedHeap, addresses: Uint32Array): void {
  const { malloc, free, realloc, memalign } = heap;
  for (let at = from; at < to; at++) {
    const block = blocks[at] as number;
    switch (kinds[at]) {
      case 0:
        addresses[block] = malloc(sizes[at] as number);
        break;
      case 1:
        addresses[block] = realloc(addresses[block] as number, sizes[at] as number);
        break;
      case 2:
        free(addresses[block] as number);
        addresses[block] = 0;
        break;
      default:
        addresses[block] = memalign(alignments[at] as number, sizes[at] as number);
    }
  }
}

let copies = 0;

/**
 * Returns the replay as a function that has never run: what the engine learns of one allocator does not become the other's. The comment
 * makes the text new, or the engine would find the earlier copy and what it has learnt.
 */
export function newReplay(): Replay {
  return new Function(`/* ${copies++} */ return ${replay.toString()}`)() as Replay;
}

/** How fast a trace went. */
export interface ReplayTime {
  readonly operationsPerSecond: number;
  /** Operations of one replay: fewer than the trace has if it was cut at the time limit. */
  readonly operations: number;
}

/** How long to measure. */
export interface ReplayEffort {
  /** Replays go on for so long; the best of batches of at least a tenth of it counts. */
  readonly seconds: number;
  /** A replay that takes longer is cut there. */
  readonly limitSeconds: number;
}

const SLICE = 4096;

/** Replays on a warm heap until the time is over. The blocks that the trace leaves alive are freed off the clock. */
export function timeReplay(trace: HeapTrace, heap: TimedHeap, run: Replay, { seconds, limitSeconds }: ReplayEffort): ReplayTime {
  const addresses = new Uint32Array(trace.ids);
  const batchSeconds = seconds / 10;
  let spent = 0;
  let best = 0;
  let fewest = trace.operations;
  while (spent < seconds) {
    let [done, took] = [0, 0];
    while (took < batchSeconds) {
      const one = replayOnce(trace, heap, run, addresses, limitSeconds);
      done += one.operations;
      took += one.seconds;
      fewest = Math.min(fewest, one.operations);
      freeRest(heap, addresses, one.operations < trace.operations ? 'forget' : 'free');
      if (one.operations < trace.operations) return { operationsPerSecond: one.operations / one.seconds, operations: one.operations };
    }
    best = Math.max(best, done / took);
    spent += took;
  }
  return { operationsPerSecond: best, operations: fewest };
}

function replayOnce(
  trace: HeapTrace,
  heap: TimedHeap,
  run: Replay,
  addresses: Uint32Array,
  limitSeconds: number,
): { readonly operations: number; readonly seconds: number } {
  const start = process.hrtime.bigint();
  const seconds = (): number => Number(process.hrtime.bigint() - start) / 1e9;
  let at = 0;
  while (at < trace.operations) {
    const to = Math.min(at + SLICE, trace.operations);
    run(trace, at, to, heap, addresses);
    at = to;
    if (seconds() > limitSeconds) break;
  }
  return { operations: at, seconds: seconds() };
}

function freeRest(heap: TimedHeap, addresses: Uint32Array, how: 'free' | 'forget'): void {
  if (how === 'free') for (const address of addresses) if (address !== 0) heap.free(address);
  addresses.fill(0);
}

/** Replays once on a fresh heap and returns its peak: from its base to the highest end of a block that ever was. Throws if a block is refused. */
export function peakHeapBytes(trace: HeapTrace, heap: TimedHeap): number {
  const addresses = new Uint32Array(trace.ids);
  let top = heap.base;
  for (let at = 0; at < trace.operations; at++) {
    replay(trace, at, at + 1, heap, addresses);
    if (trace.kinds[at] === HeapOperation.free) continue;
    const address = addresses[trace.blocks[at] as number] as number;
    if (address === 0) throw new Error(`operation ${at + 1}: no block of ${trace.sizes[at]} bytes`);
    top = Math.max(top, address + (trace.sizes[at] as number));
  }
  return top - heap.base;
}
