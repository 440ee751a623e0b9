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

/** These read the rewriter's hints, which say what to optimize at once, if asked to; V8 14 has another form of hints behind the flag. */
const VERSIONS_WITH_COMPILATION_HINTS = [11, 12, 13];

/** To be called before a guest of so many bytes is compiled. */
export function tuneEngine(moduleBytes: number): void {
  const version = Number.parseInt(process.versions.v8, 10);
  if (VERSIONS_WITH_COMPILATION_HINTS.includes(version)) setFlagsFromString('--experimental-wasm-compilation-hints');
  if (moduleBytes < LARGE_MODULE_BYTES || version >= FIRST_V8_WITH_LARGER_BUDGET) return;
  setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`);
}
