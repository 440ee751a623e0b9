// malloc over an address space: blocks are bytes in pages that faults bring in; a fork copies the heap page by page, when one side writes; and
// a store one byte behind a guarded block faults at that very store.

import { MIB } from '../src/base/index.ts';
import { must, type Script, type SystemCalls } from '../src/process/index.ts';
import type { Example, Stage } from './stage.ts';

function* writer(sys: SystemCalls): Script {
  const name = yield* sys.malloc(100);
  yield* sys.writeString(name, 'a block of the parent');
  // From 128 KiB on a block is a mapping of its own, and its pages are not there before they are touched.
  const large = yield* sys.malloc(200_000);
  yield* sys.store(large + 100_000, 1);
  const child = must(
    yield* sys.fork(function* forked(childSys) {
      yield* childSys.writeString(name, 'the child wrote here');
      yield* childSys.free(name);
      yield* childSys.free(large);
      return 0;
    }),
  );
  must(yield* sys.wait(child));
  const text = yield* sys.readString(name);
  yield* sys.free(large);
  yield* sys.free(name);
  yield* sys.heapUsage();
  return text === 'a block of the parent' ? 0 : 1;
}

function* careless(sys: SystemCalls): Script {
  must(yield* sys.useHeap({ guard: { oneIn: 1 } }));
  const block = yield* sys.malloc(24);
  yield* sys.onFault(function* (fault, handler) {
    const whose = yield* handler.explainFault(fault.address);
    return yield* handler.exit(whose === '' ? 1 : 0);
  });
  // One byte too many.
  yield* sys.memset(block, 0, 25);
  return 1;
}

function play(stage: Stage): void {
  stage.say('A writer uses malloc and forks: who writes into the heap copies that page of it (1B).');
  stage.start(writer);
  stage.kernel.run();
  stage.say('Each block of a careless process ends where a page without access begins. It writes 25 bytes into 24.');
  stage.start(careless);
  stage.kernel.run();
}

/** A heap in pages. */
export const heap: Example = { title: 'malloc in pages: fork, large blocks, guard pages', ramBytes: MIB, play };
