// Anonymous objects: memory that several spaces map by its object, with swap behind it.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, smallMachine } from '../../test/support/uvm-machine.ts';
import { counted, countsOf, load, store } from '../../test/support/uvm-probe.ts';
import { FailurePlan, PAGE_SIZE, pageOf } from '../base/index.ts';
import { HeapUse } from '../heap/index.ts';
import { FaultyDevice, MemoryDevice } from '../machine/index.ts';
import { GuestFault, type Process } from '../process/index.ts';
import { FaultOutcome, type MemoryObject, PROT_READ, PROT_WRITE } from '../system/index.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

const RW = PROT_READ | PROT_WRITE;
const HELD = 8;

function withShared(pages: number, options: Parameters<typeof smallMachine>[0] = {}) {
  const small = smallMachine(options);
  const { system, machine } = small;
  const made = system.createSharedMemory(pages, 'shm');
  if (typeof made === 'string') throw new Error(made);
  const object: MemoryObject = made;
  const attach = (process: Process, sharing: 'shared' | 'private' = 'shared', offset = 0): number => {
    const size = pages * PAGE_SIZE - offset;
    const at = system.map(process.space as VmMap, { size, protection: RW, sharing, object, offset });
    if (typeof at === 'string') throw new Error(at);
    return at;
  };
  /** Touches other memory, so that nothing of interest is held, and evicts all that can be. */
  const pageOut = (process: Process): void => {
    const at = system.map(process.space as VmMap, { size: HELD * PAGE_SIZE, protection: RW, sharing: 'private' }) as number;
    for (let page = 0; page < HELD; page++) store(process, at + page * PAGE_SIZE, 1);
    system.reclaim(machine.frames.table.count);
  };
  return { ...small, object, attach, pageOut, counts: () => countsOf(machine, system) };
}

describe('shared memory', () => {
  it('begins as zeros, and shows every writer to every reader, also at different addresses', () => {
    const { newProcess, attach, system, counts } = withShared(8);
    const [a, b] = [newProcess(), newProcess()];
    const atA = attach(a);
    const atB = attach(b, 'shared', 2 * PAGE_SIZE);
    expect(load(b, atB + PAGE_SIZE)).toBe(0);
    store(a, atA + 3 * PAGE_SIZE, 33);
    store(b, atB, 22);
    expect([load(b, atB + PAGE_SIZE), load(a, atA + 2 * PAGE_SIZE)]).toEqual([33, 22]);
    expect(counts()).toMatchObject({ objectFrames: 2, anons: 0 });
    expect(system.statistics()).toMatchObject({ zeroFill: 2, file: 0, image: 0 });
  });

  it('is paged out together with private memory, in one cluster, and comes back', () => {
    const { newProcess, attach, system, pageOut, swap, counts } = withShared(8);
    const process = newProcess();
    const at = attach(process);
    for (let page = 0; page < 8; page++) store(process, at + page * PAGE_SIZE, page + 1);
    const own = system.map(process.space as VmMap, { size: 8 * PAGE_SIZE, protection: RW, sharing: 'private' }) as number;
    for (let page = 0; page < 8; page++) store(process, own + page * PAGE_SIZE, page + 100);
    pageOut(process);
    expect(swap?.counters.writeOperations).toBe(1);
    expect(counts()).toMatchObject({ slots: 16, objectFrames: 0, anonFrames: HELD });
    const area = system.areas(process.space as VmMap).find((each) => each.name === 'shm');
    expect(area).toMatchObject({ residentPages: 0, swappedPages: 8, sharing: 'shared' });
    system.check();
    const moved = counted(system, () => expect(load(process, at + 5 * PAGE_SIZE)).toBe(6));
    // The block of four pages that it lies in.
    expect(moved).toMatchObject({ swapIn: 1, swapPagesIn: 4, swapOnly: -4 });
    for (let page = 0; page < 8; page++) expect(load(process, at + page * PAGE_SIZE)).toBe(page + 1);
    const back = system.areas(process.space as VmMap).find((each) => each.name === 'shm');
    expect(back).toMatchObject({ residentPages: 8, swappedPages: 0, dirtyPages: 0 });
  });

  it('a page that was only read keeps no dirt: it goes again without a write', () => {
    const { newProcess, attach, pageOut, swap } = withShared(4);
    const process = newProcess();
    const at = attach(process);
    for (let page = 0; page < 4; page++) store(process, at + page * PAGE_SIZE, page + 1);
    pageOut(process);
    for (let page = 0; page < 4; page++) load(process, at + page * PAGE_SIZE);
    const written = swap?.counters.bytesWritten ?? 0;
    pageOut(process);
    // The eight private pages that were held before, and none of the shared ones.
    expect((swap?.counters.bytesWritten ?? 0) - written).toBe(HELD * PAGE_SIZE);
    store(process, at, 9);
    expect(load(process, at + PAGE_SIZE)).toBe(2);
    expect(load(process, at)).toBe(9);
  });

  it('can be mapped privately: writes stay the process’s own, also over pages on swap', () => {
    const { newProcess, attach, pageOut } = withShared(4);
    const [a, b] = [newProcess(), newProcess()];
    const [shared, own] = [attach(a), attach(b, 'private')];
    store(a, shared, 1);
    pageOut(a);
    store(b, own, 2);
    expect([load(a, shared), load(b, own)]).toEqual([1, 2]);
    store(a, shared + PAGE_SIZE, 3);
    expect(load(b, own + PAGE_SIZE)).toBe(3);
  });

  it('is inherited by a child as the same memory', () => {
    const { newProcess, attach, system, newTlb } = withShared(2);
    const parent = newProcess();
    const at = attach(parent);
    store(parent, at, 5);
    const child = system.fork(parent.space as VmMap, newTlb());
    if (typeof child === 'string') throw new Error(child);
    expect(system.fault(child, pageOf(at), 1)).toBe(FaultOutcome.resolved);
    system.destroySpace(parent.space as VmMap);
    expect(system.isResident(child, pageOf(at))).toBe(true);
  });

  it('ends with its last user, its frames and slots with it', () => {
    const { newProcess, attach, system, machine, object, pageOut, counts } = withShared(80, { frames: 256 });
    const process = newProcess();
    const at = attach(process);
    for (let page = 0; page < 80; page += 2) store(process, at + page * PAGE_SIZE, 1);
    pageOut(process);
    store(process, at, 2);
    system.releaseObject(object);
    expect(counts().slots).toBe(40);
    expect(system.unmap(process.space as VmMap, at, 80 * PAGE_SIZE)).toBe(0);
    expect(counts()).toMatchObject({ slots: 0, objectFrames: 0 });
    expect(machine.heap.bytesInUse(HeapUse.object)).toBe(0);
    expect(system.statistics()).toMatchObject({ swapInUse: 0, swapOnly: 0, lostPages: 0, pagerWrites: 0 });
  });

  it('lives while only its creator holds it', () => {
    const { newProcess, attach, system, pageOut } = withShared(2);
    const [a, b] = [newProcess(), newProcess()];
    const at = attach(a);
    store(a, at, 7);
    system.destroySpace(a.space as VmMap);
    pageOut(b);
    expect(load(b, attach(b))).toBe(7);
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 20 + 1])('of %d pages is refused', (pages) => {
    const { system } = smallMachine();
    expect(system.createSharedMemory(pages, 'x')).toBe('EINVAL');
  });

  it('msync of it has nothing to do and loses nothing', () => {
    const { newProcess, attach, system, pageOut } = withShared(2);
    const process = newProcess();
    const at = attach(process);
    store(process, at, 1);
    pageOut(process);
    store(process, at, 2);
    expect(system.sync(process.space as VmMap, at, 2 * PAGE_SIZE)).toBe(0);
    pageOut(process);
    expect(load(process, at)).toBe(2);
  });
});

