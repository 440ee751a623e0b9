// The conformance suite of kernel maps: one design on one page-table format.

import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { FailurePlan, KernelPanic, PAGE_SIZE } from '../../base/index.ts';
import { bitmapAllocator, bootPhysicalMemory, FrameKind } from '../../frames/index.ts';
import { makeMmu, type PageTableFormat, Ram } from '../../machine/index.ts';
import { kernelLayout } from './kernel-layout.ts';
import type { KernelMap, KernelMapKind } from './kernel-map.ts';

const RAM_FRAMES = 640;

/** What every kernel map promises, on page tables of `format`. */
export function describeKernelMap(kind: KernelMapKind, format: PageTableFormat): void {
  const live: { check(): void }[] = [];
  afterEach(() => {
    for (const each of live.splice(0)) each.check();
  });

  function boot(options: { failure?: FailurePlan; frames?: number } = {}) {
    const ram = new Ram(new ArrayBuffer(RAM_FRAMES * PAGE_SIZE), RAM_FRAMES);
    const memory = bootPhysicalMemory({ ram, allocator: bitmapAllocator, ...(options.failure && { failure: options.failure }) });
    const { frames = RAM_FRAMES } = options;
    // Only the tables are in RAM: there may be more frames than that.
    const seen = { frameCount: Math.max(frames, RAM_FRAMES), words: ram.words, bytes: ram.bytes };
    const mmu = makeMmu(seen, format, (count) => memory.allocateRun(count, FrameKind.pageTable));
    const free = memory.freeCount;
    const map = mmu === undefined ? 'ENOMEM' : kind.make({ mmu, memory, frames });
    live.push(memory);
    if (map !== 'ENOMEM') live.push(map);
    return { ram, memory, mmu, map, free };
  }

  function make(options: { frames?: number } = {}) {
    const made = boot(options);
    if (made.map === 'ENOMEM' || made.mmu === undefined) throw new Error('no frames for the kernel map');
    return { ...made, map: made.map, mmu: made.mmu };
  }

  /** Asserts that pages from `address` on reach `frames`, in order, as the tables and as the kernel have it. */
  function expectReached(map: KernelMap, address: number, frames: readonly number[]): void {
    expect(address % PAGE_SIZE).toBe(0);
    const at = (i: number): number => address + i * PAGE_SIZE + ((i * 97) % PAGE_SIZE);
    const physical = frames.map((frame, i) => frame * PAGE_SIZE + ((i * 97) % PAGE_SIZE));
    expect(frames.map((_, i) => map.translate(at(i)))).toEqual(physical);
    expect(frames.map((_, i) => map.toPhysical(at(i)))).toEqual(physical);
  }

  const panicOf = (work: () => void): string => {
    try {
      work();
    } catch (error) {
      if (error instanceof KernelPanic) return error.id;
      throw error;
    }
    return 'no panic';
  };

  it('reaches one frame, a run and scattered frames, in the kernel part of the space', () => {
    const { map, mmu } = make();
    const { base } = kernelLayout(mmu.pages);
    const one = map.map(500);
    const run = map.map(200, 20);
    const scattered = map.mapFrames([9, 9, 500, 33, 2, 77, 200], 2, 4);
    expectReached(map, one, [500]);
    expectReached(
      map,
      run,
      Array.from({ length: 20 }, (_, i) => 200 + i),
    );
    expectReached(map, scattered, [500, 33, 2, 77]);
    expect(Math.min(one, run, scattered)).toBeGreaterThanOrEqual(base * PAGE_SIZE);
    map.check();
    map.unmap(one);
    expectReached(map, scattered, [500, 33, 2, 77]);
    map.unmap(scattered, 4);
    map.unmap(run, 20);
  });

  it('finds the address of a frame that it maps, and no other', () => {
    const { map } = make();
    const address = map.mapFrames([300, 7], 0, 2);
    const found = map.toVirtual(300 * PAGE_SIZE + 5);
    expect(map.translate(found)).toBe(300 * PAGE_SIZE + 5);
    map.unmap(address, 2);
    const after = map.toVirtual(300 * PAGE_SIZE + 5);
    if (after !== -1) expect([map.isPermanent(after), map.translate(after)]).toEqual([true, 300 * PAGE_SIZE + 5]);
    expect(map.toVirtual(RAM_FRAMES * PAGE_SIZE)).toBe(-1);
    expect([map.toVirtual(-1), map.toPhysical(0), map.translate(0), map.toPhysical(-5), map.translate(-5)]).toEqual([-1, -1, -1, -1, -1]);
  });

  it('counts what it writes and drops: nothing is mapped, dropped or taken for good by a mapping that ends', () => {
    const { map, memory } = make();
    map.unmap(map.mapFrames([300, 7, 9], 0, 3), 3);
    const before = map.statistics();
    const free = memory.freeCount;
    map.unmap(map.mapFrames([300, 7, 9], 0, 3), 3);
    const after = map.statistics();
    expect(after.mappedPages).toBe(before.mappedPages);
    expect(after.entriesWritten - before.entriesWritten).toBe(6);
    expect(after.tlbDropped - before.tlbDropped).toBe(3);
    expect([after.tableFrames, after.recordFrames, memory.freeCount]).toEqual([before.tableFrames, before.recordFrames, free]);
    expect(after.maps - before.maps).toBe(1);
  });

  it('answers as a table of pages does, whatever is mapped and unmapped', () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant('run' as const), frame: fc.nat(RAM_FRAMES - 1), count: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ what: fc.constant('list' as const), frames: fc.array(fc.nat(RAM_FRAMES - 1), { minLength: 1, maxLength: 12 }) }),
      fc.record({ what: fc.constant('end' as const), pick: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { map, memory, free } = make();
        const mapped: { address: number; frames: number[] }[] = [];
        for (const each of steps) {
          if (each.what === 'end') {
            const [old] = mapped.splice(each.pick % Math.max(1, mapped.length), 1);
            if (old !== undefined) map.unmap(old.address, old.frames.length);
            continue;
          }
          const frames =
            each.what === 'list'
              ? each.frames
              : Array.from({ length: Math.min(each.count, RAM_FRAMES - each.frame) }, (_, i) => each.frame + i);
          const address = each.what === 'list' ? map.mapFrames(frames, 0, frames.length) : map.map(each.frame, frames.length);
          if (address === -1) continue;
          const end = address + frames.length * PAGE_SIZE;
          const overlaps = mapped.some(
            (other) => !map.isPermanent(address) && other.address < end && address < other.address + other.frames.length * PAGE_SIZE,
          );
          // Two mappings of the same frames may share their addresses, no others.
          if (overlaps) expect(map.translate(address)).toBe((frames[0] as number) * PAGE_SIZE);
          mapped.push({ address, frames });
        }
        for (const { address, frames } of mapped) expectReached(map, address, frames);
        map.check();
        for (const { address, frames } of mapped) map.unmap(address, frames.length);
        map.destroy();
        live.pop();
        expect(memory.freeCount).toBe(free);
      }),
      { numRuns: 8 },
    );
  });

  it('refuses frames that there are not, and unmapping what is not mapped', () => {
    const { map, mmu } = make();
    for (const [frame, count] of [
      [RAM_FRAMES, 1],
      [RAM_FRAMES - 1, 2],
      [-1, 1],
      [5, 0],
      [1.5, 1],
    ] as const) {
      expect(panicOf(() => map.map(frame, count))).toBe('KM2');
    }
    expect(panicOf(() => map.mapFrames([1, RAM_FRAMES], 0, 2))).toBe('KM2');
    expect(panicOf(() => map.mapFrames([], 0, 0))).toBe('KM2');
    const end = mmu.pages * PAGE_SIZE;
    const scattered = map.mapFrames([8, 3, 5], 0, 3);
    const before = map.statistics();
    for (const [address, count] of [
      [0, 1],
      [scattered + 1, 1],
      [scattered, 2],
      [scattered, 4],
      [scattered + PAGE_SIZE, 2],
      [scattered, 0],
      [end - PAGE_SIZE, 2],
      [end, 1],
      [-PAGE_SIZE, 1],
    ] as const) {
      expect(panicOf(() => map.unmap(address, count))).toBe('KM3');
    }
    expect(map.statistics()).toEqual(before);
    expectReached(map, scattered, [8, 3, 5]);
    map.unmap(scattered, 3);
    expect(panicOf(() => map.unmap(scattered, 3))).toBe('KM3');
    const one = map.map(40);
    map.unmap(one);
    if (!map.isPermanent(one)) expect(panicOf(() => map.unmap(one))).toBe('KM3');
    map.unmap(map.map(3));
    const held = map.mapFrames([8, 3], 0, 2);
    expect(panicOf(() => map.destroy())).toBe('KM3');
    map.unmap(held, 2);
  });

  it('runs out of addresses or of frames for tables, says so, and goes on when some come back', () => {
    const { map } = make();
    const before = map.statistics();
    const list = Array.from({ length: 24 }, (_, i) => (i * 5) % RAM_FRAMES);
    const addresses: number[] = [];
    let address = map.mapFrames(list, 0, list.length);
    // Of a space of many gigabytes frames for tables run out, of a tiny one addresses.
    while (address !== -1 && addresses.length < 1500) {
      addresses.push(address);
      address = map.mapFrames(list, 0, list.length);
    }
    if (address === -1) expect(map.statistics().failures - before.failures).toBe(1);
    else addresses.push(address);
    map.check();
    expect(addresses.filter((each) => map.translate(each + 7 * PAGE_SIZE) !== 35 * PAGE_SIZE)).toEqual([]);
    const last = addresses.pop() as number;
    map.unmap(last, list.length);
    const again = map.mapFrames(list, 0, list.length);
    expectReached(map, again, list);
    map.unmap(again, list.length);
    for (const each of addresses) map.unmap(each, list.length);
    expect(map.statistics().mappedPages).toBe(before.mappedPages);
  });

  it('loses nothing when any request for a frame fails', () => {
    const list = Array.from({ length: 70 }, (_, i) => (i * 9) % RAM_FRAMES);
    const run = (failure: FailurePlan): void => {
      const { map, mmu, memory, free } = boot({ failure });
      if (map !== 'ENOMEM') {
        const held: [number, number][] = [];
        const keep = (address: number, count: number): void => {
          if (address !== -1) held.push([address, count]);
        };
        for (let i = 0; i < 3; i++) keep(map.mapFrames(list, 0, list.length), list.length);
        keep(map.map(100, 60), 60);
        keep(map.map(639), 1);
        map.check();
        for (const [address, count] of held) map.unmap(address, count);
        map.check();
        map.destroy();
      }
      if (mmu !== undefined) expect(memory.freeCount).toBe(free);
      live.length = 0;
      memory.check();
    };
    const count = new FailurePlan();
    run(count);
    for (let k = 0; k < count.requests; k++) run(new FailurePlan(k));
  });
}

