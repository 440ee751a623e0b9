// The page daemon and swap: how many device operations, which slots, what is kept, and what happens when nothing can be freed.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, smallMachine } from '../../test/support/uvm-machine.ts';
import { counted, countsOf, load, store, TestFile } from '../../test/support/uvm-probe.ts';
import { FailurePlan, PAGE_SIZE, type Pfn, pageOf } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import { HeapUse } from '../heap/index.ts';
import { FaultyDevice, MemoryDevice } from '../machine/index.ts';
import { livePolicies, type PolicyKind } from '../paging/index.ts';
import { GuestFault, type Process } from '../process/index.ts';
import { FaultOutcome, PROT_READ, PROT_WRITE } from '../system/index.ts';
import { defaultTuning } from './tuning.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

const RW = PROT_READ | PROT_WRITE;
/** Pages held for running code, never evicted. */
const HELD = 8;

function machineWith(options: Parameters<typeof smallMachine>[0]) {
  const small = smallMachine(options);
  const map = (process: Process, pages: number) => {
    const at = small.system.map(process.space as VmMap, { size: pages * PAGE_SIZE, protection: RW, sharing: 'private' });
    if (typeof at === 'string') throw new Error(at);
    return at as number;
  };
  /** Writes `pages` pages; page i begins with byte i + 1. */
  const fill = (process: Process, at: number, pages: number, add = 1) => {
    for (let page = 0; page < pages; page++) store(process, at + page * PAGE_SIZE, (page + add) & 0xff);
  };
  const verify = (process: Process, at: number, pages: number, add = 1) => {
    for (let page = 0; page < pages; page++) expect(load(process, at + page * PAGE_SIZE)).toBe((page + add) & 0xff);
  };
  return { ...small, map, fill, verify, counts: () => countsOf(small.machine, small.system) };
}

