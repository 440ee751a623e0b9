// How much room does a heap take for a trace, and where does it go?
//
//   base                                                            highest end of a block so far
//   | own | tag | used: payload, slack | tag | free | tag | used | ... |
//
//   utilization    the trace's peak payload / how far the heap ever reached (peak heap)
//   at the peak    when the payload is greatest, the heap is walked:
//     internal     slack / used: what owners may use and did not ask for
//     external     free / heap: what lies between blocks and nobody has
//     the rest     tags, and the allocator's own bytes
//
// The payload is the trace's own, the same for every allocator; what was not given because of an error is not part of it.

import { BlockUse } from '../../heap/malloc/index.ts';
import { MallocOperation, type MallocTrace, peakPayload } from '../../trace/index.ts';
import { type HeapError, HeapReplay } from './heap-replay.ts';
import type { ContentCheck } from './shadow-map.ts';
import type { HeapSubject } from './subject.ts';

/** Bytes of a page, where pages are counted. */
export const HEAP_PAGE_BYTES = 4096;

/** How a heap is profiled. */
export interface ProfileOptions {
  readonly contents: ContentCheck;
  /** Points of the curve, at least 2. */
  readonly points: number;
  /** A clock in milliseconds. */
  readonly now: () => number;
  /** Milliseconds after which the replay is given up. */
  readonly mostMilliseconds: number;
  /** Called now and then with the operations replayed so far. */
  readonly progress?: (operations: number) => void;
}

/** Payload and extent after so many operations. */
export interface CurvePoint {
  readonly operations: number;
  readonly payloadBytes: number;
  /** How far the heap has reached so far. */
  readonly heapBytes: number;
}

/** What a walk through a heap finds. */
export interface HeapUseBytes {
  /** What owners of live blocks may use. */
  readonly usedBytes: number;
  readonly freeBytes: number;
  readonly freeBlocks: number;
  readonly largestFreeBytes: number;
  /** The allocator's own stretches; its tags between blocks are not among them. */
  readonly ownBytes: number;
}

/** Blocks of similar size, of `from` bytes and more, less than twice as many. */
export interface SizeClass {
  readonly from: number;
  readonly blocks: number;
  readonly payloadBytes: number;
  /** What their owners may use; undefined if the subject does not tell. */
  readonly usableBytes: number | undefined;
}

/** What a replay found. */
export interface HeapProfile {
  readonly errors: readonly HeapError[];
  /** Operations replayed: fewer than the trace has if it was stopped by errors or took too long. */
  readonly operations: number;
  readonly end: 'whole' | 'errors' | 'time';
  readonly peakPayloadBytes: number;
  readonly peakHeapBytes: number;
  /** Peak payload / peak heap; 0 where there is no heap. */
  readonly utilization: number;
  readonly curve: readonly CurvePoint[];
  /** At the peak of the payload; undefined if the subject cannot be walked or the replay ended before. */
  readonly use: HeapUseBytes | undefined;
  /** The payload, and how far the heap had reached, when the trace's payload is greatest. */
  readonly payloadBytesAtPeak: number;
  readonly heapBytesAtPeak: number;
  /** Live blocks by size, when the payload was greatest. */
  readonly classes: readonly SizeClass[];
  /** Pages that ever had a byte of a block, and those that had one when the payload was greatest. */
  readonly pagesTouched: number;
  readonly pagesAtPeak: number;
}

/** Operations between two looks at the clock. */
const SLICE = 2048;

