import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FailurePlan, KernelPanic, PAGE_SIZE, type Pfn, pfn, Random, UsageError } from '../base/index.ts';
import { type MemoryKind, type MemoryRange, Ram } from '../machine/index.ts';
import { bitmapAllocator } from './bitmap-allocator.ts';
import { bootPhysicalMemory } from './boot.ts';
import { cachedBuddyAllocator } from './cached-buddy-allocator.ts';
import { FRAME_BUSY, FrameKind } from './frame-table.ts';
import { listAllocator } from './list-allocator.ts';
import type { PhysicalMemory } from './physical-memory.ts';
import { stackAllocator } from './stack-allocator.ts';
import { zonedAllocator } from './zoned-allocator.ts';

const KINDS = [bitmapAllocator, stackAllocator, listAllocator, cachedBuddyAllocator, zonedAllocator];

/** Boots over RAM full of a byte that no zeroed frame has. */
function boot(
  frames: number,
  allocator = bitmapAllocator,
  memoryMap?: readonly MemoryRange[],
  failure?: FailurePlan,
  spared = 0,
): PhysicalMemory {
  const ram = new Ram(new ArrayBuffer(frames * PAGE_SIZE), frames);
  ram.bytes.fill(0xa5);
  return bootPhysicalMemory({ ram, allocator, sparedFrames: spared, ...(memoryMap && { memoryMap }), ...(failure && { failure }) });
}

const frames = (first: number, end: number, kind: MemoryKind = 'usable'): MemoryRange => ({
  start: first * PAGE_SIZE,
  end: end * PAGE_SIZE,
  kind,
});

/** Takes frames until none is left. */
function drain(memory: PhysicalMemory): Pfn[] {
  const given: Pfn[] = [];
  for (let frame = memory.allocate(FrameKind.anon); frame !== -1; frame = memory.allocate(FrameKind.anon)) given.push(frame);
  return given;
}

const kindsOf = (memory: PhysicalMemory): number[] => Array.from({ length: memory.table.count }, (_, i) => memory.table.kind(pfn(i)));

/** Takes a run of frames, none if there is no such. */
function runOf(memory: PhysicalMemory, count: number): Pfn[] {
  const first = memory.allocateRun(count, FrameKind.kernelHeap);
  return first === -1 ? [] : Array.from({ length: count }, (_, k) => pfn(first + k));
}

