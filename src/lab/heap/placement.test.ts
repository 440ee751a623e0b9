import { describe, expect, it, test } from 'vitest';
import { Heap } from '../../heap/malloc/index.ts';
import { type Fit, fitRules, namedPlacements, type PlacementExercise, parseRequests, placeAll, randomPlacement } from '../index.ts';

const fits = Object.keys(fitRules) as Fit[];

/** Sizes of the holes that the blocks came from, in order; null = none. */
function holesTaken(name: string, fit: Fit): (number | null)[] {
  return placeAll(namedPlacements[name] as PlacementExercise, fit).steps.map(({ hole }) => hole?.bytes ?? null);
}

test('exercises of the literature come out as the literature has them', () => {
  // Knuth 2.5: best fit gets stuck where first fit succeeds.
  expect([holesTaken('knuth', 'first'), holesTaken('knuth', 'best')]).toEqual([
    [1300, 1200, 300],
    [1200, 1300, null],
  ]);
  // Silberschatz, Galvin, Gagne: under worst fit the process of 375 KB has to wait.
  expect(holesTaken('textbook', 'first')).toEqual([300, 600, 750, 350, 392]);
  expect(holesTaken('textbook', 'best')).toEqual([125, 600, 750, 200, 392]);
  expect(holesTaken('textbook', 'worst')).toEqual([750, 635, 600, 350, null]);
  // Tanenbaum, Bos.
  expect(holesTaken('swapping', 'first')).toEqual([20, 10, 18]);
  expect(holesTaken('swapping', 'best')).toEqual([12, 10, 9]);
  expect(holesTaken('swapping', 'worst')).toEqual([20, 18, 15]);
  expect(holesTaken('swapping', 'next')).toEqual([20, 18, 9]);
});

test('the four cases of giving back: between used blocks, behind a hole, before a hole, between holes', () => {
  const { steps } = placeAll(namedPlacements['coalescing'] as PlacementExercise, 'first');
  const frees = steps.filter(({ request }) => request.kind === 'free');
  expect(frees.map(({ joined }) => joined)).toEqual([[], ['before'], [], ['after'], ['before', 'after']]);
  expect(frees.map(({ hole }) => `${hole?.start}+${hole?.bytes}`)).toEqual(['16+16', '16+32', '80+16', '64+32', '16+80']);
});

describe('a heap of holes', () => {
  const heap = { title: '', holes: [{ start: 0, bytes: 64 }], coalescing: 'immediate', headerBytes: 0, roundTo: 1 } as const;
  const solved = (text: string, fit: Fit, change: Partial<PlacementExercise> = {}) => {
    const requests = parseRequests(text);
    if (typeof requests === 'string') throw new Error(requests);
    return placeAll({ ...heap, fits: [fit], requests, ...change }, fit);
  };
  const addresses = (text: string, fit: Fit, change: Partial<PlacementExercise> = {}) =>
    solved(text, fit, change).steps.map(({ address }) => address);

  it('counts headers and rounds up', () => {
    expect(addresses('A=5 B=8 C=24', 'first', { headerBytes: 4, roundTo: 8 })).toEqual([4, 20, 36]);
    expect(addresses('A=29', 'first', { headerBytes: 4, roundTo: 8, holes: [{ start: 0, bytes: 32 }] })).toEqual([null]);
  });

  it('does not join holes if it is told so', () => {
    expect(addresses('A=32 B=32 -A -B C=40', 'first')).toEqual([0, 32, 0, 32, 0]);
    expect(addresses('A=32 B=32 -A -B C=40', 'first', { coalescing: 'never' })).toEqual([0, 32, 0, 32, null]);
  });

  it('goes round with next fit, and on inside of a hole that has grown around its place', () => {
    expect(addresses('A=16 B=16 C=16 D=16 -A -C E=8 F=8 G=8', 'next')).toEqual([0, 16, 32, 48, 0, 32, 0, 8, 32]);
    // B's end, where the search goes on, has become the inside of a hole that begins before it.
    expect(addresses('A=16 B=16 C=16 -B D=8', 'next')).toEqual([0, 16, 32, 16, 48]);
    expect(addresses('A=16 B=48 -A C=8 -C -B D=16', 'next')).toEqual([0, 16, 0, 0, 0, 16, 0]);
  });

  it('says nothing is given back where nothing was placed', () => {
    const { steps, failures } = solved('A=65 -A', 'best');
    expect([steps.map(({ address }) => address), failures]).toEqual([[null, null], 1]);
  });

  it('reads requests, and tells which word is none', () => {
    expect(parseRequests('A=1, b2=30; -A')).toEqual([
      { kind: 'malloc', name: 'A', bytes: 1 },
      { kind: 'malloc', name: 'b2', bytes: 30 },
      { kind: 'free', name: 'A' },
    ]);
    for (const word of ['A=', 'A=0', '2=3', '-', 'A=-1', 'A', 'A=1.5', 'A=9999999999']) expect(parseRequests(`B=1 ${word}`)).toBe(word);
  });
});

