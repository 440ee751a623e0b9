// Advice (C6): what a fault looks at around its page, what is read ahead, what goes first, what is given up; and residency.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines } from '../../test/support/uvm-machine.ts';
import { counted, load, store, TestFile } from '../../test/support/uvm-probe.ts';
import { at, oneSpace } from '../../test/support/uvm-space.ts';
import { PAGE_SIZE } from '../base/index.ts';
import { Process } from '../process/index.ts';
import type { Advice } from '../system/index.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

const bytes = (pages: number) => pages * PAGE_SIZE;

/** A process with a file of 32 pages mapped, all of it in memory, none of it in this process's page table. */
function resident() {
  const one = oneSpace({ frames: 256 });
  const file = new TestFile(32, 'file');
  one.map(0, 32, { object: one.object(file) });
  for (let page = 0; page < 32; page++) one.get(page);
  one.machine.pmaps.remove(one.space.pmap, at(0) / PAGE_SIZE, at(32) / PAGE_SIZE);
  const advise = (page: number, pages: number, advice: Advice) => one.system.advise(one.space, at(page), bytes(pages), advice);
  const mapped = () => Array.from({ length: 32 }, (_, page) => page).filter((page) => one.frame(page) !== -1);
  return { ...one, file, advise, mapped };
}

const range = (first: number, end: number) => Array.from({ length: end - first }, (_, i) => first + i);

describe('the window of a fault', () => {
  it.each([
    ['normal', range(13, 21)],
    ['random', [16]],
    ['sequential', range(16, 24)],
  ] as const)('under %s advice maps these resident pages', (advice, pages) => {
    const { advise, get, mapped } = resident();
    expect(advise(0, 32, advice)).toBe(0);
    get(16);
    expect(mapped()).toEqual(pages);
  });

  it('is the area’s: advice splits it, and the same advice joins it', () => {
    const { advise, shape, get, mapped } = resident();
    advise(8, 8, 'random');
    expect(shape()).toEqual([
      [0, 8],
      [8, 8],
      [16, 16],
    ]);
    get(12);
    get(4);
    expect(mapped()).toEqual([1, 2, 3, 4, 5, 6, 7, 12]);
    advise(8, 8, 'normal');
    expect(shape()).toEqual([[0, 32]]);
  });

  it('under sequential advice makes what lies behind the first to go', () => {
    const { advise, get, system, space } = resident();
    advise(0, 32, 'sequential');
    for (let page = 0; page < 32; page++) get(page);
    // Each fault demoted the eight pages behind it; those of the last fault are what it mapped, pages 24 to 31.
    system.reclaim(8);
    const into = new Uint8Array(32);
    system.residency(space, at(0), bytes(32), into);
    expect(into.reduce((sum, here) => sum + here, 0)).toBe(24);
    expect(Array.from(into.subarray(24))).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
  });
});

describe('willNeed', () => {
  it('reads a file’s pages in, which then only have to be mapped', () => {
    const { system, space, map, object, get } = oneSpace();
    const file = new TestFile(8, 'file');
    map(0, 8, { object: object(file) });
    expect(system.advise(space, at(2), bytes(4), 'willNeed')).toBe(0);
    expect(file.reads).toEqual([2, 3, 4, 5]);
    expect(counted(system, () => expect(get(3)).toBe(4))).toMatchObject({ faults: 1, resident: 1 });
  });

  it('brings swapped pages back', () => {
    const { system, space, machine, map, put, area } = oneSpace();
    map(0, 24);
    for (let page = 0; page < 24; page++) put(page, page);
    system.reclaim(machine.frames.managed);
    expect(area(0)?.swappedPages).toBe(16);
    expect(counted(system, () => system.advise(space, at(0), bytes(24), 'willNeed'))).toMatchObject({ swapPagesIn: 16 });
    expect(area(0)?.swappedPages).toBe(0);
  });

  it('stops where free memory does, and evicts nothing for it', () => {
    const { system, space, machine, map, object } = oneSpace({ frames: 96 });
    const file = new TestFile(200, 'file');
    map(0, 200, { object: object(file) });
    const moved = counted(system, () => expect(system.advise(space, at(0), bytes(200), 'willNeed')).toBe(0));
    expect(file.reads.length).toBeGreaterThan(20);
    expect(file.reads.length).toBeLessThan(96);
    expect(moved).not.toHaveProperty('daemonWakes');
    expect(machine.frames.freeCount).toBeGreaterThan(0);
  });

  it('says nothing of a page that cannot be read', () => {
    const { system, space, map, object } = oneSpace();
    const file = new TestFile(4, 'file');
    file.broken = 'read';
    map(0, 4, { object: object(file) });
    expect(system.advise(space, at(0), bytes(4), 'willNeed')).toBe(0);
  });
});

