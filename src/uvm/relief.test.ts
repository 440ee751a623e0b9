// Where memory comes from when there is little: shares of the classes of pages, empty page tables, idle spaces, and at last a victim.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, layout, smallMachine } from '../../test/support/uvm-machine.ts';
import { counted, countsOf, load, store, TestFile } from '../../test/support/uvm-probe.ts';
import { EVENT_WORDS, EventType, PAGE_SIZE, pageOf } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import { livePolicies, type PolicyKind } from '../paging/index.ts';
import { Process } from '../process/index.ts';
import { FaultOutcome, PROT_READ, PROT_WRITE, type SpaceLayout } from '../system/index.ts';
import { netbsdTuning } from './tuning.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

const RW = PROT_READ | PROT_WRITE;
const HELD = 8;
const lazy: SpaceLayout = { ...layout, allocation: 'lazy' };

function machineWith(options: Parameters<typeof smallMachine>[0]) {
  const small = smallMachine(options);
  const { system, machine } = small;
  const newSpace = (how: SpaceLayout): Process => {
    const space = system.createSpace(how, small.newTlb());
    if (typeof space === 'string') throw new Error(space);
    return new Process(machine, system, space, () => 0);
  };
  const map = (process: Process, pages: number, file?: TestFile, address?: number): number => {
    const object = file === undefined ? undefined : system.createObject(file.pager);
    if (typeof object === 'string') throw new Error(object);
    const at = system.map(process.space as VmMap, {
      size: pages * PAGE_SIZE,
      protection: file?.pager.kind === 'image' ? PROT_READ : RW,
      sharing: file === undefined ? 'private' : 'shared',
      ...(object !== undefined && { object }),
      ...(address !== undefined && { place: { how: 'fixed', address } as const }),
    });
    if (typeof at === 'string') throw new Error(at);
    if (object !== undefined) system.releaseObject(object);
    return at;
  };
  const fill = (process: Process, at: number, pages: number): void => {
    for (let page = 0; page < pages; page++) store(process, at + page * PAGE_SIZE, page + 1);
  };
  const read = (process: Process, at: number, pages: number): void => {
    for (let page = 0; page < pages; page++) expect(load(process, at + page * PAGE_SIZE)).toBe((page + 1) & 0xff);
  };
  const fault = (process: Process, address: number): number => system.fault(process.space as VmMap, pageOf(address), 1);
  return { ...small, newSpace, map, fill, read, fault };
}

describe('classes of pages', () => {
  it('a file under its minimum is spared while anonymous memory is over its maximum', () => {
    const { machine, system, newProcess, map, fill, read } = machineWith({ frames: 256, tuning: netbsdTuning });
    const process = newProcess();
    const file = new TestFile(10, 'file');
    const at = map(process, 10, file);
    read(process, at, 10);
    const anonymous = map(process, 600);
    fill(process, anonymous, 600);
    // The file's pages are the oldest of all, and were never taken; 10 pages are under 10 % of 256.
    expect(file.reads.length).toBe(10);
    expect(machine.frames.countOf(FrameKind.object)).toBe(10);
    expect(system.statistics().swapPagesOut).toBeGreaterThan(300);
  });

  it('a file over its maximum goes first', () => {
    const { machine, system, newProcess, map, fill, read } = machineWith({ frames: 256, tuning: netbsdTuning });
    const process = newProcess();
    const anonymous = map(process, 40);
    fill(process, anonymous, 40);
    const at = map(process, 250, new TestFile(250, 'image'));
    read(process, at, 250);
    // Program images are over 30 % of memory throughout: the older anonymous pages all stay.
    expect(countsOf(machine, system)).toMatchObject({ anonFrames: 40, slots: 0 });
    expect(system.statistics().evictedClean).toBeGreaterThan(50);
  });

  it('what is spared goes when there is nothing else', () => {
    const { machine, system, newProcess, map, fill, read } = machineWith({ frames: 256, swapPages: 0, tuning: netbsdTuning });
    const process = newProcess();
    read(process, map(process, 10, new TestFile(10, 'image')), 10);
    const anonymous = map(process, 1000);
    expect(() => fill(process, anonymous, 1000)).toThrow();
    expect(machine.frames.countOf(FrameKind.object)).toBe(0);
    expect(system.statistics().evictedClean).toBe(10);
  });

  it('have no limits by default: the oldest page goes', () => {
    const { machine, newProcess, map, fill, read } = machineWith({ frames: 256 });
    const process = newProcess();
    read(process, map(process, 10, new TestFile(10, 'file')), 10);
    fill(process, map(process, 600), 600);
    expect(machine.frames.countOf(FrameKind.object)).toBe(0);
  });
});

