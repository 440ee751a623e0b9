// Pages that come from swap beside the one that was missing: how many, which, and what happens when that cannot be.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, type SmallMachineOptions } from '../../test/support/uvm-machine.ts';
import { counted, load } from '../../test/support/uvm-probe.ts';
import { at, BASE, oneSpace } from '../../test/support/uvm-space.ts';
import { FailurePlan, PAGE_SIZE } from '../base/index.ts';
import { FaultyDevice, MemoryDevice } from '../machine/index.ts';
import { Process } from '../process/index.ts';
import type { SwapReadAhead } from '../system/index.ts';
import { defaultTuning } from './tuning.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

/** Pages that stay in memory for the last accesses, so that the others can all be paged out. */
const HELD = 8;
/** Where the pages lie that are touched to be held instead of those of a test. */
const OTHER = 2000;
const bytes = (pages: number): number => pages * PAGE_SIZE;

/** One process with `pages` pages from page 0 on, each filled with its number + 1, all of them in swap only. */
function swapped(pages: number, setting: SwapReadAhead = 'adaptive', options: SmallMachineOptions = {}) {
  const device = new MemoryDevice(4096);
  const small = oneSpace({ frames: 512, swap: device, tuning: { ...defaultTuning, swapReadAhead: setting }, ...options });
  const { system, machine, put, map, frame } = small;
  const fill = (): void => {
    for (let page = 0; page < pages; page++) put(page, (page + 1) & 0xff);
  };
  const pageOut = (): void => {
    map(OTHER, HELD);
    for (let page = 0; page < HELD; page++) put(OTHER + page, 1);
    system.reclaim(machine.frames.table.count);
    system.unmap(small.space, at(OTHER), bytes(HELD));
    for (let page = 0; page < pages; page++) expect(small.machine.pmaps.extract(small.space.pmap, BASE + page)).toBe(-1);
  };
  map(0, pages);
  fill();
  pageOut();
  const readsOf = (action: () => void): number => {
    const before = device.counters.readOperations;
    action();
    return device.counters.readOperations - before;
  };
  const isIn = (page: number): boolean => system.isResident(small.space, BASE + page);
  return { ...small, device, pages, pageOut, readsOf, isIn, mapped: (page: number) => frame(page) !== -1 };
}

describe('the window', () => {
  it('opens to 64 KiB in a sequence, which then reads 16 pages at a time and faults once for them', () => {
    const { get, readsOf, system } = swapped(256);
    const reads = readsOf(() => {
      const moved = counted(system, () => {
        for (let page = 0; page < 256; page++) expect(get(page)).toBe((page + 1) & 0xff);
      });
      expect(moved['swapPagesIn']).toBe(256);
      expect(moved['faults']).toBeLessThan(25);
      expect((moved['swapIn'] as number) + (moved['readAhead'] as number)).toBe(256);
    });
    expect(reads).toBeLessThan(25);
  });

  it('opens for a sequence that goes down', () => {
    const { get, readsOf } = swapped(256);
    const reads = readsOf(() => {
      for (let page = 255; page >= 0; page--) expect(get(page)).toBe((page + 1) & 0xff);
    });
    expect(reads).toBeLessThan(30);
  });

  it('opens for several sequences at once', () => {
    const { get, readsOf } = swapped(256);
    const reads = readsOf(() => {
      for (let page = 0; page < 64; page++)
        for (const start of [0, 64, 128, 192]) expect(get(start + page)).toBe((start + page + 1) & 0xff);
    });
    expect(reads).toBeLessThan(50);
  });

  it('closes where pages are used at random, so that almost nothing is read in vain', () => {
    const { get, system, pageOut } = swapped(256);
    const order = Array.from({ length: 256 }, (_, i) => (i * 101) % 256);
    // The first round lets the window close: 16 pages apart each time, and none beside is used before all is paged out again.
    for (let round = 0; round < 4; round++) {
      for (const page of order.slice(0, 12)) get(page);
      pageOut();
    }
    const moved = counted(system, () => {
      for (const page of order.slice(0, 12)) get(page);
    });
    expect(moved['swapPagesIn']).toBe(12);
  });

  it('is what was set, or nothing', () => {
    for (const [setting, reads] of [
      ['off', 64],
      [4, 16],
      [16, 4],
    ] as const) {
      const { get, readsOf } = swapped(64, setting);
      const counted = readsOf(() => {
        for (let page = 0; page < 64; page++) get(page);
      });
      expect(counted, `${setting}`).toBeGreaterThanOrEqual(reads);
      expect(counted, `${setting}`).toBeLessThanOrEqual(reads + 1);
    }
  });

  it('is none under random advice and the whole cluster under sequential advice', () => {
    const { get, readsOf, system, space, isIn } = swapped(64);
    expect(system.advise(space, at(0), bytes(32), 'random')).toBe(0);
    expect(system.advise(space, at(32), bytes(32), 'sequential')).toBe(0);
    expect(
      readsOf(() => {
        for (let page = 0; page < 16; page++) get(page);
      }),
    ).toBe(16);
    expect(readsOf(() => get(32))).toBe(1);
    expect(Array.from({ length: 17 }, (_, i) => isIn(32 + i))).toEqual([...new Array<boolean>(16).fill(true), false]);
    expect(isIn(31)).toBe(false);
  });
});

