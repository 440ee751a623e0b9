// How the engine is asked to treat a guest's code.

import process from 'node:process';
import { setFlagsFromString } from 'node:v8';

/**
 * How much a function may run in V8's baseline compiler before the optimizing one gets it. Node 20's V8 (11) asks for 1.8 million, and then
 * optimizes so much of a rewritten interpreter so early that its start waits for the compiler; V8 12 and later have 13 million.
 * Measured with CPython on Node 20: start 1.3 s -> 1.07 s, a run of 1.1 s plain 3.5 s -> 2.6 s; C kernels the same within noise.
 */
const TIERING_BUDGET = 8_000_000;
const FIRST_V8_WITH_LARGER_BUDGET = 12;

/** To be called before a guest is compiled. */
export function tuneEngine(): void {
  if (Number.parseInt(process.versions.v8, 10) >= FIRST_V8_WITH_LARGER_BUDGET) return;
  setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`);
}