describe('page tables that map nothing', () => {
  it('are given back when memory is short, and made again when needed', () => {
    const { machine, system, newProcess, map, fill, read } = machineWith({ frames: 128 });
    const process = newProcess();
    const { pmap } = process.space;
    // One page in each of twelve tables of 4 MiB.
    const places = Array.from({ length: 12 }, (_, i) => map(process, 1, undefined, 0x5000_0000 + i * 0x40_0000));
    for (const at of places) fill(process, at, 1);
    fill(process, map(process, HELD), HELD);
    expect(pmap.tableFrames).toBe(1 + 12 + 1);
    system.reclaim(machine.frames.table.count);
    system.check();
    // The root, and the table of the pages held.
    expect(pmap.tableFrames).toBe(2);
    expect(machine.frames.countOf(FrameKind.pageTable)).toBe(2);
    for (const at of places) read(process, at, 1);
  });
});

describe('tick', () => {
  it.each(livePolicies)(
    'gives an idle process’s file pages back first, then the others, down to a floor, under $name',
    (policy: PolicyKind) => {
      const { machine, system, newProcess, map, fill, read } = machineWith({ frames: 512, policy });
      const process = newProcess();
      const file = new TestFile(100, 'file');
      const at = map(process, 100, file);
      read(process, at, 100);
      const own = map(process, 60);
      fill(process, own, 60);
      const free = machine.frames.freeCount;
      for (let tick = 0; tick < 6; tick++) system.tick();
      expect(machine.frames.countOf(FrameKind.object)).toBe(0);
      expect(machine.frames.countOf(FrameKind.anon)).toBe(60);
      expect(system.statistics().idleFreed).toBe(100);
      for (let tick = 0; tick < 6; tick++) system.tick();
      // Sixteen stay, the eight that are held among them.
      expect(machine.frames.countOf(FrameKind.anon)).toBe(16);
      expect(machine.frames.freeCount).toBeGreaterThan(free + 140);
      system.check();
      read(process, own, 60);
      read(process, at, 100);
      expect(file.writes).toEqual([]);
    },
  );

  it('leaves a process that faults, and pages that are used, alone', () => {
    const { machine, system, newProcess, map, fill } = machineWith({ frames: 512 });
    const [busy, user] = [newProcess(), newProcess()];
    const own = map(busy, 40);
    fill(busy, own, 40);
    const used = map(user, 40);
    fill(user, used, 40);
    const fresh = map(busy, 100);
    for (let tick = 0; tick < 30; tick++) {
      store(busy, fresh + tick * PAGE_SIZE, 1);
      fill(user, used, 40);
      system.tick();
    }
    expect(system.statistics().idleFreed).toBe(0);
    expect(machine.frames.countOf(FrameKind.anon)).toBe(110);
  });

  it('does the same each time', () => {
    const run = (): Record<string, number> => {
      const { system, newProcess, map, fill } = machineWith({ frames: 256 });
      const process = newProcess();
      fill(process, map(process, 120), 120);
      return counted(system, () => {
        for (let tick = 0; tick < 20; tick++) system.tick();
      });
    };
    expect(run()).toEqual(run());
  });
});

