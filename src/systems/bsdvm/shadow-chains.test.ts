// Shadow objects: when they are made, what chains cost, when they shrink. Expectations are those of Cranor and Parulkar 1999, section 5:
// their figure 3 step by step, and pages counted by the frame table.
import { afterEach, describe, expect, it } from 'vitest';
import { bsdFamily } from '../../../test/support/bsdvm-machine.ts';
import { checkMachines } from '../../../test/support/uvm-machine.ts';
import { counted, load, store, TestFile } from '../../../test/support/uvm-probe.ts';
import { PAGE_SIZE } from '../../base/index.ts';

afterEach(checkMachines);

/** Figure 3: a private map of a three-page file; the middle page is written; fork; the parent writes the middle, the child the right page. */
function figure3() {
  const family = bsdFamily();
  const start = family.map(3, { object: family.open(new TestFile(3, 'file').pager) });
  const [left, middle, right] = [start, start + PAGE_SIZE, start + 2 * PAGE_SIZE] as const;
  store(family.parent, middle, 100);
  const child = family.fork();
  store(family.parent, middle, 200);
  store(child, right, 50);
  return { ...family, child, left, middle, right };
}

describe('figure 3 of the UVM paper', () => {
  it('makes one shadow object for the first write and one for each side after the fork', () => {
    const { system, anonymousFrames, fileFrames, parent, child, left, middle, right } = figure3();
    expect(system.counters.shadows).toBe(3);
    // Middle in shadow 1 and 2, right in shadow 3; the file's middle and right were read to be copied.
    expect([anonymousFrames(), fileFrames()]).toEqual([3, 2]);
    expect([load(parent, left), load(parent, middle), load(parent, right)]).toEqual([1, 200, 3]);
    expect([load(child, left), load(child, middle), load(child, right)]).toEqual([1, 100, 50]);
  });

  it('leaks the middle page of shadow 1 when the child writes it: nobody can reach it any more', () => {
    const { system, anonymousFrames, parent, child, middle } = figure3();
    const moved = counted(system, () => store(child, middle, 150));
    // UVM would have written in place: the anon was the child's alone.
    expect(moved).toMatchObject({ copyOnWrite: 1, case1B: 1 });
    expect(anonymousFrames()).toBe(4);
    expect([load(parent, middle), load(child, middle)]).toEqual([200, 150]);
    // Each side sees its own middle, and the child its right page: three pages that can be reached.
    const reachable = 3;
    expect(anonymousFrames() - reachable).toBe(1);
  });

  it('keeps three copies of the middle page when the child exits, one of them unreachable, until the parent exits too', () => {
    const { system, anonymousFrames, fileFrames, parent, child, middle, right, exit } = figure3();
    exit(child);
    // Shadow 1 and 2, and the file. UVM frees its copy at once.
    expect([anonymousFrames(), fileFrames()]).toEqual([2, 2]);
    store(parent, right, 70);
    expect(system.counters.collapses).toBe(0);
    expect(anonymousFrames()).toBe(3);
    expect([load(parent, middle), load(parent, right)]).toEqual([200, 70]);
    exit(parent);
    expect(anonymousFrames()).toBe(0);
  });
});

describe('a shadow object', () => {
  it('is made for a private file at its first fault, even if that only reads', () => {
    const { system, parent, map, open } = bsdFamily();
    const start = map(4, { object: open(new TestFile(4, 'image').pager) });
    expect(system.counters.shadows).toBe(0);
    expect(load(parent, start)).toBe(1);
    expect(system.counters.shadows).toBe(1);
    load(parent, start + PAGE_SIZE);
    expect(system.counters.shadows).toBe(1);
  });

  it('is made after a fork by the first write of each side, not by reads', () => {
    const { system, parent, map, fork } = bsdFamily();
    const start = map(4);
    store(parent, start, 7);
    const child = fork();
    expect([load(parent, start), load(child, start), system.counters.shadows]).toEqual([7, 7, 0]);
    store(child, start, 8);
    expect(system.counters.shadows).toBe(1);
    store(parent, start, 9);
    expect([load(parent, start), load(child, start), system.counters.shadows]).toEqual([9, 8, 2]);
  });

  it('is not made for shared memory: both sides of a fork write the same page', () => {
    const { system, parent, map, fork } = bsdFamily();
    const start = map(4, { sharing: 'shared' });
    const child = fork();
    store(child, start, 8);
    expect([load(parent, start), system.counters.shadows]).toEqual([8, 0]);
  });
});

