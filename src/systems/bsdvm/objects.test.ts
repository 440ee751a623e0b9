// Structures, the object cache, swap places, map entries: what 4.4BSD is told apart by, in exact counts.
import { afterEach, describe, expect, it } from 'vitest';
import { bsdFamily } from '../../../test/support/bsdvm-machine.ts';
import { checkMachines } from '../../../test/support/uvm-machine.ts';
import { counted, load, store, TestFile } from '../../../test/support/uvm-probe.ts';
import { FailurePlan, PAGE_SIZE } from '../../base/index.ts';
import { MemoryDevice } from '../../machine/index.ts';
import { PROT_READ } from '../../system/index.ts';

afterEach(checkMachines);

describe('a file', () => {
  it('takes four structures when it is first mapped, none when it is mapped again', () => {
    const requests = new FailurePlan();
    const { open, map } = bsdFamily({ heapFailures: requests });
    const file = new TestFile(4, 'file');
    const before = requests.requests;
    const object = open(file.pager);
    expect(requests.requests - before).toBe(4);
    expect(open(file.pager)).toBe(object);
    expect(requests.requests - before).toBe(4);
    map(4, { object });
    // The map entry.
    expect(requests.requests - before).toBe(5);
  });

  it('is refused when kernel memory is short, with nothing kept', () => {
    for (let k = 0; k < 4; k++) {
      const dry = new FailurePlan();
      bsdFamily({ heapFailures: dry });
      const { system, objectBytes } = bsdFamily({ heapFailures: new FailurePlan(dry.requests + k) });
      expect(system.createObject(new TestFile(4, 'file').pager)).toBe('ENOMEM');
      expect(objectBytes()).toBe(0);
    }
  });
});

describe('the object cache', () => {
  /** Reads a file of two pages through a mapping that goes again at once. */
  function reader(family: ReturnType<typeof bsdFamily>) {
    return (file: TestFile) => {
      const object = family.open(file.pager);
      const start = family.map(2, { object, sharing: 'shared' });
      family.system.releaseObject(object);
      load(family.parent, start);
      load(family.parent, start + PAGE_SIZE);
      family.system.unmap(family.spaceOf(family.parent), start, 2 * PAGE_SIZE);
      return file.reads.length;
    };
  }

  it('keeps the pages of files that nobody maps', () => {
    const family = bsdFamily();
    const read = reader(family);
    const file = new TestFile(2, 'file');
    expect([read(file), read(file), read(file)]).toEqual([2, 2, 2]);
    expect([family.fileFrames(), family.system.cachedObjects]).toEqual([2, 1]);
  });

  it('holds a hundred: a scan of a hundred files reads each once, a scan of one more reads all of them again', () => {
    const family = bsdFamily({ frames: 1024 });
    const read = reader(family);
    const files = Array.from({ length: 101 }, () => new TestFile(2, 'file'));
    const scan = (count: number) => {
      for (const file of files.slice(0, count)) read(file);
      return files.reduce((sum, file) => sum + file.reads.length, 0);
    };
    expect([scan(100), scan(100)]).toEqual([200, 200]);
    // The hundred and first pushes out the first, which pushes out the second, and so on: memory for all of them was free.
    expect(scan(101)).toBe(202);
    expect(scan(101)).toBe(404);
    expect([family.fileFrames(), family.system.cachedObjects, family.system.counters.cacheDrops]).toEqual([200, 100, 102]);
    family.system.clearObjectCache();
    expect([family.fileFrames(), family.objectBytes()]).toEqual([0, 0]);
  });

  it('holds no dirty page: what was written is in the file when its last user goes', () => {
    const { system, open, map, parent, spaceOf } = bsdFamily();
    const file = new TestFile(2, 'file');
    const object = open(file.pager);
    const start = map(2, { object, sharing: 'shared' });
    system.releaseObject(object);
    store(parent, start, 99);
    system.unmap(spaceOf(parent), start, 2 * PAGE_SIZE);
    expect([file.writes, file.pages[0]?.[0]]).toEqual([[0], 99]);
  });
});