describe('page-out', () => {
  it('writes sixteen pages in one operation, whatever anons they are', () => {
    const { machine, system, newProcess, map, fill, swap, counts } = machineWith({ frames: 256 });
    const [a, b] = [newProcess(), newProcess()];
    const [atA, atB] = [map(a, 40), map(b, 32)];
    for (let page = 0; page < 32; page++) {
      store(a, atA + page * PAGE_SIZE, 1);
      store(b, atB + page * PAGE_SIZE, 2);
    }
    fill(a, atA + 32 * PAGE_SIZE, HELD);
    const moved = counted(system, () => system.reclaim(machine.frames.table.count));
    expect(moved).toMatchObject({ swapPagesOut: 64, swapClusters: 4, evictedDirty: 64 });
    expect(swap?.counters).toMatchObject({ writeOperations: 4, bytesWritten: 64 * PAGE_SIZE, readOperations: 0 });
    expect(counts()).toMatchObject({ anons: 64 + HELD, anonFrames: HELD, slots: 64 });
  });

  it('gives a page that changed a new slot beside the others, and the old one back', () => {
    const { machine, system, newProcess, map, fill, swap, counts } = machineWith({ frames: 128 });
    const process = newProcess();
    const at = map(process, 32);
    fill(process, at, 32);
    fill(process, map(process, HELD), HELD);
    system.reclaim(machine.frames.table.count);
    expect(swap?.counters.writeOperations).toBe(2);
    // Every second page changes: sixteen scattered old slots, one new run.
    for (let page = 0; page < 32; page += 2) store(process, at + page * PAGE_SIZE, 200);
    fill(process, map(process, HELD), HELD);
    const before = swap?.counters.writeOperations ?? 0;
    system.reclaim(machine.frames.table.count);
    // Sixteen of the array and the eight held before.
    expect((swap?.counters.writeOperations ?? 0) - before).toBe(2);
    expect(counts().slots).toBe(32 + HELD);
    for (let page = 0; page < 32; page++) expect(load(process, at + page * PAGE_SIZE)).toBe(page % 2 === 0 ? 200 : page + 1);
  });

  it('drops an unchanged page that has a slot without I/O', () => {
    const { machine, system, newProcess, map, fill, swap } = machineWith({ frames: 128 });
    const process = newProcess();
    const at = map(process, 16);
    fill(process, at, 16);
    fill(process, map(process, HELD), HELD);
    system.reclaim(machine.frames.table.count);
    for (let page = 0; page < 16; page++) load(process, at + page * PAGE_SIZE);
    fill(process, map(process, HELD), HELD);
    const moved = counted(system, () => system.reclaim(machine.frames.table.count));
    // The sixteen read back are dropped; of the others only the eight held before are written.
    expect(moved).toMatchObject({ evictedClean: 16, evictedDirty: HELD, swapPagesOut: HELD });
    expect(swap?.counters.bytesWritten).toBe((16 + HELD) * PAGE_SIZE);
  });

  it('drops an unchanged file page without I/O and reads it again', () => {
    const { machine, system, newProcess, map, fill, swap } = machineWith({ frames: 128 });
    const process = newProcess();
    const file = new TestFile(8, 'image');
    const object = system.createObject(file.pager);
    if (typeof object === 'string') throw new Error(object);
    const at = system.map(process.space as VmMap, { size: 8 * PAGE_SIZE, protection: PROT_READ, sharing: 'private', object }) as number;
    for (let page = 0; page < 8; page++) load(process, at + page * PAGE_SIZE);
    fill(process, map(process, HELD), HELD);
    expect(system.reclaim(machine.frames.table.count)).toBeGreaterThanOrEqual(8);
    expect(machine.frames.countOf(FrameKind.object)).toBe(0);
    expect(swap?.counters.writeOperations).toBe(0);
    expect(load(process, at + 3 * PAGE_SIZE)).toBe(4);
    expect(file.reads.filter((page) => page === 3).length).toBe(2);
  });

  it.each(livePolicies)('never takes a page that was just mapped, under $name', (policy: PolicyKind) => {
    const { machine, system, newProcess, map } = machineWith({ frames: 128, policy });
    const process = newProcess();
    const at = map(process, 32);
    const frames: Pfn[] = [];
    for (let page = 0; page < 32; page++) {
      store(process, at + page * PAGE_SIZE, page);
      frames.push(machine.pmaps.extract(process.space.pmap, pageOf(at) + page) as Pfn);
      system.reclaim(machine.frames.table.count);
      for (let back = 0; back < Math.min(HELD, page + 1); back++) {
        const held = machine.pmaps.extract(process.space.pmap, pageOf(at) + page - back);
        expect(held).toBe(frames[page - back]);
      }
    }
    expect(system.statistics().daemonHeld).toBeGreaterThan(0);
  });

  it('wakes below its minimum, and stops at its target', () => {
    const { machine, newProcess, map, system } = machineWith({ frames: 512 });
    const process = newProcess();
    const at = map(process, 600);
    let lowest = 512;
    for (let page = 0; page < 600; page++) {
      store(process, at + page * PAGE_SIZE, 1);
      lowest = Math.min(lowest, machine.frames.freeCount);
    }
    // 512 frames: a sixteenth of those managed, 31; each run frees at least sixteen.
    expect(lowest).toBeGreaterThanOrEqual(28);
    expect(system.statistics().daemonWakes).toBeLessThan((600 - 470) / 8);
  });
});

