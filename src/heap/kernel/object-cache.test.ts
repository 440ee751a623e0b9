import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PAGE_SIZE, pfn } from '../../base/index.ts';
import { FrameKind, type PhysicalMemory } from '../../frames/index.ts';
import { boot } from './kernel-heap.conformance.ts';
import { type ObjectCache, type ObjectCacheOptions, ObjectCaches } from './object-cache.ts';

function cacheOf(options: Partial<ObjectCacheOptions> = {}, frames = 64) {
  const memory = boot(frames);
  const caches = new ObjectCaches(memory);
  return { memory, caches, cache: caches.create({ name: 'things', size: 48, ...options }) };
}

/** Takes objects until their slabs would be more than `slabs`. */
function fill(cache: ObjectCache, memory: PhysicalMemory, slabs: number): number[] {
  const objects: number[] = [];
  let [seen, free] = [0, memory.freeCount];
  for (;;) {
    const object = cache.allocate();
    if (memory.freeCount < free) seen++;
    free = memory.freeCount;
    if (seen > slabs) {
      cache.free(object);
      return objects;
    }
    objects.push(object);
  }
}

describe('slabs', () => {
  test.each([
    [48, 1, 85],
    [400, 1, 10],
    // Three of 1,040 bytes would leave 24 % of a frame, seven leave 11 % of two.
    [1040, 2, 7],
    [1500, 2, 5],
    [2100, 4, 7],
    [4096, 1, 1],
  ])('objects of %i bytes: %i frames, %i objects', (size, frames, count) => {
    const { cache, memory, caches } = cacheOf({ size });
    const before = memory.freeCount;
    const objects = Array.from({ length: count }, () => cache.allocate());
    expect(before - memory.freeCount).toBe(frames);
    cache.allocate();
    expect(before - memory.freeCount).toBe(2 * frames);
    const sorted = objects.sort((a, b) => a - b);
    for (let i = 1; i < count; i++) expect((sorted[i] as number) - (sorted[i - 1] as number)).toBeGreaterThanOrEqual(size);
    caches.check();
  });

  test('are of one frame where RAM has no run', () => {
    const { cache, memory, caches } = cacheOf({ size: 1500 }, 16);
    const frames: number[] = [];
    for (let frame = memory.allocate(FrameKind.anon); frame !== -1; frame = memory.allocate(FrameKind.anon)) frames.push(frame);
    for (const frame of frames) if (frame % 2 === 0) memory.free(pfn(frame));
    const free = memory.freeCount;
    const objects = Array.from({ length: 2 * free }, () => cache.allocate());
    expect([objects.includes(0), cache.allocate(), memory.freeCount]).toEqual([false, 0, 0]);
    for (const object of objects) expect(object % PAGE_SIZE).toBeLessThanOrEqual(PAGE_SIZE - 1500);
    caches.check();
    for (const object of objects) cache.free(object);
    expect([caches.reap(), memory.freeCount]).toEqual([free, free]);
  });

  test('are taken begun ones first, and stay until they are reaped', () => {
    const { cache, memory, caches } = cacheOf({ size: 1024 });
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = Array.from({ length: 5 }, () => cache.allocate());
    for (const object of [a, b, c, d]) cache.free(object);
    expect(cache.allocate() >>> 12).toBe(e >>> 12);
    caches.check();
    expect(cache.hasFree).toBe(true);
    expect([caches.reap(), memory.managed - memory.freeCount]).toEqual([1, 1]);
    caches.check();
  });
});

describe('colours', () => {
  test('move from slab to slab within the slack, and come round', () => {
    // Ten objects of 400 bytes leave 96: seven places, 16 bytes apart.
    const { cache, memory, caches } = cacheOf({ size: 400 });
    const objects = fill(cache, memory, 8);
    const firsts = new Map<number, number>();
    for (const object of objects) firsts.set(object >>> 12, Math.min(firsts.get(object >>> 12) ?? PAGE_SIZE, object % PAGE_SIZE));
    expect([...firsts.values()]).toEqual([0, 16, 32, 48, 64, 80, 96, 0]);
    caches.check();
  });

  test('keep to the alignment, and are none without slack', () => {
    const aligned = cacheOf({ size: 400, alignment: 64 });
    // Nine objects at 448 bytes leave 64: two places.
    const objects = fill(aligned.cache, aligned.memory, 3);
    expect(objects.every((object) => object % 64 === 0)).toBe(true);
    expect(new Set(objects.map((object) => (object % PAGE_SIZE) % 448))).toEqual(new Set([0, 64]));
    const full = cacheOf({ size: 256 });
    expect(fill(full.cache, full.memory, 3).every((object) => object % 256 === 0)).toBe(true);
    aligned.caches.check();
  });
});

