// Each case of the fault algorithm by itself. Expectations: contents by value, counters by UVM's own description of the cases
// (Cranor and Parulkar 1999, section 5.4), rights as the page table has them.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, smallMachine } from '../../test/support/uvm-machine.ts';
import { counted, countsOf, load, store, TestFile } from '../../test/support/uvm-probe.ts';
import { PAGE_SIZE, type Pfn, pageOf } from '../base/index.ts';
import { GuestFault } from '../process/index.ts';
import { FaultOutcome, PROT_EXECUTE, PROT_READ, PROT_WRITE } from '../system/index.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

const RW = PROT_READ | PROT_WRITE;

/** A machine with one process, and one area of `pages` pages in it. */
function oneArea(options: { pages?: number; protection?: number; sharing?: 'private' | 'shared'; file?: TestFile; frames?: number } = {}) {
  const { machine, system, newProcess, newTlb } = smallMachine({ frames: options.frames ?? 256 });
  const process = newProcess();
  const space = process.space as VmMap;
  const object = options.file === undefined ? undefined : system.createObject(options.file.pager);
  if (typeof object === 'string') throw new Error(object);
  const start = system.map(space, {
    size: (options.pages ?? 16) * PAGE_SIZE,
    protection: options.protection ?? RW,
    sharing: options.sharing ?? 'private',
    ...(object !== undefined && { object }),
  });
  if (typeof start === 'string') throw new Error(start);
  const at = (page: number) => start + page * PAGE_SIZE;
  const fault = (page: number, access: 0 | 1 | 2) => system.fault(space, pageOf(at(page)), access);
  const frame = (page: number) => machine.pmaps.extract(space.pmap, pageOf(at(page)));
  const writable = (page: number) => machine.pmaps.isWritable(space.pmap, pageOf(at(page)));
  const fork = () => {
    const child = system.fork(space, newTlb());
    if (typeof child === 'string') throw new Error(child);
    const childFault = (page: number, access: 0 | 1) => system.fault(child, pageOf(at(page)), access);
    const childFrame = (page: number) => machine.pmaps.extract(child.pmap, pageOf(at(page)));
    return { child, childFault, childFrame };
  };
  /** Pages everything out that can be. */
  const pageOut = () => {
    // Eight other pages take the places of those held for the last accesses.
    const other = system.map(space, { size: 8 * PAGE_SIZE, protection: RW, sharing: 'private' }) as number;
    for (let i = 0; i < 8; i++) store(process, other + i * PAGE_SIZE, 1);
    system.reclaim(machine.frames.table.count);
    system.unmap(space, other, 8 * PAGE_SIZE);
  };
  return { machine, system, process, space, start, at, fault, frame, writable, fork, pageOut };
}

describe('case 2B, zero fill', () => {
  it.each([0, 1] as const)('a fault of access %i (0 read, 1 write) on untouched memory gets a page of zeros', (access) => {
    const area = oneArea();
    const moved = counted(area.system, () => expect(area.fault(3, access)).toBe(FaultOutcome.resolved));
    expect(moved).toEqual({ faults: 1, zeroFill: 1, case2B: 1 });
    expect(countsOf(area.machine, area.system)).toMatchObject({ anons: 1, anonFrames: 1, slots: 0 });
    expect(area.writable(3)).toBe(true);
    const page = area.frame(3);
    expect(area.machine.ram.bytes.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)).toEqual(new Uint8Array(PAGE_SIZE));
    expect(area.machine.pmaps.isModified(page as Pfn)).toBe(access === 1);
  });

  it('gives no right to write to an area without one', () => {
    const area = oneArea({ protection: PROT_READ });
    expect(area.fault(0, 0)).toBe(FaultOutcome.resolved);
    expect(area.writable(0)).toBe(false);
    expect(area.fault(0, 1)).toBe(FaultOutcome.protection);
  });
});

