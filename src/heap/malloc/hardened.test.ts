// Hardened heaps: they are heaps (the suite of all), and they find misuse: the list of security tests that users of mimalloc-bench keep.
import { describe, expect, it } from 'vitest';
import { HeapDamage } from './allocator.ts';
import { allocatorNames } from './designs.ts';
import { Heap, type HeapOptions } from './heap.ts';
import { describeHeapAllocator } from './heap-allocator.conformance.ts';

describe('hardened', () => {
  // Addresses that are none are part of the suite: they are to be refused, not thrown about.
  const onDamage = (): void => undefined;
  describeHeapAllocator('segregated', (backing, options) => Heap.create(backing, { ...options, checks: 'hardened', seed: 3, onDamage }));
});

const MIB = 2 ** 20;

function hardened(options: HeapOptions = {}, bytes = MIB): Heap {
  return Heap.create(bytes, { checks: 'hardened', seed: 7, ...options });
}

/** What `action` finds: the invariant and the address, or nothing. */
function finding(action: () => unknown): readonly [string, number] | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof HeapDamage) return [error.invariant, error.address];
    throw error;
  }
  return undefined;
}

const write = (heap: Heap, at: number, value = 1, bytes = 1): void => void heap.bytes.fill(value, at, at + bytes);

describe.each(allocatorNames)('a hardened %s heap finds', (allocator) => {
  describe.each([8, 16] as const)('aligned to %i', (alignment) => {
    const heapOf = (options: HeapOptions = {}) => hardened({ allocator, alignment, ...options });

    it('a block freed twice: at once, after another free, after as many as are held', () => {
      const heap = heapOf({ heldBlocks: 4 });
      const [a, b, c] = [heap.malloc(40), heap.malloc(40), heap.malloc(40)];
      expect(heap.free(a)).toBe(true);
      expect(finding(() => heap.free(a))).toEqual(['HD3', a]);
      expect(heap.free(b)).toBe(true);
      expect(finding(() => heap.free(a))).toEqual(['HD3', a]);
      const others = [1, 2, 3, 4, 5].map(() => heap.malloc(2000));
      for (const other of others) expect(heap.free(other)).toBe(true);
      expect(finding(() => heap.free(a))).toEqual(['HD3', a]);
      expect(finding(() => heap.realloc(b, 100))).toEqual(['HD3', b]);
      expect(heap.free(c)).toBe(true);
      heap.check();
    });

    it('an address that is none of a block: foreign, unaligned, inside a block, never set', () => {
      const heap = heapOf();
      const a = heap.malloc(400);
      for (const inside of [a + 16, a + 64, a - 16]) expect(finding(() => heap.free(inside))).toEqual(['HD3', inside]);
      for (const odd of [a + 1, a + 4, a - 1]) expect(finding(() => heap.free(odd))).toEqual(['HD1', odd]);
      for (const foreign of [MIB, MIB + 64, 2 ** 31, 2 ** 32, -8, Number.NaN, 0.5])
        expect(finding(() => heap.free(foreign))).toEqual(['HD2', foreign]);
      // A variable that was never set holds what lay there: here the bytes of a block just given.
      const garbage = new Uint32Array(heap.bytes.buffer, a, 1)[0] as number;
      expect(finding(() => heap.free(garbage))?.[1]).toBe(garbage);
      expect(heap.usableSize(garbage)).toBe(0);
      expect(heap.free(0)).toBe(true);
      expect(heap.free(a)).toBe(true);
      heap.check();
    });

    it.each([0, 1, 3, 4, 7, 8, 13, 100, 500, 5000])('a byte written before or behind a block of %i bytes', (bytes) => {
      for (const where of [-1, bytes]) {
        const heap = heapOf();
        const [, a] = [heap.malloc(30), heap.malloc(bytes), heap.malloc(30)];
        write(heap, a, 5, bytes);
        heap.check();
        write(heap, a + where, (heap.bytes[a + where] as number) ^ 1);
        const expected = [where < 0 ? 'HD4' : 'HD5', a];
        expect(finding(() => heap.check())).toEqual(expected);
        expect(finding(() => heap.realloc(a, 1000))).toEqual(expected);
        expect(finding(() => heap.free(a))).toEqual(expected);
      }
    });

    it('a flood of a megabyte before or behind a block', () => {
      for (const where of [-MIB, 100]) {
        const heap = hardened({ allocator, alignment }, 4 * MIB);
        const blocks = Array.from({ length: 40 }, () => heap.malloc(50_000));
        const a = where < 0 ? (blocks[30] as number) : heap.malloc(100);
        write(heap, a + where, 0x41, MIB);
        const [invariant, at] = finding(() => heap.free(a)) ?? [];
        // Where the design puts the map of live blocks there, the flood has reached it too.
        expect(['HD3', where < 0 ? 'HD4' : 'HD5']).toContain(invariant);
        expect(at).toBe(a);
      }
    });

    it('a write after free, when the block leaves the ring and at once by check', () => {
      for (const [bytes, where] of [
        [1, 0],
        [24, 0],
        [24, 23],
        [999, 500],
        [70_000, 69_999],
      ] as const) {
        const heap = heapOf({ heldBlocks: 3 });
        const a = heap.malloc(bytes);
        write(heap, a, 0x53, bytes);
        heap.free(a);
        write(heap, a + where, 0);
        expect(finding(() => heap.check())).toEqual(['HD6', a]);
        const later = [1, 2, 3, 4].map(() => heap.malloc(24));
        for (const other of later.slice(0, 2)) heap.free(other);
        expect(finding(() => heap.free(later[2] as number))).toEqual(['HD6', a]);
        // It has been told; the block stays out of use, and the heap goes on.
        expect(heap.free(later[2] as number)).toBe(true);
        heap.check();
        for (let i = 0; i < 300; i++) expect(heap.malloc(bytes)).not.toBe(a);
      }
    });

    it('no content of others: not in a freed block, not in a new one', () => {
      const heap = heapOf({ heldBlocks: 2 });
      for (const bytes of [5, 64, 700]) {
        const secret = heap.malloc(bytes);
        write(heap, secret, 0x53, bytes);
        heap.free(secret);
        expect(heap.bytes.subarray(secret, secret + bytes).includes(0x53)).toBe(false);
        for (let i = 0; i < 20; i++) {
          const a = heap.malloc(bytes);
          expect(heap.bytes.subarray(a, a + bytes).every((byte) => byte === 0xa5)).toBe(true);
          heap.free(a);
        }
      }
    });

    it('any use of a block of no bytes', () => {
      const heap = heapOf();
      const a = heap.malloc(0);
      expect([a === 0, heap.usableSize(a)]).toEqual([false, 0]);
      write(heap, a, 0);
      expect(finding(() => heap.free(a))).toEqual(['HD5', a]);
      const b = heap.malloc(0);
      expect(heap.free(b)).toBe(true);
    });

    it('misuse of aligned blocks', () => {
      const heap = heapOf();
      for (const power of [32, 256, 4096]) {
        const a = heap.memalign(power, 20);
        expect(a % power).toBe(0);
        write(heap, a, 1, 20);
        heap.check();
        const behind = heap.bytes[a + 20] as number;
        write(heap, a + 20, behind ^ 8);
        expect(finding(() => heap.free(a))).toEqual(['HD5', a]);
        write(heap, a + 20, behind);
        expect(heap.free(a)).toBe(true);
        expect(finding(() => heap.free(a))).toEqual(['HD3', a]);
      }
    });

    it('and tells a listener instead, with nothing changed', () => {
      const heard: HeapDamage[] = [];
      const heap = heapOf({ onDamage: (damage) => heard.push(damage), heldBlocks: 1 });
      const [a, b] = [heap.malloc(10), heap.malloc(10)];
      expect([heap.free(a), heap.free(a), heap.free(a + 1), heap.realloc(a, 5)]).toEqual([true, false, false, 0]);
      expect(heard.map(({ invariant, address }) => [invariant, address])).toEqual([
        ['HD3', a],
        ['HD1', a + 1],
        ['HD3', a],
      ]);
      write(heap, a, 0);
      expect(heap.free(b)).toBe(true);
      expect(heard.at(-1)).toMatchObject({ invariant: 'HD6', address: a });
      expect(heap.usableSize(b)).toBe(0);
    });
  });

  it('what was done to a copy of its bytes, with the same key', () => {
    const heap = hardened({ allocator });
    const [a, b] = [heap.malloc(33), heap.malloc(44)];
    heap.free(b);
    const copy = Heap.open(heap.bytes.slice().buffer);
    copy.check();
    write(copy, a + 33, 0);
    expect(finding(() => copy.free(a))).toEqual(['HD5', a]);
    expect(finding(() => copy.free(b))).toEqual(['HD3', b]);
    heap.check();
  });

  it('nothing wrong while the heap grows, and gives its held blocks up rather than fail', () => {
    const heap = Heap.create(new WebAssembly.Memory({ initial: 1, maximum: 64 }), { allocator, checks: 'hardened', seed: 1 });
    const blocks = Array.from({ length: 3000 }, (_, i) => heap.malloc(i % 1000));
    heap.check();
    for (const block of blocks) expect(heap.free(block)).toBe(true);
    heap.check();
    const small = Heap.create(128 * 1024, { allocator, checks: 'hardened', seed: 1 });
    for (let i = 0; i < 50; i++) {
      const block = small.malloc(30_000);
      expect(block).not.toBe(0);
      expect(small.free(block)).toBe(true);
    }
    small.check();
    small.reset();
    small.check();
    expect(small.malloc(30_000)).not.toBe(0);
  });
});

