// remap: larger, smaller, elsewhere; pages keep their frames, areas their attributes.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, layout } from '../../test/support/uvm-machine.ts';
import { counted, load, TestFile } from '../../test/support/uvm-probe.ts';
import { at, oneSpace } from '../../test/support/uvm-space.ts';
import { FailurePlan, PAGE_SIZE } from '../base/index.ts';
import { GuestFault, Process } from '../process/index.ts';
import { type Place, PROT_NONE, PROT_READ } from '../system/index.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

const bytes = (pages: number) => pages * PAGE_SIZE;
const fixed = (page: number): Place => ({ how: 'fixed', address: at(page) });

function space(options: Parameters<typeof oneSpace>[0] = {}) {
  const one = oneSpace(options);
  const remap = (page: number, oldPages: number, newPages: number, place: 'here' | 'anywhere' | Place) =>
    one.system.remap(one.space, at(page), bytes(oldPages), bytes(newPages), place);
  return { ...one, remap };
}

describe('remap', () => {
  it('smaller gives the tail back', () => {
    const { map, remap, put, get, shape, counts } = space();
    map(0, 4);
    for (let page = 0; page < 4; page++) put(page, page + 1);
    expect(remap(0, 4, 1, 'here')).toBe(at(0));
    expect(shape()).toEqual([[0, 1]]);
    expect(counts()).toMatchObject({ anons: 1, anonFrames: 1 });
    expect(get(0)).toBe(1);
    expect(() => get(1)).toThrow(GuestFault);
  });

  it('larger grows in place, as one entry with one amap', () => {
    const { map, remap, put, get, shape } = space();
    map(0, 2);
    put(1, 5);
    expect(remap(0, 2, 6, 'anywhere')).toBe(at(0));
    expect(shape()).toEqual([[0, 6]]);
    put(5, 6);
    expect([get(1), get(2), get(5)]).toEqual([5, 0, 6]);
  });

  it('larger moves to a hole if it must and may: the pages keep their frames, mappings and bits', () => {
    const { system, machine, space: own, map, remap, put, frame } = space();
    map(0, 3);
    for (let page = 0; page < 3; page++) put(page, page + 1);
    map(3, 1, { protection: PROT_READ });
    const frames = [0, 1, 2].map(frame);
    expect(remap(0, 3, 5, 'here')).toBe('ENOMEM');
    const to = remap(0, 3, 5, 'anywhere') as number;
    expect(to).toBe(layout.high - bytes(5));
    const moved = [0, 1, 2].map((page) => machine.pmaps.extract(own.pmap, to / PAGE_SIZE + page));
    expect(moved).toEqual(frames);
    const process = new Process(machine, system, own, () => 0);
    expect(counted(system, () => expect([0, 1, 2].map((page) => load(process, to + bytes(page)))).toEqual([1, 2, 3]))).toEqual({});
    expect([0, 1, 2].map((page) => frame(page))).toEqual([-1, -1, -1]);
  });

  it('to a fixed place replaces what is there', () => {
    const { map, remap, put, get, shape, counts } = space();
    map(0, 3);
    put(0, 1);
    map(10, 8);
    for (let page = 10; page < 18; page++) put(page, page);
    expect(remap(0, 3, 4, fixed(12))).toBe(at(12));
    expect(shape().reduce((sum, [, pages]) => sum + (pages as number), 0)).toBe(8);
    expect([10, 11, 12, 13, 15, 16, 17].map(get)).toEqual([10, 11, 1, 0, 0, 16, 17]);
    expect(counts().anons).toBe(7);
  });

  it('to a fixed place and smaller: the tail goes, the rest moves', () => {
    const { map, remap, put, get, shape } = space();
    map(0, 4);
    for (let page = 0; page < 4; page++) put(page, page + 1);
    expect(remap(0, 4, 2, fixed(20))).toBe(at(20));
    expect(shape()).toEqual([[20, 2]]);
    expect([20, 21].map(get)).toEqual([1, 2]);
  });

  it('takes a part out of an area', () => {
    const { map, remap, put, get, shape } = space();
    map(0, 6);
    for (let page = 0; page < 6; page++) put(page, page + 1);
    expect(remap(2, 2, 2, fixed(20))).toBe(at(20));
    expect(shape()).toEqual([
      [0, 2],
      [4, 2],
      [20, 2],
    ]);
    expect([0, 1, 4, 5, 20, 21].map(get)).toEqual([1, 2, 5, 6, 3, 4]);
    // And back: it is one area again.
    expect(remap(20, 2, 2, fixed(2))).toBe(at(2));
    expect(shape()).toEqual([[0, 6]]);
  });

  it('beside itself, growing towards where it was', () => {
    const { map, remap, put, get, shape } = space();
    map(10, 2);
    put(10, 1);
    put(11, 2);
    expect(remap(10, 2, 4, fixed(6))).toBe(at(6));
    expect([6, 7, 8, 9].map(get)).toEqual([1, 2, 0, 0]);
    expect(shape().reduce((sum, [, pages]) => sum + (pages as number), 0)).toBe(4);
  });

  it('keeps protection, name, advice and inheritance', () => {
    const { system, space: own, map, remap, area } = space();
    map(0, 2, { name: 'log', protection: PROT_READ });
    system.advise(own, at(0), bytes(2), 'sequential');
    system.inherit(own, at(0), bytes(2), 'zero');
    remap(0, 2, 3, fixed(20));
    expect(area(20)).toMatchObject({ name: 'log', protection: PROT_READ, inheritance: 'zero', end: at(23) });
  });

  it('of a file goes on in the file, up to its end', () => {
    const { map, remap, object, get } = space();
    map(0, 2, { object: object(new TestFile(6, 'file')), offset: bytes(1) });
    expect(remap(0, 2, 5, fixed(20))).toBe(at(20));
    expect([20, 21, 22, 24].map(get)).toEqual([2, 3, 4, 6]);
    expect(remap(20, 5, 6, 'anywhere')).toBe('EINVAL');
  });

  it('of memory shared with a child moves only here, and both go on seeing each other', () => {
    const { system, machine, space: own, newTlb, map, remap, put } = space();
    map(0, 2, { sharing: 'shared' });
    const child = new Process(machine, system, system.fork(own, newTlb()) as VmMap, () => 0);
    expect(remap(0, 2, 4, fixed(20))).toBe(at(20));
    put(20, 9);
    expect(load(child, at(0))).toBe(9);
  });

  it('refuses what is not one area, with EFAULT', () => {
    const { map, remap, shape } = space();
    map(0, 2);
    map(2, 2, { protection: PROT_NONE });
    map(6, 1);
    for (const [page, pages] of [
      [0, 3],
      [3, 2],
      [5, 1],
      [6, 2],
      [20, 1],
    ] as const)
      expect(remap(page, pages, 8, 'anywhere')).toBe('EFAULT');
    expect(shape()).toEqual([
      [0, 2],
      [2, 2],
      [6, 1],
    ]);
  });

  it('refuses a target that overlaps, lies askew or leaves the space, with EINVAL', () => {
    const { map, remap } = space();
    map(10, 4);
    for (const target of [fixed(10), fixed(13), fixed(7), { how: 'fixed', address: at(40) + 1 } as const]) {
      expect(remap(10, 4, 4, target)).toBe('EINVAL');
    }
    expect(remap(10, 4, 4, { how: 'fixed', address: layout.high - bytes(3) })).toBe('EINVAL');
    expect(remap(10, 4, 4, { how: 'fixed', address: -bytes(8) })).toBe('EINVAL');
    expect(remap(10, 4, 4, fixed(6))).toBe(at(6));
  });

  it('refuses both sides of a writable loan, with EINVAL', () => {
    const { system, space: own, map, remap, newProcess } = space();
    map(0, 2);
    const borrower = newProcess().space as VmMap;
    const loan = system.mover.lendWritable(own, at(0), bytes(2), borrower);
    if (typeof loan === 'string') throw new Error(loan);
    expect(remap(0, 2, 3, 'anywhere')).toBe('EINVAL');
    expect(system.remap(borrower, loan.borrowerStart, bytes(2), bytes(1), 'here')).toBe('EINVAL');
    system.mover.endWritableLoan(loan);
    expect(remap(0, 2, 3, 'anywhere')).toBe(at(0));
  });

  it('keeps the limits', () => {
    const { system, space: own, map, remap } = space();
    map(0, 2);
    system.limit(own, { addressBytes: bytes(4), committedBytes: bytes(3) });
    expect(remap(0, 2, 5, 'anywhere')).toBe('ENOMEM');
    expect(remap(0, 2, 4, 'anywhere')).toBe('ENOMEM');
    expect(remap(0, 2, 3, fixed(20))).toBe(at(20));
    expect(system.usage(own)).toMatchObject({ addressBytes: bytes(3), committedBytes: bytes(3) });
  });

  it('that runs out of kernel memory has changed nothing, at whichever block', () => {
    let failures = 0;
    for (let k = 0; ; k++) {
      const heapFailures = new FailurePlan();
      const { system, space: own, map, put, get, shape } = space({ heapFailures });
      map(0, 6);
      map(20, 8, { protection: PROT_READ });
      for (let page = 0; page < 6; page++) put(page, page + 1);
      const failing = new FailurePlan(k);
      Object.assign(heapFailures, { next: () => failing.next() });
      const before = shape();
      const result = system.remap(own, at(1), bytes(3), bytes(5), fixed(21));
      if (failing.failures === 0) break;
      failures++;
      system.check();
      if (result === 'ENOMEM') expect(shape()).toEqual(before);
      else expect([21, 22, 23, 24].map(get)).toEqual([2, 3, 4, 0]);
      expect([0, 4, 5].map(get)).toEqual([1, 5, 6]);
    }
    expect(failures).toBeGreaterThan(3);
  });
});