describe('swap that fails', () => {
  it('on writing a cluster, once: its pages are written one by one', () => {
    const writes = new FailurePlan(0);
    const { machine, system, newProcess, map, fill, verify } = machineWith({
      frames: 128,
      swap: new FaultyDevice(new MemoryDevice(512), { writes }),
    });
    const process = newProcess();
    const at = map(process, 60);
    fill(process, at, 60);
    const moved = counted(system, () => system.reclaim(32));
    // The cluster that failed, sixteen single pages, and the second cluster.
    expect(moved).toMatchObject({ swapErrors: 1, swapClusters: 17, swapPagesOut: 32 });
    expect(system.swapDevices()).toMatchObject([{ used: 32, bad: 0 }]);
    expect(countsOf(machine, system)).toMatchObject({ anonFrames: 28, slots: 32 });
    verify(process, at, 60);
  });

  it('on a bad slot: it is never used again, and its page is written elsewhere', () => {
    const device = new MemoryDevice(64);
    const { machine, system, newProcess, map, fill, verify } = machineWith({
      frames: 128,
      swap: new FaultyDevice(device, { badPages: [5, 6] }),
    });
    const process = newProcess();
    const at = map(process, 60);
    fill(process, at, 60);
    system.reclaim(machine.frames.table.count);
    expect(system.swapDevices()).toMatchObject([{ bad: 2 }]);
    expect(countsOf(machine, system)).toMatchObject({ anonFrames: HELD, slots: 60 - HELD });
    for (let round = 0; round < 4; round++) {
      fill(process, at, 60, round);
      system.reclaim(machine.frames.table.count);
      verify(process, at, 60, round);
    }
    // One write of the cluster and two of single pages failed, in all.
    expect(system.statistics().swapErrors).toBe(3);
  });

  it('on every write: the pages stay, with their contents, and few slots are tried', () => {
    const badPages = Array.from({ length: 512 }, (_, page) => page);
    const { machine, system, newProcess, map, fill, verify } = machineWith({
      frames: 128,
      swap: new FaultyDevice(new MemoryDevice(512), { badPages }),
    });
    const process = newProcess();
    const at = map(process, 60);
    fill(process, at, 60);
    const before = countsOf(machine, system);
    expect(system.reclaim(32)).toBe(0);
    expect(countsOf(machine, system)).toEqual(before);
    expect(system.swapDevices()).toMatchObject([{ used: 0, bad: 3 }]);
    verify(process, at, 60);
  });

  it('on reading: the process is told, the page stays on swap, and reads later', () => {
    const reads = new FailurePlan(0);
    const { machine, system, newProcess, map, fill, verify } = machineWith({
      frames: 128,
      swap: new FaultyDevice(new MemoryDevice(512), { reads }),
      tuning: { ...defaultTuning, swapReadAhead: 'off' },
    });
    const process = newProcess();
    const at = map(process, 30);
    fill(process, at, 30);
    system.reclaim(machine.frames.table.count);
    expect(system.fault(process.space as VmMap, pageOf(at), 0)).toBe(FaultOutcome.ioError);
    system.check();
    verify(process, at, 30);
  });
});

