// malloc of a process: contents against a model through a RAM too small for them, guard pages, trimming, fork, and lack of memory at any point.
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, layout, smallMachine } from '../../../test/support/uvm-machine.ts';
import { FailurePlan, KIB, MIB, PAGE_SIZE } from '../../base/index.ts';
import { BlockUse } from '../../heap/malloc/allocator.ts';
import { allocatorNames } from '../../heap/malloc/index.ts';
import { FaultyDevice, MemoryDevice } from '../../machine/index.ts';
import { FaultOutcome } from '../../system/index.ts';
import { GuestFault, Process, SpaceHeap, type SpaceHeapSettings } from '../index.ts';

afterEach(checkMachines);

function heapOn(settings: SpaceHeapSettings = {}, options: Parameters<typeof smallMachine>[0] = {}) {
  const made = smallMachine({ frames: 64, liveSpaces: 2, ...options });
  const process = made.newProcess();
  const heap = SpaceHeap.create(process, settings);
  if (typeof heap === 'string') throw new Error(heap);
  return { ...made, process, heap };
}

/** Designs whose blocks lie side by side up to a top, which falls with the last of them. Others keep tables or whole units at the end. */
const designsWithTop: readonly string[] = ['segregated', 'first-fit', 'next-fit', 'best-fit', 'worst-fit', 'dlmalloc', 'tlsf'];

/** The bytes that belong to a block: depend on its address and on who wrote. */
const contentOf = (seed: number, bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => seed * 31 + i * 7);

/** A heap beside a Map of what it holds. */
class Shadow {
  readonly blocks = new Map<number, { readonly seed: number; readonly bytes: number }>();
  readonly #heap: SpaceHeap;
  readonly #process: Process;
  #seed = 0;

  constructor(heap: SpaceHeap, process: Process) {
    this.#heap = heap;
    this.#process = process;
  }

  given(address: number, bytes: number, alignment: number): void {
    if (address === 0) return;
    expect(address % alignment).toBe(0);
    for (const [other, block] of this.blocks) expect(other >= address + bytes || other + block.bytes <= address).toBe(true);
    const seed = this.#seed++;
    this.#process.copyOut(address, contentOf(seed, bytes));
    this.blocks.set(address, { seed, bytes });
  }

  free(address: number): void {
    this.verify(address);
    this.blocks.delete(address);
    expect(this.#heap.free(address)).toBe(true);
  }

  realloc(address: number, bytes: number): void {
    const old = this.verify(address);
    const moved = this.#heap.realloc(address, bytes);
    if (moved === 0) return void this.verify(address);
    const kept = new Uint8Array(Math.min(old.bytes, bytes));
    this.#process.copyIn(moved, kept);
    expect(Buffer.compare(kept, contentOf(old.seed, kept.length))).toBe(0);
    this.blocks.delete(address);
    this.given(moved, bytes, 8);
  }

  verify(address: number): { readonly seed: number; readonly bytes: number } {
    const block = this.blocks.get(address);
    if (block === undefined) throw new Error(`${address} is no block`);
    const bytes = new Uint8Array(block.bytes);
    this.#process.copyIn(address, bytes);
    expect(Buffer.compare(bytes, contentOf(block.seed, block.bytes))).toBe(0);
    return block;
  }

  verifyAll(): void {
    for (const address of this.blocks.keys()) this.verify(address);
    this.#heap.check();
  }
}

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom('malloc', 'malloc', 'malloc', 'memalign', 'realloc', 'free'),
    pick: fc.nat(),
    bytes: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 9000 }), fc.integer({ min: 30_000, max: 60_000 })),
    alignment: fc.constantFrom(16, 64, 4096),
  }),
  { maxLength: 60, size: 'max' },
);

