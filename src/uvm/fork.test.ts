// fork, needs-copy, and the life of amaps and anons.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, layout, smallMachine } from '../../test/support/uvm-machine.ts';
import { counted, countsOf, load, store, TestFile } from '../../test/support/uvm-probe.ts';
import { FailurePlan, PAGE_SIZE, pageOf } from '../base/index.ts';
import { HeapUse } from '../heap/index.ts';
import { Process } from '../process/index.ts';
import { PROT_READ, PROT_WRITE } from '../system/index.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

const RW = PROT_READ | PROT_WRITE;
/** Bytes of an amap that has anons in one node of its index, and of one that has none yet. */
const AMAP = 48 + 256;

function family(frames = 256) {
  const heapRequests = new FailurePlan();
  const small = smallMachine({ frames, heapFailures: heapRequests });
  const parent = small.newProcess();
  let children = 0;
  const fork = (of: Process = parent) => {
    const space = small.system.fork(of.space as VmMap, small.machine.liveTlb(++children));
    if (typeof space === 'string') throw new Error(space);
    return new Process(small.machine, small.system, space, () => 0);
  };
  const map = (pages: number, sharing: 'private' | 'shared', file?: TestFile) => {
    const object = file === undefined ? undefined : small.system.createObject(file.pager);
    if (typeof object === 'string') throw new Error(object);
    const at = small.system.map(parent.space as VmMap, {
      size: pages * PAGE_SIZE,
      protection: RW,
      sharing,
      ...(object !== undefined && { object }),
    });
    if (typeof at === 'string') throw new Error(at);
    return at as number;
  };
  const counts = () => countsOf(small.machine, small.system);
  return { ...small, parent, fork, map, counts, heapRequests };
}

describe('figure 3 of the UVM paper: a private map of a three-page file, through a fork', () => {
  function figure() {
    const all = family();
    const file = new TestFile(3, 'file');
    const start = all.map(3, 'private', file);
    const [left, middle, right] = [start, start + PAGE_SIZE, start + 2 * PAGE_SIZE] as const;
    store(all.parent, middle, 100);
    const child = all.fork();
    return { ...all, file, child, left, middle, right };
  }

  it('after the fork both share one amap and its anon', () => {
    const { counts } = figure();
    expect(counts()).toMatchObject({ amapBytes: AMAP, anons: 1, entries: 2 });
  });

  it('parent writes the middle, child the right: two amaps, three anons, and each sees its own', () => {
    const { parent, child, left, middle, right, counts, file } = figure();
    store(parent, middle, 101);
    store(child, right, 102);
    expect(counts()).toMatchObject({ amapBytes: 2 * AMAP, anons: 3, anonFrames: 3 });
    expect([left, middle, right].map((at) => load(parent, at))).toEqual([1, 101, 3]);
    expect([left, middle, right].map((at) => load(child, at))).toEqual([1, 100, 102]);
    expect(file.pages.map((page) => page[0])).toEqual([1, 2, 3]);
  });

  it('then the child writes the middle in place: nobody else holds that anon any more', () => {
    const { machine, system, parent, child, middle, right, counts } = figure();
    store(parent, middle, 101);
    store(child, right, 102);
    const frame = (process: Process) => machine.pmaps.extract(process.space.pmap, pageOf(middle));
    load(child, middle);
    const before = { frame: frame(child), counts: counts() };
    const moved = counted(system, () => store(child, middle, 103));
    // Not even a fault: writing the right page mapped the middle one ahead, writable.
    expect(moved).toEqual({});
    expect({ frame: frame(child), counts: counts() }).toEqual(before);
    expect([load(child, middle), load(parent, middle)]).toEqual([103, 101]);
  });

  it('or the child exits: its anons and its amap go, the parent keeps its own', () => {
    const { system, parent, child, middle, right, counts } = figure();
    store(parent, middle, 101);
    store(child, right, 102);
    system.destroySpace(child.space as VmMap);
    expect(counts()).toMatchObject({ amapBytes: AMAP, anons: 1, anonFrames: 1, entries: 1 });
    expect(load(parent, middle)).toBe(101);
  });
});

