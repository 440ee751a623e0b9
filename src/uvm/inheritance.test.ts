// What a child gets of an area: nothing, the same pages, a copy, zeros.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines } from '../../test/support/uvm-machine.ts';
import { load, store, TestFile } from '../../test/support/uvm-probe.ts';
import { at, oneSpace } from '../../test/support/uvm-space.ts';
import { PAGE_SIZE } from '../base/index.ts';
import { GuestFault, Process } from '../process/index.ts';
import type { Inheritance } from '../system/index.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

const bytes = (pages: number) => pages * PAGE_SIZE;

function family() {
  const one = oneSpace();
  const fork = (of = one.space) => {
    const child = one.system.fork(of, one.newTlb()) as VmMap;
    return new Process(one.machine, one.system, child, () => 0);
  };
  const inherit = (page: number, pages: number, inheritance: Inheritance) =>
    one.system.inherit(one.space, at(page), bytes(pages), inheritance);
  return { ...one, fork, inherit };
}

describe('inheritance', () => {
  it('none leaves a hole, zero gives fresh memory, copy and share what is there', () => {
    const { map, put, fork, inherit, area } = family();
    map(0, 4);
    for (let page = 0; page < 4; page++) put(page, 10 + page);
    expect([inherit(0, 1, 'none'), inherit(1, 1, 'zero'), inherit(2, 1, 'share')]).toEqual([0, 0, 0]);
    expect([0, 1, 2, 3].map((page) => area(page)?.inheritance)).toEqual(['none', 'zero', 'share', 'copy']);
    const child = fork();
    expect(() => load(child, at(0))).toThrow(GuestFault);
    expect([1, 2, 3].map((page) => load(child, at(page)))).toEqual([0, 12, 13]);
  });

  it('splits an area, and joins it again when it is the same throughout', () => {
    const { map, inherit, shape } = family();
    map(0, 6);
    inherit(2, 2, 'none');
    expect(shape()).toEqual([
      [0, 2],
      [2, 2],
      [4, 2],
    ]);
    inherit(2, 2, 'copy');
    expect(shape()).toEqual([[0, 6]]);
  });

  it('shared lets both see every write, to pages that were there and to pages that come later', () => {
    const { map, put, get, fork, inherit, counts } = family();
    map(0, 4);
    put(0, 1);
    inherit(0, 4, 'share');
    const child = fork();
    put(0, 2);
    store(child, at(1), 3);
    put(2, 4);
    expect([0, 1, 2].map((page) => load(child, at(page)))).toEqual([2, 3, 4]);
    expect([0, 1, 2].map(get)).toEqual([2, 3, 4]);
    expect(counts().anons).toBe(3);
  });

  it('shared after a fork that copied: the area leaves the first child’s amap before it is shared', () => {
    const { map, put, get, fork, inherit } = family();
    map(0, 2);
    put(0, 1);
    const first = fork();
    inherit(0, 2, 'share');
    const second = fork();
    store(second, at(0), 5);
    put(1, 6);
    expect([get(0), load(second, at(1)), load(first, at(0)), load(first, at(1))]).toEqual([5, 6, 1, 0]);
  });

  it('shared over a private map of a file: a page that one promotes is the other’s too, though it had the file’s mapped', () => {
    const { map, get, object, fork, inherit } = family();
    const file = new TestFile(3, 'file');
    map(0, 3, { object: object(file) });
    inherit(0, 3, 'share');
    const child = fork();
    expect([0, 1, 2].map(get)).toEqual([1, 2, 3]);
    store(child, at(1), 99);
    expect([get(1), file.pages[1]?.[0]]).toEqual([99, 2]);
  });

  it('shared through a page that is copied: the anon was also a third process’s', () => {
    const { map, put, get, fork, inherit, system, space } = family();
    map(0, 1);
    put(0, 1);
    const third = fork();
    inherit(0, 1, 'share');
    const child = fork();
    expect([get(0), load(child, at(0))]).toEqual([1, 1]);
    store(child, at(0), 2);
    expect([get(0), load(child, at(0)), load(third, at(0))]).toEqual([2, 2, 1]);
    system.destroySpace(space);
    expect([load(child, at(0)), load(third, at(0))]).toEqual([2, 1]);
  });

  it('copy of an area that is shared takes what is there now: later writes of the sharers do not show', () => {
    const { map, put, get, fork, inherit } = family();
    map(0, 2, { sharing: 'shared' });
    put(0, 1);
    const sharer = fork();
    inherit(0, 2, 'copy');
    const copy = fork();
    store(sharer, at(0), 2);
    put(1, 3);
    expect([get(0), load(sharer, at(1))]).toEqual([2, 3]);
    expect([load(copy, at(0)), load(copy, at(1))]).toEqual([1, 0]);
    store(copy, at(0), 9);
    expect([get(0), load(sharer, at(0))]).toEqual([2, 2]);
  });

  it('shared goes on through generations, and the last one to exit frees the pages', () => {
    const { system, space, map, put, fork, inherit, counts } = family();
    map(0, 2);
    inherit(0, 2, 'share');
    put(0, 1);
    const child = fork();
    const grandchild = fork(child.space as VmMap);
    store(grandchild, at(1), 7);
    system.destroySpace(space);
    system.destroySpace(child.space as VmMap);
    expect(load(grandchild, at(1))).toBe(7);
    system.destroySpace(grandchild.space as VmMap);
    expect(counts()).toMatchObject({ anons: 0, anonFrames: 0 });
  });

  it('is refused where nothing is mapped, and changes nothing', () => {
    const { map, inherit, shape, area } = family();
    map(0, 2);
    expect(inherit(1, 2, 'none')).toBe('ENOMEM');
    expect([shape(), area(1)?.inheritance]).toEqual([[[0, 2]], 'copy']);
  });
});
