// `npm run example [-- name]`: plays an example and prints its transcript; without a name, says which there are.

import { copyOnWrite } from './copy-on-write.ts';
import { fooBarBazBop } from './foo-bar-baz-bop.ts';
import { heap } from './heap.ts';
import { sharedMemory } from './shared-memory.ts';
import { type Example, Stage } from './stage.ts';
import { userPager } from './user-pager.ts';

/** The examples by name. */
export const examples: Readonly<Record<string, Example>> = {
  'foo-bar-baz-bop': fooBarBazBop,
  'copy-on-write': copyOnWrite,
  'shared-memory': sharedMemory,
  'user-pager': userPager,
  heap,
};

/** Plays the example called `name` on a memory manager; false if there is none of that name. */
export function playExample(name: string, system: string, write: (line: string) => void): boolean {
  const example = Object.hasOwn(examples, name) ? examples[name] : undefined;
  if (example === undefined) return false;
  write(example.title);
  const stage = new Stage(example.ramBytes, system, write);
  example.play(stage);
  stage.end();
  return true;
}

/** What the command does. Returns its exit code. */
export function main([name, system = 'uvm']: readonly string[], write: (line: string) => void): number {
  if (name !== undefined && playExample(name, system, write)) return 0;
  if (name !== undefined) write(`there is no example '${name}'`);
  write('npm run example -- <name> [memory manager]');
  for (const [known, { title }] of Object.entries(examples)) write(`  ${known.padEnd(18)}${title}`);
  return name === undefined ? 0 : 2;
}
