import { describe, expect, it } from 'vitest';
import { FailurePlan, MIB, PAGE_SIZE, pageOf, UsageError } from '../base/index.ts';
import { MemoryDevice } from '../machine/index.ts';
import { PROT_READ, PROT_WRITE } from '../system/index.ts';
import { buildMachine, findPolicy, type MachineDescription, systemNames } from './catalog.ts';

it('a policy that hardware cannot serve is refused with the reason, an unknown one with the names', () => {
  expect(findPolicy('clock-pro').sees).toBe('bits');
  expect(() => findPolicy('lru')).toThrow(
    /^policy 'lru' must see every reference, which hardware does not tell: replay a trace with it, or/,
  );
  expect(() => findPolicy('belady')).toThrow(/^policy 'belady' must know the references to come: .* choose one of uvm, clock,/);
  expect(() => findPolicy('clock-r1')).toThrow(/^there is no policy 'clock-r1': choose one of uvm, /);
});

const build = (changes: Partial<MachineDescription> = {}) =>
  buildMachine({ ramBytes: MIB, frames: 'bitmap', policy: 'uvm', system: 'uvm', liveSpaces: 0, seed: 1, ...changes });

describe.each(systemNames)('buildMachine with %s', (system) => {
  it('puts all swap devices into use, the highest priority first', () => {
    const [first, low, high] = [new MemoryDevice(3), new MemoryDevice(4), new MemoryDevice(5)];
    const swapDevices = [
      { device: low, priority: 0 },
      { device: high, priority: 9 },
    ];
    const built = build({ system, swap: first, swapDevices });
    expect(built.system.swapDevices().map(({ device, priority, slots }) => [device, priority, slots])).toEqual([
      [high, 9, 5],
      [first, 0, 3],
      [low, 0, 4],
    ]);
    built.system.check();
  });

  it('refuses a device that is in use, and one with too many pages', () => {
    const device = new MemoryDevice(4);
    const twice = { system, swap: device, swapDevices: [{ device, priority: 1 }] };
    expect(() => build(twice)).toThrow(new UsageError(`${device.name} cannot be used for swap: it is in use already`));
    const nothing = (): void => {};
    const moves = { read: nothing, write: nothing, readv: nothing, writev: nothing, sync: nothing };
    const huge = { name: 'huge', pages: 2 ** 33, counters: device.counters, ...moves };
    expect(() => build({ system, swapDevices: [{ device: huge, priority: 0 }] })).toThrow(
      new UsageError('huge cannot be used for swap: it has more pages than are left to be numbered'),
    );
  });

  it('passes read-ahead in swap on to either manager', () => {
    const readsOf = (swapReadAhead: 'off' | 16): number => {
      const swap = new MemoryDevice(512);
      const { machine, system: manager } = build({ system, swap, swapReadAhead, ramBytes: 2 * MIB, liveSpaces: 1 });
      const space = manager.createSpace({ low: 0, high: 2 ** 30, breakStart: 0x10_0000, breakLimit: 0x20_0000 }, machine.liveTlb(0));
      if (typeof space === 'string') throw new Error(space);
      const start = manager.map(space, { size: 80 * PAGE_SIZE, protection: PROT_READ | PROT_WRITE, sharing: 'private' }) as number;
      for (let page = 0; page < 80; page++) expect(manager.fault(space, pageOf(start) + page, 1)).toBe(0);
      manager.reclaim(512);
      for (let page = 0; page < 64; page++) expect(manager.fault(space, pageOf(start) + page, 0)).toBe(0);
      expect(manager.statistics().swapPagesIn).toBeGreaterThanOrEqual(64);
      manager.check();
      return swap.counters.readOperations;
    };
    expect(readsOf('off')).toBe(64);
    expect(readsOf(16)).toBeLessThan(10);
  });

  it('passes injected failures on to the kernel heap', () => {
    const { system: manager } = build({ system, heapFailures: new FailurePlan(0) });
    expect(manager.createSharedMemory(4, 'shared')).toBe('ENOMEM');
    expect(manager.createSharedMemory(4, 'shared')).not.toBe('ENOMEM');
    manager.check();
  });
});

it('knows which limits by class of page there are, and who has them', () => {
  build({ classLimits: 'netbsd' });
  build({ system: 'bsdvm', classLimits: 'none' });
  expect(() => build({ classLimits: 'some' })).toThrow(new UsageError("there are no class limits 'some': choose one of none, netbsd"));
  expect(() => build({ system: 'bsdvm', classLimits: 'netbsd' })).toThrow(
    new UsageError("memory system 'bsdvm' has no limits by class of page: leave 'netbsd' out, or choose the memory system uvm"),
  );
});
