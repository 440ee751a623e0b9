// Locked memory (C11): what is locked stays in memory and never faults, locks split entries only where they differ, and a lock that
// cannot be had leaves nothing behind.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines } from '../../test/support/uvm-machine.ts';
import { counted, load, store, TestFile } from '../../test/support/uvm-probe.ts';
import { at, oneSpace } from '../../test/support/uvm-space.ts';
import { FailurePlan, PAGE_SIZE } from '../base/index.ts';
import { FaultyDevice, MemoryDevice } from '../machine/index.ts';
import { Process } from '../process/index.ts';
import { PROT_NONE, PROT_READ, PROT_WRITE } from '../system/index.ts';
import { defaultTuning } from './tuning.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

const RW = PROT_READ | PROT_WRITE;
const bytes = (pages: number) => pages * PAGE_SIZE;

describe('a locked area', () => {
  it('is in memory, and stays there when everything else is paged out', () => {
    const { system, space, machine, map, put, get, frame, area } = oneSpace();
    map(0, 8);
    put(2, 42);
    expect(system.lock(space, at(0), bytes(8))).toBe(0);
    const frames = Array.from({ length: 8 }, (_, page) => frame(page));
    expect(frames).not.toContain(-1);
    expect(area(0)).toMatchObject({ residentPages: 8, lockedPages: 8 });
    system.reclaim(machine.frames.managed);
    expect(counted(system, () => expect([get(0), get(2), get(7)]).toEqual([0, 42, 0]))).toEqual({});
    expect(Array.from({ length: 8 }, (_, page) => frame(page))).toEqual(frames);
  });

  it('gives its swap slots back, and pages out again after unlock', () => {
    const { system, space, machine, map, put, get, counts } = oneSpace();
    map(0, 4);
    for (let page = 0; page < 4; page++) put(page, page + 1);
    map(20, 8);
    for (let page = 20; page < 28; page++) put(page, 1);
    system.reclaim(machine.frames.managed);
    expect(counts().slots).toBe(4);
    expect(system.lock(space, at(0), bytes(4))).toBe(0);
    expect(counts().slots).toBe(0);
    expect(system.unlock(space, at(0), bytes(4))).toBe(0);
    for (let page = 20; page < 28; page++) put(page, 1);
    system.reclaim(machine.frames.managed);
    expect(counts().slots).toBeGreaterThanOrEqual(4);
    expect([0, 1, 2, 3].map(get)).toEqual([1, 2, 3, 4]);
  });

  it('never faults in the parent after a fork: its pages are copied at once, and the child has no lock', () => {
    const { system, machine, space, newTlb, process, map, put } = oneSpace();
    map(0, 4);
    for (let page = 0; page < 4; page++) put(page, page + 1);
    system.lock(space, at(0), bytes(4));
    const child = system.fork(space, newTlb()) as VmMap;
    const other = new Process(machine, system, child, () => 0);
    expect(counted(system, () => store(process, at(0), 100))).toEqual({});
    expect([0, 1, 2, 3].map((page) => load(other, at(page)))).toEqual([1, 2, 3, 4]);
    expect(system.usage(child).lockedBytes).toBe(0);
    expect(system.usage(space).lockedBytes).toBe(bytes(4));
  });

  it('of a file that is only read keeps the file’s page, and gets its own when it may write', () => {
    const { system, space, map, object, put, get, counts } = oneSpace();
    const file = new TestFile(4, 'file');
    map(0, 4, { object: object(file), protection: PROT_READ });
    expect(system.lock(space, at(0), bytes(4))).toBe(0);
    expect(counts()).toMatchObject({ objectFrames: 4, anonFrames: 0 });
    expect(system.protect(space, at(0), bytes(4), RW)).toBe(0);
    // The rights come with pages of its own, so that the first store finds everything there.
    expect(counted(system, () => put(1, 99))).toEqual({});
    expect([get(0), get(1), file.pages[1]?.[0]]).toEqual([1, 99, 2]);
  });

  it('of a shared file is not made dirty', () => {
    const { system, space, map, object, area } = oneSpace();
    const file = new TestFile(4, 'file');
    map(0, 4, { object: object(file), sharing: 'shared' });
    expect(system.lock(space, at(0), bytes(4))).toBe(0);
    expect(area(0)).toMatchObject({ residentPages: 4, dirtyPages: 0, lockedPages: 4 });
    system.sync(space, at(0), bytes(4));
    expect(file.writes).toEqual([]);
  });

  it('is split only where locks differ, and joined when they no longer do', () => {
    const { system, space, map, shape } = oneSpace();
    map(0, 9);
    system.lock(space, at(3), bytes(3));
    expect(shape()).toEqual([
      [0, 3],
      [3, 3],
      [6, 3],
    ]);
    system.lock(space, at(0), bytes(9));
    expect(shape()).toEqual([[0, 9]]);
    expect(system.usage(space).lockedBytes).toBe(bytes(9));
    system.unlock(space, at(1), bytes(7));
    expect(shape()).toEqual([
      [0, 1],
      [1, 7],
      [8, 1],
    ]);
    system.unlockAll(space);
    expect(shape()).toEqual([[0, 9]]);
  });

  it('does not nest: one unlock undoes two locks', () => {
    const { system, space, map } = oneSpace();
    map(0, 2);
    system.lock(space, at(0), bytes(2));
    system.lock(space, at(0), bytes(2));
    system.unlock(space, at(0), bytes(2));
    expect(system.usage(space).lockedBytes).toBe(0);
  });

  it('that two processes lock stays until both have unlocked', () => {
    const { system, machine, space, newTlb, map, object } = oneSpace();
    map(0, 2, { object: object(new TestFile(2, 'file')), sharing: 'shared' });
    const child = system.fork(space, newTlb()) as VmMap;
    system.lock(space, at(0), bytes(2));
    system.lock(child, at(0), bytes(2));
    system.destroySpace(space);
    system.check();
    system.reclaim(machine.frames.managed);
    expect(system.areas(child)[0]).toMatchObject({ residentPages: 2, lockedPages: 2 });
    system.destroySpace(child);
  });

  it('takes its lock along when it is moved, and loses it when it is unmapped', () => {
    const { system, space, map, put, get } = oneSpace();
    map(0, 4);
    put(3, 7);
    system.lock(space, at(0), bytes(4));
    expect(system.remap(space, at(0), bytes(4), bytes(6), { how: 'fixed', address: at(40) })).toBe(at(40));
    expect(system.usage(space).lockedBytes).toBe(bytes(6));
    expect(counted(system, () => expect([get(43), get(45)]).toEqual([7, 0]))).toEqual({});
    system.unmap(space, at(40), bytes(6));
    expect(system.usage(space).lockedBytes).toBe(0);
  });

  it('may lose its rights and get them back without leaving memory', () => {
    const { system, space, machine, map, put, get } = oneSpace();
    map(0, 2);
    put(0, 5);
    system.lock(space, at(0), bytes(2));
    system.protect(space, at(0), bytes(2), PROT_NONE);
    system.reclaim(machine.frames.managed);
    system.protect(space, at(0), bytes(2), RW);
    expect(counted(system, () => expect(get(0)).toBe(5))).toEqual({});
  });
});