/** Replays a trace on a subject whose heap is empty. */
export function profileHeap(trace: MallocTrace, subject: HeapSubject, options: ProfileOptions): HeapProfile {
  const touched = new PageSet();
  const replay = new HeapReplay(trace, subject, { contents: options.contents, onBlock: (address, bytes) => touched.add(address, bytes) });
  const peak = peakPayload(trace);
  const pace = new Pace(replay, options);
  const curve: CurvePoint[] = [];
  const stops = stopsOf(trace.length, options.points, peak.operations);
  let atPeak: AtPeak = { use: undefined, payloadBytesAtPeak: 0, heapBytesAtPeak: 0, classes: [], pagesAtPeak: 0 };
  for (const stop of stops) {
    pace.runTo(stop);
    curve.push({ operations: replay.position, payloadBytes: replay.payload, heapBytes: replay.heapBytes });
    if (replay.position === peak.operations) atPeak = lookAt(replay);
    if (replay.position < stop) break;
  }
  if (replay.position === trace.length) replay.finish();
  const end = replay.isStopped ? 'errors' : replay.position < trace.length ? 'time' : 'whole';
  const peakPayloadBytes = replay.peakPayload;
  return {
    errors: replay.errors,
    operations: replay.position,
    end,
    peakPayloadBytes,
    peakHeapBytes: replay.heapBytes,
    utilization: replay.heapBytes === 0 ? 0 : peakPayloadBytes / replay.heapBytes,
    curve,
    ...atPeak,
    pagesTouched: touched.count,
  };
}

type AtPeak = Pick<HeapProfile, 'use' | 'payloadBytesAtPeak' | 'heapBytesAtPeak' | 'classes' | 'pagesAtPeak'>;

/** Returns evenly spaced numbers of operations from 0 to `length`, and the peak's. */
function stopsOf(length: number, points: number, peak: number): number[] {
  const even = Array.from({ length: points }, (_, i) => Math.round((i * length) / (points - 1)));
  return [...new Set([...even, peak])].sort((a, b) => a - b);
}

/** Replays in slices, so that a slow subject is given up. */
class Pace {
  readonly #replay: HeapReplay;
  readonly #options: ProfileOptions;
  readonly #deadline: number;

  constructor(replay: HeapReplay, options: ProfileOptions) {
    this.#replay = replay;
    this.#options = options;
    this.#deadline = options.now() + options.mostMilliseconds;
  }

  runTo(operations: number): void {
    const replay = this.#replay;
    while (replay.position < operations && !replay.isStopped && this.#options.now() < this.#deadline) {
      replay.runTo(Math.min(operations, replay.position + SLICE));
      this.#options.progress?.(replay.position);
    }
  }
}

function lookAt(replay: HeapReplay): AtPeak {
  const pages = new PageSet();
  for (const id of replay.shadow.blocksIn(0, Number.POSITIVE_INFINITY)) pages.add(replay.shadow.addressOf(id), replay.shadow.sizeOf(id));
  return {
    use: useOf(replay.subject),
    payloadBytesAtPeak: replay.payload,
    heapBytesAtPeak: replay.heapBytes,
    classes: classesOf(replay),
    pagesAtPeak: pages.count,
  };
}

/** Returns what a walk finds; undefined if the subject cannot be walked. */
function useOf({ walk }: HeapSubject): HeapUseBytes | undefined {
  if (walk === undefined) return undefined;
  const use = { usedBytes: 0, freeBytes: 0, freeBlocks: 0, largestFreeBytes: 0, ownBytes: 0 };
  walk((_address, bytes, kind) => {
    if (kind === BlockUse.used) use.usedBytes += bytes;
    else if (kind === BlockUse.own) use.ownBytes += bytes;
    else {
      use.freeBytes += bytes;
      use.freeBlocks++;
      use.largestFreeBytes = Math.max(use.largestFreeBytes, bytes);
    }
  });
  return use;
}

function classesOf({ shadow, subject }: HeapReplay): SizeClass[] {
  const classes = new Map<number, { blocks: number; payloadBytes: number; usableBytes: number }>();
  for (const id of shadow.blocksIn(0, Number.POSITIVE_INFINITY)) {
    const size = shadow.sizeOf(id);
    const from = classOf(size);
    const own = classes.get(from) ?? { blocks: 0, payloadBytes: 0, usableBytes: 0 };
    own.blocks++;
    own.payloadBytes += size;
    own.usableBytes += subject.usableSize?.(shadow.addressOf(id)) ?? 0;
    classes.set(from, own);
  }
  const isTold = subject.usableSize !== undefined;
  const byFrom = [...classes].sort(([a], [b]) => a - b);
  return byFrom.map(([from, own]) => ({ from, ...own, usableBytes: isTold ? own.usableBytes : undefined }));
}

