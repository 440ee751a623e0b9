// How the engine is asked to treat a guest's code.

import process from 'node:process';
import { setFlagsFromString } from 'node:v8';

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

/**
 * From then on V8 reads branch hints without being asked, and optimizes functions with compilation hints in the background, too late for a
 * loop that was entered before that is done. Its baseline compiler can be switched off for small modules, but only on the command line: in
 * a process that runs, V8 14 then ends with "Check failed: function_feedback".
 */
const FIRST_V8_THAT_OPTIMIZES_BEHIND = 14;

/** To be called before a guest of so many bytes is compiled. */
export function tuneEngine(moduleBytes: number): void {
  const version = Number.parseInt(process.versions.v8, 10);
  if (version < FIRST_V8_THAT_OPTIMIZES_BEHIND) {
    setFlagsFromString('--experimental-wasm-compilation-hints');
    setFlagsFromString('--experimental-wasm-branch-hinting');
  }
  if (moduleBytes < LARGE_MODULE_BYTES || version >= FIRST_V8_WITH_LARGER_BUDGET) return;
  setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`);
}
