// Memory calls and accesses, as scripts make them.
import { afterEach, describe, expect, it } from 'vitest';
import { checkScriptMachines, runScript, scriptMachine } from '../../../test/support/script-machine.ts';
import { PAGE_SIZE } from '../../base/index.ts';
import { MemoryDevice } from '../../machine/index.ts';
import { FaultOutcome, PROT_NONE, PROT_READ, PROT_WRITE } from '../../system/index.ts';
import { systemNames } from '../../systems/index.ts';
import { must, type Script, type SystemCalls } from '../index.ts';

afterEach(checkScriptMachines);

const RW = PROT_READ | PROT_WRITE;
const fine = { kind: 'exit', code: 0 };

function* anonymous(sys: SystemCalls, pages: number, protection = RW): Script<number> {
  return must(yield* sys.mmap({ size: pages * PAGE_SIZE, protection, sharing: 'private' }));
}

describe.each(systemNames)('accesses on %s', (system) => {
  it('load what was stored, in 1, 2 and 4 bytes, over a page boundary too', () => {
    function* script(sys: SystemCalls): Script {
      const at = yield* anonymous(sys, 2);
      yield* sys.store(at + PAGE_SIZE - 2, 0x1234_5678);
      expect(yield* sys.load(at + PAGE_SIZE - 2)).toBe(0x1234_5678);
      expect(yield* sys.load(at + PAGE_SIZE, 2)).toBe(0x1234);
      yield* sys.store(at + PAGE_SIZE, 0xabcd, 1);
      expect(yield* sys.read(at + PAGE_SIZE - 2, 4)).toEqual(Uint8Array.of(0x78, 0x56, 0xcd, 0x12));
      expect(yield* sys.load(at)).toBe(0);
      return 0;
    }
    expect(runScript(script, { system })).toEqual(fine);
  });

  it('copy ranges that overlap, both ways, as memmove does', () => {
    function* script(sys: SystemCalls): Script {
      const at = yield* anonymous(sys, 5);
      const bytes = Uint8Array.from({ length: 3 * PAGE_SIZE }, (_, index) => (index * 7) & 0xff);
      for (const [to, from] of [
        [at + 700, at],
        [at, at + 700],
        [at + 5000, at + 100],
      ] as const) {
        yield* sys.write(from, bytes);
        yield* sys.memcpy(to, from, bytes.length - 800);
        expect(yield* sys.read(to, bytes.length - 800)).toEqual(bytes.subarray(0, bytes.length - 800));
      }
      return 0;
    }
    expect(runScript(script, { system })).toEqual(fine);
  });

  it('fill, compare and read strings', () => {
    function* script(sys: SystemCalls): Script {
      const at = yield* anonymous(sys, 4);
      yield* sys.memset(at + 10, 0x155, 2 * PAGE_SIZE);
      expect(yield* sys.load(at + 10 + 2 * PAGE_SIZE - 4)).toBe(0x5555_5555);
      expect(yield* sys.load(at + 8)).toBe(0x5555_0000);
      yield* sys.memset(at + PAGE_SIZE + 10, 0x55, 2 * PAGE_SIZE);
      expect(yield* sys.memcmp(at + 10, at + PAGE_SIZE + 10, 2 * PAGE_SIZE)).toBe(0);
      yield* sys.store(at + PAGE_SIZE + 500, 0x57, 1);
      expect(yield* sys.memcmp(at + 10, at + PAGE_SIZE + 10, 2 * PAGE_SIZE)).toBe(-2);
      expect(yield* sys.writeString(at + 5, 'größer')).toBe(9);
      expect(yield* sys.readString(at + 5)).toBe('größer');
      return 0;
    }
    expect(runScript(script, { system })).toEqual(fine);
  });

  it.each([
    ['null', 0, 'SIGSEGV', 'read at 0x0'],
    ['an address between areas', 0x50_0000, 'SIGSEGV', 'read at 0x500000'],
    ['an address beyond the space', 0xffff_fffe, 'SIGSEGV', 'read at 0xfffffffe'],
    ['no address', -4, 'SIGSEGV', 'read at 0x-4'],
  ] as const)('of %s end the process', (_what, address, signal, reason) => {
    const program = function* (sys: SystemCalls): Script {
      return yield* sys.load(address);
    };
    expect(runScript(program, { system })).toEqual({ kind: 'killed', signal, reason });
  });

  it('against the rights go to the handler, which may mend them; then the access is made again', () => {
    const seen: unknown[] = [];
    function* script(sys: SystemCalls): Script {
      const at = yield* anonymous(sys, 2, PROT_READ);
      yield* sys.onFault(function* (fault, handlerSys) {
        seen.push({ ...fault, address: fault.address - at });
        must(yield* handlerSys.mprotect(at, 2 * PAGE_SIZE, RW));
        return 'retry';
      });
      yield* sys.write(at + 100, new Uint8Array(PAGE_SIZE).fill(9));
      return yield* sys.load(at + PAGE_SIZE, 1);
    }
    expect(runScript(script, { system })).toEqual({ kind: 'exit', code: 9 });
    expect(seen).toEqual([{ outcome: FaultOutcome.protection, address: 100, access: 'write' }]);
  });

  it('that the handler gives up, or that it makes itself, end the process', () => {
    function* givesUp(sys: SystemCalls): Script {
      yield* sys.onFault(function* () {
        yield* sys.yield_();
        return 'die';
      });
      return yield* sys.load(0x44);
    }
    function* faultsItself(sys: SystemCalls): Script {
      yield* sys.onFault(function* (_fault, handlerSys) {
        yield* handlerSys.store(0x88, 1);
        return 'retry';
      });
      return yield* sys.load(0x44);
    }
    expect(runScript(givesUp, { system })).toEqual({ kind: 'killed', signal: 'SIGSEGV', reason: 'read at 0x44' });
    expect(runScript(faultsItself, { system })).toEqual({ kind: 'killed', signal: 'SIGSEGV', reason: 'write at 0x88' });
  });

  it('without memory left end the process, and the next one finds all of it free', () => {
    const { kernel, machine } = scriptMachine({ system, frames: 64, swap: undefined as never });
    const before = machine.frames.freeCount;
    function* hog(sys: SystemCalls): Script {
      const at = yield* anonymous(sys, 2000);
      for (let page = 0; page < 2000; page++) yield* sys.store(at + page * PAGE_SIZE, page);
      return 0;
    }
    const process = kernel.start(hog);
    kernel.run();
    expect(process).toMatchObject({ status: { kind: 'killed', signal: 'SIGKILL', reason: expect.stringMatching(/^out of memory/) } });
    machine.heap.reap();
    expect(machine.frames.freeCount).toBe(before);
  });
});