/** Returns the power of two that a size is filed under; 0 for 0. */
function classOf(size: number): number {
  return size < 1 ? 0 : 2 ** Math.floor(Math.log2(size));
}

/** Pages that were added. */
class PageSet {
  count = 0;
  #marks = new Uint8Array(1024);

  add(address: number, bytes: number): void {
    const first = Math.floor(address / HEAP_PAGE_BYTES);
    const last = Math.floor((address + Math.max(1, bytes) - 1) / HEAP_PAGE_BYTES);
    if (last >= this.#marks.length) {
      const old = this.#marks;
      this.#marks = new Uint8Array(2 * (last + 1));
      this.#marks.set(old);
    }
    for (let page = first; page <= last; page++) {
      if (this.#marks[page] === 0) this.count++;
      this.#marks[page] = 1;
    }
  }
}

/** Some of a trace's blocks. */
export interface BlockClass {
  /** Least value of the class; the next class begins where this one ends. */
  readonly from: number;
  readonly blocks: number;
}

/** What a malloc trace is like, whoever serves it. */
export interface MallocTraceFacts {
  readonly name: string;
  readonly operations: number;
  readonly blocks: number;
  /** By MallocOperation. */
  readonly calls: readonly number[];
  readonly peakPayloadBytes: number;
  /** Operations after which the payload is greatest. */
  readonly peakOperations: number;
  readonly liveAtEnd: number;
  readonly largestBytes: number;
  /** Threads, and frees of blocks that another thread was given; undefined if the trace does not tell. */
  readonly threads: { readonly count: number; readonly foreignFrees: number } | undefined;
  readonly skipped: number;
  /** Sizes as they were first asked for, by powers of two. */
  readonly sizes: readonly BlockClass[];
  /** Lives of freed blocks in operations, by powers of four. */
  readonly lifetimes: readonly BlockClass[];
}

/** Returns what a trace is like. */
export function mallocTraceFacts(trace: MallocTrace): MallocTraceFacts {
  const { length, blocks, operations, ids, sizes, threads } = trace;
  const given = new Uint32Array(blocks);
  const calls = [0, 0, 0, 0, 0];
  const bySize = new Map<number, number>();
  const byLife = new Map<number, number>();
  let [freed, foreignFrees, largestBytes] = [0, 0, 0];
  for (let i = 0; i < length; i++) {
    const operation = operations[i] as number;
    const id = ids[i] as number;
    calls[operation] = (calls[operation] as number) + 1;
    largestBytes = Math.max(largestBytes, sizes[i] as number);
    if (operation === MallocOperation.free) {
      const born = given[id] as number;
      freed++;
      if (threads !== undefined && threads[i] !== threads[born]) foreignFrees++;
      count(byLife, 4 ** Math.floor(Math.log2(i - born) / 2));
    } else if (operation !== MallocOperation.realloc) {
      given[id] = i;
      count(bySize, classOf(sizes[i] as number));
    }
  }
  const peak = peakPayload(trace);
  return {
    name: trace.name,
    operations: length,
    blocks,
    calls,
    peakPayloadBytes: peak.bytes,
    peakOperations: peak.operations,
    liveAtEnd: blocks - freed,
    largestBytes,
    threads: threads === undefined ? undefined : { count: new Set(threads).size, foreignFrees },
    skipped: trace.skipped,
    sizes: classesFrom(bySize),
    lifetimes: classesFrom(byLife),
  };
}

function count(classes: Map<number, number>, from: number): void {
  classes.set(from, (classes.get(from) ?? 0) + 1);
}

function classesFrom(classes: ReadonlyMap<number, number>): BlockClass[] {
  return [...classes].sort(([a], [b]) => a - b).map(([from, blocks]) => ({ from, blocks }));
}
