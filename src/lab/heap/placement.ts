// Exercises in placing blocks: a small heap, requests, and the question where each block goes and what is free after each step.
//
//   | A 40      | hole 24 | C 64            | hole 128 ...        a free list in the order of addresses: 40+24 104+128
//
// The heap of the textbooks: holes in a list by address, a block from the low end of its hole, the rest stays a hole. It is the reference
// model of the fits in src/heap/malloc, which find the same holes by tags and bins, and it shares no code with them.
// Source: Knuth, The Art of Computer Programming, volume 1, 2.5; Wilson, Johnstone, Neely, Boles 1995 for the names of the fits.

import { Random } from '../../base/index.ts';

/** A stretch of free bytes. */
export interface Hole {
  readonly start: number;
  readonly bytes: number;
}

/** A way to choose among the holes that are large enough. */
export type Fit = 'first' | 'next' | 'best' | 'worst';

/** The fits, with the rule of each, which follows "the block goes to". */
export const fitRules: Readonly<Record<Fit, string>> = {
  first: 'the hole of the lowest address that is large enough',
  next: 'the next hole that is large enough, counted from the end of the block that was placed last, and round again from the beginning',
  best: 'the smallest hole that is large enough; of equals, that of the lowest address',
  worst: 'the largest hole, if it is large enough; of equals, that of the lowest address',
};

/** A block is asked for, or given back. */
export type PlacementRequest =
  | { readonly kind: 'malloc'; readonly name: string; readonly bytes: number }
  | { readonly kind: 'free'; readonly name: string };

/** What is asked: where does each block go, and what is free after each step, under each of the fits? */
export interface PlacementExercise {
  /** Where it comes from, for people. */
  readonly title: string;
  /** What is free at first, by address, neither overlapping nor adjacent. */
  readonly holes: readonly Hole[];
  readonly requests: readonly PlacementRequest[];
  readonly fits: readonly Fit[];
  /** Whether a freed block joins the holes beside it. */
  readonly coalescing: 'immediate' | 'never';
  /** Bytes before each block that its size does not count; its address is behind them. */
  readonly headerBytes: number;
  /** What a block takes, header and all, is a multiple of it. */
  readonly roundTo: number;
}

/** A block in its place, header included. */
export interface PlacedBlock extends Hole {
  readonly name: string;
}

/** What happens at one request. */
export interface PlacementStep {
  readonly request: PlacementRequest;
  /** The block's address, given or given back; null: no hole was large enough, or there was nothing to give back. */
  readonly address: number | null;
  /** Of a malloc: the holes that were large enough, by address. */
  readonly candidates: readonly Hole[];
  /** Of a malloc: the hole that it came from, or null. Of a free: the hole that it has become. */
  readonly hole: Hole | null;
  /** Of a free: the holes that it joined. */
  readonly joined: readonly ('before' | 'after')[];
  /** Afterwards, by address. */
  readonly freeList: readonly Hole[];
  readonly blocks: readonly PlacedBlock[];
}

/** An exercise solved with one fit. */
export interface SolvedPlacement {
  readonly fit: Fit;
  readonly steps: readonly PlacementStep[];
  /** Requests that no hole was large enough for. */
  readonly failures: number;
}

/** Solves an exercise with one fit. */
export function placeAll(exercise: PlacementExercise, fit: Fit): SolvedPlacement {
  const heap = new HoleyHeap(exercise, fit);
  const steps = exercise.requests.map((request) => heap.step(request));
  return { fit, steps, failures: failuresOf(steps) };
}

const failuresOf = (steps: readonly PlacementStep[]): number =>
  steps.filter(({ request, address }) => request.kind === 'malloc' && address === null).length;

const endOf = ({ start, bytes }: Hole): number => start + bytes;

type Shape = Pick<PlacementExercise, 'holes' | 'coalescing' | 'headerBytes' | 'roundTo'>;

class HoleyHeap {
  readonly #shape: Shape;
  readonly #fit: Fit;
  #holes: readonly Hole[];
  #blocks: readonly PlacedBlock[] = [];
  /** Where next fit goes on: the end of the block that was placed last. */
  #rover = 0;

  constructor(shape: Shape, fit: Fit) {
    this.#shape = shape;
    this.#fit = fit;
    this.#holes = shape.holes;
  }

