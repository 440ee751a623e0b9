// Room, layout and parting of allocators so simple that every address can be worked out by hand.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { BlockUse } from '../../heap/malloc/index.ts';
import { detectMallocTraceFormat, generateMallocTrace, type MallocTrace } from '../../trace/index.ts';
import { compareHeaps } from './heap-comparison.ts';
import { layoutOf, pinsOf } from './heap-layout.ts';
import { type HeapProfile, mallocTraceFacts, profileHeap } from './heap-profile.ts';
import { HeapReplay } from './heap-replay.ts';
import { measureSpeed } from './replay-speed.ts';
import { type HeapSubject, ownSubjects } from './subject.ts';

const OWN_BYTES = 64;
const HEAP_BYTES = 1 << 20;

/** Blocks in multiples of 16 without tags, kept in lists outside of the heap: the first hole or the smallest that is large enough. */
function toy(fit: 'first' | 'best'): HeapSubject {
  const bytes = new Uint8Array(HEAP_BYTES);
  let holes: { address: number; bytes: number }[] = [];
  const given = new Map<number, number>();
  let top = OWN_BYTES;
  const malloc = (size: number): number => {
    const wanted = Math.max(16, Math.ceil(size / 16) * 16);
    const fitting = holes.filter((hole) => hole.bytes >= wanted);
    if (fit === 'best') fitting.sort((a, b) => a.bytes - b.bytes || a.address - b.address);
    const [hole] = fitting;
    const address = hole?.address ?? top;
    if (hole === undefined) top += wanted;
    else {
      holes = holes.filter((each) => each !== hole);
      if (hole.bytes > wanted) holes.push({ address: address + wanted, bytes: hole.bytes - wanted });
    }
    holes.sort((a, b) => a.address - b.address);
    given.set(address, wanted);
    return address;
  };
  const free = (address: number): void => {
    holes.push({ address, bytes: given.get(address) as number });
    given.delete(address);
    holes.sort((a, b) => a.address - b.address);
  };
  return {
    malloc,
    calloc: (count, size) => malloc(count * size),
    realloc: (address, size) => {
      const moved = malloc(size);
      bytes.copyWithin(moved, address, address + Math.min(size, given.get(address) as number));
      free(address);
      return moved;
    },
    memalign: (_, size) => malloc(size),
    free,
    bytes: () => bytes,
    base: 0,
    alignment: 16,
    usableSize: (address) => given.get(address) as number,
    walk: (visit) => {
      visit(0, OWN_BYTES, BlockUse.own);
      const all = [...[...given].map(([address, size]) => [address, size, BlockUse.used] as const)];
      for (const hole of holes) all.push([hole.address, hole.bytes, BlockUse.free] as never);
      for (const [address, size, use] of all.sort(([a], [b]) => a - b)) visit(address, size, use);
    },
  };
}