describe.each(KINDS)('bootPhysicalMemory with $name', (allocator) => {
  it("pays for its metadata from RAM: 32 bytes per frame and the allocator's own", () => {
    const memory = boot(1024, allocator);
    const expected = Math.ceil((1024 * 32 + allocator.metadataBytes(1024)) / 4096);
    expect(memory.countOf(FrameKind.frameTable)).toBe(expected);
    expect(memory.countOf(FrameKind.reserved)).toBe(1);
    expect(memory.managed).toBe(1024 - 1 - expected);
    expect([memory.freeCount, memory.countOf(FrameKind.free)]).toEqual([memory.managed, memory.managed]);
    memory.check();
  });

  it('never gives frame 0, its own metadata, permanent, reserved or bad frames', () => {
    const map = [
      frames(0, 300),
      frames(400, 600),
      frames(20, 30, 'permanent'),
      frames(100, 101, 'bad'),
      frames(450, 460, 'reserved'),
      frames(590, 640, 'mmio'),
    ];
    const memory = boot(700, allocator, map);
    const before = kindsOf(memory);
    const given = new Set<number>(drain(memory));
    expect(given.size).toBe(memory.managed);
    for (let frame = 0; frame < 700; frame++) expect(given.has(frame), `frame ${frame}`).toBe(before[frame] === FrameKind.free);
    const outside = (frame: number): boolean =>
      frame === 0 ||
      (frame >= 20 && frame < 30) ||
      frame === 100 ||
      (frame >= 300 && frame < 400) ||
      (frame >= 450 && frame < 460) ||
      frame >= 590;
    expect([...given].some(outside)).toBe(false);
    expect(memory.countOf(FrameKind.permanent)).toBe(10);
    expect(given.size + memory.countOf(FrameKind.frameTable)).toBe(299 + 200 - 10 - 1 - 10 - 10);
    memory.check();
  });

  it('leaves the bytes of permanent frames alone, and frees none of the frames that are not its to give', () => {
    const memory = boot(64, allocator, [frames(0, 64), frames(1, 5, 'permanent')]);
    expect(memory.ram.bytes.subarray(PAGE_SIZE, 5 * PAGE_SIZE).every((byte) => byte === 0xa5)).toBe(true);
    const metadata = kindsOf(memory).indexOf(FrameKind.frameTable);
    for (const frame of [0, 1, metadata, 64, -1, 1e9]) expect(() => memory.free(pfn(frame)), `frame ${frame}`).toThrow(/^PH3/);
    memory.check();
  });

  it('places its metadata in the first usable range that is large enough', () => {
    const needed = Math.ceil((2048 * 32 + allocator.metadataBytes(2048)) / 4096);
    const small = needed - 1;
    const memory = boot(2048, allocator, [frames(0, 1 + small), frames(100, 100 + needed), frames(500, 2048)]);
    const kinds = kindsOf(memory);
    expect(kinds.indexOf(FrameKind.frameTable)).toBe(100);
    expect(kinds.lastIndexOf(FrameKind.frameTable)).toBe(100 + needed - 1);
    expect(memory.managed).toBe(small + (2048 - 500));
    memory.check();
  });

  it('boots with the minimum that it names, and not with a frame less', () => {
    const message = refusal(() => boot(2, allocator));
    const minimum = (Number(/the minimum is (\d+) KiB/.exec(message)![1]) * 1024) / PAGE_SIZE;
    const memory = boot(minimum, allocator);
    expect(memory.managed).toBeGreaterThanOrEqual(1);
    memory.check();
    expect(refusal(() => boot(minimum - 1, allocator))).toBe(message.replace('8 KiB', `${(minimum - 1) * 4} KiB`));
  });

  it('explains why a map of small holes cannot be booted', () => {
    const map = Array.from({ length: 100 }, (_, i) => frames(i * 10, i * 10 + 2));
    expect(refusal(() => boot(1000, allocator, map))).toMatch(
      /need \d+ usable frames in a row and one more \(longest run 2, usable 199\); the minimum is \d+ KiB/,
    );
    expect(refusal(() => boot(1000, allocator, [frames(0, 1)]))).toMatch(/longest run 0, usable 0/);
    expect(refusal(() => boot(4, allocator, [{ start: 9, end: 1, kind: 'usable' }]))).toMatch(/starts above its end/);
  });
});

describe('bootPhysicalMemory on hostile memory maps', () => {
  const FRAMES = 400;
  const bytes = FRAMES * PAGE_SIZE;
  const place = fc.oneof(
    fc.integer({ min: 0, max: bytes }),
    fc.integer({ min: 0, max: FRAMES }).map((frame) => frame * PAGE_SIZE),
    fc.integer({ min: 0, max: FRAMES }).map((frame) => frame * PAGE_SIZE + 1),
    fc.constantFrom(2 ** 32 - 1, 2 ** 32, 2 ** 40),
  );
  const range = fc.record({
    start: place,
    length: fc.oneof(fc.constantFrom(0, 1, PAGE_SIZE - 1, PAGE_SIZE), fc.nat(bytes), fc.constant(2 ** 35)),
    kind: fc.constantFrom<MemoryKind>('usable', 'usable', 'usable', 'permanent', 'reserved', 'mmio', 'bad'),
  });

  // Unsorted, overlapping, with holes, of a byte, above 4 GiB: what the map says of each byte is what counts.
  it.each(KINDS)('gives with $name every frame all of whose bytes are usable, and no other, or refuses', (allocator) => {
    fc.assert(
      fc.property(fc.array(range, { minLength: 1, maxLength: 12 }), (ranges) => {
        const map = ranges.map(({ start, length, kind }) => ({ start, end: start + length, kind }));
        const restricted = map.filter(({ kind }) => kind !== 'usable');
        // Where the answer can change within a frame: at bounds. Frames between them are like their first byte.
        const isUsable = (frame: number): boolean => {
          const [start, end] = [frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE];
          if (restricted.some((each) => each.start < each.end && each.start < end && each.end > start)) return false;
          const points = [start, ...map.flatMap((each) => [each.start, each.end]).filter((point) => point > start && point < end)];
          return points.every((point) => map.some((each) => each.kind === 'usable' && each.start <= point && point < each.end));
        };
        let memory: PhysicalMemory;
        try {
          memory = boot(FRAMES, allocator, map);
        } catch (error) {
          if (error instanceof UsageError) return;
          throw error;
        }
        const metadata = new Set(kindsOf(memory).flatMap((kind, frame) => (kind === FrameKind.frameTable ? [frame] : [])));
        const given = new Set<number>(drain(memory));
        for (let frame = 0; frame < FRAMES; frame++) {
          expect(given.has(frame) || metadata.has(frame), `frame ${frame}`).toBe(frame > 0 && isUsable(frame));
        }
        memory.check();
      }),
      { numRuns: 60 },
    );
  });
});

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return 'no refusal';
}

