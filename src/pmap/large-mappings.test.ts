import { afterEach, describe, expect, it } from 'vitest';
import { EventRing, FailurePlan, PAGE_SIZE, type Pfn } from '../base/index.ts';
import { bitmapAllocator, bootPhysicalMemory, FrameKind } from '../frames/index.ts';
import { slabHeap } from '../heap/index.ts';
import {
  ACCESS_READ,
  ACCESS_WRITE,
  aarch64,
  amd64,
  FAULT_NOT_PRESENT,
  FAULT_PROTECTION,
  i386,
  largePageFrames,
  makeMmu,
  type PageTableFormat,
  Ram,
  sv32,
  sv39,
  Tlb,
  translate,
} from '../machine/index.ts';
import { handful } from '../machine/mmu/made-up-formats.conformance.ts';
import { PhysicalMap } from './physical-map.ts';
import type { Pmap } from './pmap.ts';

const live: PhysicalMap[] = [];
afterEach(() => {
  for (const pmaps of live.splice(0)) pmaps.check();
});

/** A machine with a run of frames for one large page, and a space. */
function make(format: PageTableFormat, options: { failure?: FailurePlan; largePages?: 'never' | 'promote' } = {}) {
  const pages = largePageFrames(format);
  const frameCount = 3 * pages + 64;
  const ram = new Ram(new ArrayBuffer(frameCount * PAGE_SIZE), frameCount);
  const frames = bootPhysicalMemory({ ram, allocator: bitmapAllocator, ...(options.failure && { failure: options.failure }) });
  const mmu = makeMmu(ram, format, () => -1);
  if (mmu === undefined) throw new Error('no MMU');
  const heap = slabHeap.make(frames);
  const pmaps = new PhysicalMap({ mmu, frames, heap, events: new EventRing(), largePages: options.largePages ?? 'promote' });
  live.push(pmaps);
  const words = 4 * pages;
  const newPmap = () => pmaps.create(new Tlb(new ArrayBuffer(8 * words), 0, 4 * words, words)) as Pmap;
  const base = frames.allocateRun(pages, FrameKind.anon, { alignment: pages }) as Pfn;
  const pmap = newPmap();
  /** Enters all pages of the window but those in `except`. */
  const fill = (space: Pmap, right: 'read' | 'write', access: 0 | 1 | undefined, except: readonly number[] = []) => {
    for (let i = 0; i < pages; i++) if (!except.includes(i)) pmaps.enter(space, pages + i, (base + i) as Pfn, right, access);
  };
  const frame = (i: number) => (base + i) as Pfn;
  const all = (of: (i: number) => boolean) => Array.from({ length: pages }, (_, i) => i).every(of);
  const counts = () => {
    const { promotions, demotions, dissolved, mapped } = pmaps.largePages ?? { promotions: 0, demotions: 0, dissolved: 0, mapped: 0 };
    return [promotions, demotions, dissolved, mapped];
  };
  return { ram, frames, mmu, pmaps, pmap, newPmap, pages, base, fill, frame, all, counts };
}

