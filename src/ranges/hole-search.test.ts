import { describe, expect, test } from 'vitest';
import { Random } from '../base/index.ts';
import { randomHole, rangeMapKinds } from './index.ts';
import { Item } from './range-map.conformance.ts';

describe.each(rangeMapKinds)('places at random in $name', (kind) => {
  test('are free, inside the bounds, and all of them come', () => {
    const map = kind.make<Item>();
    for (const [start, end] of [
      [4, 6],
      [9, 20],
    ] as const) {
      map.insert(new Item(start, end));
    }
    const random = new Random(5);
    const seen = new Set(Array.from({ length: 400 }, () => randomHole(map, 3, { low: 0, high: 24, random })));
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 6, 20, 21]);
    expect(randomHole(map, 5, { low: 0, high: 24, random })).toBe(-1);
    expect(randomHole(map, 25, { low: 0, high: 24, random })).toBe(-1);
    expect(randomHole(map, 4, { low: 19, high: 24, random })).toBe(20);
    map.check();
  });
});

test('all designs give the same places for the same seed', () => {
  const places = rangeMapKinds.map((kind) => {
    const map = kind.make<Item>();
    const random = new Random(11);
    return Array.from({ length: 200 }, () => {
      const pages = 1 + random.below(9);
      const place = randomHole(map, pages, { low: 0, high: 2000, random });
      if (place >= 0) map.insert(new Item(place, place + pages));
      return place;
    });
  });
  for (const each of places) expect(each).toEqual(places[0]);
  expect(places[0]?.some((place) => place >= 0)).toBe(true);
});