describe.each(KINDS)('PhysicalMemory with $name', (allocator) => {
  it('records kind, owner and index, and clears the record when the frame is freed', () => {
    const memory = boot(64, allocator);
    const frame = memory.allocate(FrameKind.object, 77, 5) as Pfn;
    const { table } = memory;
    expect([table.kind(frame), table.owner(frame), table.index(frame)]).toEqual([FrameKind.object, 77, 5]);
    table.setFlag(frame, FRAME_BUSY);
    table.setNext(frame, 9);
    memory.free(frame);
    expect([table.kind(frame), table.isClear(frame)]).toEqual([FrameKind.free, true]);
    memory.check();
  });

  it('gives zeroed frames that hold nothing of the last owner', () => {
    const memory = boot(32, allocator);
    for (const frame of drain(memory)) {
      memory.ram.frame(frame).fill(0x77);
      memory.free(frame);
    }
    for (let frame = memory.allocateZeroed(FrameKind.anon); frame !== -1; frame = memory.allocateZeroed(FrameKind.anon)) {
      expect(memory.ram.frame(frame).every((byte) => byte === 0)).toBe(true);
    }
    expect(memory.freeCount).toBe(0);
  });

  it('zeroes free frames ahead, gives those first to who asks for zeros, and counts hits and misses', () => {
    const memory = boot(64, allocator);
    const { managed } = memory;
    expect([memory.zeroIdle(5), memory.zeroIdle(5), memory.countOf(FrameKind.zeroed), memory.freeCount]).toEqual([5, 0, 5, managed]);
    memory.check();
    for (let i = 0; i < 7; i++) {
      const frame = memory.allocateZeroed(FrameKind.anon, 7, i) as Pfn;
      expect(memory.ram.frame(frame).every((byte) => byte === 0)).toBe(true);
      expect([memory.table.kind(frame), memory.table.owner(frame), memory.table.index(frame)]).toEqual([FrameKind.anon, 7, i]);
      memory.ram.frame(frame).fill(1);
    }
    expect([memory.zeroHits, memory.zeroMisses, memory.freeCount]).toEqual([5, 2, managed - 7]);
    memory.check();
  });

  it('gives zeroed frames to everybody when no others are left, and to runs', () => {
    const memory = boot(64, allocator);
    const { managed } = memory;
    expect(memory.zeroIdle(managed + 10)).toBe(managed);
    expect([memory.freeCount, memory.zeroIdle(managed)]).toEqual([managed, 0]);
    const [frame] = drain(memory);
    expect([memory.freeCount, memory.allocate(FrameKind.anon), memory.allocateZeroed(FrameKind.anon)]).toEqual([0, -1, -1]);
    memory.free(frame as Pfn);
    memory.zeroIdle(1);
    expect(memory.allocateRun(1, FrameKind.kernelHeap)).toBe(frame);
    memory.check();
    const whole = boot(64, allocator);
    whole.zeroIdle(20);
    expect(whole.allocateRun(whole.managed, FrameKind.kernelHeap)).not.toBe(-1);
    whole.check();
  });

  it('notices that a zeroed frame was written or is lost, and takes none back that nobody was given', () => {
    const memory = boot(64, allocator);
    memory.zeroIdle(3);
    const zeroed = kindsOf(memory).indexOf(FrameKind.zeroed);
    expect(() => memory.free(pfn(zeroed))).toThrow(/^PH3/);
    memory.ram.words[zeroed * 1024 + 1023] = 1;
    expect(() => memory.check()).toThrow(/^PH4/);
    memory.ram.words[zeroed * 1024 + 1023] = 0;
    memory.check();
    memory.table.setNext(pfn(zeroed), zeroed);
    expect(() => memory.check()).toThrow(/^PH4/);
  });

  it('gives frames of zeros whatever else was given, written and freed between, zeroed along or not (PH6)', () => {
    const memory = boot(64, allocator);
    const random = new Random(3);
    const held: Pfn[] = [];
    for (let step = 0; step < 3000; step++) {
      // Long stretches of requests for zeros, so that frames are zeroed along, and others between.
      const choice = step % 200 < 150 ? random.below(4) : 3 + random.below(5);
      if (choice < 3) {
        const frame = memory.allocateZeroed(FrameKind.anon);
        if (frame === -1) continue;
        if (!memory.ram.frame(frame).every((byte) => byte === 0)) throw new Error(`frame ${frame} has old bytes in step ${step}`);
        held.push(frame);
      } else if (choice === 4 && memory.freeCount > 0) held.push(memory.allocate(FrameKind.object) as Pfn);
      else if (choice === 5) held.push(...runOf(memory, 1 + random.below(6)));
      else if (choice === 6) memory.zeroIdle(random.below(8));
      for (const frame of held) memory.ram.frame(frame).fill(0x5a);
      while (held.length > 0 && random.below(40) < held.length) memory.free(held.splice(random.below(held.length), 1)[0] as Pfn);
      memory.check();
    }
  });

  it('gives aligned runs, each frame of which is freed by itself', () => {
    const memory = boot(256, allocator);
    const first = memory.allocateRun(16, FrameKind.kernelHeap, { alignment: 16 }) as Pfn;
    expect(first % 16).toBe(0);
    expect(memory.countOf(FrameKind.kernelHeap)).toBe(16);
    expect(memory.allocateRun(250, FrameKind.kernelHeap)).toBe(-1);
    memory.check();
    for (let i = 0; i < 16; i++) memory.free(pfn(first + i));
    expect([memory.countOf(FrameKind.kernelHeap), memory.freeCount]).toEqual([0, memory.managed]);
    memory.check();
  });

  it('panics when a frame is freed that is mapped, wired, on loan or free already, and changes nothing (PH3)', () => {
    const memory = boot(64, allocator);
    const frame = memory.allocate(FrameKind.anon, 1, 2) as Pfn;
    const { table } = memory;
    const holds: [() => void, () => void][] = [
      [() => table.setMapping(frame, 3, 100), () => table.setMapping(frame, 0, 0)],
      [() => table.setWireCount(frame, 1), () => table.setWireCount(frame, 0)],
      [() => table.setLoanCount(frame, 1), () => table.setLoanCount(frame, 0)],
    ];
    for (const [hold, release] of holds) {
      hold();
      expect(() => memory.free(frame)).toThrow(/^PH3/);
      expect([table.kind(frame), table.owner(frame), memory.countOf(FrameKind.anon)]).toEqual([FrameKind.anon, 1, 1]);
      memory.check();
      release();
    }
    memory.free(frame);
    expect(() => memory.free(frame)).toThrow(/^PH3/);
    memory.check();
  });

  it('moves a frame to another owner and kind, and keeps count', () => {
    const memory = boot(64, allocator);
    const frame = memory.allocate(FrameKind.object, 1, 2) as Pfn;
    memory.table.setWireCount(frame, 3);
    memory.reassign(frame, FrameKind.anon, 8, 9);
    expect([memory.countOf(FrameKind.object), memory.countOf(FrameKind.anon)]).toEqual([0, 1]);
    expect([memory.table.owner(frame), memory.table.index(frame), memory.table.wireCount(frame)]).toEqual([8, 9, 3]);
    memory.check();
    expect(() => memory.reassign(pfn(0), FrameKind.anon, 1, 1)).toThrow(KernelPanic);
  });

  it('fails exactly the k-th request and loses nothing by it', () => {
    for (let k = 0; ; k++) {
      const failure = new FailurePlan(k);
      const memory = boot(64, allocator, undefined, failure);
      const given = [
        memory.allocate(FrameKind.anon),
        memory.allocateZeroed(FrameKind.pageTable),
        memory.allocateRun(4, FrameKind.kernelHeap),
        memory.allocate(FrameKind.object),
      ];
      expect(given.map((frame) => frame === -1)).toEqual([0, 1, 2, 3].map((i) => i === k));
      const taken =
        memory.countOf(FrameKind.anon) +
        memory.countOf(FrameKind.pageTable) +
        memory.countOf(FrameKind.kernelHeap) +
        memory.countOf(FrameKind.object);
      expect(memory.freeCount + taken).toBe(memory.managed);
      memory.check();
      if (failure.failures === 0) break;
    }
  });

  it('keeps every count through random allocation and freeing', () => {
    const kind = fc.constantFrom(FrameKind.anon, FrameKind.object, FrameKind.pageTable, FrameKind.kernelHeap);
    const step = fc.record({ do: fc.constantFrom('allocate', 'zeroed', 'run', 'free', 'free', 'idle'), kind, pick: fc.nat(1000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const memory = boot(40, allocator);
        const held: { frame: Pfn; kind: number }[] = [];
        for (const step of steps) {
          if (step.do === 'free') {
            const [gone] = held.splice(step.pick % Math.max(1, held.length), 1);
            if (gone !== undefined) memory.free(gone.frame);
          } else if (step.do === 'idle') memory.zeroIdle(step.pick % 10);
          else if (step.do === 'run') {
            const count = 1 + (step.pick % 5);
            const first = memory.allocateRun(count, step.kind);
            if (first !== -1) for (let i = 0; i < count; i++) held.push({ frame: pfn(first + i), kind: step.kind });
          } else {
            const frame = step.do === 'zeroed' ? memory.allocateZeroed(step.kind) : memory.allocate(step.kind);
            expect(frame === -1).toBe(held.length === memory.managed);
            if (frame !== -1) held.push({ frame, kind: step.kind });
          }
          expect(memory.freeCount).toBe(memory.managed - held.length);
        }
        for (const wanted of [FrameKind.anon, FrameKind.object, FrameKind.pageTable, FrameKind.kernelHeap]) {
          expect(memory.countOf(wanted)).toBe(held.filter((one) => one.kind === wanted).length);
        }
        expect(new Set(held.map((one) => one.frame)).size).toBe(held.length);
        memory.check();
      }),
      { numRuns: 100 },
    );
  });

  it('notices in check what was done behind its back', () => {
    const spoil: [string, (memory: PhysicalMemory, frame: Pfn) => void][] = [
      ['PH1', (memory, frame) => memory.table.setKind(frame, FrameKind.free)],
      ['PH1', (memory) => memory.allocator.allocate()],
      ['PH2', (memory, frame) => memory.table.setKind(frame, FrameKind.object)],
      ['PH2', (memory, frame) => memory.table.setKind(frame, 9 as FrameKind)],
      ['FT1', (memory) => memory.table.setOwner(pfn(40), 1)],
      ['FT2', (memory, frame) => memory.table.setMapMore(frame, 64)],
    ];
    for (const [id, action] of spoil) {
      const memory = boot(64, allocator);
      const frame = memory.allocate(FrameKind.anon) as Pfn;
      memory.check();
      action(memory, frame);
      expect(() => memory.check(), id).toThrow(new RegExp(`^${id}`));
    }
  });
});

