// A pager in user space: an object whose pages are made by a process when somebody touches them, and taken back by it when they were
// changed. Here each page is a page of the table of squares, computed on demand: the whole table never exists.

import { MIB, PAGE_SIZE } from '../src/base/index.ts';
import { must, type Script, type SystemCalls } from '../src/process/index.ts';
import { PROT_READ, PROT_WRITE } from '../src/system/index.ts';
import type { Example, Stage } from './stage.ts';

const PAGES = 64;
const PER_PAGE = PAGE_SIZE / 4;

/** Page `index` of the table of squares. */
function squares(index: number): Uint8Array {
  const words = new Uint32Array(PER_PAGE);
  for (let i = 0; i < PER_PAGE; i++) words[i] = (index * PER_PAGE + i) ** 2;
  return new Uint8Array(words.buffer);
}

function* mathematician(sys: SystemCalls): Script<never> {
  must(yield* sys.servePager('/squares', PAGES));
  const changed = new Map<number, Uint8Array>();
  for (;;) {
    const { kind, index, bytes } = must(yield* sys.pagerRequest());
    if (kind === 'write' && bytes !== undefined) {
      changed.set(index, bytes);
      must(yield* sys.pagerReply());
    } else must(yield* sys.pagerReply(changed.get(index) ?? squares(index)));
  }
}

function* reader(sys: SystemCalls): Script {
  const fd = must(yield* sys.open('/squares'));
  const table = must(yield* sys.mmap({ size: PAGES * PAGE_SIZE, protection: PROT_READ | PROT_WRITE, sharing: 'shared', fd }));
  const square = yield* sys.load(table + 4 * 12_345);
  yield* sys.store(table + 4 * 12_345, 0);
  must(yield* sys.msync(table, PAGES * PAGE_SIZE));
  const resident = must(yield* sys.load(table + 4 * 100));
  return square === 12_345 ** 2 && resident === 100 ** 2 ? 0 : 1;
}

function play(stage: Stage): void {
  stage.say('The reader faults, the mathematician answers, the reader faults again and has its page.');
  stage.start(mathematician);
  stage.kernel.run();
  stage.start(reader);
  stage.kernel.run();
  stage.say('The mathematician would wait for requests for ever; the example ends here.');
}

/** A pager in user space. */
export const userPager: Example = { title: 'a pager in user space: pages computed when they are touched', ramBytes: MIB, play };
