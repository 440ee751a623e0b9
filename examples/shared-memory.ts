// Two processes, a ring of numbers in shared memory, and messages that say when to look.

import { MIB, PAGE_SIZE } from '../src/base/index.ts';
import { must, type Script, type SystemCalls } from '../src/process/index.ts';
import { PROT_READ, PROT_WRITE } from '../src/system/index.ts';
import type { Example, Stage } from './stage.ts';

const NUMBERS = 4;

function* attach(sys: SystemCalls, protection: number): Script<number> {
  const fd = must(yield* sys.shmOpen('/ring', PAGE_SIZE));
  const at = must(yield* sys.mmap({ size: PAGE_SIZE, protection, sharing: 'shared', fd }));
  must(yield* sys.close(fd));
  return at;
}

function* consumer(sys: SystemCalls): Script {
  const ring = yield* attach(sys, PROT_READ);
  const { from } = yield* sys.receive();
  let sum = 0;
  for (let i = 0; i < NUMBERS; i++) sum += yield* sys.load(ring + 4 * i);
  must(yield* sys.send(from, `the sum is ${sum}`));
  return 0;
}

function* producer(sys: SystemCalls): Script {
  const ring = yield* attach(sys, PROT_READ | PROT_WRITE);
  const reader = must(yield* sys.spawn(consumer));
  for (let i = 0; i < NUMBERS; i++) yield* sys.store(ring + 4 * i, (i + 1) * (i + 1));
  must(yield* sys.send(reader, 'all there'));
  const { payload } = yield* sys.receive(reader);
  must(yield* sys.wait(reader));
  must(yield* sys.shmUnlink('/ring'));
  return new TextDecoder().decode(payload) === 'the sum is 30' ? 0 : 1;
}

function play(stage: Stage): void {
  stage.say('A producer writes squares into shared memory; a consumer adds them up.');
  stage.start(producer);
  stage.kernel.run();
}

/** Shared memory and messages. */
export const sharedMemory: Example = { title: 'shared memory by name, and messages', ramBytes: MIB, play };