test('random exercises: blocks and holes tile the heap, each fit keeps its rule, and the exercise is worth solving', () => {
  for (let seed = 0; seed < 40; seed++) {
    const coalescing = seed % 3 === 0 ? 'never' : 'immediate';
    const exercise = randomPlacement({
      seed,
      heapBytes: 256,
      length: 16,
      fits,
      coalescing,
      headerBytes: seed % 2 === 0 ? 0 : 8,
      roundTo: 8,
    });
    const solutions = fits.map((fit) => placeAll(exercise, fit));
    expect(new Set(solutions.map(({ steps }) => steps.map(({ address }) => address).join())).size).toBeGreaterThan(1);
    for (const { fit, steps } of solutions) {
      for (const { freeList, blocks, candidates, hole, request } of steps) {
        let at = 0;
        for (const { start, bytes } of [...freeList, ...blocks].toSorted((one, other) => one.start - other.start)) {
          expect(start).toBe(at);
          expect(bytes).toBeGreaterThan(0);
          at += bytes;
        }
        expect(at).toBe(256);
        // No two holes touch.
        const touching = freeList.some((each) => freeList.some(({ start }) => start === each.start + each.bytes));
        if (coalescing === 'immediate') expect(touching).toBe(false);
        if (request.kind === 'free') expect(hole).not.toBeNull();
        if (request.kind !== 'malloc' || hole === null) continue;
        const sizes = candidates.map(({ bytes }) => bytes);
        if (fit === 'first') expect(hole).toBe(candidates[0]);
        if (fit === 'best') expect(hole.bytes).toBe(Math.min(...sizes));
        if (fit === 'worst') expect(hole.bytes).toBe(Math.max(...sizes));
      }
    }
    expect(
      randomPlacement({ seed, heapBytes: 256, length: 16, fits, coalescing, headerBytes: seed % 2 === 0 ? 0 : 8, roundTo: 8 }),
    ).toEqual(exercise);
  }
});

// The library's allocators over a hole of the exercise's size, with a block behind it that stays: what lies beyond is no hole of the
// exercise, and is only taken where that fails. Sizes are less by the tag of 4 bytes. Best and worst fit choose among equals otherwise.
test.each<Fit>(['first', 'next'])("%s fit of the library places blocks as the exercise's solution does", (fit) => {
  const holeBytes = 1024;
  for (let seed = 0; seed < 100; seed++) {
    const wish = { seed, heapBytes: holeBytes, length: 40, fits: [fit], coalescing: 'immediate', headerBytes: 0, roundTo: 16 } as const;
    const { steps } = placeAll(randomPlacement(wish), fit);
    const heap = Heap.create(1 << 16, { allocator: `${fit}-fit` });
    const hole = heap.malloc(holeBytes - 4);
    const fence = heap.malloc(12);
    heap.free(hole);
    const given = new Map<string, number>();
    for (const { request, address } of steps) {
      if (request.kind === 'free') {
        heap.free(given.get(request.name) as number);
        continue;
      }
      const block = heap.malloc(Math.ceil(request.bytes / 16) * 16 - 4);
      if (address === null) {
        expect(block, `seed ${seed}`).toBeGreaterThan(fence);
        heap.free(block);
      } else expect(block - hole, `seed ${seed}`).toBe(address);
      given.set(request.name, block);
    }
  }
});
