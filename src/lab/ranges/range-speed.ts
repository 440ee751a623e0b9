// How fast is a range map? It is filled with a workload's areas, and each operation is repeated in samples of at least 2 ms; the best sample
// counts, since whatever else the machine does only slows one.
//
// Each loop is made anew for each map, from its own text: a loop that has seen several designs calls them, one that has seen one inlines
// it (docs/decisions.md). Compilers keep code by its text, so each text differs in a comment.

import { invariant } from '../../base/index.ts';
import type { HoleRequest, Range, RangeMap, RangeMapKind } from '../../ranges/index.ts';
import type { AreaWorkload } from './area-workload.ts';

/** Operations per second. */
export interface RangeSpeed {
  readonly design: string;
  readonly areas: number;
  readonly pages: number;
  /** Of a page anywhere; of pages in runs of 16. */
  readonly lookupsPerSecond: number;
  readonly localLookupsPerSecond: number;
  /** At half to all of the areas, in random order. */
  readonly insertsPerSecond: number;
  readonly removesPerSecond: number;
  /** The highest hole of a size that often few gaps have, and the smallest. */
  readonly holesPerSecond: number;
  readonly bestHolesPerSecond: number;
}

/** How long to measure. */
export interface RangeSpeedOptions {
  /** A clock in milliseconds, as fine as there is. */
  readonly now: () => number;
  /** Milliseconds for each operation, about. */
  readonly milliseconds: number;
}

const SAMPLE_MILLISECONDS = 2;
const FIRST_COUNT = 16;
/** Areas that go and come in one turn, at most. */
const MOST_GONE = 4096;

/** An area as a memory manager's entry. */
class Area implements Range {
  slot: unknown = undefined;
  start: number;
  end: number;

  constructor(start: number, end: number) {
    this.start = start;
    this.end = end;
  }
}

type LookupLoop = (map: RangeMap<Area>, pages: Float64Array, from: number, count: number) => number;
type HoleLoop = (map: RangeMap<Area>, request: HoleRequest, sizes: Float64Array, from: number, count: number) => number;
type ChangeLoop = (map: RangeMap<Area>, areas: readonly Area[], order: Uint32Array, from: number, count: number) => void;

/** Measures one design on one workload. Panics if it answers wrongly. */
export function measureRangeMap(kind: RangeMapKind, workload: AreaWorkload, options: RangeSpeedOptions): RangeSpeed {
  const map = kind.make<Area>();
  const areas = Array.from(workload.starts, (start, i) => new Area(start, workload.ends[i] as number));
  for (const area of areas) map.insert(area);
  expectRight(map, areas, workload);
  const { areas: count, pages, uniform, local, high, sizes } = workload;
  const [far, near] = [fresh<LookupLoop>(lookupLoop), fresh<LookupLoop>(lookupLoop)];
  const [first, best] = [fresh<HoleLoop>(holeLoop), fresh<HoleLoop>(holeLoop)];
  const down = { low: 0, high, direction: 'top-down', fit: 'first' } as const;
  const smallest = { ...down, fit: 'best' } as const;
  return {
    design: kind.name,
    areas: count,
    pages,
    lookupsPerSecond: rate(options, (from, many) => far(map, uniform, from, many)),
    localLookupsPerSecond: rate(options, (from, many) => near(map, local, from, many)),
    ...changeRates(map, areas, workload, options),
    holesPerSecond: rate(options, (from, many) => first(map, down, sizes, from, many)),
    bestHolesPerSecond: rate(options, (from, many) => best(map, smallest, sizes, from, many)),
  };
}

/** Holds some answers against the bounds themselves. */
function expectRight(map: RangeMap<Area>, areas: readonly Area[], { uniform, starts }: AreaWorkload): void {
  for (const page of uniform.subarray(0, 256)) {
    const above = starts.findIndex((start) => start > page);
    const area = areas[(above < 0 ? areas.length : above) - 1];
    const expected = area !== undefined && page < area.end ? area : undefined;
    invariant(map.find(page) === expected, 'RM2', () => `page ${page} is not found where it is`);
  }
}

/** Returns operations per second. @param work does `count` operations from number `from` on; what it returns is not used */
function rate({ now, milliseconds }: RangeSpeedOptions, work: (from: number, count: number) => unknown): number {
  let best = 0;
  let from = 0;
  const end = now() + milliseconds;
  for (let count = FIRST_COUNT; ; ) {
    const start = now();
    work(from, count);
    const stop = now();
    from += count;
    if (stop - start < SAMPLE_MILLISECONDS) count *= 2;
    else best = Math.max(best, (1000 * count) / (stop - start));
    if (stop >= end && best > 0) return best;
  }
}

/** Some areas go, and come again in another order; each side is timed by itself. */
function changeRates(
  map: RangeMap<Area>,
  areas: readonly Area[],
  { going, coming }: AreaWorkload,
  { now, milliseconds }: RangeSpeedOptions,
): Pick<RangeSpeed, 'insertsPerSecond' | 'removesPerSecond'> {
  const [insert, remove] = [fresh<ChangeLoop>(insertLoop), fresh<ChangeLoop>(removeLoop)];
  const many = Math.max(1, Math.min(MOST_GONE, areas.length >> 1));
  // Those that go first, in the order in which they come.
  const gone = new Uint8Array(areas.length);
  for (const number of going.subarray(0, many)) gone[number] = 1;
  const back = coming.filter((number) => gone[number] === 1);
  let [leastIn, leastOut] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const end = now() + milliseconds;
  do {
    let [inside, outside, turns] = [0, 0, 0];
    do {
      const start = now();
      remove(map, areas, going, 0, many);
      const middle = now();
      insert(map, areas, back, 0, many);
      outside += middle - start;
      inside += now() - middle;
      turns++;
    } while (inside + outside < 2 * SAMPLE_MILLISECONDS);
    leastIn = Math.min(leastIn, inside / turns);
    leastOut = Math.min(leastOut, outside / turns);
  } while (now() < end);
  return { insertsPerSecond: (1000 * many) / leastIn, removesPerSecond: (1000 * many) / leastOut };
}

// The loops. Nothing outside of them may be named in them.

function lookupLoop(map: RangeMap<Area>, pages: Float64Array, from: number, count: number): number {
  const mask = pages.length - 1;
  let found = 0;
  for (let i = from; i < from + count; i++) if (map.find(pages[i & mask] as number) !== undefined) found++;
  return found;
}

function holeLoop(map: RangeMap<Area>, request: HoleRequest, sizes: Float64Array, from: number, count: number): number {
  const mask = sizes.length - 1;
  let sum = 0;
  for (let i = from; i < from + count; i++) sum += map.findHole(sizes[i & mask] as number, request);
  return sum;
}

function insertLoop(map: RangeMap<Area>, areas: readonly Area[], order: Uint32Array, from: number, count: number): void {
  for (let i = from; i < from + count; i++) map.insert(areas[order[i] as number] as Area);
}

function removeLoop(map: RangeMap<Area>, areas: readonly Area[], order: Uint32Array, from: number, count: number): void {
  for (let i = from; i < from + count; i++) map.remove(areas[order[i] as number] as Area);
}

/** Counts in the text alone: two loops must not be one to the compiler. */
let loops = 0;

/** Returns the loop, compiled as if it had never run. */
function fresh<L>(loop: L & { toString(): string }): L {
  return new Function(`/* range loop ${++loops} */ return ${loop.toString()}`)() as L;
}