describe('case 1A', () => {
  it('a resident anon is only mapped', () => {
    const area = oneArea();
    store(area.process, area.at(3), 77);
    const frame = area.frame(3);
    area.machine.pmaps.remove(area.space.pmap, pageOf(area.at(3)), pageOf(area.at(3)) + 1);
    const moved = counted(area.system, () => area.fault(3, 0));
    expect(moved).toEqual({ faults: 1, resident: 1, case1A: 1 });
    expect([area.frame(3), area.writable(3), load(area.process, area.at(3))]).toEqual([frame, true, 77]);
  });

  it("a write to a page that is mapped read-only and is the process's own only gets the right", () => {
    const area = oneArea();
    store(area.process, area.at(3), 77);
    area.machine.pmaps.writeProtect(area.space.pmap, pageOf(area.at(3)), pageOf(area.at(3)) + 1);
    const moved = counted(area.system, () => store(area.process, area.at(3), 78));
    expect(moved).toEqual({ faults: 1, protection: 1, case1A: 1 });
    expect(area.writable(3)).toBe(true);
  });

  it('an anon on swap is read in, and keeps its slot', () => {
    const area = oneArea();
    store(area.process, area.at(3), 77);
    area.pageOut();
    expect(area.frame(3)).toBe(-1);
    expect(countsOf(area.machine, area.system)).toMatchObject({ anons: 1, anonFrames: 0, slots: 1 });
    const moved = counted(area.system, () => expect(load(area.process, area.at(3))).toBe(77));
    expect(moved).toEqual({ faults: 1, swapIn: 1, swapPagesIn: 1, swapOnly: -1, case1A: 1 });
    expect(countsOf(area.machine, area.system)).toMatchObject({ anons: 1, anonFrames: 1, slots: 1 });
  });

  it('maps an anon that others hold without the right to write', () => {
    const area = oneArea();
    store(area.process, area.at(3), 77);
    const { childFault, childFrame, child } = area.fork();
    expect(childFault(3, 0)).toBe(FaultOutcome.resolved);
    expect(childFrame(3)).toBe(area.frame(3));
    expect(area.machine.pmaps.isWritable(child.pmap, pageOf(area.at(3)))).toBe(false);
    expect(area.writable(3)).toBe(false);
  });
});

describe('case 1B', () => {
  it('a write to an anon that others hold gets a copy; the other keeps the page', () => {
    const area = oneArea();
    store(area.process, area.at(3), 77);
    const original = area.frame(3);
    const { childFault, childFrame } = area.fork();
    const moved = counted(area.system, () => childFault(3, 1));
    expect(moved).toEqual({ faults: 1, copyOnWrite: 1, case1B: 1 });
    expect(childFrame(3)).not.toBe(original);
    expect(area.machine.ram.bytes[childFrame(3) * PAGE_SIZE]).toBe(77);
    expect(area.frame(3)).toBe(original);
    expect(countsOf(area.machine, area.system)).toMatchObject({ anons: 2, anonFrames: 2 });
  });

  it('counts as a swap-in where the page was on swap', () => {
    const area = oneArea();
    store(area.process, area.at(3), 77);
    const { childFault, childFrame } = area.fork();
    area.pageOut();
    const moved = counted(area.system, () => childFault(3, 1));
    expect(moved).toEqual({ faults: 1, swapIn: 1, swapPagesIn: 1, swapOnly: -1, case1B: 1 });
    expect(area.machine.ram.bytes[childFrame(3) * PAGE_SIZE]).toBe(77);
    // The parent's anon has its page and its slot, the copy has neither slot nor parent.
    expect(countsOf(area.machine, area.system)).toMatchObject({ anons: 2, anonFrames: 2, slots: 1 });
  });
});

