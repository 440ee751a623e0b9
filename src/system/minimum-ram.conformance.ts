// The smallest RAM (MIN_RAM_BYTES) is enough for one process to do everything it may do, under every policy and frame allocator:
// accesses over two pages of anonymous memory, of the image and of the heap, copies after a fork, with the child doing the same.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, layout, type MakeSystem, smallMachineOf } from '../../test/support/uvm-machine.ts';
import { TestFile } from '../../test/support/uvm-probe.ts';
import { PAGE_SIZE } from '../base/index.ts';
import { bitmapAllocator, stackAllocator } from '../frames/index.ts';
import { livePolicies, type PolicyKind } from '../paging/index.ts';
import { Process } from '../process/index.ts';
import { MIN_RAM_BYTES, PROT_READ, PROT_WRITE } from './index.ts';

/** Declares that the smallest RAM is enough. */
export function describeMinimumRam(make: MakeSystem): void {
  afterEach(checkMachines);

  const FRAMES = MIN_RAM_BYTES / PAGE_SIZE;
  const RW = PROT_READ | PROT_WRITE;

  /** Stores a word across each page boundary in [start, start + pages pages), and reads all of them back. */
  function straddle(process: Process, start: number, pages: number, value: number): void {
    const word = (page: number) => Uint8Array.from({ length: 8 }, (_, i) => (page * 8 + i + value) & 0xff);
    for (let page = 1; page < pages; page++) {
      const address = start + page * PAGE_SIZE - 3;
      process.trap(address, 8, 1);
      process.copyOut(address, word(page));
    }
    const found = new Uint8Array(8);
    for (let page = 1; page < pages; page++) {
      process.copyIn(start + page * PAGE_SIZE - 3, found);
      expect(found).toEqual(word(page));
    }
  }

  describe.each([bitmapAllocator, stackAllocator])('the smallest RAM over $name', (allocator) => {
    it.each(livePolicies)('runs a process and its child under $name', (policy: PolicyKind) => {
      const { system, machine, newProcess, newTlb } = smallMachineOf(make, {
        frames: FRAMES,
        swapPages: 512,
        policy,
        allocator,
        liveSpaces: 2,
      });
      const parent = newProcess();
      const space = parent.space;
      const image = system.createObject(new TestFile(16, 'image').pager);
      if (typeof image === 'string') throw new Error(image);
      const data = system.map(space, { size: 16 * PAGE_SIZE, protection: RW, sharing: 'private', object: image }) as number;
      const heap = (system.grow(space, layout.breakStart + 24 * PAGE_SIZE) as number) - 24 * PAGE_SIZE;
      const stack = system.map(space, { size: 40 * PAGE_SIZE, protection: RW, sharing: 'private' }) as number;
      const areas: [number, number][] = [
        [data, 16],
        [heap, 24],
        [stack, 40],
      ];
      for (const [start, pages] of areas) straddle(parent, start, pages, 1);
      system.check();
      const fork = system.fork(space, newTlb());
      if (typeof fork === 'string') throw new Error(fork);
      const child = new Process(machine, system, fork, () => 0);
      for (const [start, pages] of areas) {
        straddle(child, start, pages, 2);
        straddle(parent, start, pages, 3);
      }
      system.destroySpace(fork);
      for (const [start, pages] of areas) straddle(parent, start, pages, 4);
    });
  });
}