describe('when nothing more can be freed', () => {
  const outcomeOf = (action: () => void): number => {
    try {
      action();
      return FaultOutcome.resolved;
    } catch (error) {
      if (error instanceof GuestFault) return error.outcome;
      throw error;
    }
  };

  it.each([
    ['swap is full', 64],
    ['there is no swap', 0],
  ] as const)('%s: the process that faults is told, the other goes on', (_name, swapPages) => {
    const { machine, system, newProcess, map, fill, verify, counts } = machineWith({ frames: 128, swapPages });
    const quiet = newProcess();
    const atQuiet = map(quiet, 20);
    fill(quiet, atQuiet, 20);
    const greedy = newProcess();
    const at = map(greedy, 1000);
    let touched = 0;
    while (outcomeOf(() => store(greedy, at + touched * PAGE_SIZE, touched & 0xff)) === FaultOutcome.resolved) touched++;
    expect(outcomeOf(() => store(greedy, at + touched * PAGE_SIZE, 1))).toBe(FaultOutcome.outOfMemory);
    system.check();
    // Everything that could be used was: all slots, and all frames but the reserve.
    expect(counts().slots).toBe(swapPages);
    expect(machine.frames.freeCount).toBeLessThanOrEqual(6);
    expect(counts().anons).toBe(20 + touched);
    for (let page = 0; page < touched; page++) expect(load(greedy, at + page * PAGE_SIZE)).toBe(page & 0xff);
    system.destroySpace(greedy.space as VmMap);
    verify(quiet, atQuiet, 20);
    const more = map(quiet, 60);
    fill(quiet, more, 60);
    verify(quiet, more, 60);
  });

  it('slots that resident pages keep are given up first', () => {
    const { machine, system, newProcess, map, fill, verify, counts } = machineWith({ frames: 128, swapPages: 32 });
    const process = newProcess();
    const at = map(process, 32);
    fill(process, at, 32);
    fill(process, map(process, HELD), HELD);
    system.reclaim(machine.frames.table.count);
    expect(counts().slots).toBe(32);
    // All read back: each page has its frame and its slot.
    verify(process, at, 32);
    expect(counts()).toMatchObject({ slots: 32, anonFrames: 32 + HELD });
    // Pages that never had a slot are older for the policy than the ones just read.
    const fresh = map(process, 16);
    fill(process, fresh, 16, 50);
    system.reclaim(machine.frames.table.count);
    expect(counts().slots).toBeLessThanOrEqual(32);
    expect(counts().anonFrames).toBeLessThan(32 + HELD + 16);
    verify(process, at, 32);
    verify(process, fresh, 16, 50);
  });

  it('does not look at every page again at each fault', () => {
    const { machine, newProcess, map, system } = machineWith({ frames: 1024, swapPages: 0 });
    const process = newProcess();
    const at = map(process, 2000);
    let touched = 0;
    while (outcomeOf(() => store(process, at + touched * PAGE_SIZE, 1)) === FaultOutcome.resolved) touched++;
    expect(machine.frames.freeCount).toBeLessThanOrEqual(6);
    // One run when memory became low, and those of the fault that failed.
    expect(system.statistics().daemonWakes).toBeLessThanOrEqual(4);
  });

  it('ends where only a slab of its own making comes and goes', () => {
    const { machine, newProcess, map } = machineWith({ frames: 32, swapPages: 0 });
    const process = newProcess();
    const at = map(process, 100);
    let outcome: number = FaultOutcome.resolved;
    for (let page = 0; outcome === FaultOutcome.resolved; page++) outcome = outcomeOf(() => store(process, at + page * PAGE_SIZE, 1));
    expect(outcome).toBe(FaultOutcome.outOfMemory);
    expect(machine.frames.freeCount).toBeLessThanOrEqual(6);
  });
});

describe('what a frame held before', () => {
  const SECRET = 0xa5;

  function afterSecret() {
    const all = machineWith({ frames: 128 });
    const spy = all.newProcess();
    const at = all.map(spy, 300);
    const secret = new Uint8Array(PAGE_SIZE).fill(SECRET);
    for (let page = 0; page < 300; page++) spy.copyOut(at + page * PAGE_SIZE, secret);
    all.system.destroySpace(spy.space as VmMap);
    all.machine.heap.reap();
    const { bytes } = all.machine.ram;
    const stale = bytes.reduce((count, byte) => count + (byte === SECRET ? 1 : 0), 0);
    expect(stale).toBeGreaterThan(60 * PAGE_SIZE);
    return all;
  }

  it('is not seen in fresh memory, read or written first', () => {
    const { newProcess, map } = afterSecret();
    const process = newProcess();
    const at = map(process, 200);
    const page = new Uint8Array(PAGE_SIZE);
    for (let i = 0; i < 200; i++) {
      if (i % 2 === 0) store(process, at + i * PAGE_SIZE + 100, 0);
      process.copyIn(at + i * PAGE_SIZE, page);
      expect(page.every((byte) => byte === 0)).toBe(true);
    }
  });

  it('is not seen in page tables: nothing is present in a fresh one', () => {
    const { machine, newProcess, map } = afterSecret();
    const process = newProcess();
    const at = map(process, 1);
    store(process, at, 1);
    for (let page = 0; page < 0x10_0000; page += 512) {
      expect(machine.pmaps.extract(process.space.pmap, page)).toBe(-1);
    }
    machine.check();
  });

  it('is not seen in the kernel heap: blocks are zeros when given', () => {
    const { machine } = afterSecret();
    for (const size of [16, 48, 64, 256, 4096]) {
      const block = machine.heap.allocate(size, HeapUse.object);
      expect(machine.ram.bytes.slice(block, block + size).every((byte) => byte === 0)).toBe(true);
      machine.heap.free(block, size, HeapUse.object);
    }
  });
});