describe.each(allocatorNames)('%s over an address space', (allocator) => {
  it('does what a Map does, through swap, with large and guarded blocks among the others', () => {
    const { heap, process, system } = heapOn(
      { allocator, mapBytes: 40 * KIB, trimBytes: 16 * KIB, limitBytes: 2 * MIB, guard: { oneIn: 6 } },
      { frames: 44 },
    );
    const shadow = new Shadow(heap, process);
    fc.assert(
      fc.property(steps, (script) => {
        for (const { kind, pick, bytes, alignment } of script) {
          const live = [...shadow.blocks.keys()];
          const one = live[pick % Math.max(1, live.length)];
          if (kind === 'malloc') shadow.given(heap.malloc(bytes), bytes, 8);
          else if (kind === 'memalign') shadow.given(heap.memalign(alignment, bytes), bytes, alignment);
          else if (one !== undefined && kind === 'realloc') shadow.realloc(one, bytes);
          else if (one !== undefined) shadow.free(one);
        }
        shadow.verifyAll();
        for (const address of shadow.blocks.keys()) shadow.free(address);
        shadow.verifyAll();
      }),
      { numRuns: 8, seed: 5 },
    );
    expect(system.statistics().swapPagesIn).toBeGreaterThan(0);
    expect(heap.usage()).toMatchObject({ largeBlocks: 0, guardedBlocks: 0, mappedBytes: 0 });
  });

  it('hardened, finds a store behind a block', () => {
    const { heap, process } = heapOn({ allocator, checks: 'hardened', seed: 4, limitBytes: MIB });
    const [a, b] = [heap.malloc(24), heap.malloc(24)];
    expect(heap.free(b)).toBe(true);
    expect(() => heap.free(b)).toThrow(/HD3/);
    process.copyOut(a + 24, Uint8Array.of(1));
    expect(() => heap.free(a)).toThrow(/HD5/);
  });

  it('gives pages back when what is at its end is freed', () => {
    const { heap } = heapOn({ allocator, limitBytes: 2 * MIB, trimBytes: 64 * KIB });
    const before = heap.usage().breakBytes;
    const blocks = Array.from({ length: 60 }, () => heap.malloc(8000));
    const most = heap.usage().breakBytes;
    expect(most).toBeGreaterThan(before + 400_000);
    for (const block of blocks.reverse()) heap.free(block);
    heap.check();
    expect(heap.usage().breakBytes).toBeLessThan(designsWithTop.includes(allocator) ? before + 128 * KIB : most + 1);
    expect(heap.malloc(200_000)).not.toBe(0);
    for (let i = 0; i < 40; i++) expect(heap.malloc(8000)).not.toBe(0);
    heap.check();
  });
});

it('k-th frame that is not to be had: the operation faults or says 0, and the heap is as before', () => {
  const play = (plan: FailurePlan) => {
    const { heap, process } = heapOn({ limitBytes: MIB }, { frameFailures: plan, frames: 256, swapPages: 0 });
    const shadow = new Shadow(heap, process);
    const first = plan.requests;
    for (let i = 0; i < 24; i++) {
      const bytes = i % 4 === 0 ? 9000 : 300;
      const [oldest] = shadow.blocks.keys();
      try {
        const address = i % 5 === 4 && oldest !== undefined ? 0 : heap.malloc(bytes);
        if (address !== 0) shadow.given(address, bytes, 8);
        else if (oldest !== undefined) shadow.free(oldest);
      } catch (error) {
        if (!(error instanceof GuestFault)) throw error;
        // A block whose content could not be written is not in the model; the heap still has it.
      }
      heap.check();
    }
    shadow.verifyAll();
    return first;
  };
  const counting = new FailurePlan();
  const first = play(counting);
  expect(counting.requests - first).toBeGreaterThan(10);
  for (let k = first; k < counting.requests; k++) {
    const plan = new FailurePlan(k);
    play(plan);
    expect(plan.failures).toBe(1);
  }
});

/** Every so manyeth request fails, once it is switched on. */
class EveryNth extends FailurePlan {
  every = 0;
  #asked = 0;

  override next(): boolean {
    return this.every > 0 && ++this.#asked % this.every === 0;
  }
}

