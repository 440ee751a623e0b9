// Two allocators side by side on one trace: where do they part, and what did each see that made it choose so?
//
//   step by step    place of each block, counted from the first block that each gave; how far each heap has reached
//   parted at       the first operation whose places differ; the first after which the extents differ; where the extents differ most
//   why             the trace again, up to just before that operation: the free blocks that each had, and which of them it took

import { BlockUse } from '../../heap/malloc/index.ts';
import { MallocOperation, type MallocTrace } from '../../trace/index.ts';
import { HeapReplay } from './heap-replay.ts';
import type { HeapSubject } from './subject.ts';

/** A stretch of free bytes. */
export interface FreeStretch {
  readonly address: number;
  readonly bytes: number;
}

/** What one allocator did with an operation. */
export interface Placement {
  /** Of the block that the operation gave or resized; -1 for none. */
  readonly address: number;
  /** How far the heap had reached before and after it. */
  readonly heapBytesBefore: number;
  readonly heapBytesAfter: number;
  /** Free blocks before the operation; undefined if the subject cannot be walked. */
  readonly free: FreeChoice | undefined;
}

/** The free blocks that an allocator could choose from. */
export interface FreeChoice {
  readonly blocks: number;
  readonly bytes: number;
  /** Those that are as large as what was asked for. */
  readonly fitting: number;
  /** The smallest of them, and the one at the lowest address. */
  readonly best: FreeStretch | undefined;
  readonly first: FreeStretch | undefined;
  /** The one that the block lies in now; undefined if it lies behind all, or in none. */
  readonly taken: FreeStretch | undefined;
}

/** Why the operation is shown. */
export type Parting = 'places' | 'extents' | 'widest';

/** An operation at which two allocators part. */
export interface PartingPoint {
  readonly parting: Parting;
  /** Index in the trace, from 0. */
  readonly operation: number;
  readonly line: number;
  readonly call: MallocOperation;
  readonly id: number;
  readonly bytes: number;
  /** The first allocator's and the second's. */
  readonly sides: readonly [Placement, Placement];
}

/** How two allocators went through one trace. */
export interface HeapComparison {
  readonly points: readonly PartingPoint[];
  /** Peak heaps in bytes. */
  readonly heapBytes: readonly [number, number];
  /** Errors of each: a comparison ends where one stops. */
  readonly errors: readonly [number, number];
  readonly operations: number;
}

/** Compares. @param makers make a subject with an empty heap, as often as asked */
export function compareHeaps(trace: MallocTrace, makers: readonly [() => HeapSubject, () => HeapSubject]): HeapComparison {
  const replays = bothReplays(trace, makers);
  const [one, two] = replays;
  const found = new Map<Parting, number>();
  let origin: number | undefined;
  let widest = 0;
  while (one.position < trace.length && !one.isStopped && !two.isStopped) {
    const at = one.position;
    for (const replay of replays) replay.runTo(at + 1);
    const id = trace.ids[at] as number;
    const distance = one.shadow.addressOf(id) - two.shadow.addressOf(id);
    if (trace.operations[at] !== MallocOperation.free && one.shadow.isLive(id) && two.shadow.isLive(id)) {
      origin ??= distance;
      if (distance !== origin && !found.has('places')) found.set('places', at);
    }
    const gap = Math.abs(one.heapBytes - two.heapBytes - (origin ?? 0));
    if (gap > 0 && !found.has('extents')) found.set('extents', at);
    if (gap > widest) {
      widest = gap;
      found.set('widest', at);
    }
  }
  const points = [...found].sort(([, a], [, b]) => a - b).map(([parting, operation]) => pointAt(trace, makers, parting, operation));
  return {
    points,
    heapBytes: [one.heapBytes, two.heapBytes],
    errors: [one.errors.length, two.errors.length],
    operations: one.position,
  };
}

function bothReplays(trace: MallocTrace, [one, two]: readonly [() => HeapSubject, () => HeapSubject]): [HeapReplay, HeapReplay] {
  return [new HeapReplay(trace, one()), new HeapReplay(trace, two())];
}

function pointAt(
  trace: MallocTrace,
  makers: readonly [() => HeapSubject, () => HeapSubject],
  parting: Parting,
  operation: number,
): PartingPoint {
  const [one, two] = bothReplays(trace, makers);
  return {
    parting,
    operation,
    line: trace.lines[operation] as number,
    call: trace.operations[operation] as MallocOperation,
    id: trace.ids[operation] as number,
    bytes: trace.sizes[operation] as number,
    sides: [placementIn(one, operation), placementIn(two, operation)],
  };
}

function placementIn(replay: HeapReplay, operation: number): Placement {
  replay.runTo(operation);
  const heapBytesBefore = replay.heapBytes;
  const stretches = freeStretches(replay.subject);
  replay.runTo(operation + 1);
  const address = replay.shadow.addressOf(replay.trace.ids[operation] as number);
  const free = stretches === undefined ? undefined : choiceOf(stretches, replay.trace.sizes[operation] as number, address);
  return { address, heapBytesBefore, heapBytesAfter: replay.heapBytes, free };
}

function freeStretches({ walk }: HeapSubject): FreeStretch[] | undefined {
  if (walk === undefined) return undefined;
  const found: FreeStretch[] = [];
  walk((address, bytes, use) => {
    if (use === BlockUse.free) found.push({ address, bytes });
  });
  return found;
}

function choiceOf(stretches: readonly FreeStretch[], wanted: number, given: number): FreeChoice {
  const fitting = stretches.filter(({ bytes }) => bytes >= wanted);
  const best = fitting.reduce<FreeStretch | undefined>(
    (least, each) => (least === undefined || each.bytes < least.bytes ? each : least),
    undefined,
  );
  return {
    blocks: stretches.length,
    bytes: stretches.reduce((sum, { bytes }) => sum + bytes, 0),
    fitting: fitting.length,
    best,
    first: fitting[0],
    taken: stretches.find(({ address, bytes }) => given >= address && given < address + bytes),
  };
}
