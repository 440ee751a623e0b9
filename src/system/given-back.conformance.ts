// What the kernel gives back or prepares by itself, whoever manages memory: page tables that evictions have emptied, frames zeroed in idle time.
import { afterEach, expect, it } from 'vitest';
import { checkMachines, type MakeSystem, smallMachineOf } from '../../test/support/uvm-machine.ts';
import { load, store } from '../../test/support/uvm-probe.ts';
import { MIB, PAGE_SIZE } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import { IDLE_ZEROED_FRAMES, PROT_READ, PROT_WRITE } from './index.ts';

/** Declares what comes back without anybody asking. */
export function describeGivenBack(make: MakeSystem): void {
  afterEach(checkMachines);

  const request = (pages: number) => ({ size: pages * PAGE_SIZE, protection: PROT_READ | PROT_WRITE, sharing: 'private' }) as const;
  /** What one page table of i386 maps. */
  const TABLE_SPAN = 4 * MIB;

  it('page tables whose pages were all evicted are frames for others', () => {
    const { machine, system, newProcess } = smallMachineOf(make, { frames: 256, swapPages: 1024 });
    const process = newProcess();
    const tables = (): number => machine.frames.countOf(FrameKind.pageTable);
    const base = 0x5000_0000;
    for (let i = 0; i < 60; i++) {
      const address = base + i * TABLE_SPAN;
      expect(system.map(process.space, { ...request(1), place: { how: 'fixed', address } })).toBe(address);
      store(process, address, i + 1);
    }
    expect(tables()).toBeGreaterThan(60);
    const dense = system.map(process.space, request(230));
    if (typeof dense === 'string') throw new Error(dense);
    for (let round = 0; round < 3; round++) for (let page = 0; page < 230; page++) store(process, dense + page * PAGE_SIZE, page & 0xff);
    expect(tables()).toBeLessThan(20);
    for (let i = 0; i < 60; i++) expect(load(process, base + i * TABLE_SPAN)).toBe(i + 1);
  });

  it('a tick zeroes free frames, which stay free, and first touches find them', () => {
    const { machine, system, newProcess } = smallMachineOf(make, { frames: 256 });
    const { frames } = machine;
    const process = newProcess();
    const full = system.map(process.space, request(128));
    if (typeof full === 'string') throw new Error(full);
    for (let page = 0; page < 128; page++) store(process, full + page * PAGE_SIZE, 0xff);
    system.unmap(process.space, full, 128 * PAGE_SIZE);
    const free = frames.freeCount;
    system.tick();
    expect([frames.countOf(FrameKind.zeroed), frames.freeCount]).toEqual([IDLE_ZEROED_FRAMES, free]);
    const hits = frames.zeroHits;
    const fresh = system.map(process.space, request(32));
    if (typeof fresh === 'string') throw new Error(fresh);
    for (let page = 0; page < 32; page++) expect(load(process, fresh + page * PAGE_SIZE)).toBe(0);
    expect(frames.zeroHits - hits).toBeGreaterThanOrEqual(32);
  });
}
