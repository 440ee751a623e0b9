// Map-entry passing: share, copy, move.
import { afterEach, describe, expect, it } from 'vitest';
import { movingScene, must } from '../../test/support/moving.ts';
import { checkMachines } from '../../test/support/uvm-machine.ts';
import { counted, TestFile } from '../../test/support/uvm-probe.ts';
import { PAGE_SIZE } from '../base/index.ts';
import { GuestFault, Process } from '../process/index.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

describe('passing by share', () => {
  it('lets both see each other’s writes in private memory, also to pages touched later', () => {
    const { a, b, area, load, store, mover, spaceOf } = movingScene();
    const at = area(a, 4);
    store(a, at, 1);
    const there = must(mover.pass(spaceOf(a), at, 4 * PAGE_SIZE, spaceOf(b), 'share'));
    store(b, there, 2);
    store(b, there + PAGE_SIZE, 3);
    store(a, at + 2 * PAGE_SIZE, 4);
    expect([load(a, at), load(a, at + PAGE_SIZE), load(b, there + 2 * PAGE_SIZE)]).toEqual([2, 3, 4]);
  });

  it('a fork of one sharer sees no later write of the other', () => {
    const { a, b, area, load, store, mover, machine, newTlb, spaceOf, system } = movingScene();
    const at = area(a, 2, { first: 1 });
    const there = must(mover.pass(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b), 'share'));
    const child = new Process(machine, system, must(system.fork(spaceOf(a), newTlb())), () => 0);
    store(b, there, 20);
    store(child, at + PAGE_SIZE, 30);
    expect([load(a, at), load(child, at), load(a, at + PAGE_SIZE), load(b, there + PAGE_SIZE)]).toEqual([20, 1, 2, 2]);
    system.destroySpace(child.space as VmMap);
  });

  it('after a fork, sharers share what the child does not', () => {
    const { a, b, area, load, store, mover, machine, newTlb, spaceOf, system } = movingScene();
    const at = area(a, 2, { first: 1 });
    const child = new Process(machine, system, must(system.fork(spaceOf(a), newTlb())), () => 0);
    const there = must(mover.pass(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b), 'share'));
    store(b, there, 20);
    expect([load(a, at), load(child, at)]).toEqual([20, 1]);
    system.destroySpace(child.space as VmMap);
  });

  it('a private file page written by one sharer is what the other sees, even if it had the file’s page mapped', () => {
    const { a, b, area, load, store, mover, spaceOf, system } = movingScene();
    const file = new TestFile(2, 'file');
    const object = must(system.createObject(file.pager));
    const at = area(a, 2, { object });
    const there = must(mover.pass(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b), 'share'));
    expect([load(a, at), load(b, there)]).toEqual([1, 1]);
    store(b, there, 50);
    expect([load(a, at), file.pages[0]?.[0]]).toEqual([50, 1]);
    system.releaseObject(object);
  });
});

describe('passing by copy', () => {
  it('copies page by page when either side writes', () => {
    const { a, b, area, load, store, mover, spaceOf, system, counts } = movingScene();
    const at = area(a, 4, { first: 1 });
    const there = must(mover.pass(spaceOf(a), at + PAGE_SIZE, 2 * PAGE_SIZE, spaceOf(b), 'copy'));
    expect(counts().anonFrames).toBe(4);
    const moved = counted(system, () => {
      store(a, at + PAGE_SIZE, 10);
      store(b, there + PAGE_SIZE, 20);
    });
    expect(moved).toMatchObject({ copyOnWrite: 2 });
    expect([load(b, there), load(a, at + 2 * PAGE_SIZE), counts().anonFrames]).toEqual([2, 3, 6]);
  });

  it('of shared memory is an area of its own', () => {
    const { a, b, area, load, store, mover, spaceOf } = movingScene();
    const at = area(a, 2, { first: 1, sharing: 'shared' });
    const there = must(mover.pass(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b), 'copy'));
    store(a, at, 10);
    store(b, there + PAGE_SIZE, 20);
    expect([load(b, there), load(a, at + PAGE_SIZE)]).toEqual([1, 2]);
  });
});