describe.each(KINDS)('the spared area with $name', (allocator) => {
  const SPARED = 8;
  const spared = (memoryMap?: readonly MemoryRange[]): PhysicalMemory => boot(64, allocator, memoryMap, undefined, SPARED);

  it('is free like all else, but given out last, from its low end, and taken back', () => {
    const memory = spared();
    expect([memory.managed, memory.freeCount]).toEqual([boot(64, allocator).managed, memory.managed]);
    const given = drain(memory);
    expect(given.slice(-SPARED)).toEqual([56, 57, 58, 59, 60, 61, 62, 63]);
    memory.check();
    for (const frame of [pfn(62), pfn(59), given[0] as Pfn]) memory.free(frame);
    expect([memory.isSpared(pfn(59)), memory.isSpared(pfn(60)), memory.freeCount]).toEqual([true, false, 3]);
    memory.check();
    expect(drain(memory)).toEqual([given[0], 59, 62]);
    memory.check();
  });

  it('is given out after the frames that are zeroed, and zeroed for who asks for zeros', () => {
    const memory = spared();
    memory.zeroIdle(64);
    const given: number[] = [];
    for (let frame = memory.allocateZeroed(FrameKind.anon); frame !== -1; frame = memory.allocateZeroed(FrameKind.anon)) {
      expect(memory.ram.frame(frame).every((byte) => byte === 0)).toBe(true);
      given.push(frame);
    }
    expect([given.length, given.slice(-SPARED)]).toEqual([memory.managed, [56, 57, 58, 59, 60, 61, 62, 63]]);
  });

  it('has the frame that a page is wished into, for pages of anons only, as long as it is spared and wished for', () => {
    const memory = spared();
    memory.zeroIdle(3);
    memory.placeNext(pfn(61));
    expect(memory.allocate(FrameKind.kernelHeap)).not.toBe(61);
    expect(memory.allocateZeroed(FrameKind.anon, 5, 6)).toBe(61);
    expect([memory.ram.frame(pfn(61)).every((byte) => byte === 0), memory.table.owner(pfn(61)), memory.table.index(pfn(61))]).toEqual([
      true,
      5,
      6,
    ]);
    expect(memory.allocate(FrameKind.anon)).not.toBe(61);
    memory.placeNext(pfn(63));
    memory.placeNext(0);
    expect(memory.allocate(FrameKind.anon)).toBeLessThan(56);
    memory.placeNext(pfn(2));
    expect(memory.allocate(FrameKind.anon)).toBeLessThan(56);
    memory.placeNext(pfn(63));
    expect(memory.allocate(FrameKind.anon)).toBe(63);
    memory.check();
  });

  it('is given up when a run is wanted that only it makes possible', () => {
    const memory = spared();
    expect(memory.allocateRun(memory.managed, FrameKind.kernelHeap)).not.toBe(-1);
    memory.check();
    for (let frame = 56; frame < 64; frame++) memory.free(pfn(frame));
    expect([memory.freeCount, memory.countOf(FrameKind.free)]).toEqual([SPARED, SPARED]);
    memory.check();
  });

  it('leaves out what the memory map says is no memory to use', () => {
    const memory = spared([frames(0, 60), frames(62, 63), frames(60, 62, 'bad')]);
    expect([memory.countOf(FrameKind.spared), memory.isSpared(pfn(61)), memory.isSpared(pfn(63)), memory.isSpared(pfn(64))]).toEqual([
      5,
      false,
      false,
      false,
    ]);
    expect(drain(memory).slice(-5)).toEqual([56, 57, 58, 59, 62]);
    memory.check();
  });

  it('is counted right when allocations fail', () => {
    const memory = boot(64, allocator, undefined, new FailurePlan(1), SPARED);
    memory.placeNext(pfn(60));
    expect([memory.allocate(FrameKind.anon), memory.allocate(FrameKind.anon)]).toContain(-1);
    memory.check();
  });
});

