import { describe, expect, it } from 'vitest';
import { FailurePlan, PAGE_SIZE, type Pfn, Random } from '../base/index.ts';
import { Ram } from '../machine/index.ts';
import { atomicBitmapAllocator } from './atomic-bitmap-allocator.ts';
import { bitmapAllocator } from './bitmap-allocator.ts';
import { bootPhysicalMemory } from './boot.ts';
import { buddyAllocator } from './buddy-allocator.ts';
import { cachedBuddyAllocator } from './cached-buddy-allocator.ts';
import { flatBitmapAllocator } from './flat-bitmap-allocator.ts';
import { FrameKind } from './frame-table.ts';
import { listAllocator } from './list-allocator.ts';
import type { PagePlace } from './reservations.ts';
import { slabAllocator } from './slab-allocator.ts';
import { stackAllocator } from './stack-allocator.ts';
import { treeAllocator } from './tree-allocator.ts';
import { zonedAllocator } from './zoned-allocator.ts';

const RUN = 8;
const allocators = [
  bitmapAllocator,
  flatBitmapAllocator,
  stackAllocator,
  listAllocator,
  buddyAllocator,
  cachedBuddyAllocator,
  treeAllocator,
  slabAllocator,
  atomicBitmapAllocator,
  zonedAllocator,
];

function boot(frames = 128, allocator = bitmapAllocator, failure?: FailurePlan) {
  const ram = new Ram(new ArrayBuffer(frames * PAGE_SIZE), frames);
  return bootPhysicalMemory({ ram, allocator, reservationFrames: RUN, ...(failure !== undefined && { failure }) });
}

/** Page `page` of a space whose only area is [0, 1000). */
const at = (page: number, space = 1): PagePlace => ({ space, page, areaStart: 0, areaEnd: 1000 });

const zeros = (bytes: Uint8Array, frame: number) => bytes.subarray(frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE).every((byte) => byte === 0);

describe.each(allocators)('reservations over $name', (allocator) => {
  it('give the pages of a window the frames of an aligned run, in any order', () => {
    const memory = boot(128, allocator);
    const free = memory.freeCount;
    const frames = [3, 0, 7, 1, 2, 6, 5, 4].map((page) => (memory.allocateAt(at(16 + page), 'zeros', FrameKind.anon, 1) as number) - page);
    expect(new Set(frames).size).toBe(1);
    expect((frames[0] as number) % RUN).toBe(0);
    expect([memory.freeCount, memory.reservations?.made, memory.reservations?.partial]).toEqual([free - 8, 1, 0]);
    memory.check();
  });

  it('lose their promised frames, the oldest first, when nothing else is free', () => {
    const memory = boot(128, allocator);
    const free = memory.freeCount;
    const [old, young] = [memory.allocateAt(at(0), 'zeros', FrameKind.anon, 1), memory.allocateAt(at(8), 'zeros', FrameKind.anon, 1)];
    // The older of the two is used again, so it is the younger.
    expect(memory.allocateAt(at(1), 'zeros', FrameKind.anon, 1)).toBe((old as number) + 1);
    const outside = free - 16;
    for (let i = 0; i < outside; i++) expect(memory.allocate(FrameKind.object)).toBeGreaterThan(0);
    expect([memory.reservations?.broken, memory.freeCount]).toEqual([0, 13]);
    expect(Math.floor((memory.allocate(FrameKind.object) as number) / RUN)).toBe(Math.floor((young as number) / RUN));
    expect(memory.reservations?.broken).toBe(1);
    memory.check();
    for (let i = 0; i < 12; i++) expect(memory.allocateZeroed(FrameKind.object)).toBeGreaterThan(0);
    expect([memory.allocate(FrameKind.object), memory.freeCount, memory.reservations?.broken]).toEqual([-1, 0, 2]);
    memory.check();
  });

  it('make way for a run that is asked for', () => {
    const memory = boot(64, allocator);
    while (memory.freeCount > 24) memory.allocate(FrameKind.object);
    const runs = [0, 8].map((page) => memory.allocateAt(at(page), 'zeros', FrameKind.anon, 1));
    const wanted = memory.allocateRun(12, FrameKind.dma);
    // With two frames given, one in each of two runs, twelve in a row may be left or not: whatever is promised is not in the way.
    if (wanted === -1) expect(memory.reservations?.partial).toBe(0);
    expect(runs.every((frame) => frame > 0)).toBe(true);
    memory.check();
  });
});

