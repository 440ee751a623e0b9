// How fast is a subject on a trace? The trace is packed into columns of small integers and replayed whole, again and again, blocks never
// touched; the best of several samples counts, since whatever else the machine does only slows a replay.
//
//   sample   replays until at least 2 ms are measured: short traces are repeated, and blocks that are alive at the end are freed
//            outside of the measured time
//   result   operations / least seconds of a replay in any sample
//
// The loop is made anew for each subject, from its own text: a loop that has seen six allocators' closures calls them, one that has seen
// one inlines them, and is 1.6 times as fast (docs/decisions.md). Compilers keep code by its text, so each text differs in a comment.

import { MallocOperation, type MallocTrace } from '../../trace/index.ts';
import type { HeapSubject } from './subject.ts';

/** A trace as the loop wants it. */
interface PackedTrace {
  readonly operations: Uint8Array;
  readonly ids: Int32Array;
  readonly sizes: Int32Array | Float64Array;
  /** memalign's alignments, as they are passed. */
  readonly alignments: Int32Array | Float64Array;
}

/** The functions that the loop calls. */
type Calls = Pick<HeapSubject, 'malloc' | 'calloc' | 'realloc' | 'memalign' | 'free'>;

type ReplayLoop = (calls: Calls, trace: PackedTrace, addresses: Uint32Array, from: number, to: number) => void;

/** How long to measure. */
export interface SpeedOptions {
  /** A clock in milliseconds, as fine as there is. */
  readonly now: () => number;
  /** Milliseconds of replays after the first, at least; default 250. */
  readonly milliseconds?: number;
  /** Milliseconds after which the first replay is given up, at most about; default 10,000. */
  readonly mostMilliseconds?: number;
}

/** How fast a subject was. */
export interface ReplaySpeed {
  readonly operationsPerSecond: number;
  /** Operations of the trace that were replayed: fewer than it has if the first replay was given up. */
  readonly operations: number;
  readonly replays: number;
}

const DEFAULT_MILLISECONDS = 250;
const MOST_MILLISECONDS = 10_000;
const SAMPLE_MILLISECONDS = 2;
const FEWEST_SAMPLES = 3;
/** Operations between two looks at the clock, in the first replay. */
const SLICE = 1024;
const INT32 = 2 ** 31;

/** Measures one subject, whose heap is empty, on one trace. */
export function measureSpeed(subject: HeapSubject, trace: MallocTrace, options: SpeedOptions): ReplaySpeed {
  const { now, milliseconds = DEFAULT_MILLISECONDS } = options;
  const replays = new Replays(subject, trace);
  const first = replays.first(options);
  if (first.operations < trace.length) return { ...first, replays: 1 };
  let least = Number.POSITIVE_INFINITY;
  let samples = 0;
  const end = now() + milliseconds;
  do {
    least = Math.min(least, replays.sample(now));
    samples++;
  } while (now() < end || samples < FEWEST_SAMPLES);
  return { operationsPerSecond: (1000 * trace.length) / least, operations: trace.length, replays: replays.count };
}

/** Replays of one trace on one subject. */
class Replays {
  count = 0;
  readonly #subject: HeapSubject;
  readonly #trace: PackedTrace;
  readonly #addresses: Uint32Array;
  /** Ids that are alive at the trace's end. */
  readonly #leftovers: readonly number[];
  readonly #loop = freshLoop();

  constructor(subject: HeapSubject, trace: MallocTrace) {
    this.#subject = subject;
    this.#trace = packed(trace);
    this.#addresses = new Uint32Array(trace.blocks);
    this.#leftovers = leftoversOf(trace);
  }

  /** The first replay, in slices; given up when it takes too long. */
  first({ now, mostMilliseconds = MOST_MILLISECONDS }: SpeedOptions): {
    readonly operations: number;
    readonly operationsPerSecond: number;
  } {
    const { length } = this.#trace.operations;
    const start = now();
    let done = 0;
    while (done < length && now() - start < mostMilliseconds) {
      const to = Math.min(length, done + SLICE);
      this.#loop(this.#subject, this.#trace, this.#addresses, done, to);
      done = to;
    }
    const spent = now() - start;
    if (done === length) this.#clear();
    this.count++;
    return { operations: done, operationsPerSecond: (1000 * done) / spent };
  }

  /** Returns the milliseconds of a replay, as a mean over a sample. */
  sample(now: () => number): number {
    let spent = 0;
    let replays = 0;
    while (spent < SAMPLE_MILLISECONDS) {
      const start = now();
      this.#loop(this.#subject, this.#trace, this.#addresses, 0, this.#trace.operations.length);
      spent += now() - start;
      replays++;
      this.#clear();
    }
    this.count += replays;
    return spent / replays;
  }

  #clear(): void {
    for (const id of this.#leftovers) this.#subject.free(this.#addresses[id] as number);
  }
}

/** Numbers below 2^31 are passed as the small integers that they are. */
function packed({ operations, ids, sizes, alignments }: MallocTrace): PackedTrace {
  const power = (shift: number): number => 2 ** shift;
  return {
    operations,
    ids: Int32Array.from(ids),
    sizes: sizes.every((size) => size < INT32) ? Int32Array.from(sizes) : sizes,
    alignments: alignments.every((shift) => power(shift) < INT32)
      ? Int32Array.from(alignments, power)
      : Float64Array.from(alignments, power),
  };
}

function leftoversOf({ length, operations, ids, blocks }: MallocTrace): number[] {
  const isLive = new Uint8Array(blocks).fill(1);
  for (let i = 0; i < length; i++) if (operations[i] === MallocOperation.free) isLive[ids[i] as number] = 0;
  return [...isLive.keys()].filter((id) => isLive[id] === 1);
}

/** The loop. It must stand alone: its text is compiled again, without this module around it. The cases are MallocOperation's numbers. */
function replayLoop(calls: Calls, trace: PackedTrace, addresses: Uint32Array, from: number, to: number): void {
  const { operations, ids, sizes, alignments } = trace;
  for (let i = from; i < to; i++) {
    const id = ids[i] as number;
    switch (operations[i]) {
      case 0:
        addresses[id] = calls.malloc(sizes[i] as number);
        break;
      case 1:
        addresses[id] = calls.calloc(1, sizes[i] as number);
        break;
      case 2:
        addresses[id] = calls.memalign(alignments[i] as number, sizes[i] as number);
        break;
      case 3:
        addresses[id] = calls.realloc(addresses[id] as number, sizes[i] as number);
        break;
      default:
        calls.free(addresses[id] as number);
    }
  }
}

/** Counts in the text alone: two loops must not be one to the compiler. */
let loops = 0;

/** Returns the loop, compiled as if it had never run. */
function freshLoop(): ReplayLoop {
  return new Function(`/* loop ${++loops} */ return ${replayLoop.toString()}`)() as ReplayLoop;
}