describe('needs-copy', () => {
  it('takes the amap over, without copying, once the other side is gone', () => {
    const { system, machine, parent, fork, map, counts, heapRequests } = family();
    const at = map(8, 'private');
    for (let page = 0; page < 8; page++) store(parent, at + page * PAGE_SIZE, page);
    const child = fork();
    system.destroySpace(child.space as VmMap);
    const before = { ...counts(), requests: heapRequests.requests };
    const frame = machine.pmaps.extract(parent.space.pmap, pageOf(at));
    const moved = counted(system, () => store(parent, at, 99));
    expect(moved).toEqual({ faults: 1, protection: 1, case1A: 1 });
    expect({ ...counts(), requests: heapRequests.requests }).toEqual(before);
    expect(machine.pmaps.extract(parent.space.pmap, pageOf(at))).toBe(frame);
  });

  it('copies the amap but not the pages at the first write', () => {
    const { system, parent, fork, map, counts } = family();
    const at = map(8, 'private');
    for (let page = 0; page < 8; page++) store(parent, at + page * PAGE_SIZE, page);
    const child = fork();
    const moved = counted(system, () => store(child, at + 3 * PAGE_SIZE, 99));
    expect(moved).toMatchObject({ faults: 1, case1B: 1, copyOnWrite: 1 });
    expect(counts()).toMatchObject({ amapBytes: 2 * AMAP, anons: 9, anonFrames: 9 });
    expect([load(parent, at + 3 * PAGE_SIZE), load(child, at + 3 * PAGE_SIZE)]).toEqual([3, 99]);
  });

  it('takes the right to write from the parent at the fork', () => {
    const { machine, parent, fork, map } = family();
    const at = map(2, 'private');
    store(parent, at, 1);
    expect(parent.space.pmap.tlb.writes(pageOf(at))).toBe(true);
    fork();
    expect([machine.pmaps.isWritable(parent.space.pmap, pageOf(at)), parent.space.pmap.tlb.writes(pageOf(at))]).toEqual([false, false]);
  });

  it('holds through three generations', () => {
    const { parent, fork, map, system } = family();
    const at = map(4, 'private');
    store(parent, at, 1);
    const child = fork();
    const grandchild = fork(child);
    store(child, at, 2);
    store(parent, at + PAGE_SIZE, 5);
    system.destroySpace(child.space as VmMap);
    store(grandchild, at, 3);
    expect([load(parent, at), load(grandchild, at), load(grandchild, at + PAGE_SIZE)]).toEqual([1, 3, 0]);
  });
});

describe('the cost of fork', () => {
  it('is that of the entries, whatever is mapped in them', () => {
    const costOf = (pages: number, entries: number) => {
      const { parent, fork, map, machine } = family(2048);
      for (let i = 0; i < entries; i++) {
        const at = map(pages, i % 2 === 0 ? 'private' : 'shared');
        for (let page = 0; page < pages; page++) store(parent, at + page * PAGE_SIZE, 1);
      }
      const before = machine.heap.bytesInUse();
      const frames = machine.frames.freeCount;
      fork();
      const tables = frames - machine.frames.freeCount;
      return { bytes: machine.heap.bytesInUse() - before, entryBytes: 64 * entries + 128, tables };
    };
    const one = costOf(1, 1);
    const thousand = costOf(1000, 1);
    const ten = costOf(20, 10);
    for (const cost of [one, thousand, ten]) expect(cost.bytes).toBe(cost.entryBytes);
    // One frame for the root table; slabs were there.
    expect(thousand.tables).toBe(one.tables);
  });

  it('makes room when the entries need more frames than are free', () => {
    const { system, parent, fork, map, machine } = family(256);
    const data = map(200, 'private');
    for (let page = 0; page < 200; page++) store(parent, data + page * PAGE_SIZE, page);
    // 1,000 areas that do not merge: 16 frames of entries, the same again for the child.
    const many = Array.from({ length: 1000 }, (_, i) =>
      system.map(parent.space as VmMap, {
        size: PAGE_SIZE,
        protection: i % 2 === 0 ? RW : PROT_READ,
        sharing: 'private',
      }),
    );
    expect(many.every((at) => typeof at === 'number')).toBe(true);
    // Nearly down to where the daemon wakes by itself (1/16 of so small a RAM): less than the child's entries need.
    while (machine.frames.freeCount > 16) store(parent, map(1, 'private'), 1);
    const before = system.statistics().evictedDirty;
    const child = fork();
    expect(system.statistics().evictedDirty).toBeGreaterThan(before);
    for (let page = 0; page < 200; page++) expect(load(child, data + page * PAGE_SIZE)).toBe(page);
  });
});