describe('a page that is replaced under a lock', () => {
  it('passes the lock on: a child that shares the area writes to what the parent locked read-only', () => {
    const { system, machine, space, newTlb, map, object, get } = oneSpace();
    map(0, 2, { object: object(new TestFile(2, 'file')) });
    system.inherit(space, at(0), bytes(2), 'share');
    const child = system.fork(space, newTlb()) as VmMap;
    system.protect(space, at(0), bytes(2), PROT_READ);
    system.lock(space, at(0), bytes(2));
    store(new Process(machine, system, child, () => 0), at(0), 77);
    system.check();
    system.reclaim(machine.frames.managed);
    expect([get(0), get(1)]).toEqual([77, 2]);
  });
});

describe('lockAll', () => {
  it('locks what there is but guard pages, and what comes', () => {
    const { system, space, map, put, area } = oneSpace();
    map(0, 2);
    map(2, 1, { protection: PROT_NONE, name: 'guard' });
    expect(system.lockAll(space, 'both')).toBe(0);
    expect(area(0)?.lockedPages).toBe(2);
    expect(area(2)?.lockedPages).toBe(0);
    map(10, 3);
    expect(area(10)).toMatchObject({ residentPages: 3, lockedPages: 3 });
    const { breakEnd } = space;
    system.grow(space, breakEnd + bytes(2));
    expect(system.usage(space).lockedBytes).toBe(bytes(7));
    // In place of a locked area: the new pages are in memory before the old ones go.
    map(10, 2);
    put(10, 1);
    expect([area(10)?.lockedPages, area(12)?.lockedPages]).toEqual([2, 1]);
    system.unlockAll(space);
    map(20, 2);
    expect(system.usage(space).lockedBytes).toBe(0);
  });

  it('of the future says no to a mapping that cannot be locked, and leaves what it would have replaced', () => {
    const { system, space, map, put, get, shape } = oneSpace();
    map(0, 4);
    put(1, 9);
    system.limit(space, { lockedBytes: bytes(3) });
    expect(system.lockAll(space, 'current')).toBe('ENOMEM');
    expect(system.lockAll(space, 'future')).toBe(0);
    expect(map(0, 4, { protection: PROT_READ })).toBe('ENOMEM');
    expect(map(10, 4)).toBe('ENOMEM');
    expect(system.grow(space, space.breakEnd + bytes(4))).toBe('ENOMEM');
    expect(shape()).toEqual([[0, 4]]);
    expect(get(1)).toBe(9);
  });
});

