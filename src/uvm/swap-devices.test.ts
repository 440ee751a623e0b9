// Several swap devices, and devices that come and go while processes run.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, smallMachine } from '../../test/support/uvm-machine.ts';
import { countsOf, load, store } from '../../test/support/uvm-probe.ts';
import { FailurePlan, PAGE_SIZE } from '../base/index.ts';
import { type BlockDevice, type DeviceFaults, FaultyDevice, MemoryDevice } from '../machine/index.ts';
import type { Process } from '../process/index.ts';
import { PROT_READ, PROT_WRITE } from '../system/index.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

const RW = PROT_READ | PROT_WRITE;
const HELD = 8;

function machineWith(options: Parameters<typeof smallMachine>[0]) {
  const small = smallMachine(options);
  const { system, machine } = small;
  const map = (process: Process, pages: number, shared: 'private' | 'object' = 'private'): number => {
    const object = shared === 'object' ? system.createSharedMemory(pages, 'shm') : undefined;
    if (typeof object === 'string') throw new Error(object);
    const sharing = object === undefined ? 'private' : 'shared';
    const at = system.map(process.space as VmMap, {
      size: pages * PAGE_SIZE,
      protection: RW,
      sharing,
      ...(object !== undefined && { object }),
    });
    if (typeof at === 'string') throw new Error(at);
    if (object !== undefined) system.releaseObject(object);
    return at;
  };
  const fill = (process: Process, at: number, pages: number, add = 1): void => {
    for (let page = 0; page < pages; page++) store(process, at + page * PAGE_SIZE, (page + add) & 0xff);
  };
  const verify = (process: Process, at: number, pages: number, add = 1): void => {
    for (let page = 0; page < pages; page++) expect(load(process, at + page * PAGE_SIZE)).toBe((page + add) & 0xff);
  };
  const evictAll = (): number => system.reclaim(machine.frames.table.count);
  const used = (device: BlockDevice): number => system.swapDevices().find((each) => each.device === device)?.used ?? -1;
  return { ...small, map, fill, verify, evictAll, used };
}

describe('several swap devices', () => {
  it('are filled by priority, and in turn within one', () => {
    const [fast, left, right] = [new MemoryDevice(16), new MemoryDevice(64), new MemoryDevice(64)];
    const { system, newProcess, map, fill, verify, evictAll, used } = machineWith({ frames: 160, swap: left });
    expect(system.swapOn(right, 0)).toBe(0);
    expect(system.swapOn(fast, 3)).toBe(0);
    expect(system.swapDevices().map(({ device, priority }) => [device, priority])).toEqual([
      [fast, 3],
      [left, 0],
      [right, 0],
    ]);
    const process = newProcess();
    const at = map(process, 80 + HELD);
    fill(process, at, 80 + HELD);
    evictAll();
    expect([fast, left, right].map(used)).toEqual([16, 32, 32]);
    expect([fast, left, right].map((device) => device.counters.writeOperations)).toEqual([1, 2, 2]);
    verify(process, at, 80 + HELD);
  });

  it('a cluster lies on one device', () => {
    const [a, b] = [new MemoryDevice(10), new MemoryDevice(64)];
    const { system, newProcess, map, fill, verify, evictAll, used } = machineWith({ frames: 128, swap: a });
    expect(system.swapOn(b, -1)).toBe(0);
    const process = newProcess();
    const at = map(process, 16 + HELD);
    fill(process, at, 16 + HELD);
    evictAll();
    expect([a.counters.bytesWritten, b.counters.bytesWritten]).toEqual([10 * PAGE_SIZE, 6 * PAGE_SIZE]);
    expect([used(a), used(b)]).toEqual([10, 6]);
    verify(process, at, 16 + HELD);
  });

  it('pages of a device whose writes fail go to the next one', () => {
    const broken = new FaultyDevice(new MemoryDevice(64), { badPages: Array.from({ length: 64 }, (_, i) => i) });
    const good = new MemoryDevice(64);
    const { system, newProcess, map, fill, verify, evictAll, used } = machineWith({ frames: 128, swap: broken });
    expect(system.swapOn(good, -1)).toBe(0);
    const process = newProcess();
    const at = map(process, 32 + HELD);
    fill(process, at, 32 + HELD);
    evictAll();
    expect([used(broken), used(good)]).toEqual([0, 32]);
    expect(system.swapDevices()).toMatchObject([{ bad: 3 }, { bad: 0 }]);
    verify(process, at, 32 + HELD);
  });

  it('a device is used once, and only a device in use can be taken out', () => {
    const device = new MemoryDevice(8);
    const { system } = machineWith({ swap: device });
    expect(system.swapOn(device, 4)).toBe('EEXIST');
    expect(system.swapOff(new MemoryDevice(8))).toBe('ENOENT');
    expect(system.swapOff(device)).toBe(0);
    expect(system.swapOff(device)).toBe('ENOENT');
    expect([system.swapDevices(), system.swapSlots.total]).toEqual([[], 0]);
  });
});

