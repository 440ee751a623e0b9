// The torture as tests: every seed has its own machine, policy and script of 10,000 steps. More seeds: `npm run torture`.
//
// The seeds are played by that command, on compiled sources (it compiles them first if they are newer): the test runner's own way of
// loading modules makes every use of an import a call of a getter, and takes twice as long. As processes of their own, several run at once.
import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const command = fileURLToPath(new URL('../../scripts/torture.mjs', import.meta.url));

const STEPS = 10_000;
/** Seeds in one test: enough to say which ones failed, few enough to say it soon. */
const TOGETHER = 20;
/** On a busy machine a test may take its time; then it ends, and before it what it started. */
const TIMEOUT_MS = 300_000;
const PATIENCE_MS = TIMEOUT_MS - 10_000;

/** Runs `npm run torture` with these options. */
function torture(...options: string[]): Promise<{ readonly code: number | string | null | undefined; readonly said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...options], { timeout: PATIENCE_MS }, (error, out, err) => {
      resolve({ code: error === null ? 0 : error.code, said: out + err });
    });
  });
}

/** Declares the tests of the first `seeds` seeds on `system`. */
export function tortureTests(system: string, seeds: number): void {
  describe(`${system} agrees with the flat model on every answer and every byte`, () => {
    it.concurrent.each(Array.from({ length: seeds / TOGETHER }, (_, i) => i * TOGETHER))(
      `of ${TOGETHER} seeds from %i on`,
      async (first) => {
        const { code, said } = await torture('--system', system, '--seed', `${first}`, '--seeds', `${TOGETHER}`, '--steps', `${STEPS}`);
        expect(said).toContain(`${TOGETHER} seeds of ${STEPS} steps on ${system} agree with the model`);
        expect(code).toBe(0);
      },
      TIMEOUT_MS,
    );
  });
}
