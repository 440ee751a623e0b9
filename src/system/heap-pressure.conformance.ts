// The kernel heap keeps frames for later; a program that has none left gets them, whatever the design. The same happens twice with the same
// number of free frames, once with and once without idle frames in the heap: where a store works the first time only, it worked because
// the heap gave frames back.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, type MakeSystem, smallMachineOf } from '../../test/support/uvm-machine.ts';
import { load, store } from '../../test/support/uvm-probe.ts';
import { PAGE_SIZE } from '../base/index.ts';
import { HeapUse, type KernelHeap, type KernelHeapKind, kernelHeapKinds } from '../heap/index.ts';
import { PROT_READ, PROT_WRITE } from './index.ts';

/** What is left free is varied up to this: more than a manager keeps for itself. */
const MOST_LEFT = 12;
/** Pages that a fork copies at once. */
const LOCKED = 12;

/** Leaves frames in the heap that no block is in. */
function leaveIdleFrames(heap: KernelHeap): void {
  const sizes = [100, 250, 500, 1000, 2000].flatMap((size) => Array.from({ length: 6 }, () => size));
  const blocks = sizes.map((size) => heap.allocate(size, HeapUse.loan));
  for (const [i, size] of sizes.entries()) heap.free(blocks[i] as number, size, HeapUse.loan);
}

/** Stores to a page where `left` frames are free, and no page can be evicted. Returns whether that worked, and the frames reaped for it. */
function storeWithLittleLeft(make: MakeSystem, kernelHeap: KernelHeapKind, left: number, idle: 'kept' | 'given back') {
  const { machine, system, newProcess } = smallMachineOf(make, { frames: 72, swapPages: 0, kernelHeap });
  const { heap, frames } = machine;
  const process = newProcess();
  const at = system.map(process.space, { size: 64 * PAGE_SIZE, protection: PROT_READ | PROT_WRITE, sharing: 'private' }) as number;
  store(process, at, 1);
  leaveIdleFrames(heap);
  if (idle === 'given back') heap.reap();
  const taken: number[] = [];
  while (frames.freeCount > left) taken.push(heap.allocate(PAGE_SIZE, HeapUse.loan));
  const before = heap.costs().reapedFrames;
  let works = true;
  try {
    store(process, at + 40 * PAGE_SIZE, 2);
    expect(load(process, at + 40 * PAGE_SIZE)).toBe(2);
  } catch {
    works = false;
  }
  expect(load(process, at)).toBe(1);
  const reaped = heap.costs().reapedFrames - before;
  for (const block of taken) heap.free(block, PAGE_SIZE, HeapUse.loan);
  return { works, reaped };
}

/**
 * Forks a process with locked pages, which the child gets copies of at once, where `left` frames are free and no page can be evicted. Returns
 * whether that worked.
 */
function forkWithLittleLeft(make: MakeSystem, left: number, idle: 'kept' | 'given back'): boolean {
  const { machine, system, newProcess, newTlb } = smallMachineOf(make, { frames: 88, swapPages: 0 });
  const { heap, frames } = machine;
  const { space } = newProcess();
  const at = system.map(space, { size: LOCKED * PAGE_SIZE, protection: PROT_READ | PROT_WRITE, sharing: 'private' }) as number;
  expect(system.lock(space, at, LOCKED * PAGE_SIZE)).toBe(0);
  leaveIdleFrames(heap);
  if (idle === 'given back') heap.reap();
  const taken: number[] = [];
  while (frames.freeCount > left) taken.push(heap.allocate(PAGE_SIZE, HeapUse.loan));
  const works = typeof system.fork(space, newTlb()) !== 'string';
  for (const block of taken) heap.free(block, PAGE_SIZE, HeapUse.loan);
  return works;
}

/** Declares that the kernel heap shrinks under pressure. */
export function describeHeapPressure(make: MakeSystem): void {
  describe('a program with no frames left', () => {
    afterEach(checkMachines);

    it.each(kernelHeapKinds)('gets those that the kernel heap $name keeps idle', (kind) => {
      let onlyWithThem = 0;
      for (let left = 0; left <= MOST_LEFT; left++) {
        const [kept, without] = [storeWithLittleLeft(make, kind, left, 'kept'), storeWithLittleLeft(make, kind, left, 'given back')];
        expect(kept.works || !without.works).toBe(true);
        if (!kept.works || without.works) continue;
        onlyWithThem++;
        expect(kept.reaped).toBeGreaterThan(0);
      }
      expect(onlyWithThem).toBeGreaterThan(0);
    });

    it('gets them for a fork that copies pages at once', () => {
      // Above what makes the daemon run before the request: there the request itself must say what it lacks.
      const lefts = Array.from({ length: 12 }, (_, i) => 8 + i);
      const works = lefts.map((left) => [forkWithLittleLeft(make, left, 'kept'), forkWithLittleLeft(make, left, 'given back')]);
      expect(works.every(([kept, without]) => kept || !without)).toBe(true);
      expect(works.some(([kept, without]) => kept && !without)).toBe(true);
    });

    it('loses no page while the kernel heap keeps as many frames idle as are needed', () => {
      const caches = kernelHeapKinds.find(({ name }) => name === 'caches') as KernelHeapKind;
      const { machine, system, newProcess } = smallMachineOf(make, { frames: 128, swapPages: 512, kernelHeap: caches });
      const { heap, frames } = machine;
      const process = newProcess();
      const at = system.map(process.space, { size: 64 * PAGE_SIZE, protection: PROT_READ | PROT_WRITE, sharing: 'private' }) as number;
      for (let page = 0; page < 20; page++) store(process, at + page * PAGE_SIZE, page);
      const blocks = Array.from({ length: 120 }, () => heap.allocate(1000, HeapUse.loan));
      for (const block of blocks) heap.free(block, 1000, HeapUse.loan);
      const taken: number[] = [];
      while (frames.freeCount > 2) taken.push(heap.allocate(PAGE_SIZE, HeapUse.loan));
      for (let page = 20; page < 22; page++) store(process, at + page * PAGE_SIZE, page);
      const { evictedClean, evictedDirty } = system.statistics();
      expect([evictedClean, evictedDirty, heap.costs().reapedFrames]).toEqual([0, 0, 30]);
      for (const block of taken) heap.free(block, PAGE_SIZE, HeapUse.loan);
    });
  });
}
