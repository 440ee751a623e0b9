import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameKind } from '../../frames/index.ts';
import { boot } from './kernel-heap.conformance.ts';
import { Magazines, magazineBytes } from './magazines.ts';
import { ObjectCaches } from './object-cache.ts';

function magazinesOf(processors = 1, frames = 128) {
  const memory = boot(frames);
  const caches = new ObjectCaches(memory);
  const sources = magazineBytes.map((size) => caches.create({ name: `magazine-${size}`, size }));
  const cache = caches.create({ name: 'things', size: 48 });
  const magazines = new Magazines(cache, sources, memory, processors);
  const check = () => {
    caches.check();
    const { objects, magazines: count, size } = magazines.check();
    expect(sources.map(({ used }) => used)).toEqual(magazineBytes.map((_, i) => (i === size ? count : 0)));
    return objects;
  };
  return { memory, caches, cache, magazines, check };
}

const take = (magazines: Magazines, count: number, processor = 0): number[] =>
  Array.from({ length: count }, () => magazines.allocate(processor));

describe('magazines', () => {
  test('answer what comes back and goes again, the last first', () => {
    const { magazines, check } = magazinesOf();
    const objects = take(magazines, 10);
    expect(magazines.counts).toEqual({ hits: 0, misses: 10 });
    for (const object of objects) magazines.free(object);
    expect(take(magazines, 10)).toEqual(objects.reverse());
    expect(magazines.counts).toEqual({ hits: 20, misses: 10 });
    expect(check()).toBe(0);
  });

  test('visit the depot at most once in a magazine of requests, wherever the edge is', () => {
    const { magazines, cache } = magazinesOf();
    const held = take(magazines, 100);
    const free = (count: number) => held.splice(-count).forEach((object) => void magazines.free(object));
    free(28);
    // Loaded and previous are full; one more needs a new magazine, and one fewer is there without the slabs.
    const used = cache.used;
    for (let i = 0; i < 50; i++) {
      free(1);
      held.push(...take(magazines, 1));
    }
    expect([cache.used, magazines.counts.misses]).toEqual([used, 100]);
  });

  test('belong to one processor each, and the depot to all', () => {
    const { magazines, check } = magazinesOf(2);
    const objects = take(magazines, 80, 0);
    for (const object of objects) magazines.free(object, 0);
    // What is loaded is not the other's: it gets the full ones of the depot, then slabs.
    expect(check()).toBe(80);
    const others = take(magazines, 80, 1);
    const misses = magazines.counts.misses - 80;
    expect([new Set(others).size, misses > 0, misses <= 2 * 14]).toEqual([80, true, true]);
    check();
  });

  test('grow when the depot is visited often, and not when it is not', () => {
    const { magazines, check } = magazinesOf();
    const calm = magazinesOf();
    expect(magazines.rounds).toBe(14);
    for (let round = 0; round < 60; round++) {
      for (const object of take(magazines, 200)) magazines.free(object);
      for (let i = 0; i < 200; i++) for (const object of take(calm.magazines, 2)) calm.magazines.free(object);
    }
    expect([magazines.rounds, calm.magazines.rounds]).toEqual([126, 14]);
    check();
  });

  test('take no frame while memory is low, and lose nothing then', () => {
    const { magazines, memory, cache, check } = magazinesOf();
    const objects = take(magazines, 200);
    while (memory.freeCount > 4) memory.allocate(FrameKind.anon);
    for (const object of objects) magazines.free(object);
    expect([memory.freeCount, cache.used, magazines.counts.misses]).toEqual([4, 0, 400]);
    check();
  });

  test('give everything back when they are purged', () => {
    const { magazines, caches, cache, memory, check } = magazinesOf(2);
    for (const object of take(magazines, 150, 0)) magazines.free(object, 1);
    expect(check()).toBe(150);
    magazines.purge();
    expect([check(), cache.used]).toEqual([0, 0]);
    caches.reap();
    expect(memory.freeCount).toBe(memory.managed);
  });

  test('notice a second free, in the magazine or in the slab (KH4), and a write (KH3)', () => {
    const { magazines, memory, cache } = magazinesOf();
    const [a = 0, b = 0] = take(magazines, 2);
    magazines.free(a);
    expect(() => magazines.expectGiven(a)).toThrow(/^KH4/);
    magazines.expectGiven(b);
    magazines.purge();
    expect(() => magazines.expectGiven(a)).toThrow(/^KH4/);
    expect(() => magazines.expectGiven(b + 16)).toThrow(/^KH4/);
    magazines.free(b);
    memory.ram.words[b / 4 + 1] = 0;
    expect(() => magazines.check()).toThrow(/^KH3/);
    expect(() => magazines.allocate()).toThrow(/^KH3/);
    expect(cache.used).toBe(1);
  });

  test('give no object twice and lose none, on random sequences', () => {
    const step = fc.record({
      kind: fc.constantFrom('take', 'free', 'purge'),
      count: fc.integer({ min: 1, max: 70 }),
      processor: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { magazines, cache, caches, memory, check } = magazinesOf(3);
        const given = new Set<number>();
        for (const { kind, count, processor } of steps) {
          if (kind === 'purge') magazines.purge();
          else if (kind === 'take') {
            for (const object of take(magazines, count, processor)) {
              expect([object === 0, given.has(object)]).toEqual([false, false]);
              given.add(object);
            }
          } else {
            for (const object of [...given].slice(0, count)) {
              magazines.expectGiven(object);
              magazines.free(object, processor);
              given.delete(object);
            }
          }
          expect(cache.used - check()).toBe(given.size);
        }
        for (const object of given) magazines.free(object);
        magazines.purge();
        caches.reap();
        expect(memory.freeCount).toBe(memory.managed);
      }),
      { numRuns: 40 },
    );
  });

  test('check names the broken invariant', () => {
    const damages: [string, (words: Uint32Array, magazine: number, objects: readonly number[]) => void][] = [
      [
        'MG1',
        (words, at) => {
          words[at + 3] = words[at + 2] as number;
        },
      ],
      [
        'MG2',
        (words, at) => {
          words[at + 1] = 15;
        },
      ],
      [
        'KH4',
        (words, at, objects) => {
          words[at + 2] = (objects[0] as number) + 48 * 85;
        },
      ],
    ];
    for (const [id, damage] of damages) {
      const { magazines, memory } = magazinesOf();
      const objects = take(magazines, 3);
      for (const object of objects) magazines.free(object);
      magazines.check();
      const magazine = [...memory.ram.words.keys()].find(
        (at) => memory.ram.words[at] === 3 && objects.every((object, i) => memory.ram.words[at + 1 + i] === object),
      );
      damage(memory.ram.words, (magazine as number) - 1, objects);
      expect(() => magazines.check(), id).toThrow(id === 'KH4' ? /^KH/ : new RegExp(`^${id}`));
    }
  });
});
