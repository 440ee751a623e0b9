// Reserved and committed memory, what is charged, and limits (C8).
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines } from '../../test/support/uvm-machine.ts';
import { TestFile } from '../../test/support/uvm-probe.ts';
import { at, oneSpace } from '../../test/support/uvm-space.ts';
import { PAGE_SIZE } from '../base/index.ts';
import { GuestFault } from '../process/index.ts';
import { PROT_NONE, PROT_READ, PROT_WRITE } from '../system/index.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

const RW = PROT_READ | PROT_WRITE;
const bytes = (pages: number) => pages * PAGE_SIZE;
const reserved = { commitment: 'reserved' } as const;

describe('reserved memory', () => {
  it('takes addresses, no charge, and cannot be touched', () => {
    const { system, space, map, get, area } = oneSpace();
    map(0, 1000, reserved);
    expect(system.usage(space)).toMatchObject({ addressBytes: bytes(1000), committedBytes: 0 });
    expect(area(0)?.protection).toBe(PROT_NONE);
    expect(() => get(0)).toThrow(GuestFault);
    expect(system.protect(space, at(0), bytes(1), PROT_READ)).toBe('EACCES');
    expect(system.protect(space, at(0), bytes(1), PROT_NONE)).toBe(0);
  });

  it('becomes memory page by page, as one entry while it grows in a row', () => {
    const { system, space, map, put, get, shape } = oneSpace();
    map(0, 16, reserved);
    for (let page = 0; page < 4; page++) {
      expect(system.commit(space, at(page), bytes(1), RW)).toBe(0);
      put(page, page + 1);
    }
    expect(shape()).toEqual([
      [0, 4],
      [4, 12],
    ]);
    expect(system.usage(space).committedBytes).toBe(bytes(4));
    expect([0, 1, 2, 3].map(get)).toEqual([1, 2, 3, 4]);
  });

  it('committed twice is no error, keeps its content and takes the new rights', () => {
    const { system, space, map, put, get } = oneSpace();
    map(0, 4, reserved);
    system.commit(space, at(0), bytes(2), RW);
    put(1, 7);
    expect(system.commit(space, at(0), bytes(4), PROT_READ)).toBe(0);
    expect([get(1), get(3)]).toEqual([7, 0]);
    expect(() => put(1, 8)).toThrow(GuestFault);
    expect(system.usage(space).committedBytes).toBe(bytes(4));
  });

  it('decommitted gives its pages and its charge back, and is zeros when committed again', () => {
    const { system, space, map, put, get, counts, shape } = oneSpace();
    map(0, 8, reserved);
    system.commit(space, at(0), bytes(8), RW);
    for (let page = 0; page < 8; page++) put(page, 9);
    expect(system.decommit(space, at(2), bytes(4))).toBe(0);
    expect(counts()).toMatchObject({ anons: 4, anonFrames: 4 });
    expect(system.usage(space)).toMatchObject({ addressBytes: bytes(8), committedBytes: bytes(4) });
    expect(() => get(2)).toThrow(GuestFault);
    expect(system.commit(space, at(2), bytes(4), RW)).toBe(0);
    expect([1, 2, 5, 6].map(get)).toEqual([9, 0, 0, 9]);
    expect(shape()).toEqual([[0, 8]]);
  });

  it('is nothing that commit or decommit take for something else', () => {
    const { system, space, map, object, shape } = oneSpace();
    map(0, 2, reserved);
    map(2, 2, { object: object(new TestFile(2, 'file')) });
    map(4, 2, { sharing: 'shared' });
    const before = shape();
    for (const [page, pages] of [
      [0, 3],
      [2, 1],
      [4, 1],
      [5, 2],
    ] as const) {
      expect(system.commit(space, at(page), bytes(pages), RW)).toBe('ENOMEM');
      expect(system.decommit(space, at(page), bytes(pages))).toBe('ENOMEM');
    }
    expect(shape()).toEqual(before);
    expect(map(10, 1, { ...reserved, sharing: 'shared' })).toBe('EINVAL');
    expect(map(10, 1, { ...reserved, object: object(new TestFile(2, 'file')) })).toBe('EINVAL');
  });
});

describe('the charge', () => {
  it('is for anonymous and for private writable memory, and stays when the right to write goes', () => {
    const { system, space, map, object } = oneSpace();
    const file = object(new TestFile(8, 'file'));
    const charged = () => system.usage(space).committedBytes / PAGE_SIZE;
    map(0, 1);
    expect(charged()).toBe(1);
    map(1, 2, { sharing: 'shared' });
    expect(charged()).toBe(3);
    map(4, 4, { object: file, sharing: 'shared' });
    map(8, 4, { object: file, protection: PROT_READ });
    expect(charged()).toBe(3);
    system.protect(space, at(8), bytes(3), RW);
    expect(charged()).toBe(6);
    system.protect(space, at(8), bytes(3), PROT_READ);
    expect(charged()).toBe(6);
    system.unmap(space, at(0), bytes(12));
    expect(charged()).toBe(0);
  });

  it('goes to a child as to its parent, and a child that would be over its limit is not made', () => {
    const { system, space, newTlb, map } = oneSpace();
    map(0, 4);
    map(10, 4, { sharing: 'shared' });
    system.limit(space, { committedBytes: bytes(8) });
    const child = system.fork(space, newTlb()) as VmMap;
    expect(system.usage(child)).toEqual({ ...system.usage(space), residentBytes: 0 });
    expect(system.grow(child, child.breakEnd + 1)).toBe('ENOMEM');
    system.limit(space, { committedBytes: bytes(7) });
    expect(system.fork(space, newTlb())).toBe('ENOMEM');
    system.inherit(space, at(3), bytes(1), 'none');
    expect(typeof system.fork(space, newTlb())).not.toBe('string');
  });
});

describe('limits', () => {
  it('of addresses bind map, grow and what replaces too little', () => {
    const { system, space, map } = oneSpace();
    system.limit(space, { addressBytes: bytes(4) });
    expect(map(0, 5)).toBe('ENOMEM');
    expect(map(0, 3)).toBe(at(0));
    expect(system.grow(space, space.breakEnd + bytes(2))).toBe('ENOMEM');
    expect(system.grow(space, space.breakEnd + bytes(1))).toBe(space.breakStart + bytes(1));
    expect(map(0, 3, { protection: PROT_READ })).toBe(at(0));
    expect(map(1, 3)).toBe('ENOMEM');
  });

  it('of memory bind map, commit and protect, and take nothing away', () => {
    const { system, space, map, object, put, get } = oneSpace();
    map(0, 4);
    put(3, 1);
    system.limit(space, { committedBytes: bytes(2) });
    expect(get(3)).toBe(1);
    expect(map(10, 1)).toBe('ENOMEM');
    expect(map(10, 4, reserved)).toBe(at(10));
    expect(system.commit(space, at(10), bytes(1), RW)).toBe('ENOMEM');
    expect(map(20, 2, { object: object(new TestFile(2, 'file')), protection: PROT_READ })).toBe(at(20));
    expect(system.protect(space, at(20), bytes(1), RW)).toBe('ENOMEM');
    system.limit(space, {});
    expect(system.commit(space, at(10), bytes(4), RW)).toBe(0);
  });
});