describe('zeroing along', () => {
  const isZero = (memory: PhysicalMemory, frame: number): boolean => memory.ram.frame(pfn(frame)).every((byte) => byte === 0);

  it('zeroes the frames beside the fourth of a row of requests for zeros, and not those that somebody has', () => {
    const memory = boot(64);
    // Frame 0 is never given, and frame 1 has the metadata. With the fourth request zeros are likely, but frame 4 is somebody's: not beside 5 to 7.
    const given = Array.from({ length: 6 }, () => memory.allocateZeroed(FrameKind.anon));
    expect([...given, isZero(memory, 8)]).toEqual([2, 3, 4, 5, 6, 7, false]);
    expect(memory.allocateZeroed(FrameKind.anon)).toBe(8);
    expect([9, 10, 11, 12].map((frame) => isZero(memory, frame))).toEqual([true, true, true, false]);
    expect(memory.zeroHits).toBe(0);
    memory.check();
    memory.ram.words[10 * 1024 + 5] = 1;
    expect(() => memory.check()).toThrow(/^PH6/);
    memory.ram.words[10 * 1024 + 5] = 0;
  });

  it('stops where frames are mostly asked for to be overwritten', () => {
    const memory = boot(256);
    for (let i = 0; i < 24; i++) memory.allocateZeroed(FrameKind.anon);
    for (let i = 0; i < 24; i++) memory.allocate(FrameKind.object);
    const untouched = kindsOf(memory).indexOf(FrameKind.free);
    memory.allocateZeroed(FrameKind.anon);
    expect([1, 2, 3, 4].map((k) => isZero(memory, untouched + k))).toEqual([false, false, false, false]);
  });

  it('leaves free frames alone that hold the records of their allocator', () => {
    const memory = boot(64, listAllocator);
    for (let i = 0; i < 20; i++) memory.allocateZeroed(FrameKind.anon);
    const free = kindsOf(memory).flatMap((kind, frame) => (kind === FrameKind.free ? [frame] : []));
    expect(free.length).toBeGreaterThan(20);
    expect(free.some((frame) => isZero(memory, frame))).toBe(false);
    memory.check();
  });
});