it('without memory left end a process that allocates lazily instead of the one that needs it (UVM)', () => {
  const { kernel } = scriptMachine({ frames: 96, swap: new MemoryDevice(1) });
  function* lazy(sys: SystemCalls): Script {
    const at = yield* anonymous(sys, 30);
    yield* sys.memset(at, 1, 30 * PAGE_SIZE);
    yield* sys.receive();
    return 0;
  }
  function* eager(sys: SystemCalls): Script {
    yield* sys.sleep(5);
    const at = yield* anonymous(sys, 60);
    yield* sys.memset(at, 2, 60 * PAGE_SIZE);
    return yield* sys.load(at + 59 * PAGE_SIZE, 1);
  }
  const processes = [kernel.start(lazy, undefined, 'lazy'), kernel.start(eager)];
  kernel.run();
  expect(processes).toMatchObject([
    { status: { kind: 'killed', signal: 'SIGKILL', reason: 'out of memory (chosen by the memory manager)' } },
    { status: { kind: 'exit', code: 2 } },
  ]);
});

describe.each(systemNames)('the mmap family on %s', (system) => {
  it('maps, protects and unmaps; what is wrong is answered and changes nothing', () => {
    function* script(sys: SystemCalls): Script {
      const at = yield* anonymous(sys, 3);
      expect(yield* sys.mprotect(at + 1, PAGE_SIZE, RW)).toBe('EINVAL');
      expect(yield* sys.mprotect(at + PAGE_SIZE, PAGE_SIZE, PROT_NONE)).toBe(0);
      expect(yield* sys.munmap(at + 2 * PAGE_SIZE, PAGE_SIZE)).toBe(0);
      expect((yield* sys.maps()).map(({ start, end, protection }) => [start - at, end - at, protection])).toEqual([
        [0, PAGE_SIZE, RW],
        [PAGE_SIZE, 2 * PAGE_SIZE, PROT_NONE],
      ]);
      expect(yield* sys.mmap({ size: 0, protection: RW, sharing: 'private' })).toBe('EINVAL');
      expect(yield* sys.mmap({ size: PAGE_SIZE, protection: RW, sharing: 'private', fd: 3 })).toBe('EBADF');
      return 0;
    }
    expect(runScript(script, { system })).toEqual(fine);
  });

  it('moves the break', () => {
    function* script(sys: SystemCalls): Script {
      const start = must(yield* sys.sbrk(0));
      expect(yield* sys.sbrk(3 * PAGE_SIZE)).toBe(start);
      yield* sys.store(start + 3 * PAGE_SIZE - 4, 77);
      expect(yield* sys.brk(start + PAGE_SIZE)).toBe(start + PAGE_SIZE);
      expect(yield* sys.sbrk(0)).toBe(start + PAGE_SIZE);
      expect(yield* sys.brk(start - PAGE_SIZE)).toBe('EINVAL');
      return yield* sys.load(start + 3 * PAGE_SIZE - 4);
    }
    expect(runScript(script, { system })).toMatchObject({ kind: 'killed', signal: 'SIGSEGV' });
  });

  it('opens files by name, and closes them', () => {
    const { kernel } = scriptMachine({ system });
    const read = (index: number, into: Uint8Array) => {
      into.fill(index + 1);
      return undefined;
    };
    expect(kernel.addFile({ kind: 'file', name: '/etc/motd', pages: 2, read })).toBe(0);
    expect(kernel.addFile({ kind: 'file', name: '/etc/motd', pages: 2, read })).toBe('EEXIST');
    const process = kernel.start(function* (sys): Script {
      expect(yield* sys.open('/etc/nothing')).toBe('ENOENT');
      const fd = must(yield* sys.open('/etc/motd'));
      const at = must(yield* sys.mmap({ size: 2 * PAGE_SIZE, protection: PROT_READ, sharing: 'private', fd }));
      expect(yield* sys.close(fd)).toBe(0);
      expect(yield* sys.close(fd)).toBe('EBADF');
      return yield* sys.load(at + PAGE_SIZE, 1);
    });
    kernel.run();
    expect(process).toMatchObject({ status: { kind: 'exit', code: 2 } });
  });
});
