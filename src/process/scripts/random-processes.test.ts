// Many processes at random, on too little memory: they map, write, fork, share, unmap and end in an order that a seed decides, and each
// compares what it reads with a plain array of what it and its ancestors wrote. An independent account of what memory must hold.
import { afterEach, describe, expect, it } from 'vitest';
import { checkScriptMachines, scriptMachine } from '../../../test/support/script-machine.ts';
import { PAGE_SIZE, Random } from '../../base/index.ts';
import { MemoryDevice } from '../../machine/index.ts';
import { PROT_READ, PROT_WRITE } from '../../system/index.ts';
import { systemNames } from '../../systems/index.ts';
import { must, type Script, type ScriptProgram, type SystemCalls } from '../index.ts';

afterEach(checkScriptMachines);

const RW = PROT_READ | PROT_WRITE;
const PAGES = 24;
const SHARED_PAGES = 6;
const STEPS = 60;
const GENERATIONS = 2;

/** What one process must find: its own pages, copied at fork, and those that all share. */
interface Account {
  readonly own: Map<number, number>;
  readonly shared: Map<number, number>;
}

function worker(seed: number, generation: number, at: number, sharedAt: number, account: Account): ScriptProgram {
  const random = new Random(seed);
  return function* worker(sys: SystemCalls): Script {
    for (let step = 0; step < STEPS; step++) {
      const page = random.below(PAGES);
      const address = at + page * PAGE_SIZE + 4 * random.below(PAGE_SIZE / 4);
      const roll = random.below(20);
      if (roll < 9) yield* writeOwn(sys, account, address, random.next());
      else if (roll < 15) expect(yield* sys.load(address)).toBe(account.own.get(address) ?? 0);
      else if (roll < 17) yield* useShared(sys, account, sharedAt + 4 * random.below((SHARED_PAGES * PAGE_SIZE) / 4), random.next());
      else if (roll < 18) yield* renew(sys, account, at + page * PAGE_SIZE);
      else if (roll < 19 && generation < GENERATIONS) yield* forkWorker(sys, random.next(), generation + 1, at, sharedAt, account);
      else yield* sys.sleep(random.below(3));
    }
    for (let ended = yield* sys.wait(); typeof ended !== 'string'; ended = yield* sys.wait()) {
      expect(ended.status).toEqual({ kind: 'exit', code: 0 });
    }
    for (const [address, value] of account.own) expect(yield* sys.load(address)).toBe(value);
    return 0;
  };
}

function* writeOwn(sys: SystemCalls, { own }: Account, address: number, value: number): Script<void> {
  yield* sys.store(address, value);
  own.set(address, value);
}

// Others may write between two steps, so the account is read and written in the step itself: `load` first, then compare with what it is now.
function* useShared(sys: SystemCalls, { shared }: Account, address: number, value: number): Script<void> {
  if (!shared.has(address)) {
    shared.set(address, value);
    yield* sys.store(address, value);
  } else {
    const found = yield* sys.load(address);
    expect([0, shared.get(address)]).toContain(found);
  }
}

function* renew(sys: SystemCalls, { own }: Account, start: number): Script<void> {
  must(yield* sys.munmap(start, PAGE_SIZE));
  must(yield* sys.mmap({ size: PAGE_SIZE, protection: RW, sharing: 'private', place: { how: 'fixed', address: start } }));
  for (const address of [...own.keys()]) if (address >= start && address < start + PAGE_SIZE) own.delete(address);
}

function* forkWorker(sys: SystemCalls, seed: number, generation: number, at: number, sharedAt: number, account: Account): Script<void> {
  // The child's account is a copy of what is there when the fork is carried out: no other thread of this process runs meanwhile.
  const copy = { own: new Map(account.own), shared: account.shared };
  must(yield* sys.fork(worker(seed, generation, at, sharedAt, copy)));
}

describe.each(systemNames)('processes at random on %s', (system) => {
  it.each([1, 2, 3, 4, 5, 6])('each finds what it wrote, with seed %i', (seed) => {
    const { kernel, machine } = scriptMachine({ system, frames: 160, swap: new MemoryDevice(2048), schedule: 'random', seed });
    const started = kernel.start(function* first(sys) {
      const at = must(yield* sys.mmap({ size: PAGES * PAGE_SIZE, protection: RW, sharing: 'private' }));
      const fd = must(yield* sys.shmOpen('/all', SHARED_PAGES * PAGE_SIZE));
      const sharedAt = must(yield* sys.mmap({ size: SHARED_PAGES * PAGE_SIZE, protection: RW, sharing: 'shared', fd }));
      return yield* worker(seed, 0, at, sharedAt, { own: new Map(), shared: new Map() })(sys);
    });
    expect(kernel.run(100_000)).toEqual({ kind: 'done' });
    expect(started).toMatchObject({ status: { kind: 'exit', code: 0 } });
    machine.check();
  });
});
