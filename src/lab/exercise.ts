// Exercises in page replacement: a reference string, and policies with frames whose misses are asked for. Solved by the policies that the
// simulator runs, one reference at a time, so a solution cannot differ from what is simulated.

import { Random } from '../base/index.ts';
import { replayPolicies } from '../paging/index.ts';
import { stepWith } from './explanation.ts';
import { futureOf, replayedPolicy } from './simulate.ts';

/** A memory that is asked about. */
export interface ExercisePart {
  /** The name of a policy that `canExplain` knows. */
  readonly policy: string;
  readonly frames: number;
}

/** What is asked: how often does each part miss? */
export interface Exercise {
  /** Where it comes from, for people. */
  readonly title: string;
  /** Page numbers, below 2^16. */
  readonly references: readonly number[];
  readonly parts: readonly ExercisePart[];
}

/** What happens at one reference. */
export interface SolutionStep {
  readonly page: number;
  readonly outcome: 'hit' | 'miss';
  /** The page in each frame afterwards; null = the frame is free. */
  readonly memory: readonly (number | null)[];
  readonly victim?: number;
  /** Follows "since"; present where a page went. */
  readonly reason?: string;
}

/** A part with its solution. */
export interface SolvedPart extends ExercisePart {
  readonly misses: number;
  readonly steps: readonly SolutionStep[];
}

const partsOf = (policies: readonly string[], sizes: readonly number[]): ExercisePart[] =>
  policies.flatMap((policy) => sizes.map((frames) => ({ policy, frames })));

/** Exercises with a name: strings of the literature. */
export const namedExercises: Readonly<Record<string, Exercise>> = {
  // Belady, Nelson, Shedler 1969.
  'belady-anomaly': {
    title: "Belady's anomaly: the string of Belady, Nelson and Shedler",
    references: [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5],
    parts: partsOf(['fifo'], [3, 4]),
  },
  // The same string under a stack algorithm: more memory never hurts.
  'no-anomaly': {
    title: 'The string of Belady, Nelson and Shedler under LRU and the optimum',
    references: [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5],
    parts: partsOf(['lru', 'belady'], [3, 4]),
  },
  // Silberschatz, Galvin, Gagne, Operating System Concepts, the chapter on virtual memory.
  textbook: {
    title: 'The string that Operating System Concepts compares policies with',
    references: [7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1],
    parts: partsOf(['fifo', 'lru', 'belady'], [3]),
  },
};

/** What a random exercise is drawn from; what is not said is drawn as well. */
export interface ExerciseWish {
  readonly seed: number;
  readonly policies?: readonly string[];
  readonly sizes?: readonly number[];
  /** References, and pages that they may be to, at least 1. */
  readonly length: number;
  readonly pages?: number;
}

/** Policies that are drawn where none is wished for: those that can be done by hand. */
const DRAWN_POLICIES = ['fifo', 'lru', 'second-chance', 'clock', 'belady'];
/** Strings drawn until one both hits and evicts; some wishes allow none. */
const MOST_DRAWS = 100;

/** Returns an exercise, the same one for the same wish. */
export function randomExercise({ seed, policies, sizes, length, pages }: ExerciseWish): Exercise {
  const random = new Random(seed);
  const drawnPolicies = policies ?? [DRAWN_POLICIES[random.below(DRAWN_POLICIES.length)] as string];
  const drawnSizes = sizes ?? [3 + random.below(2)];
  const range = pages ?? Math.max(...drawnSizes) + 2 + random.below(2);
  const exercise = { title: `Seed ${seed}`, parts: partsOf(drawnPolicies, drawnSizes) };
  let references: number[] = [];
  for (let draw = 0; draw < MOST_DRAWS; draw++) {
    references = drawnReferences(random, length, range);
    if (isWorthwhile({ ...exercise, references })) break;
  }
  return { ...exercise, references };
}

/** Draws pages, none twice in a row: a repeat teaches nothing. */
function drawnReferences(random: Random, length: number, pages: number): number[] {
  const references: number[] = [];
  for (let at = 0; at < length; at++) {
    const last = references.at(-1);
    const drawn = random.below(last === undefined || pages === 1 ? pages : pages - 1);
    references.push(last !== undefined && pages > 1 && drawn >= last ? drawn + 1 : drawn);
  }
  return references;
}

function isWorthwhile({ references, parts }: Exercise): boolean {
  return parts.every((part) => {
    const { misses, steps } = solve(references, part);
    return misses < references.length && steps.some(({ victim }) => victim !== undefined);
  });
}

/** Solves a part: replays the references one by one. A page takes the first free frame, or that of the page that goes. */
export function solve(references: readonly number[], part: ExercisePart): SolvedPart {
  const ids = Uint32Array.from(references);
  const pages = Math.max(...references) + 1;
  const policy = replayPolicies.find(({ name }) => name === part.policy);
  if (policy === undefined) throw new Error(`no policy ${part.policy}`);
  const replay = replayedPolicy({ policy, frames: part.frames, pages, seed: 1, future: futureOf(ids, pages) });
  const memory = new Array<number | null>(part.frames).fill(null);
  let misses = 0;
  const steps = references.map((page, at): SolutionStep => {
    const { outcome, victim, reason } = stepWith(replay, ids, at, String);
    if (outcome === 'miss') {
      misses++;
      memory[memory.indexOf(victim ?? null)] = page;
    }
    return { page, outcome, memory: [...memory], ...(victim !== undefined && { victim }), ...(reason !== undefined && { reason }) };
  });
  return { ...part, misses, steps };
}