describe('a lock that cannot be had', () => {
  it('is refused beyond a third of memory, with nothing locked', () => {
    const { system, machine, space, map, shape } = oneSpace({ frames: 128 });
    const third = Math.floor(machine.frames.managed / 3);
    map(0, third + 2);
    expect(system.lock(space, at(1), bytes(third + 1))).toBe('ENOMEM');
    expect(system.usage(space).lockedBytes).toBe(0);
    expect(shape()).toEqual([[0, third + 2]]);
    expect(system.lock(space, at(1), bytes(third))).toBe(0);
  });

  it('is refused beyond the limit of the process', () => {
    const { system, space, map } = oneSpace();
    map(0, 4);
    system.limit(space, { lockedBytes: bytes(2) });
    expect(system.lock(space, at(0), bytes(3))).toBe('ENOMEM');
    expect(system.lock(space, at(0), bytes(2))).toBe(0);
    expect(system.lock(space, at(1), bytes(2))).toBe('ENOMEM');
    expect(system.usage(space).lockedBytes).toBe(bytes(2));
  });

  it('because a page cannot be read leaves nothing locked', () => {
    const reads = new FailurePlan(2);
    // A read that fails with read-ahead is done again without.
    const tuning = { ...defaultTuning, swapReadAhead: 'off' as const };
    const { system, machine, space, map, put, area } = oneSpace({ swap: new FaultyDevice(new MemoryDevice(64), { reads }), tuning });
    map(0, 8);
    for (let page = 0; page < 8; page++) put(page, 1);
    map(20, 8);
    for (let page = 20; page < 28; page++) put(page, 1);
    system.reclaim(machine.frames.managed);
    expect(system.lock(space, at(0), bytes(8))).toBe('EIO');
    expect(area(0)).toMatchObject({ lockedPages: 0, start: at(0), end: at(8) });
    expect(system.lock(space, at(0), bytes(8))).toBe(0);
  });
});