describe('dontNeed', () => {
  it('makes pages the first to be evicted and keeps their content', () => {
    const { system, space, map, put, get } = oneSpace();
    map(0, 40);
    for (let page = 0; page < 40; page++) put(page, page + 1);
    expect(system.advise(space, at(16), bytes(8), 'dontNeed')).toBe(0);
    system.reclaim(8);
    const into = new Uint8Array(40);
    system.residency(space, at(0), bytes(40), into);
    const gone = range(0, 40).filter((page) => into[page] === 0);
    // The policy’s inactive list had no others; a cluster may take some more.
    expect(range(16, 24).every((page) => gone.includes(page))).toBe(true);
    expect(get(20)).toBe(21);
  });

  it('leaves locked pages alone', () => {
    const { system, space, map, put, area } = oneSpace();
    map(0, 4);
    put(0, 1);
    system.lock(space, at(0), bytes(4));
    expect(system.advise(space, at(0), bytes(4), 'dontNeed')).toBe(0);
    system.reclaim(128);
    expect(area(0)?.residentPages).toBe(4);
  });
});

describe('free', () => {
  it('gives private anonymous pages and their slots up: they read as zeros', () => {
    const { system, space, machine, map, put, get, counts } = oneSpace();
    map(0, 24);
    for (let page = 0; page < 24; page++) put(page, 9);
    system.reclaim(machine.frames.managed);
    expect(counts().slots).toBe(16);
    expect(system.advise(space, at(2), bytes(22), 'free')).toBe(0);
    expect(counts()).toMatchObject({ anons: 2 });
    expect([0, 1, 2, 23].map(get)).toEqual([9, 9, 0, 0]);
  });

  it('after a fork gives up this side’s only', () => {
    const { system, machine, space, newTlb, map, put, get } = oneSpace();
    map(0, 4);
    put(1, 5);
    const child = new Process(machine, system, system.fork(space, newTlb()) as VmMap, () => 0);
    expect(system.advise(space, at(0), bytes(4), 'free')).toBe(0);
    expect([get(1), load(child, at(1))]).toEqual([0, 5]);
  });

  it('of pages that a child shares only demotes them', () => {
    const { system, machine, space, newTlb, map, put, get } = oneSpace();
    map(0, 2);
    put(1, 5);
    system.inherit(space, at(0), bytes(2), 'share');
    const child = new Process(machine, system, system.fork(space, newTlb()) as VmMap, () => 0);
    expect(system.advise(space, at(0), bytes(2), 'free')).toBe(0);
    store(child, at(0), 6);
    expect([get(0), get(1), load(child, at(1))]).toEqual([6, 5, 5]);
  });

  it('is refused for files, shared and locked memory, and then gives nothing up', () => {
    const { system, space, map, put, get, object } = oneSpace();
    map(0, 2);
    put(0, 3);
    map(2, 1, { object: object(new TestFile(1, 'file')) });
    map(4, 1, { sharing: 'shared' });
    expect(system.advise(space, at(0), bytes(3), 'free')).toBe('EINVAL');
    expect(system.advise(space, at(4), bytes(1), 'free')).toBe('EINVAL');
    system.lock(space, at(1), bytes(1));
    expect(system.advise(space, at(0), bytes(2), 'free')).toBe('EINVAL');
    expect(get(0)).toBe(3);
  });
});

describe('advice over a hole', () => {
  it('is ENOMEM, and the rest is advised', () => {
    const { system, space, map, put, get } = oneSpace();
    map(0, 2);
    map(3, 2);
    put(0, 1);
    put(4, 1);
    expect(system.advise(space, at(0), bytes(5), 'free')).toBe('ENOMEM');
    expect([get(0), get(4)]).toEqual([0, 0]);
  });
});

describe('residency', () => {
  it('tells for each page whether it is in memory, mapped or not, and writes nothing when refused', () => {
    const { system, space, map, object, get, put } = oneSpace();
    map(0, 4, { object: object(new TestFile(4, 'file')) });
    map(4, 2);
    get(1);
    put(5, 1);
    const into = new Uint8Array(7).fill(9);
    expect(system.residency(space, at(0), bytes(6), into)).toBe(0);
    expect(Array.from(into)).toEqual([0, 1, 0, 0, 0, 1, 9]);
    into.fill(9);
    expect(system.residency(space, at(0), bytes(7), into)).toBe('ENOMEM');
    expect(system.residency(space, at(0), bytes(6), into.subarray(0, 5))).toBe('EINVAL');
    expect(Array.from(into)).toEqual([9, 9, 9, 9, 9, 9, 9]);
  });
});
