// What every RangeMap must do: a sorted array is the reference, random sequences of calls are the questions.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KernelPanic, Random } from '../base/index.ts';
import type { HoleRequest, Range, RangeMap } from './range-map.ts';

/** An item as a map's user would have it. */
export class Item implements Range {
  slot: unknown = undefined;
  start: number;
  end: number;

  constructor(start: number, end: number) {
    this.start = start;
    this.end = end;
  }
}

/** The slow, obvious map: ranges in a sorted array, holes by trying every place. */
class SortedArrayModel {
  readonly items: Item[] = [];

  overlaps(start: number, end: number, except?: Item): boolean {
    return this.items.some((item) => item !== except && start < item.end && item.start < end);
  }

  add(item: Item): void {
    this.items.push(item);
    this.items.sort((a, b) => a.start - b.start);
  }

  findHole(size: number, { low, high, direction, hint, fit = 'first', alignment = 1 }: HoleRequest): number {
    const fits = (place: number): boolean =>
      place >= low && place + size <= high && place % alignment === 0 && !this.overlaps(place, place + size);
    if (hint !== undefined && fits(hint)) return hint;
    const places = Array.from({ length: Math.max(0, high - low) }, (_, i) => low + i);
    const possible = (direction === 'bottom-up' ? places : places.reverse()).filter(fits);
    if (fit === 'first') return possible[0] ?? -1;
    const isFree = (place: number): boolean => place >= low && place < high && !this.overlaps(place, place + 1);
    const gapLength = (place: number): number => {
      let [from, to] = [place, place];
      while (isFree(from - 1)) from--;
      while (isFree(to)) to++;
      return to - from;
    };
    const least = Math.min(...possible.map(gapLength));
    return possible.find((place) => gapLength(place) === least) ?? -1;
  }
}

const SPACE = 120;

type Step =
  | { readonly kind: 'insert'; readonly start: number; readonly length: number }
  | { readonly kind: 'remove'; readonly which: number }
  | { readonly kind: 'resize'; readonly which: number; readonly start: number; readonly end: number }
  | { readonly kind: 'look'; readonly position: number }
  | { readonly kind: 'hole'; readonly size: number; readonly request: HoleRequest };

const position = fc.integer({ min: 0, max: SPACE });

const holeRequest: fc.Arbitrary<HoleRequest> = fc
  .record({
    bounds: fc.tuple(position, position),
    direction: fc.constantFrom('bottom-up' as const, 'top-down' as const),
    hint: fc.option(position, { nil: undefined }),
    fit: fc.constantFrom(undefined, 'first' as const, 'best' as const),
    alignment: fc.constantFrom(undefined, 1, 2, 3, 8, 16),
  })
  .map(({ bounds: [a, b], direction, hint, fit, alignment }) => ({
    low: Math.min(a, b),
    high: Math.max(a, b),
    direction,
    ...(hint === undefined ? {} : { hint }),
    ...(fit === undefined ? {} : { fit }),
    ...(alignment === undefined ? {} : { alignment }),
  }));

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('insert' as const),
      start: position,
      length: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('resize' as const), which: fc.nat(), start: position, end: position }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('look' as const), position }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('hole' as const),
      size: fc.integer({ min: 1, max: 30 }),
      request: holeRequest,
    }),
  },
);

/** Runs one step on both; every answer and every panic must agree. */
function run(map: RangeMap<Item>, model: SortedArrayModel, at: Step): void {
  const chosen = 'which' in at ? model.items[at.which % model.items.length] : undefined;
  switch (at.kind) {
    case 'insert': {
      const item = new Item(at.start, at.start + at.length);
      if (model.overlaps(item.start, item.end)) expect(() => map.insert(item)).toThrow(KernelPanic);
      else {
        map.insert(item);
        model.add(item);
      }
      break;
    }
    case 'remove':
      if (chosen === undefined) return;
      map.remove(chosen);
      model.items.splice(model.items.indexOf(chosen), 1);
      break;
    case 'resize':
      if (chosen !== undefined) resize(map, model, chosen, at.start, at.end);
      break;
    case 'look':
      expect(map.find(at.position)).toBe(model.items.find((item) => item.start <= at.position && at.position < item.end));
      expect(map.findNext(at.position)).toBe(model.items.find((item) => item.end > at.position));
      break;
    case 'hole':
      expect(map.findHole(at.size, at.request)).toBe(model.findHole(at.size, at.request));
  }
}