describe('case 2A', () => {
  it("a read brings the object's page in and maps it read-only for a private area", () => {
    const file = new TestFile(16, 'image');
    const area = oneArea({ file });
    const moved = counted(area.system, () => expect(load(area.process, area.at(5))).toBe(6));
    expect(moved).toEqual({ faults: 1, image: 1, case2A: 1, pagerReads: 1 });
    expect(file.reads).toEqual([5]);
    expect(area.writable(5)).toBe(false);
    expect(countsOf(area.machine, area.system)).toMatchObject({ anons: 0, objectFrames: 1 });
  });

  it("a write to a shared area maps the object's page writable", () => {
    const area = oneArea({ file: new TestFile(16, 'file'), sharing: 'shared' });
    const moved = counted(area.system, () => store(area.process, area.at(5), 99));
    expect(moved).toEqual({ faults: 1, file: 1, case2A: 1, pagerReads: 1 });
    expect(area.writable(5)).toBe(true);
    expect(countsOf(area.machine, area.system)).toMatchObject({ anons: 0, objectFrames: 1 });
  });

  it('a page that another process brought in is only mapped', () => {
    const area = oneArea({ file: new TestFile(16, 'file'), sharing: 'shared' });
    store(area.process, area.at(5), 99);
    const { childFault, childFrame } = area.fork();
    const moved = counted(area.system, () => childFault(5, 0));
    expect(moved).toEqual({ faults: 1, resident: 1, case2A: 1 });
    expect(childFrame(5)).toBe(area.frame(5));
  });
});

describe('case 2B, copy', () => {
  it('a write to a private area of a file copies the page; the file keeps its own', () => {
    const file = new TestFile(16, 'file');
    const area = oneArea({ file });
    const moved = counted(area.system, () => store(area.process, area.at(5), 99));
    expect(moved).toEqual({ faults: 1, file: 1, case2B: 1, pagerReads: 1 });
    expect([load(area.process, area.at(5)), load(area.process, area.at(5) + 1)]).toEqual([99, 6]);
    expect(file.pages[5]?.[0]).toBe(6);
    expect(countsOf(area.machine, area.system)).toMatchObject({ anons: 1, anonFrames: 1, objectFrames: 1 });
  });

  it('counts as copy-on-write where the page was resident', () => {
    const area = oneArea({ file: new TestFile(16, 'file') });
    load(area.process, area.at(5));
    const source = area.frame(5);
    const moved = counted(area.system, () => store(area.process, area.at(5), 99));
    expect(moved).toEqual({ faults: 1, copyOnWrite: 1, case2B: 1 });
    expect(area.frame(5)).not.toBe(source);
    expect(area.writable(5)).toBe(true);
  });
});

describe('neighbours', () => {
  /** Pages 0..19 resident with clear bits, none mapped. */
  function unmapped(sharing: 'private' | 'shared', file?: TestFile) {
    const area = oneArea({ pages: 20, sharing, ...(file !== undefined && { file }) });
    for (let page = 0; page < 20; page++) {
      store(area.process, area.at(page), page);
      area.machine.pmaps.testAndClearReferenced(area.frame(page) as Pfn);
      area.machine.pmaps.clearModified(area.frame(page) as Pfn);
    }
    area.machine.pmaps.remove(area.space.pmap, pageOf(area.start), pageOf(area.start) + 20);
    const mapped = () => Array.from({ length: 20 }, (_, page) => page).filter((page) => area.frame(page) !== -1);
    return { ...area, mapped };
  }

  it.each([
    [10, [7, 8, 9, 10, 11, 12, 13, 14]],
    [0, [0, 1, 2, 3, 4]],
    [2, [0, 1, 2, 3, 4, 5, 6]],
    [3, [0, 1, 2, 3, 4, 5, 6, 7]],
    [15, [12, 13, 14, 15, 16, 17, 18, 19]],
    [16, [13, 14, 15, 16, 17, 18, 19]],
    [19, [16, 17, 18, 19]],
  ])('of page %i: three behind and four ahead, inside the entry', (page, expected) => {
    const area = unmapped('private');
    const moved = counted(area.system, () => area.fault(page, 0));
    expect(area.mapped()).toEqual(expected);
    expect(moved['mappedAheadAnon']).toBe(expected.length - 1);
  });

  it('of a file are mapped as well', () => {
    const area = unmapped('shared', new TestFile(20, 'file'));
    const moved = counted(area.system, () => area.fault(10, 0));
    expect(area.mapped()).toEqual([7, 8, 9, 10, 11, 12, 13, 14]);
    expect(moved['mappedAheadObject']).toBe(7);
  });

  it('that are not resident are not brought in', () => {
    const file = new TestFile(20, 'image');
    const area = oneArea({ pages: 20, file });
    load(area.process, area.at(9));
    load(area.process, area.at(12));
    area.machine.pmaps.remove(area.space.pmap, pageOf(area.start), pageOf(area.start) + 20);
    area.fault(10, 0);
    expect([8, 9, 10, 11, 12, 13].filter((page) => area.frame(page) !== -1)).toEqual([9, 10, 12]);
    expect(file.reads).toEqual([9, 12, 10]);
  });

  it('that are mapped already are left alone', () => {
    const area = unmapped('private');
    area.fault(10, 0);
    const moved = counted(area.system, () => area.fault(10, 1));
    expect(moved['mappedAheadAnon']).toBeUndefined();
  });

  it('have both bits clear and no TLB word, and their rights', () => {
    const area = unmapped('private');
    area.fault(10, 0);
    const frame = area.frame(11) as Pfn;
    expect([area.machine.pmaps.testAndClearReferenced(frame), area.machine.pmaps.isModified(frame)]).toEqual([false, false]);
    expect([area.space.pmap.tlb.reads(pageOf(area.at(11))), area.writable(11)]).toEqual([false, true]);
    load(area.process, area.at(11));
    expect(area.machine.pmaps.testAndClearReferenced(frame)).toBe(true);
  });

  it('that others hold too are mapped read-only', () => {
    const area = unmapped('private');
    const { child, childFault } = area.fork();
    childFault(10, 0);
    expect(area.machine.pmaps.isWritable(child.pmap, pageOf(area.at(11)))).toBe(false);
    expect(area.machine.pmaps.extract(child.pmap, pageOf(area.at(11)))).not.toBe(-1);
  });
});