describe('swap', () => {
  /** `pages` pages of one object, all on swap. */
  function swapped(pages: number, swapPages = 256) {
    const swap = new MemoryDevice(swapPages);
    const family = bsdFamily({ frames: 128, swap });
    const start = family.map(pages);
    for (let page = 0; page < pages; page++) store(family.parent, start + page * PAGE_SIZE, 1 + page);
    family.pageOut();
    return { ...family, swap, start };
  }

  it('is written one page at a time', () => {
    const { system, swap } = swapped(40);
    const { swapPagesOut, swapClusters } = system.statistics();
    expect(swapPagesOut).toBeGreaterThanOrEqual(40);
    expect(swapClusters).toBe(swapPagesOut);
    expect(swap.counters.writeOperations).toBe(swapPagesOut);
  });

  it('is given in blocks of eight pages, and a changed page goes back to its own place', () => {
    const { system, parent, start, pageOut, machine } = swapped(20);
    const slots: number[] = [];
    const used = system.swapSlots.used;
    // Twenty pages: three blocks. The eight others were held and have none.
    expect(used).toBe(24);
    machine.events.attach((words) => {
      for (let at = 0; at < words.length; at += 5) if (words[at] === 8) slots.push(words[at + 2] as number);
    });
    for (const value of [50, 60]) {
      store(parent, start + 5 * PAGE_SIZE, value);
      pageOut();
    }
    machine.events.attach(undefined);
    expect(slots).toEqual([slots[0], slots[0]]);
    expect(load(parent, start + 5 * PAGE_SIZE)).toBe(60);
    for (const page of [0, 4, 6, 19]) expect(load(parent, start + page * PAGE_SIZE)).toBe(1 + page);
  });

  it('keeps the place of a page that was read back: it goes again without a write', () => {
    const { system, parent, start, pageOut } = swapped(8);
    load(parent, start);
    const moved = counted(system, pageOut);
    expect(moved).toMatchObject({ evictedClean: 1 });
    expect(moved['swapPagesOut']).toBeUndefined();
    expect(load(parent, start)).toBe(1);
  });

  it('in pieces shorter than a block is of no use, though slots are free', () => {
    const { system, parent, start } = swapped(6, 12);
    expect(system.swapSlots.used).toBe(8);
    for (let page = 0; page < 6; page++) expect(load(parent, start + page * PAGE_SIZE)).toBe(1 + page);
  });
});

describe('map entries', () => {
  it('are two of the kernel’s for each process', () => {
    const { entries, fork, exit } = bsdFamily();
    expect(entries()).toBe(2);
    const child = fork();
    expect(entries()).toBe(4);
    exit(child);
    expect(entries()).toBe(2);
  });

  it('are clipped by wiring and stay so', () => {
    const { system, parent, spaceOf, map, entries } = bsdFamily();
    const start = map(8);
    const space = spaceOf(parent);
    expect(entries()).toBe(3);
    expect(system.wireBuffer(space, start + 2 * PAGE_SIZE, PAGE_SIZE)).toBe(0);
    system.check();
    expect(system.unwireBuffer(space, start + 2 * PAGE_SIZE, PAGE_SIZE)).toBe(0);
    expect(entries()).toBe(5);
    expect(system.lock(space, start + 5 * PAGE_SIZE, PAGE_SIZE)).toBe(0);
    expect(system.unlock(space, start, 8 * PAGE_SIZE)).toBe(0);
    expect(entries()).toBe(7);
    expect(system.protect(space, start, 8 * PAGE_SIZE, PROT_READ)).toBe(0);
    expect(entries()).toBe(7);
  });

  it('of a buffer that is wired twice keep its pages in memory until it is unwired twice', () => {
    const { system, parent, spaceOf, map, pageOut } = bsdFamily({ frames: 128 });
    const start = map(4);
    const space = spaceOf(parent);
    for (let i = 0; i < 2; i++) expect(system.wireBuffer(space, start, 4 * PAGE_SIZE)).toBe(0);
    const evicted = () => {
      pageOut();
      return !system.isResident(space, start / PAGE_SIZE);
    };
    expect(evicted()).toBe(false);
    system.unwireBuffer(space, start, 4 * PAGE_SIZE);
    expect(evicted()).toBe(false);
    system.unwireBuffer(space, start, 4 * PAGE_SIZE);
    expect(evicted()).toBe(true);
  });
});

describe('a fault', () => {
  it('maps one page, whatever its neighbours', () => {
    const { system, machine, parent, map, open } = bsdFamily();
    const file = new TestFile(8, 'file');
    const start = map(8, { object: open(file.pager), sharing: 'shared' });
    for (let page = 0; page < 8; page++) load(parent, start + page * PAGE_SIZE);
    machine.pmaps.remove(parent.space.pmap, start / PAGE_SIZE, start / PAGE_SIZE + 8);
    const moved = counted(system, () => load(parent, start + 4 * PAGE_SIZE));
    expect(moved).toEqual({ faults: 1, resident: 1, case2A: 1 });
    expect(parent.space.pmap.residentPages).toBe(1);
  });

  it('that copies takes the old page from everybody', () => {
    const { parent, map, fork, frameAt } = bsdFamily();
    const start = map(1);
    store(parent, start, 1);
    const child = fork();
    load(child, start);
    store(child, start, 2);
    expect(frameAt(parent, start)).toBe(-1);
    expect([load(parent, start), load(child, start)]).toEqual([1, 2]);
  });
});