describe('passing by move', () => {
  it('takes pages, holes, swapped and file pages along, without a fault or a copy', () => {
    const { a, b, area, load, mover, spaceOf, system } = movingScene();
    const at = area(a, 8, { first: 1 });
    const moved = counted(system, () => {
      const there = must(mover.pass(spaceOf(a), at, 8 * PAGE_SIZE, spaceOf(b), 'move'));
      for (let i = 0; i < 8; i++) expect(load(b, there + i * PAGE_SIZE)).toBe(i + 1);
    });
    expect(moved).toEqual({});
    expect(() => load(a, at)).toThrow(GuestFault);
  });

  it('of a part leaves the rest, and coming back makes one area again', () => {
    const { a, b, area, load, store, mover, spaceOf, system } = movingScene();
    const at = area(a, 4, { first: 1 });
    const there = must(mover.pass(spaceOf(a), at + PAGE_SIZE, 2 * PAGE_SIZE, spaceOf(b), 'move'));
    store(b, there, 20);
    expect(() => load(a, at + PAGE_SIZE)).toThrow(GuestFault);
    expect([load(a, at), load(a, at + 3 * PAGE_SIZE)]).toEqual([1, 4]);
    const place = { how: 'fixed', address: at + PAGE_SIZE } as const;
    expect(mover.pass(spaceOf(b), there, 2 * PAGE_SIZE, spaceOf(a), 'move', place)).toBe(place.address);
    expect([0, 1, 2, 3].map((i) => load(a, at + i * PAGE_SIZE))).toEqual([1, 20, 3, 4]);
    expect(system.areas(spaceOf(a)).length).toBe(1);
  });

  it('keeps locks and shared references, within one space and between two', () => {
    const { a, b, area, load, store, mover, spaceOf, system } = movingScene();
    const at = area(a, 2, { first: 1, sharing: 'shared' });
    const twin = must(mover.pass(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b), 'share'));
    expect(system.lock(spaceOf(a), at, 2 * PAGE_SIZE)).toBe(0);
    const inside = must(mover.pass(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(a), 'move'));
    const there = must(mover.pass(spaceOf(a), inside, 2 * PAGE_SIZE, spaceOf(b), 'move'));
    expect([system.usage(spaceOf(a)).lockedBytes, system.usage(spaceOf(b)).lockedBytes]).toEqual([0, 2 * PAGE_SIZE]);
    store(b, there, 7);
    expect(load(b, twin)).toBe(7);
  });
});

describe.each(['share', 'copy', 'move'] as const)('passing by %s', (mode) => {
  it('replaces what is at a fixed place', () => {
    const { a, b, area, load, mover, spaceOf, counts } = movingScene();
    const [at, there] = [area(a, 2, { first: 1 }), area(b, 4, { first: 50 })];
    const place = { how: 'fixed', address: there + PAGE_SIZE } as const;
    expect(mover.pass(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b), mode, place)).toBe(place.address);
    expect([0, 1, 2, 3].map((i) => load(b, there + i * PAGE_SIZE))).toEqual([50, 1, 2, 53]);
    expect(counts().anonFrames).toBe(4);
  });

  it.each([
    ['off a page boundary', 1, PAGE_SIZE, 'EINVAL'],
    ['nothing', 0, 0, 'EINVAL'],
    ['what is not all mapped', 0, 3 * PAGE_SIZE, 'EFAULT'],
  ] as const)('refuses %s', (_what, offset, size, errno) => {
    const { a, b, area, mover, spaceOf, inUse } = movingScene();
    const at = area(a, 2, { first: 1 });
    const before = inUse();
    expect(mover.pass(spaceOf(a), at + offset, size, spaceOf(b), mode)).toBe(errno);
    expect(inUse()).toEqual(before);
  });

  it('refuses a target that overlaps the source', () => {
    const { a, area, load, mover, spaceOf } = movingScene();
    const at = area(a, 4, { first: 1 });
    const place = { how: 'fixed', address: at + PAGE_SIZE } as const;
    expect(mover.pass(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(a), mode, place)).toBe('EINVAL');
    expect(load(a, at + 2 * PAGE_SIZE)).toBe(3);
  });
});
