// Zones: a device's memory may run short while there is plenty elsewhere. The page daemon then runs for that zone, and takes its pages only.
import { afterEach, expect, it } from 'vitest';
import { checkMachines, type MakeSystem, smallMachineOf } from '../../test/support/uvm-machine.ts';
import { load, store } from '../../test/support/uvm-probe.ts';
import { PAGE_SIZE, type Pfn } from '../base/index.ts';
import { FrameKind, type WatchedZone, zonedAllocator } from '../frames/index.ts';
import type { Process } from '../process/index.ts';
import { PROT_READ, PROT_WRITE } from './index.ts';

/** Declares that the page daemon watches zones. */
export function describeZones(make: MakeSystem): void {
  afterEach(checkMachines);

  /** Frames below 16 MiB: what the ISA's DMA reaches. */
  const DMA_FRAMES = 4096;
  /** Some more, with room for a process's pages and a swap device for all of them. */
  const NORMAL_FRAMES = 1024;

  const byteOf = (page: number): number => (page * 7 + 3) & 0xff;

  /** A process whose pages fill both zones down to their marks; then those in the upper one go. */
  function crowded() {
    const { machine, system, newProcess } = smallMachineOf(make, {
      frames: DMA_FRAMES + NORMAL_FRAMES,
      swapPages: 8192,
      allocator: zonedAllocator,
      liveSpaces: 1,
    });
    const process = newProcess();
    const map = (pages: number): number => {
      const start = system.map(process.space, { size: pages * PAGE_SIZE, protection: PROT_READ | PROT_WRITE, sharing: 'private' });
      if (typeof start === 'string') throw new Error(start);
      for (let page = 0; page < pages; page++) store(process, start + page * PAGE_SIZE, byteOf(page));
      return start;
    };
    const [dma, normal] = machine.frames.zones.zones as [WatchedZone, WatchedZone];
    const above = normal.freeCount - normal.low;
    const upper = map(above);
    const pages = dma.freeCount - normal.low - 2 * dma.high;
    const lower = map(pages);
    expect(system.unmap(process.space, upper, above * PAGE_SIZE)).toBe(0);
    return { machine, system, process, map, dma, normal, lower, pages };
  }

  const expectWhole = (process: Process, start: number, pages: number): void => {
    for (let page = 0; page < pages; page++) {
      if (load(process, start + page * PAGE_SIZE) !== byteOf(page)) expect(`page ${page}`).toBe('as it was stored');
    }
  };

  it('a zone that a device has drained is filled up to its high mark from its own pages', () => {
    const { machine, system, process, map, dma, normal, lower, pages } = crowded();
    const { frames } = machine;
    const spared = map(16);
    const before = system.statistics().daemonWakes;
    const taken: Pfn[] = [];
    while (dma.freeCount >= dma.low) {
      const frame = frames.allocateRun(1, FrameKind.dma, { below: DMA_FRAMES });
      if (frame === -1) throw new Error('the device got no frame');
      taken.push(frame);
    }
    // Memory as a whole is in no need.
    expect(frames.freeCount).toBeGreaterThan(NORMAL_FRAMES / 2);
    expect([dma.wakes, normal.wakes, system.statistics().daemonWakes]).toEqual([0, 0, before]);
    const plenty = normal.freeCount;
    map(1);
    expect([dma.wakes, normal.wakes, system.statistics().daemonWakes]).toEqual([1, 0, before + 1]);
    expect(dma.freeCount).toBeGreaterThanOrEqual(dma.high);
    expect(dma.freeCount).toBeLessThan(dma.high + 64);
    // A page and what the kernel needs for it; nothing was evicted there.
    expect(Math.abs(normal.freeCount - plenty)).toBeLessThan(16);
    for (let page = 0; page < 16; page++) expect(system.isResident(process.space, spared / PAGE_SIZE + page)).toBe(true);
    for (const frame of taken) frames.free(frame);
    expectWhole(process, lower, pages);
  });

  it('a zone that only its devices could help wakes the daemon once, not at every fault', () => {
    const { machine, process, map, dma, lower, pages } = crowded();
    const { frames } = machine;
    const taken: Pfn[] = [];
    const drain = (): void => {
      for (;;) {
        const frame = frames.allocateRun(1, FrameKind.dma, { below: DMA_FRAMES });
        if (frame === -1) return;
        taken.push(frame);
      }
    };
    // Each time the daemon has made room the device takes it, until no page of a process is left there.
    for (let wakes = -1; dma.wakes > wakes; ) {
      wakes = dma.wakes;
      drain();
      map(1);
    }
    const { wakes } = dma;
    expect(wakes).toBeGreaterThan(0);
    expect(dma.freeCount).toBeLessThan(dma.low);
    map(40);
    expect(dma.wakes).toBe(wakes);
    for (const frame of taken) frames.free(frame);
    expectWhole(process, lower, pages);
  });
}