describe('a reservation', () => {
  it('shows nobody what a frame held before', () => {
    const memory = boot();
    const { ram } = memory;
    const taken: Pfn[] = [];
    for (let frame = memory.allocate(FrameKind.anon); frame !== -1; frame = memory.allocate(FrameKind.anon)) taken.push(frame);
    for (const frame of taken) ram.bytes.fill(0xaa, frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    for (const frame of taken) memory.free(frame);
    for (let page = 0; page < 8; page++) expect(zeros(ram.bytes, memory.allocateAt(at(page), 'zeros', FrameKind.anon, 1))).toBe(true);
    const again = memory.allocateAt(at(9), 'zeros', FrameKind.anon, 1) as Pfn;
    ram.bytes.fill(0xbb, again * PAGE_SIZE, (again + 1) * PAGE_SIZE);
    // A second page keeps the run, so the first frame goes back to its place.
    memory.allocateAt(at(10), 'zeros', FrameKind.anon, 1);
    memory.free(again);
    expect(memory.allocateAt(at(9), 'zeros', FrameKind.anon, 1)).toBe(again);
    expect(zeros(ram.bytes, again)).toBe(true);
    memory.check();
  });

  it('takes a freed frame back to its place, also when it was full, and ends with its last one', () => {
    const memory = boot();
    const free = memory.freeCount;
    const frames = Array.from({ length: 8 }, (_, page) => memory.allocateAt(at(page), 'zeros', FrameKind.anon, 1) as Pfn);
    expect(memory.reservations?.partial).toBe(0);
    memory.free(frames[5] as Pfn);
    expect([memory.reservations?.partial, memory.table.kind(frames[5] as Pfn)]).toEqual([1, FrameKind.promised]);
    expect(memory.allocateAt(at(5), 'zeros', FrameKind.anon, 2)).toBe(frames[5]);
    memory.check();
    for (const frame of frames) memory.free(frame);
    expect([memory.freeCount, memory.countOf(FrameKind.promised), memory.reservations?.broken]).toEqual([free, 0, 0]);
    memory.check();
  });

  it('is made only for a window that lies in the area, of one space, and when as much again stays free', () => {
    const memory = boot();
    memory.allocateAt({ space: 1, page: 9, areaStart: 9, areaEnd: 100 }, 'zeros', FrameKind.anon, 1);
    memory.allocateAt({ space: 1, page: 17, areaStart: 9, areaEnd: 23 }, 'zeros', FrameKind.anon, 1);
    expect(memory.reservations?.made).toBe(0);
    const ours = memory.allocateAt({ space: 1, page: 17, areaStart: 9, areaEnd: 24 }, 'zeros', FrameKind.anon, 1);
    const theirs = memory.allocateAt({ space: 2, page: 17, areaStart: 9, areaEnd: 24 }, 'zeros', FrameKind.anon, 1);
    expect(memory.reservations?.made).toBe(2);
    expect(theirs).not.toBe(ours);
    while (memory.freeCount - memory.countOf(FrameKind.promised) >= 2 * RUN) memory.allocate(FrameKind.object);
    memory.allocateAt(at(40), 'zeros', FrameKind.anon, 1);
    expect(memory.reservations?.made).toBe(2);
    memory.check();
  });

  it('gives way to a new one when its frame for a page is somebody else’s by now', () => {
    const memory = boot();
    const first = memory.allocateAt(at(0), 'zeros', FrameKind.anon, 1) as number;
    memory.allocateAt(at(1), 'zeros', FrameKind.anon, 1);
    const copy = memory.allocateAt(at(0), 'overwritten', FrameKind.anon, 2) as number;
    expect([copy % RUN, Math.floor(copy / RUN) === Math.floor(first / RUN)]).toEqual([0, false]);
    expect([memory.reservations?.made, memory.reservations?.broken, memory.reservations?.partial]).toEqual([2, 1, 1]);
    expect(memory.allocateAt(at(2), 'zeros', FrameKind.anon, 1)).toBe(copy + 2);
    memory.check();
  });

  it('is not looked for again in fragmented memory before as many frames are freed as it needs', () => {
    const memory = boot();
    const taken: Pfn[] = [];
    for (let frame = memory.allocate(FrameKind.object); frame !== -1; frame = memory.allocate(FrameKind.object)) taken.push(frame);
    const runs = new Map<number, Pfn[]>();
    for (const frame of taken) runs.set(Math.floor(frame / RUN), [...(runs.get(Math.floor(frame / RUN)) ?? []), frame]);
    const whole = [...runs.values()].filter((run) => run.length === RUN);
    // Seven of each eight are free: room enough, but no run.
    for (const run of whole) for (const frame of run.slice(1)) memory.free(frame);
    expect(memory.allocateAt(at(0), 'zeros', FrameKind.anon, 1)).toBeGreaterThan(0);
    expect(memory.reservations?.made).toBe(0);
    const firsts = whole.map((run) => run[0] as Pfn);
    for (const frame of firsts.slice(0, 7)) memory.free(frame);
    memory.allocateAt(at(1), 'zeros', FrameKind.anon, 1);
    expect(memory.reservations?.made).toBe(0);
    memory.free(firsts[7] as Pfn);
    memory.allocateAt(at(2), 'zeros', FrameKind.anon, 1);
    expect(memory.reservations?.made).toBe(1);
    memory.check();
  });

  it('changes nothing when the allocation fails', () => {
    const memory = boot(128, bitmapAllocator, new FailurePlan(0));
    const free = memory.freeCount;
    expect(memory.allocateAt(at(0), 'zeros', FrameKind.anon, 1)).toBe(-1);
    expect([memory.freeCount, memory.countOf(FrameKind.promised), memory.reservations?.made]).toEqual([free, 0, 0]);
    memory.check();
  });

  it('loses no frame in any order of giving, freeing and breaking', () => {
    const random = new Random(5);
    for (let round = 0; round < 30; round++) {
      const memory = boot(96 + random.below(60));
      const free = memory.freeCount;
      const given: Pfn[] = [];
      for (let step = 0; step < 400; step++) {
        const roll = random.below(100);
        const frame =
          roll < 40
            ? memory.allocateAt(at(random.below(120), 1 + random.below(3)), 'zeros', FrameKind.anon, 1)
            : roll < 55
              ? memory.allocate(FrameKind.object)
              : -1;
        if (frame !== -1) {
          expect(given.includes(frame)).toBe(false);
          given.push(frame);
        } else if (given.length > 0) memory.free(given.splice(random.below(given.length), 1)[0] as Pfn);
        expect(memory.freeCount).toBe(free - given.length);
        if (step % 40 === 0) memory.check();
      }
      for (const frame of given) memory.free(frame);
      memory.check();
      expect(memory.freeCount).toBe(free);
      expect(memory.countOf(FrameKind.promised)).toBe(0);
    }
  });
});
