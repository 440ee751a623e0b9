// What a process may ask of its areas: where they go, what is refused, what is left. POSIX says which errno; a refused request
// changes nothing.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, layout, type SmallMachineOptions } from '../../test/support/uvm-machine.ts';
import { load, store, TestFile } from '../../test/support/uvm-probe.ts';
import { at, BASE, oneSpace } from '../../test/support/uvm-space.ts';
import { PAGE_SIZE, pageOf } from '../base/index.ts';
import { GuestFault } from '../process/index.ts';
import { PROT_NONE, PROT_READ, PROT_WRITE } from '../system/index.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

const RW = PROT_READ | PROT_WRITE;
/** The page where brk starts, counted from there. */
const BREAK = layout.breakStart / PAGE_SIZE - BASE;

/** One space with areas; `shape` tells them as [first page - BASE, pages, protection]. */
function one(options: SmallMachineOptions = {}) {
  const made = oneSpace(options);
  const shape = () => made.shape().map((area, k) => [...area, made.system.areas(made.space)[k]?.protection]);
  return { ...made, shape };
}

describe('an entry that is replaced in the middle', () => {
  it('leaves two, and the new one', () => {
    const { map, counts } = one();
    map(0, 8);
    map(2, 3, { protection: PROT_READ });
    expect(counts()).toMatchObject({ entries: 3 });
  });
});

describe('clip and merge', () => {
  it('neighbours that are alike are one entry', () => {
    const { map, counts, shape } = one();
    map(0, 2);
    map(4, 2);
    expect(counts().entries).toBe(2);
    map(2, 2);
    expect(shape()).toEqual([[0, 6, RW]]);
    expect(counts().entries).toBe(1);
    map(6, 1, { name: 'other' });
    map(7, 1, { name: 'other', sharing: 'shared' });
    map(8, 1, { protection: PROT_READ });
    expect(counts().entries).toBe(4);
  });

  it('parts of a file merge only where the file goes on', () => {
    const { map, object, counts } = one();
    const file = object(new TestFile(8, 'file'));
    map(0, 2, { object: file });
    map(2, 2, { object: file, offset: 2 * PAGE_SIZE });
    expect(counts().entries).toBe(1);
    map(4, 2, { object: file, offset: 2 * PAGE_SIZE });
    expect(counts().entries).toBe(2);
  });

  it('a change of rights splits, its undoing joins, and contents stay', () => {
    const { map, system, space, process, shape, counts } = one();
    map(0, 8);
    for (let page = 0; page < 8; page++) store(process, at(page), page + 1);
    expect(system.protect(space, at(2), 3 * PAGE_SIZE, PROT_READ)).toBe(0);
    expect(shape()).toEqual([
      [0, 2, RW],
      [2, 3, PROT_READ],
      [5, 3, RW],
    ]);
    expect(system.protect(space, at(2), 3 * PAGE_SIZE, RW)).toBe(0);
    expect(shape()).toEqual([[0, 8, RW]]);
    expect(counts()).toMatchObject({ entries: 1, anons: 8 });
    for (let page = 0; page < 8; page++) expect(load(process, at(page))).toBe(page + 1);
  });

  it('across several entries', () => {
    const { map, system, space, shape } = one();
    map(0, 4);
    map(4, 4, { protection: PROT_READ });
    expect(system.protect(space, at(2), 4 * PAGE_SIZE, PROT_NONE)).toBe(0);
    expect(shape()).toEqual([
      [0, 2, RW],
      [2, 4, PROT_NONE],
      [6, 2, PROT_READ],
    ]);
  });
});

describe('unmap', () => {
  it('of a part frees its anons, frames and slots at once, also those of an amap that lives on', () => {
    const { map, system, space, process, shape, counts } = one();
    map(0, 12);
    for (let page = 0; page < 12; page++) store(process, at(page), page + 1);
    system.reclaim(128);
    const paged = counts();
    expect(paged.anons).toBe(12);
    expect(paged.slots).toBe(12 - paged.anonFrames);
    expect(system.unmap(space, at(3), 6 * PAGE_SIZE)).toBe(0);
    const left = counts();
    expect(left.anons).toBe(6);
    expect(left.slots).toBe(6 - left.anonFrames);
    expect(shape()).toEqual([
      [0, 3, RW],
      [9, 3, RW],
    ]);
    expect(() => load(process, at(3))).toThrow(GuestFault);
    expect([0, 2, 9, 11].map((page) => load(process, at(page)))).toEqual([1, 3, 10, 12]);
  });

  it("of a stretch that a fork shares keeps the other's pages", () => {
    const { map, system, space, process, newTlb, counts, machine } = one();
    map(0, 4);
    for (let page = 0; page < 4; page++) store(process, at(page), page + 1);
    const child = system.fork(space, newTlb()) as VmMap;
    system.unmap(space, at(0), 4 * PAGE_SIZE);
    expect(counts().anons).toBe(4);
    system.unmap(child, at(1), PAGE_SIZE);
    expect(counts().anons).toBe(3);
    expect(system.fault(child, pageOf(at(2)), 0)).toBe(0);
    expect(machine.ram.bytes[machine.pmaps.extract(child.pmap, pageOf(at(2))) * PAGE_SIZE]).toBe(3);
  });
});