describe('constructors', () => {
  function constructed(size = 40) {
    const calls: string[] = [];
    const memory = boot(64);
    const words = memory.ram.words;
    const caches = new ObjectCaches(memory);
    const cache = caches.create({
      name: 'things',
      size,
      construct: (address) => {
        calls.push('construct');
        words.fill(7, address / 4, address / 4 + size / 4);
      },
      destruct: () => calls.push('destruct'),
    });
    const state = (address: number): number[] => [...words.subarray(address / 4, address / 4 + size / 4)];
    return { memory, caches, cache, calls, state, words };
  }

  test('run once for each object of a slab, and destructors when it goes', () => {
    const { cache, caches, calls } = constructed();
    const objects = [1, 2, 3].map(() => cache.allocate());
    // 40 bytes and 8 for the link: 85 to a frame.
    expect(calls).toEqual(Array.from({ length: 85 }, () => 'construct'));
    for (let i = 0; i < 500; i++) cache.free(cache.allocate());
    for (const object of objects) cache.free(object);
    expect(calls.length).toBe(85);
    caches.reap();
    expect(calls.slice(85)).toEqual(Array.from({ length: 85 }, () => 'destruct'));
  });

  test('are seen by every owner: what the last one left is there, free or not', () => {
    const { cache, caches, state, words } = constructed();
    const object = cache.allocate();
    expect(state(object)).toEqual(Array.from({ length: 10 }, () => 7));
    words[object / 4 + 3] = 12;
    cache.free(object);
    caches.check();
    expect(state(object)[3]).toBe(12);
    expect([cache.allocate(), state(object)[3]]).toEqual([object, 12]);
  });
});

test('objects are apart and come back, on random sequences, whatever their size, alignment and construction', () => {
  const options = fc.record({
    size: fc.integer({ min: 1, max: 4000 }),
    alignment: fc.constantFrom(16, 32, 64, 1024),
    isConstructed: fc.boolean(),
    steps: fc.array(fc.nat(), { maxLength: 120 }),
  });
  fc.assert(
    fc.property(options, ({ size, alignment, isConstructed, steps }) => {
      const construct = isConstructed ? { construct: (at: number) => void memory.ram.bytes.fill(9, at, at + size) } : {};
      const { cache, caches, memory } = cacheOf({ size, alignment, ...construct });
      const given: number[] = [];
      for (const [i, step] of steps.entries()) {
        if (step % 5 < 3) {
          const object = cache.allocate();
          expect(object === 0 ? memory.freeCount : object % alignment).toBe(0);
          if (object === 0) continue;
          if (isConstructed) expect(memory.ram.bytes.subarray(object, object + size).every((byte) => byte === 9)).toBe(true);
          else memory.ram.bytes.fill(i, object, object + size);
          expect(given.every((other) => Math.abs(other - object) >= size)).toBe(true);
          given.push(object);
        } else for (const object of given.splice(step % Math.max(1, given.length), 1)) cache.free(object);
      }
      caches.check();
      expect(cache.used).toBe(given.length);
      for (const object of given) cache.free(object);
      caches.reap();
      expect(memory.freeCount).toBe(memory.managed);
    }),
    { numRuns: 60 },
  );
});

test.each([{ size: 0 }, { size: 4097 }, { size: 4089, construct: () => {} }, { alignment: 8 }, { alignment: 48 }, { alignment: 8192 }])(
  'no cache is made of %o (OC1)',
  (options) => {
    expect(() => cacheOf(options)).toThrow(/^OC1/);
  },
);

test('an address tells its cache', () => {
  const { cache, caches, memory } = cacheOf({ size: 2100 });
  const other = caches.create({ name: 'others', size: 16 });
  const [object, small] = [cache.allocate(), other.allocate()];
  expect([caches.find(object), caches.find(object + 3 * PAGE_SIZE), caches.find(small)]).toEqual([cache, cache, other]);
  expect(caches.find((memory.allocate(FrameKind.anon) as number) * PAGE_SIZE)).toBeUndefined();
  expect([caches.find(0), caches.find(64 * PAGE_SIZE)]).toEqual([undefined, undefined]);
  expect(() => other.expectGiven(object)).toThrow(/^KH4/);
});

test('check names the broken invariant', () => {
  const damages: [string, (memory: PhysicalMemory, slab: number) => void][] = [
    ['OC1', ({ table }, slab) => table.setIndex(pfn(slab), table.index(pfn(slab)) + 1)],
    ['OC1', ({ table }, slab) => table.setOwner(pfn(slab), table.owner(pfn(slab)) + 16)],
    [
      'OC1',
      ({ table, ram }, slab) => {
        ram.words[table.owner(pfn(slab)) / 4] = table.owner(pfn(slab));
      },
    ],
    ['OC2', ({ table }, slab) => table.setNext(pfn(slab), slab)],
    ['OC2', ({ table }, slab) => table.setPrevious(pfn(slab), 1)],
    ['OC3', ({ table }, slab) => table.setOwner(pfn(slab + 1), slab + 1)],
    ['OC3', (memory) => void memory.allocate(FrameKind.kernelHeap)],
    [
      'KH3',
      ({ table, ram }, slab) => {
        ram.words[table.owner(pfn(slab)) / 4 + 1] = 0;
      },
    ],
  ];
  for (const [id, damage] of damages) {
    const { cache, caches, memory } = cacheOf({ size: 1500 });
    const object = cache.allocate();
    caches.check();
    damage(memory, object >>> 12);
    expect(() => caches.check(), damage.toString()).toThrow(id === 'OC3' ? /^OC/ : new RegExp(`^${id}`));
  }
});