describe('shared areas over fork', () => {
  it.each(['anonymous', 'file'])('%s: each sees what the other writes, at once', (kind) => {
    const { parent, fork, map, system } = family();
    const file = kind === 'file' ? new TestFile(4, 'file') : undefined;
    const at = map(4, 'shared', file);
    store(parent, at, 10);
    const child = fork();
    store(child, at + PAGE_SIZE, 11);
    store(parent, at + 2 * PAGE_SIZE, 12);
    expect([0, 1, 2].map((page) => load(parent, at + page * PAGE_SIZE))).toEqual([10, 11, 12]);
    expect([0, 1, 2].map((page) => load(child, at + page * PAGE_SIZE))).toEqual([10, 11, 12]);
    system.destroySpace(parent.space as VmMap);
    store(child, at, 13);
    expect(load(child, at)).toBe(13);
  });

  it('a file mapped by two processes is one set of pages', () => {
    const { system, newProcess } = smallMachine({ frames: 128 });
    const file = new TestFile(4, 'file');
    const object = system.createObject(file.pager);
    if (typeof object === 'string') throw new Error(object);
    const processes = [newProcess(), newProcess()] as const;
    const request = { size: 4 * PAGE_SIZE, protection: RW, sharing: 'shared', object } as const;
    const [a, b] = processes.map((process) => system.map(process.space as VmMap, request) as number) as [number, number];
    store(processes[0], a + 7, 200);
    expect(load(processes[1], b + 7)).toBe(200);
    expect(file.reads).toEqual([0]);
    expect(file.pages[0]?.[7]).toBe(1);
  });
});

describe('the break over fork', () => {
  it("is the parent's, and then each one's own", () => {
    const { system, parent, fork } = family();
    const start = layout.breakStart;
    system.grow(parent.space as VmMap, start + 2 * PAGE_SIZE);
    store(parent, start, 1);
    const child = fork();
    expect(child.space.breakEnd).toBe(start + 2 * PAGE_SIZE);
    expect(system.grow(child.space as VmMap, start + 4 * PAGE_SIZE)).toBe(start + 4 * PAGE_SIZE);
    expect(system.grow(parent.space as VmMap, start + 3 * PAGE_SIZE)).toBe(start + 3 * PAGE_SIZE);
    store(child, start + 2 * PAGE_SIZE, 7);
    store(parent, start + 2 * PAGE_SIZE, 8);
    expect([load(child, start), load(child, start + 2 * PAGE_SIZE), load(parent, start + 2 * PAGE_SIZE)]).toEqual([1, 7, 8]);
  });
});

it('nothing is left of a family that has ended', () => {
  const { system, machine, parent, fork, map, counts } = family();
  const free = machine.frames.freeCount + machine.heap.frames + parent.space.pmap.tableFrames;
  const at = map(32, 'private', new TestFile(32, 'image'));
  store(parent, at, 1);
  const child = fork();
  store(child, at, 2);
  store(child, at + 20 * PAGE_SIZE, 2);
  system.destroySpace(parent.space as VmMap);
  system.destroySpace(child.space as VmMap);
  expect(counts()).toMatchObject({ anons: 0, anonFrames: 0, entries: 0, amapBytes: 0, slots: 0 });
  // The creator's reference keeps the object and its pages.
  expect(machine.heap.bytesInUse()).toBe(machine.heap.bytesInUse(HeapUse.object));
  expect(machine.frames.freeCount + machine.heap.frames + counts().objectFrames).toBe(free);
});
