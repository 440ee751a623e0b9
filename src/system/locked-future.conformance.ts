// Locking what is mapped from now on (`lockAll`, scope `future`), where a new area replaces others: it is whole and locked before they go. And
// what is added to an area that is locked.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, type MakeSystem } from '../../test/support/uvm-machine.ts';
import { load, store, TestFile } from '../../test/support/uvm-probe.ts';
import { at, oneSpaceOf } from '../../test/support/uvm-space.ts';
import { PAGE_SIZE } from '../base/index.ts';
import { Process } from '../process/index.ts';
import { PROT_NONE, PROT_READ, PROT_WRITE } from './index.ts';

/** Declares what a space that locks its new areas, and a child with a copy of shared areas, are charged with. */
export function describeLockedFuture(make: MakeSystem): void {
  afterEach(checkMachines);

  const RW = PROT_READ | PROT_WRITE;
  const bytes = (pages: number) => pages * PAGE_SIZE;

  describe('a locked mapping that replaces an area', () => {
    it('is whole although the highest hole lies half in its range', () => {
      const { system, space, process } = oneSpaceOf(make);
      const request = { size: bytes(1), protection: RW, sharing: 'private' } as const;
      const top = system.map(space, request) as number;
      store(process, top, 5);
      expect(system.lockAll(space, 'future')).toBe(0);
      const start = top - bytes(1);
      expect(system.map(space, { ...request, size: bytes(2), place: { how: 'fixed', address: start } })).toBe(start);
      expect(system.usage(space)).toMatchObject({ addressBytes: bytes(2), lockedBytes: bytes(2) });
      expect([load(process, start), load(process, top)]).toEqual([0, 0]);
    });

    it('is a stack still, if that is what was asked for', () => {
      const { system, space, map, put, get } = oneSpaceOf(make);
      map(8, 2);
      expect(system.lockAll(space, 'future')).toBe(0);
      expect(map(8, 2, { growsDown: { limit: at(4) } })).toBe(at(8));
      put(9, 3);
      put(5, 7);
      expect([get(9), get(5), get(6)]).toEqual([3, 7, 0]);
      expect(system.usage(space)).toMatchObject({ addressBytes: bytes(5), lockedBytes: bytes(5) });
      expect(() => put(3, 1)).toThrow();
    });

    it('leaves its neighbours alone, in its range and at the hole that it is made in', () => {
      const { system, space, process } = oneSpaceOf(make);
      const request = { size: bytes(2), protection: RW, sharing: 'private' } as const;
      const above = system.map(space, request) as number;
      const below = system.map(space, { ...request, place: { how: 'fixed', address: above - bytes(4) } }) as number;
      store(process, above, 5);
      store(process, below, 6);
      store(process, below + bytes(1), 7);
      expect(system.lockAll(space, 'future')).toBe(0);
      // The hole between the two takes it, right above an area that it continues.
      const start = below - bytes(1);
      expect(system.map(space, { ...request, place: { how: 'fixed', address: start } })).toBe(start);
      expect([start, below, below + bytes(1), above].map((page) => load(process, page))).toEqual([0, 0, 7, 5]);
      expect(system.usage(space)).toMatchObject({ addressBytes: bytes(5), lockedBytes: bytes(2) });
    });

    it('is refused where it would reach beyond the space', () => {
      const { system, space } = oneSpaceOf(make);
      const request = { size: bytes(1), protection: RW, sharing: 'private' } as const;
      const top = system.map(space, request) as number;
      expect(system.lockAll(space, 'future')).toBe(0);
      expect(system.map(space, { ...request, size: bytes(2), place: { how: 'fixed', address: top } })).toBe('ENOMEM');
      expect(system.usage(space)).toMatchObject({ addressBytes: bytes(1), lockedBytes: 0 });
    });
  });

  describe('a locked area that becomes larger', () => {
    const fixed = (page: number) => ({ how: 'fixed', address: at(page) }) as const;

    it.each(['here', 'moved'] as const)('is locked as a whole, %s', (how) => {
      const { system, space, map, put, get } = oneSpaceOf(make);
      map(8, 2);
      put(8, 5);
      expect(system.lock(space, at(8), bytes(2))).toBe(0);
      const to = how === 'here' ? 8 : 20;
      expect(system.remap(space, at(8), bytes(2), bytes(5), how === 'here' ? how : fixed(20))).toBe(at(to));
      expect(system.usage(space)).toMatchObject({ addressBytes: bytes(5), lockedBytes: bytes(5), residentBytes: bytes(5) });
      expect([0, 1, 2, 3, 4].map((page) => get(to + page))).toEqual([5, 0, 0, 0, 0]);
    });

    it.each([
      { first: 10, locked: 4 },
      { first: 8, locked: 2 },
    ])('and of which pages $first and the next are locked is refused as two, or goes on as its last page', ({ first, locked }) => {
      const { system, space, map } = oneSpaceOf(make);
      map(8, 4);
      expect(system.lock(space, at(first), bytes(2))).toBe(0);
      const result = system.remap(space, at(8), bytes(4), bytes(6), fixed(20));
      expect([at(20), 'EFAULT']).toContain(result);
      const isOne = result !== 'EFAULT';
      expect(system.usage(space)).toMatchObject({ addressBytes: bytes(isOne ? 6 : 4), lockedBytes: bytes(isOne ? locked : 2) });
    });

    it('is not locked there while it has no rights', () => {
      const { system, space, map } = oneSpaceOf(make);
      map(8, 2);
      expect(system.lock(space, at(8), bytes(2))).toBe(0);
      expect(system.protect(space, at(8), bytes(2), PROT_NONE)).toBe(0);
      expect(system.remap(space, at(8), bytes(2), bytes(4), fixed(20))).toBe(at(20));
      expect(system.usage(space)).toMatchObject({ addressBytes: bytes(4), lockedBytes: bytes(2) });
    });

    it('stays where it is, and loses nothing, if what is added may not be locked', () => {
      const { system, space, map, put, get } = oneSpaceOf(make);
      map(8, 2);
      map(20, 6);
      for (const page of [8, 9, 20, 21, 22, 23]) put(page, page);
      expect(system.lock(space, at(8), bytes(2))).toBe(0);
      system.limit(space, { lockedBytes: bytes(3) });
      expect(system.remap(space, at(8), bytes(2), bytes(4), fixed(20))).toBe('ENOMEM');
      expect(system.remap(space, at(8), bytes(2), bytes(4), 'here')).toBe('ENOMEM');
      expect([8, 9, 20, 21, 22, 23].map(get)).toEqual([8, 9, 20, 21, 22, 23]);
      expect(system.usage(space)).toMatchObject({ addressBytes: bytes(8), lockedBytes: bytes(2) });
      expect(system.remap(space, at(8), bytes(2), bytes(3), fixed(20))).toBe(at(20));
      expect([20, 21, 22, 23].map(get)).toEqual([8, 9, 0, 23]);
      expect(system.usage(space)).toMatchObject({ addressBytes: bytes(6), lockedBytes: bytes(3) });
    });

    it('or not, in a space that locks new areas: the part of an area that is asked for as it is changes nothing', () => {
      const { system, space, map, put, get } = oneSpaceOf(make);
      map(8, 4);
      put(10, 3);
      expect(system.lockAll(space, 'future')).toBe(0);
      expect(system.remap(space, at(8), bytes(2), bytes(2), 'here')).toBe(at(8));
      expect(get(10)).toBe(3);
      expect(system.usage(space)).toMatchObject({ addressBytes: bytes(4), lockedBytes: 0 });
    });
  });

  describe('a child that inherits a copy of a shared file', () => {
    it('is charged for it if it may be written, as for any private memory', () => {
      const { machine, system, space, map, object, newTlb } = oneSpaceOf(make);
      const file = object(new TestFile(4, 'file'));
      map(0, 4, { object: file, sharing: 'shared' });
      map(8, 4, { object: file, sharing: 'shared', protection: PROT_READ });
      expect(system.inherit(space, at(0), bytes(4), 'copy')).toBe(0);
      expect(system.inherit(space, at(8), bytes(4), 'copy')).toBe(0);
      expect(system.usage(space)).toMatchObject({ committedBytes: 0 });
      const child = system.fork(space, newTlb());
      if (typeof child === 'string') throw new Error(child);
      store(new Process(machine, system, child, () => 0), at(0), 9);
      expect(system.usage(child)).toMatchObject({ addressBytes: bytes(8), committedBytes: bytes(4) });
      // The child's charge, not the parent's, must be within the limits that it inherits.
      system.limit(space, { committedBytes: bytes(3) });
      expect(system.fork(space, newTlb())).toBe('ENOMEM');
    });
  });
}