it('a full RAM and swap: the process faults, nothing is torn, and what is freed can be had again', () => {
  const { heap, process } = heapOn({}, { frames: 64, swapPages: 32 });
  const shadow = new Shadow(heap, process);
  const full = (): boolean => {
    try {
      const address = heap.malloc(3000);
      shadow.given(address, 3000, 8);
      return address === 0;
    } catch (error) {
      expect((error as GuestFault).outcome).toBe(FaultOutcome.outOfMemory);
      return true;
    }
  };
  while (!full());
  for (const address of [...shadow.blocks.keys()].reverse().slice(0, 30)) shadow.free(address);
  shadow.verifyAll();
  expect(full()).toBe(false);
});

it('a device that fails in the middle of an operation: the words are put back, then or with the next operation', () => {
  const reads = new EveryNth();
  const swap = new FaultyDevice(new MemoryDevice(512), { reads });
  const { heap, process } = heapOn({}, { frames: 64, swap });
  const shadow = new Shadow(heap, process);
  for (let i = 0; i < 60; i++) shadow.given(heap.malloc(6000), 6000, 8);
  let faults = 0;
  for (let i = 0; i < 200; i++) {
    const [first] = shadow.blocks.keys();
    reads.every = 3;
    try {
      if (i % 2 === 0) shadow.given(heap.malloc(5000), 5000, 8);
      else if (first !== undefined) {
        expect(heap.free(first)).toBe(true);
        shadow.blocks.delete(first);
      }
    } catch (error) {
      if (!(error instanceof GuestFault)) throw error;
      faults++;
    }
  }
  reads.every = 0;
  expect(faults).toBeGreaterThan(0);
  shadow.verifyAll();
});

describe('guard pages', () => {
  const faultOf = (action: () => void): GuestFault => {
    try {
      action();
    } catch (error) {
      if (error instanceof GuestFault) return error;
      throw error;
    }
    throw new Error('no fault');
  };

  it.each(['aligned', 'exact'] as const)('a store one byte behind faults there, and the block is named (%s)', (placement) => {
    const { heap, process } = heapOn({ guard: { oneIn: 1, placement } });
    for (const bytes of [0, 8, 24, 100, PAGE_SIZE, 3 * PAGE_SIZE - 8]) {
      const size = placement === 'aligned' ? bytes - (bytes % 8) : bytes + 1;
      const address = heap.malloc(size);
      process.copyOut(address, contentOf(1, size));
      const fault = faultOf(() => process.copyOut(address + size, Uint8Array.of(1)));
      expect([fault.address, fault.access, fault.outcome]).toEqual([address + size, 'write', FaultOutcome.protection]);
      expect(heap.explain(fault.address)).toBe(
        `0x${(address + size).toString(16)} is 0 bytes behind the end of the block of ${size} bytes at 0x${address.toString(16)}`,
      );
      expect(faultOf(() => process.copyIn(address + size + 100, new Uint8Array(1))).access).toBe('read');
      if (size > 0) expect(heap.explain(address)).toBe(undefined);
    }
  });

  it('a use after free faults, until others have been freed; a second free is refused', () => {
    const { heap, process } = heapOn({ guard: { oneIn: 1 } });
    const address = heap.malloc(40);
    expect(heap.free(address)).toBe(true);
    expect(heap.free(address)).toBe(false);
    const fault = faultOf(() => process.copyIn(address + 8, new Uint8Array(1)));
    expect(heap.explain(fault.address)).toMatch(/guarded block of 40 bytes that was freed/);
    for (let i = 0; i < 20; i++) heap.free(heap.malloc(16));
    expect(heap.usage().guardedBlocks).toBe(0);
    expect(heap.explain(address)).not.toMatch(/40 bytes/);
  });

  it('guards one block in so many, the same ones for a seed', () => {
    const guarded = (seed: number) => {
      const { heap } = heapOn({ guard: { oneIn: 10, seed } }, { frames: 400 });
      return Array.from({ length: 300 }, () => heap.malloc(64)).map((address) => address >= 0x2000_0000);
    };
    expect(guarded(3)).toEqual(guarded(3));
    expect(guarded(3)).not.toEqual(guarded(4));
    const share = guarded(5).filter(Boolean).length;
    expect(share).toBeGreaterThan(10);
    expect(share).toBeLessThan(60);
  });
});

