// How the engine is asked to treat a guest's code.

import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import type { FunctionOptimizer } from '../src/wasm/index.ts';

/**
 * How much a function may run in V8's baseline compiler before the optimizing one gets it. Node 20's V8 (11) asks for 1.8 million, and then
 * optimizes so much of a rewritten interpreter so early that its start waits for the compiler; V8 12 and later have 13 million.
 * Measured with CPython on Node 20: start 1.3 s -> 1.07 s, a run of 1.1 s plain 3.5 s -> 2.6 s. Small programs lose by waiting (the kernels'
 * geometric mean of ratios went from 1.7 to 2.1), so they keep the engine's own setting.
 */
const TIERING_BUDGET = 8_000_000;
/** Modules below this are small: the largest kernel has 128 KiB, CPython 25 MiB. */
const LARGE_MODULE_BYTES = 1 << 20;
const FIRST_V8_WITH_LARGER_BUDGET = 12;
/** From then on V8 reads branch hints without being asked. */
const FIRST_V8_WITH_BRANCH_HINTS = 14;

/**
 * The V8s (of Node 20 to 26) in which `%WasmTierUpFunction` was seen to take a function and to compile it at once. It is a test function of V8's, which
 * ends the process if it is called otherwise than it should be: so one that nobody has tried is not asked. There, programs run slower.
 */
const FIRST_V8_TRIED = 11;
const LAST_V8_TRIED = 14;

const v8Version = (): number => Number.parseInt(process.versions.v8, 10);

/** To be called before a guest of so many bytes is compiled. */
export function tuneEngine(moduleBytes: number): void {
  const version = v8Version();
  if (version < FIRST_V8_WITH_BRANCH_HINTS) setFlagsFromString('--experimental-wasm-branch-hinting');
  if (moduleBytes < LARGE_MODULE_BYTES || version >= FIRST_V8_WITH_LARGER_BUDGET) return;
  setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`);
}

/**
 * Bytecodes of other functions that V8 puts into one that it optimizes: its own setting, and one for the rewriter, which runs once and for a
 * fraction of a second. Its functions are compiled on other threads meanwhile, which takes half as long then (CPython, Node 20: 0.2 s of
 * processor time -> 0.12); where the host has few cores, the rewriter has them to itself sooner.
 */
const INLINED_BYTECODES = 920;
const INLINED_BYTECODES_OF_REWRITER = 400;

/** Does work of which rewriting a module of so many bytes is the most. Returns what it returns. */
export function whileRewriting<T>(moduleBytes: number, work: () => T): T {
  if (moduleBytes < LARGE_MODULE_BYTES) return work();
  setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${INLINED_BYTECODES_OF_REWRITER}`);
  try {
    return work();
  } finally {
    setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${INLINED_BYTECODES}`);
  }
}

/**
 * Returns what has V8 compile a WebAssembly function with its optimizing compiler before it returns; undefined if this V8 has no way to it.
 *
 * Rejected, since V8 14 has no such way by its settings: its compilation hints, and `--wasm-eager-tier-up-function`, optimize in the
 * background, too late for a loop that is entered meanwhile; a process that runs cannot be told `--no-liftoff` (V8 ends with "Check failed:
 * function_feedback"), unless inlining is off as well; `--no-wasm-dynamic-tiering` compiles everything, and races with the program.
 */
export function functionOptimizer(version = v8Version()): FunctionOptimizer | undefined {
  if (version < FIRST_V8_TRIED || version > LAST_V8_TRIED) return undefined;
  // It stays set: V8 may forget the function's bytecode, and read its text again. All that it changes is that `%` may begin an expression.
  setFlagsFromString('--allow-natives-syntax');
  return new Function('code', '%WasmTierUpFunction(code)') as FunctionOptimizer;
}
