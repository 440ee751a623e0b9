// Processes: fork, vfork, spawn, exec, wait, threads, zombies and orphans, messages; and that a run can be repeated.
import { afterEach, describe, expect, it } from 'vitest';
import { checkScriptMachines, runScript, scriptMachine } from '../../../test/support/script-machine.ts';
import { FailurePlan, KIB, PAGE_SIZE } from '../../base/index.ts';
import { FrameKind } from '../../frames/index.ts';
import { PROT_EXECUTE, PROT_NONE, PROT_READ, PROT_WRITE } from '../../system/index.ts';
import { systemNames } from '../../systems/index.ts';
import { catExecutable, describeExecutable, must, odExecutable, type Script, type SystemCalls } from '../index.ts';

afterEach(checkScriptMachines);

const RW = PROT_READ | PROT_WRITE;
const fine = { kind: 'exit', code: 0 };

function* anonymous(sys: SystemCalls, pages: number): Script<number> {
  return must(yield* sys.mmap({ size: pages * PAGE_SIZE, protection: RW, sharing: 'private' }));
}

describe.each(systemNames)('processes on %s', (system) => {
  it('fork: the child has a copy; wait tells how it ended', () => {
    function* parent(sys: SystemCalls): Script {
      const at = yield* anonymous(sys, 2);
      yield* sys.store(at, 1);
      const child = must(
        yield* sys.fork(function* child(childSys) {
          const before = yield* childSys.load(at);
          yield* childSys.store(at, 2);
          return 10 * before + (yield* childSys.load(at));
        }),
      );
      expect(yield* sys.wait(child + 1)).toBe('ECHILD');
      expect(yield* sys.wait(child)).toEqual({ pid: child, status: { kind: 'exit', code: 12 } });
      expect(yield* sys.wait()).toBe('ECHILD');
      return yield* sys.load(at);
    }
    expect(runScript(parent, { system })).toEqual({ kind: 'exit', code: 1 });
  });

  it('vfork: the child runs in the parent’s space, which waits until the child ends or calls exec', () => {
    const order: string[] = [];
    function* program(sys: SystemCalls): Script {
      order.push('program');
      return (yield* sys.maps()).length;
    }
    function* parent(sys: SystemCalls): Script {
      const at = yield* anonymous(sys, 1);
      const first = must(
        yield* sys.vfork(function* (childSys) {
          for (let i = 0; i < 5; i++) yield* childSys.yield_();
          yield* childSys.store(at, 5);
          order.push('first child');
          return 0;
        }),
      );
      order.push('parent');
      expect(yield* sys.load(at)).toBe(5);
      const second = must(
        yield* sys.vfork(function* (childSys) {
          yield* childSys.store(at, 6);
          order.push('second child');
          yield* childSys.exec(catExecutable, program);
          throw new Error('exec returned');
        }),
      );
      order.push('parent again');
      expect(yield* sys.load(at)).toBe(6);
      expect(yield* sys.wait(first)).toMatchObject({ pid: first });
      expect(yield* sys.wait()).toMatchObject({ pid: second, status: { kind: 'exit', code: 5 } });
      return 0;
    }
    expect(runScript(parent, { system })).toEqual(fine);
    expect(order.slice(0, 3)).toEqual(['first child', 'parent', 'second child']);
    expect(order).toContain('program');
    expect(order).toContain('parent again');
  });

  it('exec replaces space and script, ends other threads, and keeps descriptors', () => {
    function* program(sys: SystemCalls): Script {
      expect(yield* sys.open('/bin/cat')).toBe(1);
      return 7;
    }
    function* plain(sys: SystemCalls): Script {
      must(
        yield* sys.thread(function* (threadSys) {
          for (;;) yield* threadSys.yield_();
        }),
      );
      must(yield* sys.spawn(function* () {}, catExecutable));
      must(yield* sys.open('/bin/cat'));
      return must(yield* sys.exec(catExecutable, program));
    }
    expect(runScript(plain, { system })).toEqual({ kind: 'exit', code: 7 });
  });

  it('an executable is text, data, bss and stack with its reserve; a dynamic one has three areas more for each library', () => {
    const areas: unknown[] = [];
    function* cat(sys: SystemCalls): Script {
      const maps = yield* sys.maps();
      areas.push(...maps.map(({ start, end, protection, name }) => [name, (end - start) / KIB, protection]));
      const text = maps[0]?.start as number;
      const data = maps[1]?.start as number;
      const stack = maps[4]?.start as number;
      expect([yield* sys.load(text + 5000), yield* sys.load(data + 8)]).toEqual([5000, 44 * KIB + 8]);
      yield* sys.store(data + 8, 1);
      yield* sys.store(stack, 1);
      expect(yield* sys.sbrk(0)).toBe(maps[2]?.end);
      yield* sys.store(text, 1);
      return 0;
    }
    expect(runScript((sys) => execThen(sys, cat), { system })).toEqual({ kind: 'killed', signal: 'SIGSEGV', reason: 'write at 0x1000' });
    expect(areas).toEqual([
      ['/bin/cat', 44, PROT_READ | PROT_EXECUTE],
      ['/bin/cat', 4, RW],
      ['[bss]', 8, RW],
      ['[stack reserve]', 2048, PROT_NONE],
      ['[stack]', 16, RW],
    ]);
    const { kernel, system: manager } = scriptMachine({ system });
    const od = kernel.start(function* (sys) {
      return (yield* sys.maps()).length;
    }, odExecutable);
    kernel.run();
    expect(od).toMatchObject({ status: { kind: 'exit', code: 11 } });
    manager.check();
  });

  it('two processes of one executable share its text, and not its data', () => {
    const { kernel, machine } = scriptMachine({ system });
    const tool = describeExecutable({ name: '/bin/tool', textBytes: 8 * PAGE_SIZE, dataBytes: PAGE_SIZE, bssBytes: 0 });
    function* touch(sys: SystemCalls): Script {
      for (let page = 1; page <= 8; page++) yield* sys.load(page * PAGE_SIZE);
      const data = 9 * PAGE_SIZE;
      yield* sys.store(data, (yield* sys.load(data)) + 1);
      yield* sys.sleep(10);
      return (yield* sys.load(data)) - 8 * PAGE_SIZE;
    }
    const processes = [kernel.start(touch, tool), kernel.start(touch, tool)];
    kernel.run(20);
    // Of the file's 9 pages each is in memory once; each process has its copy of the data page.
    expect([machine.frames.countOf(FrameKind.object), machine.frames.countOf(FrameKind.anon)]).toEqual([9, 2]);
    kernel.run();
    expect(processes).toMatchObject([{ status: { code: 1 } }, { status: { code: 1 } }]);
  });

  it('threads share the space; the process ends with the last of them, and its code is the first one’s', () => {
    function* script(sys: SystemCalls): Script {
      const at = yield* anonymous(sys, 1);
      must(
        yield* sys.thread(function* (threadSys) {
          while ((yield* threadSys.load(at)) === 0) yield* threadSys.yield_();
          yield* threadSys.store(at + 4, 1);
          yield* threadSys.sleep(5);
          return 99;
        }),
      );
      yield* sys.store(at, 1);
      while ((yield* sys.load(at + 4)) === 0) yield* sys.yield_();
      return 3;
    }
    expect(runScript(script, { system })).toEqual({ kind: 'exit', code: 3 });
  });

  it('exit in one thread ends all; a fault in one too', () => {
    const forever = function* (sys: SystemCalls): Script {
      for (;;) yield* sys.yield_();
    };
    function* exits(sys: SystemCalls): Script {
      must(yield* sys.thread(forever));
      return yield* sys.exit(4);
    }
    function* faults(sys: SystemCalls): Script {
      must(yield* sys.thread(forever));
      return yield* sys.load(8);
    }
    expect(runScript(exits, { system })).toEqual({ kind: 'exit', code: 4 });
    expect(runScript(faults, { system })).toEqual({ kind: 'killed', signal: 'SIGSEGV', reason: 'read at 0x8' });
  });

  it('zombies keep record and status, not memory; orphans go to init, which takes their status', () => {
    const { kernel, machine } = scriptMachine({ system });
    const pids: number[] = [];
    function* grandchild(sys: SystemCalls): Script {
      pids.push(yield* sys.getppid());
      yield* sys.sleep(20);
      pids.push(yield* sys.getppid());
      return 0;
    }
    function* child(sys: SystemCalls): Script {
      must(yield* sys.fork(grandchild));
      yield* sys.sleep(2);
      return 5;
    }
    function* parent(sys: SystemCalls): Script {
      const pid = must(yield* sys.fork(child));
      pids.push(pid);
      yield* sys.sleep(10);
      const zombie = kernel.processes.find((process) => process.pid === pid);
      expect([zombie?.status, zombie?.memory]).toEqual([{ kind: 'exit', code: 5 }, undefined]);
      expect(yield* sys.kill(pid)).toBe(0);
      expect(yield* sys.wait(pid)).toEqual({ pid, status: { kind: 'exit', code: 5 } });
      expect(yield* sys.kill(pid)).toBe('ESRCH');
      expect(yield* sys.kill(1)).toBe('EPERM');
      yield* sys.sleep(30);
      expect(kernel.processes.map((process) => process.name)).toEqual(['parent']);
      return 0;
    }
    const started = kernel.start(parent);
    expect(kernel.run()).toEqual({ kind: 'done' });
    expect(started).toMatchObject({ status: fine });
    expect(pids).toEqual([pids[0], pids[0], 1]);
    expect(kernel.processes).toEqual([]);
    machine.check();
  });

  it('kill ends a process that waits; who waited for it learns why', () => {
    function* sleeper(sys: SystemCalls): Script {
      yield* sys.receive();
      return 0;
    }
    function* script(sys: SystemCalls): Script {
      const pid = must(yield* sys.fork(sleeper));
      yield* sys.yield_();
      must(yield* sys.kill(pid));
      expect(yield* sys.wait()).toEqual({ pid, status: { kind: 'killed', signal: 'SIGKILL', reason: 'killed by process 2' } });
      return 0;
    }
    expect(runScript(script, { system })).toEqual(fine);
  });

  it('a call that the script relies on and that fails ends it with SIGABRT; a mistake in the script goes to whoever runs it', () => {
    const aborts = function* (sys: SystemCalls): Script {
      return must(yield* sys.open('nowhere'));
    };
    expect(runScript(aborts, { system })).toEqual({ kind: 'killed', signal: 'SIGABRT', reason: 'ENOENT' });
    const mistaken = function* (sys: SystemCalls): Script {
      yield* sys.yield_();
      throw new TypeError('mine');
    };
    expect(() => runScript(mistaken, { system })).toThrow('mine');
  });

  it('messages come in order, with the sender the kernel saw; a full queue holds the sender up', () => {
    const { kernel } = scriptMachine({ system });
    const got: string[] = [];
    function* server(sys: SystemCalls): Script {
      yield* sys.sleep(30);
      for (let i = 0; i < 40; i++) {
        const { from, payload } = yield* sys.receive();
        got.push(`${from} ${new TextDecoder().decode(payload)}`);
      }
      return 0;
    }
    function* client(sys: SystemCalls): Script {
      for (let i = 0; i < 40; i++) expect(yield* sys.send(2, `n${i}`)).toBe(0);
      expect(yield* sys.send(2, new Uint8Array(257))).toBe('EMSGSIZE');
      expect(yield* sys.send(77, 'x')).toBe('ESRCH');
      return 0;
    }
    const processes = [kernel.start(server), kernel.start(client)];
    expect(kernel.run()).toEqual({ kind: 'done' });
    expect(processes).toMatchObject([{ status: fine }, { status: fine }]);
    expect(got).toEqual(Array.from({ length: 40 }, (_, i) => `3 n${i}`));
  });

  it('says who waits for what when nobody can go on', () => {
    const { kernel } = scriptMachine({ system });
    kernel.start(function* reader(sys) {
      yield* sys.receive(9);
    });
    expect(kernel.run()).toEqual({ kind: 'waiting', threads: [{ pid: 2, process: 'reader', reason: 'a message from process 9' }] });
  });
});

