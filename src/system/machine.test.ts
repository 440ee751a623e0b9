import { describe, expect, it } from 'vitest';
import { FailurePlan, PAGE_SIZE, UsageError } from '../base/index.ts';
import { bitmapAllocator, stackAllocator } from '../frames/index.ts';
import { HeapUse } from '../heap/index.ts';
import { i386, TLB_TABLE_SPAN } from '../machine/index.ts';
import { MAX_RAM_BYTES, Machine, type MachineOptions, MIN_RAM_BYTES } from './machine.ts';

const options: MachineOptions = {
  ramBytes: MIN_RAM_BYTES,
  frameAllocator: bitmapAllocator,
  pageTableFormat: i386,
  liveSpaces: 0,
  seed: 1,
};

const refusal = (change: Partial<MachineOptions>): string => {
  try {
    new Machine({ ...options, ...change });
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error('not refused');
};

describe('the size of RAM', () => {
  it.each([0, -1, 1, PAGE_SIZE, 16 * PAGE_SIZE, MIN_RAM_BYTES - 1, MAX_RAM_BYTES + PAGE_SIZE, Number.NaN, Number.POSITIVE_INFINITY])(
    '%d bytes are refused with the sentence that says what is possible',
    (ramBytes) => {
      expect(refusal({ ramBytes })).toBe(`RAM of ${ramBytes} bytes is not possible: give between 128 KiB and 2048 MiB`);
    },
  );

  it.each([bitmapAllocator, stackAllocator])('boots at the minimum, and rounds down to whole frames, over $name', (frameAllocator) => {
    const machine = new Machine({ ...options, frameAllocator, ramBytes: MIN_RAM_BYTES + PAGE_SIZE - 1 });
    expect([machine.ram.frameCount, machine.frames.managed]).toEqual([32, 30]);
    machine.check();
  });

  it('counts what a memory map leaves', () => {
    const usable = { start: 0, end: MIN_RAM_BYTES, kind: 'usable' } as const;
    const hole = (frames: number) => ({ start: MIN_RAM_BYTES - frames * PAGE_SIZE, end: MIN_RAM_BYTES, kind: 'bad' }) as const;
    expect(new Machine({ ...options, memoryMap: [usable, hole(2)] }).frames.managed).toBe(28);
    expect(refusal({ memoryMap: [usable, hole(3)] })).toBe('the memory map leaves 27 frames to use, 28 are needed: give more usable RAM');
  });
});

describe('live spaces', () => {
  it('have tables of their own above RAM, and no more than asked for', () => {
    const machine = new Machine({ ...options, liveSpaces: 2 });
    const [first, second] = [machine.tlbTables(0), machine.tlbTables(1)];
    expect(first.readTable).toBe(MIN_RAM_BYTES);
    expect([first.writeTable - first.readTable, second.readTable - first.writeTable]).toEqual([TLB_TABLE_SPAN, TLB_TABLE_SPAN]);
    expect(machine.memory?.buffer.byteLength).toBe(second.writeTable + TLB_TABLE_SPAN);
    expect(() => machine.tlbTables(2)).toThrow(UsageError);
    machine.liveTlb(1).fillRead(5, 9 as never);
    expect(machine.liveTlb(1).readFrame(5)).toBe(9);
    expect(machine.liveTlb(0).reads(5)).toBe(false);
  });

  it('need no memory when there are none', () => {
    expect(new Machine(options).memory).toBeUndefined();
  });
});

it('failures are injected into frames and into the kernel heap', () => {
  const machine = new Machine({ ...options, frameFailures: new FailurePlan(1), heapFailures: new FailurePlan(1) });
  expect(machine.heap.allocate(16, HeapUse.anon)).not.toBe(0);
  expect(machine.heap.allocate(16, HeapUse.anon)).toBe(0);
  expect(machine.heap.allocate(16, HeapUse.anon)).not.toBe(0);
  // The heap's first block took frame request 0.
  expect(machine.heap.allocate(4096, HeapUse.anon)).toBe(0);
  expect(machine.heap.allocate(4096, HeapUse.anon)).not.toBe(0);
  machine.check();
});
