// Large pages under a memory manager: it asks for frames by the place they are for, pmap/ promotes and demotes, and no page of a large
// one is ever another's. The format has large pages of eight pages, so that a window is filled by eight stores.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, layout, type MakeSystem, type SmallMachineOptions, smallMachineOf } from '../../test/support/uvm-machine.ts';
import { load, store } from '../../test/support/uvm-probe.ts';
import { FailurePlan, PAGE_SIZE } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import { handful } from '../machine/mmu/made-up-formats.conformance.ts';
import { livePolicies, type PolicyKind } from '../paging/index.ts';
import { Process } from '../process/index.ts';
import { PROT_READ, PROT_WRITE } from './index.ts';

const RW = PROT_READ | PROT_WRITE;
const WINDOW = 8;
/** First page of the tests, where a window begins. */
const BASE = 0x5_0000;
const at = (page: number) => (BASE + page) * PAGE_SIZE;

function family(make: MakeSystem, options: SmallMachineOptions = {}) {
  const small = smallMachineOf(make, { frames: 256, liveSpaces: 2, pageTable: handful, largePages: 'promote', ...options });
  const { machine, system } = small;
  const parent = small.newProcess();
  const map = (pages: number, process = parent) => {
    const place = { how: 'fixed', address: at(0) } as const;
    const start = system.map(process.space, { size: pages * PAGE_SIZE, protection: RW, sharing: 'private', place });
    if (typeof start === 'string') throw new Error(start);
  };
  const fill = (pages: number, value: (page: number) => number, process = parent) => {
    for (let page = 0; page < pages; page++) store(process, at(page), value(page));
  };
  const contents = (pages: number, process = parent) => Array.from({ length: pages }, (_, page) => load(process, at(page)));
  const fork = (of = parent) => {
    const space = system.fork(of.space, small.newTlb());
    if (typeof space === 'string') throw new Error(space);
    return new Process(machine, system, space, () => 0);
  };
  const large = () => machine.pmaps.largePages ?? { promotions: 0, demotions: 0, dissolved: 0, mapped: 0, pages: 0 };
  const frame = (page: number, process = parent) => machine.pmaps.extract(process.space.pmap, BASE + page);
  return { ...small, parent, map, fill, contents, fork, large, frame };
}

const sequence = (pages: number, value: (page: number) => number) => Array.from({ length: pages }, (_, page) => value(page));

