import { describe, expect, test } from 'vitest';
import { BlockUse } from './allocator.ts';
import { allocatorNames } from './designs.ts';
import { Heap } from './heap.ts';

describe('making and opening', () => {
  test('refuses what it cannot be made in, and writes nothing', () => {
    const buffer = new ArrayBuffer(1024);
    const bytes = new Uint8Array(buffer).fill(7);
    const refusals: [RegExp, () => unknown][] = [
      [/^start 2000 is not inside/, () => Heap.create(buffer, { start: 2000 })],
      [/^start -8 is not inside/, () => Heap.create(buffer, { start: -8 })],
      [/^start NaN is not inside/, () => Heap.create(buffer, { start: Number.NaN })],
      [/needs at least 64 bytes/, () => Heap.create(buffer, { start: 1000 })],
      [/needs at least 64 bytes/, () => Heap.create(buffer, { limitBytes: 10 })],
      [/^a segregated heap needs at least/, () => Heap.create(buffer, { limitBytes: 128 })],
      [
        /^no allocator is called tcmalloc; there are segregated, first-fit/,
        () => Heap.create(buffer, { allocator: 'tcmalloc' as 'segregated' }),
      ],
      [/^no allocator is called toString/, () => Heap.create(buffer, { allocator: 'toString' as 'segregated' })],
      [/^alignment is 8 or 16, not 4/, () => Heap.create(buffer, { alignment: 4 as 8 })],
      [/^there is no heap at byte 0/, () => Heap.open(buffer)],
    ];
    for (const [message, make] of refusals) expect(make).toThrow(message);
    expect(bytes.every((byte) => byte === 7)).toBe(true);
  });

  test('is opened only where it was made', () => {
    const heap = Heap.create(8192, { start: 64 });
    expect(() => Heap.open(heap.bytes.slice(64).buffer)).toThrow('the heap at byte 0 was made to lie at byte 64');
    heap.bytes[64 + 4] = 200;
    expect(() => Heap.open(heap.buffer, { start: 64 })).toThrow('there is no heap at byte 64');
  });

  test.each(allocatorNames)('%s heaps can lie side by side in one buffer', (allocator) => {
    const buffer = new ArrayBuffer(400_000);
    const heaps = [0, 100_000, 200_000, 300_000].map((start) => Heap.create(buffer, { start, limitBytes: 100_000, allocator }));
    for (let i = 0; i < 1000; i++) {
      const heap = heaps[i % 4] as Heap;
      const address = heap.malloc(100);
      expect(Math.floor(address / 100_000)).toBe(i % 4);
      heap.bytes.fill(i, address, address + 100);
      if (i % 3 === 0) heap.free(address);
    }
    for (const heap of heaps) heap.check();
  });
});

describe('values', () => {
  test('typed arrays are zeroed blocks of the heap', () => {
    const heap = Heap.create(65_536);
    heap.bytes.fill(0xff, heap.top());
    const kinds = [heap.float64(5), heap.float32(5), heap.int32(5), heap.uint32(5), heap.uint8(5), heap.array(BigInt64Array, 5)];
    for (const view of kinds) {
      expect([view.length, view.buffer === heap.buffer, [...view].every((each) => Number(each) === 0)]).toEqual([5, true, true]);
      view.fill(view instanceof BigInt64Array ? (3n as never) : (3 as never));
    }
    heap.check();
    expect(kinds.map((view) => heap.freeArray(view))).toEqual(kinds.map(() => true));
    expect(heap.statistics().liveBlocks).toBe(0);
  });

  test('an array that has no room, or no length, is a RangeError, as with the constructors', () => {
    const heap = Heap.create(65_536);
    for (const length of [100_000, -1, 1.5, Number.NaN, 2 ** 32]) expect(() => heap.float64(length)).toThrow(RangeError);
    expect(heap.statistics().liveBlocks).toBe(0);
  });

  test('a view that growth has detached is refused, and its block is still there by its address', () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const heap = Heap.create(memory);
    const old = heap.int32(4).fill(9);
    const address = old.byteOffset;
    heap.uint8(200_000);
    expect([old.length, heap.freeArray(old), heap.freeArray(new Int32Array(4))]).toEqual([0, false, false]);
    expect([...heap.view(Int32Array, address, 4)]).toEqual([9, 9, 9, 9]);
    expect(heap.free(address)).toBe(true);
  });

  test.each(['', 'a', 'Größe', '日本語', '🦆'.repeat(40)])('C string %j comes back, from shared memory too', (text) => {
    const heap = Heap.create(new SharedArrayBuffer(65_536));
    const address = heap.cString(text);
    expect(heap.readCString(address)).toBe(text);
    expect(heap.bytes[address + Buffer.byteLength(text)]).toBe(0);
  });

  test('C strings that are none', () => {
    const heap = Heap.create(8192);
    expect(() => heap.cString('a\0b')).toThrow(RangeError);
    expect(heap.cString('x'.repeat(10_000))).toBe(0);
    heap.bytes.fill(1, 8000);
    for (const address of [8000, 8192, -1, 0.5, Number.NaN]) expect(() => heap.readCString(address)).toThrow(RangeError);
    heap.bytes.set([0xff, 0x41, 0], 8000);
    expect(heap.readCString(8000)).toBe('\ufffdA');
  });

  test('a scope frees what it owns, also when it is left by an exception', () => {
    const heap = Heap.create(65_536);
    const kept = heap.malloc(10);
    const work = () => {
      using scope = heap.scope();
      scope.own(heap.cString('name'));
      scope.own(heap.float64(100));
      scope.own(0);
      expect(heap.statistics().liveBlocks).toBe(3);
      throw new Error('left');
    };
    expect(work).toThrow('left');
    expect(heap.pinning(0, 65_536)).toEqual([kept]);
    const scope = heap.scope();
    scope.own(kept);
    scope.dispose();
    expect(heap.statistics().liveBlocks).toBe(0);
  });

  test('a heap that is disposed is empty', () => {
    const outer = Heap.create(65_536);
    {
      using heap = outer;
      heap.malloc(100);
    }
    expect(outer.statistics().liveBlocks).toBe(0);
  });
});