it('large blocks are mappings: their pages go with them, and realloc moves pages, not bytes', () => {
  const { heap, process, system } = heapOn({}, { frames: 400 });
  const breakBytes = heap.usage().breakBytes;
  const a = heap.malloc(256 * KIB);
  process.copyOut(a, contentOf(9, 256 * KIB));
  expect(heap.usage()).toMatchObject({ largeBlocks: 1, breakBytes });
  const before = system.statistics().faults;
  const b = heap.realloc(a, 512 * KIB);
  expect(system.statistics().faults - before).toBeLessThan(4);
  const kept = new Uint8Array(256 * KIB);
  process.copyIn(b, kept);
  expect(Buffer.compare(kept, contentOf(9, 256 * KIB))).toBe(0);
  const small = heap.realloc(b, 100);
  expect(heap.usage()).toMatchObject({ largeBlocks: 0, mappedBytes: 0 });
  process.copyIn(small, kept.subarray(0, 100));
  expect(Buffer.compare(kept.subarray(0, 100), contentOf(9, 100))).toBe(0);
  expect([heap.free(b), heap.usableSize(b), heap.realloc(b, 200 * KIB)]).toEqual([false, 0, 0]);
});

it('calloc gives zeros where a block was used before, and refuses what is no size', () => {
  const { heap, process } = heapOn();
  const a = heap.malloc(1000);
  process.copyOut(a, contentOf(3, 1000));
  heap.free(a);
  const b = heap.calloc(10, 100);
  const bytes = new Uint8Array(1000);
  process.copyIn(b, bytes);
  expect(bytes.every((byte) => byte === 0)).toBe(true);
  for (const none of [-1, 0.5, Number.NaN, 2 ** 31, 2 ** 53])
    expect([heap.malloc(none), heap.calloc(1, none), heap.realloc(b, none)]).toEqual([0, 0, 0]);
  expect([heap.memalign(3, 8), heap.memalign(0, 8), heap.free(0), heap.free(123), heap.free(0x1234_5678)]).toEqual([
    0,
    0,
    true,
    false,
    false,
  ]);
});

it('a forked child has the heap, and its own copy of it', () => {
  const { heap, process, system, machine, newTlb } = heapOn({ allocator: 'dlmalloc' }, { frames: 256 });
  const [a, b] = [heap.malloc(100), heap.malloc(6000)];
  process.copyOut(a, contentOf(1, 100));
  const space = system.fork(process.space as Parameters<typeof system.fork>[0], newTlb());
  if (typeof space === 'string') throw new Error(space);
  const child = new Process(machine, system, space, () => 0);
  const theirs = SpaceHeap.open(child);
  expect(theirs.free(b)).toBe(true);
  expect(theirs.free(a)).toBe(true);
  theirs.check();
  expect(heap.usableSize(b)).toBeGreaterThanOrEqual(6000);
  const live: number[] = [];
  heap.walk((address, _bytes, use) => void (use === BlockUse.used && live.push(address)));
  expect(live).toEqual([a, b]);
  heap.check();
  const bytes = new Uint8Array(100);
  process.copyIn(a, bytes);
  expect(Buffer.compare(bytes, contentOf(1, 100))).toBe(0);
});

it('cannot be made where the break has moved, or without memory', () => {
  const { newProcess, system } = smallMachine({ frames: 64, liveSpaces: 2 });
  const process = newProcess();
  expect(SpaceHeap.create(process, { limitBytes: PAGE_SIZE, checks: 'hardened', heldBlocks: 4000 })).toBe('ENOMEM');
  expect(process.space.breakEnd).toBe(layout.breakStart);
  expect(() => SpaceHeap.create(process, { alignment: 4 as 8 })).toThrow(RangeError);
  expect(process.space.breakEnd).toBe(layout.breakStart);
  system.grow(process.space as Parameters<typeof system.grow>[0], layout.breakStart + PAGE_SIZE);
  expect(SpaceHeap.create(process)).toBe('EBUSY');
});