describe('swapOn', () => {
  it('lets a process go on that had filled memory', () => {
    const { system, newProcess, map, fill, verify } = machineWith({ frames: 128, swapPages: 0 });
    const process = newProcess();
    const at = map(process, 200);
    expect(() => fill(process, at, 200)).toThrow();
    expect(system.swapOn(new MemoryDevice(256), 0)).toBe(0);
    fill(process, at, 200);
    verify(process, at, 200);
  });
});

describe('swapOff', () => {
  it('brings private and shared pages back into memory', () => {
    const device = new MemoryDevice(256);
    const { machine, system, newProcess, newTlb, map, fill, verify, evictAll } = machineWith({ frames: 160, swap: device });
    const process = newProcess();
    const [own, shared] = [map(process, 30), map(process, 30, 'object')];
    fill(process, own, 30);
    fill(process, shared, 30, 60);
    const child = system.fork(process.space as VmMap, newTlb());
    evictAll();
    verify(process, own, 4);
    expect(countsOf(machine, system).slots).toBeGreaterThan(40);
    expect(system.swapOff(device)).toBe(0);
    system.check();
    expect(countsOf(machine, system)).toMatchObject({ slots: 0, anonFrames: 30, objectFrames: 30 });
    const reads = device.counters.readOperations;
    verify(process, own, 30);
    verify(process, shared, 30, 60);
    expect(device.counters.readOperations).toBe(reads);
    if (typeof child === 'string') throw new Error(child);
    system.destroySpace(child);
  });

  it('moves to the other devices what memory does not hold', () => {
    const [a, b] = [new MemoryDevice(256), new MemoryDevice(256)];
    const { machine, system, newProcess, map, fill, verify, used } = machineWith({ frames: 96, swap: a });
    const process = newProcess();
    const [own, shared] = [map(process, 100), map(process, 60, 'object')];
    fill(process, own, 100);
    fill(process, shared, 60, 60);
    expect(system.swapOn(b, 0)).toBe(0);
    expect(system.swapOff(a)).toBe(0);
    system.check();
    expect(used(b)).toBe(countsOf(machine, system).slots);
    expect(used(b)).toBeGreaterThan(60);
    verify(process, own, 100);
    verify(process, shared, 60, 60);
  });

  it('without room for the pages: ENOMEM, and the device stays in use with every page readable', () => {
    const device = new MemoryDevice(256);
    const { machine, system, newProcess, map, fill, verify } = machineWith({ frames: 96, swap: device });
    const process = newProcess();
    const at = map(process, 200);
    fill(process, at, 200);
    expect(system.swapOff(device)).toBe('ENOMEM');
    system.check();
    expect(system.swapDevices()).toMatchObject([{ device, slots: 256 }]);
    expect(machine.frames.freeCount).toBeGreaterThan(5);
    verify(process, at, 200);
    fill(process, at, 200, 9);
    verify(process, at, 200, 9);
  });

  it('with a page that cannot be read: EIO, and the device stays in use', () => {
    const faults: DeviceFaults = { reads: new FailurePlan(3) };
    const device = new FaultyDevice(new MemoryDevice(256), faults);
    const { system, newProcess, map, fill, verify, evictAll } = machineWith({ frames: 128, swap: device });
    const process = newProcess();
    const at = map(process, 40);
    fill(process, at, 40);
    evictAll();
    expect(system.swapOff(device)).toBe('EIO');
    system.check();
    expect(system.swapDevices().length).toBe(1);
    expect(system.swapOff(device)).toBe(0);
    verify(process, at, 40);
  });

  it.each(['frames', 'heap', 'reads', 'writes'] as const)('survives the k-th failure of %s', (kind) => {
    for (let k = 0; ; k += k < 40 ? 1 : 7) {
      const plan = new FailurePlan(k);
      const faults: DeviceFaults = kind === 'reads' ? { reads: plan } : kind === 'writes' ? { writes: plan } : {};
      const [a, b] = [new FaultyDevice(new MemoryDevice(128), faults), new FaultyDevice(new MemoryDevice(128), faults)];
      const all = machineWith({
        frames: 64,
        swap: a,
        ...(kind === 'frames' && { frameFailures: plan }),
        ...(kind === 'heap' && { heapFailures: plan }),
      });
      const { system, newProcess, map, fill, verify } = all;
      const again = <T>(action: () => T): T => {
        try {
          return action();
        } catch {
          system.check();
          return action();
        }
      };
      const process = again(newProcess);
      const own = again(() => map(process, 50));
      const shared = again(() => map(process, 20, 'object'));
      again(() => fill(process, own, 50));
      again(() => fill(process, shared, 20, 60));
      expect(system.swapOn(b, 1)).toBe(0);
      const first = system.swapOff(a);
      system.check();
      if (first !== 0) expect(plan.failures).toBe(1);
      if (first !== 0) expect(system.swapOff(a)).toBe(0);
      again(() => verify(process, own, 50));
      again(() => verify(process, shared, 20, 60));
      system.destroySpace(process.space as VmMap);
      expect(system.swapSlots.used).toBe(0);
      checkMachines();
      if (plan.failures === 0) break;
    }
  });
});
