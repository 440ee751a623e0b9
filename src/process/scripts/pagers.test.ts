// Pagers in user space: a process that gives pages and takes them back, and all that can go wrong with it.
import { afterEach, describe, expect, it } from 'vitest';
import { checkScriptMachines, type ScriptMachineOptions, scriptMachine } from '../../../test/support/script-machine.ts';
import { FailurePlan, PAGE_SIZE } from '../../base/index.ts';
import { MemoryDevice } from '../../machine/index.ts';
import { PROT_READ, PROT_WRITE } from '../../system/index.ts';
import { systemNames } from '../../systems/index.ts';
import { must, type Script, type ScriptProgram, type SystemCalls } from '../index.ts';

afterEach(checkScriptMachines);

const RW = PROT_READ | PROT_WRITE;
const PAGES = 12;

function* mapObject(sys: SystemCalls, sharing: 'private' | 'shared', pages = PAGES): Script<number> {
  let fd = yield* sys.open('store');
  for (; fd === 'ENOENT'; fd = yield* sys.open('store')) yield* sys.yield_();
  return must(yield* sys.mmap({ size: pages * PAGE_SIZE, protection: RW, sharing, fd: must(fd) }));
}

/** A server that keeps its pages in memory of its own, and tells what it was asked for. */
function storeServer(log: string[] = [], pages = PAGES): ScriptProgram {
  return function* server(sys) {
    const keep = must(yield* sys.mmap({ size: pages * PAGE_SIZE, protection: RW, sharing: 'private' }));
    for (let page = 0; page < pages; page++) yield* sys.store(keep + page * PAGE_SIZE, 100 + page);
    must(yield* sys.servePager('store', pages));
    for (;;) {
      const request = must(yield* sys.pagerRequest());
      log.push(`${request.kind} ${request.index}`);
      const at = keep + request.index * PAGE_SIZE;
      if (request.bytes !== undefined) yield* sys.write(at, request.bytes);
      yield* sys.pagerReply(request.kind === 'read' ? yield* sys.read(at, PAGE_SIZE) : undefined);
    }
  };
}

function run(programs: readonly ScriptProgram[], options: ScriptMachineOptions) {
  const made = scriptMachine(options);
  const started = programs.map((program) => {
    const process = made.kernel.start(program);
    if (typeof process === 'string') throw new Error(process);
    return process;
  });
  const result = made.kernel.run(100_000);
  return { ...made, started, result };
}

