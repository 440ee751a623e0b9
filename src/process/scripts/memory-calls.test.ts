// The mmap family through scripts: the contract's meaning of each call, as processes see it, on every manager.
import { afterEach, describe, expect, it } from 'vitest';
import { checkScriptMachines, runScript, scriptMachine } from '../../../test/support/script-machine.ts';
import { PAGE_SIZE } from '../../base/index.ts';
import { PROT_READ, PROT_WRITE } from '../../system/index.ts';
import { systemNames } from '../../systems/index.ts';
import { must, type Script, type ScriptProgram, type SystemCalls } from '../index.ts';

afterEach(checkScriptMachines);

const RW = PROT_READ | PROT_WRITE;
const fine = { kind: 'exit', code: 0 };

function* anonymous(sys: SystemCalls, pages: number, sharing: 'private' | 'shared' = 'private'): Script<number> {
  const at = must(yield* sys.mmap({ size: pages * PAGE_SIZE, protection: RW, sharing }));
  for (let page = 0; page < pages; page++) yield* sys.store(at + page * PAGE_SIZE, page + 1);
  return at;
}

/** Runs a child to its end and returns its exit code. */
function* codeOf(sys: SystemCalls, child: ScriptProgram): Script {
  const { status } = must(yield* sys.wait(must(yield* sys.fork(child))));
  return status.kind === 'exit' ? status.code : -1;
}

