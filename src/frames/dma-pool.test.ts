import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FailurePlan, PAGE_SIZE, type Pfn, type PhysAddr, physAddr, type VirtAddr, virtAddr } from '../base/index.ts';
import { DmaDevice, Ram } from '../machine/index.ts';
import { bootPhysicalMemory } from './boot.ts';
import { DMA_POOL_PAGES, DmaPool, type DmaWindow } from './dma-pool.ts';
import { FrameKind } from './frame-table.ts';
import { zonedAllocator } from './zoned-allocator.ts';

const BASE = virtAddr(0xff80_0000);

/** A window that remembers what is mapped where, and fails when it is told to. */
class TestWindow implements DmaWindow {
  readonly base = BASE;
  readonly pages = new Map<VirtAddr, Pfn>();
  fails = false;

  enter(page: VirtAddr, frame: Pfn): boolean {
    if (this.fails) return false;
    expect(this.pages.has(page)).toBe(false);
    this.pages.set(page, frame);
    return true;
  }

  remove(page: VirtAddr): void {
    expect(this.pages.delete(page)).toBe(true);
  }
}

function make(options: { frames?: number; below?: number; failure?: FailurePlan } = {}) {
  const { frames = 200, below = frames, failure } = options;
  const ram = new Ram(new ArrayBuffer(frames * PAGE_SIZE), frames);
  ram.bytes.fill(0xa5);
  const memory = bootPhysicalMemory({ ram, allocator: zonedAllocator, ...(failure && { failure }) });
  const window = new TestWindow();
  const pool = DmaPool.create(memory, window, below);
  if (pool === 'ENOMEM') throw new Error('no pool');
  return { memory, ram, window, pool };
}

describe('DmaPool', () => {
  it('gives zeroed chunks of powers of two, aligned to their size, apart from each other and within the limit', () => {
    const step = fc.record({
      do: fc.constantFrom('allocate', 'allocate', 'free'),
      bytes: fc.integer({ min: 1, max: 4096 }),
      pick: fc.nat(1000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { memory, ram, window, pool } = make({ below: 60 });
        const held: { address: PhysAddr; size: number; mark: number }[] = [];
        let mark = 0;
        for (const { do: what, bytes, pick } of steps) {
          if (what === 'free') {
            const [gone] = held.splice(pick % Math.max(1, held.length), 1);
            if (gone === undefined) continue;
            expect(ram.bytes.subarray(gone.address, gone.address + gone.size).every((byte) => byte === gone.mark)).toBe(true);
            pool.free(gone.address);
            continue;
          }
          const size = Math.max(16, 2 ** Math.ceil(Math.log2(bytes)));
          const address = pool.allocate(bytes);
          if (address === 0) continue;
          expect([address % size, address + size <= 60 * PAGE_SIZE]).toEqual([0, true]);
          const chunk = ram.bytes.subarray(address, address + size);
          expect(chunk.every((byte) => byte === 0)).toBe(true);
          mark = (mark % 255) + 1;
          chunk.fill(mark);
          held.push({ address, size, mark });
        }
        for (const { address, size } of held) {
          for (const byte of [address, address + size - 1].map(physAddr)) {
            const virtual = pool.toVirtual(byte);
            expect(pool.toPhysical(virtual)).toBe(byte);
            expect(window.pages.get(virtAddr(virtual - (virtual % PAGE_SIZE)))).toBe(Math.floor(byte / PAGE_SIZE));
          }
        }
        pool.check();
        memory.check();
        for (const { address } of held) pool.free(address);
        pool.check();
        expect([memory.countOf(FrameKind.dma), window.pages.size]).toEqual([1, 0]);
        pool.destroy();
        expect(memory.freeCount).toBe(memory.managed);
        memory.check();
      }),
      { numRuns: 60 },
    );
  });

  it('holds what a driver and its controller share: descriptors that point at each other by physical addresses', () => {
    const { ram, pool } = make();
    const descriptors = [64, 32, 32, 32].map((bytes) => pool.allocate(bytes));
    const view = new DataView(ram.buffer);
    descriptors.forEach((address, i) => {
      // The driver writes through its mapping, the links are for the device.
      view.setUint32(pool.toPhysical(pool.toVirtual(address)), descriptors[i + 1] ?? 1, true);
      view.setUint32(address + 4, 100 + i, true);
    });
    const device = new DmaDevice(ram);
    const seen: number[] = [];
    for (let address = descriptors[0] as number; address % 2 === 0; ) {
      const bytes = new Uint8Array(8);
      device.gather([{ address, length: 8 }], bytes);
      const words = new DataView(bytes.buffer);
      seen.push(words.getUint32(4, true));
      address = words.getUint32(0, true);
    }
    expect(seen).toEqual([100, 101, 102, 103]);
    pool.check();
  });

  it('panics at a free of what is not given, and changes nothing (DP3)', () => {
    const { memory, pool } = make();
    const [one, two] = [pool.allocate(64), pool.allocate(64)];
    pool.free(two);
    const wrong = [two, one + 16, one + 1, 0, -16, 1e12, 150 * PAGE_SIZE].map(physAddr);
    for (const address of wrong) expect(() => pool.free(address), `${address}`).toThrow(/^DP3/);
    for (const address of [physAddr(0), physAddr(199 * PAGE_SIZE)]) expect(() => pool.toVirtual(address)).toThrow(/^DP3/);
    for (const address of [BASE - 1, BASE + PAGE_SIZE, BASE + DMA_POOL_PAGES * PAGE_SIZE]) {
      expect(() => pool.toPhysical(virtAddr(address)), `${address}`).toThrow(/^DP3/);
    }
    expect(() => pool.allocate(0)).toThrow(/^DP1/);
    expect(() => pool.allocate(4097)).toThrow(/^DP1/);
    expect(() => pool.destroy()).toThrow(/^DP3/);
    expect(memory.countOf(FrameKind.dma)).toBe(2);
    pool.check();
  });

  it('gives 0 when the window is full, no frame is in reach, or nothing can be mapped, and loses nothing', () => {
    const { memory, window, pool } = make();
    const pages = Array.from({ length: DMA_POOL_PAGES }, () => pool.allocate(4096));
    expect(pages.every((address) => address > 0)).toBe(true);
    expect([pool.allocate(4096), pool.allocate(16)]).toEqual([0, 0]);
    pool.free(pages[7] as PhysAddr);
    window.fails = true;
    const before = memory.freeCount;
    expect([pool.allocate(16), memory.freeCount]).toEqual([0, before]);
    window.fails = false;
    expect(pool.allocate(16)).toBeGreaterThan(0);
    pool.check();
    const near = make({ below: 1 });
    expect(near.pool.allocate(16)).toBe(0);
    near.memory.check();
  });

  it('loses nothing at the k-th failure of a frame', () => {
    for (let k = 1; ; k++) {
      const failure = new FailurePlan(k);
      const { memory, pool } = make({ failure });
      const given = [16, 32, 4096, 16].map((bytes) => pool.allocate(bytes)).filter((address) => address > 0);
      expect(given.length).toBe(failure.failures === 0 ? 4 : 3);
      pool.check();
      for (const address of given) pool.free(address);
      pool.destroy();
      expect(memory.freeCount).toBe(memory.managed);
      memory.check();
      if (failure.failures === 0) break;
    }
    const none = make({ frames: 32 });
    while (none.memory.allocate(FrameKind.anon) !== -1);
    expect(DmaPool.create(none.memory, none.window, 32)).toBe('ENOMEM');
  });
});