describe.each(['size-classes', 'free-list'] as const)('a hardened %s heap mixes the links in free memory', (allocator) => {
  /** Where the design keeps its link in a block that its user knew as `address`. */
  const linkOf = (address: number): number => address - 8;

  /** A heap with several free blocks of one size, none held back; and the one that is first in its list. */
  function withFreeBlocks(options: HeapOptions = {}): { heap: Heap; blocks: number[] } {
    const heap = hardened({ allocator, heldBlocks: 0, ...options });
    const blocks = Array.from({ length: 8 }, () => heap.malloc(200));
    for (const block of blocks) heap.free(block);
    return { heap, blocks };
  }

  const word = (heap: Heap, at: number): number => new DataView(heap.buffer).getInt32(at, true);

  it('so that none shows where blocks lie, and a plain heap has them as they are', () => {
    const { heap, blocks } = withFreeBlocks();
    const before = blocks.at(-2) as number;
    const first = blocks.at(-1) as number;
    const other = withFreeBlocks({ seed: 8 }).heap;
    // Words of both heaps lie alike: only the keys are different.
    const keys = word(heap, 36) ^ word(other, 36);
    expect(word(heap, linkOf(first)) ^ word(other, linkOf(first))).toBe(keys);
    expect(Math.abs(((word(heap, linkOf(first)) ^ word(heap, 36)) << 2) - linkOf(before))).toBeLessThanOrEqual(4);
    heap.check();
  });

  it.each([0, 1, 0x10, 0x1234, 0x7fff_ffff, -8, -1])('and follows none that was overwritten with %i', (value) => {
    for (const how of ['malloc', 'check'] as const) {
      const { heap, blocks } = withFreeBlocks();
      const first = blocks.at(-1) as number;
      new DataView(heap.buffer).setInt32(linkOf(first), value, true);
      const found = finding(() => (how === 'check' ? heap.check() : heap.malloc(200)));
      expect(found).toEqual(['HD7', linkOf(first)]);
      if (how === 'check') continue;
      // Nobody gets what it led to; the blocks behind it are given up, and the heap goes on.
      const later = Array.from({ length: 20 }, () => heap.malloc(200));
      for (const block of later) expect(blocks).not.toContain(block);
      expect(new Set(later).size).toBe(20);
      for (const block of later) expect(heap.free(block)).toBe(true);
    }
  });

  it('and tells a listener, once, and has a block all the same or none', () => {
    const heard: HeapDamage[] = [];
    const { heap, blocks } = withFreeBlocks({ onDamage: (damage) => heard.push(damage) });
    const first = blocks.at(-1) as number;
    new DataView(heap.buffer).setInt32(linkOf(first), 0x2000, true);
    expect(heap.malloc(200)).toBe(0);
    expect(heard.map(({ invariant, address }) => [invariant, address])).toEqual([['HD7', linkOf(first)]]);
    expect(blocks).not.toContain(heap.malloc(200));
    expect(heard.length).toBe(1);
  });

  it('and finds one anywhere in a list when the heap would grow', () => {
    const heap = hardened({ allocator, heldBlocks: 0 }, MIB / 2);
    const small = Array.from({ length: 500 }, () => heap.malloc(200));
    for (const block of small) heap.free(block);
    new DataView(heap.buffer).setInt32(linkOf(small[250] as number), 0x4440, true);
    const found = finding(() => {
      for (let i = 0; i < 100; i++) heap.malloc(30_000);
    });
    expect(found).toEqual(['HD7', linkOf(small[250] as number)]);
  });
});

