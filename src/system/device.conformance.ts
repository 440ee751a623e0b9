// Devices (C4): memory that is a device's own, mapped as it is; never evicted, never copied, never written back.
import { afterEach, describe, expect, it } from 'vitest';
import type { MakeSystem, TestedSystem } from '../../test/support/uvm-machine.ts';
import { counted, load, store } from '../../test/support/uvm-probe.ts';
import { KernelPanic, MIB, PAGE_SIZE, type Pfn } from '../base/index.ts';
import { bitmapAllocator, FrameKind } from '../frames/index.ts';
import { i386, MemoryDevice, Tlb } from '../machine/index.ts';
import { livePolicies, type PolicyKind } from '../paging/index.ts';
import { Process } from '../process/index.ts';
import { Machine, type Pager, PROT_READ, PROT_WRITE, type Space, type SpaceLayout } from './index.ts';

/** Declares how devices are mapped. */
export function describeDevices(make: MakeSystem): void {
  const RW = PROT_READ | PROT_WRITE;
  const FIRST_FRAME = 64;
  const layout: SpaceLayout = { low: 0, high: MIB, breakStart: 0x1_0000, breakLimit: 0x2_0000 };
  const at = (page: number) => 0x4_0000 + page * PAGE_SIZE;
  const bytes = (pages: number) => pages * PAGE_SIZE;
  const live: TestedSystem[] = [];

  afterEach(() => {
    for (const system of live.splice(0)) system.check();
  });

  /** A machine with four frames of a device at frame 64. */
  function withDevice() {
    const machine = new Machine({
      ramBytes: bytes(128),
      frameAllocator: bitmapAllocator,
      pageTableFormat: i386,
      liveSpaces: 0,
      seed: 1,
      swap: new MemoryDevice(64),
      memoryMap: [
        { start: 0, end: bytes(128), kind: 'usable' },
        { start: bytes(FIRST_FRAME), end: bytes(FIRST_FRAME + 4), kind: 'permanent' },
      ],
    });
    const system = make(machine, livePolicies[0] as PolicyKind);
    live.push(system);
    const newTlb = () => new Tlb(new ArrayBuffer(8 * 256), 0, 4 * 256, 256);
    const space = system.createSpace(layout, newTlb()) as Space;
    const process = new Process(machine, system, space, () => 0);
    const pager: Pager = {
      kind: 'device',
      name: 'screen',
      pages: 4,
      read: () => 'EIO',
      frameOf: (index) => (FIRST_FRAME + index) as Pfn,
    };
    const device = system.createObject(pager);
    if (typeof device === 'string') throw new Error(device);
    const map = (sharing: 'private' | 'shared') =>
      system.map(space, { size: bytes(4), protection: RW, sharing, object: device, place: { how: 'fixed', address: at(0) } });
    return { machine, system, space, process, pager, device, map, newTlb };
  }

  describe('a device', () => {
    it('is reached where it is: stores land in its frames, and a fault only maps', () => {
      const { machine, system, process, map } = withDevice();
      expect(map('shared')).toBe(at(0));
      const moved = counted(system, () => store(process, at(2) + 5, 77));
      expect(moved).toEqual({ faults: 1, resident: 1, case2A: 1 });
      expect(machine.ram.bytes[bytes(FIRST_FRAME + 2) + 5]).toBe(77);
    });

    it('is never evicted, nor counted dirty, and its frames are its own at the end', () => {
      const { machine, system, space, process, map } = withDevice();
      map('shared');
      for (let page = 0; page < 4; page++) store(process, at(page), page + 1);
      system.reclaim(machine.frames.managed);
      expect(counted(system, () => expect([0, 1, 2, 3].map((page) => load(process, at(page)))).toEqual([1, 2, 3, 4]))).toEqual({});
      expect(system.areas(space)[0]).toMatchObject({ residentPages: 4, dirtyPages: 0, swappedPages: 0, name: 'screen' });
      expect(system.sync(space, at(0), bytes(4))).toBe(0);
      expect(system.isResident(space, at(3) / PAGE_SIZE)).toBe(true);
      system.destroySpace(space);
      expect(machine.frames.countOf(FrameKind.permanent)).toBe(4);
    });

    it('is shared with a child, and may be locked', () => {
      const { machine, system, space, process, map, newTlb } = withDevice();
      map('shared');
      const child = new Process(machine, system, system.fork(space, newTlb()) as Space, () => 0);
      store(child, at(1), 9);
      expect(load(process, at(1))).toBe(9);
      expect(system.lock(space, at(0), bytes(4))).toBe(0);
      expect(system.usage(space)).toMatchObject({ lockedBytes: bytes(4), committedBytes: 0 });
      expect(system.advise(space, at(0), bytes(4), 'willNeed')).toBe(0);
      expect(system.unlock(space, at(0), bytes(4))).toBe(0);
    });

    it('is never copied: a child that inherits a copy reaches the same frames', () => {
      const { machine, system, space, process, map, newTlb } = withDevice();
      map('shared');
      expect(system.inherit(space, at(0), bytes(4), 'copy')).toBe(0);
      const childSpace = system.fork(space, newTlb()) as Space;
      const child = new Process(machine, system, childSpace, () => 0);
      store(child, at(1), 9);
      expect(load(process, at(1))).toBe(9);
      expect(machine.ram.bytes[bytes(FIRST_FRAME + 1)]).toBe(9);
      expect(system.usage(childSpace)).toMatchObject({ committedBytes: 0 });
      // Managers without a mover cannot pass areas on.
      system.inherit(space, at(0), bytes(4), 'zero');
      const passed = system.mover?.pass(space, at(0), bytes(4), space, 'copy');
      const copy = system.areas(space).find(({ start }) => start === passed);
      expect(copy?.inheritance).toBe(system.mover === undefined ? undefined : 'copy');
    });

    it('is not mapped privately', () => {
      const { map } = withDevice();
      expect(map('private')).toBe('EINVAL');
    });

    it('must say where its frames are, and nothing else may', () => {
      const { system, pager } = withDevice();
      const { frameOf, ...withoutFrames } = pager;
      expect(system.createObject(withoutFrames)).toBe('EINVAL');
      expect(system.createObject({ ...pager, kind: 'file' })).toBe('EINVAL');
      expect(frameOf?.(1)).toBe(FIRST_FRAME + 1);
    });

    it('that names a frame not its own is a bug of its driver', () => {
      const { system, space, pager } = withDevice();
      const broken = system.createObject({ ...pager, frameOf: () => 5 as Pfn });
      if (typeof broken === 'string') throw new Error(broken);
      const start = system.map(space, { size: PAGE_SIZE, protection: RW, sharing: 'shared', object: broken }) as number;
      expect(() => system.fault(space, start / PAGE_SIZE, 0)).toThrow(KernelPanic);
      system.unmap(space, start, PAGE_SIZE);
    });
  });
}