describe('faults that cannot be resolved', () => {
  it('outside every area', () => {
    const area = oneArea();
    const moved = counted(area.system, () => expect(area.system.fault(area.space, 0, 0)).toBe(FaultOutcome.unmapped));
    expect(moved).toEqual({ faults: 1, failed: 1 });
    expect(area.system.fault(area.space, pageOf(area.start) - 1, 0)).toBe(FaultOutcome.unmapped);
  });

  it.each([
    [0, 0, FaultOutcome.protection],
    [0, 1, FaultOutcome.protection],
    [0, 2, FaultOutcome.protection],
    [PROT_READ, 0, FaultOutcome.resolved],
    [PROT_READ, 1, FaultOutcome.protection],
    [PROT_READ, 2, FaultOutcome.protection],
    [RW, 1, FaultOutcome.resolved],
    [RW, 2, FaultOutcome.protection],
    [PROT_READ | PROT_EXECUTE, 2, FaultOutcome.resolved],
    [PROT_READ | PROT_EXECUTE, 1, FaultOutcome.protection],
  ] as const)('by protection %i, access %i: outcome %i', (protection, access, outcome) => {
    const area = oneArea({ protection });
    expect(area.fault(0, access)).toBe(outcome);
    if (outcome !== FaultOutcome.resolved) expect(countsOf(area.machine, area.system)).toMatchObject({ anons: 0, anonFrames: 0 });
  });

  it('because the file cannot be read: nothing changes, and a later try can succeed', () => {
    const file = new TestFile(16, 'image');
    const area = oneArea({ file });
    file.broken = 'read';
    expect(area.fault(5, 0)).toBe(FaultOutcome.ioError);
    expect(() => load(area.process, area.at(5))).toThrow(GuestFault);
    expect(countsOf(area.machine, area.system).objectFrames).toBe(0);
    file.broken = undefined;
    expect(load(area.process, area.at(5))).toBe(6);
  });
});

describe('the kinds of fault', () => {
  it('exclude each other and add up', () => {
    const area = oneArea({ pages: 64, file: new TestFile(64, 'file'), frames: 48 });
    for (let round = 0; round < 3; round++) {
      for (let page = 0; page < 64; page++) {
        if ((page + round) % 3 === 0) store(area.process, area.at(page), round);
        else load(area.process, area.at(page));
      }
    }
    area.fault(0, 2);
    const all = area.system.statistics();
    expect(all.zeroFill + all.image + all.file + all.copyOnWrite + all.swapIn + all.protection + all.resident + all.failed).toBe(
      all.faults,
    );
    expect(all.failed).toBe(1);
  });
});