function traceOf(...lines: string[]): MallocTrace {
  const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`);
  const parser = detectMallocTraceFormat(bytes, 'script').make('script');
  parser.feed(bytes);
  return parser.end();
}

/** A clock that goes a millisecond with each look. */
function ticking(): () => number {
  let now = 0;
  return () => ++now;
}

function profiled(trace: MallocTrace, subject: HeapSubject): HeapProfile {
  return profileHeap(trace, subject, { contents: 'whole', points: 5, now: ticking(), mostMilliseconds: 1000 });
}

const script = traceOf('a 0 4096', 'a 1 10', 'a 2 5000', 'f 0', 'a 3 100', 'f 1', 'f 2', 'f 3');

describe('a profile', () => {
  test('payload, extent and use, worked out by hand', () => {
    const found = profiled(script, toy('first'));
    expect(found.errors).toEqual([]);
    const end = OWN_BYTES + 4096 + 16 + 5008;
    const payload = 4096 + 10 + 5000;
    // The last block begins at its rounded place and is 8 bytes shorter than that.
    expect(found).toMatchObject({
      operations: 8,
      end: 'whole',
      peakPayloadBytes: payload,
      peakHeapBytes: end - 8,
      heapBytesAtPeak: end - 8,
    });
    expect(found.utilization).toBe(payload / (end - 8));
    expect(found.use).toEqual({ usedBytes: 4096 + 16 + 5008, freeBytes: 0, freeBlocks: 0, largestFreeBytes: 0, ownBytes: OWN_BYTES });
    expect(found.classes).toEqual([
      { from: 8, blocks: 1, payloadBytes: 10, usableBytes: 16 },
      { from: 4096, blocks: 2, payloadBytes: 9096, usableBytes: 9104 },
    ]);
    expect([found.pagesTouched, found.pagesAtPeak]).toEqual([3, 3]);
    expect(found.curve.map(({ operations, payloadBytes }) => [operations, payloadBytes])).toEqual([
      [0, 0],
      [2, 4106],
      [3, 9106],
      [4, 5010],
      [6, 5100],
      [8, 0],
    ]);
  });

  test('a subject that tells nothing of itself is measured from outside', () => {
    const { walk: _, usableSize: __, ...silent } = toy('first');
    const found = profiled(script, silent);
    expect(found.use).toBeUndefined();
    expect(found.classes.map(({ usableBytes }) => usableBytes)).toEqual([undefined, undefined]);
    expect(found.peakHeapBytes).toBe(profiled(script, toy('first')).peakHeapBytes);
  });

  test('one that is too slow is given up, and one that errs is stopped', () => {
    const long = generateMallocTrace('graph:operations=20000');
    const slow = profileHeap(long, toy('first'), { contents: 'tags', points: 5, now: ticking(), mostMilliseconds: 4 });
    expect(slow.end).toBe('time');
    expect(slow.operations).toBeGreaterThan(0);
    expect(slow.operations).toBeLessThan(long.length);
    const wrong = profiled(long, { ...toy('first'), malloc: () => 64 });
    expect(wrong.end).toBe('errors');
    expect(wrong.errors).toHaveLength(10);
    // The block that was refused is no part of what the heap is measured by.
    const half = profiled(traceOf('a 0 100', 'a 1 200000', 'a 2 50'), {
      ...toy('first'),
      malloc: (size) => (size > 1000 ? 0 : 64 + 128 * Number(size < 100)),
    });
    expect(half).toMatchObject({ peakPayloadBytes: 150, peakHeapBytes: 64 + 128 + 50, payloadBytesAtPeak: 150 });
    expect(half.errors.map(({ fault }) => fault)).toEqual(['no-room']);
  });

  test("facts of a trace are the trace's own", () => {
    const facts = mallocTraceFacts(traceOf('quire-malloc 1', 't 1', 'a 0 0', 'c 1 8', 't 2', 'r 1 100', 'f 0', 'm 2 64 7', 'f 1', 'end 6'));
    expect(facts).toMatchObject({
      operations: 6,
      blocks: 3,
      calls: [1, 1, 1, 1, 2],
      peakPayloadBytes: 107,
      peakOperations: 5,
      liveAtEnd: 1,
      largestBytes: 100,
      threads: { count: 2, foreignFrees: 2 },
      sizes: [
        { from: 0, blocks: 1 },
        { from: 4, blocks: 1 },
        { from: 8, blocks: 1 },
      ],
      lifetimes: [
        { from: 1, blocks: 1 },
        { from: 4, blocks: 1 },
      ],
    });
  });
});

describe('a layout', () => {
  const replayTo = (operations: number): HeapReplay => {
    const replay = new HeapReplay(script, toy('first'));
    replay.runTo(operations);
    return replay;
  };

  test('every byte of the walk is in its cell', () => {
    const replay = replayTo(4);
    const { cellBytes, used, free, own, source } = layoutOf(replay, 8);
    expect([cellBytes, source]).toEqual([2048, 'walk']);
    expect([...own]).toEqual([OWN_BYTES, 0, 0, 0, 0]);
    expect([...free]).toEqual([2048 - OWN_BYTES, 2048, OWN_BYTES, 0, 0]);
    expect([...used]).toEqual([0, 0, 2048 - OWN_BYTES, 2048, 16 + 5008 - 1984 - 2048]);
    expect(layoutOf(replay, 1_000_000).cellBytes).toBe(16);
  });

  test('without a walk the shadow map stands in', () => {
    const { walk: _, ...silent } = toy('first');
    const replay = new HeapReplay(script, silent);
    replay.runTo(2);
    expect(layoutOf(replay, 2)).toMatchObject({ source: 'shadow', cellBytes: 4096, used: Float64Array.of(4032, 74) });
  });

  test('a page is pinned by those who have a byte on it', () => {
    // 64 .. 4160: block 0; 4160 .. 4170: block 1; 4176 .. 9176: block 2.
    const replay = replayTo(3);
    const pinning = (page: number): unknown =>
      pinsOf(replay, page).map(({ id, operation, line, bytesOnPage }) => [id, operation, line, bytesOnPage]);
    expect(pinning(0)).toEqual([[0, 0, 1, 4032]]);
    expect(pinning(1)).toEqual([
      [0, 0, 1, 64],
      [1, 1, 2, 10],
      [2, 2, 3, 8192 - 4176],
    ]);
    expect(pinning(2)).toEqual([[2, 2, 3, 9176 - 8192]]);
    expect(pinning(3)).toEqual([]);
  });
});

describe('a comparison', () => {
  // Holes of 64 bytes at 64 and of 32 bytes at 144, then 32 bytes are asked for, then 64.
  const parting = traceOf('a 0 64', 'a 1 16', 'a 2 32', 'a 3 16', 'f 0', 'f 2', 'a 4 32', 'a 5 64', 'f 4');

  test('tells where two allocators part, and what each saw', () => {
    const { points, heapBytes, errors, operations } = compareHeaps(parting, [() => toy('first'), () => toy('best')]);
    expect({ heapBytes, errors, operations }).toEqual({ heapBytes: [256, 192], errors: [0, 0], operations: 9 });
    expect(points.map(({ parting: why, operation, line }) => [why, operation, line])).toEqual([
      ['places', 6, 7],
      ['extents', 7, 8],
      ['widest', 7, 8],
    ]);
    const [places, extents] = points;
    const seen = { blocks: 2, bytes: 96, fitting: 2, best: { address: 144, bytes: 32 }, first: { address: 64, bytes: 64 } };
    expect(places?.sides[0]).toEqual({
      address: 64,
      heapBytesBefore: 192,
      heapBytesAfter: 192,
      free: { ...seen, taken: { address: 64, bytes: 64 } },
    });
    expect(places?.sides[1]).toMatchObject({ address: 144, free: { ...seen, taken: { address: 144, bytes: 32 } } });
    expect(extents?.sides[0]).toMatchObject({
      address: 192,
      heapBytesAfter: 256,
      free: { blocks: 2, fitting: 0, best: undefined, taken: undefined },
    });
    expect(extents?.sides[1]).toMatchObject({ address: 64, heapBytesAfter: 192 });
  });

  test('the same allocator never parts from itself', () => {
    expect(compareHeaps(parting, [() => toy('best'), () => toy('best')]).points).toEqual([]);
  });
});

test('the timed loop makes the calls of the trace, and frees what it leaves alive', () => {
  const trace = traceOf('a 0 8', 'c 1 24', 'm 2 4096 100', 'r 0 64', 'f 1');
  const calls: string[] = [];
  const noted =
    (name: string, result: number) =>
    (...values: number[]): number => {
      calls.push(`${name} ${values.join(' ')}`);
      return result;
    };
  const subject = {
    ...toy('first'),
    malloc: noted('malloc', 16),
    calloc: noted('calloc', 32),
    memalign: noted('memalign', 4096),
    realloc: noted('realloc', 3 * 2 ** 30),
    free: noted('free', 0),
  };
  const { operations, replays, operationsPerSecond } = measureSpeed(subject, trace, { now: ticking(), milliseconds: 1 });
  expect([operations, calls.length]).toEqual([5, replays * 7]);
  expect(operationsPerSecond).toBe(5000);
  const once = ['malloc 8', 'calloc 1 24', 'memalign 4096 100', 'realloc 16 64', 'free 32', `free ${3 * 2 ** 30}`, 'free 4096'];
  expect(calls).toEqual(Array.from({ length: replays }, () => once).flat());
});

test('a first replay that takes too long is cut, and its part counts', () => {
  const trace = generateMallocTrace('coalescing:operations=6000');
  const { operations, replays, operationsPerSecond } = measureSpeed(toy('first'), trace, { now: ticking(), mostMilliseconds: 4 });
  expect(replays).toBe(1);
  expect(operations).toBeLessThan(trace.length);
  // A millisecond passes with each look: one before, one for each slice, one after.
  expect(operationsPerSecond).toBe((1000 * operations) / 5);
});

const folder = join(import.meta.dirname, '../../../../shared/oracle/heap');
const isThere = existsSync(folder);
if (!isThere) console.warn(`SKIPPED: traces of real programs are not at ${folder}; allocators were judged on generated ones only.`);

describe.skipIf(!isThere)('real programs', () => {
  /** Operations, blocks, peak payload, blocks alive at the end: as they were counted when the traces were recorded. */
  const counted: Readonly<Record<string, readonly [number, number, number, number]>> = {
    python: [359_538, 177_378, 7_213_460, 563],
    'gcc-cc1': [147_378, 74_982, 3_027_701, 3674],
    sqlite3: [62_721, 31_344, 1_244_015, 15],
  };

  test.each(Object.keys(counted))('%s is read as it was recorded, and the default allocator serves it', (name) => {
    const bytes = gunzipSync(readFileSync(join(folder, `${name}.rep.gz`)));
    const parser = detectMallocTraceFormat(bytes.subarray(0, 4096), name).make(name);
    parser.feed(bytes);
    const trace = parser.end();
    const facts = mallocTraceFacts(trace);
    expect([facts.operations, facts.blocks, facts.peakPayloadBytes, facts.liveAtEnd]).toEqual(counted[name]);
    const subject = ownSubjects[0]?.make({ alignment: 8, backing: 'wasm', limitBytes: 2 ** 28 }) as HeapSubject;
    const { errors, utilization } = profileHeap(trace, subject, { contents: 'tags', points: 9, now: () => 0, mostMilliseconds: 1 });
    expect(errors).toEqual([]);
    expect(utilization).toBeGreaterThan(0.85);
  });
});