describe('pages read ahead', () => {
  it('are mapped, with the right to write where the process alone has them, and not yet referenced', () => {
    const { get, mapped, machine, space, put } = swapped(64, 16);
    get(16);
    expect(mapped(20)).toBe(true);
    expect(machine.pmaps.isWritable(space.pmap, BASE + 20)).toBe(true);
    expect(machine.pmaps.referencedPages(space.pmap, BASE + 16, BASE + 32)).toBe(1);
    put(20, 77);
    expect(get(20)).toBe(77);
    expect(machine.pmaps.referencedPages(space.pmap, BASE + 16, BASE + 32)).toBe(0b10001);
  });

  it('are counted as used, as unused, or as waiting', () => {
    const { get, system, pageOut } = swapped(64, 16);
    get(0);
    get(3);
    get(9);
    expect(system.statistics()).toMatchObject({ readAhead: 15, readAheadUsed: 2, readAheadUnused: 0 });
    pageOut();
    expect(system.statistics()).toMatchObject({ readAhead: 15, readAheadUsed: 2, readAheadUnused: 13 });
    get(0);
    get(5);
    expect(system.statistics()).toMatchObject({ readAhead: 30, readAheadUsed: 3, readAheadUnused: 13 });
  });

  it('are not read over what a process wrote since: only pages that are in swap alone come in', () => {
    const { get, put, pageOut, system } = swapped(32, 'off');
    put(5, 200);
    pageOut();
    // Page 5 has a slot elsewhere now: reads on both sides stop there.
    for (let page = 0; page < 32; page++) expect(get(page)).toBe(page === 5 ? 200 : page + 1);
    expect(system.statistics().swapErrors).toBe(0);
  });

  it('leave a forked anon shared: the child reads it, and a write copies', () => {
    const { get, put, system, machine, space, process, newTlb, pageOut } = swapped(32, 16);
    const child = system.fork(space, newTlb()) as VmMap;
    const other = new Process(machine, system, child, () => 0);
    pageOut();
    get(0);
    expect(machine.pmaps.isWritable(space.pmap, BASE + 4)).toBe(false);
    const frame = machine.pmaps.extract(space.pmap, BASE + 4);
    expect(load(other, at(4))).toBe(5);
    expect(machine.pmaps.extract(child.pmap, BASE + 4)).toBe(frame);
    put(4, 99);
    expect([get(4), load(other, at(4)), process === other]).toEqual([99, 5, false]);
  });

  it('come for shared memory too, for all who map it', () => {
    const device = new MemoryDevice(512);
    const { system, machine, space, process, put, map } = oneSpace({ frames: 256, swap: device });
    const object = system.createSharedMemory(64, 'shm');
    if (typeof object === 'string') throw new Error(object);
    const start = system.map(space, { size: bytes(64), protection: 3, sharing: 'shared', object }) as number;
    system.releaseObject(object);
    for (let page = 0; page < 64; page++) process.copyOut(start + bytes(page), Uint8Array.of(page + 1));
    map(0, HELD);
    for (let page = 0; page < HELD; page++) put(page, 1);
    system.reclaim(machine.frames.table.count);
    const moved = counted(system, () => {
      for (let page = 0; page < 64; page++) expect(load(process, start + bytes(page))).toBe(page + 1);
    });
    expect(moved['swapPagesIn']).toBe(64);
    expect(device.counters.readOperations).toBeLessThan(12);
  });

  it('do not come where nothing may read them, nor from beyond the area', () => {
    const { system, space, get, isIn } = swapped(32, 16);
    expect(system.protect(space, at(8), bytes(8), 0)).toBe(0);
    get(4);
    expect([isIn(0), isIn(7), isIn(8), isIn(16)]).toEqual([true, true, false, false]);
  });

  it('go to the kernel on loan, and are locked, like any page', () => {
    const { get, system, space, isIn } = swapped(32, 16);
    get(0);
    expect(system.lock(space, at(2), bytes(4))).toBe(0);
    const loan = system.mover.lendToKernel(space, at(6), bytes(2));
    if (typeof loan === 'string') throw new Error(loan);
    system.reclaim(512);
    expect([2, 5, 6, 7].map(isIn)).toEqual([true, true, true, true]);
    system.mover.endKernelLoan(loan);
    expect(system.unlock(space, at(2), bytes(4))).toBe(0);
    for (let page = 0; page < 32; page++) expect(get(page)).toBe(page + 1);
  });
});