/** Declares what large pages may never change, and what they must do. */
export function describeLargePages(make: MakeSystem): void {
  describe('large pages', () => {
    afterEach(checkMachines);

    it('map an array that is written in any order, and save a table frame each', () => {
      const tables = (largePages: 'never' | 'promote') => {
        const { map, parent, contents, machine, large } = family(make, { largePages });
        map(64);
        for (let i = 0; i < 64; i++) store(parent, at((i * 27) % 64), i + 1);
        expect(large().mapped).toBe(largePages === 'promote' ? 8 : 0);
        expect(contents(64)).toEqual(sequence(64, (page) => ((page * 19) % 64) + 1));
        return machine.frames.countOf(FrameKind.pageTable);
      };
      expect(tables('never') - tables('promote')).toBe(8);
    });

    it('are not begun where the area has no room for a whole one', () => {
      const { map, fill, machine } = family(make);
      map(WINDOW - 1);
      fill(WINDOW - 1, (page) => page);
      expect(machine.frames.reservations?.made).toBe(0);
    });

    it('map a heap that grows page by page', () => {
      const { system, parent, large } = family(make);
      for (let page = 1; page <= 24; page++) {
        expect(system.grow(parent.space, layout.breakStart + page * PAGE_SIZE)).toBe(layout.breakStart + page * PAGE_SIZE);
        store(parent, layout.breakStart + (page - 1) * PAGE_SIZE, page);
      }
      expect(large().mapped).toBe(3);
      system.grow(parent.space, layout.breakStart + 20 * PAGE_SIZE);
      expect([large().mapped, load(parent, layout.breakStart + 19 * PAGE_SIZE)]).toEqual([2, 20]);
    });

    it('keep parent and child apart when either writes in the middle of one, and both get their own again', () => {
      const { map, fill, contents, parent, fork, large, frame } = family(make);
      map(2 * WINDOW);
      fill(2 * WINDOW, (page) => page);
      const child = fork();
      expect(large().mapped).toBe(2);
      store(child, at(3), 100);
      store(parent, at(12), 101);
      expect(contents(16)).toEqual(sequence(16, (page) => (page === 12 ? 101 : page)));
      expect(contents(16, child)).toEqual(sequence(16, (page) => (page === 3 ? 100 : page)));
      // Who writes all pages of a window has copied all of it into a run of its own.
      fill(WINDOW, (page) => 50 + page, child);
      expect([child.space.pmap.largePages > 0, frame(0, child) % WINDOW]).toEqual([true, 0]);
      expect(sequence(WINDOW, (page) => frame(page, child) - page)).toEqual(sequence(WINDOW, () => frame(0, child)));
      expect(contents(WINDOW)).toEqual(sequence(WINDOW, (page) => page));
      expect(contents(WINDOW, child)).toEqual(sequence(WINDOW, (page) => 50 + page));
    });

    it('lose a page to munmap, which comes back as zeros in its old frame, and are whole again', () => {
      const { map, fill, contents, parent, system, large, frame } = family(make);
      map(WINDOW);
      fill(WINDOW, () => 7);
      const before = frame(2);
      expect(system.unmap(parent.space, at(2), PAGE_SIZE)).toBe(0);
      expect([large().mapped, large().demotions]).toEqual([0, 1]);
      expect(
        system.map(parent.space, { size: PAGE_SIZE, protection: RW, sharing: 'private', place: { how: 'fixed', address: at(2) } }),
      ).toBe(at(2));
      expect(contents(WINDOW)).toEqual(sequence(WINDOW, (page) => (page === 2 ? 0 : 7)));
      store(parent, at(2), 8);
      expect(contents(WINDOW)).toEqual(sequence(WINDOW, (page) => (page === 2 ? 8 : 7)));
      // Not where the old page lives on beside the new one: 4.4BSD frees no part of an object.
      if (system.name === 'uvm') expect([frame(2), large().mapped]).toEqual([before, 1]);
    });

    it('lose a right for one page or for all, and have it back', () => {
      const { map, fill, contents, parent, system, large } = family(make);
      map(2 * WINDOW);
      fill(2 * WINDOW, (page) => page);
      expect(system.protect(parent.space, at(5), PAGE_SIZE, PROT_READ)).toBe(0);
      expect(large().mapped).toBe(1);
      expect(() => store(parent, at(5), 1)).toThrow();
      store(parent, at(6), 60);
      expect(system.protect(parent.space, at(WINDOW), WINDOW * PAGE_SIZE, PROT_READ)).toBe(0);
      expect(large().mapped).toBe(1);
      expect(() => store(parent, at(WINDOW), 1)).toThrow();
      expect(system.protect(parent.space, at(0), 2 * WINDOW * PAGE_SIZE, RW)).toBe(0);
      fill(2 * WINDOW, (page) => 2 * page);
      expect([contents(2 * WINDOW), large().mapped]).toEqual([sequence(2 * WINDOW, (page) => 2 * page), 2]);
    });

    it('take no memory from anybody: promised frames are used before any page goes out', () => {
      const { map, parent, system, machine } = family(make, { frames: 160 });
      map(WINDOW * 16);
      // One page of each window: then eight times as much is promised as is used.
      for (let window = 0; window < 16; window++) store(parent, at(window * WINDOW), window);
      expect(machine.frames.countOf(FrameKind.promised)).toBeGreaterThan(50);
      // An area without a whole window: its pages can only have frames that were promised to others.
      for (let area = 0; area < 16; area++) {
        const place = { how: 'fixed', address: at(1001 + area * WINDOW) } as const;
        system.map(parent.space, { size: 6 * PAGE_SIZE, protection: RW, sharing: 'private', place });
      }
      let page = 0;
      while (machine.frames.freeCount > 16) store(parent, at(1001 + WINDOW * Math.floor(page / 6) + (page % 6)), page++);
      const { evictedClean, evictedDirty } = system.statistics();
      expect([evictedClean + evictedDirty, page > 30, (machine.frames.reservations?.broken ?? 0) > 0]).toEqual([0, true, true]);
    });

    it.each(livePolicies)('go out page by page when memory is short, and come back, under $name', (policy: PolicyKind) => {
      const { map, fill, contents, parent, system, large, machine } = family(make, { frames: 96, policy });
      map(128);
      fill(24, (page) => page + 1);
      expect(large().promotions).toBeGreaterThan(0);
      for (let page = 24; page < 128; page++) store(parent, at(page), page + 1);
      expect([large().demotions + large().dissolved > 0, system.swapSlots.used > 40]).toEqual([true, true]);
      system.check();
      expect(contents(128)).toEqual(sequence(128, (page) => page + 1));
      expect(machine.frames.freeCount).toBeGreaterThan(0);
    });

    it('lose nothing when the frame for a demotion fails, whichever it is', () => {
      let dissolved = 0;
      for (let k = 20; k < 140; k++) {
        const plan = new FailurePlan(k);
        const { map, parent, system, fork, large, contents } = family(make, { frameFailures: plan, frames: 200 });
        map(24);
        for (let page = 0; page < 24; page++) store(parent, at(page), page + 1);
        const child = fork();
        for (const page of [3, 12]) store(child, at(page), 200);
        expect(typeof system.unmap(parent.space, at(20), PAGE_SIZE)).toBe('number');
        store(parent, at(5), 9);
        expect(system.protect(parent.space, at(9), PAGE_SIZE, PROT_READ)).toBe(0);
        system.check();
        const expected = (page: number) => (page === 5 ? 9 : page + 1);
        expect(contents(20)).toEqual(sequence(20, expected));
        expect(contents(24, child)).toEqual(sequence(24, (page) => (page === 3 || page === 12 ? 200 : page + 1)));
        dissolved += large().dissolved;
        system.destroySpace(child.space);
        system.destroySpace(parent.space);
        system.check();
      }
      expect(dissolved).toBeGreaterThan(0);
    });

    it('end with their space, and leave every frame free', () => {
      const { map, fill, parent, machine, system, large, fork } = family(make);
      const free = machine.frames.freeCount;
      map(5 * WINDOW);
      fill(4 * WINDOW + 3, (page) => page);
      const child = fork();
      store(child, at(0), 1);
      system.destroySpace(child.space);
      expect(system.unmap(parent.space, at(0), 5 * WINDOW * PAGE_SIZE)).toBe(0);
      machine.heap.reap();
      machine.pmaps.reapTables();
      expect([machine.frames.freeCount, machine.frames.countOf(FrameKind.promised), large().mapped]).toEqual([free, 0, 0]);
    });
  });
}
