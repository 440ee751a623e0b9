// The torture as tests: every seed has its own machine, policy and script of 10,000 steps. More seeds: `npm run torture`.
import { describe, expect, it } from 'vitest';
import { frameAllocatorNames, policyNames } from '../../src/systems/index.ts';
import { callsOf } from './calls.ts';
import { hunt, report } from './hunt.ts';

const STEPS = 10_000;
/** Seeds in one test: enough to say which ones failed, few enough to say it soon. */
const TOGETHER = 20;

/** Declares the tests of the first `seeds` seeds on `system`. */
export function tortureTests(system: string, seeds: number): void {
  describe(`${system} agrees with the flat model on every answer and every byte`, () => {
    const calls = callsOf(system, policyNames[0] as string, frameAllocatorNames[0] as string);
    it.each(Array.from({ length: seeds / TOGETHER }, (_, i) => i * TOGETHER))(`of ${TOGETHER} seeds from %i on`, (first) => {
      for (let seed = first; seed < first + TOGETHER; seed++) {
        const found = hunt({ seed, steps: STEPS, system, calls });
        expect(found, found && report(found)).toBeUndefined();
      }
    });
  });
}