describe('questions', () => {
  test('statistics of a heap that was laid out by hand', () => {
    const heap = Heap.create(65_536, { allocator: 'first-fit' });
    const [a, b, c, d] = [heap.malloc(100), heap.malloc(5000), heap.malloc(100), heap.malloc(1000)];
    heap.malloc(20);
    heap.free(b);
    heap.free(d);
    // Blocks take 4 bytes more, in steps of 8; the last word behind a block is the next one's tag.
    const top = heap.top();
    expect(heap.statistics()).toEqual({
      liveBlocks: 3,
      allocatedBytes: 100 + 100 + 20,
      activeBytes: top,
      residentBytes: top,
      mappedBytes: 65_536,
      peakBytes: top,
      freeBlocks: 2,
      freeBytes: 5004 + 1004,
      largestFreeBytes: 5004,
      fragmentation: 1 - 5004 / 6008,
      metadataBytes: top - 220 - 6008,
    });
    expect(top).toBe(a - 4 + 104 + 5008 + 104 + 1008 + 24);
    expect([heap.pinning(0, 4096), heap.pinning(4096, 4096), heap.pinning(c + 99, 1), heap.pinning(c + 100, 1)]).toEqual([
      [a],
      [c, top - 20],
      [c],
      [],
    ]);
  });

  test('only pages that hold a byte of a live block are active', () => {
    const heap = Heap.create(1_000_000);
    heap.malloc(100);
    const hole = heap.malloc(400_000);
    heap.malloc(100);
    heap.free(hole);
    const { activeBytes, residentBytes } = heap.statistics();
    expect(activeBytes).toBeLessThanOrEqual(3 * 4096);
    expect(residentBytes).toBeGreaterThan(400_000);
  });

  test('walk tells every stretch; check names the damage', () => {
    const heap = Heap.create(65_536, { allocator: 'first-fit' });
    const [a, b] = [heap.malloc(40), heap.malloc(40)];
    heap.malloc(40);
    heap.free(b);
    const uses: BlockUse[] = [];
    heap.walk((_address, _bytes, use) => uses.push(use));
    expect(uses).toEqual([BlockUse.own, BlockUse.used, BlockUse.free, BlockUse.used]);
    heap.bytes.fill(0xee, a, a + 48);
    expect(() => heap.check()).toThrow(expect.objectContaining({ name: 'HeapDamage', invariant: 'BT1', address: a + 44 }));
  });

  test('freeAll frees what it can and counts it', () => {
    const heap = Heap.create(65_536);
    const [a, b] = [heap.malloc(1), heap.malloc(1)];
    expect(heap.freeAll([a, 12, b, a, 2 ** 33])).toBe(2);
    expect(heap.freeAll(new Set([b]))).toBe(0);
    heap.check();
  });
});

test.each(allocatorNames)('%s sees a resizable buffer grow', (allocator) => {
  // Not in the library of types that the project builds with.
  const buffer = Reflect.construct(ArrayBuffer, [32_768, { maxByteLength: 262_144 }]) as ArrayBuffer & { resize(bytes: number): void };
  const heap = Heap.create(buffer, { allocator });
  const small = heap.malloc(100);
  heap.bytes.fill(7, small, small + 100);
  expect(heap.malloc(100_000)).toBe(0);
  buffer.resize(262_144);
  const large = heap.malloc(100_000);
  expect(large).toBeGreaterThan(0);
  heap.bytes.fill(9, large, large + 100_000);
  expect(heap.bytes.subarray(small, small + 100).every((byte) => byte === 7)).toBe(true);
  heap.check();
});