describe('brk', () => {
  const start = layout.breakStart;
  it('grows by whole pages, in one entry, and gives zeros', () => {
    const { system, space, process, counts } = one();
    expect(system.grow(space, start)).toBe(start);
    expect(system.grow(space, start + 1)).toBe(start + PAGE_SIZE);
    store(process, start, 5);
    expect(system.grow(space, start + 3 * PAGE_SIZE)).toBe(start + 3 * PAGE_SIZE);
    expect(counts().entries).toBe(1);
    expect([load(process, start), load(process, start + 2 * PAGE_SIZE)]).toEqual([5, 0]);
  });

  it('shrinks, and what comes back is zeros', () => {
    const { system, space, process, counts } = one();
    system.grow(space, start + 3 * PAGE_SIZE);
    store(process, start + 2 * PAGE_SIZE, 5);
    expect(system.grow(space, start + PAGE_SIZE)).toBe(start + PAGE_SIZE);
    expect(counts().anons).toBe(0);
    expect(() => load(process, start + 2 * PAGE_SIZE)).toThrow(GuestFault);
    system.grow(space, start + 3 * PAGE_SIZE);
    expect(load(process, start + 2 * PAGE_SIZE)).toBe(0);
    expect(system.grow(space, start)).toBe(start);
    expect(counts().entries).toBe(0);
  });

  it("does not grow an area of somebody else's that has the heap's name", () => {
    const { system, space, map, counts } = one();
    map(BREAK - 1, 1, { sharing: 'shared', name: '[heap]' });
    system.grow(space, start + PAGE_SIZE);
    expect(counts().entries).toBe(2);
  });
});

describe('files', () => {
  function shared() {
    const all = one();
    const file = new TestFile(8, 'file');
    const object = all.object(file);
    all.map(0, 8, { object, sharing: 'shared' });
    return { ...all, file, object };
  }
  it('the last release writes back and forgets the pages', () => {
    const { system, space, process, file, object, counts } = shared();
    store(process, at(1), 101);
    system.releaseObject(object);
    expect(file.writes).toEqual([]);
    system.unmap(space, at(0), 4 * PAGE_SIZE);
    expect(file.writes).toEqual([]);
    system.unmap(space, at(4), 4 * PAGE_SIZE);
    expect(file.writes).toEqual([1]);
    expect(counts().objectFrames).toBe(0);
  });
});

describe('areas', () => {
  it('are reported with what is resident, dirty and swapped', () => {
    const { system, space, process, map, object } = one();
    map(0, 12, { name: 'data' });
    // Nothing is read ahead, so that each access brings one page in.
    system.advise(space, at(0), 12 * PAGE_SIZE, 'random');
    map(20, 4, { object: object(new TestFile(8, 'file')), offset: 4 * PAGE_SIZE, sharing: 'shared', protection: PROT_READ });
    for (let page = 0; page < 10; page++) store(process, at(page), 1);
    system.reclaim(128);
    load(process, at(0));
    load(process, at(21));
    const [data, file] = system.areas(space);
    // Of ten pages the last eight were held; one was read back from swap and is clean.
    expect(data).toEqual({
      start: at(0),
      end: at(12),
      protection: RW,
      sharing: 'private',
      name: 'data',
      offset: 0,
      residentPages: 9,
      dirtyPages: 8,
      swappedPages: 1,
      inheritance: 'copy',
      lockedPages: 0,
    });
    expect(file).toEqual({
      start: at(20),
      end: at(24),
      protection: PROT_READ,
      sharing: 'shared',
      name: 'file',
      offset: 4 * PAGE_SIZE,
      residentPages: 1,
      dirtyPages: 0,
      swappedPages: 0,
      inheritance: 'share',
      lockedPages: 0,
    });
  });
});