describe.each(systemNames)('a pager in user space on %s', (system) => {
  it('gives each page when it is first touched; whoever maps the object shares it', () => {
    const log: string[] = [];
    const sums: number[] = [];
    function* client(sys: SystemCalls): Script {
      const at = yield* mapObject(sys, 'private');
      let sum = 0;
      for (let page = 0; page < 3; page++) sum += yield* sys.load(at + page * PAGE_SIZE);
      sums.push(sum);
      return 0;
    }
    const { started, result } = run([storeServer(log), client, client], { system });
    expect(result).toMatchObject({ kind: 'waiting', threads: [{ process: 'server', reason: 'a request for a page' }] });
    expect(started.slice(1)).toMatchObject([{ status: { code: 0 } }, { status: { code: 0 } }]);
    expect(sums).toEqual([303, 303]);
    expect(log).toEqual(['read 0', 'read 1', 'read 2']);
  });

  it('takes dirty pages back: at msync, which waits for it, and when memory is short', () => {
    const log: string[] = [];
    function* client(sys: SystemCalls): Script {
      const at = yield* mapObject(sys, 'shared');
      yield* sys.store(at + 2 * PAGE_SIZE + 8, 42);
      expect(yield* sys.msync(at, PAGES * PAGE_SIZE)).toBe(0);
      expect(log).toEqual(['read 2', 'write 2']);
      for (let page = 0; page < PAGES; page++) yield* sys.store(at + page * PAGE_SIZE + 4, 7 * page);
      // Much more than memory: everything that can go must go.
      const hog = must(yield* sys.mmap({ size: 200 * PAGE_SIZE, protection: RW, sharing: 'private' }));
      for (let page = 0; page < 200; page++) yield* sys.store(hog + page * PAGE_SIZE, page);
      for (let page = 0; page < PAGES; page++) {
        expect(yield* sys.load(at + page * PAGE_SIZE)).toBe(100 + page);
        expect(yield* sys.load(at + page * PAGE_SIZE + 4)).toBe(7 * page);
      }
      return yield* sys.load(at + 2 * PAGE_SIZE + 8);
    }
    const { started } = run([storeServer(log), client], { system, frames: 96 });
    expect(started[1]?.status).toEqual({ kind: 'exit', code: 42 });
    expect(log.filter((line) => line.startsWith('write')).length).toBeGreaterThan(1);
  });

  it('takes pages back when there is nothing else to free and no swap: who needs memory waits for it', () => {
    const pages = 150;
    const kept = new Map<number, Uint8Array>();
    function* server(sys: SystemCalls): Script<never> {
      must(yield* sys.servePager('store', pages));
      for (;;) {
        const { index, bytes } = must(yield* sys.pagerRequest());
        if (bytes !== undefined) kept.set(index, bytes);
        must(yield* sys.pagerReply(bytes === undefined ? (kept.get(index) ?? new Uint8Array(0)) : undefined));
      }
    }
    function* client(sys: SystemCalls): Script {
      const at = yield* mapObject(sys, 'shared', pages);
      for (let page = 0; page < pages; page++) yield* sys.store(at + page * PAGE_SIZE, page + 1);
      for (let page = 0; page < pages; page++) expect(yield* sys.load(at + page * PAGE_SIZE)).toBe(page + 1);
      return 0;
    }
    const { started } = run([server, client], { system, frames: 142, swap: new MemoryDevice(1) });
    expect(started[1]?.status).toEqual({ kind: 'exit', code: 0 });
    expect(kept.size).toBeGreaterThan(pages / 2);
  });

  it('takes pages back while who needs the memory is in the middle of a call', () => {
    const server = storeServer([], 40);
    function* client(sys: SystemCalls): Script {
      const at = yield* mapObject(sys, 'shared', 40);
      for (let page = 0; page < 40; page++) yield* sys.store(at + page * PAGE_SIZE + 4, page + 1);
      // Each page that goes becomes a message of the same size: memory is had only as the server takes them.
      const hog = must(yield* sys.mmap({ size: 60 * PAGE_SIZE, protection: RW, sharing: 'private' }));
      yield* sys.memset(hog, 1, 60 * PAGE_SIZE);
      return (yield* sys.load(hog + 59 * PAGE_SIZE, 1)) + (yield* sys.load(at + 39 * PAGE_SIZE + 4));
    }
    const { started } = run([server, client], { system, frames: 142, swap: new MemoryDevice(1) });
    expect(started.map(({ status }) => status)).toEqual([undefined, { kind: 'exit', code: 41 }]);
  });

  it('at the k-th frame or block that is not to be had: answered or killed, and nothing is lost', () => {
    const story = (options: { readonly frameFailures?: FailurePlan; readonly heapFailures?: FailurePlan }) => {
      function* client(sys: SystemCalls): Script {
        const at = yield* mapObject(sys, 'shared');
        for (let page = 0; page < PAGES; page += 2) yield* sys.store(at + page * PAGE_SIZE + 4, page);
        yield* sys.msync(at, PAGES * PAGE_SIZE);
        for (let page = 0; page < PAGES; page += 2) expect(yield* sys.load(at + page * PAGE_SIZE + 4)).toBe(page);
        return 0;
      }
      const { kernel, system: manager } = scriptMachine({ system, frames: 64, ...options });
      const started = [kernel.start(storeServer()), kernel.start(client)];
      kernel.run(3000);
      manager.check();
      return started.map((process) => (typeof process === 'string' ? process : process.status));
    };
    const plans = { frameFailures: new FailurePlan(), heapFailures: new FailurePlan() };
    expect(story(plans)).toEqual([undefined, { kind: 'exit', code: 0 }]);
    for (let k = 0; k < plans.frameFailures.requests; k += 2) story({ frameFailures: new FailurePlan(k) });
    checkScriptMachines();
    for (let k = 0; k < plans.heapFailures.requests; k += 2) story({ heapFailures: new FailurePlan(k) });
  });

  it('may refuse a page, which is SIGBUS for who touched it', () => {
    function* server(sys: SystemCalls): Script {
      must(yield* sys.servePager('store', PAGES));
      must(yield* sys.pagerRequest());
      expect(yield* sys.pagerRequest()).toBe('EBUSY');
      expect(yield* sys.pagerReply(new Uint8Array(PAGE_SIZE + 1))).toBe('EINVAL');
      expect(yield* sys.pagerReply('EIO')).toBe(0);
      expect(yield* sys.pagerReply('EIO')).toBe('EINVAL');
      return 0;
    }
    const client = function* (sys: SystemCalls): Script {
      const at = yield* mapObject(sys, 'private');
      return yield* sys.load(at + 3 * PAGE_SIZE);
    };
    const { started, result } = run([server, client], { system });
    expect(result).toEqual({ kind: 'done' });
    expect(started).toMatchObject([{ status: { code: 0 } }, { status: { kind: 'killed', signal: 'SIGBUS' } }]);
  });

  it.each([
    ['ends at once', function* () {}],
    [
      'ends with a request taken',
      function* (sys: SystemCalls) {
        yield* sys.pagerRequest();
      },
    ],
    [
      'is killed by a fault of its own',
      function* (sys: SystemCalls) {
        yield* sys.pagerRequest();
        yield* sys.load(8);
      },
    ],
    [
      'never answers, and runs for ever',
      function* (sys: SystemCalls) {
        yield* sys.pagerRequest();
        for (let i = 0; i < 5000; i++) yield* sys.yield_();
        // Too late: nobody waits any more.
        expect(yield* sys.pagerReply(new Uint8Array(PAGE_SIZE))).toBe('EINVAL');
      },
    ],
    [
      'never answers, and waits for ever',
      function* (sys: SystemCalls) {
        yield* sys.pagerRequest();
        yield* sys.receive();
      },
    ],
  ] as const)('that %s: the access fails, and nothing hangs', (_what, rest: ScriptProgram) => {
    function* server(sys: SystemCalls): Script {
      must(yield* sys.servePager('store', PAGES));
      yield* sys.sleep(3);
      yield* rest(sys);
      return 0;
    }
    const client = function* (sys: SystemCalls): Script {
      const at = yield* mapObject(sys, 'shared');
      return yield* sys.load(at);
    };
    const { started } = run([server, client], { system, pagerPatience: 500 });
    expect(started[1]?.status).toMatchObject({ kind: 'killed', signal: 'SIGBUS' });
  });

  it('that touches a page which only itself could give is told so at once', () => {
    const server = function* (sys: SystemCalls): Script {
      must(yield* sys.servePager('store', PAGES));
      const at = yield* mapObject(sys, 'private');
      return yield* sys.load(at);
    };
    const { started, kernel } = run([server], { system });
    expect(started[0]?.status).toMatchObject({ kind: 'killed', signal: 'SIGBUS' });
    expect(kernel.steps).toBeLessThan(20);
  });

  it('two that wait for each other fail when nobody else can go on', () => {
    const peer = (own: string, other: string) =>
      function* (sys: SystemCalls): Script {
        must(yield* sys.servePager(own, 1));
        yield* sys.yield_();
        const fd = must(yield* sys.open(other));
        const at = must(yield* sys.mmap({ size: PAGE_SIZE, protection: PROT_READ, sharing: 'shared', fd }));
        return yield* sys.load(at);
      };
    const { started, result } = run([peer('a', 'b'), peer('b', 'a')], { system });
    expect(result).toEqual({ kind: 'done' });
    expect(started.map(({ status }) => status)).toMatchObject([{ signal: 'SIGBUS' }, { signal: 'SIGBUS' }]);
  });

  it('in a thread of the process itself serves its other threads (FMI/OS: a pager in every process’s library)', () => {
    function* script(sys: SystemCalls): Script {
      must(yield* sys.servePager('own', PAGES));
      must(
        yield* sys.thread(function* pagerThread(threadSys) {
          for (;;) {
            const { index } = must(yield* threadSys.pagerRequest());
            must(yield* threadSys.pagerReply(new Uint8Array(PAGE_SIZE).fill(index + 1)));
          }
        }),
      );
      const fd = must(yield* sys.open('own'));
      const at = must(yield* sys.mmap({ size: PAGES * PAGE_SIZE, protection: PROT_READ, sharing: 'private', fd }));
      const bytes = yield* sys.read(at + PAGE_SIZE - 2, 2 * PAGE_SIZE);
      return yield* sys.exit((bytes[0] as number) + 10 * (bytes[2] as number) + 100 * (bytes[2 * PAGE_SIZE - 1] as number));
    }
    const { started, result } = run([script], { system });
    expect(result).toEqual({ kind: 'done' });
    expect(started[0]?.status).toEqual({ kind: 'exit', code: 1 + 20 + 300 });
  });

  it('a client that is killed while it waits leaves nothing behind', () => {
    let late: unknown;
    function* main(sys: SystemCalls): Script {
      must(yield* sys.servePager('store', PAGES));
      const client = must(
        yield* sys.fork(function* (childSys) {
          const at = yield* mapObject(childSys, 'private');
          yield* childSys.load(at);
        }),
      );
      must(yield* sys.pagerRequest());
      must(yield* sys.kill(client));
      must(yield* sys.wait(client));
      late = yield* sys.pagerReply(new Uint8Array(PAGE_SIZE));
      return 0;
    }
    const { started } = run([main], { system });
    expect(started[0]?.status).toEqual({ kind: 'exit', code: 0 });
    expect(late).toBe(0);
  });

  it('a name that is taken, and no pages, are refused', () => {
    const script = function* (sys: SystemCalls): Script {
      expect(yield* sys.pagerRequest()).toBe('EINVAL');
      expect(yield* sys.pagerReply()).toBe('EINVAL');
      expect(yield* sys.servePager('a', 0)).toBe('EINVAL');
      expect(yield* sys.servePager('a', 1)).toBe(0);
      expect(yield* sys.servePager('a', 1)).toBe('EEXIST');
      return 0;
    };
    expect(run([script], { system }).started[0]?.status).toEqual({ kind: 'exit', code: 0 });
  });
});
