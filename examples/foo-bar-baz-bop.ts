// Why virtual memory: foo, bar and baz fill memory side by side. bar dies and leaves a gap; bop comes and needs more than the gap holds.
// Its pages end up in several pieces of RAM, and bop does not notice: its addresses are one piece. Then bop wants more than there is.

import { KIB, PAGE_SIZE } from '../src/base/index.ts';
import { must, type Script, type ScriptProgram, type SystemCalls } from '../src/process/index.ts';
import { PROT_READ, PROT_WRITE } from '../src/system/index.ts';
import type { Example, Stage } from './stage.ts';

const PAGES = 8;
const BOP_PAGES = 12;
const BOP_MORE_PAGES = 48;

/** Maps pages and writes a number of its own into each. */
function* fill(sys: SystemCalls, pages: number): Script<number> {
  const at = must(yield* sys.mmap({ size: pages * PAGE_SIZE, protection: PROT_READ | PROT_WRITE, sharing: 'private' }));
  const pid = yield* sys.getpid();
  for (let page = 0; page < pages; page++) yield* sys.store(at + page * PAGE_SIZE, 1000 * pid + page);
  return at;
}

/** Tells whether each page still holds its number. */
function* isWhole(sys: SystemCalls, at: number, pages: number): Script<boolean> {
  const pid = yield* sys.getpid();
  for (let page = 0; page < pages; page++) if ((yield* sys.load(at + page * PAGE_SIZE)) !== 1000 * pid + page) return false;
  return true;
}

/** Fills its pages, waits for a message, and ends with 0 if nobody has touched them. */
function resident(name: string): ScriptProgram {
  const program = function* (sys: SystemCalls): Script {
    const at = yield* fill(sys, PAGES);
    yield* sys.receive();
    return (yield* isWhole(sys, at, PAGES)) ? 0 : 1;
  };
  Object.defineProperty(program, 'name', { value: name });
  return program;
}

function* bop(sys: SystemCalls): Script {
  const at = yield* fill(sys, BOP_PAGES);
  yield* sys.receive();
  const more = yield* fill(sys, BOP_MORE_PAGES);
  yield* sys.receive();
  return (yield* isWhole(sys, at, BOP_PAGES)) && (yield* isWhole(sys, more, BOP_MORE_PAGES)) ? 0 : 1;
}

/** Wakes a process by a message. */
function wake(stage: Stage, name: string): void {
  const { pid } = stage.process(name);
  stage.start(function* narrator(sys) {
    must(yield* sys.send(pid, 'go on'));
  });
}

function play(stage: Stage): void {
  const letters = { f: 'foo', a: 'bar', z: 'baz', B: 'bop' };
  stage.say('foo, bar and baz fill 8 pages each, one after the other.');
  for (const name of ['foo', 'bar', 'baz']) {
    stage.start(resident(name));
    stage.kernel.run();
  }
  stage.showFrames(letters);
  stage.say('bar ends and leaves a gap between foo and baz.');
  wake(stage, 'bar');
  stage.kernel.run();
  stage.showFrames(letters);
  stage.say('bop needs 12 pages, more than the gap: its memory is in several pieces, its addresses are one.');
  stage.start(bop);
  stage.kernel.run();
  stage.showFrames(letters);
  stage.showMap('bop');
  stage.say('bop wants 48 pages more. There are not so many: pages that were not used lately go to swap, whoever owns them.');
  wake(stage, 'bop');
  stage.kernel.run();
  stage.showFrames(letters);
  stage.say('All look at their pages once more, and find them as they were.');
  for (const name of ['foo', 'baz', 'bop']) wake(stage, name);
  stage.kernel.run();
}

/** The story of foo, bar, baz and bop. */
export const fooBarBazBop: Example = {
  title: 'foo, bar, baz and bop: gaps in RAM, none in the addresses; then swap',
  ramBytes: 256 * KIB,
  play,
};