describe('a victim', () => {
  function crowded() {
    const all = machineWith({ frames: 160, swapPages: 32 });
    const [small, big, strict] = [all.newSpace(lazy), all.newSpace(lazy), all.newSpace(layout)];
    all.fill(small, all.map(small, 20), 20);
    all.fill(big, all.map(big, 60), 60);
    const at = all.map(strict, 300);
    return { ...all, small, big, strict, at };
  }
  const touched = (outcomes: readonly number[]): number => outcomes.filter((outcome) => outcome === FaultOutcome.resolved).length;

  it('is the lazy space with the most memory, then the next; the asker goes on', () => {
    const { system, fault, small, big, strict, at } = crowded();
    const ended: unknown[] = [];
    system.setVictimHandler((space) => {
      ended.push(space);
      system.destroySpace(space);
      return 'ended';
    });
    let page = 0;
    while (ended.length < 2) expect(fault(strict, at + page++ * PAGE_SIZE)).toBe(FaultOutcome.resolved);
    expect(ended).toEqual([big.space, small.space]);
    system.check();
    // Alone now, it gets all there is, and is refused when nobody is left.
    const rest = Array.from({ length: 300 - page }, (_, i) => fault(strict, at + (page + i) * PAGE_SIZE));
    expect(touched(rest)).toBeGreaterThan(10);
    expect(rest.at(-1)).toBe(FaultOutcome.outOfMemory);
    expect(system.statistics().victims).toBe(2);
  });

  it('that ends later: until then the asker lives on the reserve, and no second one is chosen', () => {
    const { machine, system, fault, big, strict, at } = crowded();
    const doomed: unknown[] = [];
    system.setVictimHandler((space) => {
      doomed.push(space);
      return 'later';
    });
    let page = 0;
    while (doomed.length === 0) expect(fault(strict, at + page++ * PAGE_SIZE)).toBe(FaultOutcome.resolved);
    expect(machine.frames.freeCount).toBeLessThanOrEqual(5);
    let outcome: number = FaultOutcome.resolved;
    while (outcome === FaultOutcome.resolved) outcome = fault(strict, at + page++ * PAGE_SIZE);
    expect([outcome, doomed.length, machine.frames.freeCount]).toEqual([FaultOutcome.outOfMemory, 1, 1]);
    system.check();
    system.destroySpace(big.space as VmMap);
    expect(fault(strict, at + page * PAGE_SIZE)).toBe(FaultOutcome.resolved);
  });

  it('is not looked for when a lazy space asks: it is refused', () => {
    const { system, fault, newSpace, map } = crowded();
    let asked = 0;
    system.setVictimHandler(() => {
      asked++;
      return 'later';
    });
    const greedy = newSpace(lazy);
    const at = map(greedy, 300);
    const outcomes = Array.from({ length: 300 }, (_, i) => fault(greedy, at + i * PAGE_SIZE));
    expect(outcomes.at(-1)).toBe(FaultOutcome.outOfMemory);
    expect(asked).toBe(0);
  });

  it('is nobody where no space is lazy, or nobody ends processes', () => {
    const { system, fault, strict, at } = crowded();
    const outcomes = Array.from({ length: 300 }, (_, i) => fault(strict, at + i * PAGE_SIZE));
    expect(outcomes.at(-1)).toBe(FaultOutcome.outOfMemory);
    expect(system.statistics().victims).toBe(0);
  });
});

describe('an object that ends while its pager cannot write', () => {
  it('loses its dirty pages, counts them, and says which', () => {
    const { machine, system, newProcess, map } = machineWith({});
    const process = newProcess();
    const file = new TestFile(6, 'file');
    const at = map(process, 6, file);
    for (const page of [1, 4]) store(process, at + page * PAGE_SIZE, 99);
    load(process, at);
    file.broken = 'write';
    const lost: number[] = [];
    machine.events.attach((words) => {
      for (let i = 0; i < words.length; i += EVENT_WORDS) if (words[i] === EventType.pageLost) lost.push(words[i + 3] as number);
    });
    expect(system.unmap(process.space as VmMap, at, 6 * PAGE_SIZE)).toBe(0);
    machine.events.attach(undefined);
    expect(lost).toEqual([1, 4]);
    expect(system.statistics()).toMatchObject({ lostPages: 2, pagerWrites: 0 });
    expect(machine.frames.countOf(FrameKind.object)).toBe(0);
  });
});
