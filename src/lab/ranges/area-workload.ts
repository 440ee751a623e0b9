// Areas of a made-up process, and what is asked of them: the same for every range map.
//
//   [area  ][area][gap ][area         ][gap][area] ...     lengths fall off exponentially; every second area touches the one below

import { Random, UsageError } from '../../base/index.ts';

/** How many areas over how many pages, and the seed that draws them. */
export interface AreaSettings {
  readonly areas: number;
  /** Pages of all areas together. */
  readonly pages: number;
  readonly seed: number;
}

/** The areas and the questions. */
export interface AreaWorkload extends AreaSettings {
  /** Bounds in order. */
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  /** The areas' numbers, shuffled twice: the order in which they go and come. */
  readonly going: Uint32Array;
  readonly coming: Uint32Array;
  /** One above the last page. */
  readonly high: number;
  /** Pages anywhere below `high`, in gaps too. */
  readonly uniform: Float64Array;
  /** The same in runs of 16 pages in a row. */
  readonly local: Float64Array;
  /** Sizes of holes, drawn evenly up to the largest gap. */
  readonly sizes: Float64Array;
}

/** Questions of each kind; a power of two. */
const QUESTIONS = 65_536;
const RUN = 16;
const MOST = 2 ** 24;

/** Draws areas and questions. Throws a UsageError for no area, or fewer pages than areas. */
export function areaWorkload(settings: AreaSettings): AreaWorkload {
  const { areas, pages, seed } = settings;
  if (!(areas >= 1 && areas <= MOST)) throw new UsageError(`${areas} areas: give between 1 and ${MOST}`);
  if (!(pages >= areas && pages <= MOST * RUN)) throw new UsageError(`${pages} pages: give at least one for each of the ${areas} areas`);
  const random = new Random(seed);
  const lengths = drawLengths(areas, pages, random);
  const starts = new Float64Array(areas);
  const ends = new Float64Array(areas);
  let high = 0;
  let largestGap = 1;
  for (let i = 0; i < areas; i++) {
    const gap = random.below(2) === 0 ? 0 : 1 + Math.floor(exponential(random) * (pages / areas / 2));
    largestGap = Math.max(largestGap, gap);
    starts[i] = high + gap;
    high = ends[i] = high + gap + (lengths[i] as number);
  }
  const uniform = Float64Array.from({ length: QUESTIONS }, () => random.below(high));
  return {
    ...settings,
    starts,
    ends,
    going: shuffled(areas, random),
    coming: shuffled(areas, random),
    high,
    uniform,
    local: uniform.map((_, i) => ((uniform[i - (i % RUN)] as number) + (i % RUN)) % high),
    sizes: Float64Array.from({ length: QUESTIONS }, () => 1 + random.below(largestGap)),
  };
}

/** Returns lengths of at least 1 that add up to `pages`. */
function drawLengths(areas: number, pages: number, random: Random): Float64Array {
  const weights = Float64Array.from({ length: areas }, () => exponential(random));
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const lengths = weights.map((weight) => 1 + Math.floor((weight / sum) * (pages - areas)));
  const rest = pages - lengths.reduce((all, length) => all + length, 0);
  lengths[0] = (lengths[0] as number) + rest;
  return lengths;
}

function exponential(random: Random): number {
  return -Math.log((1 + random.below(2 ** 30)) / 2 ** 30);
}

function shuffled(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const other = random.below(i + 1);
    [order[i], order[other]] = [order[other] as number, order[i] as number];
  }
  return order;
}
