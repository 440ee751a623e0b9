// Makes a failing script short: first everything after the failure goes, then ever smaller runs of steps, then single numbers become
// smaller. A smaller script is kept if it fails too, in whatever way.
// Source: the delta debugging of Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002.

import type { Failure } from './play.ts';
import type { Script, Step } from './script.ts';

/** What is left of a failing script. */
export interface Shrunk {
  readonly script: Script;
  readonly failure: Failure;
  /** Trials that it took. */
  readonly trials: number;
}

/** Shrinks `script`, which fails with `failure`, within `budget` trials. */
export function shrink(script: Script, failure: Failure, fails: (script: Script) => Failure | undefined, budget = 2000): Shrunk {
  const shrinker = new Shrinker(script, failure, fails, budget);
  shrinker.shrink();
  return { script: shrinker.script, failure: shrinker.failure, trials: shrinker.trials };
}

class Shrinker {
  script: Script;
  failure: Failure;
  trials = 0;
  readonly #fails: (script: Script) => Failure | undefined;
  readonly #budget: number;

  constructor(script: Script, failure: Failure, fails: (script: Script) => Failure | undefined, budget: number) {
    this.script = script;
    this.failure = failure;
    this.#fails = fails;
    this.#budget = budget;
  }

  shrink(): void {
    this.#cutEnd();
    for (;;) {
      const before = JSON.stringify(this.script);
      this.#removeSteps();
      this.#simplifyMachine();
      this.#simplifyNumbers();
      if (this.trials >= this.#budget || JSON.stringify(this.script) === before) return;
    }
  }

  /** Keeps `smaller` if it fails as well. */
  #try(smaller: Script): boolean {
    if (this.trials >= this.#budget) return false;
    this.trials++;
    const failure = this.#fails(smaller);
    if (failure === undefined) return false;
    this.script = smaller;
    this.failure = failure;
    this.#cutEnd();
    return true;
  }

  /** What comes after the step that failed was never played. */
  #cutEnd(): void {
    if (this.failure.step + 1 < this.script.steps.length) {
      this.script = { ...this.script, steps: this.script.steps.slice(0, this.failure.step + 1) };
    }
  }

  #removeSteps(): void {
    for (let size = Math.ceil(this.script.steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      // From the end: what came last is what failed, and what came long before it is the likeliest to matter less.
      for (let at = this.script.steps.length - size; at > -size; at -= size) {
        const first = Math.max(0, at);
        const { steps } = this.script;
        this.#try({ ...this.script, steps: [...steps.slice(0, first), ...steps.slice(at + size)] });
        if (this.trials >= this.#budget) return;
      }
    }
  }

  #simplifyMachine(): void {
    for (const failure of this.script.failures) {
      this.#try({ ...this.script, failures: this.script.failures.filter((other) => other !== failure) });
    }
  }

  #simplifyNumbers(): void {
    for (let number = 0; number < this.script.steps.length; number++) {
      for (const key of Object.keys(this.script.steps[number] ?? {})) this.#simplifyNumber(number, key);
    }
  }

  #simplifyNumber(number: number, key: string): void {
    const value = (this.script.steps[number] as unknown as Record<string, unknown>)[key];
    if (typeof value !== 'number') return;
    // Page numbers mean places: they stay where they are.
    const smaller = key === 'page' || key === 'target' ? [] : [0, 1, Math.floor(value / 2), value - 1];
    for (const each of smaller) {
      if (each < 0 || each >= value) continue;
      const steps = this.script.steps.map((step, i) => (i === number ? ({ ...step, [key]: each } as Step) : step));
      if (this.#try({ ...this.script, steps })) return;
    }
  }
}