/** The same on a format with room for 4 GiB of frames and the kernel part of a 32-bit space. */
export function describeHighMemory(kind: KernelMapKind, format: PageTableFormat): void {
  const GIB_FRAMES = 2 ** 18;
  const RAM = 2048;

  function make(frames: number) {
    const ram = new Ram(new ArrayBuffer(RAM * PAGE_SIZE), RAM);
    const memory = bootPhysicalMemory({ ram, allocator: bitmapAllocator });
    const mmu = makeMmu({ frameCount: frames, words: ram.words, bytes: ram.bytes }, format, () => -1);
    const map = mmu === undefined ? 'ENOMEM' : kind.make({ mmu, memory, frames });
    if (map === 'ENOMEM') throw new Error('no frames for the kernel map');
    return map;
  }

  describe('with 4 GiB of frames', () => {
    it('reaches the lowest and the highest frame, and 1 MiB of either', () => {
      const map = make(4 * GIB_FRAMES);
      for (const frame of [0, 1, GIB_FRAMES - 128, 3 * GIB_FRAMES + 77, 4 * GIB_FRAMES - 256]) {
        const [one, run] = [map.map(frame), map.map(frame, 256)];
        expect(map.translate(one)).toBe(frame * PAGE_SIZE);
        expect([map.translate(run), map.translate(run + 255 * PAGE_SIZE + 3)]).toEqual([frame * PAGE_SIZE, (frame + 255) * PAGE_SIZE + 3]);
        map.unmap(one);
        map.unmap(run, 256);
      }
      map.check();
    });

    it('goes over all of memory with less address space than that', () => {
      const map = make(4 * GIB_FRAMES);
      for (let frame = 0; frame < 4 * GIB_FRAMES; frame += 1021) {
        const address = map.map(frame);
        expect(map.toPhysical(address)).toBe(frame * PAGE_SIZE);
        map.unmap(address);
      }
      map.check();
      expect(map.statistics().failures).toBe(0);
    });
  });
}