describe('shared memory under failures', () => {
  /** Two processes write 24 pages in turn in a RAM for half of them, and read them back. Steps that fail are tried once more. */
  function scenario(plans: { frames?: FailurePlan; heap?: FailurePlan; reads?: FailurePlan; writes?: FailurePlan }): void {
    const device = new FaultyDevice(new MemoryDevice(256), {
      ...(plans.reads !== undefined && { reads: plans.reads }),
      ...(plans.writes !== undefined && { writes: plans.writes }),
    });
    const small = smallMachine({
      frames: 36,
      swap: device,
      ...(plans.frames !== undefined && { frameFailures: plans.frames }),
      ...(plans.heap !== undefined && { heapFailures: plans.heap }),
    });
    const { system, machine } = small;
    const again = <T>(action: () => T | string): T => {
      const first = attempt(action);
      system.check();
      const result = typeof first === 'string' ? attempt(action) : first;
      if (typeof result === 'string') throw new Error(result);
      return result;
    };
    const [tlbA, tlbB] = [small.newTlb(), small.newTlb()];
    const spaceA = again(() => system.createSpace({ low: 0, high: 0x1000_0000, breakStart: 0x1000, breakLimit: 0x2000 }, tlbA));
    const object = again(() => system.createSharedMemory(24, 'shm'));
    const request = { size: 24 * PAGE_SIZE, protection: RW, sharing: 'shared', object } as const;
    const at = again(() => system.map(spaceA, request));
    const spaceB = again(() => system.fork(spaceA, tlbB));
    const bytes = machine.ram.bytes;
    const touch = (space: VmMap, page: number, access: 0 | 1): number => {
      again(() => (system.fault(space, pageOf(at) + page, access) === FaultOutcome.resolved ? 0 : 'fault'));
      return (machine.pmaps.extract(space.pmap, pageOf(at) + page) as number) * PAGE_SIZE;
    };
    for (let page = 0; page < 24; page++) bytes[touch(page % 2 === 0 ? spaceA : spaceB, page, 1)] = page + 1;
    for (let page = 0; page < 24; page++) expect(bytes[touch(page % 2 === 0 ? spaceB : spaceA, page, 0)]).toBe(page + 1);
    system.destroySpace(spaceA);
    system.destroySpace(spaceB);
    system.releaseObject(object);
    system.check();
    machine.heap.reap();
    expect([machine.heap.bytesInUse(), machine.frames.freeCount, system.swapSlots.used]).toEqual([0, machine.frames.managed, 0]);
  }

  function attempt<T>(action: () => T | string): T | string {
    try {
      return action();
    } catch (error) {
      if (error instanceof GuestFault) return error.message;
      throw error;
    }
  }

  it.each(['frames', 'heap', 'reads', 'writes'] as const)('survives the k-th failure of %s', (kind) => {
    let failures = 0;
    for (let k = 0; ; k++) {
      const plan = new FailurePlan(k);
      try {
        scenario({ [kind]: plan });
      } catch (error) {
        throw new Error(`k = ${k}: ${String(error)}`, { cause: error });
      }
      if (plan.failures === 0) break;
      failures++;
    }
    expect(failures).toBeGreaterThan(kind === 'writes' ? 1 : 5);
  });
});