function resize(map: RangeMap<Item>, model: SortedArrayModel, item: Item, start: number, end: number): void {
  const i = model.items.indexOf(item);
  const low = model.items[i - 1]?.end ?? 0;
  const high = model.items[i + 1]?.start ?? Infinity;
  const before = { start: item.start, end: item.end };
  if (start < end && start >= low && end <= high) {
    map.resize(item, start, end);
    expect(item).toMatchObject({ start, end });
  } else {
    expect(() => map.resize(item, start, end)).toThrow(KernelPanic);
    expect(item).toMatchObject(before);
  }
}

function expectSame(map: RangeMap<Item>, model: SortedArrayModel): void {
  map.check();
  const { items } = model;
  expect([...map]).toEqual(items);
  expect(map.size).toBe(items.length);
  expect(map.first()).toBe(items[0]);
  expect(map.last()).toBe(items.at(-1));
  items.forEach((item, i) => {
    expect(map.next(item)).toBe(items[i + 1]);
    expect(map.previous(item)).toBe(items[i - 1]);
    expect(map.find(item.start)).toBe(item);
    expect(map.find(item.end - 1)).toBe(item);
  });
}

/** Thousands of ranges: cell i of eight units holds none, or [8i + from, 8i + to). */
class CellModel {
  readonly items: (Item | undefined)[] = new Array<Item | undefined>(CELLS).fill(undefined);

  /** Returns the gaps inside [low, high), in order. */
  gaps(low: number, high: number): { from: number; to: number }[] {
    const present = this.items.filter((item) => item !== undefined);
    const edges = [0, ...present.flatMap(({ start, end }) => [start, end]), CELLS * CELL];
    return edges
      .flatMap((from, i) => (i % 2 === 0 ? [{ from: Math.max(low, from), to: Math.min(high, edges[i + 1] as number) }] : []))
      .filter(({ from, to }) => from < to);
  }

  findHole(size: number, { low, high, direction, fit }: HoleRequest): number {
    const large = this.gaps(low, high).filter(({ from, to }) => to - from >= size);
    const least = Math.min(...large.map(({ from, to }) => to - from));
    const possible = fit === 'best' ? large.filter(({ from, to }) => to - from === least) : large;
    const gap = direction === 'bottom-up' ? possible[0] : possible.at(-1);
    return gap === undefined ? -1 : direction === 'bottom-up' ? gap.from : gap.to - size;
  }
}

const CELL = 8;
const CELLS = 1500;

/** Comes, goes or moves its bounds, in the cell. */
function changeCell(map: RangeMap<Item>, model: CellModel, cell: number, random: Random): void {
  const item = model.items[cell];
  const from = cell * CELL + random.below(4);
  const to = from + 1 + random.below(4);
  if (item === undefined) {
    const added = new Item(from, to);
    map.insert(added);
    model.items[cell] = added;
  } else if (random.below(4) === 0) map.resize(item, from, to);
  else {
    map.remove(item);
    model.items[cell] = undefined;
  }
}