describe.each(systemNames)('on %s', (system) => {
  const works = (script: ScriptProgram): void => expect(runScript(script, { system })).toEqual(fine);

  it('mremap: pages move with their addresses; the child of an earlier fork keeps its own', () =>
    works(function* (sys) {
      const at = yield* anonymous(sys, 4);
      // Something above, so that it cannot grow where it is.
      expect(yield* sys.mremap(at, 4 * PAGE_SIZE, 40 * PAGE_SIZE, 'here')).toBe('ENOMEM');
      const child = must(
        yield* sys.fork(function* (childSys) {
          yield* childSys.receive();
          return yield* childSys.load(at + PAGE_SIZE);
        }),
      );
      const moved = must(yield* sys.mremap(at, 4 * PAGE_SIZE, 40 * PAGE_SIZE, 'anywhere'));
      for (let page = 0; page < 4; page++) expect(yield* sys.load(moved + page * PAGE_SIZE)).toBe(page + 1);
      expect(yield* sys.load(moved + 39 * PAGE_SIZE)).toBe(0);
      yield* sys.store(moved + PAGE_SIZE, 77);
      must(yield* sys.send(child, ''));
      expect(must(yield* sys.wait(child)).status).toEqual({ kind: 'exit', code: 2 });
      expect(yield* sys.mremap(moved, PAGE_SIZE, 0, 'anywhere')).toBe('EINVAL');
    }));

  it('madvise: what is given up reads as zeros, the rest keeps its content', () =>
    works(function* (sys) {
      const at = yield* anonymous(sys, 4);
      expect(yield* sys.madvise(at + PAGE_SIZE, PAGE_SIZE, 'free')).toBe(0);
      expect(yield* sys.madvise(at, 4 * PAGE_SIZE, 'dontNeed')).toBe(0);
      expect(yield* sys.madvise(at, 4 * PAGE_SIZE, 'random')).toBe(0);
      const loaded: number[] = [];
      for (let page = 0; page < 4; page++) loaded.push(yield* sys.load(at + page * PAGE_SIZE));
      expect(loaded).toEqual([1, 0, 3, 4]);
      expect(yield* sys.madvise(at + 1, PAGE_SIZE, 'normal')).toBe('EINVAL');
    }));

  it('minherit: a child gets nothing, the same pages, a copy, or zeros', () =>
    works(function* (sys) {
      const at = yield* anonymous(sys, 4);
      for (const [page, inheritance] of (['none', 'share', 'copy'] as const).entries()) {
        expect(yield* sys.minherit(at + page * PAGE_SIZE, PAGE_SIZE, inheritance)).toBe(0);
      }
      expect(yield* sys.minherit(at + 3 * PAGE_SIZE, PAGE_SIZE, 'zero')).toBe(0);
      const seen = yield* codeOf(sys, function* (childSys) {
        const pages = [1, 2, 3].map((page) => at + page * PAGE_SIZE);
        let sum = 0;
        for (const page of pages) {
          sum = 10 * sum + (yield* childSys.load(page));
          yield* childSys.store(page, 9);
        }
        return sum;
      });
      expect(seen).toBe(230);
      expect([yield* sys.load(at + PAGE_SIZE), yield* sys.load(at + 2 * PAGE_SIZE), yield* sys.load(at + 3 * PAGE_SIZE)]).toEqual([
        9, 3, 4,
      ]);
      expect(yield* codeOf(sys, (childSys) => childSys.load(at))).toBe(-1);
    }));

  it('mlock keeps pages in memory while everything else goes; mincore tells', () => {
    const script: ScriptProgram = function* (sys) {
      const at = yield* anonymous(sys, 6);
      expect(yield* sys.mlock(at, 3 * PAGE_SIZE)).toBe(0);
      const hog = must(yield* sys.mmap({ size: 150 * PAGE_SIZE, protection: RW, sharing: 'private' }));
      for (let page = 0; page < 150; page++) yield* sys.store(hog + page * PAGE_SIZE, page);
      expect(must(yield* sys.mincore(at, 6 * PAGE_SIZE))).toEqual(Uint8Array.of(1, 1, 1, 0, 0, 0));
      expect((yield* sys.getrusage()).lockedBytes).toBe(3 * PAGE_SIZE);
      expect(yield* sys.munlock(at, 3 * PAGE_SIZE)).toBe(0);
      expect(yield* sys.mincore(at - 5 * 1024 * PAGE_SIZE, PAGE_SIZE)).toMatch(/^E(NOMEM|INVAL)$/);
    };
    expect(runScript(script, { system, frames: 96 })).toEqual(fine);
  });

  it('mlockall locks what comes as well', () =>
    works(function* (sys) {
      expect(yield* sys.mlockall('both')).toBe(0);
      const at = must(yield* sys.mmap({ size: 2 * PAGE_SIZE, protection: RW, sharing: 'private' }));
      expect(must(yield* sys.mincore(at, 2 * PAGE_SIZE))).toEqual(Uint8Array.of(1, 1));
      yield* sys.munlockall();
      expect((yield* sys.getrusage()).lockedBytes).toBe(0);
    }));

  it('reserve, commit, decommit', () =>
    works(function* (sys) {
      const at = must(yield* sys.reserve(8 * PAGE_SIZE));
      const touched = yield* codeOf(sys, (childSys) => childSys.load(at));
      expect(touched).toBe(-1);
      expect(yield* sys.commit(at + PAGE_SIZE, 2 * PAGE_SIZE, RW)).toBe(0);
      yield* sys.store(at + PAGE_SIZE, 5);
      expect((yield* sys.getrusage()).committedBytes).toBe(2 * PAGE_SIZE);
      expect(yield* sys.decommit(at + PAGE_SIZE, 2 * PAGE_SIZE)).toBe(0);
      expect(yield* codeOf(sys, (childSys) => childSys.load(at + PAGE_SIZE))).toBe(-1);
      expect(yield* sys.commit(at + PAGE_SIZE, PAGE_SIZE, RW)).toBe(0);
      expect(yield* sys.load(at + PAGE_SIZE)).toBe(0);
    }));

  it('setrlimit bounds what is asked for from then on', () =>
    works(function* (sys) {
      yield* anonymous(sys, 4);
      yield* sys.setrlimit({ addressBytes: 6 * PAGE_SIZE, lockedBytes: PAGE_SIZE });
      expect(yield* sys.mmap({ size: 3 * PAGE_SIZE, protection: RW, sharing: 'private' })).toBe('ENOMEM');
      const at = must(yield* sys.mmap({ size: 2 * PAGE_SIZE, protection: RW, sharing: 'private' }));
      expect(yield* sys.mlock(at, 2 * PAGE_SIZE)).toBe('ENOMEM');
      expect(yield* sys.mlock(at, PAGE_SIZE)).toBe(0);
    }));

  it('shared memory: by name between strangers, inherited by descriptor, kept while it is mapped', () => {
    const { kernel } = scriptMachine({ system });
    function* writer(sys: SystemCalls): Script {
      expect(yield* sys.shmOpen('/shm')).toBe('ENOENT');
      const fd = must(yield* sys.shmOpen('/shm', 2 * PAGE_SIZE));
      const at = must(yield* sys.mmap({ size: 2 * PAGE_SIZE, protection: RW, sharing: 'shared', fd }));
      const child = must(
        yield* sys.fork(function* (childSys) {
          const own = must(yield* childSys.mmap({ size: PAGE_SIZE, protection: RW, sharing: 'shared', fd, offset: PAGE_SIZE }));
          yield* childSys.store(own, 11);
          return 0;
        }),
      );
      must(yield* sys.wait(child));
      must(yield* sys.close(fd));
      yield* sys.store(at, 22);
      while ((yield* sys.load(at)) === 22) yield* sys.yield_();
      must(yield* sys.shmUnlink('/shm'));
      expect(yield* sys.shmUnlink('/shm')).toBe('ENOENT');
      expect(yield* sys.open('/shm')).toBe('ENOENT');
      return (yield* sys.load(at)) + (yield* sys.load(at + PAGE_SIZE));
    }
    function* stranger(sys: SystemCalls): Script {
      let fd = yield* sys.open('/shm');
      for (; typeof fd === 'string'; fd = yield* sys.open('/shm')) yield* sys.yield_();
      const at = must(yield* sys.mmap({ size: PAGE_SIZE, protection: RW, sharing: 'shared', fd }));
      while ((yield* sys.load(at)) !== 22) yield* sys.yield_();
      yield* sys.store(at, 33);
      return 0;
    }
    const processes = [kernel.start(writer), kernel.start(stranger)];
    kernel.run(20_000);
    expect(processes).toMatchObject([{ status: { code: 44 } }, { status: { code: 0 } }]);
  });

  it('a stack grows down to its limit, and a fault below it is one', () => {
    const top = 0xf0_0000;
    function* script(sys: SystemCalls): Script {
      const start = top - PAGE_SIZE;
      const limit = top - 8 * PAGE_SIZE;
      const place = { how: 'fixed', address: start } as const;
      must(yield* sys.mmap({ size: PAGE_SIZE, protection: RW, sharing: 'private', place, growsDown: { limit } }));
      for (let page = 1; page <= 8; page++) yield* sys.store(top - page * PAGE_SIZE, page);
      return yield* sys.load(limit - 4);
    }
    expect(runScript(script, { system })).toEqual({
      kind: 'killed',
      signal: 'SIGSEGV',
      reason: `read at 0x${(top - 8 * PAGE_SIZE - 4).toString(16)}`,
    });
  });
});
