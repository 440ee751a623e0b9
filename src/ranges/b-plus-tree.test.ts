import { expect, test } from 'vitest';
import { Random } from '../base/index.ts';
import { BPlusTreeMap } from './b-plus-tree.ts';
import { Item } from './range-map.conformance.ts';

/** Where ranges of different spaces lie: the start of range number `i`. All have gaps between them. */
const shapes: Readonly<Record<string, (i: number) => number>> = {
  'close together': (i) => 16 * i,
  'in two heaps that are far apart': (i) => 16 * i + (i % 2) * 2 ** 45,
  'all in one corner but for one': (i) => (i === 0 ? 2 ** 52 : 3 * i),
  'ever farther apart': (i) => Math.floor(1.008 ** i) + 8 * i,
  'a multiple of every table apart': (i) => 2 ** 30 * i,
};

/** The obvious map: from each position of a range to the range. Ranges are two units long. */
class Positions {
  readonly #items = new Map<number, Item>();

  insert(item: Item): void {
    this.#items.set(item.start, item).set(item.start + 1, item);
  }

  remove(item: Item): void {
    this.#items.delete(item.start);
    this.#items.delete(item.start + 1);
  }

  find(position: number): Item | undefined {
    return this.#items.get(position);
  }
}

const RANGES = 4000;

test.each(Object.entries(shapes))('what is looked up while ranges %s come and go is never stale', (_, startOf) => {
  const random = new Random(7);
  const map = new BPlusTreeMap<Item>();
  const positions = new Positions();
  const inside = new Set<Item>();
  const items = Array.from({ length: RANGES }, (_each, i) => new Item(startOf(i), startOf(i) + 2));
  const change = (item: Item): void => {
    const way = inside.has(item) ? 'remove' : 'insert';
    map[way](item);
    positions[way](item);
    if (way === 'insert') inside.add(item);
    else inside.delete(item);
  };
  const ask = (): void => {
    const { start } = items[random.below(RANGES)] as Item;
    for (const position of [start - 1, start, start + 1, start + 2]) {
      if (map.find(position) !== positions.find(position)) expect(map.find(position), `${position}`).toBe(positions.find(position));
    }
  };
  // All come in order, many go and come, all go, all come in another order: leaves become free, then nodes above, then leaves again.
  const turns: (() => Item)[] = [
    () => items[inside.size] as Item,
    () => items[random.below(RANGES)] as Item,
    () => inside.values().next().value as Item,
  ];
  for (const next of [...turns, () => items[RANGES - 1 - inside.size] as Item]) {
    for (let i = 0; i < RANGES; i++) {
      const item = next();
      if (item !== undefined) change(item);
      for (let asked = 0; asked < 4; asked++) ask();
    }
    map.check();
  }
  expect([...map].length).toBe(inside.size);
});

test('a leaf that is remembered and has become a node above is not taken for a leaf', () => {
  const random = new Random(11);
  const map = new BPlusTreeMap<Item>();
  const items = Array.from({ length: 2 * RANGES }, (_, i) => new Item(8 * i, 8 * i + 2));
  const shuffled = (): Item[] =>
    items
      .map((item) => ({ item, place: random.below(2 ** 30) }))
      .sort((a, b) => a.place - b.place)
      .map(({ item }) => item);
  for (let round = 0; round < 6; round++) {
    for (const item of shuffled()) map.insert(item);
    map.check();
    expect(items.filter((item) => map.find(item.start + 1) !== item)).toEqual([]);
    for (const item of shuffled()) map.remove(item);
    map.check();
  }
});
