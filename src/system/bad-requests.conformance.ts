// Every call with arguments that cannot be met: the errno that POSIX and the contract say, and nothing changed.
//
//   pages    0  1  2  3  4  5  6  7
//            [ rw  ] [r ]    [none ]      4: a hole
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, layout, type MakeSystem } from '../../test/support/uvm-machine.ts';
import { TestFile } from '../../test/support/uvm-probe.ts';
import { at, oneSpaceOf } from '../../test/support/uvm-space.ts';
import { KIB, PAGE_SIZE } from '../base/index.ts';
import { type MapRequest, PROT_NONE, PROT_READ } from './index.ts';

/** Declares what is refused, and with which errno. */
export function describeBadRequests(make: MakeSystem): void {
  afterEach(checkMachines);

  const bytes = (pages: number) => pages * PAGE_SIZE;

  function areas() {
    const one = oneSpaceOf(make);
    one.map(0, 3);
    one.map(3, 1, { protection: PROT_READ });
    one.map(5, 2, { protection: PROT_NONE });
    one.put(0, 11);
    const { system, space } = one;
    const calls = {
      unmap: (start: number, size: number) => system.unmap(space, start, size),
      protect: (start: number, size: number) => system.protect(space, start, size, PROT_READ),
      remap: (start: number, size: number) => system.remap(space, start, size, bytes(1), 'anywhere'),
      advise: (start: number, size: number) => system.advise(space, start, size, 'random'),
      inherit: (start: number, size: number) => system.inherit(space, start, size, 'none'),
      lock: (start: number, size: number) => system.lock(space, start, size),
      unlock: (start: number, size: number) => system.unlock(space, start, size),
      residency: (start: number, size: number) => system.residency(space, start, size, new Uint8Array(64 * KIB)),
      commit: (start: number, size: number) => system.commit(space, start, size, PROT_READ),
      decommit: (start: number, size: number) => system.decommit(space, start, size),
      sync: (start: number, size: number) => system.sync(space, start, size),
    };
    /** What must be as before. */
    const state = () => ({ areas: system.areas(space), usage: system.usage(space), counts: one.counts(), content: one.get(0) });
    return { ...one, calls, state };
  }

  type Call = keyof ReturnType<typeof areas>['calls'];
  const calls = Object.keys(areas().calls) as Call[];

  const bounds: [string, number, number][] = [
    ['a start off a page boundary', at(0) + 1, bytes(1)],
    ['a fraction of an address', at(0) + 0.5, bytes(1)],
    ['no size', at(0), 0],
    ['a reversed range', at(2), -bytes(1)],
    ['a start below 0', -bytes(1), bytes(1)],
    ['an end beyond the space', at(0), layout.high],
    ['a huge size', at(0), 2 ** 60],
    ['an infinite size', at(0), Number.POSITIVE_INFINITY],
    ['a size that is no number', at(0), Number.NaN],
    ['a start that is no number', Number.NaN, bytes(1)],
  ];

  describe.each(calls)('%s', (call) => {
    it.each(bounds)('refuses %s with EINVAL', (_what, start, size) => {
      const all = areas();
      const before = all.state();
      expect(all.calls[call](start, size)).toBe('EINVAL');
      expect(all.state()).toEqual(before);
    });

    it('says of a range with a hole what the contract says', () => {
      const all = areas();
      const before = all.state();
      const result = all.calls[call](at(3), bytes(2));
      // unmap allows gaps, remap wants one area, advise advises the rest.
      expect(result).toBe(call === 'unmap' ? 0 : call === 'remap' ? 'EFAULT' : 'ENOMEM');
      if (call !== 'unmap' && call !== 'advise') expect(all.state()).toEqual(before);
    });

    it('says of a range where nothing is mapped what the contract says', () => {
      const all = areas();
      const before = all.state();
      expect(all.calls[call](at(20), bytes(2))).toBe(call === 'unmap' ? 0 : call === 'remap' ? 'EFAULT' : 'ENOMEM');
      expect(all.state()).toEqual(before);
    });
  });

  describe('rights', () => {
    it.each([8, -1, 1.5, Number.NaN, 2 ** 32])('of %d are no rights', (protection) => {
      const { system, space, map } = areas();
      expect(system.protect(space, at(0), bytes(1), protection)).toBe('EINVAL');
      expect(system.commit(space, at(0), bytes(1), protection)).toBe('EINVAL');
      expect(map(20, 1, { protection })).toBe('EINVAL');
    });

    it('missing, lock refuses the whole range with EACCES', () => {
      const all = areas();
      const before = all.state();
      expect(all.calls.lock(at(5), bytes(2))).toBe('EACCES');
      expect(all.state()).toEqual(before);
    });
  });

  describe('map', () => {
    const requests: [string, Partial<MapRequest>, string][] = [
      ['no size', { size: 0 }, 'EINVAL'],
      ['a negative size', { size: -1 }, 'EINVAL'],
      ['a size that is no number', { size: Number.NaN }, 'EINVAL'],
      ['more than the space', { size: layout.high, place: { how: 'hint', address: 0 } }, 'ENOMEM'],
      ['an infinite size', { size: Number.POSITIVE_INFINITY, place: { how: 'hint', address: 0 } }, 'ENOMEM'],
      ['a fixed place off a page boundary', { place: { how: 'fixed', address: at(20) + 1 } }, 'EINVAL'],
      ['a fixed place that is no number', { place: { how: 'fixed', address: Number.NaN } }, 'EINVAL'],
      ['a fixed place beyond the space', { place: { how: 'fixed', address: layout.high } }, 'ENOMEM'],
      ['a fixed place below it', { place: { how: 'fixed', address: -bytes(1) } }, 'ENOMEM'],
    ];

    it.each(requests)('refuses %s', (_what, request, errno) => {
      const all = areas();
      const before = all.state();
      expect(all.map(20, 1, request)).toBe(errno);
      expect(all.state()).toEqual(before);
    });

    it.each([1, -bytes(1), bytes(4), Number.NaN])('refuses the offset %d of a file of three pages', (offset) => {
      const { map, object } = areas();
      expect(map(20, 1, { object: object(new TestFile(3, 'file')), offset })).toBe('EINVAL');
    });
  });

  describe('remap', () => {
    it.each([0, -bytes(1), Number.NaN])('to a size of %d is EINVAL', (size) => {
      const { system, space } = areas();
      expect(system.remap(space, at(0), bytes(3), size, 'anywhere')).toBe('EINVAL');
    });

    it.each([2 ** 60, Number.POSITIVE_INFINITY, layout.high])('to a size of %d is ENOMEM, EINVAL at a fixed place', (size) => {
      const all = areas();
      const before = all.state();
      expect(all.system.remap(all.space, at(0), bytes(3), size, 'anywhere')).toBe('ENOMEM');
      expect(all.system.remap(all.space, at(0), bytes(3), size, 'here')).toBe('ENOMEM');
      expect(all.system.remap(all.space, at(0), bytes(3), size, { how: 'fixed', address: at(40) })).toBe('EINVAL');
      expect(all.state()).toEqual(before);
    });
  });

  describe('grow', () => {
    it.each([layout.breakStart - 1, Number.NaN, -1])('to %d is EINVAL', (end) => {
      const { system, space } = areas();
      expect(system.grow(space, end)).toBe('EINVAL');
    });

    it.each([layout.breakLimit + 1, 2 ** 60, Number.POSITIVE_INFINITY])('to %d is ENOMEM', (end) => {
      const { system, space } = areas();
      expect(system.grow(space, end)).toBe('ENOMEM');
    });
  });
}
