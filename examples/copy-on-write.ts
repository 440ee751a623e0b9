// fork copies nothing. Parent and child hold the same pages until one of them writes; who writes gets a copy of that page, and the last
// who holds a page writes into it where it is.

import { MIB, PAGE_SIZE } from '../src/base/index.ts';
import { must, type Script, type SystemCalls } from '../src/process/index.ts';
import { PROT_READ, PROT_WRITE } from '../src/system/index.ts';
import type { Example, Stage } from './stage.ts';

function* child(sys: SystemCalls, at: number): Script {
  const before = yield* sys.readString(at);
  yield* sys.writeString(at, 'the child was here');
  yield* sys.send(yield* sys.getppid(), before);
  yield* sys.receive();
  return 0;
}

function* parent(sys: SystemCalls): Script {
  const at = must(yield* sys.mmap({ size: 3 * PAGE_SIZE, protection: PROT_READ | PROT_WRITE, sharing: 'private' }));
  for (let page = 0; page < 3; page++) yield* sys.writeString(at + page * PAGE_SIZE, `page ${page} of the parent`);
  const pid = must(
    yield* sys.fork(function* forked(childSys) {
      return yield* child(childSys, at);
    }),
  );
  yield* sys.receive(pid);
  yield* sys.writeString(at, 'written after the fork');
  must(yield* sys.send(pid, 'end'));
  const ended = must(yield* sys.wait(pid));
  // The child is gone: this page is the parent's alone again, and nothing is copied.
  yield* sys.writeString(at + 2 * PAGE_SIZE, 'written in place');
  return ended.status.kind === 'exit' && (yield* sys.readString(at)) === 'written after the fork' ? 0 : 1;
}

function play(stage: Stage): void {
  stage.say('A parent with three pages forks; both write. Look for 1B (a copy) and 1A (in place).');
  stage.start(parent);
  stage.kernel.run();
}

/** Copy-on-write fork. */
export const copyOnWrite: Example = { title: 'fork: who copies which page, and when', ramBytes: MIB, play };