  step(request: PlacementRequest): PlacementStep {
    const happened = request.kind === 'malloc' ? this.#place(request.name, request.bytes) : this.#giveBack(request.name);
    return { request, ...happened, freeList: this.#holes, blocks: this.#blocks };
  }

  #place(name: string, bytes: number): Pick<PlacementStep, 'address' | 'candidates' | 'hole' | 'joined'> {
    const { headerBytes, roundTo } = this.#shape;
    const needed = Math.ceil((bytes + headerBytes) / roundTo) * roundTo;
    const candidates = this.#holes.filter((each) => each.bytes >= needed);
    const hole = this.#choose(candidates);
    if (hole === undefined) return { address: null, candidates, hole: null, joined: [] };
    const rest = { start: hole.start + needed, bytes: hole.bytes - needed };
    this.#holes = this.#holes.flatMap((each) => (each !== hole ? [each] : rest.bytes > 0 ? [rest] : []));
    this.#blocks = byAddress([...this.#blocks, { name, start: hole.start, bytes: needed }]);
    this.#rover = rest.start;
    return { address: hole.start + headerBytes, candidates, hole, joined: [] };
  }

  #choose(candidates: readonly Hole[]): Hole | undefined {
    switch (this.#fit) {
      case 'first':
        return candidates[0];
      case 'next':
        return candidates.find((hole) => endOf(hole) > this.#rover) ?? candidates[0];
      case 'best':
        return candidates.reduce<Hole | undefined>(
          (best, hole) => (best === undefined || hole.bytes < best.bytes ? hole : best),
          undefined,
        );
      case 'worst':
        return candidates.reduce<Hole | undefined>(
          (worst, hole) => (worst === undefined || hole.bytes > worst.bytes ? hole : worst),
          undefined,
        );
    }
  }

  #giveBack(name: string): Pick<PlacementStep, 'address' | 'candidates' | 'hole' | 'joined'> {
    const block = this.#blocks.find((each) => each.name === name);
    if (block === undefined) return { address: null, candidates: [], hole: null, joined: [] };
    this.#blocks = this.#blocks.filter((each) => each !== block);
    const joins = this.#shape.coalescing === 'immediate';
    const before = joins ? this.#holes.find((hole) => endOf(hole) === block.start) : undefined;
    const after = joins ? this.#holes.find((hole) => hole.start === endOf(block)) : undefined;
    const start = before?.start ?? block.start;
    const hole = { start, bytes: (after === undefined ? endOf(block) : endOf(after)) - start };
    this.#holes = byAddress([...this.#holes.filter((each) => each !== before && each !== after), hole]);
    const joined = [...(before ? (['before'] as const) : []), ...(after ? (['after'] as const) : [])];
    return { address: block.start + this.#shape.headerBytes, candidates: [], hole, joined };
  }
}

function byAddress<H extends Hole>(holes: readonly H[]): H[] {
  return holes.toSorted((one, other) => one.start - other.start);
}

/** Reads a list of requests as people write it: `A=40 B=24 -A`. Returns the first word that is none, if there is one. */
export function parseRequests(text: string): readonly PlacementRequest[] | string {
  const requests: PlacementRequest[] = [];
  for (const word of text.split(/[\s,;]+/).filter((each) => each !== '')) {
    const malloc = /^([A-Za-z]\w*)=([1-9]\d{0,8})$/.exec(word);
    const free = /^-([A-Za-z]\w*)$/.exec(word);
    if (malloc) requests.push({ kind: 'malloc', name: malloc[1] as string, bytes: Number(malloc[2]) });
    else if (free) requests.push({ kind: 'free', name: free[1] as string });
    else return word;
  }
  return requests;
}

const requestsOf = (text: string): readonly PlacementRequest[] => parseRequests(text) as readonly PlacementRequest[];

/** Holes with one used byte between each and the next. */
function separateHoles(sizes: readonly number[]): Hole[] {
  let start = 0;
  return sizes.map((bytes) => {
    const hole = { start, bytes };
    start += bytes + 1;
    return hole;
  });
}

const plain = { coalescing: 'immediate', headerBytes: 0, roundTo: 1 } as const;

