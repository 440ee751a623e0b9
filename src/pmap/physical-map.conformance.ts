// The conformance suite of pmap/ over any page-table format.

import { afterEach, describe, expect, it } from 'vitest';
import { EventRing, FailurePlan, KernelPanic, PAGE_SIZE, type Pfn } from '../base/index.ts';
import { bitmapAllocator, bootPhysicalMemory, FRAME_MODIFIED, FRAME_REFERENCED, FrameKind } from '../frames/index.ts';
import { HeapUse, slabHeap } from '../heap/index.ts';
import { FAULT_NOT_PRESENT, FAULT_PROTECTION, makeMmu, type PageTableFormat, Ram, Tlb } from '../machine/index.ts';
import { PhysicalMap } from './physical-map.ts';
import type { Pmap } from './pmap.ts';

/** What pmap/ promises, on page tables of `format`. */
export function describePhysicalMap(format: PageTableFormat): void {
  const live: PhysicalMap[] = [];
  afterEach(() => {
    for (const pmaps of live.splice(0)) pmaps.check();
  });

  function make(options: { frameCount?: number; heapFailure?: FailurePlan; frameFailure?: FailurePlan } = {}) {
    const frameCount = options.frameCount ?? 96;
    const ram = new Ram(new ArrayBuffer(frameCount * PAGE_SIZE), frameCount);
    const frames = bootPhysicalMemory({
      ram,
      allocator: bitmapAllocator,
      ...(options.frameFailure !== undefined && { failure: options.frameFailure }),
    });
    const mmu = makeMmu(ram, format, (count) => frames.allocateRun(count, FrameKind.pageTable));
    if (mmu === undefined) throw new Error('no frames for the page table');
    const heap = slabHeap.make(frames, options.heapFailure);
    const pmaps = new PhysicalMap({ mmu, frames, heap, events: new EventRing() });
    live.push(pmaps);
    const newPmap = () => pmaps.create(new Tlb(new ArrayBuffer(8192), 0, 4096, 1024)) as Pmap;
    const newPage = () => frames.allocate(FrameKind.anon) as Pfn;
    return { frames, heap, mmu, pmaps, newPmap, newPage };
  }

  describe('enter', () => {
    it('maps a page ahead of use with both bits clear and no TLB word', () => {
      const { pmaps, newPmap, newPage } = make();
      const pmap = newPmap();
      const frame = newPage();
      expect(pmaps.enter(pmap, 5, frame, 'write', undefined)).toBe(true);
      expect(pmaps.extract(pmap, 5)).toBe(frame);
      expect([pmap.tlb.reads(5), pmap.tlb.writes(5)]).toEqual([false, false]);
      expect([pmaps.testAndClearReferenced(frame), pmaps.isModified(frame)]).toEqual([false, false]);
      expect(pmap.residentPages).toBe(1);
    });

    it.each([
      [0, true, false, true, false],
      [1, true, true, true, true],
    ] as const)('seeds bits and TLB as if access %i had happened', (access, reads, writes, referenced, modified) => {
      const { pmaps, newPmap, newPage } = make();
      const pmap = newPmap();
      const frame = newPage();
      pmaps.enter(pmap, 5, frame, 'write', access);
      expect([pmap.tlb.reads(5), pmap.tlb.writes(5)]).toEqual([reads, writes]);
      expect(pmaps.isModified(frame)).toBe(modified);
      expect(pmaps.testAndClearReferenced(frame)).toBe(referenced);
    });

    it('replaces another frame, which keeps its bits', () => {
      const { pmaps, frames, newPmap, newPage } = make();
      const pmap = newPmap();
      const [first, second] = [newPage(), newPage()];
      pmaps.enter(pmap, 5, first, 'write', 1);
      pmaps.enter(pmap, 5, second, 'read', 0);
      expect(pmaps.extract(pmap, 5)).toBe(second);
      expect(pmaps.isWritable(pmap, 5)).toBe(false);
      expect([pmaps.mappings(first), pmaps.mappings(second), pmap.residentPages]).toEqual([0, 1, 1]);
      expect(frames.table.flags(first)).toBe(FRAME_MODIFIED | FRAME_REFERENCED);
      expect(pmap.tlb.readFrame(5)).toBe(second);
      expect(pmap.tlb.writes(5)).toBe(false);
    });

    it('keeps the bits of a page that is entered again, also when the right to write goes', () => {
      const { pmaps, newPmap, newPage } = make();
      const pmap = newPmap();
      const frame = newPage();
      pmaps.enter(pmap, 5, frame, 'write', 1);
      pmaps.enter(pmap, 5, frame, 'read', undefined);
      expect(pmaps.isModified(frame)).toBe(true);
      expect(pmaps.refill(pmap, 5, 1)).toBe(FAULT_PROTECTION);
      expect(pmaps.refill(pmap, 5, 0)).toBe(frame);
      expect(pmaps.testAndClearReferenced(frame)).toBe(true);
    });

    it('maps nothing when there is no frame for a page table, and succeeds when there is', () => {
      // Allocation 0 is the root, 1 the page, 2 the table. Where all spaces share one table: the table, the page, and the place of an alias.
      const { pmaps, mmu, newPmap, newPage } = make({ frameFailure: new FailurePlan(2) });
      const pmap = newPmap();
      const frame = newPage();
      if (mmu.tablesOf === 'machine') {
        expect(pmaps.enter(pmap, 4, frame, 'write', 1)).toBe(true);
        expect(pmaps.enter(pmap, 5, frame, 'write', 1)).toBe(false);
        expect([pmaps.extract(pmap, 5), pmap.residentPages, pmap.tableFrames, pmaps.mappings(frame)]).toEqual([-1, 1, 0, 1]);
        expect(pmaps.enter(pmap, 5, frame, 'write', 1)).toBe(true);
        return;
      }
      expect(pmaps.enter(pmap, 5, frame, 'write', 1)).toBe(false);
      expect([pmaps.extract(pmap, 5), pmap.residentPages, pmap.tableFrames, pmaps.mappings(frame)]).toEqual([-1, 0, 1, 0]);
      expect(pmaps.enter(pmap, 5, frame, 'write', 1)).toBe(true);
      expect(pmap.tableFrames).toBe(format.levels.length);
    });

    it('leaves the page unmapped when the reverse map has no memory', () => {
      const { pmaps, newPmap, newPage } = make({ heapFailure: new FailurePlan(0) });
      const pmap = newPmap();
      const [shared, other] = [newPage(), newPage()];
      pmaps.enter(pmap, 1, shared, 'read', 0);
      pmaps.enter(pmap, 2, other, 'write', 1);
      expect(pmaps.enter(pmap, 2, shared, 'read', 0)).toBe(false);
      expect([pmaps.extract(pmap, 2), pmaps.mappings(shared), pmaps.isModified(other)]).toEqual([-1, 1, true]);
      expect(pmap.tlb.reads(2)).toBe(false);
    });
  });

  describe('refill', () => {
    it('finds only what is mapped, with the right that is there', () => {
      const { pmaps, newPmap, newPage } = make();
      const pmap = newPmap();
      expect(pmaps.refill(pmap, 7, 0)).toBe(FAULT_NOT_PRESENT);
      const frame = newPage();
      pmaps.enter(pmap, 7, frame, 'read', undefined);
      expect(pmaps.refill(pmap, 7, 1)).toBe(FAULT_PROTECTION);
      expect(pmap.tlb.writes(7)).toBe(false);
      expect(pmaps.refill(pmap, 7, 0)).toBe(frame);
      expect(pmap.tlb.readFrame(7)).toBe(frame);
    });
  });

  describe('reference and modify bits', () => {
    it('are exact: a clear empties the TLB word, the next access sets them again', () => {
      const { pmaps, newPmap, newPage } = make();
      const pmap = newPmap();
      const frame = newPage();
      pmaps.enter(pmap, 5, frame, 'write', 1);
      expect(pmaps.testAndClearReferenced(frame)).toBe(true);
      expect([pmap.tlb.reads(5), pmap.tlb.writes(5)]).toEqual([false, false]);
      expect(pmaps.testAndClearReferenced(frame)).toBe(false);
      expect(pmaps.isModified(frame)).toBe(true);
      pmaps.refill(pmap, 5, 0);
      pmaps.clearModified(frame);
      expect([pmap.tlb.reads(5), pmap.tlb.writes(5), pmaps.isModified(frame)]).toEqual([true, false, false]);
      pmaps.refill(pmap, 5, 1);
      expect([pmap.tlb.writes(5), pmaps.isModified(frame), pmaps.testAndClearReferenced(frame)]).toEqual([true, true, true]);
    });

    it('are the union over all mappings, those that are gone too', () => {
      const { pmaps, newPmap, newPage } = make();
      const [a, b, c] = [newPmap(), newPmap(), newPmap()];
      const frame = newPage();
      pmaps.enter(a, 1, frame, 'write', undefined);
      pmaps.enter(b, 2, frame, 'write', undefined);
      pmaps.enter(c, 3, frame, 'write', undefined);
      expect([pmaps.isModified(frame), pmaps.testAndClearReferenced(frame)]).toEqual([false, false]);
      pmaps.refill(b, 2, 1);
      expect(pmaps.isModified(frame)).toBe(true);
      pmaps.remove(b, 2, 3);
      expect(pmaps.isModified(frame)).toBe(true);
      expect(pmaps.testAndClearReferenced(frame)).toBe(true);
      pmaps.refill(c, 3, 0);
      expect(pmaps.testAndClearReferenced(frame)).toBe(true);
      expect(c.tlb.reads(3)).toBe(false);
      pmaps.clearModified(frame);
      expect(pmaps.isModified(frame)).toBe(false);
      pmaps.refill(a, 1, 1);
      expect(pmaps.isModified(frame)).toBe(true);
    });
  });

  describe('protection', () => {
    it('is lowered by range: a store traps, a load still hits, the modification is remembered', () => {
      const { pmaps, newPmap, newPage } = make();
      const pmap = newPmap();
      const frames = [newPage(), newPage(), newPage()];
      for (const [i, frame] of frames.entries()) pmaps.enter(pmap, 10 + i, frame, 'write', 1);
      pmaps.writeProtect(pmap, 11, 12);
      expect([10, 11, 12].map((page) => pmaps.isWritable(pmap, page))).toEqual([true, false, true]);
      expect([10, 11, 12].map((page) => pmap.tlb.writes(page))).toEqual([true, false, true]);
      expect(pmap.tlb.reads(11)).toBe(true);
      expect(pmaps.isModified(frames[1] as Pfn)).toBe(true);
    });

    it('is lowered, and mappings removed, by ranges that begin and end inside page tables', () => {
      const { pmaps, newPmap, newPage } = make();
      const pmap = newPmap();
      const pages = [1022, 1023, 1024, 1025, 3071, 3072];
      const frames = pages.map(() => newPage());
      for (const [i, frame] of frames.entries()) pmaps.enter(pmap, pages[i] as number, frame, 'write', i % 2 === 0 ? 1 : undefined);
      pmaps.writeProtect(pmap, 1023, 3072);
      expect(pages.map((page) => pmaps.isWritable(pmap, page))).toEqual([true, false, false, false, false, true]);
      expect(pages.map((page) => pmap.tlb.writes(page))).toEqual([true, false, false, false, false, false]);
      expect(frames.map((frame) => pmaps.isModified(frame))).toEqual([true, false, true, false, true, false]);
      pmaps.remove(pmap, 1023, 3072);
      expect(pages.map((page) => pmaps.extract(pmap, page) !== -1)).toEqual([true, false, false, false, false, true]);
      expect(pages.map((page) => pmap.tlb.reads(page))).toEqual([true, false, false, false, false, false]);
      expect([pmap.residentPages, ...frames.map((frame) => pmaps.mappings(frame))]).toEqual([2, 1, 0, 0, 0, 0, 1]);
      expect(frames.map((frame) => pmaps.testAndClearReferenced(frame))).toEqual([true, false, true, false, true, false]);
    });

    it('is lowered by frame in every space', () => {
      const { pmaps, heap, newPmap, newPage } = make();
      const [a, b] = [newPmap(), newPmap()];
      const frame = newPage();
      pmaps.enter(a, 1, frame, 'write', 1);
      pmaps.enter(b, 2, frame, 'write', 1);
      pmaps.enter(b, 3, frame, 'write', 1);
      pmaps.pageProtect(frame, 'read');
      expect([pmaps.isWritable(a, 1), pmaps.isWritable(b, 2), pmaps.isWritable(b, 3), pmaps.mappings(frame)]).toEqual([
        false,
        false,
        false,
        3,
      ]);
      pmaps.pageProtect(frame, 'none');
      expect([pmaps.mappings(frame), a.residentPages, b.residentPages, heap.bytesInUse(HeapUse.reverseMap)]).toEqual([0, 0, 0, 0]);
    });
  });

  describe('notMapped', () => {
    it('keeps the bits of pages that are not mapped, across tables that are there and tables that are not', () => {
      const { pmaps, newPmap, newPage } = make();
      const pmap = newPmap();
      // A leaf table of i386 maps 1,024 pages.
      for (const page of [1021, 1023]) pmaps.enter(pmap, page, newPage(), 'read', undefined);
      expect(pmaps.notMapped(pmap, 1020, 0b1111_1111)).toBe(0b1111_0101);
      pmaps.enter(pmap, 1024, newPage(), 'read', 0);
      pmaps.enter(pmap, 1027, newPage(), 'write', 1);
      expect(pmaps.notMapped(pmap, 1020, 0b1111_1111)).toBe(0b0110_0101);
      expect(pmaps.notMapped(pmap, 1020, 0b1011_1001)).toBe(0b0010_0001);
      expect(pmaps.notMapped(pmap, 1024, 0b1001)).toBe(0);
      expect(pmaps.notMapped(pmap, 3000, 0b1111_1111)).toBe(0b1111_1111);
      expect(pmaps.notMapped(pmap, 1020, 0)).toBe(0);
      expect(pmaps.notMapped(pmap, 0xf_ffff, 1)).toBe(1);
      pmaps.remove(pmap, 1023, 1025);
      expect(pmaps.notMapped(pmap, 1020, 0x7fff_ffff)).toBe(0x7fff_ff7d);
    });
  });

  describe('the reverse map', () => {
    it.each([
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ])('survives removal in the order %i %i %i', (...order) => {
      const { pmaps, newPmap, newPage } = make();
      const spaces = [newPmap(), newPmap(), newPmap()] as const;
      const frame = newPage();
      for (const [i, pmap] of spaces.entries()) pmaps.enter(pmap, 100 + i, frame, 'read', 0);
      order.forEach((which, gone) => {
        pmaps.remove(spaces[which] as Pmap, 0, 1024);
        expect(pmaps.mappings(frame)).toBe(2 - gone);
        pmaps.check();
      });
    });
  });

  describe('spaces', () => {
    it('give all their tables back and their ids to the next', () => {
      const { pmaps, frames, newPmap, newPage } = make();
      const free = frames.freeCount;
      const tables = frames.countOf(FrameKind.pageTable);
      const pmap = newPmap();
      const frame = newPage();
      pmaps.enter(pmap, 5, frame, 'read', 0);
      pmaps.enter(pmap, 5000, newPage(), 'read', undefined);
      expect(() => pmaps.destroy(pmap)).toThrow(KernelPanic);
      pmaps.remove(pmap, 0, 0x10_0000);
      pmaps.destroy(pmap);
      // The two pages are their owner's to free.
      expect(frames.freeCount).toBe(free - 2);
      expect(frames.countOf(FrameKind.pageTable)).toBe(tables);
      expect(newPmap().id).toBe(pmap.id);
    });

    it('are not made without a frame for the root', () => {
      if (format.architecture === 'hashed') return;
      const { pmaps } = make({ frameFailure: new FailurePlan(0) });
      expect(pmaps.create(Tlb.none())).toBeUndefined();
    });
  });

  describe('a value of the manager in an entry that is not present', () => {
    it('stays until the page is mapped, and keeps its table', () => {
      const { pmaps, frames, mmu, newPmap, newPage } = make();
      const pmap = newPmap();
      if (mmu.absentBits === 0) {
        expect([pmaps.setAbsent(pmap, 5, 1), pmaps.setAbsent(pmap, 5, 0), pmaps.absentValue(pmap, 5)]).toEqual([false, true, 0]);
        return;
      }
      const largest = 2 ** mmu.absentBits - 1;
      expect(pmaps.absentBits).toBe(mmu.absentBits);
      expect([pmaps.setAbsent(pmap, 5, largest), pmaps.setAbsent(pmap, 6, largest + 1), pmaps.setAbsent(pmap, 7, 1)]).toEqual([
        true,
        false,
        true,
      ]);
      expect([5, 6, 7, 8].map((page) => pmaps.absentValue(pmap, page))).toEqual([largest, 0, 1, 0]);
      expect([pmaps.extract(pmap, 5), pmap.residentPages, pmaps.refill(pmap, 5, 0)]).toEqual([-1, 0, FAULT_NOT_PRESENT]);
      expect(pmaps.reapTables()).toBe(0);
      pmaps.enter(pmap, 5, newPage(), 'read', 0);
      expect(pmaps.absentValue(pmap, 5)).toBe(0);
      expect(() => pmaps.setAbsent(pmap, 5, 3)).toThrow(/PM1/);
      pmaps.remove(pmap, 0, 100);
      // What was unmapped holds nothing, what was not there stays.
      expect([pmaps.absentValue(pmap, 5), pmaps.absentValue(pmap, 7)]).toEqual([0, 1]);
      const before = frames.countOf(FrameKind.pageTable);
      expect(pmaps.setAbsent(pmap, 7, 0)).toBe(true);
      expect(pmaps.reapTables()).toBe(before - 1);
      expect(pmap.tableFrames).toBe(1);
    });

    it('is not kept without a frame for its table', () => {
      if (format.architecture === 'hashed') return;
      const { pmaps, newPmap } = make({ frameFailure: new FailurePlan(1) });
      const pmap = newPmap();
      expect([pmaps.setAbsent(pmap, 5, 9), pmaps.absentValue(pmap, 5), pmaps.setAbsent(pmap, 5, 9), pmaps.absentValue(pmap, 5)]).toEqual([
        false,
        0,
        true,
        9,
      ]);
    });
  });

  describe('tables that hold nothing', () => {
    it('are given back as soon as their last page is gone, and not looked for before', () => {
      const { pmaps, frames, mmu, newPmap, newPage } = make();
      const pmap = newPmap();
      const tables = frames.countOf(FrameKind.pageTable);
      const [one, other] = [newPage(), newPage()];
      pmaps.enter(pmap, 5, one, 'read', 0);
      pmaps.enter(pmap, 6, other, 'read', 0);
      expect(pmaps.reapTables()).toBe(0);
      pmaps.remove(pmap, 5, 6);
      expect(pmaps.reapTables()).toBe(0);
      pmaps.move(pmap, 6, 7, pmap, 5000);
      const below = mmu.tablesOf === 'space' ? pmap.tableFrames - 1 : 0;
      expect(pmaps.reapTables()).toBeLessThanOrEqual(below);
      expect(pmaps.extract(pmap, 5000)).toBe(other);
      pmaps.remove(pmap, 5000, 5001);
      pmaps.reapTables();
      expect(frames.countOf(FrameKind.pageTable)).toBe(tables);
      expect(pmaps.reapTables()).toBe(0);
    });
  });

  describe('check', () => {
    it('finds a TLB word that the tables do not back (PM3)', () => {
      const { pmaps, newPmap, newPage } = make();
      const pmap = newPmap();
      const frame = newPage();
      pmaps.enter(pmap, 5, frame, 'read', 0);
      pmap.tlb.fillWrite(5, frame);
      expect(() => pmaps.check()).toThrow(/PM3/);
      pmap.tlb.invalidateWrite(5);
    });

    it('finds a mapping of a frame that is not for mapping (PM4)', () => {
      const { pmaps, frames, newPmap } = make();
      const pmap = newPmap();
      const table = frames.allocate(FrameKind.pageTable) as Pfn;
      pmaps.enter(pmap, 5, table, 'read', undefined);
      expect(() => pmaps.check()).toThrow(/PM4/);
      pmaps.remove(pmap, 5, 6);
    });
  });
}
