// Random scripts for allocators, and how a script that finds something is made small.
//
// A script is a malloc trace: it can be stored as one, and `quire heap` replays it. Each is drawn from a seed and a number, so that
// naming both names the script. What it asks for altogether stays within a budget, so that even an allocator that never uses memory
// again has room for it, and giving nothing is always a fault.

import { Random } from '../../base/index.ts';
import { MallocOperation, type MallocTrace, MallocTraceBuilder } from '../../trace/index.ts';

const { malloc, calloc, memalign, realloc, free } = MallocOperation;

/** What scripts of one kind are made of: operations besides free, each as often as it is named. */
export type ScriptMix = readonly MallocOperation[];

/** Which script. */
export interface ScriptWish {
  readonly seed: number;
  /** Of the scripts with this seed. */
  readonly number: number;
  readonly mix: ScriptMix;
  /** Bytes that it may ask for altogether, at least 1024. */
  readonly budgetBytes: number;
  /** memalign asks for up to this, a power of two. */
  readonly largestAlignment: number;
}

/** One operation. */
interface Step {
  readonly operation: MallocOperation;
  readonly id: number;
  readonly bytes: number;
  /** Base-2 logarithm. */
  readonly shift: number;
}

const MOST_STEPS = 300;
const FEWEST_STEPS = 4;
/** Upper bounds of sizes, drawn alike: so small ones are the most. */
const SIZE_BOUNDS = [9, 25, 65, 129, 513, 2049, 20_000];

/** Returns a script, the same one for the same wish. */
export function randomScript({ seed, number, mix, budgetBytes, largestAlignment }: ScriptWish): MallocTrace {
  const random = new Random(Math.imul(seed, 0x9e37_79b1) ^ number);
  const length = FEWEST_STEPS + random.below(MOST_STEPS - FEWEST_STEPS);
  const alignments = Math.floor(Math.log2(largestAlignment)) + 1;
  // Some scripts keep many blocks, some few.
  const freeing = 1 + random.below(3);
  const steps: Step[] = [];
  const live: number[] = [];
  let spent = 0;
  let blocks = 0;
  const bytes = (): number => {
    // Blocks of no bytes have a check of their own.
    const drawn = 1 + random.below(SIZE_BOUNDS[random.below(SIZE_BOUNDS.length)] as number);
    const taken = Math.max(1, Math.min(drawn, budgetBytes - spent));
    spent += taken;
    return taken;
  };
  while (steps.length < length) {
    const at = random.below(Math.max(1, live.length));
    const id = live[at];
    if (id !== undefined && random.below(5) < freeing) {
      steps.push({ operation: free, id, bytes: 0, shift: 0 });
      live.splice(at, 1);
      continue;
    }
    const operation = mix[random.below(mix.length)] as MallocOperation;
    if (operation === realloc) {
      if (id !== undefined) steps.push({ operation, id, bytes: bytes(), shift: 0 });
      else if (!mix.includes(malloc)) break;
      continue;
    }
    const shift = operation === memalign ? random.below(alignments) : 0;
    spent += operation === memalign ? 2 ** shift : 0;
    steps.push({ operation, id: blocks, bytes: bytes(), shift });
    live.push(blocks++);
  }
  return traceOf(steps, `script ${number} of seed ${seed}`);
}

function traceOf(steps: readonly Step[], name: string): MallocTrace {
  const builder = new MallocTraceBuilder();
  for (const { operation, id, bytes, shift } of steps) {
    builder.line++;
    if (operation === free) builder.free(id);
    else if (operation === realloc) builder.reallocate(id, id, bytes);
    else builder.allocate(operation, id, bytes, 2 ** shift);
  }
  return builder.build(name);
}

function stepsOf({ length, operations, ids, sizes, alignments }: MallocTrace): Step[] {
  return Array.from({ length }, (_, at) => ({
    operation: operations[at] as MallocOperation,
    id: ids[at] as number,
    bytes: sizes[at] as number,
    shift: alignments[at] as number,
  }));
}

/** Returns the first `length` operations of a script. */
export function firstOperations(script: MallocTrace, length: number): MallocTrace {
  return traceOf(stepsOf(script).slice(0, length), script.name);
}

/** Runs that shrinking may take. */
const MOST_RUNS = 1500;
/** What sizes are tried to be: what people see through. */
const PLAIN_SIZES = [1, 8, 16, 24, 64, 100, 256, 1000, 4096];

/**
 * Makes a failing script small: leaves out blocks, then single operations, then takes plainer sizes, as long as it goes on failing.
 * @param fails runs a script and tells whether it fails as the first did
 */
export function shrinkScript(script: MallocTrace, fails: (script: MallocTrace) => boolean): MallocTrace {
  let runs = 0;
  let best = stepsOf(script);
  const take = (candidate: readonly Step[]): boolean => {
    if (runs >= MOST_RUNS || candidate.length === 0) return false;
    runs++;
    if (!fails(traceOf(candidate, script.name))) return false;
    best = [...candidate];
    return true;
  };
  for (let before = -1; before !== best.length; ) {
    before = best.length;
    dropBlocks(() => best, take);
    dropSteps(() => best, take);
  }
  plainer(() => best, take);
  return traceOf(best, script.name);
}

/** Leaves out all operations of some blocks: half of the blocks, a quarter, ... one. */
function dropBlocks(current: () => readonly Step[], take: (candidate: readonly Step[]) => boolean): void {
  const idsOf = (): number[] => [...new Set(current().map(({ id }) => id))];
  for (let share = Math.ceil(idsOf().length / 2); share >= 1; share = share === 1 ? 0 : Math.ceil(share / 2)) {
    for (let from = 0; from < idsOf().length; ) {
      const dropped = new Set(idsOf().slice(from, from + share));
      if (!take(current().filter(({ id }) => !dropped.has(id)))) from += share;
    }
  }
}

/** Leaves out single frees and reallocs. */
function dropSteps(current: () => readonly Step[], take: (candidate: readonly Step[]) => boolean): void {
  for (let at = 0; at < current().length; ) {
    const { operation } = current()[at] as Step;
    const isDropped = (operation === free || operation === realloc) && take(current().filter((_, i) => i !== at));
    if (!isDropped) at++;
  }
}

function plainer(current: () => readonly Step[], take: (candidate: readonly Step[]) => boolean): void {
  for (let at = 0; at < current().length; at++) {
    const step = current()[at] as Step;
    if (step.operation === free) continue;
    const asMalloc = { ...step, operation: malloc, shift: 0 };
    if (step.operation === calloc || step.operation === memalign) take(current().with(at, asMalloc));
    const { bytes } = current()[at] as Step;
    for (const size of PLAIN_SIZES) {
      if (size >= bytes || take(current().with(at, { ...(current()[at] as Step), bytes: size }))) break;
    }
  }
}