/** Exercises with a name. */
export const namedPlacements: Readonly<Record<string, PlacementExercise>> = {
  // The Art of Computer Programming, volume 1, 2.5.
  knuth: {
    ...plain,
    title: "Knuth's example of best fit losing: holes of 1300 and 1200",
    holes: separateHoles([1300, 1200]),
    requests: requestsOf('A=1000 B=1100 C=250'),
    fits: ['first', 'best'],
  },
  // Silberschatz, Galvin, Gagne, Operating System Concepts, the exercises on main memory; sizes in KB there.
  textbook: {
    ...plain,
    title: 'The six holes of Operating System Concepts',
    holes: separateHoles([300, 600, 350, 200, 750, 125]),
    requests: requestsOf('A=115 B=500 C=358 D=200 E=375'),
    fits: ['first', 'best', 'worst'],
  },
  // Tanenbaum, Bos, Modern Operating Systems, the exercises on memory management; sizes in MB there.
  swapping: {
    ...plain,
    title: 'The eight holes of Modern Operating Systems',
    holes: separateHoles([10, 4, 20, 18, 7, 9, 12, 15]),
    requests: requestsOf('A=12 B=10 C=9'),
    fits: ['first', 'next', 'best', 'worst'],
  },
  // The four cases of Knuth's boundary tags: both neighbours used, the one before free, the one after free, both free.
  coalescing: {
    ...plain,
    title: 'The four cases of giving back',
    holes: [{ start: 0, bytes: 128 }],
    requests: requestsOf('A=16 B=16 C=16 D=16 E=16 F=16 G=32 -B -C -F -E -D H=64'),
    fits: ['first'],
  },
};

/** What a random exercise is drawn from. */
export interface PlacementWish extends Pick<PlacementExercise, 'fits' | 'coalescing' | 'headerBytes' | 'roundTo'> {
  readonly seed: number;
  readonly heapBytes: number;
  /** Requests. */
  readonly length: number;
}

/** Lists drawn until one is worth solving; some wishes allow none. */
const MOST_DRAWS = 1000;
/** Sizes are multiples of it where the heap is large enough: what people add up. */
const UNIT = 8;
/** A block takes at most the heap's bytes by this. */
const BLOCKS_OF_THE_LARGEST = 4;

/** Returns an exercise, the same one for the same wish. */
export function randomPlacement({ seed, heapBytes, length, fits, coalescing, headerBytes, roundTo }: PlacementWish): PlacementExercise {
  const random = new Random(seed);
  const shape = { holes: [{ start: 0, bytes: heapBytes }], coalescing, headerBytes, roundTo };
  const exercise = { ...shape, title: `Seed ${seed}`, fits };
  let requests: PlacementRequest[] = [];
  for (let draw = 0; draw < MOST_DRAWS; draw++) {
    requests = drawnRequests(random, length, shape, fits);
    if (isWorthwhile({ ...exercise, requests })) break;
  }
  return { ...exercise, requests };
}

/** Draws requests. Only blocks that every fit has placed are given back. */
function drawnRequests(random: Random, length: number, shape: Shape, fits: readonly Fit[]): PlacementRequest[] {
  const heaps = fits.map((fit) => new HoleyHeap(shape, fit));
  const largest = Math.max(1, Math.floor((shape.holes[0] as Hole).bytes / BLOCKS_OF_THE_LARGEST / UNIT));
  let live: string[] = [];
  let named = 0;
  return Array.from({ length }, (_, at): PlacementRequest => {
    const mayFree = live.length > 0 && at >= length / 4;
    const request: PlacementRequest =
      mayFree && random.below(5) < 2
        ? { kind: 'free', name: live[random.below(live.length)] as string }
        : { kind: 'malloc', name: nameOf(named++), bytes: UNIT * (1 + random.below(largest)) };
    const steps = heaps.map((heap) => heap.step(request));
    if (request.kind === 'free') live = live.filter((name) => name !== request.name);
    else if (steps.every(({ address }) => address !== null)) live = [...live, request.name];
    return request;
  });
}

/** A, B ... Z, A1, B1 ... */
function nameOf(index: number): string {
  return `${String.fromCharCode(65 + (index % 26))}${index < 26 ? '' : Math.floor(index / 26)}`;
}

/** Something is joined where it can be, some request has a choice, and the fits do not all agree. */
function isWorthwhile(exercise: PlacementExercise): boolean {
  const solved = exercise.fits.map((fit) => placeAll(exercise, fit));
  const outcomes = new Set(solved.map(({ steps }) => steps.map(({ address }) => address).join()));
  return (
    outcomes.size > (exercise.fits.length > 1 ? 1 : 0) &&
    solved.some(({ steps }) => steps.some(({ candidates }) => candidates.length > 1)) &&
    (exercise.coalescing === 'never' || solved.every(({ steps }) => steps.some(({ joined }) => joined.length > 0)))
  );
}