function execThen(sys: SystemCalls, program: (sys: SystemCalls) => Script): Script {
  return (function* () {
    return must(yield* sys.exec(catExecutable, program));
  })();
}

describe('the schedule', () => {
  const log = (schedule: 'roundRobin' | 'random', seed: number): string[] => {
    const { kernel } = scriptMachine({ schedule, seed });
    const order: string[] = [];
    const counter = (name: string) =>
      function* (sys: SystemCalls): Script {
        const at = yield* anonymous(sys, 4);
        for (let i = 0; i < 8; i++) {
          yield* sys.store(at + i * 2000, i);
          order.push(name);
        }
        return 0;
      };
    for (const name of ['a', 'b', 'c']) kernel.start(counter(name));
    kernel.run();
    return order;
  };

  it('gives each its turn, round and round', () => {
    expect(log('roundRobin', 1).join('')).toBe('abc'.repeat(8));
  });

  it('by seed: the same seed gives the same order, another one another', () => {
    expect(log('random', 5)).toEqual(log('random', 5));
    expect(log('random', 5)).not.toEqual(log('random', 6));
  });
});

describe.each(systemNames)('a lack of memory on %s', (system) => {
  /** Children of every kind, each with some pages; returns what went wrong on the way. */
  function story(options: { readonly frameFailures?: FailurePlan; readonly heapFailures?: FailurePlan }) {
    const failures: string[] = [];
    const { kernel, system: manager } = scriptMachine({ system, frames: 96, ...options });
    const note = <T>(result: T | string): T | undefined => {
      if (typeof result !== 'string') return result as T;
      failures.push(result);
      return undefined;
    };
    function* work(sys: SystemCalls): Script {
      const at = note(yield* sys.mmap({ size: 8 * PAGE_SIZE, protection: RW, sharing: 'private' }));
      for (let page = 0; at !== undefined && page < 8; page++) yield* sys.store(at + page * PAGE_SIZE, page);
      return 0;
    }
    function* shell(sys: SystemCalls): Script {
      const at = note(yield* sys.mmap({ size: 8 * PAGE_SIZE, protection: RW, sharing: 'private' }));
      if (at !== undefined) yield* sys.memset(at, 3, 8 * PAGE_SIZE);
      note(yield* sys.fork(work));
      note(yield* sys.spawn(work, catExecutable));
      note(
        yield* sys.vfork(function* (childSys) {
          note(yield* childSys.exec(odExecutable, work));
          return 1;
        }),
      );
      note(yield* sys.thread(work));
      note(yield* sys.send(2, 'to myself'));
      while (typeof (yield* sys.wait()) !== 'string');
      if (at !== undefined) expect(yield* sys.load(at + 5000)).toBe(0x0303_0303);
      return 0;
    }
    const started = kernel.start(shell);
    if (typeof started === 'string') failures.push(started);
    expect(kernel.run(20_000)).toEqual({ kind: 'done' });
    manager.check();
    return failures;
  }

  it('at any frame or block of the kernel is answered or ends one process, and nothing is lost', () => {
    const counting = { frameFailures: new FailurePlan(), heapFailures: new FailurePlan() };
    expect(story(counting)).toEqual([]);
    let noticed = 0;
    for (let k = 0; k < counting.frameFailures.requests; k += 3) {
      noticed += story({ frameFailures: new FailurePlan(k) }).length;
      checkScriptMachines();
    }
    for (let k = 0; k < counting.heapFailures.requests; k += 3) {
      noticed += story({ heapFailures: new FailurePlan(k) }).length;
      checkScriptMachines();
    }
    expect(noticed).toBeGreaterThan(0);
  });
});