describe.each([handful, i386, sv32, amd64, sv39, aarch64])('large mappings on $name', (format) => {
  it('take the place of a full table of frames in a row, whose frame is free again, and translate as the table did', () => {
    const { ram, mmu, pmaps, pmap, pages, fill, frame, frames, all, counts } = make(format);
    fill(pmap, 'write', 1, [3]);
    const tables = frames.countOf(FrameKind.pageTable);
    expect(counts()).toEqual([0, 0, 0, 0]);
    pmaps.enter(pmap, pages + 3, frame(3), 'write', 1);
    expect([counts(), frames.countOf(FrameKind.pageTable), pmap.tableFrames]).toEqual([[1, 0, 0, 1], tables - 1, tables - 1]);
    expect([pmap.residentPages, pmaps.notMapped(pmap, pages - 1, 0b1111)]).toEqual([pages, 0b0001]);
    expect(all((i) => pmaps.extract(pmap, pages + i) === frame(i) && pmaps.isWritable(pmap, pages + i))).toBe(true);
    expect(all((i) => pmaps.isModified(frame(i)) && pmaps.mappings(frame(i)) === 1)).toBe(true);
    expect(all((i) => pmap.tlb.writeFrame(pages + i) === frame(i))).toBe(true);
    pmap.tlb.flush();
    expect(pmaps.notMapped(pmap, pages - 1, 0b1111)).toBe(0b0001);
    expect(all((i) => pmaps.refill(pmap, pages + i, i % 2 === 0 ? 0 : 1) === frame(i))).toBe(true);
    expect([pmaps.extract(pmap, pages - 1), pmaps.extract(pmap, 2 * pages), pmaps.refill(pmap, 2 * pages, 0)]).toEqual([
      -1,
      -1,
      FAULT_NOT_PRESENT,
    ]);
    // The definition, which knows nothing of the fast walks.
    const image = { bytes: ram.words.length * 4, word: (at: number) => ram.words[at >>> 2] };
    const root = mmu.rootAddress(pmap.root);
    const { end } = translate(image, {
      format,
      root,
      address: BigInt((pages + 5) * PAGE_SIZE),
      access: ACCESS_WRITE,
      mode: 'user',
      space: 1,
    });
    expect(end).toMatchObject({ how: 'page', target: { frame: BigInt(frame(5)), pageBytes: pages * PAGE_SIZE } });
  });

  it('are not made of frames out of order, of unequal rights, or of clean pages that may be written (LP1)', () => {
    for (const spoil of [
      ({ pmaps, pmap, pages, frame, frames }: ReturnType<typeof make>) => {
        pmaps.enter(pmap, pages + 2, frames.allocate(FrameKind.anon) as Pfn, 'write', 1);
        pmaps.enter(pmap, pages + 3, frame(3), 'write', 1);
      },
      ({ pmaps, pmap, pages, frame }: ReturnType<typeof make>) => {
        pmaps.enter(pmap, pages + 2, frame(2), 'read', 0);
        pmaps.enter(pmap, pages + 3, frame(3), 'write', 1);
      },
      ({ pmaps, pmap, pages, frame }: ReturnType<typeof make>) => {
        pmaps.enter(pmap, pages + 2, frame(2), 'write', 0);
        pmaps.enter(pmap, pages + 3, frame(3), 'write', 1);
      },
    ]) {
      const made = make(format);
      made.fill(made.pmap, 'write', 1, [2, 3]);
      spoil(made);
      expect([made.counts(), made.pmap.residentPages]).toEqual([[0, 0, 0, 0], made.pages]);
      made.pmaps.enter(made.pmap, made.pages + 2, made.frame(2), 'write', 1);
      expect(made.counts()).toEqual([1, 0, 0, 1]);
    }
  });

  it('are made by the store that makes the last clean page dirty, too', () => {
    const { pmaps, pmap, pages, fill, frame, counts } = make(format);
    fill(pmap, 'write', 1, [6]);
    pmaps.enter(pmap, pages + 6, frame(6), 'write', undefined);
    expect([pmaps.refill(pmap, pages + 6, 0), counts()]).toEqual([frame(6), [0, 0, 0, 0]]);
    expect([pmaps.refill(pmap, pages + 6, 1), counts()]).toEqual([frame(6), [1, 0, 0, 1]]);
    expect(pmap.tlb.writeFrame(pages + 6)).toBe(frame(6));
  });

  it('are not made where that is not asked for, nor of frames that begin elsewhere', () => {
    const never = make(format, { largePages: 'never' });
    never.fill(never.pmap, 'write', 1);
    expect([never.pmaps.largePages, never.pmap.largePages]).toEqual([undefined, 0]);
    const { pmaps, pmap, pages, frames, counts } = make(format);
    const run = frames.allocateRun(pages + 1, FrameKind.anon, { alignment: pages }) as number;
    for (let i = 0; i < pages; i++) pmaps.enter(pmap, pages + i, (run + 1 + i) as Pfn, 'write', 1);
    expect(counts()).toEqual([0, 0, 0, 0]);
  });

  it('come back by their table when a part is unmapped, and every other page stays as it was', () => {
    const { pmaps, pmap, pages, fill, frame, all, counts } = make(format);
    fill(pmap, 'write', 1);
    pmaps.remove(pmap, pages + 4, pages + 5);
    expect([counts(), pmap.residentPages]).toEqual([[1, 1, 0, 0], pages - 1]);
    expect([pmaps.extract(pmap, pages + 4), pmap.tlb.reads(pages + 4), pmaps.mappings(frame(4))]).toEqual([-1, false, 0]);
    expect(all((i) => i === 4 || (pmap.tlb.writeFrame(pages + i) === frame(i) && pmaps.isModified(frame(i))))).toBe(true);
    // Back in its place, it completes the table again.
    pmaps.enter(pmap, pages + 4, frame(4), 'write', 1);
    expect(counts()).toEqual([2, 1, 0, 1]);
  });

  it('go as a whole when all of it is unmapped or write-protected, also by ranges that begin and end within', () => {
    const { pmaps, pmap, pages, fill, frame, all, counts } = make(format);
    fill(pmap, 'write', 1);
    pmaps.writeProtect(pmap, pages, 2 * pages);
    expect([counts(), pmaps.refill(pmap, pages + 1, 1), pmaps.refill(pmap, pages + 1, 0)]).toEqual([
      [1, 0, 0, 1],
      FAULT_PROTECTION,
      frame(1),
    ]);
    expect(all((i) => !pmap.tlb.writes(pages + i) && pmaps.isModified(frame(i)) && !pmaps.isWritable(pmap, pages + i))).toBe(true);
    pmaps.remove(pmap, 0, 3 * pages);
    expect([counts(), pmap.residentPages]).toEqual([[1, 0, 0, 0], 0]);
    expect(all((i) => pmaps.mappings(frame(i)) === 0 && !pmap.tlb.reads(pages + i) && pmaps.testAndClearReferenced(frame(i)))).toBe(true);
    fill(pmap, 'write', 1);
    pmaps.writeProtect(pmap, pages - 1, pages + 2);
    expect([counts(), [0, 1, 2].map((i) => pmaps.isWritable(pmap, pages + i))]).toEqual([
      [2, 1, 0, 0],
      [false, false, true],
    ]);
    for (const i of [0, 1]) pmaps.enter(pmap, pages + i, frame(i), 'write', 1);
    pmaps.remove(pmap, 2 * pages - 1, 2 * pages + 1);
    expect([counts(), pmap.residentPages]).toEqual([[3, 2, 0, 0], pages - 1]);
  });

  it('give each page its own marks when one is asked for its own (LP2)', () => {
    const { pmaps, pmap, pages, fill, frame, all, counts } = make(format);
    fill(pmap, 'write', 1);
    expect(pmaps.testAndClearReferenced(frame(2))).toBe(true);
    expect([counts(), pmap.tlb.reads(pages + 2), pmap.tlb.reads(pages + 3)]).toEqual([[1, 1, 0, 0], false, true]);
    expect(pmaps.testAndClearReferenced(frame(2))).toBe(false);
    expect(all((i) => i === 2 || pmaps.testAndClearReferenced(frame(i)))).toBe(true);
    // All clear: the page that is written completes nothing, since the others stay what they are.
    pmaps.refill(pmap, pages + 2, 1);
    expect(pmaps.testAndClearReferenced(frame(2))).toBe(true);
  });

  it('that nobody referenced are asked without a demotion', () => {
    const { pmaps, pmap, fill, frame, all, counts } = make(format);
    fill(pmap, 'read', undefined);
    expect([counts(), all((i) => !pmaps.testAndClearReferenced(frame(i)) && !pmaps.isModified(frame(i)))]).toEqual([[1, 0, 0, 1], true]);
    expect(counts()).toEqual([1, 0, 0, 1]);
    expect(pmaps.refill(pmap, pages(format) + 1, ACCESS_READ)).toBe(frame(1));
    expect(pmaps.testAndClearReferenced(frame(1))).toBe(true);
    expect(counts()).toEqual([1, 1, 0, 0]);
  });

  it('lose one page to another frame, to the page daemon, or its dirty mark alone', () => {
    const { pmaps, pmap, pages, fill, frame, frames, counts } = make(format);
    fill(pmap, 'write', 1);
    pmaps.clearModified(frame(5));
    expect([counts(), pmaps.isModified(frame(5)), pmaps.isModified(frame(6))]).toEqual([[1, 1, 0, 0], false, true]);
    pmaps.enter(pmap, pages + 5, frame(5), 'write', 1);
    expect(counts()).toEqual([2, 1, 0, 1]);
    const other = frames.allocate(FrameKind.anon) as Pfn;
    pmaps.enter(pmap, pages + 6, other, 'write', 1);
    expect([counts(), pmaps.extract(pmap, pages + 6), pmaps.mappings(frame(6))]).toEqual([[2, 2, 0, 0], other, 0]);
    pmaps.enter(pmap, pages + 6, frame(6), 'write', 1);
    pmaps.pageProtect(frame(7), 'none');
    expect([counts(), pmaps.extract(pmap, pages + 7), pmap.tlb.reads(pages + 7), pmap.residentPages]).toEqual([
      [3, 3, 0, 0],
      -1,
      false,
      pages - 1,
    ]);
  });

  it('in two spaces are each demoted by what concerns the frame', () => {
    const { pmaps, pmap, newPmap, pages, fill, frame, counts } = make(format);
    const other = newPmap();
    fill(pmap, 'write', 1);
    fill(other, 'read', 0);
    expect([counts(), pmap.largePages, other.largePages]).toEqual([[2, 0, 0, 2], 1, 1]);
    // The reader's needs no change.
    pmaps.pageProtect(frame(1), 'read');
    expect([counts(), pmap.largePages, other.largePages]).toEqual([[2, 1, 0, 1], 0, 1]);
    pmaps.pageProtect(frame(1), 'none');
    expect([counts(), pmaps.extract(pmap, pages + 1), pmaps.extract(other, pages + 1), pmaps.mappings(frame(2))]).toEqual([
      [2, 2, 0, 0],
      -1,
      -1,
      2,
    ]);
    pmaps.remove(pmap, 0, 3 * pages);
    pmaps.remove(other, 0, 3 * pages);
    pmaps.destroy(other);
  });

  it('that find no frame for a table are unmapped instead, and lose nothing (LP4)', () => {
    // Allocations: the run, the root, the tables of the path; then the one that the demotion asks for.
    const path = format.levels.length - 1;
    for (const part of ['remove', 'pageProtect', 'protect', 'enter', 'reference', 'dirty', 'freeze', 'move'] as const) {
      const { pmaps, pmap, pages, fill, frame, frames, all, counts } = make(format, { failure: new FailurePlan(2 + path) });
      fill(pmap, 'write', 1);
      expect(counts()).toEqual([1, 0, 0, 1]);
      const into: number[] = [];
      if (part === 'remove') pmaps.remove(pmap, pages + 1, pages + 2);
      else if (part === 'pageProtect') pmaps.pageProtect(frame(1), 'none');
      else if (part === 'protect') pmaps.writeProtect(pmap, pages + 1, pages + 2);
      else if (part === 'enter') expect(pmaps.enter(pmap, pages + 1, frame(1), 'read', 0)).toBe(true);
      else if (part === 'reference') expect(pmaps.testAndClearReferenced(frame(1))).toBe(true);
      else if (part === 'dirty') pmaps.clearModified(frame(1));
      else if (part === 'freeze') expect(pmaps.freeze(pmap, pages, 2 * pages, into, 0)).toBe(0);
      else pmaps.move(pmap, pages, 2 * pages, pmap, 2 * pages);
      expect([part, counts(), pmap.residentPages]).toEqual([part, [1, 0, 1, 0], part === 'enter' ? 1 : 0]);
      expect(all((i) => pmaps.isModified(frame(i)) === (part !== 'dirty' || i !== 1))).toBe(true);
      expect(all((i) => pmaps.testAndClearReferenced(frame(i)) === (part !== 'reference' || i !== 1))).toBe(true);
      pmaps.check();
      pmaps.reapTables();
      fill(pmap, 'write', 1);
      expect([counts()[3], pmap.residentPages, frames.countOf(FrameKind.pageTable)]).toEqual([1, pages, path]);
    }
  });

  it('are moved page by page, and read-only ones frozen', () => {
    const { pmaps, pmap, newPmap, pages, fill, frame, all, counts } = make(format);
    const other = newPmap();
    fill(pmap, 'write', 1);
    const into: number[] = [];
    expect(pmaps.freeze(pmap, pages + 1, pages + 3, into, 0)).toBe(2);
    expect([into, pmaps.isWritable(pmap, pages + 1), pmaps.isWritable(pmap, pages + 3)]).toEqual([[frame(1), frame(2)], false, true]);
    for (const i of [1, 2]) pmaps.enter(pmap, pages + i, frame(i), 'write', 1);
    pmaps.move(pmap, pages, 2 * pages, other, 2 * pages);
    expect([counts(), pmap.residentPages, other.residentPages]).toEqual([[2, 2, 0, 0], 0, pages]);
    expect(all((i) => pmaps.extract(other, 2 * pages + i) === frame(i))).toBe(true);
    expect(() => pmaps.setAbsent(other, 2 * pages, 1)).toThrow(/PM1/);
  });

  it('hold no value of the manager', () => {
    const { pmaps, pmap, pages, fill } = make(format);
    fill(pmap, 'write', 1);
    expect(pmaps.absentValue(pmap, pages + 1)).toBe(0);
    expect(() => pmaps.setAbsent(pmap, pages + 1, 1)).toThrow(/PM1/);
  });
});

const pages = largePageFrames;
