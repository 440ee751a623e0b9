// Shared memory and private copies of it, and what the calls that 4.4BSD lacked take for one area: the contract's answers, not 4.4BSD's.
import { afterEach, describe, expect, it } from 'vitest';
import { bsdFamily } from '../../../test/support/bsdvm-machine.ts';
import { checkMachines } from '../../../test/support/uvm-machine.ts';
import { load, store, TestFile } from '../../../test/support/uvm-probe.ts';
import { PAGE_SIZE } from '../../base/index.ts';
import type { MemoryObject } from '../../system/index.ts';

afterEach(checkMachines);

function family() {
  const made = bsdFamily();
  const { system, spaceOf, parent } = made;
  const space = spaceOf(parent);
  const sharedMemory = (pages: number): MemoryObject => {
    const object = system.createSharedMemory(pages, 'shared');
    if (typeof object === 'string') throw new Error(object);
    return object;
  };
  return { ...made, space, sharedMemory };
}

describe('a private mapping of shared memory', () => {
  it('that was read where nobody had written shows what others write there later, until it writes itself', () => {
    const { parent, map, sharedMemory } = family();
    const object = sharedMemory(2);
    const shared = map(2, { object, sharing: 'shared' });
    const own = map(2, { object });
    expect(load(parent, own)).toBe(0);
    store(parent, shared, 5);
    expect(load(parent, own)).toBe(5);
    store(parent, own, 6);
    store(parent, shared, 7);
    expect([load(parent, own), load(parent, shared)]).toEqual([6, 7]);
  });

  it('keeps a page that it wrote before anybody else did', () => {
    const { parent, map, sharedMemory } = family();
    const object = sharedMemory(1);
    const shared = map(1, { object, sharing: 'shared' });
    const own = map(1, { object });
    store(parent, own, 6);
    expect(load(parent, shared)).toBe(0);
    store(parent, shared, 7);
    expect([load(parent, own), load(parent, shared)]).toEqual([6, 7]);
  });
});

describe('a child that inherits a copy', () => {
  it('of shared anonymous memory has private memory: its own children get copies too, and share nothing', () => {
    const { system, parent, space, spaceOf, map, fork } = family();
    const start = map(2, { sharing: 'shared' });
    store(parent, start, 5);
    system.inherit(space, start, 2 * PAGE_SIZE, 'copy');
    const child = fork();
    expect(system.areas(spaceOf(child)).map(({ sharing }) => sharing)).toEqual(['private']);
    const grandchild = fork(child);
    store(parent, start, 6);
    store(child, start, 7);
    // Nobody had the second page at either fork.
    store(child, start + PAGE_SIZE, 8);
    expect([parent, child, grandchild].map((each) => load(each, start))).toEqual([6, 7, 5]);
    expect([parent, child, grandchild].map((each) => load(each, start + PAGE_SIZE))).toEqual([0, 8, 0]);
  });

  it('of a locked mapping of shared memory shows it until it writes', () => {
    const { system, parent, space, map, fork, sharedMemory } = family();
    const start = map(1, { object: sharedMemory(1), sharing: 'shared' });
    expect(system.lock(space, start, PAGE_SIZE)).toBe(0);
    system.inherit(space, start, PAGE_SIZE, 'copy');
    const child = fork();
    store(parent, start, 5);
    expect(load(child, start)).toBe(5);
    store(child, start, 6);
    expect([load(parent, start), load(child, start)]).toEqual([5, 6]);
  });
});

describe('remap', () => {
  it('refuses two mappings of an object in a row that do not continue each other, and moves nothing', () => {
    const { system, parent, space, map, sharedMemory } = family();
    const object = sharedMemory(4);
    const above = map(2, { object, sharing: 'shared' });
    const below = map(2, { object, sharing: 'shared' });
    expect(below).toBe(above - 2 * PAGE_SIZE);
    store(parent, below, 5);
    expect(system.remap(space, below, 4 * PAGE_SIZE, PAGE_SIZE, 'anywhere')).toBe('EFAULT');
    expect([load(parent, below), load(parent, above)]).toEqual([5, 5]);
  });

  it('takes a private file for one area although one of its pages was written, in however many entries', () => {
    const { system, parent, space, map, open } = family();
    const start = map(3, { object: open(new TestFile(3, 'file').pager) });
    store(parent, start + PAGE_SIZE, 100);
    system.lock(space, start + PAGE_SIZE, PAGE_SIZE);
    system.unlock(space, start + PAGE_SIZE, PAGE_SIZE);
    expect(system.areas(space).length).toBe(3);
    const target = start - 16 * PAGE_SIZE;
    expect(system.remap(space, start, 3 * PAGE_SIZE, 3 * PAGE_SIZE, { how: 'fixed', address: target })).toBe(target);
    expect([0, 1, 2].map((page) => load(parent, target + page * PAGE_SIZE))).toEqual([1, 100, 3]);
  });
});

describe('advice `free`', () => {
  it('is refused where part of the range is a file, shared or locked, and gives nothing up', () => {
    const { system, parent, space, map, open } = family();
    const areas = {
      file: map(1, { object: open(new TestFile(1, 'file').pager) }),
      shared: map(1, { sharing: 'shared' }),
      locked: map(1),
    };
    expect(system.lock(space, areas.locked, PAGE_SIZE)).toBe(0);
    for (const [name, area] of Object.entries(areas)) {
      expect(area, name).toBeGreaterThan(0);
      store(parent, area, 5);
      expect([system.advise(space, area, PAGE_SIZE, 'free'), load(parent, area)], name).toEqual(['EINVAL', 5]);
    }
    const own = map(1);
    store(parent, own, 6);
    // The new area lies right below the locked one.
    expect(system.advise(space, own, 2 * PAGE_SIZE, 'free')).toBe('EINVAL');
    expect(load(parent, own)).toBe(6);
    expect(system.advise(space, own, PAGE_SIZE, 'free')).toBe(0);
    expect(load(parent, own)).toBe(0);
  });
});
