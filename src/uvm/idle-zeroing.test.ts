// Idle time zeroes free frames; a fault then need not. What a process sees is the same.

import { afterEach, expect, it } from 'vitest';
import { checkMachines, smallMachine } from '../../test/support/uvm-machine.ts';
import { load, store } from '../../test/support/uvm-probe.ts';
import { PAGE_SIZE } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import { PROT_READ, PROT_WRITE } from '../system/index.ts';
import { defaultTuning } from './tuning.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

it('a tick zeroes frames that others left full, and the next first touches find them', () => {
  const { machine, system, newProcess } = smallMachine({ frames: 128, tuning: { ...defaultTuning, idleZeroedFrames: 10 } });
  const { frames } = machine;
  const process = newProcess();
  const map = (): number => {
    const start = system.map(process.space as VmMap, { size: 32 * PAGE_SIZE, protection: PROT_READ | PROT_WRITE, sharing: 'private' });
    if (typeof start === 'string') throw new Error(start);
    return start;
  };
  const first = map();
  for (let page = 0; page < 32; page++) store(process, first + page * PAGE_SIZE, 0xff);
  system.unmap(process.space as VmMap, first, 32 * PAGE_SIZE);

  const free = frames.freeCount;
  system.tick();
  expect([frames.countOf(FrameKind.zeroed), frames.freeCount]).toEqual([10, free]);
  const hits = frames.zeroHits;
  const second = map();
  for (let page = 0; page < 32; page++) expect(load(process, second + page * PAGE_SIZE)).toBe(0);
  expect(frames.zeroHits - hits).toBe(10);
  expect(frames.countOf(FrameKind.zeroed)).toBe(0);
});

it('zeroed frames are free frames when memory is short: a process gets all that it would get without them', () => {
  const pagesOf = (ticks: 0 | 1): number => {
    const { system, machine, newProcess } = smallMachine({ frames: 100, swapPages: 0, tuning: { ...defaultTuning, idleZeroedFrames: 50 } });
    if (ticks === 1) system.tick();
    const process = newProcess();
    const start = system.map(process.space as VmMap, { size: 90 * PAGE_SIZE, protection: PROT_READ | PROT_WRITE, sharing: 'private' });
    if (typeof start === 'string') throw new Error(start);
    let pages = 0;
    try {
      for (; pages < 90; pages++) store(process, start + pages * PAGE_SIZE, 1);
    } catch {
      machine.check();
    }
    return pages;
  };
  const without = pagesOf(0);
  expect(without).toBeLessThan(90);
  expect(pagesOf(1)).toBe(without);
});