describe('a chain of shadow objects', () => {
  /** A process that forks and lets its child go on in its place, `times` times, each generation writing one page. */
  function generations(times: number) {
    const family = bsdFamily();
    const start = family.map(8);
    for (let page = 0; page < 8; page++) store(family.parent, start + page * PAGE_SIZE, 1);
    let process = family.parent;
    for (let i = 0; i < times; i++) {
      const child = family.fork(process);
      family.exit(process);
      store(child, start + (i % 8) * PAGE_SIZE, i);
      process = child;
    }
    return { ...family, process, start };
  }

  it('is collapsed by the faults of whoever is left alone with it', () => {
    const { system, anonymousFrames, process, start } = generations(24);
    expect(system.counters.collapses).toBeGreaterThanOrEqual(23);
    // Eight pages, and at most one that the last copy left behind.
    expect(anonymousFrames()).toBeLessThanOrEqual(9);
    for (let page = 0; page < 8; page++) expect(load(process, start + page * PAGE_SIZE)).toBe(16 + page);
  });

  it('cannot be collapsed once its top has pages on swap: memory leaks to swap', () => {
    const { system, parent, map, fork, exit, pageOut } = bsdFamily({ frames: 128 });
    const start = map(8);
    for (let page = 0; page < 8; page++) store(parent, start + page * PAGE_SIZE, 1 + page);
    const child = fork();
    for (let page = 0; page < 7; page++) store(child, start + page * PAGE_SIZE, 101 + page);
    pageOut();
    exit(parent);
    const values = Array.from({ length: 8 }, (_, page) => load(child, start + page * PAGE_SIZE));
    expect(values).toEqual([101, 102, 103, 104, 105, 106, 107, 8]);
    store(child, start + 7 * PAGE_SIZE, 108);
    expect(system.counters.collapses).toBe(0);
    // The child's pages, in a block of eight slots; and a block for eight pages that nobody can reach any more.
    expect(system.swapSlots.used).toBe(16);
    exit(child);
    expect(system.swapSlots.used).toBe(0);
  });

  it('takes over the pager below with what it holds, but not in place of pages that it covers', () => {
    const { system, parent, map, fork, exit, pageOut, machine } = bsdFamily({ frames: 128 });
    const start = map(8);
    for (let page = 0; page < 8; page++) store(parent, start + page * PAGE_SIZE, 1 + page);
    pageOut();
    expect(system.statistics().swapPagesOut).toBeGreaterThanOrEqual(8);
    const child = fork();
    exit(parent);
    store(child, start + 3 * PAGE_SIZE, 77);
    expect(system.counters.collapses).toBe(1);
    const more = system.map(child.space as never, { size: 8 * PAGE_SIZE, protection: 3, sharing: 'private' }) as number;
    for (let page = 0; page < 8; page++) store(child, more + page * PAGE_SIZE, 1);
    system.reclaim(machine.frames.table.count);
    const values = Array.from({ length: 8 }, (_, page) => load(child, start + page * PAGE_SIZE));
    expect(values).toEqual([1, 2, 3, 77, 5, 6, 7, 8]);
  });

  it('is looked past where the top covers every page of an object that others still use', () => {
    const { system, parent, map, fork } = bsdFamily();
    const start = map(2);
    store(parent, start, 1);
    store(parent, start + PAGE_SIZE, 2);
    const child = fork();
    store(child, start, 11);
    expect(system.counters.bypasses).toBe(0);
    store(child, start + PAGE_SIZE, 12);
    expect(system.counters.bypasses).toBe(1);
    expect([load(parent, start), load(parent, start + PAGE_SIZE), load(child, start), load(child, start + PAGE_SIZE)]).toEqual([
      1, 2, 11, 12,
    ]);
  });
});

describe('a part that is unmapped', () => {
  it('keeps its pages in the object until the last entry goes', () => {
    const { system, parent, map, spaceOf, anonymousFrames } = bsdFamily();
    const start = map(8);
    for (let page = 0; page < 8; page++) store(parent, start + page * PAGE_SIZE, 1);
    system.unmap(spaceOf(parent), start + 2 * PAGE_SIZE, 4 * PAGE_SIZE);
    expect(anonymousFrames()).toBe(8);
    system.unmap(spaceOf(parent), start, 2 * PAGE_SIZE);
    system.unmap(spaceOf(parent), start + 6 * PAGE_SIZE, 2 * PAGE_SIZE);
    expect(anonymousFrames()).toBe(0);
  });
});