function askCells(map: RangeMap<Item>, model: CellModel, random: Random): void {
  map.check();
  expect([...map]).toEqual(model.items.filter((item) => item !== undefined));
  for (let question = 0; question < 16; question++) {
    const low = random.below(CELLS * CELL);
    const request: HoleRequest = {
      low,
      high: low + random.below(CELLS * CELL - low) + 1,
      direction: random.below(2) === 0 ? 'bottom-up' : 'top-down',
      fit: random.below(2) === 0 ? 'first' : 'best',
    };
    const size = 1 + random.below(random.below(4) === 0 ? 100 : 12);
    expect(map.findHole(size, request), `${size} in ${JSON.stringify(request)}`).toBe(model.findHole(size, request));
    const position = random.below(CELLS * CELL);
    const cell = model.items[Math.floor(position / CELL)];
    expect(map.find(position)).toBe(cell !== undefined && position >= cell.start && position < cell.end ? cell : undefined);
  }
}

function filled<M extends RangeMap<Item>>(map: M, bounds: readonly (readonly [number, number])[]): M {
  for (const [start, end] of bounds) map.insert(new Item(start, end));
  return map;
}

/** Declares the tests of one container. */
export function describeRangeMap(name: string, make: () => RangeMap<Item>): void {
  describe(`RangeMap: ${name}`, () => {
    test('agrees with a sorted array on random sequences', () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
          const map = make();
          const model = new SortedArrayModel();
          for (const at of steps) {
            run(map, model, at);
            map.check();
          }
          expectSame(map, model);
        }),
        { numRuns: 150 },
      );
    });

    test('grows and empties in every order', () => {
      fc.assert(
        fc.property(
          fc.shuffledSubarray([...Array(60).keys()]),
          fc.shuffledSubarray([...Array(60).keys()], { minLength: 60 }),
          (come, go) => {
            const map = make();
            const items = new Map(come.map((i) => [i, new Item(i * 3, i * 3 + 1 + (i % 3))]));
            for (const item of items.values()) map.insert(item);
            map.check();
            for (const i of go) {
              const item = items.get(i);
              if (item === undefined) continue;
              map.remove(item);
              map.check();
            }
            expect(map.size).toBe(0);
            expect(map.first()).toBeUndefined();
          },
        ),
        { numRuns: 100 },
      );
    });

    test('agrees with an array of cells on thousands of ranges that come, move and go', () => {
      const map = make();
      const model = new CellModel();
      const random = new Random(9);
      for (const aim of [0.97, 0.5, 0.9, 0.02, 0.4, 0]) {
        for (let step = 0; step < 2 * CELLS; step++) {
          const cell = random.below(CELLS);
          const isHeld = model.items[cell] !== undefined;
          if (random.below(1000) < 1000 * (isHeld ? 1 - aim : aim)) changeCell(map, model, cell, random);
          if (step % 1000 === 999) askCells(map, model, random);
        }
        askCells(map, model, random);
      }
      for (const item of [...map]) map.remove(item);
      map.check();
      expect(map.size).toBe(0);
    });

    test('ranges that come in order, upwards and downwards, are found and go again', () => {
      for (const order of ['up', 'down'] as const) {
        const map = make();
        const items = Array.from({ length: 5000 }, (_, i) => new Item(2 * i, 2 * i + 1 + (i % 2)));
        for (const item of order === 'up' ? items : items.toReversed()) map.insert(item);
        map.check();
        expect(map.findHole(1, { low: 0, high: 10_000, direction: 'top-down' })).toBe(9997);
        items.forEach((item, i) => {
          expect(map.next(item)).toBe(items[i + 1]);
        });
        for (const item of order === 'up' ? items : items.toReversed()) map.remove(item);
        map.check();
      }
    });

    test('an empty map is one hole', () => {
      const map = make();
      expect(map.find(0)).toBeUndefined();
      expect(map.findNext(0)).toBeUndefined();
      expect(map.findHole(10, { low: 5, high: 15, direction: 'bottom-up' })).toBe(5);
      expect(map.findHole(10, { low: 5, high: 15, direction: 'top-down' })).toBe(5);
      expect(map.findHole(11, { low: 5, high: 15, direction: 'bottom-up' })).toBe(-1);
      expect(map.findHole(11, { low: 5, high: 15, direction: 'top-down' })).toBe(-1);
    });

    test('low and high cut gaps in the middle', () => {
      const map = filled(make(), [
        [10, 20],
        [40, 50],
      ]);
      const ask = (size: number, low: number, high: number): [number, number] => [
        map.findHole(size, { low, high, direction: 'bottom-up' }),
        map.findHole(size, { low, high, direction: 'top-down' }),
      ];
      expect(ask(5, 25, 35)).toEqual([25, 30]);
      expect(ask(10, 25, 35)).toEqual([25, 25]);
      expect(ask(11, 25, 35)).toEqual([-1, -1]);
      expect(ask(5, 15, 45)).toEqual([20, 35]);
      expect(ask(5, 0, 100)).toEqual([0, 95]);
      expect(ask(11, 0, 100)).toEqual([20, 89]);
      expect(ask(5, 12, 18)).toEqual([-1, -1]);
      expect(ask(5, 48, 54)).toEqual([-1, -1]);
      expect(ask(5, 48, 55)).toEqual([50, 50]);
    });

    test('a hint is taken only if it is free, inside and aligned', () => {
      const map = filled(make(), [[10, 20]]);
      const ask = (hint: number, alignment = 1): number => map.findHole(4, { low: 2, high: 40, direction: 'bottom-up', hint, alignment });
      expect(ask(6)).toBe(6);
      expect(ask(7)).toBe(2);
      expect(ask(20)).toBe(20);
      expect(ask(19)).toBe(2);
      expect(ask(36)).toBe(36);
      expect(ask(37)).toBe(2);
      expect(ask(1)).toBe(2);
      expect(ask(24, 8)).toBe(24);
      expect(ask(25, 8)).toBe(24);
    });

    test('positions are exact up to 2^53', () => {
      const top = Number.MAX_SAFE_INTEGER;
      const map = filled(make(), [[top - 10, top]]);
      expect(map.find(top - 1)).toBeDefined();
      expect(map.find(top - 11)).toBeUndefined();
      expect(map.findHole(3, { low: top - 14, high: top, direction: 'top-down' })).toBe(top - 13);
      expect(map.findHole(4, { low: top - 14, high: top, direction: 'bottom-up', alignment: 2 ** 52 })).toBe(-1);
      map.check();
    });

    test('panics on a range that is empty, below 0 or overlaps, and changes nothing', () => {
      const map = filled(make(), [
        [10, 20],
        [30, 40],
      ]);
      for (const [start, end] of [
        [5, 5],
        [6, 5],
        [-1, 3],
        [9, 11],
        [19, 20],
        [19, 31],
        [12, 15],
        [0, 100],
        [20, 31],
        [29, 30.5],
      ] as const) {
        expect(() => map.insert(new Item(start, end)), `[${start}, ${end})`).toThrow(/^RM1/);
      }
      map.insert(new Item(20, 30));
      map.check();
      expect(map.size).toBe(3);
      expect(() => map.findHole(0, { low: 0, high: 9, direction: 'top-down' })).toThrow(/^RM1/);
    });

    test('panics on an item that is not in this map', () => {
      const map = make();
      const other = make();
      const item = new Item(1, 2);
      other.insert(item);
      for (const call of [() => map.remove(item), () => map.next(item), () => map.resize(item, 1, 3), () => map.insert(item)]) {
        expect(call).toThrow(/^RM3/);
      }
      other.remove(item);
      expect(() => other.remove(item)).toThrow(/^RM3/);
      map.insert(item);
      expect([...map]).toEqual([item]);
    });

    test('check finds bounds changed behind its back', () => {
      const map = filled(make(), [
        [1, 3],
        [5, 9],
      ]);
      const item = map.first() as Item;
      item.end = 7;
      expect(() => map.check()).toThrow(KernelPanic);
    });
  });
}