it('refuses settings that are none, and memory that is too small, without writing a byte', () => {
  const buffer = new ArrayBuffer(4096);
  new Uint8Array(buffer).fill(0x77);
  const bad: HeapOptions[] = [{ heldBlocks: -1 }, { heldBlocks: 1.5 }, { heldBlocks: 1e9 }, { seed: 0.5 }, { heldBlocks: 60_000 }];
  for (const options of bad)
    expect(() => Heap.create(buffer, { checks: 'hardened', ...options }), JSON.stringify(options)).toThrow(RangeError);
  // @ts-expect-error: from JavaScript
  expect(() => Heap.create(buffer, { checks: 'much' })).toThrow(RangeError);
  expect(new Uint8Array(buffer).every((byte) => byte === 0x77)).toBe(true);
});

it('has another key each time, unless a seed is given', () => {
  const bytesOf = (options: HeapOptions) => {
    const heap = Heap.create(65_536, { checks: 'hardened', ...options });
    heap.malloc(10);
    return heap.bytes.join();
  };
  expect(bytesOf({ seed: 5 })).toBe(bytesOf({ seed: 5 }));
  expect(bytesOf({ seed: 5 })).not.toBe(bytesOf({ seed: 6 }));
  expect(bytesOf({})).not.toBe(bytesOf({}));
});
