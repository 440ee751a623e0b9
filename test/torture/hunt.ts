// Looking for a failure: the trial of a seed, and what to tell when it fails: the cause, the shortest script that fails, and how to play
// it again.

import { makeScript, type ScriptRequest } from './generator.ts';
import { play } from './play.ts';
import type { Script } from './script.ts';
import { type Shrunk, shrink } from './shrink.ts';
import type { MakeSystem } from './stage.ts';

/** Plays the script of a seed. Returns the shortest script found that fails, if this one does. */
export function hunt(request: ScriptRequest, makeSystem?: MakeSystem): Shrunk | undefined {
  return huntScript(makeScript(request), makeSystem);
}

/** The same for a script. */
export function huntScript(script: Script, makeSystem?: MakeSystem): Shrunk | undefined {
  const failure = play(script, makeSystem);
  return failure === undefined ? undefined : shrink(script, failure, (smaller) => play(smaller, makeSystem));
}

/** Tells what was found, for people. */
export function report({ script, failure, trials }: Shrunk): string {
  const { steps, ...machine } = script;
  const lines = steps.map((step) => `  ${JSON.stringify(step)}`);
  return [
    `seed ${script.seed} on ${script.system}: ${failure.message}`,
    `The shortest of ${trials} scripts that fail, at step ${failure.step} of ${steps.length}:`,
    `{ ${JSON.stringify(machine).slice(1, -1)}, "steps": [\n${lines.join(',\n')}\n] }`,
    'To play it again, put it into a file: npm run torture -- --script FILE',
  ].join('\n');
}
