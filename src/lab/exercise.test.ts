import { expect, test } from 'vitest';
import { replayPolicies } from '../paging/index.ts';
import { namedExercises, randomExercise, simulate, solve } from './index.ts';

const misses = (name: string): Record<string, number> =>
  Object.fromEntries(
    (namedExercises[name]?.parts ?? []).map((part) => [
      `${part.policy} ${part.frames}`,
      solve(namedExercises[name]?.references ?? [], part).misses,
    ]),
  );

test('strings of the literature have the misses that the literature gives', () => {
  // Belady, Nelson, Shedler 1969; Silberschatz, Galvin, Gagne.
  expect(misses('belady-anomaly')).toEqual({ 'fifo 3': 9, 'fifo 4': 10 });
  expect(misses('no-anomaly')).toEqual({ 'lru 3': 10, 'lru 4': 8, 'belady 3': 7, 'belady 4': 6 });
  expect(misses('textbook')).toEqual({ 'fifo 3': 15, 'lru 3': 12, 'belady 3': 9 });
});

test('frames are those that the textbook draws for its string under FIFO', () => {
  const { steps } = solve([7, 0, 1, 2, 0, 3, 0, 4], { policy: 'fifo', frames: 3 });
  expect(steps.map(({ memory }) => memory.map((page) => page ?? '.').join(''))).toEqual([
    '7..',
    '70.',
    '701',
    '201',
    '201',
    '231',
    '230',
    '430',
  ]);
  expect(steps.map(({ outcome, victim }) => victim ?? outcome)).toEqual(['miss', 'miss', 'miss', 7, 'hit', 0, 1, 2]);
});

test('a solution agrees with itself and with a simulation, for every policy that has one', () => {
  for (const policy of ['fifo', 'second-chance', 'clock', 'clock-r1', 'lru', 'mru', 'lfu', '2q', 'arc', 'sieve', 's3fifo', 'belady']) {
    for (let seed = 0; seed < 20; seed++) {
      const { references, parts } = randomExercise({ seed, policies: [policy], sizes: [1, 3, 5], length: 40, pages: 8 });
      for (const part of parts) {
        const solved = solve(references, part);
        const kind = replayPolicies.find(({ name }) => name === policy);
        if (kind === undefined) throw new Error(policy);
        expect(solved.misses).toBe(simulate(Uint32Array.from(references), { policy: kind, frames: part.frames, pages: 8 }).misses);
        let memory: readonly (number | null)[] = new Array(part.frames).fill(null);
        solved.steps.forEach((step, at) => {
          expect(step.outcome).toBe(memory.includes(references[at] as number) ? 'hit' : 'miss');
          expect(step.memory).toContain(references[at]);
          const left = memory.filter((page) => page !== null && !step.memory.includes(page));
          expect(left).toEqual(step.victim === undefined ? [] : [step.victim]);
          // Pages stay in their frames: only the frame of the page that was loaded changes.
          expect(step.memory.filter((page, frame) => page !== memory[frame]).length).toBe(step.outcome === 'hit' ? 0 : 1);
          memory = step.memory;
        });
      }
    }
  }
});

test('a random exercise is the same for the same seed, has no repeats in a row, hits and evicts', () => {
  const strings = new Set<string>();
  for (let seed = 0; seed < 50; seed++) {
    const exercise = randomExercise({ seed, length: 12 });
    expect(randomExercise({ seed, length: 12 })).toEqual(exercise);
    const { references, parts } = exercise;
    strings.add(references.join());
    expect(references.length).toBe(12);
    expect(references.some((page, at) => page === references[at - 1])).toBe(false);
    for (const part of parts) {
      const { steps, misses: missed } = solve(references, part);
      expect(missed).toBeLessThan(12);
      expect(steps.some(({ victim }) => victim !== undefined)).toBe(true);
    }
  }
  expect(strings.size).toBeGreaterThan(40);
});

test('wishes that allow no eviction, or nothing but hits, are kept', () => {
  expect(randomExercise({ seed: 1, policies: ['lru'], sizes: [9], length: 5, pages: 1 })).toEqual({
    title: 'Seed 1',
    references: [0, 0, 0, 0, 0],
    parts: [{ policy: 'lru', frames: 9 }],
  });
});