describe('read-ahead that cannot be', () => {
  it('is left out when only the reserve is free: the missing page alone comes in', () => {
    const { get, system, machine } = swapped(64, 16);
    const taken: number[] = [];
    for (let frame = machine.frames.allocate(4); frame !== -1; frame = machine.frames.allocate(4)) taken.push(frame);
    for (let i = 0; i < 4; i++) machine.frames.free(taken.pop() as never);
    const moved = counted(system, () => expect(get(0)).toBe(1));
    expect(moved['swapPagesIn']).toBe(1);
    expect(moved).not.toHaveProperty('failed');
    for (const frame of taken) machine.frames.free(frame as never);
    for (let page = 0; page < 64; page++) expect(get(page)).toBe(page + 1);
  });

  it('never fails the fault because a neighbour cannot be read', () => {
    const { get, isIn, system } = swapped(32, 16, { swap: new FaultyDevice(new MemoryDevice(4096), { reads: new FailurePlan(0) }) });
    expect(get(0)).toBe(1);
    expect(isIn(1)).toBe(false);
    expect(system.statistics()).toMatchObject({ swapErrors: 1, failed: 0, readAhead: 0 });
    for (let page = 0; page < 32; page++) expect(get(page)).toBe(page + 1);
  });

  it('gives every frame back when the k-th of them cannot be had', () => {
    const before = new FailurePlan();
    swapped(32, 16, { frameFailures: before });
    for (let k = 0; k < 16; k++) {
      const frameFailures = new FailurePlan(before.requests + k);
      const { get, system } = swapped(32, 16, { frameFailures });
      for (let page = 0; page < 32; page++) expect(get(page)).toBe(page + 1);
      expect([frameFailures.failures, system.statistics().failed]).toEqual([1, 0]);
      system.check();
    }
  });

  it('stops at the end of a device, and swapping off in the middle brings every page back', () => {
    const [a, b] = [new MemoryDevice(24), new MemoryDevice(4096)];
    const { get, put, system, map, machine } = oneSpace({ frames: 512, swap: a });
    expect(system.swapOn(b, -1)).toBe(0);
    map(0, 64);
    for (let page = 0; page < 64; page++) put(page, page + 1);
    map(OTHER, HELD);
    for (let page = 0; page < HELD; page++) put(OTHER + page, 1);
    system.reclaim(machine.frames.table.count);
    for (let page = 0; page < 20; page++) expect(get(page)).toBe(page + 1);
    expect(system.swapOff(a)).toBe(0);
    for (let page = 0; page < 64; page++) expect(get(page)).toBe(page + 1);
    expect(system.swapOff(b)).toBe(0);
    for (let page = 0; page < 64; page++) expect(get(page)).toBe(page + 1);
  });
});
